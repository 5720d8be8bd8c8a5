"""Who may act for a senior: only with a consent on record, and no longer than the senior wants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert, select

from settlement.act import Act, Actor
from settlement.audit import audit_rows
from settlement.cards import pin
from settlement.cards.consenting import confirm_agent
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.people import agents
from settlement.people.scope import holder
from settlement.people.tables import agents as agent_rows
from tests.cards.county import COUNTER, DISTRICT, TOWN, TOWN_CLERK, TOWN_HEAD, card, senior
from tests.support import RING, acting, at, officer

DAUGHTER, SON = "13800001111", "13900002222"


def appoint(act: Act, senior_id: int, phone: str = DAUGHTER, how: str = "in_person", relation: str = "child") -> int:
    return agents.appoint(act, RING, senior_id, "王小红", phone, relation, how)


def agent(act: Act, senior_id: int, *words: str) -> int:
    """Written down and confirmed."""
    id = appoint(act, senior_id, *words)
    agents.confirm(replace(act, actor=DISTRICT), id)
    return id


def refused(engine: Engine, by: Actor, senior_id: int, *words: str) -> Reason:
    with pytest.raises(Refused) as caught, acting(engine, by=by) as act:
        appoint(act, senior_id, *words)
    return caught.value.reason


def test_a_daughter_becomes_her_mothers_agent_and_is_found(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        mother, father = senior(act), senior(act, "王德明")
        first = agent(act, mother, "138-0000-1111")
        agent(act, mother, SON, "signed")
        agent(act, father)  # the same daughter, for another person
        found = agents.of(act.conn, RING, mother)
        assert next((a.id, a.name, a.phone, a.relation) for a in found) == (first, "王小红", DAUGHTER, "child")
        assert [a.phone for a in found] == [DAUGHTER, SON]
        assert agents.by_phone(act.conn, RING, father, " +86 138 0000 1111") is not None
        assert agents.by_phone(act.conn, RING, father, SON) is None
        assert agents.by_phone(act.conn, RING, father, "no number") is None
        assert DAUGHTER not in repr(found)
        kept = act.conn.execute(select(agent_rows)).all()
        said = act.conn.execute(select(audit_rows.c.after)).scalars().all()
    assert DAUGHTER not in str(kept) and DAUGHTER not in str(said) and "王小红" not in str(said)


def test_one_telephone_is_one_agent_of_a_senior(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        mother = senior(act)
        first = appoint(act, mother)
    assert refused(engine, COUNTER, mother) is Reason.AGENT_KNOWN
    with acting(engine, by=holder(mother)) as act:
        agents.withdraw(act, first, "搬走了")
        agents.withdraw(act, first, "搬走了")
        assert agents.of(act.conn, RING, mother) == []
        assert agents.get(act.conn, RING, first) is None
    with acting(engine, by=COUNTER) as act:
        assert appoint(act, mother) != first


def test_what_cannot_be(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        mother = senior(act)
    assert refused(engine, COUNTER, mother, "12345") is Reason.BAD_INPUT
    assert refused(engine, COUNTER, mother, "") is Reason.BAD_INPUT
    assert refused(engine, COUNTER, mother, DAUGHTER, "hearsay") is Reason.BAD_INPUT
    assert refused(engine, COUNTER, mother, DAUGHTER, "in_person", "friend") is Reason.BAD_INPUT
    assert refused(engine, COUNTER, mother + 1000) is Reason.NOT_FOUND
    with acting(engine, by=COUNTER) as act:
        for number in range(agents.MOST):
            appoint(act, mother, f"1380000000{number}")
    assert refused(engine, COUNTER, mother) is Reason.AGENTS_FULL


def test_who_may_record_the_consent(engine: Engine) -> None:
    """The own page knows card and PIN, an office saw the person: neither claims the other's way. An agent appoints nobody."""
    with acting(engine, by=COUNTER) as act:
        mother, other = senior(act), senior(act)
        daughter = agent(act, mother)
    assert refused(engine, COUNTER, mother, SON, "card_pin") is Reason.BAD_INPUT
    assert refused(engine, holder(mother), mother, SON, "in_person") is Reason.BAD_INPUT
    assert refused(engine, holder(mother), other, SON, "card_pin") is Reason.NOT_ALLOWED
    assert refused(engine, holder(mother, daughter), mother, SON, "card_pin") is Reason.NOT_ALLOWED
    assert refused(engine, officer("p", "provider", provider_id=1), mother) is Reason.NOT_ALLOWED
    assert refused(engine, officer("clerk2", "town", town="邵伯镇"), mother) is Reason.NOT_ALLOWED
    with acting(engine, by=holder(mother)) as act:
        appoint(act, mother, SON, "card_pin")
    with acting(engine, by=TOWN_CLERK) as act:
        appoint(act, other, SON, "signed")


def test_an_agent_gives_up_only_the_own_right(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        mother = senior(act)
        daughter, son = agent(act, mother), agent(act, mother, SON)
    with pytest.raises(Refused) as caught, acting(engine, by=holder(mother, daughter)) as act:
        agents.withdraw(act, son, "")
    assert caught.value.reason is Reason.NOT_ALLOWED
    with acting(engine, by=holder(mother, daughter)) as act:
        agents.withdraw(act, daughter, "")
        assert [a.id for a in agents.of(act.conn, RING, mother)] == [son]


def test_a_village_officer_records_for_the_own_village_only(engine: Engine) -> None:
    with acting(engine) as act:
        row = {"id": "lin", "name": "林", "role": "village", "town": TOWN, "village": "正谊村", "active": True}
        act.conn.execute(insert(officers).values(row | {"created_at": act.now}))
        here, there = senior(act), senior(act, village="新河村")
    lin = officer("lin", "village", town=TOWN)
    with acting(engine, by=lin) as act:
        appoint(act, here)
    assert refused(engine, lin, there) is Reason.NOT_ALLOWED


# -- what an office wrote down ------------------------------------------------------------------------------------------------
def test_what_one_officer_wrote_down_counts_once_another_confirmed_it(engine: Engine) -> None:
    with acting(engine, "2026-07-01 09:00", by=TOWN_CLERK) as act:
        mother = senior(act)
        id = appoint(act, mother)
        assert (agents.of(act.conn, RING, mother), agents.get(act.conn, RING, id)) == ([], None)
        assert agents.by_phone(act.conn, RING, mother, DAUGHTER) is None
    with pytest.raises(Refused) as caught, acting(engine, "2026-07-01 10:00", by=TOWN_CLERK) as act:
        agents.confirm(act, id)
    assert caught.value.reason is Reason.SAME_PERSON
    with acting(engine, "2026-07-02 09:00", by=TOWN_HEAD) as act:
        agents.confirm(act, id)
    with acting(engine, "2026-07-03 09:00", by=DISTRICT) as act:
        agents.confirm(act, id)  # again changes nothing
        assert [each.id for each in agents.of(act.conn, RING, mother)] == [id]
        stood = [agents.appointed(act.conn, mother, at(f"2026-07-0{day} 09:00")) for day in (1, 2)]
        assert stood == [False, True]
        assert act.conn.execute(select(agent_rows.c.confirmed_by)).scalar_one() == "head"


def test_confirming_belongs_to_the_persons_own_offices(engine: Engine) -> None:
    with acting(engine, by=TOWN_CLERK) as act:
        id = appoint(act, senior(act))
    for who in (officer("x", "town", town="小纪镇"), officer("y", "hotline"), officer("z", "provider", provider_id=1)):
        with pytest.raises(Refused) as caught, acting(engine, by=who) as act:
            agents.confirm(act, id)
        assert caught.value.reason is Reason.NOT_ALLOWED
    with acting(engine, by=TOWN_CLERK) as act:
        agents.withdraw(act, id, "登记有误")
    with pytest.raises(Refused) as caught, acting(engine, by=TOWN_HEAD) as act:
        agents.confirm(act, id)
    assert caught.value.reason is Reason.WRONG_STATE


def test_the_senior_confirms_by_the_pin_and_wrong_tries_count(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        mother = senior(act)
        id = appoint(act, mother)
        unset = confirm_agent(act, RING, id, "682459")
        assert unset is not None and unset.reason is Reason.PIN_NOT_SET
        pin.set_pin(act, RING, card(replace(act, actor=TOWN_CLERK), mother), "682459")
    with acting(engine, "2026-07-01 10:00", by=COUNTER) as act:
        wrong = confirm_agent(act, RING, id, "111222")
        assert wrong is not None and (wrong.reason, wrong.details) == (Reason.PIN_WRONG, {"left": 4})
    with acting(engine, "2026-07-01 11:00", by=COUNTER) as act:
        assert agents.of(act.conn, RING, mother) == []
        assert confirm_agent(act, RING, id, "682459") is None  # the officer who wrote it down may hand over the keys
        assert [each.id for each in agents.of(act.conn, RING, mother)] == [id]
        assert act.conn.execute(select(agent_rows.c.confirmed_how)).scalar_one() == "pin"
