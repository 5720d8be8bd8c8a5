"""Batches: what a terminal believes it did, against our journal. Settling moves no money: statements are drawn from visits, not from batches.

What was reversed counts nowhere, on either side: a terminal that got no answer to its purchase does not know whether there was one. A purchase that was
voided counts as a purchase and as a void.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from pos_gateway.iso8583 import journal
from pos_gateway.iso8583.case import Case, Outcome, held
from pos_gateway.iso8583.elements import original
from pos_gateway.iso8583.journal import Key
from pos_gateway.iso8583.spec import PURCHASE, REFUND, SETTLE_AFTER_UPLOAD, VOID
from pos_gateway.iso8583.tables import batches, uploads
from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.outcomes import Declined, Reason, declined

AGREE, DIFFER = "1", "2"
LAST_NUMBER = 999_999
b, u = batches.c, uploads.c


@dataclass(frozen=True)
class Totals:
    """Numbers, and amounts in fen: purchases, those of them voided, refunds."""

    purchases: int = 0
    purchases_fen: int = 0
    voids: int = 0
    voids_fen: int = 0
    refunds: int = 0
    refunds_fen: int = 0

    @property
    def net(self) -> str:
        """Field 97: D, due to the merchant; C, due from it."""
        net = self.purchases_fen - self.voids_fen - self.refunds_fen
        return f"{'C' if net < 0 else 'D'}{abs(net):016d}"


_FIELDS = {"purchases": 76, "purchases_fen": 88, "voids": 77, "voids_fen": 89, "refunds": 74, "refunds_fen": 86}
_ALWAYS_ZERO = (75, 87)
"""Refunds reversed: a refund is repeated until it is answered, never reversed."""


def open_batch(act: Act, terminal_id: str) -> str:
    """The number of the terminal's open batch; a new one where the last is settled."""
    mine = select(b.batch, b.settled_at).where(b.terminal_id == terminal_id)
    newest = act.conn.execute(mine.order_by(b.opened_at.desc(), b.batch.desc()).limit(1)).one_or_none()
    if newest is not None and newest.settled_at is None:
        return str(newest.batch)
    number = 1 if newest is None else int(newest.batch) % LAST_NUMBER + 1
    row = {"terminal_id": terminal_id, "batch": f"{number:06d}", "opened_at": act.now}
    act.conn.execute(insert(batches), row)
    return f"{number:06d}"


def not_open(case: Case) -> Declined | None:
    """Why a request cannot count in the batch it names (field 60)."""
    named = case.message.text(60)
    if named == open_batch(case.act, case.key.terminal_id):
        return None
    return declined(Reason.BATCH_NOT_OPEN, batch=named)


def upload(case: Case) -> Outcome:
    """One transaction as the terminal has it. It is only put down; settling compares."""
    meant = held(90, lambda: original(case.message.text(90)))
    key = held(90, lambda: journal.key_of_original(case.key.terminal_id, meant, case.act.now))
    row: dict[str, Any] = {"terminal_id": key.terminal_id, "batch": case.message.text(60)}
    row |= {"mti": key.mti, "trace": key.trace}
    row |= {"sent_at": key.sent_at, "kind": case.message.text(3), "amount_fen": case.amount()}
    case.act.conn.execute(insert_if_absent(case.act.conn, uploads), row | {"recorded_at": case.act.now})
    return Outcome()


def settle(case: Case) -> Outcome:
    """Compare the totals. Where they agree, or every transaction was uploaded, the batch is settled, once; the same again answers the same.

    Declined: TOTALS_DIFFER (upload, then settle again), BATCH_NOT_OPEN.
    """
    act, named = case.act, case.message.text(60)
    theirs = _told(case)
    row = act.conn.execute(select(batches).where(b.terminal_id == case.key.terminal_id, b.batch == named)).one_or_none()
    if row is not None and row.settled_at is not None and row.theirs == asdict(theirs):
        return Outcome({66: AGREE if row.ours == row.theirs else DIFFER}, "批次已结算")
    refusal = not_open(case)
    if refusal is not None:
        return Outcome(declined=refusal)
    stands = journal.approved(act.conn, case.key.terminal_id, named)
    ours = _sum(stands)
    uploaded = case.message.text(3) == SETTLE_AFTER_UPLOAD
    if ours != theirs and not uploaded:
        return Outcome({66: DIFFER}, declined=declined(Reason.TOTALS_DIFFER, batch=named))
    found = [] if ours == theirs else _differences(case, named, stands)
    change = {"settled_at": act.now, "theirs": asdict(theirs), "ours": asdict(ours), "differences": found}
    act.conn.execute(update(batches).where(b.terminal_id == case.key.terminal_id, b.batch == named).values(change))
    subject = f"terminal:{case.key.terminal_id} {named}"
    act.audit("terminal.settle", subject, after={"net": ours.net, "differences": len(found)})
    return Outcome({66: DIFFER if ours != theirs else AGREE}, "批次结算完成")


def too_late(case: Case, key: Key, batch: str, *, here_fen: int | None, there_fen: int | None) -> None:
    """What came of a message that concerns a batch which is settled: one more difference of it. Nothing where the batch is open."""
    mine = b.terminal_id == key.terminal_id, b.batch == batch
    row = case.act.conn.execute(select(b.differences).where(*mine, b.settled_at.is_not(None))).one_or_none()
    if row is not None:
        found = _difference(key.mti, key.trace, key.sent_at, here_fen, there_fen)
        case.act.conn.execute(update(batches).where(*mine).values(differences=[*row.differences, found]))


def _told(case: Case) -> Totals:
    """Raises Malformed where a figure is none, where refunds were reversed, or where the net is not that of the amounts."""

    def figure(number: int) -> int:
        return held(number, lambda: int(case.message.text(number)))

    theirs = Totals(**{name: figure(number) for name, number in _FIELDS.items()})
    for number in _ALWAYS_ZERO:
        held(number, lambda number=number: _zero(figure(number)))  # type: ignore[misc]
    held(97, lambda: _same(theirs.net, case.message.text(97)))
    return theirs


def _zero(figure: int) -> None:
    if figure:
        raise ValueError(figure)


def _same(net: str, told: str) -> None:
    if told != net and not (int(net[1:]) == 0 and told == "C" + net[1:]):
        raise ValueError(told)


def _sum(stands: Any) -> Totals:
    name_of = {PURCHASE: "purchases", VOID: "voids", REFUND: "refunds"}
    figures: dict[str, int] = {}
    for row in stands:
        name = name_of.get(row.kind)
        if name is not None:
            figures[name] = figures.get(name, 0) + 1
            figures[f"{name}_fen"] = figures.get(f"{name}_fen", 0) + row.amount_fen
    return Totals(**figures)


def _differences(case: Case, batch: str, stands: Any) -> list[dict[str, Any]]:
    """What only one side has (``here``, ``there``), and what both have in another amount."""
    rows = case.act.conn.execute(
        select(uploads).where(u.terminal_id == case.key.terminal_id, u.batch == batch).order_by(u.sent_at, u.trace)
    )
    there = {_name(row): row for row in rows}
    here = {_name(row): row for row in stands if row.kind in (PURCHASE, VOID, REFUND)}
    found = []
    for name in [*here, *(name for name in there if name not in here)]:
        sides = {"here_fen": here.get(name), "there_fen": there.get(name)}
        said = {side: None if row is None else row.amount_fen for side, row in sides.items()}
        if said["here_fen"] != said["there_fen"]:
            found.append(_difference(name[0], name[1], name[2], said["here_fen"], said["there_fen"]))
    return found


def _difference(mti: str, trace: str, sent_at: datetime, here_fen: int | None, there_fen: int | None) -> dict[str, Any]:
    return {
        "mti": mti,
        "trace": trace,
        "sent_at": sent_at.isoformat(),
        "here_fen": here_fen,
        "there_fen": there_fen,
    }


def _name(row: Row[Any]) -> tuple[Any, ...]:
    return row.mti, row.trace, row.sent_at
