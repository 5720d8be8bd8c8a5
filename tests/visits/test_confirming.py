"""A yes or a no to a debit afterwards: who may say it, how often, and what a no does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from settlement.act import Actor
from settlement.closing import explain_visit
from settlement.closing.drawing import Drawing
from settlement.closing.tables import exclusions
from settlement.fraud import deciding
from settlement.outcomes import Reason, Refused
from settlement.people import agents
from settlement.people.scope import holder
from settlement.periods import Month
from settlement.visits import confirming, voiding
from settlement.visits.confirming import DENIED, Confirmation
from settlement.visits.forms import Debit
from settlement.visits.tables import payment_stops, visits
from tests.cards import county
from tests.cards.county import COUNTER, TOWN_CLERK, TOWN_HEAD
from tests.support import acting, at, officer
from tests.visits.test_at_once import at_once
from tests.visits.world import Holder, World, why

DAUGHTER = "13800005678"
EVENING = "2026-07-03 20:00"


def with_agent(world: World, **money: int) -> tuple[Holder, Actor, Actor]:
    """(somebody, who she is on her page, who her daughter is on it)."""
    someone = world.holder(**money)
    with acting(world.engine, "2026-07-01 08:00", COUNTER) as act:
        agent = county.agent(act, someone.senior_id, "王芳", DAUGHTER)
    return someone, holder(someone.senior_id), holder(someone.senior_id, agent)


def paid(world: World, someone: Holder, **facts: Any) -> Debit:
    """30.00 for a visit on the morning of 3 July, which her agent is to confirm."""
    debit = world.debit(world.served(someone, **facts), 3000, consent="agent", medium_id=None)
    assert isinstance(debit, Debit), debit
    return debit


def say(world: World, debit: Debit, who: Actor, by: Any, answer: Any, when: str = EVENING) -> Confirmation | Reason:
    try:
        with acting(world.engine, when, who) as act:
            return confirming.confirm(act, debit.id, by, answer)
    except Refused as refused:
        return refused.reason


def stops(world: World, debit: Debit) -> list[tuple[str, str]]:
    p = payment_stops.c
    with acting(world.engine) as act:
        query = select(p.source, p.status).where(p.visit_id == debit.visit_id)
        return [tuple(row) for row in act.conn.execute(query)]


def waiting(world: World, someone: Holder) -> list[str]:
    with acting(world.engine) as act:
        return [row.id for row in confirming.waiting(act.conn, someone.card_id)]


def test_the_daughter_says_yes(world: World) -> None:
    someone, _, daughter = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    assert waiting(world, someone) == [debit.id]
    for _ in range(2):
        said = say(world, debit, daughter, "agent", "yes")
        assert isinstance(said, Confirmation)
        assert (said.visit_id, said.by, said.answer, said.stopped) == (debit.visit_id, "agent", "yes", False)
    assert waiting(world, someone) == []
    assert say(world, debit, daughter, "agent", "no") is Reason.WRONG_STATE  # whoever thinks better of it complains
    assert stops(world, debit) == []


def test_a_no_keeps_it_out_of_payment_until_a_second_person_has_decided(world: World) -> None:
    someone, herself, daughter = with_agent(world, subsidy=9000)
    debit, other = paid(world, someone), paid(world, someone, when="2026-07-04 09:00")
    say(world, debit, herself, "holder", "yes")
    said = say(world, debit, daughter, "agent", "no")  # she knows better than her mother
    again = say(world, debit, daughter, "agent", "no", "2026-07-05 09:00")
    assert isinstance(said, Confirmation) and said.stopped and again == said
    assert stops(world, debit) == [(DENIED, "open")]
    assert stops(world, other) == []
    with acting(world.engine, "2026-08-01 09:00") as act:
        drawing = Drawing(act, "jiangdu", Month.parse("2026-07"))
        drawing.collect()
        drawing.draw()
        x = exclusions.c
        left_out = act.conn.execute(select(x.reason, x.subsidy_fen).where(x.visit_id == debit.visit_id)).all()
        assert left_out == [(f"payment_stop:{DENIED}", 3000)]
        v = visits.c
        states = dict(act.conn.execute(select(v.id, v.status).where(v.id.in_([debit.visit_id, other.visit_id]))).all())
        assert states == {debit.visit_id: "served", other.visit_id: "paid"}
    with acting(world.engine, "2026-08-02 09:00", TOWN_CLERK) as act:
        assert deciding.uphold(act, debit.visit_id, "nobody was there") == [DENIED]
    assert world.left(someone) == (6000, 0)
    assert say(world, debit, herself, "holder", "yes") is Reason.WRONG_STATE


def test_a_no_to_the_debit_after_the_one_that_was_decided_stops_it_too(world: World) -> None:
    """What the second person let pass was the first debit, taken back since."""
    someone, _, daughter = with_agent(world, subsidy=9000)
    first = paid(world, someone)
    say(world, first, daughter, "agent", "no")
    with acting(world.engine, "2026-07-04 08:00", TOWN_CLERK) as act:
        assert voiding.take_back_debit(act, first.id, "wrong_amount") is None
        deciding.release(act, first.visit_id, "debited anew")
        visit = act.conn.execute(select(visits).where(visits.c.id == first.visit_id)).one()
    second = world.debit(visit, 3000, consent="agent", medium_id=None)
    assert isinstance(second, Debit)
    for who, by in ((daughter, "agent"), (holder(someone.senior_id), "holder")):
        said = say(world, second, who, by, "no", "2026-07-04 20:00")
        assert isinstance(said, Confirmation) and said.stopped
    assert sorted(stops(world, second)) == [(DENIED, "released"), (f"{DENIED}:2", "open")]


def test_the_holders_no_counts_after_the_agents_was_decided(world: World) -> None:
    someone, herself, daughter = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    say(world, debit, daughter, "agent", "no")
    with acting(world.engine, "2026-07-04 08:00", TOWN_CLERK) as act:
        deciding.release(act, debit.visit_id, "she was there")
    said = say(world, debit, herself, "holder", "no", "2026-07-04 20:00")
    assert isinstance(said, Confirmation) and said.stopped


def test_what_was_said_stands_beside_the_debit_when_it_is_explained(world: World) -> None:
    someone, _, daughter = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    say(world, debit, daughter, "agent", "yes")
    with acting(world.engine) as act:
        (visit,) = explain_visit.nodes(act.conn, [debit.visit_id])
    (shown,) = (node for node in visit.children if node.kind == "debit")
    assert shown.facts["同意方式 consent"] == "agent"
    (answer,) = (node.facts for node in shown.children if node.kind == "answer")
    assert answer == {"谁 who": "代理人 agent", "答复 answer": "同意 yes", "凭 by": "page", "时间 at": at(EVENING)}


def test_a_no_after_it_was_paid_or_void_stops_nothing(world: World) -> None:
    """On a statement it takes a complaint and an adjustment; the answer is kept for both."""
    someone, herself, _ = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    with acting(world.engine) as act:
        act.conn.execute(visits.update().where(visits.c.id == debit.visit_id).values(status="paid"))
    said = say(world, debit, herself, "holder", "no")
    assert isinstance(said, Confirmation) and not said.stopped
    assert (stops(world, debit), waiting(world, someone)) == ([], [])


def test_who_may_answer(world: World) -> None:
    someone, herself, daughter = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    _, neighbour, neighbours_son = with_agent(world)
    for who, by in (
        (neighbour, "holder"),
        (neighbours_son, "agent"),
        (daughter, "holder"),
        (herself, "agent"),
        (TOWN_HEAD, "holder"),
        (officer("p", "provider", provider_id=world.ours), "agent"),
    ):
        assert say(world, debit, who, by, "yes") is Reason.NOT_ALLOWED, (who, by)
    assert say(world, debit, herself, "somebody", "yes") is Reason.BAD_INPUT
    assert say(world, debit, herself, "holder", "perhaps") is Reason.BAD_INPUT
    assert waiting(world, someone) == [debit.id]
    with acting(world.engine, EVENING, herself) as act, pytest.raises(Refused) as caught:
        confirming.confirm(act, "no such debit", "holder", "yes")
    assert caught.value.reason is Reason.NOT_FOUND
    with acting(world.engine, EVENING, herself) as act, pytest.raises(Refused) as caught:
        confirming.confirm(act, debit.id, "holder", "yes", card_id=someone.card_id + 1)
    assert caught.value.reason is Reason.NOT_FOUND


def test_what_was_declined_or_taken_back_is_not_confirmed(world: World) -> None:
    someone, herself, _ = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    with acting(world.engine, EVENING) as act:
        assert voiding.take_back_debit(act, debit.id, "mistake") is None
    assert say(world, debit, herself, "holder", "yes") is Reason.WRONG_STATE
    assert waiting(world, someone) == []


def test_said_six_times_at_once_it_is_said_once(world: World) -> None:
    someone, herself, daughter = with_agent(world, subsidy=9000)
    debit = paid(world, someone)
    calls = [lambda: say(world, debit, herself, "holder", "no"), lambda: say(world, debit, daughter, "agent", "no")] * 3
    answers = at_once(calls)
    assert all(isinstance(answer, Confirmation) and answer.stopped for answer in answers)
    assert stops(world, debit) == [(DENIED, "open")]
    with acting(world.engine) as act:
        assert len(confirming.said_of(act.conn, [debit.id])[debit.id]) == 2


def test_an_agent_agrees_only_while_the_senior_wants_one(world: World) -> None:
    """Judged by the time of the debit: withdrawn on the 5th, the debit of the 3rd that arrives on the 6th still counts."""
    someone, herself, daughter = with_agent(world, subsidy=9000)
    third, fifth = world.served(someone), world.served(someone, when="2026-07-05 09:00")
    with acting(world.engine, "2026-07-05 08:00", herself) as act:
        agents.withdraw(act, int(daughter.id.rpartition(":")[2]), "no longer wanted")
    facts: dict[str, Any] = {"consent": "agent", "medium_id": None, "arrives": "2026-07-06 20:00"}
    assert why(world.debit(third, 3000, **facts)) is None
    assert why(world.debit(fifth, 3000, **facts)) is Reason.CONSENT_NOT_PROVED
    early = world.served(someone, when="2026-06-30 09:00")
    assert why(world.debit(early, 3000, **facts)) is Reason.CONSENT_NOT_PROVED
