"""What the page says at a glance, read in one transaction: amounts in fen, what was taken, what is still open. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from pos_gateway.card.sessions import Visitor
from settlement.cards import book, inquiry, media
from settlement.cards.book import Card
from settlement.cards.inquiry import Movement
from settlement.keys import KeyRing
from settlement.people import agents
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy.tables import price_items
from settlement.providers.tables import caregivers, providers
from settlement.supervision import complaints
from settlement.supervision.complaints import Complaint
from settlement.visits import bookings, confirming
from settlement.visits.bookings import Booking
from settlement.visits.tables import debits, visit_lines, visits
from settlement.vouchers import outlook
from settlement.vouchers.outlook import Lapsing, Outlook
from settlement.vouchers.tables import issuance_runs

SOON = timedelta(days=45)
"""Money that lapses within this time is said at the top."""

OTHER_MOVEMENTS: Mapping[str, tuple[str, str]] = {
    "issue": ("发放补贴", "subsidy issued"),
    "take_back": ("收回补贴", "subsidy taken back"),
    "lapse": ("补贴到期收回", "subsidy lapsed"),
    "top_up": ("存入自己的钱", "own money paid in"),
    "refund": ("取回自己的钱", "own money paid out"),
}


@dataclass(frozen=True)
class Line:
    """One thing that happened on the card. ``debit_id``: None where nobody served. Amounts in fen: ``subsidy``, ``personal`` and ``cash`` add up to
    what it cost; of other movements they are signed. ``back``: it was taken back and the money is here again. ``unpaid``: its visit is on no statement yet, so
    that payment can still be stopped. ``minutes``: None
    where nothing was measured."""

    at: datetime
    zh: str
    en: str
    debit_id: str | None = None
    provider: str | None = None
    caregiver: str | None = None
    staff_no: str | None = None
    minutes: int | None = None
    items: tuple[tuple[str, str], ...] = ()
    subsidy: int = 0
    personal: int = 0
    cash: int = 0
    back: bool = False
    unpaid: bool = False
    complaint: Complaint | None = None

    @property
    def total(self) -> int:
        return self.subsidy + self.personal + self.cash


@dataclass(frozen=True)
class Glance:
    """``soon``: of what lapses, what lapses before long; ``waiting``: debits that rest on a word which is still to come; ``more``: there are older
    lines."""

    name: str
    card_no: str
    stands: Outlook
    soon: tuple[Lapsing, ...]
    agents: int
    waiting: tuple[Line, ...]
    lines: tuple[Line, ...]
    more: bool
    complaints: tuple[Complaint, ...]
    bookings: tuple[Booking, ...]
    item_names: Mapping[str, str]


def of(conn: Connection, ring: KeyRing, who: Visitor, now: datetime, limit: int) -> Glance:
    """The page of a session, with the last ``limit`` things that happened."""
    card = book.get(conn, who.card_id)
    stands = outlook.of(conn, card, now)
    said = complaints.listing(conn, senior_id=who.senior_id, status=None)
    asked = bookings.listing(conn, senior_id=who.senior_id, status=None)
    about = {one.subject: one for one in said}
    lines = _lines(conn, card, limit + 1, about)
    unanswered = [row.id for row in confirming.waiting(conn, card.id)]
    medium = book.live_medium(conn, card.id)
    return Glance(
        name=conn.execute(select(seniors.c.name).where(seniors.c.id == who.senior_id)).scalar_one(),
        card_no="" if medium is None else media.masked(medium.card_no),
        stands=stands,
        soon=tuple(each for each in stands.lapsing or () if each.until - stands.today < SOON),
        agents=len(agents.of(conn, ring, who.senior_id)),
        waiting=tuple(_served(conn, card.id, about, len(unanswered), debits.c.id.in_(unanswered))),
        lines=tuple(lines[:limit]),
        more=len(lines) > limit,
        complaints=tuple(one for one in reversed(said) if _still_told(one.status == "open", one.decided_at, now)),
        bookings=tuple(one for one in reversed(asked) if _still_told(one.status == "asked", one.answered_at, now)),
        item_names=_names_of(conn, asked),
    )


ISSUANCE = "issuance:"
TOLD_FOR = timedelta(days=60)


def _still_told(open_: bool, ended_at: datetime | None, now: datetime) -> bool:
    return open_ or (ended_at is not None and now - ended_at < TOLD_FOR)


# -- what happened ------------------------------------------------------------------------------------------------------------
def _lines(conn: Connection, card: Card, limit: int, said: Mapping[str, Complaint]) -> list[Line]:
    """Debits from their own table, for what was paid in cash moved no account; everything else from the books. Newest first."""
    lines = _served(conn, card.id, said, limit)
    moves = inquiry.movements(conn, card.id, limit)
    issued = _issued_for(conn, moves)
    for move in moves:
        if not move.reference.startswith("debit:"):
            zh, en = issued.get(move.reference) or OTHER_MOVEMENTS.get(move.code, ("其他变动", "another movement"))
            lines.append(Line(move.occurred_at, zh, en, subsidy=move.subsidy, personal=move.personal))
    return sorted(lines, key=lambda line: line.at, reverse=True)[:limit]


def _issued_for(conn: Connection, moves: Sequence[Movement]) -> Mapping[str, tuple[str, str]]:
    """The words for what an issuance gave, by reference: which month's it is, for two may come on one day."""
    r = issuance_runs.c
    ids = [move.reference.removeprefix(ISSUANCE) for move in moves if move.code == "issue"]
    words = {}
    for run in conn.execute(select(r.id, r.month, r.months).where(r.id.in_(ids))):
        first = Month.parse(run.month)
        last = first.plus(run.months - 1)
        span = str(first.number) if first == last else f"{first.number}月至{last.number}"
        words[ISSUANCE + run.id] = (
            f"发放{span}月补贴",
            f"subsidy of {first}" + ("" if first == last else f" to {last}"),
        )
    return words


def _served(
    conn: Connection, card_id: int, said: Mapping[str, Complaint], limit: int, *which: ColumnElement[bool]
) -> list[Line]:
    """Debits of the card, the newest first."""
    d = debits.c
    query = (
        select(
            *(
                d[name]
                for name in ("id", "visit_id", "occurred_at", "status", "subsidy_fen", "personal_fen", "cash_fen")
            )
        )
        .add_columns(visits.c.seconds, visits.c.check_in_at, visits.c.status.label("visit_status"))
        .add_columns(providers.c.name.label("provider"))
        .add_columns(caregivers.c.name.label("caregiver"), caregivers.c.staff_no)
        .join(visits, visits.c.id == d.visit_id)
        .join(providers, providers.c.id == d.provider_id)
        .outerjoin(caregivers, caregivers.c.id == visits.c.caregiver_id)
        .where(d.card_id == card_id, d.status != "declined", *which)
        .order_by(d.occurred_at.desc(), d.id)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    items = _items(conn, [row.visit_id for row in rows])
    return [_line(row, items.get(row.visit_id, ()), said.get(f"debit:{row.id}")) for row in rows]


def _line(row: Row[Any], items: tuple[tuple[str, str], ...], said: Complaint | None) -> Line:
    return Line(
        at=row.check_in_at,
        zh="、".join(zh for zh, _ in items),
        en=", ".join(en for _, en in items),
        debit_id=row.id,
        provider=row.provider,
        caregiver=row.caregiver,
        staff_no=row.staff_no,
        minutes=None if row.seconds is None else row.seconds // 60,
        items=items,
        subsidy=row.subsidy_fen,
        personal=row.personal_fen,
        cash=row.cash_fen,
        # A debit that is on a statement already stays posted when its visit turns out void: decision 0004.
        back=row.status == "reversed" or row.visit_status == "void",
        unpaid=row.visit_status == "served",
        complaint=said,
    )


def one_line(conn: Connection, who: Visitor, debit_id: str) -> Line | None:
    """One debit of the session's card; None when it is not theirs, or was declined."""
    found = _served(conn, who.card_id, {}, 1, debits.c.id == debit_id)
    return found[0] if found else None


def _items(conn: Connection, visit_ids: Sequence[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
    line, item = visit_lines.c, price_items.c
    named = and_(item.list_id == line.price_list_id, item.item_code == line.item_code)
    query = (
        select(line.visit_id, item.name_zh, item.name_en, line.quantity)
        .join(price_items, named)
        .where(line.visit_id.in_(visit_ids))
        .order_by(line.visit_id, line.no)
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in conn.execute(query):
        times = f" ×{row.quantity}" if row.quantity > 1 else ""
        found[row.visit_id] = (*found.get(row.visit_id, ()), (row.name_zh + times, row.name_en + times))
    return found


def _names_of(conn: Connection, asked: Sequence[Booking]) -> Mapping[str, str]:
    """The words for what was asked for, whatever price list it was in."""
    codes = {code for one in asked for code in one.items}
    query = select(price_items.c.item_code, price_items.c.name_zh).where(price_items.c.item_code.in_(codes))
    return {row.item_code: row.name_zh for row in conn.execute(query.order_by(price_items.c.list_id))}
