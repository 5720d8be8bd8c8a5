"""Moving house inside the district."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select

from settlement.cards import media, moving, registry
from settlement.cards.tables import door_plates
from settlement.outcomes import Reason, Refused
from settlement.people import register
from settlement.people.tables import places, seniors
from settlement.vouchers import issuance
from tests.cards.county import SCHEME, TOWN, TOWN_CLERK, TOWN_HEAD, carded, senior
from tests.support import RING, acting, officer
from tests.vouchers.town import AUGUST, JULY, issue, store_scheme

THERE = "小纪镇"
THEIR_CLERK, THEIR_HEAD = officer("chen", "town", town=THERE), officer("zhou", "town", town=THERE)


def _places(engine: Engine) -> None:
    with acting(engine) as act:
        for town, village in ((TOWN, "正谊村"), (TOWN, "双沟社区"), (THERE, "竹墩村")):
            act.conn.execute(insert(places), {"town": town, "village": village})


def test_a_month_that_both_towns_runs_missed_comes_as_arrears(engine: Engine) -> None:
    """150.00 a month. The new town draws up August on 25 July and loads it, without the person; they move on 28 July; the old town draws up August on
    30 July, without them, too. September of the new town has two lines: September and August's arrears, 300.00."""
    _places(engine)
    with acting(engine, "2026-06-20 09:00") as act:
        store_scheme(act)
        who, _ = carded(act, 150, "2026-07")
        carded(act, 80, "2026-07", town=THERE)
    issue(engine, JULY, "2026-07-01 09:00")
    _issue_there(engine, JULY, "2026-07-01 10:00")
    _issue_there(engine, AUGUST, "2026-07-25 09:00")
    with acting(engine, "2026-07-28 09:00", TOWN_CLERK) as act:
        moving.move(act, RING, who, THERE, "竹墩村")
    with acting(engine, "2026-07-30 09:00", TOWN_CLERK) as act:
        (old,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
    assert (old.people, old.amount) == (0, 0)
    with acting(engine, "2026-08-28 09:00", THEIR_CLERK) as act:
        (new,) = issuance.draft(act, SCHEME, AUGUST.next(), THERE)
    assert (new.people, new.amount) == (2, 150_00 + 150_00 + 80_00)


def test_a_month_that_was_left_out_because_the_card_was_frozen_is_not_made_good_by_moving(engine: Engine) -> None:
    """150.00 a month. Frozen by order in July, so August is not issued; thawed on 26 August, and moved on the 27th: September alone, as for who stays."""
    _places(engine)
    with acting(engine, "2026-06-20 09:00") as act:
        store_scheme(act)
        who, card = carded(act, 150, "2026-07")
        carded(act, 80, "2026-07", town=THERE)
    issue(engine, JULY, "2026-07-01 09:00")
    _issue_there(engine, JULY, "2026-07-01 10:00")
    with acting(engine, "2026-07-10 09:00") as act:
        registry.freeze(act, card, since=act.now, reason="order")
    assert issue(engine, AUGUST, "2026-08-01 09:00").people == 0
    _issue_there(engine, AUGUST, "2026-08-01 10:00")
    with acting(engine, "2026-08-26 09:00", TOWN_HEAD) as act:
        registry.unfreeze(act, card, why="核实无误")
    with acting(engine, "2026-08-27 09:00", TOWN_CLERK) as act:
        moving.move(act, RING, who, THERE, "竹墩村")
    with acting(engine, "2026-08-28 09:00", THEIR_CLERK) as act:
        (new,) = issuance.draft(act, SCHEME, AUGUST.next(), THERE)
    assert (new.people, new.amount) == (2, 150_00 + 80_00)


def _issue_there(engine: Engine, month, when: str) -> None:  # type: ignore[no-untyped-def]
    with acting(engine, when, THEIR_CLERK) as act:
        (run,) = issuance.draft(act, SCHEME, month, THERE)
    with acting(engine, when, THEIR_HEAD) as act:
        issuance.approve(act, run.id)
    with acting(engine, when) as act:
        issuance.post(act, run.id)


def test_the_old_houses_plate_and_position_count_no_longer(engine: Engine) -> None:
    _places(engine)
    with acting(engine) as act:
        who = senior(act)
        act.conn.execute(seniors.update().where(seniors.c.id == who).values(latitude_e7=1, longitude_e7=2))
        media.ensure_plates(act, RING, [who])
    with acting(engine, "2026-07-28 09:00", TOWN_CLERK) as act:
        moving.move(act, RING, who, TOWN, "双沟社区", "双沟路3号")
    with engine.connect() as conn:
        row = conn.execute(select(seniors).where(seniors.c.id == who)).one()
        assert (row.village, row.latitude_e7, row.moved_at) == ("双沟社区", None, None)
        assert RING.decrypt(row.address_cipher, register.ADDRESS) == "双沟路3号"
        assert register.find(conn, RING, surname="王", village="双沟社区") == [who]
        assert register.find(conn, RING, surname="王", village="正谊村") == []
        assert conn.scalar(select(door_plates.c.dead_from)) is not None


@pytest.mark.parametrize(
    ("town", "village", "by", "reason"),
    [
        (TOWN, "正谊村", TOWN_CLERK, Reason.NEWS_KNOWN),
        (TOWN, "没有的村", TOWN_CLERK, Reason.BAD_INPUT),
        (THERE, "竹墩村", THEIR_CLERK, Reason.NOT_ALLOWED),
        (THERE, "竹墩村", officer("counter", "card_counter"), Reason.NOT_ALLOWED),
    ],
)
def test_a_move_that_cannot_be(engine: Engine, town: str, village: str, by, reason: Reason) -> None:  # type: ignore[no-untyped-def]
    _places(engine)
    with acting(engine) as act:
        who = senior(act)
    with pytest.raises(Refused) as refused, acting(engine, by=by) as act:
        moving.move(act, RING, who, town, village)
    assert refused.value.reason is reason
