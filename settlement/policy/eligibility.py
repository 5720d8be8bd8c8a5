"""Who is entitled to which benefit on a given day, and for every other benefit why not. Pure functions."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from settlement.periods import Month
from settlement.policy.rules_people import Benefit, Tier
from settlement.policy.scheme import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What is known of a person **as it stood on the day that is judged** (an earlier assessment when the newest came later).

    ``ability_level`` counts only with ``assessed_on``: a level nobody assessed gives no right.
    """

    birth_date: date
    categories: frozenset[str]
    ability_level: int | None
    assessed_on: date | None
    residence_since: date | None
    registered_here: bool
    alive: bool = True


class Why(Enum):
    """Why a benefit is not given, in the order they are checked; the value is (Chinese, English)."""

    NOT_ALIVE = ("已去世", "has died")
    NOT_REGISTERED = ("户籍不在本地", "is not registered here")
    NOT_RESIDENT_LONG_ENOUGH = ("在户籍地居住不满{months}个月", "has not lived here for {months} months")
    TOO_YOUNG = ("未满{age}周岁", "is not yet {age}")
    NO_CATEGORY = ("不属于所列困难类别", "is in none of the categories listed")
    NOT_ASSESSED = ("尚未完成能力评估", "has not been assessed")
    NO_TIER = ("能力等级{level}没有对应的标准", "ability level {level} has no amount")
    LOWER_AMOUNT = ("不重复享受，已按较高的“{other}”发放", "benefits do not add up; the higher “{other}” is given")


@dataclass(frozen=True, slots=True)
class Denial:
    """One benefit that is not given, and why. ``clause`` cites the rule that decides it; None when that rule is a default."""

    benefit: str
    why: Why
    zh: str
    en: str
    clause: str | None


@dataclass(frozen=True, slots=True)
class EligibleBenefit:
    """A benefit whose conditions are fulfilled; ``amount_fen`` per month."""

    benefit: Benefit
    tier: Tier | None
    amount_fen: int
    clause: str | None


def age_on(birth: date, day: date) -> int:
    """Full years. A birthday counts from its own day; born on 29 February, from 1 March in other years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def months_after(start: date, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day."""
    month = Month.of(start).plus(months)
    return date(month.year, month.number, min(start.day, monthrange(month.year, month.number)[1]))


def reckoning_day(month: Month) -> date:
    """The day whose facts decide a month: the last day before it, because a change counts from the month after it came about."""
    return month.first_day - timedelta(days=1)


def judge(scheme: Scheme, facts: PersonFacts, on: date) -> tuple[list[EligibleBenefit], list[Denial]]:
    """Every benefit of the scheme, either with its amount or with the first reason against it."""
    given: list[EligibleBenefit] = []
    against: list[Denial] = []
    for benefit in scheme.benefits:
        reason = _against(scheme, benefit, facts, on)
        if reason is not None:
            against.append(reason)
            continue
        tier = benefit.tier(facts.ability_level)
        amount = tier.amount_fen if tier else benefit.amount_fen or 0
        given.append(EligibleBenefit(benefit, tier, amount, tier.clause if tier else benefit.clause))
    return given, against


def _against(scheme: Scheme, benefit: Benefit, facts: PersonFacts, on: date) -> Denial | None:
    residence = scheme.residence
    if not facts.alive:
        return deny(benefit, Why.NOT_ALIVE, scheme.months.stop.clause)
    if residence.registered_here and not facts.registered_here:
        return deny(benefit, Why.NOT_REGISTERED, residence.clause)
    if residence.months and (
        facts.residence_since is None or months_after(facts.residence_since, residence.months) > on
    ):
        return deny(benefit, Why.NOT_RESIDENT_LONG_ENOUGH, residence.clause, months=residence.months)
    if age_on(facts.birth_date, on) < benefit.min_age:
        return deny(benefit, Why.TOO_YOUNG, benefit.clause, age=benefit.min_age)
    if benefit.any_of and facts.categories.isdisjoint(benefit.any_of):
        return deny(benefit, Why.NO_CATEGORY, benefit.clause)
    if benefit.assessed and (facts.ability_level is None or facts.assessed_on is None or facts.assessed_on > on):
        return deny(benefit, Why.NOT_ASSESSED, benefit.clause)
    if benefit.tiers and benefit.tier(facts.ability_level) is None:
        return deny(benefit, Why.NO_TIER, benefit.clause, level=facts.ability_level)
    return None


def deny(benefit: Benefit, why: Why, clause: str | None, **details: object) -> Denial:
    """``details`` fill the placeholders of the words."""
    zh, en = why.value
    return Denial(
        benefit.code,
        why,
        f"{benefit.name_zh}：{zh.format_map({**details, 'other': details.get('other_zh')})}",
        f"{benefit.name_en}: {en.format_map({**details, 'other': details.get('other_en')})}",
        clause,
    )
