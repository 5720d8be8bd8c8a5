"""A visit from check-in to check-out. Every check runs, in one fixed order, before anything is written.

What is declined is answered, not raised: at the door the signed event is kept as evidence with its reason (``door``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from settlement.act import Act
from settlement.cards.tables import media
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.tables import seniors
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.policy.tariff import Price, prices_in_force
from settlement.visits import admission, rules, voiding
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, Line, PricedLine, Visit
from settlement.visits.places import from_home
from settlement.visits.tables import visit_lines, visits, work_orders
from settlement.visits.words import METHODS, OUT_REASONS, TAKE_BACK_REASONS, VISIT_STATUS, unlisted


def check_in(act: Act, request: CheckIn) -> Visit | Declined:
    """Begin a visit. The order of checks is that of :func:`admission.admit`; the first that fails decides the answer.

    The same request again answers the visit as it stands. Raises Refused(ID_REUSED) for other content under the same id.
    """
    facts = admission.gather(act, request)
    if isinstance(facts, Declined):
        return facts
    require(act, "visit.record", provider_id=facts.who.provider_id)
    known = _visit_row(act, request.visit_id)
    if known is not None:
        if not _same_check_in(known, request):
            raise Refused(Reason.ID_REUSED)
        return visit_of(known)
    refusal = admission.admit(act, request, facts)
    if refusal is not None:
        return refusal
    who, place = facts.who, request.place
    row: dict[str, Any] = {
        "id": request.visit_id,
        "order_id": request.order_id,
        "senior_id": who.senior_id,
        "card_id": who.card_id,
        "caregiver_id": request.caregiver_id,
        "provider_id": facts.who.provider_id,
        "town": who.town,
        "scheme_code": facts.scheme.code,
        "month": str(facts.month),
        "device_id": request.device_id,
        "check_in_at": request.occurred_at,
        "in_latitude_e7": place and place.latitude_e7,
        "in_longitude_e7": place and place.longitude_e7,
        "in_accuracy_m": place and place.accuracy_m,
        "in_distance_m": from_home(place, who.latitude_e7, who.longitude_e7),
        "in_method": request.method,
        "in_medium_id": request.medium_id,
        "in_boot": request.boot,
        "in_mono_ms": request.mono_ms,
        "received_at": act.now,
        "status": "open",
    }
    act.conn.execute(insert(visits), row)
    facts_kept: dict[str, Any] = {name: row.get(name) for name in Visit.__dataclass_fields__}
    return Visit(**facts_kept)


def _visit_row(act: Act, visit_id: str) -> Row[Any] | None:
    """A visit, locked until the act ends, with its senior's home."""
    return act.conn.execute(_VISIT, {"visit": visit_id}).one_or_none()


_VISIT = (
    select(visits, seniors.c.latitude_e7.label("home_latitude_e7"), seniors.c.longitude_e7.label("home_longitude_e7"))
    .join(seniors, seniors.c.id == visits.c.senior_id)
    .where(visits.c.id == bindparam("visit"))
    .with_for_update(of=visits, key_share=True)
)
_LINES = (
    select(*(visit_lines.c[n] for n in ("item_code", "quantity", "unit_price_fen", "amount_fen", "subsidised")))
    .add_columns(visit_lines.c.device_amount_fen)
    .where(visit_lines.c.visit_id == bindparam("visit"))
    .order_by(visit_lines.c.no)
)


def visit_of(row: Row[Any]) -> Visit:
    return Visit(**{name: row._mapping[name] for name in Visit.__dataclass_fields__})


def _same_check_in(row: Row[Any], request: CheckIn) -> bool:
    asked = (request.order_id, request.caregiver_id, request.device_id, request.medium_id, request.occurred_at)
    stored = (row.order_id, row.caregiver_id, row.device_id, row.in_medium_id, row.check_in_at)
    return stored == asked and (row.in_method, row.in_mono_ms) == (request.method, request.mono_ms)


def check_out(act: Act, request: CheckOut) -> CheckedOut | Declined:
    """End a visit and price what was done. Shorter than the minimum, it is void (too_short) and to be served again; nothing is debited.

    Checks, in this order: visit known; the same again (answered as it stands); open; the caregiver's and the provider's own; clock; not
    older than the scheme allows; not before the check-in; the same device and a scan, or a listed reason; the same senior's card; items on
    the price list in force at check-in.
    """
    row = _visit_row(act, request.visit_id)
    if row is None:
        return declined(Reason.VISIT_UNKNOWN)
    require(act, "visit.record", provider_id=row.provider_id)
    scheme = in_force(act.conn, row.scheme_code, Month.parse(row.month))
    prices = prices_in_force(act.conn, row.scheme_code, row.provider_id, local_date(row.check_in_at, scheme.time_zone))
    if row.status != "open":
        return _already_out(act, row, request, scheme, prices)
    refusal = _may_check_out(act, row, request, scheme) or unsold(request.lines, prices)
    if refusal is not None:
        return refusal
    start = rules.Moment(row.check_in_at, row.device_id, row.in_boot, row.in_mono_ms)
    seconds, source = rules.duration(
        start, rules.Moment(request.occurred_at, request.device_id, request.boot, request.mono_ms)
    )
    if seconds < 0:
        return declined(Reason.OUT_BEFORE_IN)
    return _end(act, row, request, scheme, prices, seconds, source)


def _already_out(
    act: Act, row: Row[Any], request: CheckOut, scheme: Scheme, prices: dict[str, Price]
) -> CheckedOut | Declined:
    lines = lines_of(act, row.id)
    same = (row.out_device_id, row.check_out_at, row.out_mono_ms, row.out_method) == (
        request.device_id,
        request.occurred_at,
        request.mono_ms,
        request.method,
    )
    if not same or [(x.item, x.quantity) for x in lines] != [(x.item, x.quantity) for x in request.lines]:
        words = VISIT_STATUS[row.status]
        return declined(Reason.VISIT_NOT_OPEN, state_zh=words.zh, state_en=words.en)
    again = select(work_orders.c.id).where(work_orders.c.again_for_visit_id == row.id)
    minimum = rules.minimum_seconds(scheme, (prices[x.item] for x in lines if x.item in prices))
    order_id = act.conn.execute(again).scalar_one_or_none()
    return CheckedOut(visit_of(row), lines, sum(x.amount_fen for x in lines), minimum, order_id)


def _may_check_out(act: Act, row: Row[Any], request: CheckOut, scheme: Scheme) -> Declined | None:
    if request.caregiver_id != row.caregiver_id:
        return declined(Reason.OTHER_CAREGIVER)
    scanned = request.medium_id is not None or request.senior_id is not None
    refusal = (
        (admission.method_refused(scheme, request.method) if scanned else unlisted(request.method, METHODS))
        or admission.device_refused(act, request.device_id, row.caregiver_id, row.provider_id)
        or admission.clock_refused(act, scheme, request.occurred_at, released=request.released)
    )
    if refusal is not None:
        return refusal
    if request.occurred_at < row.check_in_at - rules.clock_tolerance(scheme):
        return declined(Reason.OUT_BEFORE_IN)
    if (request.device_id != row.device_id or not scanned) and request.reason not in OUT_REASONS:
        return declined(Reason.OUT_REASON_MISSING, known="、".join(OUT_REASONS))
    card_id = None
    if request.medium_id is not None and request.medium_id == row.in_medium_id:
        card_id = row.card_id
    elif request.medium_id is not None:
        card_id = act.conn.execute(select(media.c.card_id).where(media.c.id == request.medium_id)).scalar_one_or_none()
    if (request.medium_id is not None and card_id != row.card_id) or request.senior_id not in (None, row.senior_id):
        return declined(Reason.OTHER_CARD)
    return None


def unsold(lines: Iterable[Line], prices: dict[str, Price]) -> Declined | None:
    """Why these lines cannot be sold by a list: not on it, none at all, no quantity."""
    asked = list(lines)
    unsold = [line.item[:40] for line in asked if line.item not in prices]
    if unsold or not asked:
        return declined(Reason.ITEM_NOT_SOLD, items="、".join(unsold) or "—")
    if any(line.quantity <= 0 for line in asked):
        return declined(Reason.BAD_INPUT, detail="quantity")
    return None


def _end(
    act: Act,
    row: Row[Any],
    request: CheckOut,
    scheme: Scheme,
    prices: dict[str, Price],
    seconds: int,
    source: str,
) -> CheckedOut:
    lines = tuple(_priced(line, prices[line.item]) for line in request.lines)
    minimum = rules.minimum_seconds(scheme, (prices[line.item] for line in request.lines))
    act.conn.execute(insert(visit_lines), list(line_rows(row.id, request.lines, prices)))
    place = request.place
    change = {
        "status": "served",
        "check_out_at": request.occurred_at,
        "out_device_id": request.device_id,
        "seconds": seconds,
        "duration_source": source,
        "out_latitude_e7": place and place.latitude_e7,
        "out_longitude_e7": place and place.longitude_e7,
        "out_accuracy_m": place and place.accuracy_m,
        "out_distance_m": from_home(place, row.home_latitude_e7, row.home_longitude_e7),
        "out_method": request.method,
        "out_scanned": request.medium_id is not None or request.senior_id is not None,
        "out_reason": request.reason,
        "out_boot": request.boot,
        "out_mono_ms": request.mono_ms,
        "completed_at": act.now,
    }
    act.conn.execute(update(visits).where(visits.c.id == row.id).values(change))
    if row.order_id is not None:
        act.conn.execute(
            update(work_orders).where(work_orders.c.id == row.order_id).values(status="done", status_reason=None)
        )
    again_order_id = None
    if seconds < minimum and scheme.visits.void.substandard:
        again_order_id = voiding.mark(act, row, "too_short", by="system", scheme=scheme)
        change |= {"status": "void", "void_reason": "too_short"}
    facts: dict[str, Any] = {name: change.get(name, getattr(row, name)) for name in Visit.__dataclass_fields__}
    return CheckedOut(Visit(**facts), lines, sum(line.amount_fen for line in lines), minimum, again_order_id)


def _priced(line: Line, price: Price) -> PricedLine:
    amount = line.quantity * price.price_fen
    differs = line.amount_fen if line.amount_fen not in (None, amount) else None
    return PricedLine(line.item, line.quantity, price.price_fen, amount, price.subsidised, differs)


def line_rows(visit_id: str, lines: Iterable[Line], prices: dict[str, Price]) -> Iterable[dict[str, Any]]:
    """Rows of ``visit_lines``, priced by us."""
    for no, line in enumerate(lines, 1):
        priced = _priced(line, prices[line.item])
        yield {
            "visit_id": visit_id,
            "no": no,
            "item_code": line.item,
            "quantity": line.quantity,
            "price_list_id": prices[line.item].list_id,
            "unit_price_fen": priced.unit_price_fen,
            "amount_fen": priced.amount_fen,
            "subsidised": priced.subsidised,
            "device_amount_fen": priced.device_amount_fen,
        }


def lines_of(act: Act, visit_id: str) -> tuple[PricedLine, ...]:
    return tuple(PricedLine(*row) for row in act.conn.execute(_LINES, {"visit": visit_id}))


def cancel(act: Act, visit_id: str, reason: str) -> Visit | Declined:
    """Take back a check-in (a mistake, another person's card): the visit is void, its order may be served. The same again changes nothing.

    ``reason``: of ``words.TAKE_BACK_REASONS``. Only while it is open; later the visit is voided.
    """
    refusal = unlisted(reason, TAKE_BACK_REASONS)
    if refusal is not None:
        return refusal
    row = _visit_row(act, visit_id)
    if row is None:
        return declined(Reason.VISIT_UNKNOWN)
    require(act, "visit.record", provider_id=row.provider_id)
    if row.status == "void" and row.void_reason == "cancelled":
        return visit_of(row)
    if row.status != "open":
        words = VISIT_STATUS[row.status]
        return declined(Reason.VISIT_NOT_OPEN, state_zh=words.zh, state_en=words.en)
    voiding.mark(act, row, "cancelled", by=act.actor.id, why=reason)
    return visit_of(act.conn.execute(select(visits).where(visits.c.id == visit_id)).one())
