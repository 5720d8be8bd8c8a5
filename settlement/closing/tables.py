"""Tables of closing."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from settlement.db import Instant, Json, RowId, metadata

month_closes = Table(
    "month_closes",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("scheme_version", String(20), nullable=False),
    Column("stage", String(20), nullable=False, comment="the last stage that is done: collected, checked, drawn, verified, confirmed, closed"),
    Column("cut_at", Instant, nullable=False, comment="evidence recorded before this moment belongs to this close"),
    Column("started_by", String(80), nullable=False),
    Column("closed_at", Instant),
)

statements = Table(
    "statements",
    metadata,
    Column("id", String(80), primary_key=True, comment="scheme-month-provider-town"),
    Column("scheme_code", String(40), nullable=False),
    Column("scheme_version", String(20), nullable=False),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False),
    Column("month", String(7), nullable=False),
    Column("quarter", String(7), nullable=False),
    Column("status", String(16), nullable=False, comment="drawn | verified | confirmed | closed"),
    Column("visits", Integer, nullable=False),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("personal_fen", BigInteger, nullable=False),
    Column("adjustments_fen", BigInteger, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    Column("drawn_by", String(80), nullable=False),
    Column("drawn_at", Instant, nullable=False),
    Column("verified_by", String(80)),
    Column("verified_at", Instant),
    Column("confirmed_by", String(80)),
    Column("confirmed_at", Instant),
    UniqueConstraint("scheme_code", "month", "provider_id", "town"),
    CheckConstraint("net_fen = subsidy_fen + adjustments_fen", name="net"),
    CheckConstraint("status IN ('drawn','verified','confirmed','closed')", name="status"),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    Column("visit_id", String(40), ForeignKey("visits.id"), primary_key=True, comment="a visit is paid on one statement, once"),
    Column("statement_id", String(80), ForeignKey("statements.id"), nullable=False),
    Column("debit_id", String(64), ForeignKey("debits.id"), nullable=False, unique=True),
    Column("service_month", String(7), nullable=False, comment="differs from the statement's for a late visit"),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("personal_fen", BigInteger, nullable=False),
    Index("ix_statement_lines_statement", "statement_id"),
)

# What stayed out of a month's statements, and why: rule or payment stop.
exclusions = Table(
    "statement_exclusions",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True, comment="the close that left it out"),
    Column("visit_id", String(40), ForeignKey("visits.id"), primary_key=True),
    Column("reason", String(60), primary_key=True, comment="void, no_debit, payment_stop, below_minimum ..."),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("detail", Json, nullable=False, comment="signal, rows, threshold, clause"),
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("kind", String(30), nullable=False, comment="void_after_close | penalty | clawback | carried | correction"),
    Column("scheme_code", String(40), nullable=False),
    Column("statement_id", String(80), ForeignKey("statements.id"), comment="empty if it belongs to the quarter"),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False),
    Column("quarter", String(7), comment="the quarter that settles it; empty until one takes it up"),
    Column("origin_month", String(7), nullable=False, comment="the period it comes from: its shares apply"),
    Column("visit_id", String(40), ForeignKey("visits.id")),
    Column("amount_fen", BigInteger, nullable=False, comment="signed: below zero is taken from the provider"),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
    CheckConstraint("amount_fen <> 0", name="not_zero"),
    Index("ix_adjustments_statement", "statement_id"),
    Index("ix_adjustments_open", "quarter", "provider_id", "town"),
)

settlements = Table(
    "settlements",
    metadata,
    Column("id", String(80), primary_key=True, comment="scheme-quarter-provider-town"),
    Column("scheme_code", String(40), nullable=False),
    Column("scheme_version", String(20), nullable=False),
    Column("quarter", String(7), nullable=False),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False),
    Column("gross_fen", BigInteger, nullable=False, comment="sum of its statements' net"),
    Column("adjustments_fen", BigInteger, nullable=False, comment="those of the quarter without a statement"),
    Column("net_fen", BigInteger, nullable=False),
    Column("receivable_fen", BigInteger, nullable=False, comment="what a negative net leaves to be netted later"),
    UniqueConstraint("scheme_code", "quarter", "provider_id", "town"),
    CheckConstraint("net_fen = gross_fen + adjustments_fen", name="net"),
)

settlement_shares = Table(
    "settlement_shares",
    metadata,
    Column("settlement_id", String(80), ForeignKey("settlements.id"), primary_key=True),
    Column("payer", String(40), primary_key=True),
    Column("position", Integer, nullable=False, comment="order of the payers in the scheme"),
    Column("weight", Integer, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
)

quarter_closes = Table(
    "quarter_closes",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("quarter", String(7), primary_key=True),
    Column("stage", String(20), nullable=False, comment="gathered | shared | approved | posted | ordered | exported | paid"),
    Column("started_by", String(80), nullable=False),
    Column("started_at", Instant, nullable=False),
)

quarter_approvals = Table(
    "quarter_approvals",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("quarter", String(7), primary_key=True),
    Column("step", String(40), primary_key=True, comment="town | civil_affairs | finance"),
    Column("town", String(40), primary_key=True, default="", comment="empty for the district's steps"),
    Column("officer", String(80), nullable=False),
    Column("at", Instant, nullable=False),
    Column("total_fen", BigInteger, nullable=False, comment="the net that the officer saw and signed for"),
)

payment_orders = Table(
    "payment_orders",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("period", String(7), nullable=False, comment="quarter; month for the personal part"),
    Column("kind", String(20), nullable=False, comment="provider | transfer | personal"),
    Column("settlement_id", String(80), ForeignKey("settlements.id"), comment="of an order to a provider"),
    Column("town", String(40)),
    Column("payer", String(80), nullable=False, comment="e.g. district, town:仙女镇, card_operator"),
    Column("payee", String(80), nullable=False, comment="e.g. provider:3, town:仙女镇"),
    Column("payee_name", String(120), nullable=False),
    Column("payee_account", String(40), nullable=False),
    Column("payee_bank", String(120), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="drafted | exported | paid | returned | reissued"),
    Column("batch_id", String(80)),
    Column("attempt", Integer, nullable=False, default=1),
    Column("replaces_id", String(80), ForeignKey("payment_orders.id"), comment="the returned order that this one repeats"),
    Column("bank_reference", String(80)),
    Column("return_reason", Text),
    Column("status_at", Instant, nullable=False),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("status IN ('drafted','exported','paid','returned','reissued')", name="status"),
    Index("ix_payment_orders_period", "period", "kind"),
    Index("ix_payment_orders_settlement", "settlement_id"),
)

# The personal part of each month, paid from the card operator's trust; never split.
personal_settlements = Table(
    "personal_settlements",
    metadata,
    Column("provider_id", RowId, ForeignKey("providers.id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("scheme_code", String(40), primary_key=True),
    Column("amount_fen", BigInteger, nullable=False),
    Column("order_id", String(80), ForeignKey("payment_orders.id")),
)

bank_batches = Table(
    "bank_batches",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("layout", String(40), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("orders", Integer, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("exported_by", String(80), nullable=False),
    Column("exported_at", Instant, nullable=False),
    Column("result_sha256", String(64)),
    Column("result_by", String(80)),
    Column("result_at", Instant),
)
