"""Correcting a visit's times: a record of its own, proposed by one person and approved by another, inside the scheme's window.

What the devices told is never changed. An approved correction says what counts instead: the duration, and with it whether the visit is served
or void. A visit on a statement is corrected no more (``closing.adjusting`` books differences).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require, require_other
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.policy.tariff import Price, prices_in_force
from settlement.visits import rules, service, voiding, waiting
from settlement.visits.forms import Line
from settlement.visits.tables import visit_corrections, visit_lines, visits, work_orders
from settlement.visits.words import CORRECTION_REASONS, VOID_REASONS

MENDABLE = ("too_short", "no_check_out")
"""What a visit may be void for and yet be corrected: both say something about its times."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What shall count instead of what was told: the beginning, the end, or both. ``reason``: of ``words.CORRECTION_REASONS``; ``note``: what
    it rests on (nothing personal). ``lines``: what was done, of a visit that was never checked out."""

    visit_id: str
    reason: str
    note: str
    check_in_at: datetime | None = None
    check_out_at: datetime | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Corrected:
    """How the visit stands by an approved correction. ``again_order_id``: the order to serve again, where it is void now."""

    correction_id: int
    visit_id: str
    status: str
    seconds: int
    again_order_id: str | None


def propose(act: Act, asked: Proposal) -> int:
    """Propose a correction; its number. The same again by the same person answers the same.

    Raises Refused: BAD_INPUT (reason, note, lines), VISIT_UNKNOWN, NOT_ALLOWED, VISIT_ON_STATEMENT, VISIT_VOID (for a reason that times do
    not mend, or that an office decided), CORRECTION_LATE, CORRECTION_ENDS, CORRECTION_TIMES, ITEM_NOT_SOLD, CORRECTION_OPEN.
    """
    visit = voiding.lock(act, asked.visit_id)
    if visit is None:
        raise Refused(Reason.VISIT_UNKNOWN)
    require(act, "visit.correct", town=visit.town, provider_id=visit.provider_id)
    c = visit_corrections.c
    waits = select(visit_corrections).where(c.visit_id == visit.id, c.status == "proposed")
    known = act.conn.execute(waits).one_or_none()
    if known is not None and (known.proposed_by, _asked(known)) == (act.actor.id, asked):
        return int(known.id)
    _reckoned(act, visit, asked)
    if known is not None:
        raise Refused(Reason.CORRECTION_OPEN, id=known.id)
    row = {
        "visit_id": visit.id,
        "reason": asked.reason,
        "note": asked.note.strip(),
        "check_in_at": asked.check_in_at,
        "check_out_at": asked.check_out_at,
        "lines": [{"item": line.item, "quantity": line.quantity} for line in asked.lines] or None,
        "before": _standing(visit),
        "proposed_by": act.actor.id,
        "proposed_at": act.now,
        "status": "proposed",
    }
    id = int(act.conn.execute(insert(visit_corrections).values(row).returning(c.id)).scalar_one())
    after = {"correction": id, "check_in_at": asked.check_in_at, "check_out_at": asked.check_out_at}
    act.audit("visit.correct_propose", f"visit:{visit.id}", after=after, why=asked.reason)
    return id


def approve(act: Act, ring: KeyRing, correction_id: int, note: str = "") -> Corrected:
    """A second person approves: the visit stands by the corrected times, and what waited for its check-out goes on. The same person again:
    no change. Raises Refused as :func:`propose`, and: NOT_FOUND, SAME_PERSON, WRONG_STATE, ORDER_TAKEN (it was served again meanwhile)."""
    visit, row = _locked(act, correction_id, "approve")
    if row.status == "approved":
        return Corrected(correction_id, visit.id, **row.result)
    asked = _asked(row)
    times = _reckoned(act, visit, asked)
    again_order_id = _apply(act, visit, asked, times)
    now = act.conn.execute(select(visits.c.status, visits.c.seconds).where(visits.c.id == visit.id)).one()
    result = {"status": now.status, "seconds": now.seconds, "again_order_id": again_order_id}
    _decide(act, row, "approved", note, result=result)
    act.audit(
        "visit.correct",
        f"visit:{visit.id}",
        before=_standing(visit),
        after=result | {"correction": correction_id},
        why=asked.reason,
    )
    waiting.run(act, ring, visit.id)
    return Corrected(correction_id, visit.id, now.status, now.seconds, again_order_id)


def reject(act: Act, correction_id: int, note: str) -> None:
    """A second person rejects: nothing changes. The same person again: no change. Raises Refused: BAD_INPUT (no note), NOT_FOUND, NOT_ALLOWED,
    SAME_PERSON, WRONG_STATE."""
    if not note.strip():
        raise Refused(Reason.BAD_INPUT, detail="说明 | note")
    visit, row = _locked(act, correction_id, "reject")
    if row.status == "proposed":
        _decide(act, row, "rejected", note)
        act.audit("visit.correct_reject", f"visit:{visit.id}", after={"correction": correction_id}, why=note)


def listed(conn: Connection, *, town: str | None = None, visit_id: str | None = None) -> list[Row[Any]]:
    """What waits for approval, oldest first; with ``visit_id`` every correction of that visit. With the visit's told times beside it."""
    c, v = visit_corrections.c, visits.c
    told = (v.town, v.provider_id, v.check_in_at.label("told_in_at"), v.check_out_at.label("told_out_at"))
    query = select(visit_corrections, *told).join(visits, v.id == c.visit_id).order_by(c.proposed_at, c.id)
    query = query.where(c.status == "proposed") if visit_id is None else query.where(c.visit_id == visit_id)
    return list(conn.execute(query if town is None else query.where(v.town == town)))


def _locked(act: Act, correction_id: int, event: str) -> tuple[Row[Any], Row[Any]]:
    """Visit and correction, locked; the actor may decide about it, and has either not yet or in this way."""
    c = visit_corrections.c
    visit_id = act.conn.execute(select(c.visit_id).where(c.id == correction_id)).scalar_one_or_none()
    if visit_id is None:
        raise Refused(Reason.NOT_FOUND, what=f"correction {correction_id}")
    waiting.take_turn(act, visit_id)
    visit = voiding.lock(act, visit_id)
    row = act.conn.execute(select(visit_corrections).where(c.id == correction_id).with_for_update()).one()
    if visit is None:
        raise Refused(Reason.VISIT_UNKNOWN)
    require(act, "visit.correct_decide", town=visit.town)
    require_other(act, row.proposed_by)
    same = (row.status, row.decided_by) == ({"approve": "approved", "reject": "rejected"}[event], act.actor.id)
    if row.status != "proposed" and not same:
        raise Refused(Reason.WRONG_STATE, state=row.status, event=event)
    return visit, row


def _decide(act: Act, row: Row[Any], status: str, note: str, **more: Any) -> None:
    decided = {"status": status, "decided_by": act.actor.id, "decided_at": act.now, "decision_note": note or None}
    act.conn.execute(update(visit_corrections).where(visit_corrections.c.id == row.id).values(decided | more))


def _asked(row: Row[Any]) -> Proposal:
    lines = tuple(Line(item=each["item"], quantity=each["quantity"]) for each in row.lines or ())
    return Proposal(
        visit_id=row.visit_id,
        reason=row.reason,
        note=row.note,
        check_in_at=row.check_in_at,
        check_out_at=row.check_out_at,
        lines=lines,
    )


def _standing(visit: Row[Any]) -> dict[str, Any]:
    return {"status": visit.status, "void_reason": visit.void_reason, "seconds": visit.seconds}


# -- may it be corrected so? --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Times:
    """``start`` and ``end``: what counts by the correction. ``minimum``: seconds the items ask for. ``prices``: of the check-in's day."""

    scheme: Scheme
    start: datetime
    end: datetime
    minimum: int
    prices: dict[str, Price]

    @property
    def seconds(self) -> int:
        return (self.end - self.start) // timedelta(seconds=1)

    @property
    def too_short(self) -> bool:
        return self.seconds < self.minimum and self.scheme.visits.void.substandard


def _reckoned(act: Act, visit: Row[Any], asked: Proposal) -> _Times:
    """What the correction comes to, checked in one order: reason, visit, window, times, items."""
    reason = CORRECTION_REASONS.get(asked.reason)
    if reason is None or not asked.note.strip():
        raise Refused(Reason.BAD_INPUT, detail=f"{asked.reason[:40]}: {', '.join(CORRECTION_REASONS)}; note")
    # What was void only after its statement was drawn up stays on that, and its debit stands as it was paid.
    if visit.status == "paid" or (visit.status == "void" and voiding.posted_debit(act, visit.id) is not None):
        raise Refused(Reason.VISIT_ON_STATEMENT)
    if visit.status == "served" and visit.seconds is None:
        raise Refused(Reason.CORRECTION_AT_COUNTER)
    if visit.status == "void" and (visit.void_reason not in MENDABLE or _found_short(act, visit)):
        raise Refused(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    days = scheme.door.correction.days
    if act.now - visit.check_in_at > timedelta(days=days):
        raise Refused(Reason.CORRECTION_LATE, days=days)
    given = {name for name, at in (("in", asked.check_in_at), ("out", asked.check_out_at)) if at is not None}
    if not given or not given <= reason.ends:
        raise Refused(Reason.CORRECTION_ENDS, reason_zh=reason.zh, reason_en=reason.en)
    start = asked.check_in_at or visit.corrected_in_at or visit.check_in_at
    end = asked.check_out_at or visit.corrected_out_at or visit.check_out_at
    _require_possible(act, visit, scheme, start, end)
    prices = prices_in_force(
        act.conn, visit.scheme_code, visit.provider_id, local_date(visit.check_in_at, scheme.time_zone)
    )
    done = _items(act, visit, asked, prices)
    minimum = rules.minimum_seconds(scheme, (prices[item] for item in done if item in prices))
    times = _Times(scheme, start, end, minimum, prices)
    if visit.status == "void" and times.too_short:
        raise Refused(Reason.CORRECTION_TIMES, detail=f"{times.seconds} s < {minimum} s")
    return times


def _found_short(act: Act, visit: Row[Any]) -> bool:
    """Whether an office found out that the visit was too short (a complaint was right): not the times told say so, nor a correction of them."""
    if visit.void_reason != "too_short" or visit.void_by == "system" or visit.void_by.startswith("device:"):
        return False
    c = visit_corrections.c
    corrected = (c.visit_id == visit.id, c.status == "approved", c.decided_at == visit.void_at)
    return act.conn.execute(select(c.id).where(*corrected, c.decided_by == visit.void_by)).first() is None


def _require_possible(act: Act, visit: Row[Any], scheme: Scheme, start: datetime, end: datetime | None) -> None:
    """The beginning stays on its day, which decides about month, prices and cap."""
    zone = scheme.time_zone
    wrong = None
    if end is None:
        wrong = "check_out_at"
    elif end <= start:
        wrong = f"{end.astimezone(zone):%H:%M:%S} <= {start.astimezone(zone):%H:%M:%S}"
    elif max(start, end) > act.now:
        wrong = f"{max(start, end).astimezone(zone):%Y-%m-%d %H:%M} > now"
    elif local_date(start, zone) != local_date(visit.check_in_at, zone):
        wrong = f"{local_date(start, zone)}"
    if wrong is not None:
        raise Refused(Reason.CORRECTION_TIMES, detail=wrong)


def _items(act: Act, visit: Row[Any], asked: Proposal, prices: dict[str, Price]) -> list[str]:
    """What was done: as it was told at the check-out; as proposed only where there was none."""
    told = [line.item for line in service.lines_of(act, visit.id)]
    if told and asked.lines:
        raise Refused(Reason.BAD_INPUT, detail="服务项目 | items")
    if told:
        return told
    unsold = service.unsold(asked.lines, prices)
    if unsold is not None:
        raise Refused(unsold.reason, **unsold.details)
    return [line.item for line in asked.lines]


# -- what becomes of the visit ------------------------------------------------------------------------------------------------
def _apply(act: Act, visit: Row[Any], asked: Proposal, times: _Times) -> str | None:
    """Write what counts now; the order to serve again, where the visit is void by it."""
    if asked.lines:
        act.conn.execute(insert(visit_lines), list(service.line_rows(visit.id, asked.lines, times.prices)))
    change: dict[str, Any] = {
        "corrected_in_at": asked.check_in_at or visit.corrected_in_at,
        "corrected_out_at": asked.check_out_at or visit.corrected_out_at,
        "seconds": times.seconds,
        "duration_source": "corrected",
        "completed_at": act.now,
        # A close that collected the visit had checked it with the times told.
        "collected_for": None,
    }
    if visit.status == "void":
        _withdraw_again(act, visit)
        change |= {"void_reason": None, "void_at": None, "void_by": None}
    act.conn.execute(update(visits).where(visits.c.id == visit.id).values(change | {"status": "served"}))
    if visit.order_id is not None:
        done = {"status": "done", "status_reason": None}
        act.conn.execute(update(work_orders).where(work_orders.c.id == visit.order_id).values(done))
    if not times.too_short:
        return None
    voided = voiding.void(act, visit.id, "too_short")
    if isinstance(voided, Declined):
        raise Refused(voided.reason, **voided.details)
    return voided.again_order_id


def _withdraw_again(act: Act, visit: Row[Any]) -> None:
    """The order to serve a void visit again is not needed any more. Raises Refused(ORDER_TAKEN) when somebody has gone for it, or for the
    visit's own order, already."""
    o = work_orders.c
    again = act.conn.execute(
        select(work_orders).where(o.again_for_visit_id == visit.id).with_for_update()
    ).one_or_none()
    own: list[str] = [] if visit.order_id is None else [visit.order_id]
    if _gone_for(act.conn, own if again is None else [*own, again.id]):
        raise Refused(Reason.ORDER_TAKEN)
    if again is not None and again.status == "planned":
        withdrawn = {"status": "cancelled", "status_reason": "duplicate", "status_at": act.now}
        act.conn.execute(update(work_orders).where(o.id == again.id).values(withdrawn))
        act.audit("order.cancelled", f"order:{again.id}", before={"status": "planned"}, after=withdrawn)


def _gone_for(conn: Connection, order_ids: Iterable[str]) -> bool:
    taken = select(func.count()).where(visits.c.order_id.in_(list(order_ids)), visits.c.status != "void")
    return bool(conn.execute(taken).scalar_one())
