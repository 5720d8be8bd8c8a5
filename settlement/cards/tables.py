"""Tables about cards. A card is the holder's relation to two purses; its media are the pieces of plastic (or codes) it was issued on.

A person has one card for good: whoever moves away and comes back gets a new medium on the old card (``lifecycle.TRANSITIONS``).
"""

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
    UniqueConstraint,
    text,
)

from settlement.db import Instant, RowId, metadata

cards = Table(
    "cards",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False, unique=True),
    Column("scheme_code", String(40), nullable=False),
    Column("status", String(16), nullable=False, comment="issued | active | lost | frozen | closed"),
    Column("frozen_from", Instant, comment="spending that occurred at or after it is declined"),
    Column("freeze_reason", String(40), comment="died | left | removed | loss | order"),
    Column(
        "ordered_from",
        Instant,
        comment="frozen by order before a death or leaving was learnt: counts again if that was wrong",
    ),
    Column("ordered_reason", String(40), comment="removed | order"),
    Column(
        "subsidy_account_id",
        RowId,
        ForeignKey("ledger_accounts.id"),
        nullable=False,
        comment="the lot that carries over",
    ),
    Column("personal_account_id", RowId, ForeignKey("ledger_accounts.id"), nullable=False),
    Column("activated_at", Instant, comment="handed over; empty: never usable yet"),
    Column("closed_at", Instant),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("status IN ('issued','active','lost','frozen','closed')", name="status"),
    Index("ix_cards_subsidy_account", "subsidy_account_id"),
    Index("ix_cards_personal_account", "personal_account_id"),
)

media = Table(
    "card_media",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("card_no", String(32), nullable=False, unique=True, comment="printed number of the operator"),
    Column("token_id", String(32), nullable=False, unique=True, comment="random id inside the signed QR token"),
    Column("issue", Integer, nullable=False, comment="counts up with each replacement; an older one is dead"),
    Column("issued_at", Instant, nullable=False),
    Column("dead_from", Instant, comment="lost or replaced: the code no longer counts from then"),
    Column("dead_reason", String(16)),
    UniqueConstraint("card_id", "issue"),
)

# The second static code: it hangs at the person's door and says where a visit began, never who lives there.
door_plates = Table(
    "door_plates",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("token_id", String(32), nullable=False, unique=True, comment="inside the signed QR token"),
    Column(
        "issue",
        Integer,
        nullable=False,
        comment="counts up when a plate is replaced or the person moves; an older one is dead",
    ),
    Column("issued_at", Instant, nullable=False),
    Column("dead_from", Instant),
    UniqueConstraint("senior_id", "issue"),
)

# Per card and calendar year: what may be spent from subsidy (the sum of the year's monthly entitlements) and what was, by check-in date.
card_years = Table(
    "card_years",
    metadata,
    Column("card_id", RowId, ForeignKey("cards.id"), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("entitled", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False, default=0),
    CheckConstraint("entitled >= 0 AND spent >= 0", name="not_negative"),
)

top_ups = Table(
    "card_top_ups",
    metadata,
    Column("id", String(64), primary_key=True, comment="the operator's transaction number"),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("kind", String(16), nullable=False, comment="top_up | refund"),
    Column("amount_fen", BigInteger, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("operator_day", Date, comment="the day of the operator's file it was found in; empty until reconciled"),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("kind IN ('top_up','refund')", name="kind"),
    Index("ix_card_top_ups_occurred", "occurred_at"),
    Index("ix_card_top_ups_card", "card_id"),
)

operator_files = Table(
    "card_operator_files",
    metadata,
    Column("day", Date, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("differences", Integer, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

_LIVE = text("dead_from IS NULL")

# A PIN belongs to the card, whichever medium it is on; an older one is kept, for what it confirmed may reach us later.
card_pins = Table(
    "card_pins",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("hash", String(200), nullable=False, comment="Argon2id over a keyed digest: of no use without the key ring"),
    Column("set_at", Instant, nullable=False),
    Column("set_by", String(80), nullable=False),
    Column("dead_from", Instant, comment="another one was set"),
    Column("wrong", Integer, nullable=False, default=0, comment="wrong tries since the last right one"),
    CheckConstraint("wrong >= 0", name="wrong_not_negative"),
    Index("ix_card_pins_card", "card_id", "set_at"),
    Index("uq_card_pins_live", "card_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
)

# One row per code that a holder had made: 30 seconds, one use.
dynamic_codes = Table(
    "card_dynamic_codes",
    metadata,
    Column("id", String(32), primary_key=True, comment="random; inside the signed code of the QR"),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("medium_id", RowId, ForeignKey("card_media.id"), nullable=False, comment="that counted when it was made"),
    Column("purpose", String(8), nullable=False, comment="visit | debit"),
    Column("amount_fen", BigInteger, comment="of a debit, in all"),
    Column("digits_index", String(32), nullable=False, comment="keyed digest of the eight digits"),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("wrong", Integer, nullable=False, default=0, comment="wrong digits tried against it"),
    Column("used_for", String(64), comment="the event or message it counted for"),
    Column("used_at", Instant, comment="when we learnt of it"),
    CheckConstraint("purpose IN ('visit','debit')", name="purpose"),
    CheckConstraint("(purpose = 'debit') = (amount_fen IS NOT NULL)", name="debit_has_amount"),
    CheckConstraint("(used_for IS NULL) = (used_at IS NULL)", name="used_whole"),
    Index("ix_card_dynamic_codes_card", "card_id", "expires_at"),
)

# Counters that a chip's answers carried: each counts once.
chip_uses = Table(
    "card_chip_uses",
    metadata,
    Column("medium_id", RowId, ForeignKey("card_media.id"), primary_key=True),
    Column("counter", Integer, primary_key=True, autoincrement=False),
    Column("used_at", Instant, nullable=False),
)
