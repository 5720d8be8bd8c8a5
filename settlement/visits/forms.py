"""What is told about a visit, and what is answered. Times are aware; amounts fen; places degrees x 10^7."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from settlement.visits.places import Place


@dataclass(frozen=True, kw_only=True)
class CheckIn:
    """``visit_id``: the caller's; the same again answers the same. ``medium_id``: the piece of card that was read, or ``senior_id`` where a
    door plate was. Without ``order_id`` it is an urgent visit. ``boot`` and ``mono_ms``: the device's run since power-on and its monotonic
    clock. ``released``: a second person has decided that this old record counts.
    """

    visit_id: str
    caregiver_id: int
    method: str
    occurred_at: datetime
    medium_id: int | None = None
    senior_id: int | None = None
    order_id: str | None = None
    device_id: str | None = None
    boot: str | None = None
    mono_ms: int | None = None
    place: Place | None = None
    released: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """``amount_fen``: the device's figure, kept where it differs from ours; the server prices."""

    item: str
    quantity: int = 1
    amount_fen: int | None = None


@dataclass(frozen=True, kw_only=True)
class CheckOut:
    """``reason``: of ``words.OUT_REASONS``, where it is another device than at check-in or nothing was scanned."""

    visit_id: str
    caregiver_id: int
    lines: tuple[Line, ...]
    method: str
    occurred_at: datetime
    medium_id: int | None = None
    senior_id: int | None = None
    device_id: str | None = None
    boot: str | None = None
    mono_ms: int | None = None
    place: Place | None = None
    reason: str | None = None
    released: bool = False


@dataclass(frozen=True)
class Visit:
    """A visit as it stands. ``seconds``: its duration; ``month``: of its check-in, local."""

    id: str
    order_id: str | None
    senior_id: int
    card_id: int
    caregiver_id: int
    provider_id: int
    town: str
    scheme_code: str
    month: str
    check_in_at: datetime
    check_out_at: datetime | None
    seconds: int | None
    duration_source: str | None
    status: str
    void_reason: str | None


@dataclass(frozen=True)
class PricedLine:
    item: str
    quantity: int
    unit_price_fen: int
    amount_fen: int
    subsidised: bool
    device_amount_fen: int | None


@dataclass(frozen=True)
class CheckedOut:
    """``again_order_id``: the order to serve again, when the visit is void for being too short."""

    visit: Visit
    lines: tuple[PricedLine, ...]
    total_fen: int
    minimum_seconds: int
    again_order_id: str | None


@dataclass(frozen=True, kw_only=True)
class DebitRequest:
    """``id``: the idempotency key. ``consent``: of ``words.CONSENTS``, verified by the caller. ``medium_id``: the piece of card that was read,
    None where the consent needs none. ``total_fen`` and ``confirm_personal_fen``: what the senior saw and agreed to, in all and from own
    money; ``cash_fen``: handed over at the door against ``receipt_no``. ``queued``: nobody heard an answer of ours, however soon it reached us.
    ``device_id`` and ``counter``: of the signed event that says so, if one does.
    """

    id: str
    visit_id: str
    consent: str
    occurred_at: datetime
    total_fen: int
    confirm_personal_fen: int = 0
    cash_fen: int = 0
    receipt_no: str | None = None
    medium_id: int | None = None
    released: bool = False
    queued: bool = False
    device_id: str | None = None
    counter: int | None = None


@dataclass(frozen=True)
class Debit:
    """A debit and what the card has after it. ``year_left_fen``: still to be spent from subsidy this year, None where no cap applies."""

    id: str
    visit_id: str
    card_id: int
    total_fen: int
    subsidy_fen: int
    personal_fen: int
    cash_fen: int
    shortfall_fen: int
    status: str
    subsidy_left_fen: int
    personal_left_fen: int
    year_left_fen: int | None
