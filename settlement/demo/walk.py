"""Something to do at the door of a demo county today: a phone to enrol, Mrs Wang, whose visit has run for an hour, and a neighbour's order.

A visit lasts an hour by the notice, and nobody waits an hour to try a program. So Mrs Wang's visit was begun by a colleague's phone whose
battery is empty now: the phone that is enrolled takes it over, checks out, debits. Everything goes through the calls the offices and the door
themselves use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, exists, func, select

from settlement import officers
from settlement.act import Act, begin
from settlement.cards import inquiry, media, pin, token
from settlement.cards.tables import cards, door_plates
from settlement.cards.tables import media as media_rows
from settlement.db import reading
from settlement.demo import offices
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.people.tables import entitlements, seniors
from settlement.periods import SHANGHAI, Month, local_date
from settlement.policy.tariff import prices_in_force
from settlement.providers import caregivers, devices, register
from settlement.providers.rights import may_serve
from settlement.providers.tables import caregivers as staff
from settlement.providers.tables import contracts
from settlement.providers.tables import devices as device_rows
from settlement.visits import device_key, door, orders, signed_event
from settlement.visits.orders import Plan
from settlement.visits.tables import visits
from settlement.vouchers import issuance
from settlement.vouchers.tables import issuance_runs

PIN = "620914"
ITEM = "ZJ01"
RUNNING = timedelta(minutes=61)
A_YEAR = timedelta(days=365)
DISTRICT, COUNTER = "ca.zhou", "counter.tang"


@dataclass(frozen=True)
class Person:
    """A senior of the walk: ``code`` is what the card's QR says, ``plate`` the door's."""

    name: str
    card_no: str
    code: str
    plate: str
    subsidy_fen: int


@dataclass(frozen=True)
class Walk:
    """``enrol_code``: one-time, for a phone of the caregiver; ``wang``: her visit runs; ``neighbour``: has an order for now."""

    enrol_code: str
    caregiver: str
    staff_no: str
    wang: Person
    neighbour: Person
    price_fen: int


def prepare(engine: Engine, ring: KeyRing, now: datetime) -> Walk:
    """Make ready what the walk needs, each time anew. Raises Refused(NOT_FOUND) where the county has nobody left to serve."""
    day = local_date(now, SHANGHAI)
    with reading(engine) as conn:
        wang, neighbour = _two_to_serve(conn, now)
        caregiver = _caregiver(conn, wang)
    provider_id = caregiver.provider_id
    office = offices.provider_officer(provider_id)
    with _acting(engine, DISTRICT, now) as act:
        _contract(act, provider_id, wang, day)
        price = prices_in_force(act.conn, wang.scheme_code, provider_id, day)[ITEM].price_fen
    _issue(engine, wang, now)
    with _acting(engine, COUNTER, now) as act:
        pin.set_pin(act, ring, wang.card_id, PIN)
        media.ensure_plates(act, ring, [wang.id, neighbour.id])
    with _acting(engine, office, now) as act:
        if caregiver.certificate_until is not None and caregiver.certificate_until <= day:
            caregivers.certify(act, caregiver.id, day + A_YEAR)
        for who, start in ((wang, now - RUNNING), (neighbour, now)):
            orders.plan(act, _plan(provider_id, caregiver.id, who, start))
        colleague = devices.make_code(act, ring, provider_id, caregiver.id, "phone", timedelta(hours=1))
        mine = devices.make_code(act, ring, provider_id, caregiver.id, "phone", timedelta(hours=24))
    with _acting(engine, office, now) as act:
        _begin_visit(act, ring, colleague, caregiver.staff_no, wang, now)
    with reading(engine) as conn:
        people = {"wang": _person(conn, ring, wang), "neighbour": _person(conn, ring, neighbour)}
    return Walk(enrol_code=mine, caregiver=caregiver.name, staff_no=caregiver.staff_no, price_fen=price, **people)


@contextmanager
def _acting(engine: Engine, by: str, now: datetime) -> Iterator[Act]:
    with reading(engine) as conn:
        who = officers.actor(conn, by)
    with begin(engine, who, now) as act:
        yield act


def _two_to_serve(conn: Connection, now: datetime) -> tuple[Any, Any]:
    """Mrs Wang, or whoever comes first, and somebody of the same town: entitled this month, an active card with money, nobody there now."""
    month, s, c = str(Month.of(now, SHANGHAI)), seniors.c, cards.c
    entitled = exists().where(
        entitlements.c.senior_id == s.id,
        entitlements.c.from_month <= month,
        entitlements.c.to_month.is_(None) | (entitlements.c.to_month >= month),
    )
    query = (
        select(s.id, s.name, s.sex, s.town, c.id.label("card_id"), c.scheme_code)
        .join(cards, c.senior_id == s.id)
        .where(c.status == "active", c.frozen_from.is_(None), s.died_on.is_(None), s.left_on.is_(None), entitled)
        .where(~exists().where(visits.c.senior_id == s.id, visits.c.status == "open"))
        .order_by(s.id)
    )
    people = conn.execute(query).all()

    def first(*tests: Callable[[Any], bool]) -> Any:
        """Whose money is looked up last: a county may have many people."""
        tests = (*tests, lambda row: inquiry.purses(conn, row.card_id).subsidy >= 3_000)
        return next((row for row in people if all(test(row) for test in tests)), None)

    wang = first(lambda row: row.name.startswith("王") and row.sex == "F") or first()
    neighbour = wang and first(lambda row: row.town == wang.town and row.id != wang.id)
    if wang is None or neighbour is None:
        raise Refused(Reason.NOT_FOUND, what="可服务的老人 seniors to serve (songbai demo)")
    return wang, neighbour


def _caregiver(conn: Connection, wang: Any) -> Any:
    """Of the provider that last had the town."""
    g, k = staff.c, contracts.c
    query = (
        select(g.id, g.provider_id, g.staff_no, g.name, g.certificate_until)
        .join(contracts, k.provider_id == g.provider_id)
        .where(k.town == wang.town, g.until_day.is_(None), g.trained_on.is_not(None))
        .where(~exists().where(visits.c.caregiver_id == g.id, visits.c.status == "open"))
        .order_by(k.until_day.desc(), g.id)
        .limit(1)
    )
    found = conn.execute(query).one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="空闲的服务人员 a caregiver who is free (songbai demo)")
    return found


def _contract(act: Act, provider_id: int, wang: Any, day: date) -> None:
    """The demo's contracts run for a year; whoever walks later gets the next one."""
    if may_serve(act.conn, provider_id, wang.town, wang.scheme_code, day) is Reason.NO_CONTRACT:
        register.contract(act, provider_id, wang.scheme_code, wang.town, day, day + A_YEAR)


def _issue(engine: Engine, wang: Any, now: datetime) -> None:
    """The town's subsidy of the months since the demo's last, as its officers issue it. The present month is left to who sits at the console, but
    in January: of a year that was not issued nothing may be spent."""
    maker, checker = offices.town_officer(wang.town), offices.town_officer(wang.town, second=True)
    r = issuance_runs.c
    with reading(engine) as conn:
        last = conn.execute(select(func.max(r.month)).where(r.town == wang.town, r.status == "posted")).scalar_one()
    month, present = Month.parse(last), Month.of(now, SHANGHAI)
    until = present if present.first_day.month == 1 else present.previous()
    while month < until:
        month = month.next()
        with _acting(engine, maker, now) as act:
            (run,) = issuance.draft(act, wang.scheme_code, month, wang.town)
        with _acting(engine, checker, now) as act:
            issuance.approve(act, run.id)
        with _acting(engine, maker, now) as act:
            issuance.post(act, run.id)


def _plan(provider_id: int, caregiver_id: int, who: Any, start: datetime) -> Plan:
    return Plan(
        id=f"walk-{start:%Y%m%d%H%M%S}-{who.id}",
        provider_id=provider_id,
        senior_id=who.id,
        planned_start=start,
        planned_minutes=60,
        items=(ITEM,),
        caregiver_id=caregiver_id,
    )


def _begin_visit(act: Act, ring: KeyRing, code: str, staff_no: str, wang: Any, now: datetime) -> None:
    """The check-in of a phone that kept it without signal for an hour, as the gateway takes it."""
    key = device_key.generate(device_key.ED25519)
    public = key.public_key()
    device = devices.enrol(act, ring, code, device_key.ED25519, device_key.to_text(public), device_key.key_id(public))
    began = now - RUNNING
    event = signed_event.sign(
        {
            "kind": "check_in",
            "device_id": device.id,
            "counter": 1,
            "prev": signed_event.FIRST_PREV,
            "occurred_at": signed_event.moment(began.astimezone(SHANGHAI)),
            "boot": "walk",
            "mono_ms": 0,
            "caregiver": staff_no,
            "body": {
                "order_id": f"walk-{began:%Y%m%d%H%M%S}-{wang.id}",
                "method": "card_qr",
                "token": _code(act.conn, ring, wang.card_id)[0],
            },
        },
        key,
    )
    row = act.conn.execute(select(device_rows).where(device_rows.c.id == device.id)).one()
    outcome = door.receive(act, ring, row, event)
    if outcome.reason is not None:
        raise Refused(outcome.reason, **outcome.details)


def _code(conn: Connection, ring: KeyRing, card_id: int) -> tuple[str, str]:
    """(what the card's QR says, its printed number)"""
    m = media_rows.c
    query = select(m.token_id, m.issue, m.card_no).where(m.card_id == card_id).order_by(m.issue.desc()).limit(1)
    row = conn.execute(query).one()
    return token.make(ring, row.token_id, row.issue), row.card_no


def _person(conn: Connection, ring: KeyRing, who: Any) -> Person:
    code, card_no = _code(conn, ring, who.card_id)
    p = door_plates.c
    plate = conn.execute(select(p.token_id, p.issue).where(p.senior_id == who.id, p.dead_from.is_(None))).one()
    left = inquiry.purses(conn, who.card_id).subsidy
    return Person(who.name, card_no, code, token.make_plate(ring, plate.token_id, plate.issue), left)
