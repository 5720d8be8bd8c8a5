"""Who works with a shared phone: badge or staff number, and PIN; for twelve hours; and what is shut out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from settlement.act import begin
from settlement.audit import audit_rows
from settlement.outcomes import Declined, Reason, Refused
from settlement.providers import badges, caregivers, devices, register, shifts
from settlement.providers.shifts import Shift
from settlement.providers.tables import devices as device_rows
from settlement.providers.tables import staff_pins
from tests.support import RING, acting, at, officer

DISTRICT = officer("district", "civil_affairs")
PIN = "274916"
MORNING = "2026-07-03 07:30"


@dataclass
class Office:
    engine: Engine
    ours: int
    theirs: int
    li: int
    zhao: int
    stranger: int
    phone: str

    def device(self) -> Any:
        with self.engine.connect() as conn:
            return conn.execute(select(device_rows).where(device_rows.c.id == self.phone)).one()

    def badge(self, caregiver: int) -> str:
        with acting(self.engine, MORNING, DISTRICT) as act:
            return badges.make(act, RING, caregiver)

    def opens(self, when: str = MORNING, *, pin: str = PIN, **who: str) -> Shift | Declined:
        device = self.device()
        with acting(self.engine, when) as act:
            return shifts.open_(act, RING, device, pin=pin, **who)

    def covers(self, caregiver: int, when: str) -> bool:
        with self.engine.connect() as conn:
            return shifts.covers(conn, self.phone, caregiver, at(when))


@pytest.fixture
def office(engine: Engine) -> Office:
    with acting(engine, "2026-06-01 09:00", DISTRICT) as act:
        ours = register.register(act, code="91110000600037341L", name="康寿", bank_name="江苏银行", bank_account="6217")
        theirs = register.register(
            act, code="91321012MA1XYY0011", name="乐龄", bank_name="江苏银行", bank_account="6218"
        )
        hired = {"from_day": date(2026, 1, 1), "trained_on": date(2026, 1, 5)}
        people = [
            caregivers.employ(act, RING, employer, number, name, **hired)
            for employer, number, name in ((ours, "0017", "李秀兰"), (ours, "0018", "赵敏"), (theirs, "0017", "孙梅"))
        ]
        for one in people:
            badges.set_pin(act, RING, one, PIN)
        code = devices.make_code(act, RING, ours, None, "phone", timedelta(hours=2))
        phone = devices.enrol(act, RING, code, "ed25519", "a" * 43, "k1").id
    return Office(engine, ours, theirs, *people, phone)


def why(answer: Shift | Declined) -> Reason | None:
    return answer.reason if isinstance(answer, Declined) else None


def test_a_shift_lasts_twelve_hours(office: Office) -> None:
    shift = office.opens(staff_no="0017")
    assert isinstance(shift, Shift)
    assert (shift.caregiver_id, shift.name, shift.until) == (office.li, "李秀兰", at("2026-07-03 19:30"))
    assert office.covers(office.li, "2026-07-03 12:00")
    assert not office.covers(office.zhao, "2026-07-03 12:00")
    # A phone's clock may be five minutes off at either end.
    assert office.covers(office.li, "2026-07-03 07:25") and not office.covers(office.li, "2026-07-03 07:24")
    assert office.covers(office.li, "2026-07-03 19:35") and not office.covers(office.li, "2026-07-03 19:36")


def test_the_next_one_takes_over(office: Office) -> None:
    office.opens(staff_no="0017")
    office.opens("2026-07-03 12:00", staff_no="0018")
    assert office.covers(office.li, "2026-07-03 11:00")
    assert not office.covers(office.li, "2026-07-03 13:00")
    with office.engine.connect() as conn:
        assert shifts.now_working(conn, office.phone, at("2026-07-03 13:00")) == office.zhao
        assert shifts.now_working(conn, office.phone, at("2026-07-04 13:00")) is None


def test_a_badge_opens_it_until_it_is_replaced(office: Office) -> None:
    old = office.badge(office.li)
    assert isinstance(office.opens(badge=old), Shift)
    new = office.badge(office.li)
    assert why(office.opens(badge=old)) is Reason.BADGE_UNKNOWN
    assert isinstance(office.opens(badge=f"https://x.example/#{new}"), Shift)
    assert why(office.opens(badge=new[:-2] + ("AA" if new[-2:] != "AA" else "BB"))) is Reason.BADGE_UNKNOWN
    assert why(office.opens(badge=office.badge(office.stranger))) is Reason.BADGE_UNKNOWN  # another provider's
    assert why(office.opens(staff_no="9999")) is Reason.CAREGIVER_UNKNOWN


def test_a_wrong_pin_is_counted_and_locks(office: Office) -> None:
    told = [office.opens(staff_no="0017", pin="000001") for _ in range(5)]
    assert [why(one) for one in told] == [Reason.STAFF_PIN_WRONG] * 4 + [Reason.STAFF_PIN_LOCKED]
    assert [one.details.get("left") for one in told if isinstance(one, Declined)] == [4, 3, 2, 1, None]
    assert why(office.opens(staff_no="0017")) is Reason.STAFF_PIN_LOCKED
    assert isinstance(office.opens(staff_no="0018"), Shift)  # a colleague's is her own
    with acting(office.engine, MORNING, DISTRICT) as act:
        badges.set_pin(act, RING, office.li, "835271")
    assert isinstance(office.opens(staff_no="0017", pin="835271"), Shift)


def test_a_right_pin_sets_the_count_back(office: Office) -> None:
    for _ in range(3):
        office.opens(staff_no="0017", pin="000001")
        assert isinstance(office.opens(staff_no="0017"), Shift)
        for _ in range(3):
            office.opens(staff_no="0017", pin="000001")
        assert isinstance(office.opens(staff_no="0017"), Shift)


@pytest.mark.parametrize("simple", ["12345", "1234567890123", "111111", "123456", "654321", "abcdef", "12345a"])
def test_a_pin_that_anybody_guesses_is_refused(office: Office, simple: str) -> None:
    with acting(office.engine, MORNING, DISTRICT) as act, pytest.raises(Refused) as refused:
        badges.set_pin(act, RING, office.li, simple)
    assert refused.value.reason is Reason.STAFF_PIN_TOO_SIMPLE


def test_a_pin_is_of_no_use_in_another_ones_row_and_is_nowhere_in_clear(office: Office) -> None:
    with office.engine.begin() as conn:
        rows = conn.execute(select(staff_pins.c.caregiver_id, staff_pins.c.hash)).all()
        assert len({row.hash for row in rows}) == 3  # the same digits, three hashes
        audited = conn.execute(select(audit_rows)).all()
    assert PIN not in repr(rows) + repr(audited)


def test_who_may_not_work_opens_no_shift(office: Office) -> None:
    with acting(office.engine, MORNING, DISTRICT) as act:
        caregivers.dismiss(act, office.li, date(2026, 7, 2))
    assert why(office.opens(staff_no="0017")) is Reason.CAREGIVER_NOT_EMPLOYED


def test_without_a_pin_and_on_ones_own_phone_there_is_no_shift(office: Office) -> None:
    with acting(office.engine, MORNING, DISTRICT) as act:
        new = caregivers.employ(
            act, RING, office.ours, "0019", "周", from_day=date(2026, 1, 1), trained_on=date(2026, 1, 5)
        )
        code = devices.make_code(act, RING, office.ours, new, "phone", timedelta(hours=2))
        own = devices.enrol(act, RING, code, "ed25519", "b" * 43, "k2")
    assert why(office.opens(staff_no="0019")) is Reason.STAFF_PIN_NOT_SET
    with acting(office.engine, MORNING) as act:
        assert why(shifts.open_(act, RING, own, staff_no="0017", pin=PIN)) is Reason.DEVICE_NOT_SHARED


def test_a_shift_ends_when_it_is_said_to_have_ended(office: Office) -> None:
    shift = office.opens(staff_no="0017")
    assert isinstance(shift, Shift)

    def ends(told: str, when: str) -> None:
        with acting(office.engine, told) as act:
            shifts.end(act, office.phone, shift.id, at(when))

    ends("2026-07-03 15:00", "2026-07-03 12:00")  # told later, without signal before
    assert office.covers(office.li, "2026-07-03 12:05")
    assert not office.covers(office.li, "2026-07-03 12:06")
    ends("2026-07-03 16:00", "2026-07-03 14:00")  # again, and later: it stays ended
    assert not office.covers(office.li, "2026-07-03 13:00")
    ends("2026-07-03 16:00", "2026-07-01 00:00")  # never before it began
    assert office.covers(office.li, "2026-07-03 07:30")
    with acting(office.engine, MORNING) as act, pytest.raises(Refused) as refused:
        shifts.end(act, "another-device", shift.id, act.now)
    assert refused.value.reason is Reason.SHIFT_UNKNOWN


def test_badges_and_pins_are_for_the_own_office(office: Office) -> None:
    rival = officer("rival", "provider", provider_id=office.theirs)
    for attempt in (badges.make, lambda act, ring, one: badges.set_pin(act, ring, one, PIN)):
        with begin(office.engine, rival, at(MORNING)) as act, pytest.raises(Refused) as refused:
            attempt(act, RING, office.li)
        assert refused.value.reason is Reason.NOT_ALLOWED
