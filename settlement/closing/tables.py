"""Tables of closing."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from settlement.db import Instant, Json, RowId, metadata

_STANDING = text("withdrawn_at IS NULL")

month_closes = Table(
    "month_closes",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("scheme_version", String(20), nullable=False),
    Column(
        "stage",
        String(20),
        nullable=False,
        comment="the last stage that is done: collected, checked, drawn, verified, confirmed, closed",
    ),
    Column("cut_at", Instant, nullable=False, comment="when it collected; what it collected stands on the visits"),
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
    # No foreign keys: a close takes all three from the rows it has just locked, none of them is ever deleted, and ``verify`` looks for
    # lines without them. Three key checks for each line took as long as the whole of the rest of drawing up.
    Column("visit_id", String(40), primary_key=True, comment="a visit is paid on one statement, once"),
    Column("statement_id", String(80), nullable=False),
    Column("debit_id", String(64), nullable=False, unique=True),
    Column("service_month", String(7), nullable=False, comment="differs from the statement's for a late visit"),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("personal_fen", BigInteger, nullable=False),
    # A statement's lines in their order, page by page, without sorting them.
    Index("ix_statement_lines_statement", "statement_id", "visit_id"),
)

# What stayed out of a month's statements, and why: rule or payment stop.
exclusions = Table(
    "statement_exclusions",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True, comment="the close that left it out"),
    Column("visit_id", String(40), ForeignKey("visits.id"), primary_key=True),
    Column(
        "reason",
        String(80),
        primary_key=True,
        comment="void, no_debit, no_check_out, below_minimum, payment_stop:{source} ...",
    ),
    Column(
        "subsidy_fen", BigInteger, nullable=False, comment="what its posted debit would have brought, 0 without one"
    ),
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
    # A void gives the senior's own money back too; that part is netted in the month's personal settlement, never split.
    Column("personal_fen", BigInteger, nullable=False, default=0),
    Column(
        "source_id", String(80), ForeignKey("settlements.id"), comment="carried: the settlement whose receivable it is"
    ),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
    Column("withdrawn_by", String(80), comment="proposed and not approved: taken back or turned down"),
    Column("withdrawn_at", Instant),
    CheckConstraint("amount_fen <> 0 OR personal_fen <> 0", name="not_zero"),
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
    Column(
        "stage", String(20), nullable=False, comment="gathered | shared | approved | posted | ordered | exported | paid"
    ),
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
    Column("digest", String(64), nullable=False, comment="SHA-256 of the settlements and shares behind the total"),
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
    Column("payer_name", String(120)),
    Column("payer_account", String(40), comment="the dedicated account it is paid from"),
    Column("payee", String(80), nullable=False, comment="e.g. provider:3, town:仙女镇"),
    Column("payee_name", String(120)),
    Column("payee_account", String(40)),
    Column("payee_bank", String(120)),
    Column("amount_fen", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, comment="drafted | exported | paid | returned | reissued"),
    Column("batch_id", String(80)),
    Column("attempt", Integer, nullable=False, default=1),
    Column(
        "replaces_id", String(80), ForeignKey("payment_orders.id"), unique=True, comment="the returned order it repeats"
    ),
    Column("bank_reference", String(80)),
    Column("return_reason", Text),
    Column("status_at", Instant, nullable=False),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    # A town's account may still be missing when the order is drawn up; it cannot leave the house without.
    CheckConstraint(
        "status = 'drafted' OR (payer_account IS NOT NULL AND payee_account IS NOT NULL)", name="accounts_known"
    ),
    CheckConstraint("status IN ('drafted','exported','paid','returned','reissued')", name="status"),
    Index("ix_payment_orders_period", "period", "kind"),
    Index("ix_payment_orders_settlement", "settlement_id"),
)

# Where the payers keep their dedicated accounts; an order copies what stands here when it is drawn up.
payer_accounts = Table(
    "payer_accounts",
    metadata,
    Column("payer", String(80), primary_key=True, comment="district, town:仙女镇, card_operator"),
    Column("name", String(120), nullable=False),
    Column("account", String(40), nullable=False),
    Column("bank", String(120), nullable=False),
    Column("set_by", String(80), nullable=False),
    Column("set_at", Instant, nullable=False),
)

# A corrected account for a returned order: proposed by one person, re-issued by another.
order_corrections = Table(
    "order_corrections",
    metadata,
    Column("order_id", String(80), ForeignKey("payment_orders.id"), primary_key=True),
    Column("payee_name", String(120)),
    Column("payee_account", String(40), nullable=False),
    Column("payee_bank", String(120), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
)

# The personal part of each month, paid from the card operator's trust; never split.
personal_settlements = Table(
    "personal_settlements",
    metadata,
    Column("provider_id", RowId, ForeignKey("providers.id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("scheme_code", String(40), primary_key=True),
    Column("personal_fen", BigInteger, nullable=False, comment="of the month's statements"),
    Column(
        "voided_fen",
        BigInteger,
        nullable=False,
        comment="given back by voids that these statements carry; not above zero",
    ),
    Column("carried_fen", BigInteger, nullable=False, comment="what the month before left below zero"),
    Column("amount_fen", BigInteger, nullable=False, comment="below zero: no order, carried into the next month"),
    Column("order_id", String(80), ForeignKey("payment_orders.id")),
    CheckConstraint("amount_fen = personal_fen + voided_fen + carried_fen", name="amount"),
    CheckConstraint("voided_fen <= 0 AND carried_fen <= 0", name="not_above_zero"),
)

bank_batches = Table(
    "bank_batches",
    metadata,
    Column("id", String(80), primary_key=True, comment="scheme-period-number"),
    Column("scheme_code", String(40), nullable=False),
    Column("period", String(7), nullable=False),
    Column("layout", String(40), nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the bank file"),
    Column("orders", Integer, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("exported_by", String(80), nullable=False),
    Column("exported_at", Instant, nullable=False),
    Index("ix_bank_batches_period", "scheme_code", "period"),
)

# Result files of the bank that were taken in: the same file again changes nothing.
bank_results = Table(
    "bank_results",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("layout", String(40), nullable=False),
    Column("paid", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    Column("confirmed_by", String(80), nullable=False),
    Column("confirmed_at", Instant, nullable=False),
)

# What a provider billed for an order. One that was registered wrongly is withdrawn and stays on record.
invoices = Table(
    "invoices",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order_id", String(80), ForeignKey("payment_orders.id"), nullable=False),
    Column("number", String(30), nullable=False, comment="as printed; old paper ones as code-number"),
    Column("issued_on", Date, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("registered_by", String(80), nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("withdrawn_by", String(80)),
    Column("withdrawn_at", Instant),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    Index("ix_invoices_order", "order_id"),
    Index("uq_invoices_standing", "number", unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING),
)

# A payer's own share, put onto the account that pays: recorded by one person, counted once another has confirmed it.
share_payments = Table(
    "share_payments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("quarter", String(7), nullable=False),
    Column("payer", String(80), nullable=False, comment="e.g. town:仙女镇"),
    Column("amount_fen", BigInteger, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("reference", String(80), nullable=False, comment="the bank's or the treasury's voucher"),
    Column("recorded_by", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("confirmed_by", String(80)),
    Column("confirmed_at", Instant),
    Column("withdrawn_by", String(80)),
    Column("withdrawn_at", Instant),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    Index("ix_share_payments_quarter", "scheme_code", "quarter", "payer"),
)

# Asked by an office and answered by the provider, or the other way round; closed by the side that asked.
statement_questions = Table(
    "statement_questions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("statement_id", String(80), ForeignKey("statements.id"), nullable=False),
    Column("visit_id", String(40), ForeignKey("visits.id"), comment="empty: about the statement as a whole"),
    Column("words", Text, nullable=False),
    Column("asked_by", String(80), nullable=False),
    Column("asked_role", String(40), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("answer", Text),
    Column("answered_by", String(80)),
    Column("answered_at", Instant),
    Column("closed_by", String(80)),
    Column("closed_at", Instant),
    Index("ix_statement_questions_statement", "statement_id"),
)
