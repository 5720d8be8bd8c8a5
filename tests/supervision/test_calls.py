"""Who calls: asked what only the card's holder knows, a few times a day; nothing is said before, and nothing of what was wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine, select, update

from settlement.act import Actor
from settlement.audit import audit_rows
from settlement.cards import book
from settlement.cards.tables import media
from settlement.outcomes import Reason, Refused
from settlement.people.register import ID_LAST4, PHONE
from settlement.people.tables import seniors
from settlement.supervision import calls, complaints, knowing
from settlement.supervision.tables import hotline_calls
from settlement.visits import bookings
from tests.cards import county
from tests.cards.county import COUNTER
from tests.support import RING, acting, officer
from tests.visits.test_at_once import at_once
from tests.visits.world import CLEANING, Debit, Holder, World

HOTLINE: Actor = officer("lu", "hotline")
SECOND: Actor = officer("he", "hotline")
MORNING = "2026-07-15 09:00"
MOBILE, DAUGHTER = "13800005678", "13900001234"


@pytest.fixture
def her(world: World) -> Holder:
    """Born on 1 March 1948, identity number ending 002X, mobile …5678, emergency contact 王小红; visited and debited 30.00 on 3 July."""
    someone = world.holder(subsidy=9000)
    known = {"id_last4_index": RING.index("002X", ID_LAST4), "emergency_name": "王小红"}
    known |= {"phone_cipher": RING.encrypt(MOBILE, PHONE), "phone_index": RING.index(MOBILE, PHONE)}
    with world.engine.begin() as conn:
        conn.execute(update(seniors).where(seniors.c.id == someone.senior_id).values(known))
    assert isinstance(world.debit(world.served(someone, when="2026-07-03 09:00"), 3000), Debit)
    return someone


def right(world: World, someone: Holder) -> dict[str, str]:
    """The answers to whatever may be asked."""
    with world.engine.connect() as conn:
        number = conn.scalar(select(media.c.card_no).where(media.c.id == someone.medium_id)) or ""
    known = {"id_last4": "002x", "birth_date": "1948-03-01", "card_last4": number[-4:], "phone_last4": "5678"}
    return known | {"emergency_name": " 王 小红", "last_visit": "2026-07-04", "last_debit": "30"}


def begin(world: World, someone: Holder, when: str = MORNING, by: Actor = HOTLINE, caller: str = "senior") -> int:
    with acting(world.engine, when, by) as act:
        return calls.begin(act, RING, someone.senior_id, caller)


def tried(world: World, call_id: int, given: dict[str, str], when: str = MORNING, by: Actor = HOTLINE) -> Reason | None:
    with acting(world.engine, when, by) as act:
        answer = calls.answer(act, RING, call_id, given)
    return None if answer is None else answer.reason


def refused(world: World, call_id: int, when: str = MORNING, by: Actor = HOTLINE) -> Reason:
    with pytest.raises(Refused) as caught, acting(world.engine, when, by) as act:
        calls.report_lost(act, call_id)
    return caught.value.reason


# -- the questions ----------------------------------------------------------------------------------------------------------------
def test_three_are_asked_the_same_all_day_and_always_the_identity_number(world: World, her: Holder) -> None:
    with acting(world.engine) as act:
        asked = {
            day: knowing.drawn(act.conn, RING, her.senior_id, replace(act, now=act.now.replace(day=day)).now)
            for day in range(1, 29)
        }
        again = knowing.drawn(act.conn, RING, her.senior_id, act.now)
    assert again == asked[1]
    assert {len(codes) for codes in asked.values()} == {3}
    assert {codes[0] for codes in asked.values()} == {"id_last4"}
    assert len({tuple(codes) for codes in asked.values()}) > 3  # other days ask other things
    assert {code for codes in asked.values() for code in codes} == set(knowing.QUESTIONS)


def test_only_what_is_on_record_is_asked(world: World) -> None:
    bare = world.holder()
    with acting(world.engine) as act:
        asked = set(knowing.drawn(act.conn, RING, bare.senior_id, act.now))
    assert asked == {"id_last4", "birth_date", "card_last4"}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("id_last4", "0021"),
        ("birth_date", "1948-03-02"),
        ("birth_date", "1 March"),
        ("card_last4", "0000"),
        ("phone_last4", "8765"),
        ("emergency_name", "王小"),
        ("last_visit", "2026-07-05"),  # two days beside
        ("last_debit", "30.01"),
        ("last_debit", ""),
    ],
)
def test_one_wrong_answer_is_enough(world: World, her: Holder, code: str, wrong: str) -> None:
    given = right(world, her)
    with acting(world.engine) as act:
        assert knowing.knows(act.conn, RING, her.senior_id, list(knowing.QUESTIONS), given)
        assert not knowing.knows(act.conn, RING, her.senior_id, [code], given | {code: wrong})
        del given[code]
        assert not knowing.knows(act.conn, RING, her.senior_id, [code], given)


# -- tries ------------------------------------------------------------------------------------------------------------------------
def test_who_answers_rightly_may_ask_for_things_and_nobody_before(world: World, her: Holder) -> None:
    call_id = begin(world, her)
    assert refused(world, call_id) is Reason.CALL_NOT_OPEN
    assert tried(world, call_id, right(world, her)) is None
    with acting(world.engine, MORNING, HOTLINE) as act:
        booking = calls.ask(act, call_id, [CLEANING], "", date(2026, 7, 20))
        complaint = calls.complain(act, call_id, "service", "rude", "说话难听")
        calls.report_lost(act, call_id)
        assert book.get(act.conn, her.card_id).status == "lost"
        (asked,) = bookings.listing(act.conn, senior_id=her.senior_id)
        assert (asked.id, asked.items, asked.said_by) == (booking, [CLEANING], "senior")
        assert complaints.get(act.conn, complaint).said_by == "senior"


def test_three_wrong_tries_a_day_whoever_calls_and_whoever_answers(world: World, her: Holder) -> None:
    wrong = dict.fromkeys(knowing.QUESTIONS, "0")
    first = begin(world, her)
    assert tried(world, first, wrong) is Reason.CALLER_WRONG
    second = begin(world, her, "2026-07-15 11:00", SECOND)
    assert tried(world, second, wrong, "2026-07-15 11:00", SECOND) is Reason.CALLER_WRONG
    third = begin(world, her, "2026-07-15 12:00")
    assert tried(world, third, wrong, "2026-07-15 12:00") is Reason.CALLER_LOCKED
    # Also the right answers, in a call that was begun before, and no new call.
    assert tried(world, second, right(world, her), "2026-07-15 11:20", SECOND) is Reason.CALLER_LOCKED
    with pytest.raises(Refused) as caught:
        begin(world, her, "2026-07-15 13:00")
    assert caught.value.reason is Reason.CALLER_LOCKED
    # 24 hours after the tries of 09:00 and 11:00 there are two again.
    late = begin(world, her, "2026-07-16 11:01")
    assert tried(world, late, right(world, her), "2026-07-16 11:01") is None


def test_a_try_says_how_many_are_left_and_not_what_was_wrong(world: World, her: Holder) -> None:
    call_id, given = begin(world, her), right(world, her) | {"id_last4": "1111"}
    with acting(world.engine, MORNING, HOTLINE) as act:
        answer = calls.answer(act, RING, call_id, given)
    assert answer is not None and answer.details == {"left": 2}
    with world.engine.connect() as conn:
        noted = str(conn.execute(select(audit_rows).where(audit_rows.c.act.like("call.%"))).all())
        kept = str(conn.execute(select(hotline_calls)).all())
    assert not [text for text in ("1111", "002", "5678", "1948", "王") if text in noted + kept]


def test_many_calls_at_once_try_no_more_often(world: World, her: Holder) -> None:
    ids = [begin(world, her) for _ in range(6)]
    wrong = dict.fromkeys(knowing.QUESTIONS, "0")
    answers = at_once([lambda id=id: tried(world, id, wrong) for id in ids])
    assert sorted(answers, key=str) == [Reason.CALLER_LOCKED] * 4 + [Reason.CALLER_WRONG] * 2
    with world.engine.connect() as conn:
        assert sum(conn.execute(select(hotline_calls.c.wrong)).scalars()) == calls.TRIES


# -- whose call, how long ---------------------------------------------------------------------------------------------------------
def test_a_call_is_its_officers_and_ends(world: World, her: Holder) -> None:
    call_id = begin(world, her)
    with pytest.raises(Refused) as caught:
        tried(world, call_id, right(world, her), by=SECOND)
    assert caught.value.reason is Reason.NOT_FOUND
    assert tried(world, call_id, right(world, her)) is None
    assert refused(world, call_id, by=SECOND) is Reason.NOT_FOUND
    assert refused(world, call_id, by=COUNTER) is Reason.NOT_ALLOWED
    assert refused(world, call_id, "2026-07-15 09:30") is Reason.CALL_NOT_OPEN  # half an hour later
    with acting(world.engine, "2026-07-15 09:29", HOTLINE) as act:
        calls.end(act, call_id)
        calls.end(act, call_id)
    assert refused(world, call_id, "2026-07-15 09:29") is Reason.CALL_NOT_OPEN


def test_questions_that_were_not_answered_in_time_are_over(world: World, her: Holder) -> None:
    call_id = begin(world, her)
    with pytest.raises(Refused) as caught:
        tried(world, call_id, right(world, her), "2026-07-15 09:30")
    assert caught.value.reason is Reason.CALL_NOT_OPEN


def test_an_agent_names_the_telephone_on_record_besides(world: World, her: Holder) -> None:
    with acting(world.engine, "2026-07-01 09:00", COUNTER) as act:
        agent = county.agent(act, her.senior_id, "李国强", DAUGHTER)
    call_id = begin(world, her, caller="agent")
    assert tried(world, call_id, right(world, her)) is Reason.CALLER_WRONG
    assert tried(world, call_id, right(world, her) | {calls.AGENT_PHONE: "139 0000 1234"}) is None
    with acting(world.engine, MORNING, HOTLINE) as act:
        number = calls.complain(act, call_id, "service", "rude", "")
        assert complaints.get(act.conn, number).said_by == "agent"
        assert calls.taken(act.conn, call_id, "lu").agent_id == agent


def test_nobody_else_takes_calls_and_nobody_calls_about_no_card(engine: Engine, world: World, her: Holder) -> None:
    for who in (COUNTER, officer("d", "civil_affairs")):
        with pytest.raises(Refused) as caught:
            begin(world, her, by=who)
        assert caught.value.reason is Reason.NOT_ALLOWED
    with acting(engine) as act:
        without = Holder(county.senior(act), 0, 0, 0, 0)
    for someone, caller, reason in ((without, "senior", Reason.NOT_FOUND), (her, "neighbour", Reason.BAD_INPUT)):
        with pytest.raises(Refused) as caught:
            begin(world, someone, caller=caller)
        assert caught.value.reason is reason
