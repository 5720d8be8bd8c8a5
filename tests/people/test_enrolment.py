"""From the application at the village to the first entitled month, by the scheme's own steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date

import pytest
from sqlalchemy import Engine, insert, select

from settlement.act import Actor
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.people import changes, enrolment
from settlement.people.enrolment import Result
from settlement.people.tables import enrolment_steps, enrolments, entitlements, postings, seniors
from tests.people.people import ASSESSOR, CLERK, COUNTER, DISTRICT, HEAD, SCHEME, person, settle
from tests.support import acting, officer

APPROVALS = ((CLERK, "village_check"), (HEAD, "town_approve"), (DISTRICT, "district_file"))


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    return engine


def applied(
    engine: Engine, *births: str, level: int | None = 2, needy: bool = True, on: str = "2026-06-08"
) -> list[int]:
    """Enrolments of people who applied and passed everything up to publicity."""
    with acting(engine, f"{on} 09:00", by=CLERK) as act:
        people = [person(act, birth, level=level, needy=needy, assessed_on=on) for birth in births]
        ids = enrolment.apply_many(act, SCHEME, people, date.fromisoformat(on))
    if level is None:
        return ids
    for by, step in (*APPROVALS, (ASSESSOR, "assess")):
        take(engine, by, f"{on} 10:00", ids, step)
    return ids


def take(engine: Engine, by: Actor, now: str, ids: list[int], step: str) -> list[int]:
    with acting(engine, now, by=by) as act:
        return enrolment.pass_step(act, SCHEME, ids, step)


def post(engine: Engine, now: str, ids: list[int]) -> date:
    with acting(engine, now, by=CLERK) as act:
        return enrolment.publicise(act, SCHEME, ids)


def reason(of: pytest.ExceptionInfo[Refused]) -> Reason:
    return of.value.reason


def due(engine: Engine, id_: int) -> str:
    with engine.connect() as conn:
        return str(conn.scalar(select(enrolments.c.step).where(enrolments.c.id == id_)))


def test_a_batch_goes_through_all_steps(district: Engine):
    ids = applied(district, "1950-03-07", "1951-04-08")
    # Monday 15 June; 19 June is the Dragon Boat Festival: 16, 17, 18, 22, 23 June are the five full working days.
    assert post(district, "2026-06-15 09:00", ids) == date(2026, 6, 23)
    with pytest.raises(Refused) as early:
        take(district, CLERK, "2026-06-23 17:00", ids, "publicise")
    assert reason(early) is Reason.PUBLICITY_NOT_OVER
    assert take(district, CLERK, "2026-06-24 09:00", ids, "publicise") == ids
    take(district, COUNTER, "2026-06-26 09:00", ids, "card")
    take(district, HEAD, "2026-06-28 09:00", ids, "load")

    with district.connect() as conn:
        rows = conn.execute(select(entitlements).order_by(entitlements.c.senior_id)).all()
        assert [(row.from_month, row.to_month, row.amount, row.group_code) for row in rows] == [
            ("2026-07", None, 15000, "needy_semi")
        ] * 2
        assert rows[0].explanation["against"][0]["why"] == "too_young"
        done = conn.execute(select(enrolments.c.step, enrolments.c.completed_on)).all()
        assert [tuple(row) for row in done] == [("done", date(2026, 6, 28))] * 2
        assert set(conn.scalars(select(seniors.c.status))) == {"entitled"}
        taken = conn.scalars(
            select(enrolment_steps.c.step)
            .where(enrolment_steps.c.enrolment_id == ids[0])
            .order_by(enrolment_steps.c.id)
        ).all()
        assert taken == [step.code for step in SCHEME.enrolment.steps]


def test_publicity_that_ends_in_october_gives_november(district: Engine):
    """Over the National Day: posted on 28 September, the fifth working day is Saturday 10 October."""
    ids = applied(district, "1950-03-07")
    assert post(district, "2026-09-28 09:00", ids) == date(2026, 10, 10)
    take(district, CLERK, "2026-10-12 09:00", ids, "publicise")
    with district.connect() as conn:
        assert conn.scalar(select(entitlements.c.from_month)) == "2026-11"


def test_steps_have_their_order_their_role_and_their_person(district: Engine):
    ids = applied(district, "1950-03-07", level=None)
    with pytest.raises(Refused) as skipped:
        take(district, HEAD, "2026-06-09 09:00", ids, "town_approve")
    assert reason(skipped) is Reason.STEP_NOT_DUE
    assert "村(社区)审核录入" in skipped.value.zh
    with pytest.raises(Refused) as other_role:
        take(district, HEAD, "2026-06-09 09:00", ids, "village_check")
    assert reason(other_role) is Reason.NOT_ALLOWED
    with pytest.raises(Refused) as other_town:
        take(district, officer("x", "village", town="大桥镇"), "2026-06-09 09:00", ids, "village_check")
    assert reason(other_town) is Reason.NOT_ALLOWED
    take(district, CLERK, "2026-06-09 09:00", ids, "village_check")
    with pytest.raises(Refused) as same_person:
        take(district, officer(CLERK.id, "town"), "2026-06-09 09:00", ids, "town_approve")
    assert reason(same_person) is Reason.SAME_PERSON
    with pytest.raises(Refused) as twice:
        take(district, CLERK, "2026-06-09 09:00", ids, "village_check")
    assert reason(twice) is Reason.STEP_NOT_DUE


def test_an_officer_of_another_village_may_not(district: Engine):
    ids = applied(district, "1950-03-07", level=None)
    with acting(district) as act:
        row = {
            "id": "neighbour",
            "name": "n",
            "role": "village",
            "town": "仙女镇",
            "village": "双沟社区",
            "active": True,
        }
        act.conn.execute(insert(officers), row | {"created_at": act.now})
    with pytest.raises(Refused) as refused:
        take(district, officer("neighbour", "village", town="仙女镇"), "2026-06-09 09:00", ids, "village_check")
    assert reason(refused) is Reason.NOT_ALLOWED


def test_the_assessor_finds_the_level(district: Engine):
    """Somebody of 72 without a category: the village refuses. A needy one without assessment waits for the assessor."""
    with acting(district, "2026-06-08 09:00", by=CLERK) as act:
        nobody, needy = person(act, "1953-09-09", needy=False), person(act, "1953-09-10")
        first, second = enrolment.apply_many(act, SCHEME, [nobody, needy], date(2026, 6, 8))
    with pytest.raises(Refused) as not_eligible:
        take(district, CLERK, "2026-06-09 09:00", [first, second], "village_check")
    assert reason(not_eligible) is Reason.NOT_ELIGIBLE
    assert "未满80周岁" in not_eligible.value.zh
    with acting(district, "2026-06-09 09:00", by=CLERK) as act:
        enrolment.refuse(act, SCHEME, [first], "village_check", "不属于困难类别，未满80周岁")
    for by, step in APPROVALS:
        take(district, by, "2026-06-09 10:00", [second], step)
    with pytest.raises(Refused) as unassessed:
        take(district, ASSESSOR, "2026-06-10 09:00", [second], "assess")
    assert reason(unassessed) is Reason.NOT_ASSESSED
    with acting(district, "2026-06-10 09:00", by=ASSESSOR) as act:
        enrolment.assess(act, SCHEME, {second: Result(4, date(2026, 6, 9))}, "扬州某评估机构")
    post(district, "2026-06-15 09:00", [second])
    take(district, CLERK, "2026-06-24 09:00", [second], "publicise")
    with district.connect() as conn:
        assert conn.scalar(select(entitlements.c.amount)) == 26000
    assert due(district, first) == "refused"


def test_a_right_lost_before_the_decision_is_refused_with_the_reason(district: Engine):
    [id_] = applied(district, "1950-03-07")
    post(district, "2026-06-15 09:00", [id_])
    with acting(district, "2026-06-20 09:00", by=HEAD) as act:
        senior = act.conn.scalar(select(enrolments.c.senior_id))
        changes.lose_category(act, SCHEME, senior or 0, "low_income", date(2026, 6, 20))
    assert take(district, CLERK, "2026-06-24 09:00", [id_], "publicise") == []
    with district.connect() as conn:
        told = conn.scalar(select(enrolment_steps.c.reason).where(enrolment_steps.c.outcome == "refused"))
        assert "不属于所列困难类别" in (told or "")
        assert conn.execute(select(entitlements)).all() == []


def test_intakes_are_two_a_year_and_nobody_applies_twice(district: Engine):
    assert enrolment.intake_of(SCHEME, date(2026, 6, 30)) == "2026-summer"
    assert enrolment.intake_of(SCHEME, date(2026, 12, 31)) == "2026-winter"
    with pytest.raises(Refused) as closed:
        enrolment.intake_of(SCHEME, date(2026, 8, 20))
    assert reason(closed) is Reason.OUTSIDE_INTAKE
    assert "2026-11-30" in closed.value.zh
    applied(district, "1950-03-07", level=None)
    with district.connect() as conn:
        senior = conn.scalars(select(enrolments.c.senior_id)).one()
    with pytest.raises(Refused) as again, acting(district, "2026-06-20 09:00", by=CLERK) as act:
        enrolment.apply_many(act, SCHEME, [senior], date(2026, 6, 20))
    assert reason(again) is Reason.ALREADY_APPLIED


def test_turning_80_in_mid_quarter_pays_only_after_the_next_intake(district: Engine):
    """Born on 20 August 1946, in no category: no right in the summer intake; the winter one takes her, and January is her first month."""
    with acting(district, "2026-06-08 09:00", by=CLERK) as act:
        senior = person(act, "1946-08-20", needy=False)
        [summer] = enrolment.apply_many(act, SCHEME, [senior], date(2026, 6, 8))
    with pytest.raises(Refused) as too_young:
        take(district, CLERK, "2026-06-09 09:00", [summer], "village_check")
    assert reason(too_young) is Reason.NOT_ELIGIBLE
    with acting(district, "2026-06-09 10:00", by=CLERK) as act:
        enrolment.refuse(act, SCHEME, [summer], "village_check", "未满80周岁")
    with acting(district, "2026-12-01 09:00", by=CLERK) as act:
        [winter] = enrolment.apply_many(act, SCHEME, [senior], date(2026, 12, 1))
    for by, step in APPROVALS:
        take(district, by, "2026-12-01 10:00", [winter], step)
    with acting(district, "2026-12-02 09:00", by=ASSESSOR) as act:
        enrolment.assess(act, SCHEME, {winter: Result(0, date(2026, 12, 2))}, "评估机构")
    assert post(district, "2026-12-03 09:00", [winter]) == date(2026, 12, 10)
    take(district, CLERK, "2026-12-11 09:00", [winter], "publicise")
    with district.connect() as conn:
        [row] = conn.execute(select(entitlements)).all()
        assert (row.benefit, row.amount, row.from_month) == ("aged", 6000, "2027-01")


def test_two_clerks_taking_the_same_step_at_once_take_it_once(district: Engine):
    ids = applied(district, "1950-03-07", level=None)
    second = officer("second_clerk", "village", town="仙女镇")

    def other() -> object:
        try:
            return take(district, second, "2026-06-09 09:00", ids, "village_check")
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(1) as pool:
        with acting(district, "2026-06-09 09:00", by=CLERK) as act:
            enrolment.pass_step(act, SCHEME, ids, "village_check")
            waiting = pool.submit(other)
            wait([waiting], timeout=1)  # it reads before the first is committed, or waits for it
        assert waiting.result() is Reason.STEP_NOT_DUE
    with district.connect() as conn:
        taken = conn.scalars(select(enrolment_steps.c.step).order_by(enrolment_steps.c.id)).all()
        assert taken == ["apply", "village_check"]


def test_what_was_posted_stays_on_record_by_village_and_day(district: Engine):
    first, second, third = applied(district, "1950-03-07", "1951-04-08", "1952-04-08")
    post(district, "2026-06-15 09:00", [first, second])
    post(district, "2026-06-15 16:00", [third])
    with district.connect() as conn:
        [row] = conn.execute(select(postings)).all()
    assert tuple(row) == ("jiangdu", "仙女镇", "正谊村", date(2026, 6, 15), date(2026, 6, 23), 3)
