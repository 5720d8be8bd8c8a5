"""Who gets how much under Jiangdu's notice, worked out by hand: needy 80 / 150 / 260 yuan, aged 60 yuan, one of them, the higher."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from settlement.periods import Month
from settlement.policy.citation import Rule
from settlement.policy.duties import shares_for, visits_required
from settlement.policy.eligibility import PersonFacts, Why, age_on, judge, months_after, reckoning_day
from settlement.policy.entitlement import Entitlement, entitlement
from settlement.policy.loader import builtin
from settlement.policy.months import first_month, issued_together, lapses_on, last_month, next_opening, open_window
from settlement.policy.rules_money import CarryOver, FirstMonth, IssueCycle, Share, TownShares
from settlement.policy.rules_people import Combination, Window
from settlement.policy.scheme import Scheme

JIANGDU = builtin("jiangdu")
JULY = Month.parse("2026-07")


def person(**facts: Any) -> PersonFacts:
    """A senior of 70 on low income, semi-disabled, who has lived here for long."""
    known: dict[str, Any] = {
        "birth_date": date(1956, 3, 1),
        "categories": frozenset({"low_income"}),
        "ability_level": 1,
        "assessed_on": date(2026, 1, 10),
        "residence_since": date(2000, 1, 1),
        "registered_here": True,
    }
    return PersonFacts(**known | facts)


def entitlement_for(scheme: Scheme, facts: PersonFacts, month: Month) -> Entitlement:
    """Of a month, which is judged by the facts of the day before it."""
    return entitlement(scheme, facts, reckoning_day(month))


def changed(**parts: Any) -> Scheme:
    return dataclasses.replace(JIANGDU, **parts)


def months_with(**parts: Any) -> Scheme:
    return changed(months=dataclasses.replace(JIANGDU.months, **parts))


@pytest.mark.parametrize(
    ("level", "tier", "fen", "visits"),
    [
        (0, "able", 8000, 1),
        (1, "semi", 15000, 2),
        (2, "semi", 15000, 2),
        (3, "disabled", 26000, 4),
        (4, "disabled", 26000, 4),
    ],
)
def test_a_needy_seniors_amount_and_visits_follow_the_ability_level(
    level: int, tier: str, fen: int, visits: int
) -> None:
    found = entitlement_for(JIANGDU, person(ability_level=level), JULY)

    assert (found.benefit_code, found.tier_code, found.amount_fen) == ("needy", tier, fen)
    assert found.given[0].clause == "三(一)1"
    assert visits_required(JIANGDU, "needy", level) == visits


def test_a_senior_of_80_without_any_category_gets_the_aged_benefit_whatever_the_level() -> None:
    for level in range(5):
        found = entitlement_for(
            JIANGDU, person(birth_date=date(1940, 1, 1), categories=frozenset(), ability_level=level), JULY
        )
        assert (found.benefit_code, found.tier_code, found.amount_fen) == ("aged", None, 6000)
    assert visits_required(JIANGDU, "aged", 2) == 1


def test_a_needy_senior_of_80_gets_the_higher_benefit_only_and_is_told_why_not_the_other() -> None:
    facts = person(birth_date=date(1940, 1, 1), ability_level=0)
    assert [(each.benefit.code, each.amount_fen) for each in judge(JIANGDU, facts, reckoning_day(JULY))[0]] == [
        ("needy", 8000),
        ("aged", 6000),
    ]

    found = entitlement_for(JIANGDU, facts, JULY)

    assert (found.benefit_code, found.amount_fen) == ("needy", 8000)
    [denial] = found.denials
    assert (denial.benefit, denial.why, denial.clause) == ("aged", Why.LOWER_AMOUNT, "三(一)末段")
    assert denial.zh == "高龄老年人养老服务补贴：不重复享受，已按较高的“困难老年人养老服务补贴”发放"
    assert denial.en == "aged seniors: benefits do not add up; the higher “needy seniors” is given"


def test_a_scheme_that_sums_gives_both() -> None:
    scheme = changed(combination=Combination(rule="sum", source="default"))
    found = entitlement_for(scheme, person(birth_date=date(1940, 1, 1), ability_level=0), JULY)
    assert (found.benefit_code, found.amount_fen, found.denials) == ("needy+aged", 14000, ())


def test_turning_80_counts_from_the_birthday_and_pays_from_the_month_after() -> None:
    facts = person(birth_date=date(1946, 8, 15), categories=frozenset())
    assert entitlement(JIANGDU, facts, date(2026, 8, 14)).amount_fen == 0
    assert entitlement(JIANGDU, facts, date(2026, 8, 15)).amount_fen == 6000

    by_month = {month: entitlement_for(JIANGDU, facts, Month(2026, month)).amount_fen for month in (7, 8, 9)}
    assert by_month == {7: 0, 8: 0, 9: 6000}


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(1944, 2, 29), date(2026, 2, 28), 81),  # no 29 February in 2026: counts on 1 March
        (date(1944, 2, 29), date(2026, 3, 1), 82),
        (date(1944, 2, 29), date(2024, 2, 28), 79),
        (date(1944, 2, 29), date(2024, 2, 29), 80),
        (date(1966, 7, 1), date(2026, 6, 30), 59),
        (date(1966, 7, 1), date(2026, 7, 1), 60),
    ],
)
def test_age_in_full_years(born: date, day: date, years: int) -> None:
    assert age_on(born, day) == years


def test_half_a_year_of_residence_counts_to_the_day() -> None:
    assert months_after(date(2025, 8, 31), 6) == date(2026, 2, 28)
    facts = person(residence_since=date(2026, 1, 15))
    assert entitlement(JIANGDU, facts, date(2026, 7, 14)).denials[0].why is Why.NOT_RESIDENT_LONG_ENOUGH
    assert entitlement(JIANGDU, facts, date(2026, 7, 15)).amount_fen == 15000


@pytest.mark.parametrize(
    ("facts", "why", "zh"),
    [
        ({"alive": False}, Why.NOT_ALIVE, "困难老年人养老服务补贴：已去世"),
        ({"registered_here": False}, Why.NOT_REGISTERED, "困难老年人养老服务补贴：户籍不在本地"),
        ({"residence_since": None}, Why.NOT_RESIDENT_LONG_ENOUGH, "困难老年人养老服务补贴：在户籍地居住不满6个月"),
        ({"birth_date": date(1966, 7, 1)}, Why.TOO_YOUNG, "困难老年人养老服务补贴：未满60周岁"),
        ({"categories": frozenset()}, Why.NO_CATEGORY, "困难老年人养老服务补贴：不属于所列困难类别"),
        ({"ability_level": None}, Why.NOT_ASSESSED, "困难老年人养老服务补贴：尚未完成能力评估"),
        ({"assessed_on": None}, Why.NOT_ASSESSED, "困难老年人养老服务补贴：尚未完成能力评估"),
        ({"assessed_on": date(2026, 7, 1)}, Why.NOT_ASSESSED, "困难老年人养老服务补贴：尚未完成能力评估"),
    ],
)
def test_every_condition_that_fails_is_named(facts: dict[str, Any], why: Why, zh: str) -> None:
    found = entitlement_for(JIANGDU, person(**facts), JULY)  # July is judged on 30 June
    assert (found.amount_fen, found.benefit_code) == (0, None)
    assert (found.denials[0].why, found.denials[0].zh) == (why, zh)


def test_a_gap_between_tiers_gives_nothing() -> None:
    needy = dataclasses.replace(JIANGDU.benefit("needy"), tiers=JIANGDU.benefit("needy").tiers[:2])
    found = entitlement_for(changed(benefits=(needy,)), person(ability_level=4), JULY)
    assert [denial.why for denial in found.denials] == [Why.NO_TIER]


def test_first_and_last_months() -> None:
    assert first_month(JIANGDU, date(2026, 7, 31)) == Month(2026, 8)
    assert first_month(months_with(first=FirstMonth(rule="month_of_publicity")), date(2026, 7, 31)) == JULY
    assert last_month(JIANGDU, date(2026, 7, 15)) == JULY


def test_issue_and_lapse_follow_the_cycle() -> None:
    assert issued_together(JIANGDU, JULY) == [JULY]
    assert lapses_on(JIANGDU, JULY) is None

    half = changed(cycles=dataclasses.replace(JIANGDU.cycles, issue=IssueCycle(months=6)))
    assert issued_together(half, Month(2026, 9)) == [Month(2026, number) for number in range(7, 13)]

    def lapsing(after: Any) -> Scheme:
        return changed(
            purses=dataclasses.replace(JIANGDU.purses, carry_over=CarryOver(carries=False, lapses_after=after))
        )

    assert lapses_on(lapsing("quarter"), JULY) == date(2026, 10, 1)
    assert lapses_on(lapsing("year"), JULY) == date(2027, 1, 1)


def test_applications_are_taken_in_two_windows_a_year() -> None:
    summer = open_window(JIANGDU, date(2026, 6, 30))
    assert summer is not None
    assert summer.code == "summer"
    assert open_window(JIANGDU, date(2026, 7, 1)) is None
    assert next_opening(JIANGDU, date(2026, 7, 1)) == date(2026, 11, 30)
    assert next_opening(JIANGDU, date(2026, 12, 31)) == date(2026, 12, 31)

    over_new_year = Window(code="w", name_zh="冬", name_en="w", opens="12-15", closes="01-15", source="default")
    scheme = changed(enrolment=dataclasses.replace(JIANGDU.enrolment, windows=(over_new_year,)))
    assert [
        open_window(scheme, day) is not None for day in (date(2026, 12, 31), date(2027, 1, 15), date(2027, 1, 16))
    ] == [
        True,
        True,
        False,
    ]


def test_shares_are_7_to_3_except_where_a_town_has_its_own() -> None:
    assert shares_for(JIANGDU, "仙女镇") == (("district", 7), ("town", 3))

    own = TownShares(town="灵昆街道", shares=(Share(payer="district", weight=1),), source="default")
    scheme = changed(funding=dataclasses.replace(JIANGDU.funding, towns=(own,)))
    assert shares_for(scheme, "灵昆街道") == (("district", 1),)
    assert shares_for(scheme, "仙女镇") == (("district", 7), ("town", 3))


def test_every_figure_of_jiangdu_can_be_cited() -> None:
    uncited: list[str] = []
    ours: set[str] = set()

    def walk(value: Any, path: str, covered: bool) -> None:
        if dataclasses.is_dataclass(value) and not isinstance(value, Month):
            if isinstance(value, Rule):
                covered = True
                ours.update([path] if value.source else [])
                assert (value.clause is None) != (value.source is None), path
            for entry in dataclasses.fields(value):
                walk(getattr(value, entry.name), f"{path}.{entry.name}", covered)
        elif isinstance(value, tuple):
            for each in value:
                walk(each, f"{path}.{getattr(each, 'code', each)}", covered)
        elif isinstance(value, int) and not covered:
            uncited.append(path)

    walk(JIANGDU, "", False)

    assert uncited == []
    assert ".benefits.needy.tiers.semi" not in ours
    assert ".months.first" in ours  # the notice is silent on it


@pytest.mark.parametrize(
    ("key", "clause"),
    [
        ("benefits.needy.tiers.disabled.amount_fen", "三(一)1"),
        ("benefits.aged.amount_fen", "三(一)2"),
        ("combination", "三(一)末段"),
        ("enrolment.publicity.working_days", "四(二)"),
        ("funding.shares.town.weight", "六1"),
        ("purses.yearly_cap", "六2"),
        ("visits.duration.minutes", "五(三)2"),
        ("visits.monthly.disabled", "五(三)2"),
        ("purchases.categories.urgent", "三(二)3"),
        ("supervision.ban.grounds.illegal_fundraising", "五(三)3(3)"),
        ("supervision.survey.below_percent", "五(三)1"),
        ("supervision.contract.months", "四(三)"),
        ("targets.door_step", "一"),
        ("fraud.signals.impossible_travel.params.speed_kmh", None),
    ],
)
def test_a_key_names_its_clause(key: str, clause: str | None) -> None:
    cited = JIANGDU.clause(key)
    assert cited.clause == clause
    assert cited.zh == (f"依据文件{clause}" if clause else "文件未规定，采用系统默认")


@pytest.mark.parametrize(
    "key", ["benefits.nobody", "visits.hours", "code", "funding.payers.town", "fraud.signals.long_day.params.days"]
)
def test_a_key_that_the_scheme_does_not_have_cannot_be_cited(key: str) -> None:
    with pytest.raises(KeyError):
        JIANGDU.clause(key)
