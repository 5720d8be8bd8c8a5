"""Tables about providers, their staff and devices."""

from __future__ import annotations

from sqlalchemy import (
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

from settlement.db import Instant, RowId, metadata

providers = Table(
    "providers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("code", String(18), nullable=False, unique=True, comment="unified social credit code"),
    Column("name", String(120), nullable=False),
    Column("bank_name", String(120), nullable=False),
    Column("bank_account", String(40), nullable=False),
    Column("phone", String(20), comment="of its service office: whom a caregiver at a door calls"),
    Column("created_at", Instant, nullable=False),
)

bans = Table(
    "provider_bans",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("ground", String(40), nullable=False, comment="code of the scheme's closed list"),
    Column("from_day", Date, nullable=False),
    Column("until_day", Date, nullable=False, comment="first day it may return"),
    Column("decided_by", String(80), nullable=False),
    Column("reason", Text, nullable=False),
)

contracts = Table(
    "contracts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False),
    Column("town", String(40), nullable=False),
    Column("from_day", Date, nullable=False),
    Column("until_day", Date, nullable=False, comment="first day after it"),
    UniqueConstraint("provider_id", "scheme_code", "town", "from_day"),
    Index("ix_contracts_town", "town"),
)

# What the district's tender decided: who won which towns. A contract is proposed for a town that was won.
tenders = Table(
    "tenders",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("number", String(60), nullable=False, comment="of the published award notice"),
    Column("title", String(200), nullable=False),
    Column("awarded_on", Date, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("scheme_code", "number"),
)

tender_awards = Table(
    "tender_awards",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tender_id", RowId, ForeignKey("tenders.id"), nullable=False),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False),
    Column("awarded_by", String(80), nullable=False),
    UniqueConstraint("tender_id", "provider_id", "town"),
)

# A contract as one person drew it up, until another approves: only then does a row of contracts stand.
contract_proposals = Table(
    "contract_proposals",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("award_id", RowId, ForeignKey("tender_awards.id"), nullable=False),
    Column("from_day", Date, nullable=False),
    Column("until_day", Date, nullable=False, comment="first day after it"),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="proposed | approved | rejected"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decided_why", Text, comment="why it was rejected"),
    Column("contract_id", RowId, ForeignKey("contracts.id"), comment="what came of it"),
    CheckConstraint("status IN ('proposed','approved','rejected')", name="status"),
    CheckConstraint("(status = 'proposed') = (decided_by IS NULL)", name="decided"),
    CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_people"),
    CheckConstraint("(status = 'approved') = (contract_id IS NOT NULL)", name="contracted"),
    # One at a time waits for a town that was won.
    Index(
        "uq_contract_proposals_waiting",
        "award_id",
        unique=True,
        sqlite_where=text("status = 'proposed'"),
        postgresql_where=text("status = 'proposed'"),
    ),
)

caregivers = Table(
    "caregivers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("staff_no", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("phone_cipher", Text),
    Column("phone_index", String(32), comment="the same person, should several providers employ them"),
    Column("trained_on", Date, comment="passed the training; without it no work (notice: failed training, no duty)"),
    Column("certificate_until", Date, comment="first day the certificate no longer holds"),
    Column("from_day", Date, nullable=False),
    Column("until_day", Date, comment="first day no longer employed"),
    UniqueConstraint("provider_id", "staff_no"),
    Index("ix_caregivers_phone_index", "phone_index"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(40), primary_key=True, comment="random, public"),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id"), comment="empty: shared, the event names the caregiver"),
    Column("kind", String(16), nullable=False, comment="phone | terminal"),
    Column("algorithm", String(20), nullable=False, comment="ed25519 | ecdsa-p256-sha256"),
    Column("key_id", String(64), nullable=False, unique=True),
    Column(
        "public_key", Text, nullable=False, comment="base64url of the raw key (Ed25519) or uncompressed point (P-256)"
    ),
    Column("enrolled_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_reason", String(80)),
    # The head of the device's chain of events, moved forward with each event received.
    Column("last_counter", Integer, nullable=False, default=0),
    Column("last_hash", String(64), nullable=False),
    CheckConstraint("algorithm IN ('ed25519','ecdsa-p256-sha256')", name="algorithm"),
)

enrolment_codes = Table(
    "device_enrolment_codes",
    metadata,
    Column("code_index", String(32), primary_key=True, comment="keyed digest of the one-time code"),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id")),
    Column("kind", String(16), nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("device_id", String(40), ForeignKey("devices.id")),
)

# The badge that a caregiver shows, and reads into a shared phone. Making a new one ends those before it.
badges = Table(
    "caregiver_badges",
    metadata,
    Column("token_id", String(32), primary_key=True, comment="random; the badge's code holds nothing else"),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("dead_from", Instant),
    # One that counts per caregiver, whatever two offices do at once.
    Index(
        "uq_caregiver_badges_live",
        "caregiver_id",
        unique=True,
        sqlite_where=text("dead_from IS NULL"),
        postgresql_where=text("dead_from IS NULL"),
    ),
)

staff_pins = Table(
    "caregiver_pins",
    metadata,
    Column("caregiver_id", RowId, ForeignKey("caregivers.id"), primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False, comment="Argon2id over a keyed digest"),
    Column("set_at", Instant, nullable=False),
    Column("set_by", String(80), nullable=False),
    Column("wrong", Integer, nullable=False, comment="wrong tries since the last right one"),
)

# Who works with a shared phone, and when: what it records counts as theirs only then.
shifts = Table(
    "device_shifts",
    metadata,
    Column("id", String(32), primary_key=True, comment="random"),
    Column("device_id", String(40), ForeignKey("devices.id"), nullable=False),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id"), nullable=False),
    Column("how", String(16), nullable=False, comment="badge | staff_no, each with the staff PIN"),
    Column("opened_at", Instant, nullable=False),
    Column("until", Instant, nullable=False, comment="the latest it may last; earlier when it was ended"),
    Index("ix_device_shifts_device", "device_id", "opened_at"),
)

# A terminal at a counter, as ISO 8583 knows it: field 41 and field 42.
terminals = Table(
    "terminals",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("merchant_id", String(15), nullable=False),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("latitude_e7", Integer, comment="where it is fixed; empty: carried about, or not said"),
    Column("longitude_e7", Integer),
    Column("key_cipher", Text, nullable=False, comment="its key-encrypting key, under the key ring"),
    Column("registered_at", Instant, nullable=False),
    Column("registered_by", String(80), nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_reason", String(80)),
    Index("ix_terminals_provider", "provider_id"),
)

# Working keys, made anew at each exchange.
terminal_keys = Table(
    "terminal_keys",
    metadata,
    Column("terminal_id", String(8), ForeignKey("terminals.id"), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("mac_cipher", Text, nullable=False),
    Column("pin_cipher", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant, comment="first message under them; those before count no longer"),
)
