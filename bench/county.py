"""A district of any size in a minute: a few hundred people are founded by the offices' own calls, and their rows are then copied set-based.

Every row hangs together as the calls left it (person, categories, assessment, enrolment, entitlement, card, medium, both accounts), so that
``songbai verify`` finds nothing. What the copies lack: the steps of their enrolment, their audit rows, and identity numbers, telephones
and addresses of their own (the same ciphertexts; the keyed index is a number, so that nobody is found by it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    String,
    Table,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    type_coerce,
)

from bench import rig
from settlement.cards.tables import cards, media
from settlement.demo import founding
from settlement.demo.county import County
from settlement.demo.founding import World
from settlement.ledger.tables import accounts
from settlement.people.tables import assessments, categories, enrolments, entitlements, seniors

FOUNDED = 500
"""So many people go through the offices; the others are their copies."""

CARD_NUMBERS = 8_813_000_000_000_000
"""Printed numbers of the copies: this plus the card's id."""


@dataclass(frozen=True)
class District:
    """``world``: scheme, keys, providers with contracts and prices, towns. ``seniors``: each with an active card, entitled from 2026-07."""

    world: World
    seniors: int


def found(engine: Engine, seniors: int, seed: int = 1) -> District:
    """Found a district in an empty, migrated database. Numbers have no gaps where ``seniors`` is a multiple of FOUNDED."""
    with TemporaryDirectory(prefix="songbai-county-") as folder:
        world = _found_by_the_offices(engine, Path(folder), min(seniors, FOUNDED), seed)
    if seniors > FOUNDED:
        with engine.begin() as conn:
            _Copier(conn, seniors).copy()
    rig.settle(engine)
    return District(world, seniors)


def _found_by_the_offices(engine: Engine, folder: Path, wanted: int, seed: int) -> World:
    world = founding.open_district(engine, folder, folder / "keys.json", 2 * wanted, seed)
    # Those who are not entitled yet have no card.
    people = [person for person in world.county.people if person.applies][:wanted]
    world.county = County(world.county.villages, tuple(people))
    founding.contract_providers(world)
    founding.enrol_everybody(world)
    return world


class _Copier:
    """Writes copies k = 1, 2, … of every row. Those of one row follow each other, so that a town's cards and accounts lie together, as they do where
    cards are issued town by town."""

    def __init__(self, conn: Connection, wanted: int) -> None:
        self.conn = conn
        self.tables = (seniors, categories, assessments, enrolments, entitlements, accounts, cards, media)
        self.highest = {
            table.name: int(conn.execute(select(func.max(table.c.id))).scalar_one()) for table in self.tables
        }
        self.founded = self.highest["seniors"]
        self.times = -(-(wanted - self.founded) // self.founded)
        count = select(literal(1).label("k")).cte("copies", recursive=True)
        self.copies = count.union_all(select(count.c.k + 1).where(count.c.k < self.times))
        self.wanted = wanted

    def moved(self, column: ColumnElement[Any], table: Table) -> ColumnElement[Any]:
        return self.highest[table.name] + (column - 1) * self.times + self.copies.c.k

    def copy(self) -> None:
        if self.conn.dialect.name == "postgresql":
            # The keys fit by construction; checking each would take longer than writing.
            self.conn.execute(text("SET LOCAL session_replication_role = replica"))
        s, c = seniors.c, cards.c
        index = "copy" + cast(self.moved(s.id, seniors), String)
        self._rows(seniors, s.id, {"id_no_index": index, "phone_index": literal(None, String)})
        for table in (categories, assessments, enrolments, entitlements):
            senior = table.c.senior_id
            self._rows(table, senior, {"senior_id": self.moved(senior, seniors)})
        purses = accounts.join(
            cards, or_(c.subsidy_account_id == accounts.c.id, c.personal_account_id == accounts.c.id)
        )
        self._rows(accounts, c.senior_id, {"owner": "card:" + cast(self.moved(c.id, cards), String)}, purses)
        purse_ids = {
            f"{purse}_account_id": self.moved(c[f"{purse}_account_id"], accounts) for purse in ("subsidy", "personal")
        }
        self._rows(cards, c.senior_id, {"senior_id": self.moved(c.senior_id, seniors)} | purse_ids)
        card_id = self.moved(media.c.card_id, cards)
        number = cast(type_coerce(literal(CARD_NUMBERS), BigInteger) + card_id, String)
        own = {"card_id": card_id, "card_no": number, "token_id": "copy" + cast(card_id, String)}
        self._rows(media, c.senior_id, own, media.join(cards, c.id == media.c.card_id))
        self._number_on()

    def _rows(
        self, table: Table, senior_id: ColumnElement[int], changed: Mapping[str, ColumnElement[Any]], source: Any = None
    ) -> None:
        changed = {"id": self.moved(table.c.id, table), **changed}
        columns = [changed.get(column.name, column).label(column.name) for column in table.c]
        query = select(*columns).select_from(table if source is None else source).join(self.copies, literal(1) == 1)
        everybody = self.copies.c.k * self.founded + senior_id <= self.wanted
        query = query.where(everybody).order_by(table.c.id, self.copies.c.k)
        names = [column.name for column in table.c]
        self.conn.execute(insert(table).from_select(names, query, include_defaults=False))

    def _number_on(self) -> None:
        """What is written next gets the next number."""
        if self.conn.dialect.name == "postgresql":
            for table in self.tables:
                sequence = func.pg_get_serial_sequence(table.name, "id")
                self.conn.execute(select(func.setval(sequence, select(func.max(table.c.id)).scalar_subquery())))
