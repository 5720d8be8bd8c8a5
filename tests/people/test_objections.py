"""What somebody has against a name that is posted: taken down, decided by somebody else, and what follows."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from settlement.act import Actor
from settlement.outcomes import Reason, Refused
from settlement.people import objections
from settlement.people.tables import enrolment_steps, enrolments, entitlements
from settlement.people.tables import objections as kept
from tests.people.people import ASSESSOR, CLERK, HEAD, SCHEME, settle
from tests.people.test_enrolment import APPROVALS, applied, due, post, reason, take
from tests.support import acting, officer

SECOND_HEAD = officer("second", "town", town=HEAD.town)


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    return engine


def objected(engine: Engine, id_: int, now: str = "2026-06-16 09:00", by: Actor = HEAD) -> int:
    with acting(engine, now, by=by) as act:
        return objections.raise_objection(act, SCHEME, id_, "收入不实")


def decide(engine: Engine, number: int, outcome: str, now: str = "2026-06-17 09:00", by: Actor = SECOND_HEAD) -> None:
    with acting(engine, now, by=by) as act:
        objections.decide(act, SCHEME, number, outcome, "入户核实")


def test_nothing_goes_on_until_it_is_decided_and_dismissed_it_does(district: Engine):
    [id_, other] = applied(district, "1950-03-07", "1951-04-08")
    post(district, "2026-06-15 09:00", [id_, other])
    number = objected(district, id_, "2026-06-23 20:00")  # the last day still counts
    with pytest.raises(Refused) as waits:
        take(district, CLERK, "2026-06-24 09:00", [id_, other], "publicise")
    assert reason(waits) is Reason.OBJECTION_OPEN
    assert take(district, CLERK, "2026-06-24 09:00", [other], "publicise") == [other]
    decide(district, number, "dismissed", "2026-06-24 10:00")
    assert take(district, CLERK, "2026-06-24 11:00", [id_], "publicise") == [id_]


def test_upheld_the_application_is_refused_with_the_reason(district: Engine):
    [id_] = applied(district, "1950-03-07")
    post(district, "2026-06-15 09:00", [id_])
    first, second = objected(district, id_), objected(district, id_, by=CLERK)
    decide(district, first, "upheld")
    assert due(district, id_) == "refused"
    with district.connect() as conn:
        said = conn.execute(select(enrolment_steps).where(enrolment_steps.c.outcome == "refused")).one()
        assert (said.step, said.reason, said.actor) == ("publicise", "入户核实", "second")
        assert conn.scalars(select(kept.c.outcome).order_by(kept.c.id)).all() == ["upheld", "upheld"]
        assert conn.execute(select(enrolments.c.completed_on, enrolments.c.due_on)).one() == (date(2026, 6, 17), None)
    with pytest.raises(Refused) as again:
        decide(district, second, "dismissed")
    assert reason(again) is Reason.WRONG_STATE


def test_checked_again_the_names_are_posted_anew(district: Engine):
    [id_] = applied(district, "1950-03-07")
    post(district, "2026-06-15 09:00", [id_])
    decide(district, objected(district, id_), "recheck")
    assert due(district, id_) == "village_check"
    for by, step in (*APPROVALS, (ASSESSOR, "assess")):
        take(district, by, "2026-06-25 09:00", [id_], step)
    assert post(district, "2026-06-25 09:00", [id_]) == date(2026, 7, 2)
    take(district, CLERK, "2026-07-03 09:00", [id_], "publicise")
    with district.connect() as conn:
        assert conn.scalars(select(entitlements.c.from_month)).all() == ["2026-08"]
    with pytest.raises(Refused) as late:
        objected(district, id_, "2026-07-04 09:00")
    assert reason(late) is Reason.PUBLICITY_NOT_RUNNING


def test_who_took_it_down_does_not_decide_it_and_no_other_town_does(district: Engine):
    [id_] = applied(district, "1950-03-07")
    post(district, "2026-06-15 09:00", [id_])
    number = objected(district, id_)
    for by, why in (
        (HEAD, Reason.SAME_PERSON),
        (CLERK, Reason.NOT_ALLOWED),
        (officer("x", "town", town="大桥镇"), Reason.NOT_ALLOWED),
    ):
        with pytest.raises(Refused) as refused:
            decide(district, number, "dismissed", by=by)
        assert reason(refused) is why
    with pytest.raises(Refused) as empty, acting(district, "2026-06-17 09:00", by=SECOND_HEAD) as act:
        objections.decide(act, SCHEME, number, "dismissed", " ")
    assert reason(empty) is Reason.BAD_INPUT


def test_before_the_names_are_posted_there_is_nothing_to_object_to(district: Engine):
    [id_] = applied(district, "1950-03-07")
    with pytest.raises(Refused) as early:
        objected(district, id_)
    assert reason(early) is Reason.PUBLICITY_NOT_RUNNING
