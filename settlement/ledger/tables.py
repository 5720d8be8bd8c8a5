"""Tables of the ledger."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from settlement.db import Instant, RowId, metadata

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
)

transfers = Table(
    "ledger_transfers",
    metadata,
    # The order of writing; gaps are normal, and it is no commit order.
    Column("seq", RowId, primary_key=True),
    Column("id", String(100), nullable=False, unique=True, comment="supplied by the caller: the idempotency key"),
    Column("group_id", String(100), nullable=False, comment="the business act; its transfers are all written or none"),
    Column("kind", String(12), nullable=False, comment="posted | hold | post_hold | void_hold | expire_hold"),
    Column("debit_account_id", RowId, ForeignKey("ledger_accounts.id"), nullable=False),
    Column("credit_account_id", RowId, ForeignKey("ledger_accounts.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("code", String(40), nullable=False, comment="the kind of act: issue, debit_subsidy, void ..."),
    Column("reference", String(120), nullable=False, comment="the document behind it, e.g. debit:..."),
    Column("occurred_at", Instant, nullable=False),
    Column("effective_on", Date, nullable=False, comment="later of the occurrence and the first open day"),
    Column("recorded_at", Instant, nullable=False),
    Column(
        "hold_id",
        String(100),
        ForeignKey("ledger_transfers.id"),
        comment="the hold that a post, void or expiry resolves",
    ),
    Column(
        "reverses_id",
        String(100),
        ForeignKey("ledger_transfers.id"),
        comment="the transfer that this contra takes back",
    ),
    Column("expires_at", Instant, comment="holds only"),
    UniqueConstraint("hold_id"),
    UniqueConstraint("reverses_id"),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    CheckConstraint("kind IN ('posted','hold','post_hold','void_hold','expire_hold')", name="kind"),
    CheckConstraint("(kind IN ('post_hold','void_hold','expire_hold')) = (hold_id IS NOT NULL)", name="hold_named"),
    Index("ix_ledger_transfers_debit", "debit_account_id", "effective_on"),
    Index("ix_ledger_transfers_credit", "credit_account_id", "effective_on"),
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
