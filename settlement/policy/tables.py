"""Stored scheme versions and price lists.

A stored version never changes: what was issued, stated or settled under it is recomputed under it. ``price_lists.provider_id`` is no
foreign key because providers lie above this package; NULL is the scheme's list for every provider without one of its own.
"""

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
    Text,
    UniqueConstraint,
    func,
)

from settlement.db import Instant, RowId, metadata

schemes = Table(
    "schemes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("code", String(40), nullable=False),
    Column("version", String(20), nullable=False),
    Column("hash", String(64), nullable=False, comment="SHA-256 of the canonical text, hexadecimal"),
    Column("text", Text, nullable=False, comment="the TOML file, canonical"),
    Column("valid_from", String(7), nullable=False, comment="first month in force, 2026-07"),
    Column("stored_at", Instant, nullable=False),
    UniqueConstraint("code", "version"),
    UniqueConstraint("code", "valid_from"),
)

price_lists = Table(
    "price_lists",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("provider_id", Integer, comment="NULL: for every provider without a list of its own"),
    Column("version", String(20), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, comment="first day no longer in force; NULL: open"),
    Column("hash", String(64), nullable=False, comment="SHA-256 of the items, hexadecimal"),
    Column("status", String(20), nullable=False, comment="draft, approved"),
    Column("imported_by", String(80), nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
    CheckConstraint("status in ('draft', 'approved')", name="status"),
    CheckConstraint("valid_to is null or valid_to > valid_from", name="period"),
    CheckConstraint("(status = 'approved') = (approved_by is not null)", name="approval"),
    CheckConstraint("approved_by is null or approved_by <> imported_by", name="two_people"),
)
# NULLs are all different to a unique constraint; 0 is no provider's id.
Index(
    "uq_price_lists_version",
    price_lists.c.scheme_code,
    func.coalesce(price_lists.c.provider_id, 0),
    price_lists.c.version,
    unique=True,
)

price_items = Table(
    "price_items",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("list_id", ForeignKey("price_lists.id"), nullable=False),
    Column("item_code", String(40), nullable=False),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False),
    Column("category", String(40), nullable=False, comment="a service category of the scheme"),
    Column("unit_zh", String(20), nullable=False, comment="what one of it is: 小时, 次, 份"),
    Column("price_fen", BigInteger, nullable=False, comment="for one unit"),
    Column("min_minutes", Integer, nullable=False, comment="the item's own minimum; 0: the scheme's alone"),
    Column("subsidised", Boolean, nullable=False, comment="may be paid from the subsidy account"),
    Column("evidence_kind", String(20), nullable=False, comment="home_visit, meal_hatch, day_care"),
    Column("together", Boolean, nullable=False, comment="a senior may have it at the same time as another visit"),
    UniqueConstraint("list_id", "item_code"),
    CheckConstraint("price_fen > 0", name="price"),
    CheckConstraint("min_minutes >= 0", name="minutes"),
)
