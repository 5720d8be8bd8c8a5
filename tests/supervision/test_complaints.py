"""Complaints: who may say what, what is kept out of payment meanwhile, who decides, and how it is put right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, insert, select, update

from settlement.act import Act, Actor
from settlement.closing import adjusting
from settlement.db import reading
from settlement.outcomes import Declined, Reason, Refused
from settlement.people.scope import holder
from settlement.supervision import complaints
from settlement.visits import correcting, voiding
from settlement.visits.correcting import Proposal
from settlement.visits.forms import Debit, Visit
from settlement.visits.tables import debits, door_events, payment_stops, visits
from tests.cards.county import TOWN, TOWN_CLERK, TOWN_HEAD
from tests.support import RING, acting, at, officer
from tests.visits.hatch import DAY_CARE, hatch, sold
from tests.visits.world import DISTRICT, Holder, World

HOTLINE = officer("hot", "hotline")
SUNDAY = "2026-07-05 10:00"


def debited(world: World) -> tuple[Holder, Visit, Debit]:
    """150 yuan on the card, 30 of them debited for an hour's cleaning on 3 July."""
    someone = world.holder(15_000)
    visit = world.served(someone)
    debit = world.debit(visit, 3000)
    assert isinstance(debit, Debit)
    assert world.left(someone) == (12_000, 0)
    return someone, visit, debit


def say(world: World, someone: Holder, subject: str, kind: str = "not_served", **more: Any) -> int:
    when, by = more.pop("when", SUNDAY), more.pop("who", holder(someone.senior_id))
    with acting(world.engine, when, by) as act:
        return complaints.open_(act, someone.senior_id, subject, kind, **more)


def decide(world: World, id: int, outcome: str, who: Actor = TOWN_HEAD, **more: Any) -> str:
    with acting(world.engine, "2026-07-06 09:00", who) as act:
        return complaints.decide(act, id, outcome, more.pop("why", "已核实"), **more)


def refused(world: World, reason: Reason, what: Any, *words: Any, **more: Any) -> None:
    with pytest.raises(Refused) as caught:
        what(world, *words, **more)
    assert caught.value.reason is reason


def stops(world: World) -> list[tuple[str, str]]:
    with reading(world.engine) as conn:
        query = select(payment_stops.c.source, payment_stops.c.status).order_by(payment_stops.c.id)
        return [(row.source, row.status) for row in conn.execute(query)]


def visit_row(world: World, id: str) -> Row[Any]:
    with reading(world.engine) as conn:
        return conn.execute(select(visits).where(visits.c.id == id)).one()


def test_nobody_came_and_the_money_comes_back(world: World) -> None:
    someone, visit, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}", words="3号没有人来")
    assert stops(world) == [(f"complaint:{id}", "open")]  # out of payment until it is decided

    assert decide(world, id, "upheld") == "voided"
    row = visit_row(world, visit.id)
    assert (row.status, row.void_reason, world.left(someone)) == ("void", "not_served", (15_000, 0))
    assert stops(world) == [(f"complaint:{id}", "upheld")]
    with reading(world.engine) as conn:
        told = complaints.get(conn, id)
    assert (told.status, told.remedy, told.said_by, told.words) == ("upheld", "voided", "senior", "3号没有人来")
    assert (told.provider_id, told.town, told.in_time) == (world.ours, TOWN, True)
    assert decide(world, id, "upheld") == "voided"  # pressed twice
    refused(world, Reason.WRONG_STATE, decide, id, "rejected")


def test_what_is_not_found_right_is_paid(world: World) -> None:
    someone, visit, _debit = debited(world)
    id = say(world, someone, f"visit:{visit.id}", "shorter")
    assert decide(world, id, "rejected") == "none"
    assert stops(world) == [(f"complaint:{id}", "released")]
    assert (visit_row(world, visit.id).status, world.left(someone)) == ("served", (12_000, 0))


def test_a_wrong_amount_takes_the_debit_back_and_leaves_the_visit(world: World) -> None:
    someone, visit, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}", "wrong_amount")
    assert decide(world, id, "upheld") == "taken_back"
    assert (visit_row(world, visit.id).status, world.left(someone)) == ("served", (15_000, 0))
    with reading(world.engine) as conn:
        assert conn.execute(select(debits.c.status).where(debits.c.id == debit.id)).scalar_one() == "reversed"
    assert stops(world) == [(f"complaint:{id}", "released")]  # debited anew, rightly, it is paid


def test_what_was_debited_anew_before_the_decision_stands(world: World) -> None:
    """The provider put the wrong amount right itself; the complaint was about the debit before."""
    someone, visit, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}", "wrong_amount")
    with acting(world.engine, SUNDAY) as act:
        assert voiding.take_back_debit(act, debit.id, "wrong_amount") is None
    assert isinstance(world.debit(visit, 3000), Debit)
    assert decide(world, id, "upheld") == "taken_back"
    assert world.left(someone) == (12_000, 0)


@pytest.mark.parametrize(("kind", "stopped"), [("rude", False), ("other", False), ("goods", True), ("not_me", True)])
def test_only_what_disputes_a_visit_stops_its_payment(world: World, kind: str, stopped: bool) -> None:
    someone, _, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}", kind)
    assert bool(stops(world)) is stopped
    assert decide(world, id, "upheld") == ("voided" if stopped else "none")
    assert world.left(someone) == ((15_000, 0) if stopped else (12_000, 0))


def test_an_objection_after_the_schemes_days_is_taken_and_stops_nothing(world: World) -> None:
    """Thirty days, counted from when the books learnt of the debit: one that came late can be objected to for longer."""
    someone, _, debit = debited(world)
    recorded = at("2026-07-03 10:02")
    with reading(world.engine) as conn:
        assert conn.execute(select(debits.c.recorded_at)).scalar_one() == recorded
    late = say(world, someone, f"debit:{debit.id}", "not_me", when=recorded + timedelta(days=30, seconds=1))
    assert stops(world) == []
    in_time = say(world, someone, f"debit:{debit.id}", "shorter", when=recorded + timedelta(days=30))
    assert stops(world) == [(f"complaint:{in_time}", "open")]
    assert decide(world, late, "upheld") == "voided"


def test_a_late_debits_shortfall_can_be_objected_to(world: World) -> None:
    """30 yuan of cleaning without signal and 20 on the card: the provider bears 10, and the senior may say it never happened."""
    someone = world.holder(2000)
    visit = world.served(someone)
    debit = world.debit(visit, 3000, arrives=at("2026-07-05 12:00"))
    assert isinstance(debit, Debit) and (debit.subsidy_fen, debit.shortfall_fen) == (2000, 1000)
    id = say(world, someone, f"debit:{debit.id}", "not_served", when="2026-08-04 11:59")
    assert stops(world) == [(f"complaint:{id}", "open")]
    assert decide(world, id, "upheld") == "voided"
    assert world.left(someone) == (2000, 0)


def test_the_same_complaint_is_one_while_it_is_open(world: World) -> None:
    someone, _, debit = debited(world)
    first = say(world, someone, f"debit:{debit.id}")
    assert say(world, someone, f"debit:{debit.id}", words="again") == first
    assert say(world, someone, f"debit:{debit.id}", "rude") != first
    decide(world, first, "rejected")
    assert say(world, someone, f"debit:{debit.id}") != first


def test_another_persons_visit_cannot_be_found(world: World) -> None:
    someone, visit, debit = debited(world)
    other = world.holder()
    for subject in (f"debit:{debit.id}", f"visit:{visit.id}", "debit:none", "visit:"):
        refused(world, Reason.NOT_FOUND, say, other, subject)
    refused(world, Reason.BAD_INPUT, say, other, "card:1")
    refused(world, Reason.BAD_INPUT, say, someone, "service", "loud")
    refused(world, Reason.BAD_INPUT, say, someone, "service", words="长" * 501)
    refused(world, Reason.NOT_ALLOWED, say, someone, "service", who=holder(other.senior_id))
    refused(world, Reason.NOT_ALLOWED, say, someone, "service", who=officer("p", "provider", provider_id=world.ours))
    refused(world, Reason.NOT_ALLOWED, say, someone, "service", who=officer("c", "town", town="邵伯镇"))


def test_so_many_open_ones_are_enough(world: World) -> None:
    someone = world.holder()
    with acting(world.engine, SUNDAY) as act:
        for number in range(complaints.MOST_OPEN):
            row = {"senior_id": someone.senior_id, "town": TOWN, "subject": f"visit:{number}", "kind": "rude"}
            row |= {"words": "", "said_by": "senior", "opened_by": "x", "opened_at": act.now, "status": "open"}
            act.conn.execute(insert(complaints.complaints).values(row))
    refused(world, Reason.TOO_MANY_OPEN, say, someone, "service")


def test_who_speaks(world: World) -> None:
    someone = world.holder()
    one = say(world, someone, "service", "rude", who=HOTLINE, by="agent")
    two = say(world, someone, "service", "other", who=holder(someone.senior_id, 7), by="senior")
    refused(world, Reason.BAD_INPUT, say, someone, "service", "goods", who=HOTLINE, by="neighbour")
    with reading(world.engine) as conn:
        assert [complaints.get(conn, id).said_by for id in (one, two)] == ["agent", "agent"]
        assert [c.id for c in complaints.listing(conn, town=TOWN)] == [one, two]
        assert complaints.listing(conn, provider_id=world.ours) == []
        assert complaints.listing(conn, senior_id=someone.senior_id, status="rejected") == []


def test_who_decides_is_somebody_else(world: World) -> None:
    """Not who took it down, not who let the visit's record count, not another town, not the provider, and never the holder."""
    someone, visit, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}", who=TOWN_CLERK)
    refused(world, Reason.SAME_PERSON, decide, id, "upheld", TOWN_CLERK)
    refused(world, Reason.NOT_ALLOWED, decide, id, "upheld", officer("c", "town", town="邵伯镇"))
    refused(world, Reason.NOT_ALLOWED, decide, id, "upheld", officer("p", "provider", provider_id=world.ours))
    refused(world, Reason.NOT_ALLOWED, decide, id, "upheld", holder(someone.senior_id))
    refused(world, Reason.BAD_INPUT, decide, id, "upheld", why=" ")
    refused(world, Reason.BAD_INPUT, decide, id, "open")
    refused(world, Reason.NOT_FOUND, decide, id + 1000, "upheld")
    with acting(world.engine) as act:
        _released_by(act, visit.id, TOWN_HEAD.id)
    for outcome in ("rejected", "withdrawn"):  # either would lift the payment stop
        refused(world, Reason.CONCERNED, decide, id, outcome, TOWN_HEAD)
    assert decide(world, id, "rejected", DISTRICT) == "none"


def test_who_proposed_or_approved_a_correction_does_not_decide(world: World) -> None:
    someone, visit, debit = debited(world)
    longer = Proposal(visit_id=visit.id, reason="forgot_out", note="her note", check_out_at=at("2026-07-03 10:30"))
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        number = correcting.propose(act, longer)
    with acting(world.engine, "2026-07-04 10:00", TOWN_HEAD) as act:
        correcting.approve(act, RING, number)
    id = say(world, someone, f"debit:{debit.id}", "shorter")
    for who in (TOWN_CLERK, TOWN_HEAD):
        for outcome in ("rejected", "withdrawn"):
            refused(world, Reason.CONCERNED, decide, id, outcome, who)
    assert decide(world, id, "rejected", DISTRICT) == "none"


def _released_by(act: Act, visit_id: str, officer_id: str) -> None:
    from settlement.providers.tables import devices, providers

    provider = act.conn.execute(select(providers.c.id).limit(1)).scalar_one()
    device = {"id": "d", "provider_id": provider, "kind": "phone", "algorithm": "ed25519", "key_id": "k"}
    device |= {"public_key": "x", "enrolled_at": act.now, "last_hash": ""}
    act.conn.execute(insert(devices).values(device))
    event = {"id": "e", "device_id": "d", "counter": 1, "prev_hash": "", "kind": "check_in", "occurred_at": act.now}
    event |= {"received_at": act.now, "canonical": "{}", "algorithm": "ed25519", "key_id": "k", "signature": ""}
    event |= {"status": "accepted", "result": {}, "visit_id": visit_id, "decided_by": officer_id}
    act.conn.execute(insert(door_events).values(event))


def test_the_holder_takes_the_own_complaint_back(world: World) -> None:
    someone, _visit, debit = debited(world)
    id = say(world, someone, f"debit:{debit.id}")
    refused(world, Reason.NOT_ALLOWED, decide, id, "withdrawn", holder(world.holder().senior_id))
    assert decide(world, id, "withdrawn", holder(someone.senior_id)) == "none"
    assert stops(world) == [(f"complaint:{id}", "released")]


def test_a_visit_that_is_paid_is_put_right_through_the_closing(world: World) -> None:
    someone, visit, debit = debited(world)
    with acting(world.engine) as act:
        act.conn.execute(update(visits).where(visits.c.id == visit.id).values(status="paid"))
    id = say(world, someone, f"debit:{debit.id}")
    assert stops(world) == []  # nothing is left to stop
    refused(world, Reason.VISIT_ON_STATEMENT, decide, id, "upheld")
    amount = say(world, someone, f"debit:{debit.id}", "wrong_amount")
    assert decide(world, amount, "upheld") == "adjust"

    asked = []

    def book(act: Act, visit_id: str, reason: str) -> object:
        asked.append((visit_id, reason))
        return Declined(Reason.VISIT_UNKNOWN, {}) if len(asked) == 1 else None

    refused(world, Reason.VISIT_UNKNOWN, decide, id, "upheld", void=book)
    assert decide(world, id, "upheld", void=book) == "voided"
    assert asked == [(visit.id, "not_served")] * 2
    assert callable(adjusting.void_visit)


def test_a_visit_that_is_void_already_needs_no_more(world: World) -> None:
    someone, _visit, debit = debited(world)
    one = say(world, someone, f"debit:{debit.id}", "not_served")
    two = say(world, someone, f"debit:{debit.id}", "not_me")
    assert decide(world, one, "upheld") == "voided"
    assert decide(world, two, "upheld") == "voided"
    assert world.left(someone) == (15_000, 0)


def test_who_had_an_offline_sale_debited_does_not_decide(world: World) -> None:
    someone, counter = world.holder(subsidy=30_000), hatch(world)
    many = counter.asked(counter.chip(someone, 24_000), 24_000, items={DAY_CARE: 6}, offline=True)
    counter.sell(many)  # beyond what may be taken without a line
    debit = sold(counter.release(many.id, TOWN_HEAD, "2026-07-04 09:00"))
    id = say(world, someone, f"debit:{debit.id}", "not_me")
    refused(world, Reason.CONCERNED, decide, id, "rejected", TOWN_HEAD)
    assert decide(world, id, "upheld", TOWN_CLERK) == "voided"
    assert world.left(someone) == (30_000, 0)
