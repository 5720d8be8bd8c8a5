"""A scheme: one published notice as data.

The classes are plain frozen values; ``loader.load`` makes them from a TOML file. Amounts are whole fen per person and month,
durations minutes, distances metres. Every rule names its clause (:meth:`Scheme.clause`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from settlement.periods import Month
from settlement.policy.citation import Citation, Rule
from settlement.policy.rules_control import Fraud, Signal, Supervision, Target
from settlement.policy.rules_money import Cycles, Funding, Months, Purses
from settlement.policy.rules_people import Benefit, Category, Combination, Enrolment, Residence, Step
from settlement.policy.rules_service import (
    Consent,
    ConsentMethod,
    Door,
    Evidence,
    EvidenceKind,
    Method,
    MethodCode,
    Purchases,
    ServiceCategory,
    Visits,
)
from settlement.policy.shape import Code, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The published document that the clauses belong to."""

    title_zh: str
    title_en: str
    reference: str
    """Its number, or where it can be read."""
    issuer_zh: str
    issuer_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    code: Code
    version: Annotated[str, Written(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,19}", "2025.1")]
    name_zh: str
    name_en: str
    time_zone: ZoneInfo
    valid_from: Month
    unit: Literal["fen", "minutes", "visits", "meals"]
    """What the card's subsidy account counts."""
    notice: Notice
    residence: Residence
    categories: tuple[Category, ...]
    benefits: tuple[Benefit, ...]
    combination: Combination
    enrolment: Enrolment
    months: Months
    cycles: Cycles
    purses: Purses
    funding: Funding
    visits: Visits
    purchases: Purchases
    door: Door
    supervision: Supervision
    targets: tuple[Target, ...]
    fraud: Fraud

    def benefit(self, code: str) -> Benefit:
        return _named(self.benefits, code)

    def category(self, code: str) -> Category:
        return _named(self.categories, code)

    def step(self, code: str) -> Step:
        return _named(self.enrolment.steps, code)

    def service_category(self, code: str) -> ServiceCategory:
        return _named(self.purchases.categories, code)

    def evidence(self, kind: EvidenceKind | str) -> Evidence:
        return _named(self.door.evidence, kind)

    def consent(self, method: ConsentMethod | str) -> Consent:
        """Raises KeyError when the scheme does not accept this way of consenting."""
        return _named(self.door.consents, method)

    def method(self, code: MethodCode | str) -> Method:
        return _named(self.door.methods, code)

    def signal(self, code: str) -> Signal:
        return _named(self.fraud.signals, code)

    def clause(self, key: str) -> Citation:
        """Where a figure comes from. ``key`` is a path such as ``benefits.needy.tiers.semi`` or ``supervision.ban.years``; entries of
        lists are named by their code. Raises KeyError for a path the scheme does not have, or that no rule covers."""
        here: Any = self
        rule: Rule | None = None
        for part in key.split("."):
            here = _inside(here, part, key)
            if isinstance(here, Rule):
                rule = here
        if rule is None:
            raise KeyError(key)
        return Citation(self.code, self.version, rule.clause, rule.source)


class _Named(Protocol):
    @property
    def code(self) -> str: ...


N = TypeVar("N", bound=_Named)


def _named(entries: tuple[N, ...], code: str) -> N:
    for entry in entries:
        if entry.code == code:
            return entry
    raise KeyError(code)


def _inside(value: Any, part: str, key: str) -> Any:
    if isinstance(value, tuple):
        return _named(value, part)
    if isinstance(value, Mapping):
        return value[part]
    if is_dataclass(value) and hasattr(value, part):
        return getattr(value, part)
    raise KeyError(key)
