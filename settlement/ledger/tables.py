"""Tables of the ledger."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from settlement.db import Instant, RowId, metadata


def _once(name: str) -> Index:
    named = text(f"{name} IS NOT NULL")
    return Index(f"uq_ledger_transfers_{name}", name, unique=True, postgresql_where=named, sqlite_where=named)


accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("code", String(40), nullable=False, comment="place in the chart of accounts"),
    Column("owner", String(120), nullable=False, comment="opaque to the ledger, e.g. card:12 or provider:3/town"),
    Column("unit", String(16), nullable=False, comment="fen, minutes, visits, meals"),
    Column("lot", String(10), nullable=False, default="", comment="expiry date of a lot, empty when it carries over"),
    # A guarded account keeps its balance on the row and never goes below zero; a shared one is folded from its transfers.
    Column("guarded", Boolean, nullable=False),
    Column("balance", BigInteger, nullable=False, default=0, comment="guarded only: credits less debits, posted"),
    Column("held", BigInteger, nullable=False, default=0, comment="guarded only: pending debits"),
    Column("frozen_from", Instant, comment="declines spending that occurred at or after it"),
    Column("opened_at", Instant, nullable=False),
    UniqueConstraint("code", "owner", "unit", "lot"),
    CheckConstraint("balance >= held AND held >= 0", name="never_below_zero"),
    CheckConstraint("guarded OR (balance = 0 AND held = 0)", name="shared_is_folded"),
    Index("ix_ledger_accounts_owner", "owner"),
    # Room on each page for the new version of a balance, so that no index is touched when it moves.
    postgresql_with={"fillfactor": 70},
)

transfers = Table(
    "ledger_transfers",
    metadata,
    # The order of writing; gaps are normal, and it is no commit order.
    Column("seq", RowId, primary_key=True),
    Column("id", String(100), nullable=False, unique=True, comment="supplied by the caller: the idempotency key"),
    Column("group_id", String(100), nullable=False, comment="the business act; its transfers are all written or none"),
    Column("kind", String(12), nullable=False, comment="posted | hold | post_hold | void_hold | expire_hold"),
    # No foreign keys: the sole writer has both accounts in its hands, none is ever deleted, and ``verify`` looks for strays.
    # A key check for each row would cost as much as the row (docs/decisions/0013-posting.md).
    Column("debit_account_id", RowId, nullable=False),
    Column("credit_account_id", RowId, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("code", String(40), nullable=False, comment="the kind of act: issue, debit_subsidy, void ..."),
    Column("reference", String(120), nullable=False, comment="the document behind it, e.g. debit:..."),
    Column("occurred_at", Instant, nullable=False),
    Column("effective_on", Date, nullable=False, comment="later of the occurrence and the first open day"),
    Column("recorded_at", Instant, nullable=False),
    Column("hold_id", String(100), comment="the hold that a post, void or expiry resolves"),
    Column("reverses_id", String(100), comment="the transfer that this contra takes back"),
    Column("expires_at", Instant, comment="holds only"),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    CheckConstraint("kind IN ('posted','hold','post_hold','void_hold','expire_hold')", name="kind"),
    CheckConstraint("(kind IN ('post_hold','void_hold','expire_hold')) = (hold_id IS NOT NULL)", name="hold_named"),
    # Each hold is resolved once, each transfer taken back once; the rows that do neither cost these indexes nothing.
    _once("hold_id"),
    _once("reverses_id"),
    # By number: an account's last movements, and what came after the last fold.
    Index("ix_ledger_transfers_debit", "debit_account_id", "seq"),
    Index("ix_ledger_transfers_credit", "credit_account_id", "seq"),
    Index("ix_ledger_transfers_group", "group_id"),
    Index("ix_ledger_transfers_reference", "reference"),
)

books = Table(
    "ledger_books",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("open_from", Date, nullable=False, comment="the first open day: nothing is posted before it"),
    CheckConstraint("id = 1", name="one_row"),
)

cuts = Table(
    "ledger_cuts",
    metadata,
    # Up to where the books are decided: see settlement/ledger/horizon.py.
    Column("id", RowId, primary_key=True),
    Column("taken_at", Instant, nullable=False),
    Column("transfers_upto", BigInteger, nullable=False, comment="the highest ledger_transfers.seq then visible"),
    Column("audit_upto", BigInteger, nullable=False, comment="the highest audit_rows.id then visible"),
    Column("server", String(40), nullable=False, comment="whose transactions these are; empty on SQLite"),
    Column(
        "next_transaction", BigInteger, nullable=False, comment="no transaction that could still write below is newer"
    ),
)

folds = Table(
    "ledger_folds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column(
        "upto",
        BigInteger,
        nullable=False,
        comment="ledger_transfers.seq up to which ledger_day_totals holds every transfer",
    ),
    CheckConstraint("id = 1", name="one_row"),
)

day_totals = Table(
    "ledger_day_totals",
    metadata,
    # Of shared accounts only: a card's purse has its balance on its row and some hundred transfers in its life.
    Column("account_id", RowId, nullable=False),
    Column("day", Date, nullable=False, comment="effective_on"),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("first_recorded_at", Instant, nullable=False),
    Column("last_recorded_at", Instant, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "day"),
)

month_totals = Table(
    "ledger_month_totals",
    metadata,
    # The sums of the days, so that a balance after twenty years adds up months.
    Column("account_id", RowId, nullable=False),
    Column("month", String(7), nullable=False, comment="of effective_on"),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "month"),
)

seals = Table(
    "ledger_seals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gaps"),
    Column("day", Date, nullable=False, comment="the day it was made, in the district's time zone"),
    Column("sealed_at", Instant, nullable=False),
    # Rows with after < number <= upto.
    Column("transfers_after", BigInteger, nullable=False),
    Column("transfers_upto", BigInteger, nullable=False),
    Column("transfers_count", BigInteger, nullable=False),
    Column("transfers_root", String(64), nullable=False, comment="SHA-256, hexadecimal"),
    Column("audit_after", BigInteger, nullable=False),
    Column("audit_upto", BigInteger, nullable=False),
    Column("audit_count", BigInteger, nullable=False),
    Column("audit_root", String(64), nullable=False),
    Column("previous", String(64), nullable=False, comment="SHA-256 of the seal before; zeros before the first"),
    Column("key_id", String(40), nullable=False),
    Column("signature", String(120), nullable=False, comment="Ed25519 over the statement of the seal, base64"),
)

seal_leaves = Table(
    "ledger_seal_leaves",
    metadata,
    # What names the row when a root does not fit, and proves one in no time: 40 bytes for each sealed row, in spans of 1,024.
    Column("seal", Integer, nullable=False),
    Column("book", String(10), nullable=False, comment="transfers | audit"),
    Column("span", Integer, nullable=False, comment="0, 1, 2 …"),
    # Rows with after < number <= upto.
    Column("after", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("root", String(64), nullable=False, comment="of this span's leaves: a node of the seal's tree"),
    Column(
        "leaves", LargeBinary, nullable=False, comment="the numbers, 8 bytes each, then the leaf hashes, 32 bytes each"
    ),
    Column("signature", String(120), nullable=False, comment="Ed25519 over the statement of the span, base64"),
    PrimaryKeyConstraint("seal", "book", "span"),
)
