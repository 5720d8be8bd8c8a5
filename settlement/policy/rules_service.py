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
