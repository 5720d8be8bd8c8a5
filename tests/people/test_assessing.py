"""Assessments at home: who is asked, who may answer, and what the answer changes."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from settlement import officers
from settlement.outcomes import Reason, Refused
from settlement.people import assessing, prospects
from settlement.people.assessing import Sheet
from settlement.people.tables import assessment_orders, assessments, entitlements, seniors
from settlement.policy import loader, store
from tests.people.people import ASSESSOR, CLERK, COUNTER, DISTRICT, HEAD, SCHEME, settle
from tests.people.test_ability import sheet
from tests.people.test_enrolment import APPROVALS, applied, due, post, reason, take
from tests.support import RING, acting, officer

OTHER = officer("other", "assessor")


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    with acting(engine, "2026-01-05 09:00") as act:
        for who in (ASSESSOR, OTHER):
            officers.add(act, who.id, "评估员", "assessor")
    return engine


def to_be_assessed(engine: Engine) -> int:
    """Somebody low-income of 76 who has come to the assessment."""
    [id_] = applied(engine, "1950-03-07", level=None)
    for by, step in APPROVALS:
        take(engine, by, "2026-06-10 09:00", [id_], step)
    return id_


def entitled(engine: Engine) -> int:
    """Somebody who gets 150.00 a month from July 2026, assessed on 8 June 2026 at level 2; answers the senior."""
    ids = applied(engine, "1950-03-07", level=2)
    post(engine, "2026-06-15 09:00", ids)
    for by, now, step in (
        (CLERK, "2026-06-24 09:00", "publicise"),
        (COUNTER, "2026-06-26 09:00", "card"),
        (HEAD, "2026-06-28 09:00", "load"),
    ):
        take(engine, by, now, ids, step)
    with engine.connect() as conn:
        return int(conn.scalar(select(seniors.c.id)))


def order(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.scalar(select(assessment_orders.c.id).order_by(assessment_orders.c.id.desc())))


def filled(total: int, on: str, *worse: str) -> Sheet:
    return Sheet(sheet(total), worse, date.fromisoformat(on))


def test_the_assessors_sheet_becomes_the_level_of_the_application(district: Engine):
    id_ = to_be_assessed(district)
    with acting(district, "2026-06-11 09:00", by=DISTRICT) as act:
        assert assessing.order_applicants(act, SCHEME, [id_], ASSESSOR.id) == 1
    with acting(district, "2026-06-11 10:00", by=DISTRICT) as act:
        assert assessing.order_applicants(act, SCHEME, [id_], OTHER.id) == 0  # one under way is enough
    number = order(district)
    with acting(district, "2026-06-12 15:00", by=ASSESSOR) as act:
        judged = assessing.find(act, RING, number, filled(45, "2026-06-12", "events"))
    assert (judged.total, judged.base, judged.level) == (45, 3, 4)
    assert due(district, id_) == "publicise"
    with district.connect() as conn:
        assert conn.execute(select(assessments.c.level, assessments.c.assessor)).one() == (4, "assessor")
        row = conn.execute(select(assessment_orders)).one()
        assert (row.status, row.total, row.level) == ("done", 45, 4)
        assert "events" not in row.sheet_cipher
        kept = assessing.sheet_of(RING, row)
        assert kept is not None and (kept.worse, kept.points["eating"]) == (("events",), 4)


def test_only_the_assessor_who_was_asked_answers(district: Engine):
    id_ = to_be_assessed(district)
    with acting(district, "2026-06-11 09:00", by=DISTRICT) as act:
        assessing.order_applicants(act, SCHEME, [id_], ASSESSOR.id)
    for by, why in ((OTHER, Reason.NOT_FOUND), (HEAD, Reason.NOT_ALLOWED)):
        number = order(district)
        with pytest.raises(Refused) as refused, acting(district, "2026-06-12 15:00", by=by) as act:
            assessing.find(act, RING, number, filled(45, "2026-06-12"))
        assert reason(refused) is why
    number = order(district)
    with pytest.raises(Refused) as tomorrow, acting(district, "2026-06-12 15:00", by=ASSESSOR) as act:
        assessing.find(act, RING, number, filled(45, "2026-06-13"))
    assert reason(tomorrow) is Reason.DAY_IN_FUTURE
    with pytest.raises(Refused) as nobody, acting(district, "2026-06-12 15:00", by=DISTRICT) as act:
        assessing.order_applicants(act, SCHEME, [id_], HEAD.id)
    assert reason(nobody) is Reason.NOT_FOUND


def test_a_reassessment_counts_when_somebody_else_took_it_over(district: Engine):
    senior = entitled(district)
    with acting(district, "2026-09-01 09:00", by=DISTRICT) as act:
        number = assessing.ask(act, SCHEME, senior, "跌倒后不能行走")
        assert assessing.assign(act, [number], ASSESSOR.id) == 1
    number = order(district)
    with acting(district, "2026-09-03 09:00", by=ASSESSOR) as act:
        assessing.find(act, RING, number, filled(31, "2026-09-02"))
    with district.connect() as conn:  # nothing has changed yet
        assert conn.scalars(select(entitlements.c.amount)).all() == [15000]
    number = order(district)
    with acting(district, "2026-09-04 09:00", by=HEAD) as act:
        assert assessing.adopt(act, number).begun == [senior]
    with district.connect() as conn:
        rows = conn.execute(select(entitlements).order_by(entitlements.c.from_month)).all()
        assert [(row.amount, row.from_month, row.to_month) for row in rows] == [
            (15000, "2026-07", "2026-09"),
            (26000, "2026-10", None),
        ]
    number = order(district)
    with pytest.raises(Refused) as twice, acting(district, "2026-09-04 10:00", by=HEAD) as act:
        assessing.adopt(act, number)
    assert reason(twice) is Reason.WRONG_STATE


def amended(engine: Engine, version: str, first: str, before: int, after: int) -> None:
    """The scheme as it will be from a month on."""
    text = loader.builtin_text("jiangdu").replace('version = "2025.2"', f'version = "{version}"')
    text = text.replace('valid_from = "2025-01"', f'valid_from = "{first}"')
    with acting(engine, "2026-06-01 09:00", by=DISTRICT) as act:
        store.store(act, text.replace(f"amount_fen = {before}", f"amount_fen = {after}"))


def test_what_counts_from_next_month_is_reckoned_by_the_scheme_of_next_month(district: Engine):
    """Level 2 gives 170.00 from July, level 3 gives 280.00 from October. Both decisions are made in the month before."""
    amended(district, "2026.1", "2026-07", 15000, 17000)
    senior = entitled(district)
    with district.connect() as conn:
        assert conn.scalars(select(entitlements.c.amount)).all() == [17000]
        told = prospects.decided(conn, SCHEME, [senior], date(2026, 6, 23))
    assert told[senior].amount_fen == 17000
    amended(district, "2026.2", "2026-10", 26000, 28000)
    with acting(district, "2026-09-01 09:00", by=DISTRICT) as act:
        number = assessing.ask(act, SCHEME, senior, "跌倒后不能行走")
        assessing.assign(act, [number], ASSESSOR.id)
    with acting(district, "2026-09-03 09:00", by=ASSESSOR) as act:
        assessing.find(act, RING, number, filled(31, "2026-09-02"))
    with acting(district, "2026-09-04 09:00", by=HEAD) as act:
        assessing.adopt(act, number)
    with district.connect() as conn:
        rows = conn.execute(select(entitlements).order_by(entitlements.c.from_month)).all()
    assert [(row.amount, row.from_month) for row in rows] == [(17000, "2026-07"), (28000, "2026-10")]


def test_a_year_after_the_assessment_another_is_due(district: Engine):
    senior = entitled(district)

    def waiting(day: str) -> list[int]:
        with district.connect() as conn:
            query = assessing.overdue(SCHEME, date.fromisoformat(day)).add_columns(seniors.c.id)
            return list(conn.scalars(query))

    assert (waiting("2027-06-07"), waiting("2027-06-08")) == ([], [senior])
    with acting(district, "2027-06-08 09:00", by=DISTRICT) as act:
        assessing.order_again(act, SCHEME, [senior], ASSESSOR.id)
    assert waiting("2027-06-09") == []
    number = order(district)
    with acting(district, "2027-06-10 09:00", by=DISTRICT) as act:
        assessing.withdraw(act, number, "老人住院")
    assert waiting("2027-06-10") == [senior]


def test_nobody_without_entitlement_is_assessed_again(district: Engine):
    [id_] = applied(district, "1950-03-07", level=2)
    with district.connect() as conn:
        senior = conn.scalar(select(seniors.c.id))
    with pytest.raises(Refused) as refused, acting(district, "2026-06-11 09:00", by=DISTRICT) as act:
        assessing.order_again(act, SCHEME, [senior], ASSESSOR.id)
    assert reason(refused) is Reason.NOT_FOUND
    with pytest.raises(Refused) as not_due, acting(district, "2026-06-11 09:00", by=DISTRICT) as act:
        assessing.order_applicants(act, SCHEME, [id_], ASSESSOR.id)
    assert reason(not_due) is Reason.STEP_NOT_DUE
