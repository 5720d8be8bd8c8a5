"""Corrections of a visit's times: what was told stays, a second person decides, and the duration follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from settlement.act import Actor
from settlement.closing import adjusting, explain_visit
from settlement.closing.drawing import Drawing
from settlement.outcomes import Reason, Refused
from settlement.people.scope import holder
from settlement.periods import Month
from settlement.supervision import complaints
from settlement.visits import correcting, evidence, integrity_of_times, service, voiding
from settlement.visits.correcting import Corrected, Proposal
from settlement.visits.dispatch import VISIT_ID_LENGTH
from settlement.visits.forms import Debit, Line, Visit
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import visit_corrections, visit_lines, visits, work_orders
from tests.cards.county import TOWN, TOWN_CLERK
from tests.support import RING, acting, at, officer
from tests.visits.phone import Phone
from tests.visits.world import CLEANING, VISITING, Holder, World, why

NEXT_DAY = "2026-07-04 09:00"
DEPUTY = officer("deputy", "town", town=TOWN)


@pytest.fixture
def office(world: World) -> Actor:
    return officer("office", "provider", provider_id=world.ours)


def refused(call: Callable[[], Any]) -> Reason:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.reason


def propose(world: World, by: Actor, visit: Visit, when: str = NEXT_DAY, **asked: Any) -> int:
    known: dict[str, Any] = {"reason": "clock_wrong", "note": "called the senior"}
    with acting(world.engine, when, by) as act:
        return correcting.propose(act, Proposal(visit_id=visit.id, **(known | asked)))


def approve(world: World, id: int, when: str = NEXT_DAY, by: Actor = TOWN_CLERK) -> Corrected:
    with acting(world.engine, when, by) as act:
        return correcting.approve(act, RING, id)


def row_of(world: World, visit: Visit) -> Row[Any]:
    with acting(world.engine) as act:
        return act.conn.execute(select(visits).where(visits.c.id == visit.id)).one()


def known_as(world: World, came: SignedEvent) -> Visit:
    with acting(world.engine) as act:
        row = act.conn.execute(select(visits).where(visits.c.id == came.hash[:VISIT_ID_LENGTH])).one()
    return service.visit_of(row)


def told(world: World, visit: Visit) -> tuple[datetime | None, ...]:
    row = row_of(world, visit)
    return row.check_in_at, row.check_out_at


def sound(world: World) -> bool:
    with acting(world.engine) as act:
        return integrity_of_times.check(act.conn) == []


def minutes_later(visit: Visit, minutes: int) -> datetime:
    return visit.check_in_at + timedelta(minutes=minutes)


def left_after(world: World, someone: Holder, minutes: int, *items: str) -> Visit:
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 09:00", order_id=world.order(someone))
    assert isinstance(visit, Visit)
    out = world.check_out(visit, minutes_later(visit, minutes), *items)
    return out.visit  # type: ignore[union-attr]


def test_a_forgotten_check_out(world: World, office: Actor) -> None:
    """Left at 10:05 without checking out; the debit taken at the door waited for it."""
    someone = world.holder(subsidy=9000)
    phone = Phone(world, world.caregiver())
    came = phone.check_in(someone, "2026-07-03 09:00")
    phone.hand_in(came)
    debit = phone.debit(came, someone, timedelta(minutes=66))
    assert phone.hand_in(debit, "2026-07-03 20:00").status == "waiting"
    visit = known_as(world, came)
    asked = {"reason": "forgot_out", "check_out_at": minutes_later(visit, 65)}
    assert refused(lambda: propose(world, office, visit, **asked)) is Reason.ITEM_NOT_SOLD
    id = propose(world, office, visit, **asked, lines=(Line(item=CLEANING),))
    assert row_of(world, visit).status == "open"
    done = approve(world, id)
    assert (done.status, done.seconds, done.again_order_id) == ("served", 3900, None)
    row = row_of(world, visit)
    assert (row.check_out_at, row.corrected_out_at, row.duration_source) == (
        None,
        minutes_later(visit, 65),
        "corrected",
    )
    # 30.00 of cleaning, debited as soon as the visit had an end.
    assert world.left(someone) == (6000, 0)
    assert sound(world)
    with acting(world.engine) as act:
        assert "corrected" in evidence.of(act.conn, visit.id).flags
        [node] = explain_visit.nodes(act.conn, [visit.id])
    assert "弱 weak" in node.facts["凭据 proof"]
    [shown] = [child.facts for child in node.children if child.kind == "correction"]
    assert (shown["签退 out"], shown["提出 proposed"], shown["处理 decided"]) == (
        minutes_later(visit, 65),
        "office",
        "clerk",
    )


def test_a_visit_void_for_a_wrong_clock_counts_again(world: World, office: Actor) -> None:
    """59 minutes by the devices, 61 by what both remember; the order to serve again is withdrawn."""
    someone = world.holder(subsidy=9000)
    visit = left_after(world, someone, 59)
    assert (visit.status, visit.void_reason) == ("void", "too_short")
    before = told(world, visit)
    id = propose(world, office, visit, check_out_at=minutes_later(visit, 61))
    assert approve(world, id) == Corrected(id, visit.id, "served", 3660, None)
    assert told(world, visit) == before
    with acting(world.engine) as act:
        again = act.conn.execute(select(work_orders).where(work_orders.c.again_for_visit_id == visit.id)).one()
        own = act.conn.execute(select(work_orders.c.status).where(work_orders.c.id == visit.order_id)).scalar_one()
    assert (again.status, again.status_reason, own) == ("cancelled", "duplicate", "done")
    assert isinstance(world.debit(visit, 3000), Debit)
    assert sound(world)


def test_what_was_served_again_meanwhile_stays_void(world: World, office: Actor) -> None:
    someone = world.holder(subsidy=9000)
    visit = left_after(world, someone, 59)
    id = propose(world, office, visit, check_out_at=minutes_later(visit, 61))
    world.check_in(someone, world.caregiver(), "2026-07-03 15:00", order_id=f"again-{visit.id}")
    assert refused(lambda: approve(world, id)) is Reason.ORDER_TAKEN
    assert row_of(world, visit).status == "void"


def test_a_visit_that_turns_out_too_short_gives_the_money_back(world: World, office: Actor) -> None:
    someone = world.holder(subsidy=9000)
    visit = left_after(world, someone, 75)
    world.debit(visit, 3000)
    id = propose(world, office, visit, reason="late_out", check_out_at=minutes_later(visit, 50))
    done = approve(world, id)
    assert (done.status, done.seconds, done.again_order_id) == ("void", 3000, f"again-{visit.id}")
    assert (row_of(world, visit).void_reason, world.left(someone), world.spent(someone)) == ("too_short", (9000, 0), 0)


def test_a_later_beginning_and_then_an_earlier_end(world: World, office: Actor) -> None:
    """Each correction decides about its own end; the last one stands."""
    visit = left_after(world, world.holder(subsidy=9000), 90)
    approve(world, propose(world, office, visit, reason="late_in", check_in_at=minutes_later(visit, -10)))
    assert row_of(world, visit).seconds == 100 * 60
    approve(world, propose(world, office, visit, reason="late_out", check_out_at=minutes_later(visit, 80)))
    assert row_of(world, visit).seconds == 90 * 60
    assert sound(world)


def test_who_may_propose_and_who_decides(world: World, office: Actor) -> None:
    visit = left_after(world, world.holder(), 75)
    asked = {"check_out_at": minutes_later(visit, 70)}
    stranger = officer("theirs", "provider", provider_id=world.theirs)
    elsewhere = officer("other", "town", town="邵伯镇")
    for by in (stranger, elsewhere, officer("district", "civil_affairs")):
        assert refused(lambda by=by: propose(world, by, visit, **asked)) is Reason.NOT_ALLOWED
    id = propose(world, TOWN_CLERK, visit, **asked)
    assert propose(world, TOWN_CLERK, visit, **asked) == id
    assert refused(lambda: propose(world, office, visit, **asked)) is Reason.CORRECTION_OPEN
    assert refused(lambda: approve(world, id)) is Reason.SAME_PERSON
    for by in (office, elsewhere):
        assert refused(lambda by=by: approve(world, id, by=by)) is Reason.NOT_ALLOWED
    done = approve(world, id, by=DEPUTY)
    assert approve(world, id, by=DEPUTY) == done
    assert refused(lambda: approve(world, id, by=officer("third", "civil_affairs"))) is Reason.WRONG_STATE


def test_a_rejected_correction_changes_nothing(world: World, office: Actor) -> None:
    visit = left_after(world, world.holder(), 75)
    id = propose(world, office, visit, check_out_at=minutes_later(visit, 50))
    with acting(world.engine, NEXT_DAY, TOWN_CLERK) as act:
        correcting.reject(act, id, "the neighbour says otherwise")
        correcting.reject(act, id, "the neighbour says otherwise")
    row = row_of(world, visit)
    assert (row.seconds, row.status, row.corrected_out_at) == (75 * 60, "served", None)
    assert refused(lambda: approve(world, id)) is Reason.WRONG_STATE
    assert propose(world, office, visit, check_out_at=minutes_later(visit, 55)) != id
    with acting(world.engine) as act:
        stood = [row.status for row in correcting.listed(act.conn, visit_id=visit.id)]
        waits = [row.visit_id for row in correcting.listed(act.conn, town=TOWN)]
    assert (stood, visit.id in waits) == (["rejected", "proposed"], True)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"reason": "felt_like_it", "check_out_at": 61}, Reason.BAD_INPUT),
        ({"note": " ", "check_out_at": 61}, Reason.BAD_INPUT),
        ({}, Reason.CORRECTION_ENDS),
        ({"reason": "late_in", "check_out_at": 61}, Reason.CORRECTION_ENDS),
        ({"reason": "forgot_out", "check_in_at": 1}, Reason.CORRECTION_ENDS),
        ({"check_out_at": 0}, Reason.CORRECTION_TIMES),
        ({"check_out_at": 24 * 60 + 1}, Reason.CORRECTION_TIMES),  # not yet, on the day after at nine
        ({"check_in_at": -9 * 60 - 1}, Reason.CORRECTION_TIMES),  # the day before
        ({"check_out_at": 61, "lines": (Line(item=VISITING),)}, Reason.BAD_INPUT),
    ],
)
def test_what_cannot_be_proposed(world: World, office: Actor, asked: dict[str, Any], reason: Reason) -> None:
    visit = left_after(world, world.holder(), 75)
    times = {name: minutes_later(visit, at) for name, at in asked.items() if name.startswith("check_")}
    assert refused(lambda: propose(world, office, visit, **(asked | times))) is reason


def test_a_void_visit_that_would_stay_too_short(world: World, office: Actor) -> None:
    visit = left_after(world, world.holder(), 50)
    asked = {"check_out_at": minutes_later(visit, 59)}
    assert refused(lambda: propose(world, office, visit, **asked)) is Reason.CORRECTION_TIMES
    other = left_after(world, world.holder(), 75)
    with acting(world.engine, NEXT_DAY, TOWN_CLERK) as act:
        voiding.void(act, other.id, "goods")
    longer = {"check_out_at": minutes_later(other, 80)}
    assert refused(lambda: propose(world, office, other, **longer)) is Reason.VISIT_VOID


def test_the_window_and_the_statement(world: World, office: Actor) -> None:
    """Ten days from the check-in at nine, to propose and to approve."""
    visit = left_after(world, world.holder(), 75)
    asked = {"check_out_at": minutes_later(visit, 70)}
    assert refused(lambda: propose(world, office, visit, "2026-07-13 09:01", **asked)) is Reason.CORRECTION_LATE
    id = propose(world, office, visit, "2026-07-13 09:00", **asked)
    assert refused(lambda: approve(world, id, "2026-07-13 09:01")) is Reason.CORRECTION_LATE
    with acting(world.engine) as act:
        act.conn.execute(update(visits).where(visits.c.id == visit.id).values(status="paid"))
    assert refused(lambda: approve(world, id, "2026-07-05 09:00")) is Reason.VISIT_ON_STATEMENT


def test_verify_finds_times_that_no_correction_explains(world: World, office: Actor) -> None:
    visit, other = left_after(world, world.holder(), 75), left_after(world, world.holder(), 75)
    id = propose(world, office, visit, check_out_at=minutes_later(visit, 70))
    approve(world, id)
    with acting(world.engine) as act:
        assert integrity_of_times.check(act.conn) == []
        change = update(visits).where(visits.c.id == other.id)
        act.conn.execute(change.values(corrected_out_at=minutes_later(other, 120), seconds=7200))
        act.conn.execute(update(visits).where(visits.c.id == visit.id).values(seconds=75 * 60))
        act.conn.execute(update(visit_corrections).where(visit_corrections.c.id == id).values(decided_by="office"))
        found = {(finding.code, finding.subject) for finding in integrity_of_times.check(act.conn)}
        act.conn.rollback()
    assert found == {
        ("visit_times_not_as_corrected", f"visit:{other.id}"),
        ("visit_times_not_as_corrected", f"visit:{visit.id}"),
        ("correction_by_one_person", f"visit:{visit.id}"),
    }


def test_a_corrected_end_is_in_the_way_of_the_next_visit(world: World, office: Actor) -> None:
    """Without it the open visit would be in the way of its own phone for a day."""
    caregiver = world.caregiver()
    phone = Phone(world, caregiver)
    came = phone.check_in(world.holder(), "2026-07-03 09:00")
    phone.hand_in(came)
    next_one = world.holder()
    assert phone.hand_in(phone.check_in(next_one, "2026-07-03 11:00")).reason is Reason.CAREGIVER_ELSEWHERE
    visit = known_as(world, came)
    asked = {"reason": "forgot_out", "check_out_at": at("2026-07-03 10:10"), "lines": (Line(item=CLEANING),)}
    approve(world, propose(world, office, visit, "2026-07-03 11:30", **asked), "2026-07-03 11:40")
    assert phone.hand_in(phone.check_in(next_one, "2026-07-03 12:00")).status == "accepted"


def test_a_correction_adds_the_lines_once(world: World, office: Actor) -> None:
    visit = world.check_in(world.holder(subsidy=9000), world.caregiver(), "2026-07-03 09:00")
    assert isinstance(visit, Visit)
    lines = (Line(item=CLEANING), Line(item=VISITING, quantity=2))
    first = propose(world, office, visit, reason="forgot_out", check_out_at=minutes_later(visit, 65), lines=lines)
    approve(world, first)
    approve(world, propose(world, office, visit, check_out_at=minutes_later(visit, 70)))
    with acting(world.engine) as act:
        kept = select(visit_lines.c.item_code, visit_lines.c.amount_fen).where(visit_lines.c.visit_id == visit.id)
        assert sorted(map(tuple, act.conn.execute(kept))) == [(VISITING, 3000), (CLEANING, 3000)]
    assert why(world.debit(visit, 6000)) is None


def test_a_visit_void_after_its_statement_is_corrected_no_more(world: World, office: Actor) -> None:
    """Its debit stands as it was paid, the difference is an adjustment. Served again it would be paid twice, and stop every later close."""
    someone = world.holder(subsidy=9000)
    visit = world.served(someone, when="2026-07-30 09:00")
    assert isinstance(world.debit(visit, 3000), Debit)
    with acting(world.engine, "2026-08-05 01:30") as act:
        drawing = Drawing(act, "jiangdu", Month.parse("2026-07"))
        drawing.collect()
        drawing.draw()
    with acting(world.engine, "2026-08-06 09:00", TOWN_CLERK) as act:
        adjusting.void_visit(act, visit.id, "too_short")
    longer = {"when": "2026-08-06 10:00", "check_out_at": minutes_later(visit, 70)}
    assert refused(lambda: propose(world, office, visit, **longer)) is Reason.VISIT_ON_STATEMENT
    assert world.left(someone) == (9000, 0)


def test_what_an_office_found_too_short_is_not_made_longer(world: World, office: Actor) -> None:
    """A complaint was right. What a correction made too short, another one may mend."""
    someone = world.holder(subsidy=9000)
    visit = world.served(someone)
    debit = world.debit(visit, 3000)
    assert isinstance(debit, Debit)
    with acting(world.engine, NEXT_DAY, holder(someone.senior_id)) as act:
        complaint = complaints.open_(act, someone.senior_id, f"debit:{debit.id}", "shorter")
    with acting(world.engine, NEXT_DAY, DEPUTY) as act:
        assert complaints.decide(act, complaint, "upheld", "the neighbour says so") == "voided"
    longer = {"check_out_at": minutes_later(visit, 70)}
    assert refused(lambda: propose(world, office, visit, **longer)) is Reason.VISIT_VOID

    other = world.served(someone, when="2026-07-03 14:00")
    approve(world, propose(world, office, other, check_out_at=minutes_later(other, 30)))
    assert row_of(world, other).void_reason == "too_short"
    assert approve(world, propose(world, office, other, check_out_at=minutes_later(other, 60))).status == "served"
