"""Tables of the door: orders, events, visits, lines, debits."""

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

_POSTED = text("status = 'posted'")
_PROPOSED = text("status = 'proposed'")
_REVERSED = text("status = 'reversed'")
# As ``status <> 'void'``, said by a column that no close writes: an index that names the status would cost each paid visit all its indexes.
_NOT_VOID = text("void_reason IS NULL")
_GIVEN = text("void_reason IS NULL AND seconds IS NOT NULL")

work_orders = Table(
    "work_orders",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id")),
    Column("town", String(40), nullable=False),
    Column("planned_start", Instant, nullable=False),
    Column("planned_minutes", Integer, nullable=False),
    Column("items", Json, nullable=False, comment="list of item codes"),
    Column("origin", String(16), nullable=False, comment="planned | booked | urgent | make_up | again (after a void)"),
    Column("again_for_visit_id", String(40), unique=True, comment="the void visit it repeats"),
    Column("status", String(16), nullable=False, comment="planned | done | cancelled | not_served"),
    Column("status_reason", String(40)),
    Column(
        "status_at",
        Instant,
        comment="when it was cancelled or found not to be served: later visits for it are declined",
    ),
    Column("created_at", Instant, nullable=False),
    Index("ix_work_orders_caregiver", "caregiver_id", "planned_start"),
    Index("ix_work_orders_senior", "senior_id", "planned_start"),
    Index("ix_work_orders_provider", "provider_id", "planned_start"),
    CheckConstraint("status IN ('planned','done','cancelled','not_served')", name="status"),
)

door_events = Table(
    "door_events",
    metadata,
    Column("id", String(64), primary_key=True, comment="sha256 of the canonical bytes"),
    Column("device_id", String(40), ForeignKey("devices.id"), nullable=False),
    Column("counter", Integer, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("occurred_at", Instant, nullable=False, comment="the device's clock, never changed"),
    Column("received_at", Instant, nullable=False),
    Column("canonical", Text, nullable=False, comment="the signed bytes, UTF-8"),
    Column("algorithm", String(20), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", Text, nullable=False),
    Column(
        "status",
        String(16),
        nullable=False,
        comment="accepted | declined | waiting | quarantined | released | rejected",
    ),
    Column("reason", String(40), comment="code of outcomes.Reason"),
    Column("result", Json, nullable=False, comment="the first answer, given again to a repeat"),
    Column("visit_id", String(40)),
    Column("decided_by", String(80), comment="quarantine: the second person"),
    Column("decided_at", Instant),
    UniqueConstraint("device_id", "counter"),
    Index("ix_door_events_visit", "visit_id"),
    Index("ix_door_events_status", "status"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("order_id", String(48), ForeignKey("work_orders.id")),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("caregiver_id", RowId, ForeignKey("caregivers.id"), nullable=False),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False, comment="the senior's town on the day"),
    Column("scheme_code", String(40), nullable=False),
    Column("month", String(7), nullable=False, comment="service month: of the check-in, local"),
    Column("device_id", String(40), ForeignKey("devices.id")),
    Column("out_device_id", String(40), ForeignKey("devices.id")),
    Column("check_in_at", Instant, nullable=False),
    Column("check_out_at", Instant),
    Column("seconds", Integer, comment="duration, whole seconds"),
    Column("duration_source", String(16), comment="monotonic | clock"),
    Column("in_latitude_e7", Integer),
    Column("in_longitude_e7", Integer),
    Column("in_accuracy_m", Integer),
    Column("in_distance_m", Integer, comment="from the registered address; empty when unknown"),
    Column("in_method", String(16), nullable=False, comment="chip | dynamic | card_qr | door_plate | typed"),
    Column("in_medium_id", RowId, ForeignKey("card_media.id"), comment="the piece of card that was read"),
    Column("in_boot", String(64), comment="the device's run since power-on"),
    Column("in_mono_ms", BigInteger, comment="its monotonic clock in that run, milliseconds"),
    Column("out_latitude_e7", Integer),
    Column("out_longitude_e7", Integer),
    Column("out_accuracy_m", Integer),
    Column("out_distance_m", Integer),
    Column("out_method", String(16)),
    Column("out_boot", String(64)),
    Column("out_mono_ms", BigInteger),
    Column("out_reason", String(40), comment="closed list: why checked out on another device or without a scan"),
    Column("out_scanned", Boolean, comment="false: a reason was given instead; empty: told before this was kept"),
    Column("corrected_in_at", Instant, comment="what counts instead, by an approved correction"),
    Column("corrected_out_at", Instant),
    Column("received_at", Instant, nullable=False, comment="when we learnt of the check-in"),
    Column("completed_at", Instant, comment="when the last of its evidence reached us (recorded time)"),
    Column("collected_for", String(7), comment="the month's close that saw it served and debited; no other may pay it"),
    Column("status", String(16), nullable=False, comment="open | served | paid | void"),
    Column("void_reason", String(40), comment="code of the closed list visits.words.VOID_REASONS"),
    Column("void_at", Instant),
    Column("void_by", String(80)),
    CheckConstraint("status IN ('open','served','paid','void')", name="status"),
    CheckConstraint("(status = 'void') = (void_reason IS NOT NULL)", name="void_has_reason"),
    Index("ix_visits_caregiver", "caregiver_id", "check_in_at"),
    Index("ix_visits_senior", "senior_id", "check_in_at"),
    Index("ix_visits_month", "month", "provider_id", "town"),
    Index("ix_visits_provider_town", "provider_id", "town"),
    # A month's list in its order, page by page, without sorting all of it.
    Index("ix_visits_month_id", "month", "id"),
    # How often each was visited at home, counted without reading the visits: SQLite looks at the last two again, and shall find them here.
    Index(
        "ix_visits_given",
        "scheme_code",
        "month",
        "senior_id",
        "void_reason",
        "seconds",
        sqlite_where=_GIVEN,
        postgresql_where=_GIVEN,
    ),
    # An order is served once; when that visit is void, it may be served again.
    Index("uq_visits_order", "order_id", unique=True, sqlite_where=_NOT_VOID, postgresql_where=_NOT_VOID),
    # Room on each page for a visit's next version: checked out, debited, collected and paid without touching an index.
    postgresql_with={"fillfactor": 50},
)

visit_lines = Table(
    "visit_lines",
    metadata,
    Column("visit_id", String(40), ForeignKey("visits.id"), primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("item_code", String(40), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_list_id", Integer, nullable=False),
    Column("unit_price_fen", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("subsidised", Boolean, nullable=False),
    Column("device_amount_fen", BigInteger, comment="the device's figure, kept when it differs"),
    CheckConstraint("quantity > 0 AND amount_fen = quantity * unit_price_fen", name="amount"),
)

debits = Table(
    "debits",
    metadata,
    Column("id", String(64), primary_key=True, comment="the idempotency key: the event's hash, or the caller's id"),
    Column("visit_id", String(40), ForeignKey("visits.id"), nullable=False),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("medium_id", RowId, ForeignKey("card_media.id"), comment="the piece of card that was read, if any"),
    Column("provider_id", RowId, ForeignKey("providers.id"), nullable=False),
    Column("town", String(40), nullable=False),
    Column(
        "cap_year", Integer, nullable=False, comment="calendar year of the check-in: counts against that year's cap"
    ),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("personal_fen", BigInteger, nullable=False),
    Column("cash_fen", BigInteger, nullable=False, comment="paid at the door against receipt: recorded, not settled"),
    Column("shortfall_fen", BigInteger, nullable=False, default=0, comment="late debit: borne by the provider"),
    Column("agreed_fen", BigInteger, nullable=False, default=0, comment="what the senior saw and agreed to, in all"),
    Column("agreed_personal_fen", BigInteger, nullable=False, default=0, comment="and of it from own money"),
    Column("receipt_no", String(40), comment="for cash"),
    Column("consent", String(16), nullable=False, comment="chip | dynamic | pin | card_qr | agent"),
    # reversed: taken back before its visit's statement was drawn. Taken back later, it stays posted and an adjustment undoes it.
    Column("status", String(16), nullable=False, comment="posted | reversed | declined"),
    Column("decline_reason", String(40)),
    CheckConstraint("status IN ('posted','reversed','declined')", name="status"),
    CheckConstraint(
        "total_fen = subsidy_fen + personal_fen + cash_fen + shortfall_fen OR status = 'declined'",
        name="parts_sum",
    ),
    CheckConstraint(
        "subsidy_fen >= 0 AND personal_fen >= 0 AND cash_fen >= 0 AND shortfall_fen >= 0 AND total_fen > 0",
        name="not_negative",
    ),
    Index("ix_debits_visit", "visit_id"),
    Index("ix_debits_card", "card_id", "occurred_at"),
    # What is to be told: new ones, and of the older ones those taken back.
    Index("ix_debits_recorded", "recorded_at"),
    Index("ix_debits_reversed", "recorded_at", sqlite_where=_REVERSED, postgresql_where=_REVERSED),
    # At most one debit stands for a visit.
    Index("uq_debits_visit_posted", "visit_id", unique=True, sqlite_where=_POSTED, postgresql_where=_POSTED),
)

# What holder and agent said about a debit afterwards. Each says it once; who thinks better of a yes complains.
debit_confirmations = Table(
    "debit_confirmations",
    metadata,
    Column("debit_id", String(64), ForeignKey("debits.id"), primary_key=True),
    Column("by", String(8), primary_key=True, comment="holder | agent"),
    Column("answer", String(4), nullable=False, comment="yes | no"),
    Column("how", String(16), nullable=False, comment="page | card_qr | dynamic"),
    Column("said_at", Instant, nullable=False, comment="when it was said"),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    CheckConstraint("\"by\" IN ('holder','agent')", name="by"),
    CheckConstraint("answer IN ('yes','no')", name="answer"),
)

# What was told of a visit's times is never changed: a correction is a record of its own, and counts when a second person has approved it.
visit_corrections = Table(
    "visit_corrections",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("visit_id", String(40), ForeignKey("visits.id"), nullable=False),
    Column("reason", String(40), nullable=False, comment="code of the closed list visits.words.CORRECTION_REASONS"),
    Column("note", Text, nullable=False, comment="what it rests on; nothing personal"),
    Column("check_in_at", Instant, comment="what shall count as the beginning, empty: as told"),
    Column("check_out_at", Instant),
    Column("lines", Json, comment="items done, of a visit that was never checked out"),
    Column("before", Json, nullable=False, comment="how the visit stood: status, void reason, seconds"),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="proposed | approved | rejected"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decision_note", Text),
    Column("result", Json, comment="approved: how the visit stands by it"),
    CheckConstraint("status IN ('proposed','approved','rejected')", name="status"),
    CheckConstraint("check_in_at IS NOT NULL OR check_out_at IS NOT NULL", name="corrects_something"),
    Index("ix_visit_corrections_visit", "visit_id"),
    # Those that wait are few beside the visits they are joined with.
    Index("ix_visit_corrections_open", "status", "visit_id"),
    # One at a time is decided about a visit.
    Index("uq_visit_corrections_open", "visit_id", unique=True, sqlite_where=_PROPOSED, postgresql_where=_PROPOSED),
)

# Kept out of payment until a second person decides (design: never called a hold).
payment_stops = Table(
    "payment_stops",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("visit_id", String(40), ForeignKey("visits.id")),
    Column("provider_id", RowId, ForeignKey("providers.id"), comment="a whole provider, when no visit is named"),
    Column("source", String(60), nullable=False, comment="the signal or person that placed it"),
    Column("detail", Json, nullable=False, comment="rows and thresholds; nothing personal"),
    Column("placed_by", String(80), nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="open | released | upheld"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decision_reason", Text),
    CheckConstraint("(visit_id IS NULL) <> (provider_id IS NULL)", name="one_subject"),
    CheckConstraint("status IN ('open','released','upheld')", name="status"),
    UniqueConstraint("visit_id", "source"),
    Index("ix_payment_stops_open", "status", "visit_id"),
)

# Service that a senior or agent asked for; what is accepted becomes a work order.
bookings = Table(
    "bookings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("town", String(40), nullable=False, comment="the senior's on the day"),
    Column("provider_id", RowId, ForeignKey("providers.id"), comment="whom the senior wants; then who accepted it"),
    Column("items", Json, nullable=False, comment="list of item codes; empty when only words say what is wanted"),
    Column("words", Text, nullable=False, comment="what was said; may be empty"),
    Column("wished_on", Date, comment="empty: any day"),
    Column("said_by", String(16), nullable=False, comment="senior | agent | office: who asks"),
    Column("asked_by", String(80), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="asked | accepted | declined | withdrawn"),
    Column("decline_reason", String(40), comment="code of visits.words.BOOKING_DECLINES"),
    Column("order_id", String(48), ForeignKey("work_orders.id"), unique=True),
    Column("answered_by", String(80)),
    Column("answered_at", Instant),
    CheckConstraint("status IN ('asked','accepted','declined','withdrawn')", name="status"),
    CheckConstraint("(status = 'accepted') = (order_id IS NOT NULL)", name="accepted_has_order"),
    CheckConstraint("(status = 'declined') = (decline_reason IS NOT NULL)", name="declined_has_reason"),
    Index("ix_bookings_town", "town", "status"),
    Index("ix_bookings_senior", "senior_id", "asked_at"),
    Index("ix_bookings_answered", "answered_at"),
)

# A purchase at a terminal: its visit and debit bear the same id. A refusal is kept too; told afterwards, it may have a visit and no debit.
counter_sales = Table(
    "counter_sales",
    metadata,
    Column("id", String(40), primary_key=True, comment="terminal, moment sent, trace number"),
    Column("terminal_id", String(8), ForeignKey("terminals.id"), nullable=False),
    Column("visit_id", String(40), ForeignKey("visits.id"), unique=True, comment="empty: refused, nothing was served"),
    Column("medium_id", RowId, ForeignKey("card_media.id"), comment="the piece of card, as far as it is one of ours"),
    Column("consent", String(16), nullable=False, comment="chip | dynamic | pin | card_qr; none: nothing was shown"),
    Column("items", Json, nullable=False, comment="quantity by item code, as asked for"),
    Column("offline", Boolean, nullable=False, comment="made without a line and told afterwards"),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("agreed_fen", BigInteger, nullable=False),
    Column("agreed_personal_fen", BigInteger, nullable=False),
    Column("cash_fen", BigInteger, nullable=False, default=0),
    Column("receipt_no", String(40), comment="for cash"),
    Column("status", String(16), nullable=False, comment="sold | declined"),
    Column("decline_reason", String(40), comment="code of outcomes.Reason"),
    Column("taken_back_at", Instant, comment="voided, refunded or reversed at the terminal"),
    Column("taken_back_how", String(16), comment="void | refund | reversal"),
    CheckConstraint("status IN ('sold','declined')", name="status"),
    CheckConstraint("(status = 'declined') = (decline_reason IS NOT NULL)", name="declined_has_reason"),
    CheckConstraint("(taken_back_at IS NULL) = (taken_back_how IS NULL)", name="taken_back_whole"),
    Index("ix_counter_sales_terminal", "terminal_id", "recorded_at"),
)
