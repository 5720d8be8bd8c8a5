"""Questions on a statement: who asks, who answers, what waits for them."""

from __future__ import annotations

import pytest

from settlement.act import Actor
from settlement.audit import audit_rows
from settlement.closing import month, questions, signed
from settlement.closing.tables import statement_questions, statements
from settlement.outcomes import Reason, Refused
from tests.closing.county import (
    AFFAIRS,
    DINGHUO,
    JULY,
    OTHER_TOWN_1,
    SCHEME,
    TOWN_1,
    TOWN_2,
    XIANNV,
    County,
    statement_id,
)
from tests.support import acting, at, officer

WHEN = "2026-08-04 09:00"


@pytest.fixture
def drawn(county: County) -> County:
    """July: two visits of A in one town (one of them too short), one of A in the other, one of B."""
    county.serve("v1", "A", XIANNV, "2026-07-02 09:00", subsidy=4500)
    county.serve("short", "A", XIANNV, "2026-07-03 09:00", seconds=60)
    county.serve("v2", "A", DINGHUO, "2026-07-04 09:00")
    county.serve("v3", "B", XIANNV, "2026-07-05 09:00")
    county.draw(JULY)
    return county


def provider(county: County, code: str) -> Actor:
    return officer(f"provider-{code}", "provider", provider_id=county.providers[code])


def mine(county: County) -> str:
    return statement_id(JULY, county.providers["A"])


def ask(county: County, who: Actor, visit: str | None = "v1", words: str = "这次服务是否做满一小时？") -> int:
    with acting(county.engine, WHEN, who) as act:
        return questions.ask(act, mine(county), visit, words)


def answer(county: County, who: Actor, id: int, words: str = "签到签退相隔六十分钟。") -> None:
    with acting(county.engine, WHEN, who) as act:
        questions.answer(act, id, words)


def close(county: County, who: Actor, id: int) -> None:
    with acting(county.engine, WHEN, who) as act:
        questions.close(act, id)


def verify(county: County, who: Actor = TOWN_1) -> int:
    with acting(county.engine, WHEN, who) as act:
        return month.verify_town(act, SCHEME, JULY, str(who.town))


def refused(reason: Reason, call: object, *arguments: object) -> None:
    with pytest.raises(Refused) as refusal:
        call(*arguments)  # type: ignore[operator]
    assert refusal.value.reason is reason


def test_a_town_verifies_only_when_its_question_is_closed(drawn: County) -> None:
    id = ask(drawn, TOWN_1)
    refused(Reason.QUESTION_OPEN, verify, drawn)
    answer(drawn, provider(drawn, "A"), id)
    refused(Reason.QUESTION_OPEN, verify, drawn)
    assert {row.status for row in drawn.rows(statements, town=XIANNV)} == {"drawn"}
    assert verify(drawn, TOWN_2) == 1  # another town has not asked
    close(drawn, OTHER_TOWN_1, id)
    assert verify(drawn) == 2


def test_the_other_statement_of_the_town_is_not_held_up(drawn: County) -> None:
    ask(drawn, TOWN_1)
    with acting(drawn.engine, WHEN, TOWN_1) as act:
        month.verify_statement(act, statement_id(JULY, drawn.providers["B"]))
    with pytest.raises(Refused), acting(drawn.engine, WHEN, TOWN_1) as act:
        month.verify_statement(act, mine(drawn))
    assert drawn.one(statements, id=mine(drawn)).status == "drawn"


def test_a_question_may_be_closed_without_an_answer(drawn: County) -> None:
    id = ask(drawn, TOWN_1, visit=None)
    close(drawn, TOWN_1, id)
    close(drawn, TOWN_1, id)
    assert verify(drawn) == 2
    refused(Reason.WRONG_STATE, answer, drawn, provider(drawn, "A"), id)


def test_the_districts_question_stops_the_confirmation_only(drawn: County) -> None:
    id = ask(drawn, AFFAIRS)
    assert (verify(drawn), verify(drawn, TOWN_2)) == (2, 1)

    def confirm() -> None:
        with acting(drawn.engine, WHEN, AFFAIRS) as act:
            month.confirm(act, SCHEME, JULY)

    refused(Reason.QUESTION_OPEN, confirm)
    refused(Reason.NOT_ALLOWED, close, drawn, TOWN_1, id)
    close(drawn, AFFAIRS, id)
    confirm()
    assert {row.status for row in drawn.rows(statements)} == {"confirmed"}


def test_a_providers_question_is_answered_by_the_town_and_stops_nobody(drawn: County) -> None:
    own = provider(drawn, "A")
    id = ask(drawn, own, visit="short", words="为什么没有列入？")
    refused(Reason.NOT_ALLOWED, answer, drawn, own, id)
    refused(Reason.NOT_ALLOWED, answer, drawn, TOWN_2, id)
    assert verify(drawn) == 2
    answer(drawn, TOWN_1, id, "服务不足规定时长。")
    refused(Reason.NOT_ALLOWED, close, drawn, TOWN_1, id)
    close(drawn, own, id)
    row = drawn.one(statement_questions)
    assert (row.answer, row.answered_by, questions.state(row)) == ("服务不足规定时长。", "wang", "closed")


def test_an_answer_is_given_once_and_by_the_provider_concerned(drawn: County) -> None:
    id = ask(drawn, TOWN_1)
    refused(Reason.NOT_ALLOWED, answer, drawn, provider(drawn, "B"), id)
    refused(Reason.NOT_ALLOWED, answer, drawn, AFFAIRS, id)
    answer(drawn, provider(drawn, "A"), id)
    refused(Reason.WRONG_STATE, answer, drawn, provider(drawn, "A"), id, "另一种说法")
    assert drawn.one(statement_questions).answer == "签到签退相隔六十分钟。"


def test_only_what_belongs_to_the_statement_can_be_asked_about(drawn: County) -> None:
    refused(Reason.NOT_FOUND, ask, drawn, TOWN_1, "v2")
    refused(Reason.NOT_FOUND, ask, drawn, TOWN_1, "v3")
    refused(Reason.NOT_FOUND, ask, drawn, TOWN_1, "nobody")
    refused(Reason.NOT_ALLOWED, ask, drawn, TOWN_2)
    refused(Reason.NOT_ALLOWED, ask, drawn, provider(drawn, "B"))
    refused(Reason.BAD_INPUT, ask, drawn, TOWN_1, "v1", "  ")
    refused(Reason.BAD_INPUT, ask, drawn, TOWN_1, "v1", "问" * 501)
    assert drawn.rows(statement_questions) == []


def test_words_stay_out_of_the_audit_trail(drawn: County) -> None:
    id = ask(drawn, TOWN_1, words="张某家里没人")
    answer(drawn, provider(drawn, "A"), id, "张某去了医院")
    rows = [row for row in drawn.rows(audit_rows) if row.subject == f"statement:{mine(drawn)}"]
    assert [(row.act, row.after) for row in rows] == [
        ("statement.ask", {"question": id, "visit": "v1"}),
        ("statement.answer", {"question": id}),
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, 0),
        ({"closed_at": None, "closed_by": None}, 1),
        ({"closed_at": at("2026-08-04 09:31")}, 1),
        ({"closed_at": None, "closed_by": None, "asked_at": at("2026-08-04 09:31")}, 0),
        ({"closed_at": None, "closed_by": None, "asked_role": "provider"}, 0),
        ({"closed_at": None, "closed_by": None, "asked_role": "civil_affairs"}, 1),
    ],
)
def test_a_signature_under_an_open_question_is_found(drawn: County, values: dict[str, object], found: int) -> None:
    """Asked and closed at 9:00, verified at 9:30, confirmed at 10:00; then somebody changes the question by hand."""
    close(drawn, TOWN_1, ask(drawn, TOWN_1))
    for who, when in ((TOWN_1, "09:30"), (TOWN_2, "09:30")):
        with acting(drawn.engine, f"2026-08-04 {when}", who) as act:
            month.verify_town(act, SCHEME, JULY, str(who.town))
    with acting(drawn.engine, "2026-08-04 10:00", AFFAIRS) as act:
        month.confirm(act, SCHEME, JULY)
    with acting(drawn.engine, WHEN) as act:
        if values:
            act.conn.execute(statement_questions.update().values(**values))
        findings = [each for each in signed.check(act.conn) if each.code == "signed_under_a_question"]
    assert [each.subject for each in findings] == [f"statement:{mine(drawn)}"] * found
