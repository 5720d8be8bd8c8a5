"""The cap of a year follows what is issued, also for those whose month came through another town, or came late. 80.00 a month from July on."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, update

from settlement.act import Act
from settlement.cards import registry
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.vouchers import cap, issuance
from tests.cards.county import DISTRICT, SCHEME, TOWN, carded, entitle
from tests.support import acting, officer
from tests.vouchers.town import AUGUST, JULY, SEPTEMBER, clean, store_scheme

OTHER = "小纪镇"


def prepare(engine: Engine, month: Month, town: str) -> str:
    """Drafted and approved; the run's id."""
    with acting(engine, f"{month}-01 09:00", officer(f"clerk/{town}", "town", town=town)) as act:
        (run,) = issuance.draft(act, SCHEME, month, town)
    with acting(engine, f"{month}-01 10:00", officer(f"head/{town}", "town", town=town)) as act:
        return issuance.approve(act, run.id).id


def load(engine: Engine, run_id: str) -> None:
    with acting(engine, "2026-09-01 11:00") as act:
        issuance.post(act, run_id)


def entitled(engine: Engine, card_id: int, year: int = 2026) -> int:
    with engine.connect() as conn:
        return cap.year_view(conn, card_id, year).entitled


def move(engine: Engine, senior_id: int) -> None:
    with acting(engine) as act:
        act.conn.execute(update(seniors).where(seniors.c.id == senior_id).values(town=OTHER))


@pytest.fixture
def mover(engine: Engine) -> tuple[int, int]:
    """One who will move to the other town, where somebody else lives already; July is loaded in both."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone = carded(act, 80, "2026-07")
        carded(act, 80, "2026-07", town=OTHER)
    for town in (TOWN, OTHER):
        load(engine, prepare(engine, JULY, town))
    assert entitled(engine, someone[1]) == 480_00
    return someone


def moved_with_august_waiting(engine: Engine, senior_id: int) -> tuple[str, str]:
    """August of the old town is approved, not loaded; the new town has loaded it and September with the newcomer is approved."""
    late = prepare(engine, AUGUST, TOWN)
    load(engine, prepare(engine, AUGUST, OTHER))
    move(engine, senior_id)
    return late, prepare(engine, SEPTEMBER, OTHER)


def test_a_month_that_the_old_town_loads_after_the_new_towns_next(engine: Engine, mover: tuple[int, int]) -> None:
    """July and September issued, three to come: 5 x 80. With August it is 6 x 80 again."""
    someone, card_id = mover
    late, early = moved_with_august_waiting(engine, someone)
    load(engine, early)
    assert entitled(engine, card_id) == 400_00
    load(engine, late)
    assert entitled(engine, card_id) == 480_00
    clean(engine)


def test_two_towns_loading_at_once_wait_for_the_earlier_month(engine: Engine, mover: tuple[int, int]) -> None:
    """The new town loads September while the old one is loading August: whoever is first, six months are counted."""
    someone, card_id = mover
    late, early = moved_with_august_waiting(engine, someone)
    other = threading.Thread(target=load, args=(engine, early))
    with acting(engine, "2026-09-01 11:00") as act:
        issuance.post(act, late)
        other.start()
        other.join(0.3)
    other.join()
    assert entitled(engine, card_id) == 480_00
    clean(engine)


def left_out_and_taken_in(engine: Engine, senior_id: int, card_id: int) -> tuple[str, str]:
    """August of the old town without a card that is frozen, and of the new town with it, thawed; both approved."""
    with acting(engine, "2026-07-20 09:00", DISTRICT) as act:
        registry.freeze(act, card_id, since=act.now, reason="order")
    without = prepare(engine, AUGUST, TOWN)
    with acting(engine, "2026-08-01 12:00", DISTRICT) as act:
        registry.unfreeze(act, card_id, why="order lifted")
    move(engine, senior_id)
    return without, prepare(engine, AUGUST, OTHER)


def test_left_out_by_one_town_and_taken_in_by_the_other(engine: Engine, mover: tuple[int, int]) -> None:
    """Frozen since July when the old town drafts August: nothing to come. Thawed and moved, the new town's August has the same 80.00 as July."""
    without, taken_in = left_out_and_taken_in(engine, *mover)
    _, card_id = mover
    load(engine, without)
    assert entitled(engine, card_id) == 80_00
    load(engine, taken_in)
    assert entitled(engine, card_id) == 480_00
    clean(engine)


@pytest.mark.parametrize("first", [0, 1])
def test_left_out_by_one_town_and_taken_in_by_the_other_at_once(
    engine: Engine, mover: tuple[int, int], first: int
) -> None:
    """Neither sees what the other is just loading; whoever is first, July's and August's 80.00 and four to come are counted."""
    months = left_out_and_taken_in(engine, *mover)
    other = threading.Thread(target=load, args=(engine, months[1 - first]))
    with acting(engine, "2026-09-01 11:00") as act:
        issuance.post(act, months[first])
        other.start()
        other.join(0.3)
    other.join()
    assert entitled(engine, mover[1]) == 480_00
    clean(engine)


def test_a_january_begins_the_year_for_everybody(engine: Engine, mover: tuple[int, int]) -> None:
    """Twelve months of 80.00 for who goes on; the year before keeps what it had."""
    _, card_id = mover
    for month in ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12", "2027-01"):
        for town in (TOWN, OTHER):
            load(engine, prepare(engine, Month.parse(month), town))
    assert (entitled(engine, card_id), entitled(engine, card_id, 2027)) == (480_00, 960_00)
    clean(engine)


@pytest.mark.parametrize("loads_first", [True, False])
def test_a_debit_opens_the_year_while_january_is_loading(
    engine: Engine, mover: tuple[int, int], loads_first: bool
) -> None:
    """Raised to 100.00 from January on: twelve of those, not of December's 80.00 that were to come before."""
    someone, card_id = mover
    for month in ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12"):
        for town in (TOWN, OTHER):
            load(engine, prepare(engine, Month.parse(month), town))
    with acting(engine, "2026-12-05 09:00") as act:
        entitle(act, someone, 100, "2027-01", reason="raised")
    january = prepare(engine, Month(2027, 1), TOWN)

    def open_year(act: Act) -> None:
        cap.room(act, card_id, 2027)

    def load_january(act: Act) -> None:
        issuance.post(act, january)

    one, two = (load_january, open_year) if loads_first else (open_year, load_january)

    def beside() -> None:
        with acting(engine, "2027-01-02 09:00") as act:
            two(act)

    other = threading.Thread(target=beside)
    with acting(engine, "2027-01-02 09:00") as act:
        one(act)
        other.start()
        other.join(0.3)
    other.join()
    assert entitled(engine, card_id, 2027) == 1200_00
    clean(engine)


def test_arrears_that_wait_in_another_towns_run_are_not_issued_yet(engine: Engine, mover: tuple[int, int]) -> None:
    """Left out of August, in the old town's September; decided anew and moved, August is arrears of the new town's September.

    July and September issued, three to come: 5 x 80. With August 6 x 80.
    """
    someone, card_id = mover
    with acting(engine, "2026-07-20 09:00", DISTRICT) as act:
        registry.freeze(act, card_id, since=act.now, reason="order")
    for town in (TOWN, OTHER):
        load(engine, prepare(engine, AUGUST, town))
    assert entitled(engine, card_id) == 80_00
    with acting(engine, "2026-08-20 09:00", DISTRICT) as act:
        registry.unfreeze(act, card_id, why="order lifted")
    september = prepare(engine, SEPTEMBER, TOWN)
    with acting(engine, "2026-09-01 10:30") as act:
        entitle(act, someone, 80, "2026-08", reason="reviewed")
    move(engine, someone)
    arrears = prepare(engine, SEPTEMBER, OTHER)
    load(engine, september)
    assert entitled(engine, card_id) == 400_00
    load(engine, arrears)
    assert entitled(engine, card_id) == 480_00
    clean(engine)
