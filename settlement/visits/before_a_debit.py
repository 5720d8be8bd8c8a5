"""What a debit is judged by, in two statements: who and what it is about, locked; then, as it stands under these locks, the rest.

Locks are taken in the order of docs/decisions/0020-debit-over-http.md: device, visit, card; the card's year; its purses by id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Row,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    union_all,
)

from settlement.act import Act
from settlement.cards.tables import card_years, cards, media
from settlement.ledger import chart
from settlement.ledger.tables import accounts
from settlement.policy.store import hash_in_force
from settlement.prepared import Prepared
from settlement.providers.tables import caregivers, devices
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import debits, visit_lines, visits
from settlement.vouchers import cap
from settlement.vouchers.purses import Lot, in_order

_ABOUT = [
    *(visits.c[name] for name in ("id", "card_id", "senior_id", "provider_id", "caregiver_id", "town")),
    *(visits.c[name] for name in ("scheme_code", "month", "check_in_at", "check_out_at", "status", "void_reason")),
    *(cards.c[name] for name in ("frozen_from", "closed_at", "activated_at")),
    media.c.id.label("read_id"),
    media.c.card_id.label("read_card_id"),
    media.c.dead_from,
    media.c.dead_reason,
    hash_in_force(visits.c.scheme_code, visits.c.month).label("scheme_hash"),
]
_VISIT = Prepared(
    select(*_ABOUT)
    .join(cards, cards.c.id == visits.c.card_id)
    .outerjoin(media, media.c.id == bindparam("medium", type_=BigInteger))
    .where(visits.c.id == bindparam("visit"))
    .with_for_update(of=[visits, cards], key_share=True)
)

_read_card = cards.alias("read_card")
_EVENT = Prepared(
    select(
        *_ABOUT, _read_card.c.closed_at.label("read_closed_at"), _read_card.c.activated_at.label("read_activated_at")
    )
    .add_columns(devices.c.last_counter, devices.c.last_hash, devices.c.revoked_at, caregivers.c.id.label("staff_id"))
    .select_from(
        devices.join(visits, visits.c.id == bindparam("visit"))
        .join(cards, cards.c.id == visits.c.card_id)
        .outerjoin(
            caregivers,
            and_(caregivers.c.provider_id == devices.c.provider_id, caregivers.c.staff_no == bindparam("staff_no")),
        )
        .outerjoin(media, and_(media.c.token_id == bindparam("token"), media.c.issue == bindparam("issue")))
        .outerjoin(_read_card, _read_card.c.id == media.c.card_id)
    )
    .where(devices.c.id == bindparam("device"), visits.c.status != literal_column("'open'"))
    .with_for_update(of=[devices, visits, cards], key_share=True)
)


def visit(act: Act, visit_id: str, medium_id: int | None) -> Any:
    """The visit with its card and the medium that was read (its id); visit and card stay locked until the act ends."""
    return _VISIT.one_or_none(act.conn, {"visit": visit_id, "medium": medium_id})


def of_event(act: Act, event: SignedEvent, visit_id: str, token: tuple[str, int] | None) -> Any:
    """As :func:`visit`, with the head of the device's chain, locked too, the caregiver, and the medium by what its code says.

    None where the visit is not known or still open: then it may be that the event has to wait, which is found out step by step.
    """
    token_id, issue = token or (None, None)
    asked = {
        "device": event.device_id,
        "staff_no": event.caregiver,
        "visit": visit_id,
        "token": token_id,
        "issue": issue,
    }
    return _EVENT.one_or_none(act.conn, asked)


@dataclass
class Standing:
    """``total_fen`` and ``subsidised_fen``: of the visit's lines. ``before``: ids of the debit of this id and of the one that stands for the
    visit. ``year_left``: below the yearly cap, None where none applies. ``claims``: the provider's accounts, by code, as far as they are open."""

    total_fen: int = 0
    subsidised_fen: int = 0
    before: list[str] = field(default_factory=list)
    year_left: int | None = None
    lots: list[Lot] = field(default_factory=list)
    personal: Lot | None = None
    claims: dict[str, int] = field(default_factory=dict)


def standing(act: Act, visit: Row[Any], debit_id: str, day: date, *, capped: bool) -> Standing:
    """What stands about a locked visit; the card's year and its purses stay locked until the act ends. ``day``: local, of the check-in."""
    asked = {"debit": debit_id, "visit": visit.id, "card": visit.card_id, "year": day.year, "capped": capped}
    asked |= {"holder": chart.card(visit.card_id), "provider": chart.provider(visit.provider_id)}
    asked["provider_in_town"] = chart.provider_in_town(visit.provider_id, visit.town)
    rows, found = _STANDING.all(act.conn, asked), Standing()
    if capped and not any(row.kind == "year" for row in rows):  # it is to be opened, and locked, before the purses
        found.year_left = cap.room(act, visit.card_id, day.year)
        rows = _STANDING.all(act.conn, asked | {"capped": False})
    for kind, id, name, lot, first, second in rows:
        if kind == "lines":
            found.total_fen, found.subsidised_fen = first, second
        elif kind == "before":
            found.before.append(name)
        elif kind == "year":
            found.year_left = cap.Year(first, second).left
        elif kind == "claim":
            found.claims[name] = id
        elif name == chart.CARD_PERSONAL:
            found.personal = Lot(id, first, lot)
        else:
            found.lots.append(Lot(id, first, lot))
    found.lots = in_order(found.lots, day)
    return found


def _standing() -> Any:
    a, line, d = accounts.c, visit_lines.c, debits.c
    capped = bindparam("capped", type_=Boolean)
    year = (
        select(card_years.c.entitled, card_years.c.spent)
        .where(card_years.c.card_id == bindparam("card"), card_years.c.year == bindparam("year"), capped)
        .with_for_update()
        .cte("year")
    )
    # The purses after the year: without its row none is locked.
    purses = (
        select(a.id, a.code, a.lot, (a.balance - a.held).label("available"))
        .where(a.owner == bindparam("holder"), a.guarded, or_(not_(capped), exists(select(year.c.spent))))
        .order_by(a.id)
        .with_for_update()
        .cte("purses")
    )
    zero, nothing, blank = literal_column("0", BigInteger), null().label("id"), literal_column("''", String)

    def total(amount: Any) -> Any:
        return cast(func.coalesce(func.sum(amount), 0), BigInteger)  # PostgreSQL's sum is numeric

    subsidised = total(case((line.subsidised, line.amount_fen), else_=0))
    claim = or_(
        and_(a.code == chart.PROVIDER_CLAIM, a.owner == bindparam("provider_in_town")),
        and_(a.code == chart.PROVIDER_CLAIM_PERSONAL, a.owner == bindparam("provider")),
    )
    stands = or_(d.id == bindparam("debit"), and_(d.visit_id == bindparam("visit"), d.status == "posted"))

    def part(kind: str) -> Any:
        return literal_column(f"'{kind}'", String).label("kind")

    return union_all(
        select(part("purse"), purses.c.id, purses.c.code, purses.c.lot, purses.c.available, zero.label("more")),
        select(part("year"), nothing, blank, blank, year.c.entitled, year.c.spent),
        select(part("lines"), nothing, blank, blank, total(line.amount_fen), subsidised).where(
            line.visit_id == bindparam("visit")
        ),
        select(part("before"), nothing, d.id, blank, zero, zero).where(stands),
        select(part("claim"), a.id, a.code, blank, zero, zero).where(claim, a.unit == "fen", a.lot == ""),
    )


_STANDING = Prepared(_standing())
