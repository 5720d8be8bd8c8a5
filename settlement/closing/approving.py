"""Signatures under a quarter: every town for its own, then district civil affairs, then district finance; never the same person twice.

Each signs the total they saw. What was signed is kept as a digest of the settlements and shares behind the total, so that any change,
even one that leaves the total alone, makes the signature void.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing.tables import quarter_approvals, quarter_closes, settlement_shares, settlements
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import Quarter

STEPS = {
    "town": "quarter.approve_town",
    "civil_affairs": "quarter.approve_civil_affairs",
    "finance": "quarter.approve_finance",
}


def towns(conn: Connection, scheme_code: str, quarter: Quarter) -> list[str]:
    s = settlements.c
    query = select(s.town).where(s.scheme_code == scheme_code, s.quarter == str(quarter)).distinct()
    return sorted(conn.execute(query).scalars())


def content(conn: Connection, scheme_code: str, quarter: Quarter, town: str = "") -> tuple[int, str]:
    """The total (net, fen) and the digest of what a town, or the district for ``""``, is asked to sign."""
    s, h = settlements.c, settlement_shares.c
    query = (
        select(s.id, s.gross_fen, s.adjustments_fen, s.net_fen, h.payer, h.position, h.amount_fen)
        .outerjoin(settlement_shares, h.settlement_id == s.id)
        .where(s.scheme_code == scheme_code, s.quarter == str(quarter))
    )
    if town:
        query = query.where(s.town == town)
    rows = sorted(conn.execute(query), key=lambda row: (row.id, row.position or 0))
    total = sum({row.id: row.net_fen for row in rows}.values())
    lines = "\n".join("|".join(str(value) for value in row) for row in rows)
    return total, sha256(lines.encode()).hexdigest()


def due(conn: Connection, scheme_code: str, quarter: Quarter) -> tuple[str, ...]:
    """Whose signature is next: every town that has not signed what stands now, else ``civil_affairs``, else ``finance``; empty at the end."""
    given = _given(conn, scheme_code, quarter)
    missing = [
        town for town in towns(conn, scheme_code, quarter) if not _stands(conn, given.get(("town", town)), quarter)
    ]
    if missing:
        return tuple(f"town:{town}" for town in missing)
    for step in ("civil_affairs", "finance"):
        if not _stands(conn, given.get((step, "")), quarter):
            return (step,)
    return ()


def needed(conn: Connection, scheme_code: str, quarter: Quarter) -> bool:
    """Whether anybody has to sign: not where nothing is settled, nor where a quarter drawn up anew is exactly what was signed."""
    return bool(towns(conn, scheme_code, quarter) and due(conn, scheme_code, quarter))


def _given(conn: Connection, scheme_code: str, quarter: Quarter) -> dict[tuple[str, str], Row[Any]]:
    """The signatures but for those of the person who drew up what stands now (anew, after signing): maker is not checker."""
    a, q = quarter_approvals.c, quarter_closes.c
    drawer = select(q.started_by).where(q.scheme_code == scheme_code, q.quarter == str(quarter)).scalar_subquery()
    query = select(quarter_approvals).where(
        a.scheme_code == scheme_code, a.quarter == str(quarter), a.officer != drawer
    )
    return {(row.step, row.town): row for row in conn.execute(query)}


def _stands(conn: Connection, signature: Any, quarter: Quarter) -> bool:
    return (
        signature is not None and content(conn, signature.scheme_code, quarter, signature.town)[1] == signature.digest
    )


def approve(act: Act, scheme_code: str, quarter: Quarter, step: str, total_fen: int, town: str = "") -> str:
    """Sign ``total_fen`` for a step (``town`` with its town, ``civil_affairs``, ``finance``); returns the stage then reached.

    Signed already by the same person: no change. Raises Refused(OUT_OF_TURN), Refused(TOTAL_CHANGED) when another total stands,
    Refused(SAME_PERSON) for who drew it up or signed another step or town.
    """
    if step not in STEPS or (step == "town") != bool(town):
        raise Refused(Reason.BAD_INPUT, detail=f"{step} {town}")
    officers.require(act, STEPS[step], town=town or None)
    q = quarter_closes.c
    of_quarter = (q.scheme_code == scheme_code, q.quarter == str(quarter))
    close = act.conn.execute(select(quarter_closes).where(*of_quarter).with_for_update()).one_or_none()
    if close is None or close.stage == "gathered":
        raise Refused(Reason.OUT_OF_TURN, who="system")
    given = _given(act.conn, scheme_code, quarter)
    mine = given.get((step, town))
    if mine is not None and mine.officer == act.actor.id and _stands(act.conn, mine, quarter):
        return str(close.stage)
    _require_turn(act, scheme_code, quarter, close.stage, step, town)
    makers = [row.officer for key, row in given.items() if key != (step, town)]
    officers.require_other(act, close.started_by, *makers)
    total, digest = content(act.conn, scheme_code, quarter, town)
    if total != total_fen:
        raise Refused(Reason.TOTAL_CHANGED, total=format_yuan(total))
    key = {"scheme_code": scheme_code, "quarter": str(quarter), "step": step, "town": town}
    signature = {"officer": act.actor.id, "at": act.now, "total_fen": total, "digest": digest}
    a = quarter_approvals
    act.conn.execute(delete(a).where(*(a.c[name] == value for name, value in key.items())))
    act.conn.execute(insert(a), key | signature)
    act.audit(f"quarter.approve_{step}", f"quarter:{scheme_code}/{quarter}/{town}", after={"total_fen": total})
    if due(act.conn, scheme_code, quarter):
        return str(close.stage)
    act.conn.execute(update(quarter_closes).where(*of_quarter).values(stage="approved"))
    return "approved"


def _require_turn(act: Act, scheme_code: str, quarter: Quarter, stage: str, step: str, town: str) -> None:
    next_ones = due(act.conn, scheme_code, quarter) if stage in ("shared", "approved") else ()
    if not next_ones:
        raise Refused(Reason.WRONG_STATE, state=stage, event=f"approve {step}")
    asked = f"town:{town}" if town else step
    if asked in next_ones:
        return
    if town and town not in towns(act.conn, scheme_code, quarter):
        raise Refused(Reason.NOT_FOUND, what=f"{quarter} {town}")
    raise Refused(Reason.OUT_OF_TURN, who=", ".join(next_ones))


def require_all(act: Act, scheme_code: str, quarter: Quarter) -> None:
    """Raises Refused(TOTAL_CHANGED) when something was changed after it was signed."""
    missing = due(act.conn, scheme_code, quarter)
    if missing:
        total, _ = content(act.conn, scheme_code, quarter, missing[0].partition(":")[2])
        raise Refused(Reason.TOTAL_CHANGED, total=format_yuan(total), who=", ".join(missing))
