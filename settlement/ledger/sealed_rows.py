"""What a seal covers, row by row: the two books, and the bytes of each row that are hashed.

The bytes are a JSON array without spaces, UTF-8, as RFC 8785 writes it: the form's name, then the columns in the order below. Text is text,
whole numbers and moments (microseconds since 1970 UTC) are numbers, days are ``"2026-07-31"``, what is empty is ``null``, JSON columns are
the text as stored. A transfer carries what its two accounts are, so that nobody can give an account to somebody else either.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    String,
    Table,
    Text,
    bindparam,
    cast,
    func,
    select,
    type_coerce,
)

from settlement.audit import audit_rows
from settlement.db import Instant, Json
from settlement.ledger import merkle
from settlement.ledger.tables import accounts, transfers

HASH_BYTES, NUMBER_BYTES = 32, 8


def _no_json(value: Any) -> Any:
    """Days as text. Bytes, which SQLite takes in any column, as what no sealed value is: they pass for no text."""
    return [value.hex()] if isinstance(value, bytes) else str(value)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_no_json).encode

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Book:
    """``form``: names the bytes and their version; ``kind``: how findings call a row; ``columns``: what is hashed, the number first."""

    name: str
    form: str
    kind: str
    zh: str
    en: str
    number: Column[int]
    columns: tuple[ColumnElement[Any], ...]
    source: FromClause

    @property
    def names(self) -> list[str]:
        return [str(column.key) for column in self.columns]

    def read(self, conn: Connection, after: int, upto: int, limit: int | None = None) -> list[Values]:
        """The rows with ``after`` < number <= ``upto`` in order, the first ``limit`` of them."""
        within = (self.number > bindparam("after"), self.number <= bindparam("upto"))
        query = select(*self.columns).select_from(self.source).where(*within).order_by(self.number).limit(limit)
        return [tuple(row) for row in conn.execute(query, {"after": after, "upto": upto})]

    def spans(self, conn: Connection, after: int, upto: int) -> Iterator[Leaves]:
        """The leaves of those rows, span by span."""
        while rows := self.read(conn, after, upto, merkle.SPAN):
            yield self.leaves(rows)
            after = rows[-1][0]

    def leaves(self, rows: Sequence[Values]) -> Leaves:
        return Leaves(tuple(row[0] for row in rows), tuple(self.leaf(row) for row in rows))

    def leaf(self, values: Values) -> bytes:
        return merkle.leaf(_json([self.form, *values]).encode())

    def count_above(self, conn: Connection, number: int) -> int:
        return conn.execute(select(func.count()).where(self.number > number)).scalar_one()


@dataclass(frozen=True)
class Leaves:
    """The leaves of one span: of each row its number and its hash."""

    numbers: tuple[int, ...]
    hashes: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        return merkle.root(self.hashes)

    def pack(self) -> bytes:
        """The numbers, 8 bytes each, the highest byte first; then the hashes, 32 bytes each."""
        return struct.pack(f">{len(self.numbers)}q", *self.numbers) + b"".join(self.hashes)

    @classmethod
    def unpack(cls, packed: bytes) -> Leaves:
        """Raises ValueError when it is no such thing."""
        if not isinstance(packed, bytes):  # SQLite takes anything in any column
            raise ValueError("not a span of leaves")
        count, rest = divmod(len(packed), NUMBER_BYTES + HASH_BYTES)
        if rest:
            raise ValueError("not a span of leaves")
        numbers, hashes = packed[: count * NUMBER_BYTES], packed[count * NUMBER_BYTES :]
        cut = (hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES))
        return cls(struct.unpack(f">{count}q", numbers), tuple(cut))


_OF_TRANSFER = (
    "seq id group_id kind debit_account_id debit_code debit_owner debit_unit debit_lot "
    "credit_account_id credit_code credit_owner credit_unit credit_lot amount code reference "
    "occurred_at effective_on recorded_at hold_id reverses_id expires_at"
)
_OF_AUDIT = "id at actor role act subject before after why"
"""Never changed: old seals are checked by them. A new column of a table needs a new form beside the old one."""

_SIDES = {"debit": accounts.alias("debit"), "credit": accounts.alias("credit")}


def _as_stored(table: Table, name: str) -> ColumnElement[Any]:
    """No Python objects are made of moments, days and JSON: the database's own values are what is hashed."""
    side, _, attribute = name.partition("_")
    # What an account is (code, owner, unit, lot); its balance is a sum of transfers, and a freeze is an audit row.
    column = table.c[name] if name in table.c else _SIDES[side].c[attribute]
    if isinstance(column.type, Instant):
        return type_coerce(column, BigInteger).label(name)
    if isinstance(column.type, Date):
        return type_coerce(column, String).label(name)
    if column.type is Json:
        return cast(column, Text).label(name)
    return column.label(name)


def _with_accounts() -> FromClause:
    source: FromClause = transfers
    for side, account in _SIDES.items():
        source = source.outerjoin(account, account.c.id == transfers.c[f"{side}_account_id"])
    return source


TRANSFERS = Book(
    "transfers",
    "songbai-transfer-1",
    "transfer",
    "流水",
    "transfer",
    transfers.c.seq,
    tuple(_as_stored(transfers, name) for name in _OF_TRANSFER.split()),
    _with_accounts(),
)
AUDIT = Book(
    "audit",
    "songbai-audit-1",
    "audit",
    "审计记录",
    "audit row",
    audit_rows.c.id,
    tuple(_as_stored(audit_rows, name) for name in _OF_AUDIT.split()),
    audit_rows,
)
BOOKS = (TRANSFERS, AUDIT)
