"""The same button pressed at the same moment: one complaint, one decision, one order, one agent, one announcement."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from time import sleep
from typing import Any

import pytest
from sqlalchemy import func, select

from settlement.act import Act
from settlement.closing.drawing import Drawing
from settlement.fraud import deciding
from settlement.messages import announce
from settlement.outcomes import Reason, Refused
from settlement.people import agents
from settlement.people.scope import holder
from settlement.periods import Month
from settlement.supervision import complaints
from settlement.visits import bookings, voiding
from settlement.visits.forms import Debit
from settlement.visits.tables import debits, payment_stops, visits, work_orders
from tests.cards.county import COUNTER, TOWN_HEAD
from tests.messages.world import stored, with_phone
from tests.support import RING, acting, at, officer
from tests.visits.test_at_once import at_once
from tests.visits.world import CLEANING, DISTRICT, Holder, World


def debited(world: World) -> tuple[Holder, str]:
    someone = world.holder(9000)
    debit = world.debit(world.served(someone), 3000)
    assert isinstance(debit, Debit)
    return someone, debit.id


def outcome(call: Any) -> Any:
    try:
        return call()
    except Refused as refusal:
        return refusal.reason


def test_a_complaint_is_opened_once_and_decided_once(world: World) -> None:
    someone, debit_id = debited(world)

    def say() -> int:
        with acting(world.engine, "2026-07-04 09:00", holder(someone.senior_id)) as act:
            return complaints.open_(act, someone.senior_id, f"debit:{debit_id}", "not_served")

    numbers = set(at_once([say] * 4))
    assert len(numbers) == 1
    with world.engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(payment_stops)).scalar_one() == 1

    def decide(who: Any, what: str) -> str:
        with acting(world.engine, "2026-07-05 09:00", who) as act:
            return complaints.decide(act, min(numbers), what, "已核实")

    answers = at_once(
        [lambda: outcome(lambda: decide(TOWN_HEAD, "upheld")), lambda: outcome(lambda: decide(DISTRICT, "rejected"))]
    )
    assert answers in (["voided", Reason.WRONG_STATE], [Reason.WRONG_STATE, "none"])
    assert world.left(someone) == ((9000, 0) if answers[0] == "voided" else (6000, 0))


def test_an_objection_while_a_close_draws_its_statements_comes_before_or_after(world: World) -> None:
    """After: the visit is paid, and no stop stands open beside it."""
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    someone, debit_id = debited(world)

    def say() -> int:
        with acting(world.engine, "2026-08-01 09:01", holder(someone.senior_id)) as act:
            return complaints.open_(act, someone.senior_id, f"debit:{debit_id}", "not_served")

    with ThreadPoolExecutor(1) as pool:
        with acting(world.engine, "2026-08-01 09:00") as act:
            drawing = Drawing(act, "jiangdu", Month.parse("2026-07"))
            drawing.collect()
            drawing.draw()
            said = pool.submit(say)
            wait([said], 0.3)
        said.result()
    with world.engine.connect() as conn:
        p = payment_stops.c
        query = select(visits.c.status, func.count(p.id)).join(debits, debits.c.visit_id == visits.c.id)
        query = query.outerjoin(payment_stops, p.visit_id == visits.c.id).where(debits.c.id == debit_id)
        assert conn.execute(query.group_by(visits.c.status)).one() == ("paid", 0)


def test_a_complaint_and_its_payment_stop_decided_at_once_take_turns(world: World) -> None:
    """One officer decides the complaint, another the stop that it placed: whoever is later finds it decided."""
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    someone, debit_id = debited(world)
    with acting(world.engine, "2026-07-04 09:00", holder(someone.senior_id)) as act:
        id = complaints.open_(act, someone.senior_id, f"debit:{debit_id}", "not_served")
        visit_id = act.conn.execute(select(debits.c.visit_id).where(debits.c.id == debit_id)).scalar_one()
    begun = Event()

    def slowly(act: Act, visit_id: str, reason: str) -> object:
        answer = voiding.void(act, visit_id, reason)
        begun.set()
        sleep(0.5)  # the other one comes as far as they can
        return answer

    def decide() -> str:
        with acting(world.engine, "2026-07-05 09:00", TOWN_HEAD) as act:
            return complaints.decide(act, id, "upheld", "已核实", void=slowly)

    def uphold() -> Any:
        begun.wait(10)
        with acting(world.engine, "2026-07-05 09:00", DISTRICT) as act:
            return deciding.uphold(act, visit_id, "已核实")

    answers = at_once([decide, lambda: outcome(uphold)])
    assert answers == ["voided", Reason.WRONG_STATE]
    assert world.left(someone) == (9000, 0)


def test_a_booking_pressed_four_times_is_one(world: World) -> None:
    someone = world.holder()

    def ask() -> int:
        with acting(world.engine, "2026-07-03 09:00", holder(someone.senior_id)) as act:
            return bookings.ask(act, someone.senior_id, [CLEANING])

    assert len(set(at_once([ask] * 4))) == 1


def test_two_providers_accept_one_booking_and_one_of_them_has_it(world: World) -> None:
    someone = world.holder()
    with acting(world.engine, "2026-07-03 09:00", holder(someone.senior_id)) as act:
        id = bookings.ask(act, someone.senior_id, [CLEANING])

    def accept(provider: int) -> str:
        with acting(world.engine, "2026-07-03 10:00", officer(f"p{provider}", "provider", provider_id=provider)) as act:
            return bookings.accept(act, id, provider, at("2026-07-10 09:00"), 60)

    answers = at_once([lambda p=p: outcome(lambda: accept(p)) for p in (world.ours, world.theirs)])
    assert sorted(map(str, answers)) in (
        ["Reason.NOT_ALLOWED", f"booked-{id}"],
        ["Reason.WRONG_STATE", f"booked-{id}"],
    )
    with world.engine.connect() as conn:
        orders = select(work_orders.c.provider_id).where(work_orders.c.senior_id == someone.senior_id)
        assert conn.execute(orders).scalar_one() == (world.ours, world.theirs)[answers.index(f"booked-{id}")]


def test_one_telephone_appointed_at_two_counters(world: World) -> None:
    someone = world.holder()

    def appoint() -> int:
        with acting(world.engine, by=COUNTER) as act:
            return agents.appoint(act, RING, someone.senior_id, "王小红", "13800001111", "child", "in_person")

    answers = at_once([lambda: outcome(appoint)] * 3)
    assert answers.count(Reason.AGENT_KNOWN) == 2


def test_two_schedulers_announce_a_debit_once(world: World) -> None:
    for number in range(5):
        someone, _ = debited(world)
        with acting(world.engine) as act:
            with_phone(act, someone.senior_id, f"1380000{number:04d}")

    def tell() -> int:
        with acting(world.engine, "2026-07-03 18:00") as act:
            return announce.debits(act, RING)

    at_once([tell] * 3)
    assert len(stored(world.engine, kind="debit")) == 5
    assert tell() == 0
