"""The outbox: where a message goes, that it goes once, and what becomes of it when the carrier fails."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select, update

from settlement.act import Act
from settlement.audit import audit_rows
from settlement.messages import outbox
from settlement.messages.carrier import Failed, Rejected, Sent
from settlement.messages.outbox import Delivered
from settlement.messages.tables import messages
from settlement.outcomes import Reason, Refused
from settlement.people import agents
from settlement.people.scope import holder
from settlement.people.tables import seniors
from settlement.providers import caregivers
from settlement.providers.tables import providers
from tests.cards.county import COUNTER, TOWN_CLERK, senior
from tests.messages.world import Carrier, deliver, stored, with_agent, with_phone
from tests.support import RING, acting, at, officer

MOBILE, LAND_LINE, DAUGHTER = "13800001111", "051486801234", "13900002222"
NOON = "2026-07-03 12:00"


def put(act: Act, senior_id: int, subject: str = "debit:1", to: str = "senior", **more: object) -> outbox.Queued:
    return outbox.put(act, RING, senior_id=senior_id, to=to, kind="debit", zh="扣款30元", subject=subject, **more)  # type: ignore[arg-type]


def queued(engine: Engine, phone: str | None = MOBILE, subject: str = "debit:1", when: str = NOON) -> outbox.Queued:
    with acting(engine, when) as act:
        someone = senior(act)
        return put(act, with_phone(act, someone, phone) if phone else someone, subject)


def hire(engine: Engine, phone: str) -> None:
    with acting(engine, by=officer("district", "civil_affairs")) as act:
        row = {"code": "P1", "name": "安康", "bank_name": "b", "bank_account": "1", "created_at": act.now}
        provider = act.conn.execute(providers.insert().values(row).returning(providers.c.id)).scalar_one()
        caregivers.employ(act, RING, provider, "0001", "李秀兰", phone=phone, from_day=date(2026, 1, 1))


# -- where it goes ------------------------------------------------------------------------------------------------------------
def test_a_mobile_gets_a_text_a_land_line_a_call_and_nobody_paper(engine: Engine) -> None:
    assert (queued(engine).channel, queued(engine, LAND_LINE, "debit:2").channel) == ("sms", "voice")
    nothing = queued(engine, None, "debit:3")
    assert (nothing.channel, nothing.phone) == ("paper", None)
    assert queued(engine, MOBILE, "debit:4").phone == "138****1111"
    carrier = Carrier()
    assert deliver(engine, carrier, NOON) == Delivered(sent=3)
    assert carrier.said == [
        ("sms", MOBILE, "扣款30元"),
        ("voice", LAND_LINE, "扣款30元"),
        ("sms", MOBILE, "扣款30元"),
    ]
    assert [row.status for row in stored(engine)] == ["sent", "sent", "paper", "sent"]


def test_telephone_and_text_lie_encrypted(engine: Engine) -> None:
    queued(engine)
    (row,) = stored(engine)
    assert MOBILE not in str(row) and "扣款" not in str(row)
    with engine.connect() as conn:
        assert MOBILE not in str(conn.execute(select(audit_rows)).all())


def test_a_caregivers_telephone_is_never_announced_to(engine: Engine) -> None:
    """Who wants to debit unseen gives the own telephone as the senior's, or as an agent's."""
    hire(engine, MOBILE)
    assert queued(engine).channel == "paper"
    with acting(engine, NOON) as act:
        mother = senior(act)
    with_agent(engine, mother, MOBILE)
    with acting(engine, NOON) as act:
        assert put(act, mother, "debit:2", "agent").channel == "paper"
    assert deliver(engine, Carrier(), NOON) == Delivered()


def test_to_the_agent(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother, other = with_phone(act, senior(act), MOBILE), senior(act)
    first, second = with_agent(engine, mother, DAUGHTER), with_agent(engine, mother, "13900003333")
    with acting(engine, NOON) as act:
        assert put(act, mother, to="agent").phone == "139****2222"
        assert put(act, mother, to="agent", agent_id=second).phone == "139****3333"
        with pytest.raises(Refused):
            put(act, other, to="agent")
        with pytest.raises(Refused):
            put(act, other, to="agent", agent_id=first)
    with acting(engine, by=COUNTER) as act:
        agents.withdraw(act, first, "")
    with acting(engine, NOON) as act, pytest.raises(Refused):
        put(act, mother, "debit:9", "agent", agent_id=first)


def test_whose_right_has_ended_is_told_nothing_any_more(engine: Engine) -> None:
    """Left at night for the morning, or given up and tried again: what is the senior's own does not go to who is an agent no longer."""
    with acting(engine, NOON) as act:
        mother = senior(act)
    daughter, son = with_agent(engine, mother, DAUGHTER), with_agent(engine, mother, "13900003333")
    with acting(engine, "2026-07-03 22:00") as act:
        put(act, mother, to="agent", agent_id=daughter)
        put(act, mother, to="agent", agent_id=son)
    with acting(engine, "2026-07-04 07:00", COUNTER) as act:
        agents.withdraw(act, daughter, "")
    carrier = Carrier()
    assert deliver(engine, carrier, "2026-07-04 08:00") == Delivered(sent=1, given_up=1)
    assert [phone for _, phone, _ in carrier.said] == ["13900003333"]
    assert [(row.status, row.error) for row in stored(engine)] == [("given_up", "agent ended"), ("sent", None)]


def test_the_same_again_is_the_first_message(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother = with_phone(act, senior(act), MOBILE)
        first = put(act, mother)
    with acting(engine, NOON) as act:
        assert put(act, mother).id == first.id
        assert put(act, mother, "debit:2").id != first.id
    assert len(stored(engine)) == 2


def test_who_may_leave_a_message(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother, other = with_phone(act, senior(act), MOBILE), senior(act)
    with acting(engine, NOON, holder(mother)) as act:
        put(act, mother)
    for who, whose in ((holder(other), mother), (officer("p", "provider", provider_id=1), mother)):
        with pytest.raises(Refused) as caught, acting(engine, NOON, who) as act:
            put(act, whose, "debit:5")
        assert caught.value.reason is Reason.NOT_ALLOWED


def test_nobody_is_called_at_night_except_for_a_code(engine: Engine) -> None:
    for number, when in enumerate(("2026-07-03 21:00", "2026-07-04 07:59", "2026-07-04 08:00")):
        queued(engine, subject=f"debit:{number}", when=when)
    with acting(engine, "2026-07-03 23:00") as act:
        mother = with_phone(act, senior(act), MOBILE)
        outbox.put(act, RING, senior_id=mother, to="senior", kind="code", zh="验证码 123456", subject="code:1")
    carrier = Carrier()
    assert deliver(engine, carrier, "2026-07-03 23:00") == Delivered(sent=1)
    assert carrier.said == [("sms", MOBILE, "验证码 123456")]
    assert deliver(engine, carrier, "2026-07-04 07:59") == Delivered()
    assert deliver(engine, carrier, "2026-07-04 08:00") == Delivered(sent=3)


# -- what becomes of it -------------------------------------------------------------------------------------------------------
def test_a_code_is_forgotten_once_it_is_sent_and_never_sent_late(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother = with_phone(act, senior(act), MOBILE)
        five = timedelta(minutes=5)
        code = {"senior_id": mother, "to": "senior", "kind": "code", "zh": "验证码 123456", "lives": five}
        first = outbox.put(act, RING, subject="code:1", **code)  # type: ignore[arg-type]
        outbox.put(act, RING, subject="code:2", **code)  # type: ignore[arg-type]
    carrier = Carrier()
    assert deliver(engine, carrier, NOON, only=first.id) == Delivered(sent=1)
    assert deliver(engine, carrier, "2026-07-03 12:05") == Delivered(given_up=1)
    assert len(carrier.handed) == 1
    assert [(row.status, row.error, row.text_cipher) for row in stored(engine)] == [
        ("sent", None, None),
        ("given_up", "expired", None),
    ]


def test_a_failure_is_tried_again_with_growing_pauses_and_given_up_in_sight(engine: Engine) -> None:
    """Six attempts: at once, then after 1, 5, 30 minutes, 2 hours and 12; the last falls into the night and waits for the morning."""
    id = queued(engine, when="2026-07-03 09:00").id
    carrier = Carrier(answers=[Failed("timeout")] * 6)
    times = [at("2026-07-03 09:00")]
    while (row := stored(engine)[0]).status != "given_up":
        assert len(times) < 7
        assert deliver(engine, carrier, row.next_attempt_at - timedelta(seconds=1)) == Delivered()
        deliver(engine, carrier, row.next_attempt_at)
        times.append(row.next_attempt_at)
    assert times[1:] == [
        at(moment)
        for moment in (
            "2026-07-03 09:00",
            "2026-07-03 09:01",
            "2026-07-03 09:06",
            "2026-07-03 09:36",
            "2026-07-03 11:36",
            "2026-07-04 08:00",
        )
    ]
    assert (row.attempts, row.error) == (6, "timeout")
    assert {message.reference for message in carrier.handed} == {f"songbai-{id}"}
    with engine.connect() as conn:
        assert [m.id for m in outbox.listing(conn, status="given_up")] == [id]

    with acting(engine, "2026-07-04 09:00", officer("h", "hotline")) as act:
        outbox.retry(act, id)
    assert deliver(engine, carrier, "2026-07-04 09:00") == Delivered(sent=1)
    for who, reason in ((officer("h", "hotline"), Reason.WRONG_STATE), (TOWN_CLERK, Reason.NOT_ALLOWED)):
        with pytest.raises(Refused) as caught, acting(engine, NOON, who) as act:
            outbox.retry(act, id)
        assert caught.value.reason is reason


def test_the_carrier_may_ask_for_more_patience_and_may_refuse_for_good(engine: Engine) -> None:
    queued(engine)
    carrier = Carrier(answers=[Failed("http 429", timedelta(hours=2))])
    assert deliver(engine, carrier, NOON) == Delivered(waiting=1)
    assert stored(engine)[0].next_attempt_at == at("2026-07-03 14:00")
    carrier.answers = [Rejected("http 422")]
    assert deliver(engine, carrier, "2026-07-03 14:00") == Delivered(given_up=1)
    assert (stored(engine)[0].error, stored(engine)[0].attempts) == ("http 422", 2)


def test_while_the_carrier_is_down_the_rest_waits_untouched(engine: Engine) -> None:
    for number in range(5):
        queued(engine, subject=f"debit:{number}")
    carrier = Carrier(answers=[Failed("ConnectError")] * 9)
    assert deliver(engine, carrier, NOON) == Delivered(waiting=3)
    assert [row.attempts for row in stored(engine)] == [1, 1, 1, 0, 0]


def test_at_most_so_many(engine: Engine) -> None:
    for number in range(3):
        queued(engine, subject=f"debit:{number}")
    assert deliver(engine, Carrier(), NOON, limit=2) == Delivered(sent=2)


def test_killed_after_the_carrier_took_it_the_repeat_names_the_same_reference(engine: Engine) -> None:
    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    queued(engine)
    carrier = Carrier(meanwhile=killed)
    with pytest.raises(Killed):
        deliver(engine, carrier, NOON)
    carrier.meanwhile = None
    assert deliver(engine, carrier, "2026-07-03 12:00:59") == Delivered()  # its lease is not over
    assert deliver(engine, carrier, "2026-07-03 12:01:00") == Delivered(sent=1)
    assert carrier.handed[0] == carrier.handed[1]


def test_a_message_that_cannot_be_read_is_given_up_and_holds_nobody_up(engine: Engine) -> None:
    queued(engine)
    queued(engine, subject="debit:2")
    with engine.begin() as conn:
        first = update(messages).where(messages.c.subject == "debit:1")
        conn.execute(first.values(text_cipher=RING.encrypt("x", "elsewhere")))
    assert deliver(engine, Carrier(), NOON) == Delivered(sent=1, given_up=1)
    assert [row.error for row in stored(engine)] == ["unreadable", None]


def test_a_message_that_kills_its_deliverer_every_time_is_not_tried_for_ever(engine: Engine) -> None:
    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    queued(engine)
    carrier = Carrier(meanwhile=killed)
    for minute in range(6):
        with pytest.raises(Killed):
            deliver(engine, carrier, at(NOON) + timedelta(minutes=minute))
    assert deliver(engine, carrier, "2026-07-03 12:06") == Delivered(given_up=1)
    assert (stored(engine)[0].error, len(carrier.handed)) == ("interrupted", 6)


def test_who_lost_the_lease_does_not_overwrite_what_the_other_wrote(engine: Engine) -> None:
    queued(engine)
    other = Carrier(answers=[Sent("other")])
    slow = Carrier(
        answers=[Failed("timeout")], meanwhile=lambda: str(deliver(engine, other, "2026-07-03 12:01:00")) and None
    )
    deliver(engine, slow, NOON)
    assert [(row.status, row.carrier_id, row.attempts) for row in stored(engine)] == [("sent", "other", 2)]


def test_four_deliverers_at_once_hand_each_message_over_once(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother = with_phone(act, senior(act), MOBILE)
        for number in range(40):
            put(act, mother, f"debit:{number}")
    carriers = [Carrier() for _ in range(4)]
    threads = [threading.Thread(target=deliver, args=(engine, carrier, NOON)) for carrier in carriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handed = [message.reference for carrier in carriers for message in carrier.handed]
    assert len(handed) == len(set(handed)) == 40
    assert {row.status for row in stored(engine)} == {"sent"}


def test_somebody_who_died_is_not_called(engine: Engine) -> None:
    with acting(engine, NOON) as act:
        mother = with_phone(act, senior(act), MOBILE)
        act.conn.execute(update(seniors).where(seniors.c.id == mother).values(died_on=date(2026, 7, 1)))
        assert put(act, mother).channel == "paper"
