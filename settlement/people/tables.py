"""Tables about seniors. Identity and telephone numbers are stored encrypted with keyed look-up indexes (``keys.KeyRing``)."""

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
    text,
)

from settlement.db import Instant, Json, RowId, metadata

_REGISTERED = text("status = 'registered'")

# The towns and villages of the district; a roster may name no others.
places = Table(
    "places",
    metadata,
    Column("town", String(40), primary_key=True),
    Column("village", String(80), primary_key=True),
    Column("latitude_e7", Integer, comment="the village office, degrees x 10^7 (WGS 84)"),
    Column("longitude_e7", Integer),
)

# What the State Council's yearly notice says where it differs from Monday to Friday; takes precedence over the calendar that is built in.
official_days = Table(
    "official_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("works", Boolean, nullable=False, comment="true: a weekend day that is worked; false: a day off"),
    Column("name", String(40), nullable=False),
)

seniors = Table(
    "seniors",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("sex", String(1), nullable=False, comment="F or M, from the identity number"),
    Column("birth_date", Date, nullable=False),
    Column("id_no_cipher", Text, nullable=False),
    Column("id_no_index", String(32), nullable=False, unique=True),
    Column("id_last4_index", String(32), nullable=False),
    Column("surname_village_index", String(32), nullable=False),
    Column("phone_cipher", Text),
    Column("phone_index", String(32)),
    Column("address_cipher", Text),
    Column("town", String(40), nullable=False),
    Column("village", String(80), nullable=False),
    Column("latitude_e7", Integer, comment="registered address, degrees x 10^7 (WGS 84)"),
    Column("longitude_e7", Integer),
    Column("registered_since", Date, comment="household registration here"),
    Column("resident_since", Date, comment="living here since"),
    Column("status", String(16), nullable=False, comment="registered | entitled | removed"),
    Column("died_on", Date),
    Column("left_on", Date, comment="moved away or left the scheme: first day no longer served"),
    Column("agent_name", String(80)),
    Column("agent_phone_cipher", Text),
    Column("emergency_name", String(80)),
    Column("emergency_phone_cipher", Text),
    Column("created_at", Instant, nullable=False),
    Column("moved_at", Instant, comment="when we learnt of the last move to another town of the district"),
    Index("ix_seniors_id_last4_index", "id_last4_index"),
    Index("ix_seniors_surname_village_index", "surname_village_index"),
    Index("ix_seniors_phone_index", "phone_index"),
    Index("ix_seniors_town", "town", "village"),
    # By code points and not by the language's order: so a beginning of a name is a range of the index.
    Index("ix_seniors_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
    # Of who has become eligible, for they are few beside those who are entitled.
    Index("ix_seniors_registered", "id", sqlite_where=_REGISTERED, postgresql_where=_REGISTERED),
    Index("ix_seniors_died_on", "died_on"),
    CheckConstraint("status IN ('registered','entitled','removed')", name="status"),
)

categories = Table(
    "senior_categories",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("category", String(40), nullable=False, comment="code of the scheme, e.g. low_income"),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, comment="first day it no longer holds"),
    UniqueConstraint("senior_id", "category", "valid_from"),
)

assessments = Table(
    "assessments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("level", Integer, nullable=False, comment="GB/T 42195-2022: 0 able ... 4 complete disability"),
    Column("assessed_on", Date, nullable=False),
    Column("assessor", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    CheckConstraint("level BETWEEN 0 AND 4", name="level"),
    Index("ix_assessments_senior", "senior_id", "assessed_on"),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False),
    Column("intake", String(48), nullable=False, comment="year and code of the intake window, e.g. 2026-summer"),
    Column(
        "step",
        String(40),
        nullable=False,
        comment="code of the scheme's step that is due; 'done' or 'refused' at the end",
    ),
    Column("applied_on", Date, nullable=False),
    Column("publicity_from", Date),
    Column("publicity_until", Date, comment="the last of the scheme's working days"),
    Column("completed_on", Date),
    Column(
        "due_on",
        Date,
        comment="last day of the step that is due; NULL where nothing is, or the calendar does not reach",
    ),
    UniqueConstraint("senior_id", "scheme_code", "intake"),
    Index("ix_enrolments_step", "scheme_code", "step"),
    Index("ix_enrolments_due_on", "due_on"),
    Index("ix_enrolments_publicity_from", "publicity_from"),
)

enrolment_steps = Table(
    "enrolment_steps",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("enrolment_id", RowId, ForeignKey("enrolments.id"), nullable=False),
    Column("step", String(40), nullable=False),
    Column("outcome", String(16), nullable=False, comment="passed | refused | objected | returned"),
    Column("actor", String(80), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reason", Text),
    Index("ix_enrolment_steps_enrolment", "enrolment_id"),
)

# What was posted where and when: the evidence that remains when a name is sent back, or its person moves.
postings = Table(
    "enrolment_postings",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("town", String(40), primary_key=True),
    Column("village", String(80), primary_key=True),
    Column("posted_on", Date, primary_key=True),
    Column("until", Date, nullable=False, comment="the last of the scheme's working days"),
    Column("people", Integer, nullable=False, comment="names on that day's list"),
    Index("ix_enrolment_postings_posted_on", "posted_on"),
)

# What somebody had against a name that was posted, and what was decided about it. The publicity passes only when none is open.
objections = Table(
    "enrolment_objections",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("enrolment_id", RowId, ForeignKey("enrolments.id"), nullable=False),
    Column("words", Text, nullable=False, comment="what was said, as an officer took it down"),
    Column("recorded_by", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("outcome", String(16), comment="upheld | dismissed | recheck; NULL while it is open"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decided_why", Text),
    CheckConstraint("(decided_at IS NULL) = (outcome IS NULL)", name="decided"),
    Index("ix_enrolment_objections_enrolment", "enrolment_id"),
)

# An assessment at home that an assessor was asked for: of an applicant, or of somebody entitled whose assessment is old or no longer true.
assessment_orders = Table(
    "assessment_orders",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False),
    Column("enrolment_id", RowId, ForeignKey("enrolments.id"), comment="NULL: a reassessment"),
    Column("reason", String(16), nullable=False, comment="application | due | asked"),
    Column("why", Text, comment="of one that was asked for"),
    Column("ordered_by", String(80), nullable=False, comment="while it is asked: who wrote the request down"),
    Column("ordered_at", Instant, nullable=False),
    Column("assessor", String(80), comment="officer who is to go there; NULL while it is asked"),
    Column("status", String(16), nullable=False, comment="asked | ordered | found | done | withdrawn"),
    Column("assessed_on", Date),
    Column("total", Integer, comment="points, 0 to 90"),
    Column("level", Integer, comment="after what makes it worse"),
    Column("sheet_cipher", Text, comment="the 26 items and what makes it worse: health data"),
    Column("found_at", Instant),
    Column("decided_by", String(80), comment="who took the level over, or withdrew the order"),
    Column("decided_at", Instant),
    Column("decided_why", Text),
    CheckConstraint("status IN ('asked','ordered','found','done','withdrawn')", name="status"),
    CheckConstraint("level BETWEEN 0 AND 4", name="level"),
    Index("ix_assessment_orders_status", "status", "assessor"),
    Index("ix_assessment_orders_enrolment", "enrolment_id"),
    # One under way per person and scheme, whatever two officers do at once.
    Index(
        "uq_assessment_orders_open",
        "senior_id",
        "scheme_code",
        unique=True,
        sqlite_where=text("status IN ('asked','ordered','found')"),
        postgresql_where=text("status IN ('asked','ordered','found')"),
    ),
)

# What a person is entitled to, month by month: issuance reads only this. A row ends (to_month) when the benefit, level or life changes.
# A row superseded before it began keeps its from_month and ends the month before, so that no month lies in it; nothing is deleted.
entitlements = Table(
    "entitlements",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False),
    Column("benefit", String(40), nullable=False),
    Column("level", Integer),
    Column(
        "group_code",
        String(40),
        nullable=False,
        comment="for visit frequency: e.g. aged, needy_able, needy_semi, needy_disabled",
    ),
    Column("amount", BigInteger, nullable=False, comment="per month, in the scheme's unit (fen)"),
    Column("from_month", String(7), nullable=False, comment="first month entitled"),
    Column("to_month", String(7), comment="last month entitled; empty while it runs"),
    Column(
        "reason",
        String(40),
        nullable=False,
        comment="why it began: enrolled, level_changed, category_changed, reinstated ...",
    ),
    Column("end_reason", String(40), comment="why it ended: died, left, level_changed ..."),
    Column("clause", String(80), nullable=False),
    Column("explanation", Json, comment="which benefits were considered and why this one"),
    Column("decided_at", Instant, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
    Index("ix_entitlements_senior", "senior_id", "from_month"),
    Index("ix_entitlements_months", "scheme_code", "from_month", "to_month"),
    # One running row per person and scheme, whatever two officers do at once.
    Index(
        "uq_entitlements_running",
        "senior_id",
        "scheme_code",
        unique=True,
        sqlite_where=text("to_month IS NULL"),
        postgresql_where=text("to_month IS NULL"),
    ),
)

# Who may look, ask and agree for a senior, and how the senior said so. Ended, never deleted.
agents = Table(
    "senior_agents",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("phone_cipher", Text, nullable=False),
    Column("phone_index", String(32), nullable=False),
    Column("relation", String(16), nullable=False, comment="code of people.agents.RELATIONS"),
    Column("consent", String(16), nullable=False, comment="how the senior agreed: code of people.agents.CONSENTS"),
    Column("appointed_by", String(80), nullable=False),
    Column("appointed_at", Instant, nullable=False),
    Column("waits_since", Instant, comment="an office wrote it down and nobody has confirmed it; empty: it counts"),
    Column("confirmed_by", String(80)),
    Column("confirmed_at", Instant, comment="when it began to count; empty: when it was appointed"),
    Column("confirmed_how", String(16), comment="code of people.agents.CONFIRMATIONS"),
    Column("withdrawn_by", String(80)),
    Column("withdrawn_at", Instant),
    Column("withdrawn_why", Text),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
    Index("ix_senior_agents_senior", "senior_id"),
    Index("ix_senior_agents_appointed", "appointed_at"),
    Index("ix_senior_agents_confirmed", "confirmed_at"),
    Index("ix_senior_agents_waits", "waits_since"),
    # One running row per person and telephone, whatever two counters do at once.
    Index(
        "uq_senior_agents_phone",
        "senior_id",
        "phone_index",
        unique=True,
        sqlite_where=text("withdrawn_at IS NULL"),
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
)

# Files of deaths that other offices keep: what of them concerns somebody of ours. Another person than who brought the file in confirms each.
register_deaths = Table(
    "register_deaths",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("source", String(16), nullable=False, comment="code of people.registers.SOURCES"),
    Column("died_on", Date, nullable=False),
    Column("name_differs", Boolean, nullable=False, comment="the file has another name for this identity number"),
    Column("file_sha256", String(64), nullable=False),
    Column("imported_by", String(80), nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="waiting | confirmed | dismissed"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decided_why", Text),
    UniqueConstraint("senior_id", "died_on"),
    CheckConstraint("status IN ('waiting','confirmed','dismissed')", name="status"),
    CheckConstraint("(status = 'waiting') = (decided_at IS NULL)", name="decided"),
    Index("ix_register_deaths_status", "status"),
)

# Who was asked whether they want what they became eligible for. "Yes" is the application.
invitations = Table(
    "invitations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False),
    Column("benefits", Json, nullable=False, comment="codes of what the person may have"),
    Column("invited_by", String(80), nullable=False),
    Column("invited_at", Instant, nullable=False),
    Column("answer", String(8), comment="yes | no; empty: none yet"),
    Column("answered_how", String(16), comment="sms | telephone | in_person"),
    Column("answered_on", Date, comment="when they said so: the day of the application"),
    Column("answered_by", String(80), comment="who wrote it down"),
    Column("answered_at", Instant),
    Column("enrolment_id", RowId, ForeignKey("enrolments.id"), comment="empty after a yes: waits for the next intake"),
    CheckConstraint("answer IN ('yes','no')", name="answer"),
    CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
    Index("ix_invitations_senior", "senior_id"),
    Index("ix_invitations_invited_at", "invited_at"),
    # One question at a time, whatever two officers do at once.
    Index(
        "uq_invitations_open",
        "senior_id",
        "scheme_code",
        unique=True,
        sqlite_where=text("answer IS NULL"),
        postgresql_where=text("answer IS NULL"),
    ),
)
