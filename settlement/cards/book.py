"""Reading the register of cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from settlement.cards.tables import cards, media
from settlement.ledger import chart
from settlement.ledger.tables import accounts
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors


@dataclass(frozen=True)
class Card:
    """``frozen_from``: spending that occurred at or after it is declined. ``ordered_from``, ``ordered_reason``: the freeze that a death or
    leaving was recorded over. ``town``: the holder's, today."""

    id: int
    senior_id: int
    scheme_code: str
    status: str
    frozen_from: datetime | None
    freeze_reason: str | None
    ordered_from: datetime | None
    ordered_reason: str | None
    subsidy_account_id: int
    personal_account_id: int
    activated_at: datetime | None
    closed_at: datetime | None
    town: str


_COLUMNS = [cards.c[name] for name in Card.__dataclass_fields__ if name != "town"]


def query() -> Select[Any]:
    """Cards with their holder's town; :func:`card_of` reads a row."""
    return select(*_COLUMNS, seniors.c.town).join(seniors, seniors.c.id == cards.c.senior_id)


def card_of(row: Row[Any]) -> Card:
    return Card(**row._mapping)


def get(conn: Connection, card_id: int, *, lock: bool = False) -> Card:
    """A card by id. ``lock``: until the act ends nobody else changes it. Raises Refused(NOT_FOUND)."""
    return _one(conn, cards.c.id == card_id, f"card:{card_id}", lock)


def of_senior(conn: Connection, senior_id: int) -> Card | None:
    """A person's card, a closed one included."""
    row = conn.execute(query().where(cards.c.senior_id == senior_id)).one_or_none()
    return None if row is None else card_of(row)


def by_number(conn: Connection, card_no: str) -> Card:
    """A card by any number it was ever printed under. Raises Refused(NOT_FOUND)."""
    found = select(media.c.card_id).where(media.c.card_no == card_no).scalar_subquery()
    return _one(conn, cards.c.id == found, "card", False)


def live_medium(conn: Connection, card_id: int) -> Row[Any] | None:
    """The medium that counts now, None while the card has none (reported lost, closed)."""
    return conn.execute(select(media).where(media.c.card_id == card_id, media.c.dead_from.is_(None))).one_or_none()


def account_ids(conn: Connection, card_id: int) -> Sequence[int]:
    """Every account of a card in id order: the personal one and all lots of the subsidy."""
    owned = select(accounts.c.id).where(accounts.c.owner == chart.card(card_id)).order_by(accounts.c.id)
    return conn.execute(owned).scalars().all()


def _one(conn: Connection, where: ColumnElement[bool], what: str, lock: bool) -> Card:
    wanted = query().where(where)
    row = conn.execute(wanted.with_for_update(of=cards) if lock else wanted).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=what)
    return card_of(row)
