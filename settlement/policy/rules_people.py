"""Rules about people: who is entitled to what, how one enrols. Each class is one table of the scheme file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from settlement.policy.citation import Rule
from settlement.policy.shape import Between, Code, Fen, MonthDay

Level = Annotated[int, Between(0, 4)]
"""Ability level of GB/T 42195-2022: 0 able, 1 mild, 2 moderate, 3 severe, 4 complete disability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence(Rule):
    registered_here: bool
    """Household registration (户籍) in the district is needed."""
    months: Annotated[int, Between(0, 240)]
    """Full months of living here that are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(Rule):
    code: Code
    name_zh: str
    name_en: str
    also: tuple[str, ...] = ()
    """Other Chinese words that offices write for it in their rosters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Rule):
    code: Code
    name_zh: str
    name_en: str
    levels: tuple[Level, ...]
    amount_fen: Fen
    """Per person and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit(Rule):
    """Either ``amount_fen`` (flat) or ``tiers`` by ability level. A benefit with tiers always needs an assessment."""

    code: Code
    name_zh: str
    name_en: str
    min_age: Annotated[int, Between(0, 120)]
    any_of: tuple[Code, ...] = ()
    """Categories, one of which is enough; empty: no category is needed."""
    assessed: bool
    """The person's ability must have been assessed."""
    amount_fen: Fen | None = None
    """Per person and month, whatever the level."""
    tiers: tuple[Tier, ...] = ()

    def tier(self, level: int | None) -> Tier | None:
        """The tier of an ability level; None for a flat benefit."""
        return next((tier for tier in self.tiers if level in tier.levels), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination(Rule):
    rule: Literal["highest", "sum"]
    """What a person gets who fulfils the conditions of several benefits; equal amounts: the one listed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Rule):
    code: Code
    name_zh: str
    name_en: str
    role: Code
    """Who takes the step: a role of ``settlement.officers``."""
    working_days: Annotated[int, Between(1, 250)] | None = None
    """Limit for the step; None: the notice sets none."""
    batch: bool = False
    """Taken together for everybody of an intake window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publicity(Rule):
    working_days: Annotated[int, Between(0, 60)]
    """At least so many full working days must the names be posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Rule):
    """A half-yearly intake: applications are taken from ``opens`` to ``closes``, both days included, every year."""

    code: Code
    name_zh: str
    name_en: str
    opens: MonthDay
    closes: MonthDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Rule):
    """How long a step may take when it names no limit of its own, and when to warn."""

    working_days: Annotated[int, Between(1, 250)]
    """For steps without a limit of their own."""
    warn_days: Annotated[int, Between(0, 60)]
    """So many working days before the last one a step is shown as near its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassessment(Rule):
    months: Annotated[int, Between(1, 120)]
    """So long an assessment stands; then another is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    steps: tuple[Step, ...]
    """In the order they are taken."""
    publicity: Publicity
    windows: tuple[Window, ...]
    limits: Limits = Limits(working_days=10, warn_days=2, source="default")
    reassessment: Reassessment = Reassessment(months=12, source="default")
