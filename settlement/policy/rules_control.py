"""Rules about control: supervision, bans, targets, fraud signals. Each class is one table of the scheme file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from settlement.policy.citation import Rule
from settlement.policy.shape import Between, Code, Percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback(Rule):
    percent: Percent
    """Of each day's work orders, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Rule):
    every: Literal["quarter"]
    below_percent: Percent
    """Satisfaction below this leads to rectification, and if that fails to the end of the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectification(Rule):
    days: Annotated[int, Between(1, 366)]
    """Calendar days a provider has to mend what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(Rule):
    months: Annotated[int, Between(1, 120)]
    assessed_every: Literal["quarter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff(Rule):
    training_required: bool
    """Staff who fail the training may not work."""
    outside_specialists: bool
    """Qualified outsiders may be commissioned for skilled work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BanGround(Rule):
    code: Code
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban(Rule):
    years: Annotated[int, Between(1, 99)]
    grounds: tuple[BanGround, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    callback_district: Callback
    callback_provider: Callback
    survey: Survey
    rectification: Rectification
    contract: Contract
    staff: Staff
    ban: Ban


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Rule):
    code: Code
    name_zh: str
    name_en: str
    percent: Percent
    of: Literal["all_seniors", "aged_seniors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Rule):
    code: Code
    name_zh: str
    name_en: str
    action: Literal["flag", "stop"]
    """``stop`` keeps the visits it hits out of payment until a second person decides."""
    params: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraud:
    signals: tuple[Signal, ...]


SIGNALS: Mapping[str, frozenset[str]] = {
    code: frozenset(params.split())
    for code, params in {
        "caregiver_overlap": "over_minutes",
        "senior_overlap": "over_minutes",
        "impossible_travel": "speed_kmh at_least_m",
        "under_minimum": "",
        "just_over_minimum": "within_minutes percent at_least_visits",
        "debit_without_visit": "",
        "debit_outside_window": "before_minutes after_minutes",
        "debit_above_lines": "over_fen",
        "after_death": "",
        "after_leaving": "",
        "after_freeze": "",
        "replaced_card": "",
        "far_from_address": "metres",
        "no_location": "accuracy_over_m",
        "cards_at_one_place": "cards minutes metres",
        "long_day": "hours",
        "idle_burst": "idle_days within_days percent",
        "late_uploads": "hours percent at_least_visits",
        "weak_methods": "percent at_least_visits",
    }.items()
}
"""Every signal the engine knows, with the names of its parameters."""
