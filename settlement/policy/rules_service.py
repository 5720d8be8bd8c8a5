"""Rules about service: visits, what may be bought, what must be proved at the door. Each class is one table of the scheme file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from settlement.policy.citation import Rule
from settlement.policy.shape import Between, Code, Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration(Rule):
    minutes: Annotated[int, Between(1, 1440)]
    """A visit lasts at least so long; an item may need more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety(Rule):
    items_per_year: Annotated[int, Between(0, 50)]
    """At least so many different service items per person and calendar year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency(Rule):
    benefit: Code
    tier: Code | None = None
    """None: for every tier of the benefit, or for a flat one."""
    visits: Annotated[int, Between(0, 100)]
    """At least so many visits per person and month."""

    @property
    def code(self) -> str:
        return self.tier or self.benefit


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeUp(Rule):
    months: Annotated[int, Between(0, 12)]
    """What was missed for a special reason may be made up within so many months after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking(Rule):
    required: bool
    """Visits are booked, and items, times and prices explained, beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Void(Rule):
    substandard: bool
    """A visit whose quality or duration falls short is void: not paid."""
    serve_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    duration: Duration
    variety: Variety
    monthly: tuple[Frequency, ...]
    make_up: MakeUp
    booking: Booking
    void: Void


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that the notice names within a category; priced items of a price list are cut from it."""

    code: Code
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCategory(Rule):
    code: Code
    name_zh: str
    name_en: str
    subsidised: bool
    """May be bought from the subsidy account; otherwise with own money only."""
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods(Rule):
    forbidden: bool
    """Goods instead of service may not be bought with subsidy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMoney(Rule):
    more_at_market_price: bool
    """A senior may buy more, at market price, with own money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    categories: tuple[ServiceCategory, ...]
    goods: Goods
    own_money: OwnMoney


EvidenceKind = Literal["home_visit", "meal_hatch", "day_care"]
Proof = Literal["check_in", "check_out", "debit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Rule):
    code: EvidenceKind
    name_zh: str
    name_en: str
    needs: tuple[Proof, ...]


ConsentMethod = Literal["card_chip", "dynamic_code", "pin", "static_code", "agent_later"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Rule):
    code: ConsentMethod
    """``static_code``: the card's printed QR together with the senior's visible confirmation."""
    name_zh: str
    name_en: str
    up_to_fen: Fen | None = None
    """The largest debit this consent is enough for; None: any amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(Rule):
    oldest_days: Annotated[int, Between(0, 366)]
    """Events older than this when they arrive are kept, but need a decision."""
    late_after_hours: Annotated[int, Between(0, 8784)]
    """Events that arrive later than this are marked as late."""
    up_to_fen: Fen
    """The largest debit taken without signal."""
    clock_off_minutes: Annotated[int, Between(0, 1440)]
    """A device's clock may differ by so much before its times are flagged."""
    card_day_fen: Fen | None = None
    """The most that is debited without signal from one card on one local day; None: only each debit is limited."""
    queued_debits: Annotated[int, Between(1, 10_000)] | None = None
    """A device takes no further debit while so many wait to be sent; None: no limit."""
    shortfall: Literal["provider"] = "provider"
    """Who bears what a late debit finds neither in the subsidy nor in own money as agreed to: who served without asking."""
    objection_days: Annotated[int, Between(0, 366)] = 30
    """So long the senior may object to a debit that was taken without signal."""


MethodCode = Literal["chip", "dynamic", "card_qr", "door_plate", "typed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Rule):
    """A way of showing, at either end of a visit, that caregiver and senior met."""

    code: MethodCode
    name_zh: str
    name_en: str
    use: Literal["accepted", "flagged", "refused"]
    strength: Literal["strong", "with_place", "weak"]
    """``with_place``: a printed code can be photographed, so it proves a visit only with a plausible place at both ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plausible(Rule):
    """When a place is plausible."""

    within_m: Annotated[int, Between(1, 100_000)]
    """So far from the registered address at most, the device's inaccuracy taken off."""
    accuracy_m: Annotated[int, Between(1, 100_000)]
    """A place less accurate than this says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Rule):
    days: Annotated[int, Between(0, 366)]
    """The times of a visit may be corrected within so many days of its check-in: proposed and approved."""


METHODS = (
    Method(code="chip", name_zh="芯片", name_en="card chip", use="accepted", strength="strong", source="default"),
    Method(
        code="dynamic", name_zh="动态码", name_en="dynamic code", use="accepted", strength="strong", source="default"
    ),
    Method(
        code="card_qr",
        name_zh="卡面二维码",
        name_en="the card's QR",
        use="accepted",
        strength="with_place",
        source="default",
    ),
    Method(
        code="door_plate",
        name_zh="门牌二维码",
        name_en="door plate",
        use="accepted",
        strength="with_place",
        source="default",
    ),
    Method(
        code="typed", name_zh="手工输入卡号", name_en="typed number", use="flagged", strength="weak", source="default"
    ),
)
"""What holds where a scheme names no methods."""


BadgeField = Literal["name", "photo", "staff_number", "phone", "organisation", "supervision_phone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge(Rule):
    shows: tuple[BadgeField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    evidence: tuple[Evidence, ...]
    consents: tuple[Consent, ...]
    """Strongest first."""
    offline: Offline
    badge: Badge
    methods: tuple[Method, ...] = METHODS
    plausible: Plausible = Plausible(within_m=500, accuracy_m=1000, source="default")
    correction: Correction = Correction(days=10, source="default")
