"""How well a visit is proved: by method, place and what was scanned. HOME is the registered address; a metre north is 89.83 e7."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from settlement.outcomes import Reason
from settlement.people.tables import seniors
from settlement.policy.rules_service import METHODS
from settlement.policy.scheme import Scheme
from settlement.visits import evidence, service
from settlement.visits.evidence import Evidence
from settlement.visits.forms import Visit
from settlement.visits.places import Place
from tests.support import acting, at
from tests.visits.world import Holder, World, why

HOME = (324300000, 1195600000)


def north(metres: int, accuracy: int = 20) -> Place:
    return Place(HOME[0] + metres * 89_832 // 1000, HOME[1], accuracy)


@pytest.fixture
def someone(world: World) -> Holder:
    holder = world.holder(subsidy=9000)
    with acting(world.engine) as act:
        act.conn.execute(
            update(seniors).where(seniors.c.id == holder.senior_id).values(latitude_e7=HOME[0], longitude_e7=HOME[1])
        )
    return holder


def proved(world: World, someone: Holder, came: dict[str, Any], left: dict[str, Any]) -> Evidence:
    """A visit of an hour told with these facts."""
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 09:00", **came)
    assert isinstance(visit, Visit), visit
    world.check_out(visit, at("2026-07-03 10:00"), **left)
    with acting(world.engine) as act:
        return evidence.of(act.conn, visit.id)


@pytest.mark.parametrize(
    ("came", "left", "grade", "flags"),
    [
        ({"place": north(30)}, {"place": north(30)}, "strong", ()),
        ({"method": "chip"}, {"method": "dynamic"}, "strong", ("no_place",)),
        # The printed code needs both ends: 520 m less 20 m of inaccuracy is just near enough.
        ({"place": north(519)}, {"place": north(30)}, "strong", ()),
        ({"place": north(522)}, {"place": north(30)}, "weak", ("far",)),
        ({"place": north(30)}, {}, "weak", ("no_place",)),
        ({"place": north(30)}, {"place": north(30, accuracy=1001)}, "weak", ("inaccurate",)),
        ({"place": north(30)}, {"place": north(30, accuracy=1000)}, "strong", ()),
        ({"method": "chip", "place": north(30)}, {"place": None}, "weak", ("no_place",)),
        ({"method": "typed", "place": north(30)}, {"place": north(30)}, "weak", ("method_flagged",)),
        (
            {"place": north(30)},
            {"place": north(30), "medium_id": None, "reason": "code_unreadable"},
            "weak",
            ("not_scanned",),
        ),
    ],
)
def test_strong_or_weak(
    world: World, someone: Holder, came: dict[str, Any], left: dict[str, Any], grade: str, flags: tuple[str, ...]
) -> None:
    found = proved(world, someone, came, left)
    assert (found.grade, tuple(flag for flag in found.flags if flag != "clock_times")) == (grade, flags)


def test_what_is_told_of_each_end(world: World, someone: Holder) -> None:
    found = proved(world, someone, {"place": north(30)}, {"method": "typed", "place": north(100, accuracy=35)})
    assert (found.begin.method, found.begin.accuracy_m, found.begin.distance_m, found.begin.zh) == (
        "card_qr",
        20,
        30,
        "卡面二维码",
    )
    assert found.end is not None
    assert (found.end.method, found.end.accuracy_m, found.end.distance_m, found.end.strength) == (
        "typed",
        35,
        100,
        "weak",
    )


def test_a_distance_nobody_can_know_is_told_and_does_not_weaken(world: World) -> None:
    """The office never registered where she lives."""
    found = proved(world, world.holder(), {"place": north(30)}, {"place": north(30)})
    assert (found.grade, "address_unknown" in found.flags) == ("strong", True)


def test_an_open_visit_is_judged_by_its_beginning(world: World, someone: Holder) -> None:
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 09:00", place=north(30))
    assert isinstance(visit, Visit)
    late = world.check_in(
        world.holder(), world.caregiver(), "2026-07-03 09:00", method="typed", arrives=at("2026-07-04 09:01")
    )
    assert isinstance(late, Visit)
    with acting(world.engine) as act:
        found = evidence.of_many(act.conn, [visit.id, late.id, "no such visit"])
    assert {id: (each.end, each.grade, each.flags) for id, each in found.items()} == {
        visit.id: (None, "strong", ()),
        late.id: (None, "weak", ("method_flagged", "no_place", "late")),
    }


def only(scheme: Scheme, code: str, use: str) -> Scheme:
    methods = tuple(replace(each, use=use) if each.code == code else each for each in METHODS)  # type: ignore[arg-type]
    return replace(scheme, door=replace(scheme.door, methods=methods))


def test_a_method_the_scheme_does_not_accept(world: World, someone: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = only(world.scheme, "typed", "refused")
    monkeypatch.setattr("settlement.visits.admission.in_force", lambda *_: strict)
    monkeypatch.setattr(service, "in_force", lambda *_: strict)
    typed = world.check_in(someone, world.caregiver(), "2026-07-03 09:00", method="typed")
    assert why(typed) is Reason.METHOD_NOT_ACCEPTED
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 09:00")
    assert isinstance(visit, Visit)
    later = visit.check_in_at + timedelta(hours=1)
    assert why(world.check_out(visit, later, method="typed")) is Reason.METHOD_NOT_ACCEPTED
    # Where nothing could be scanned, a listed reason still lets the visit end: its proof is weak.
    told = world.check_out(visit, later, method="typed", medium_id=None, reason="card_missing")
    assert why(told) is None
