"""Seals: what the ledger and the audit trail said, hashed into trees, chained and signed, so that nobody can change a row unseen.

A job makes them after the fact (docs/decisions/0014-seals.md). A seal covers the rows after the last one up to a decided cut
(:mod:`settlement.ledger.horizon`), never more than a million at a time; its statement is a short text that anybody can read, and its digest is
what is printed or published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, insert, select

from settlement.act import Act
from settlement.db import insert_if_absent, reading
from settlement.keys import KeyRing
from settlement.ledger import horizon, merkle
from settlement.ledger.horizon import Horizon
from settlement.ledger.sealed_rows import AUDIT, TRANSFERS, Book
from settlement.ledger.tables import seal_leaves, seals
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date

FORM = "songbai-seal-1"
SPAN_FORM = "songbai-span-1"
MOST_SPANS = 977
"""Of a book in one seal: a million rows, 40 MB of leaves. More rows get more seals."""

BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True)
class Part:
    """What a seal says of one book: the rows with ``after`` < number <= ``upto``, how many there are, the root over them."""

    after: int
    upto: int
    count: int
    root: str

    def __str__(self) -> str:
        return f"after {self.after} upto {self.upto} count {self.count} root {self.root}"


@dataclass(frozen=True)
class Seal:
    number: int
    day: date
    sealed_at: datetime
    transfers: Part
    audit: Part
    previous: str
    key_id: str
    signature: str

    @property
    def statement(self) -> str:
        """What is signed: eight lines, each ended by a line feed."""
        at = self.sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return (
            f"{FORM}\nnumber {self.number}\nday {self.day}\nsealed_at {at}\ntransfers {self.transfers}\naudit {self.audit}\n"
            f"previous {self.previous}\nkey {self.key_id}\n"
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.statement.encode()).hexdigest()

    @property
    def short(self) -> str:
        """The line to print or publish. Who holds it can prove later that this seal, and all before it, are as they were."""
        return f"{FORM}:{self.number}:{self.day}:{self.digest}"

    def part(self, book: Book) -> Part:
        return self.transfers if book is TRANSFERS else self.audit


def span_statement(seal: int, book: Book, span: int, about: Part) -> str:
    """What is signed of each span of leaves, so that the list of leaves cannot be rewritten together with the rows."""
    return f"{SPAN_FORM}\nseal {seal}\nbook {book.name}\nspan {span}\n{about}\n"


def of_row(row: Row[Any]) -> Seal:
    transfers = Part(row.transfers_after, row.transfers_upto, row.transfers_count, row.transfers_root)
    audit = Part(row.audit_after, row.audit_upto, row.audit_count, row.audit_root)
    return Seal(row.number, row.day, row.sealed_at, transfers, audit, row.previous, row.key_id, row.signature)


def newest(conn: Connection) -> Seal | None:
    row = conn.execute(select(seals).order_by(seals.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else of_row(row)


def by_number(conn: Connection, number: int) -> Seal:
    """Raises Refused(NOT_FOUND)."""
    row = conn.execute(select(seals).where(seals.c.number == number)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"seal {number}")
    return of_row(row)


def listed(conn: Connection, last: int) -> list[Seal]:
    """The newest so many, in order."""
    rows = conn.execute(select(seals).order_by(seals.c.number.desc()).limit(last)).all()
    return [of_row(row) for row in reversed(rows)]


# -- making -------------------------------------------------------------------------------------------------------------------
def make(
    engine: Engine,
    ring: KeyRing,
    now: datetime,
    zone: ZoneInfo,
    acting: Callable[[], AbstractContextManager[Act]],
    patience: float = horizon.PATIENCE,
) -> list[Seal]:
    """Seal everything that is decided; the new seals, none when there is nothing new. ``acting`` opens one short transaction for each.

    Rows are read and hashed outside of it: nobody who pays waits for that. On SQLite writers wait while a seal with its leaves is put down, half a
    second for a million rows; on PostgreSQL nobody does. Raises Refused(NO_SEAL_KEY).
    """
    if not ring.seal_keys:
        raise Refused(Reason.NO_SEAL_KEY)
    reached = horizon.reach(engine, now, patience)
    made: list[Seal] = []
    while True:
        with reading(engine) as conn:
            drawn = _draw(conn, ring, reached, now, local_date(now, zone))
        if drawn is None:
            return made
        with acting() as act:
            # Taken: somebody else sealed at the same time; what is left is for the next turn.
            if drawn.write(act):
                made.append(drawn.seal)


@dataclass(frozen=True)
class _Drawn:
    """A seal with the rows of its leaves, not yet written."""

    seal: Seal
    spans: list[dict[str, Any]]

    def write(self, act: Act) -> bool:
        """False, and nothing written, when a seal of this number stands already."""
        s = self.seal
        row: dict[str, Any] = {"number": s.number, "day": s.day, "sealed_at": s.sealed_at, "previous": s.previous}
        row |= {"key_id": s.key_id, "signature": s.signature}
        for name, part in (("transfers", s.transfers), ("audit", s.audit)):
            row |= {f"{name}_{field}": getattr(part, field) for field in ("after", "upto", "count", "root")}
        if act.conn.execute(insert_if_absent(act.conn, seals).returning(seals.c.number), row).one_or_none() is None:
            return False
        act.conn.execute(insert(seal_leaves), self.spans)
        return True


def _draw(conn: Connection, ring: KeyRing, reached: Horizon, now: datetime, day: date) -> _Drawn | None:
    last = newest(conn)
    number, key_id = (1 if last is None else last.number + 1), ring.newest_seal_key
    rows: list[dict[str, Any]] = []
    parts: list[Part] = []
    for book, upto in ((TRANSFERS, reached.transfers), (AUDIT, reached.audit)):
        after = 0 if last is None else last.part(book).upto
        spans, part = _hash(conn, book, after, max(after, upto))
        parts.append(part)
        for index, (about, leaves) in enumerate(spans):
            signature = ring.sign_seal(key_id, span_statement(number, book, index, about))
            row: dict[str, Any] = {"seal": number, "book": book.name, "span": index, "signature": signature}
            rows.append(row | {"after": about.after, "upto": about.upto, "root": about.root, "leaves": leaves})
    if not rows:
        return None
    previous = BEFORE_THE_FIRST if last is None else last.digest
    unsigned = Seal(number, day, now, parts[0], parts[1], previous, key_id, "")
    return _Drawn(replace(unsigned, signature=ring.sign_seal(key_id, unsigned.statement)), rows)


def _hash(conn: Connection, book: Book, after: int, upto: int) -> tuple[list[tuple[Part, bytes]], Part]:
    """The spans of a book with their packed leaves, and the whole. Each answers for the numbers after the one before, gaps included."""
    spans: list[tuple[Part, bytes]] = []
    roots: list[bytes] = []
    begins = after
    for leaves in islice(book.spans(conn, after, upto), MOST_SPANS):
        roots.append(leaves.root)
        ends = leaves.numbers[-1]
        spans.append((Part(begins, ends, len(leaves.numbers), roots[-1].hex()), leaves.pack()))
        begins = ends
    if spans and len(spans) < MOST_SPANS:
        about, packed = spans[-1]
        spans[-1] = (replace(about, upto=upto), packed)
    elif spans:
        upto = begins
    return spans, Part(after, upto, sum(about.count for about, _ in spans), merkle.root(roots).hex())
