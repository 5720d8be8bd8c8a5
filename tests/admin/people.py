"""People on the register for the console's tests: real numbers, encrypted, with the indexes that search needs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from settlement.cards import registry
from settlement.people import changes, register
from settlement.people.identity import Identity, check
from settlement.people.places import Place
from settlement.people.places import add_many as add_places
from settlement.people.register import Entry
from settlement.policy import loader, store
from settlement.policy.scheme import Scheme
from tests.admin.office import TOWN, VILLAGE, Office
from tests.people.people import number
from tests.support import RING, acting, at, officer

SCHEME: Scheme = loader.builtin("jiangdu")
DISTRICT = officer("founder", "civil_affairs")


def settle(office: Office) -> None:
    """The places and the scheme of the district."""
    listed = [Place(TOWN, VILLAGE), Place(TOWN, "双沟社区"), Place("小纪镇", "竹墩村")]
    with acting(office.engine, "2026-01-05 09:00", by=DISTRICT) as act:
        add_places(act, listed)
        store.store(act, loader.builtin_text("jiangdu"), "jiangdu.toml")


def somebody(
    office: Office,
    name: str = "王桂英",
    seq: int = 22,
    *,
    birth: str = "1950-03-07",
    town: str = TOWN,
    village: str = VILLAGE,
    categories: tuple[str, ...] = ("low_income",),
    **more: Any,
) -> int:
    """Somebody who has lived here for long; their number on the register."""
    who = check(number(birth, seq), date(2026, 1, 1))
    assert isinstance(who, Identity)
    entry = Entry(
        sheet="s", row=1, identity=who, name=name, town=town, village=village, categories=categories,
        registered_since=date(2000, 1, 1), applied_on=more.pop("declared", date(2026, 1, 1)), **more,
    )  # fmt: skip
    with acting(office.engine, "2026-01-06 09:00") as act:
        return register.add_many(act, RING, [entry])[0]


def entitled(office: Office, senior_id: int, level: int, first: str = "2026-07") -> int:
    """Assessed, entitled from a month on, with an active card; its number."""
    from settlement.people import entitling
    from settlement.periods import Month

    with acting(office.engine, "2026-05-21 09:00", by=DISTRICT) as act:
        changes.add_assessments(act, SCHEME, [changes.Assessment(senior_id, level, date(2026, 5, 20), "评估中心")])
    with acting(office.engine, at("2026-06-20 09:00")) as act:
        entitling.decide(act, SCHEME, [senior_id], Month.parse(first), "enrolled")
        card_id = registry.issue_many(act, RING, "jiangdu", [senior_id])[senior_id]
        registry.activate(act, card_id)
    return card_id


def issued(office: Office, month: str, when: str, town: str = TOWN) -> None:
    """A month of the town drawn up, approved by another person and loaded."""
    from settlement.periods import Month
    from settlement.vouchers import issuance

    with acting(office.engine, when, officer("clerk", "town", town=town)) as act:
        (run,) = issuance.draft(act, "jiangdu", Month.parse(month), town)
    with acting(office.engine, when, officer("head", "town", town=town)) as act:
        issuance.approve(act, run.id)
    with acting(office.engine, at(when) + timedelta(minutes=1)) as act:
        issuance.post(act, run.id)
