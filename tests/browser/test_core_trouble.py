"""What may go wrong on a phone: several tabs, a page closed in the middle, wrong clocks, full or rolled-back storage, a server put back, a shared phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Route
from sqlalchemy import delete, select, update

from settlement.act import begin
from settlement.providers import badges, devices
from settlement.providers import caregivers as staff
from settlement.providers.tables import caregivers, shifts
from settlement.providers.tables import devices as device_rows
from settlement.visits.tables import door_events, visits
from tests.browser.conftest import Street
from tests.browser.core import Phone, events, visit_of
from tests.support import RING, acting, officer

WRONG_TAP = "door.cancel('0'.repeat(64), 'mistake')"
"""An event that the server keeps and declines: there is nothing to take back."""


def counters(street: Street, device: str) -> list[int]:
    chain = events(street, device)
    assert [one.prev_hash for one in chain] == ["0" * 64, *(one.id for one in chain)][: len(chain)]
    return [one.counter for one in chain]


# -- pages --------------------------------------------------------------------------------------------------------------------


def test_two_tabs_at_once_make_one_chain(street: Street) -> None:
    one = Phone(street).enrolled()
    other = one.another_tab()
    record = f"window.many = Promise.all(Array.from({{ length: 10 }}, () => {WRONG_TAP})); return 0"
    for tab in (one, other):
        tab.run(record)
    for tab in (one, other):
        tab.run("await window.many; return 0")
    one.syncs()
    assert counters(street, one.run("door.device.device_id")) == list(range(1, 21))
    other.page.wait_for_function("door.queue().every((each) => each.state === 'declined')")  # it is told by the first
    assert other.run("door.queue().length") == 20


def test_tabs_make_one_chain_in_a_browser_without_locks(street: Street) -> None:
    context = street.context()
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    one = Phone(street, context).enrolled()
    other = one.another_tab()
    for tab in (one, other):
        tab.run(f"window.many = Promise.all(Array.from({{ length: 5 }}, () => {WRONG_TAP})); return 0")
    for tab in (one, other):
        tab.run("await window.many; await door.sync(); return 0")
    assert counters(street, one.run("door.device.device_id")) == list(range(1, 11))


def test_a_page_closed_in_the_middle_leaves_a_whole_chain(street: Street) -> None:
    """Wherever the page ends: an event is there whole, with the head moved, or not at all."""
    phone = Phone(street).enrolled()
    device = phone.run("door.device.device_id")
    phone.offline()
    for pause in range(6):
        phone.run(
            "const later = (left) => (left ? Promise.resolve().then(() => later(left - 1)) : 0);"
            f"{WRONG_TAP}; await later(given * 20); return 0",
            pause,
        )
        phone.page.close()
        phone.page = street.page(phone.context)
        phone.offline(False)
        phone.opens()
        phone.run(f"await {WRONG_TAP}; return 0")
        phone.syncs()
        phone.offline()
    kept = counters(street, device)
    assert kept == list(range(1, len(kept) + 1))
    assert 6 <= len(kept) <= 12
    assert phone.run("door.queue().length") == len(kept)


def test_an_enrolment_whose_answer_was_lost_goes_on_with_the_same_code(street: Street) -> None:
    phone = Phone(street)
    code = street.door.code(caregiver=street.door.town.our_caregiver)

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    phone.page.route("**/api/v1/devices", lost)
    assert phone.refused("await door.enrol(given)", code) == "no_signal"
    assert phone.run("door.device") is None
    phone.page.unroute("**/api/v1/devices")
    phone.opens()
    phone.run("await door.enrol(given); return 0", code)
    with street.door.town.engine.connect() as conn:
        found = conn.execute(select(device_rows.c.id).order_by(device_rows.c.enrolled_at.desc())).scalars().first()
    assert phone.run("door.device.device_id") == found


def test_with_a_new_code_a_lost_enrolment_makes_a_new_key(street: Street) -> None:
    phone = Phone(street)

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    ours = street.door.town.our_caregiver
    phone.page.route("**/api/v1/devices", lost)
    phone.refused("await door.enrol(given)", street.door.code(caregiver=ours))
    phone.page.unroute("**/api/v1/devices")
    phone.run("await door.enrol(given); return 0", street.door.code(caregiver=ours))
    assert phone.run("door.device.caregiver") == "0017"


def test_a_wrong_code_is_told_and_changes_nothing(street: Street) -> None:
    phone = Phone(street)
    assert phone.refused("await door.enrol('ABCD-EFGH-JKMN')") == "enrolment_code_invalid"
    assert phone.run("door.device") is None
    assert phone.refused(f"await {WRONG_TAP}") == "not_enrolled"


# -- clocks -------------------------------------------------------------------------------------------------------------------


def test_a_phone_whose_clock_is_wrong_learns_the_time(street: Street) -> None:
    context = street.context()
    context.clock.install(time=street.door.now - timedelta(hours=3))
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street, context).enrolled()
    visit = phone.checks_in(order, token)
    assert phone.syncs() == ["accepted"]
    assert abs(visit_of(street, visit).check_in_at - street.door.now) < timedelta(minutes=2)
    phone.opens()
    assert abs(phone.run("door.now()") / 1000 - street.door.now.timestamp()) < 120  # known again without asking


def test_a_phone_that_slept_or_was_set_begins_a_new_run(street: Street) -> None:
    """The counter stood still while the clock went on: it says nothing about how long a visit lasted."""
    boots = Phone(street).run(
        """const { DoorClock } = await core('clock');
        const clock = new DoorClock();
        const now = performance.now.bind(performance);
        let slept = 0;
        performance.now = () => now() - slept;
        const first = clock.moment(), second = clock.moment();
        slept = 5000;
        const third = clock.moment();
        performance.now = now;
        return [first, second, third].map((each) => each.boot);"""
    )
    assert boots[0] == boots[1] != boots[2]


@pytest.mark.parametrize(("took", "corrected"), [(2_000, 600_000), (3_600_000, 0)])
def test_an_answer_that_slept_on_the_way_does_not_set_the_clock(street: Street, took: int, corrected: int) -> None:
    """Sent ten minutes behind the server's clock, its answer read ``took`` milliseconds later."""
    offset = Phone(street).run(
        """const { DoorClock } = await core('clock');
        const clock = new DoorClock(), sent = Date.now() - given;
        clock.compare(new Date(sent + given / 2 + 600_000).toISOString(), sent);
        return clock.offset;""",
        took,
    )
    assert abs(offset - corrected) < 1_000


def test_a_visit_over_a_closed_page_is_timed_by_the_clock(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    visit = phone.checks_in(order, token)
    street.passes(minutes=61)
    phone.opens()
    phone.checks_out(visit, token)
    phone.syncs()
    kept = visit_of(street, visit)
    assert (kept.status, kept.duration_source) == ("served", "clock")


# -- storage ------------------------------------------------------------------------------------------------------------------

COPY = """const { Storage } = await core('storage'); const storage = await Storage.open();
  window.copied = { head: await storage.get('head'), events: await storage.all() }; return 0"""
PUT_BACK = """const { Storage } = await core('storage'); const storage = await Storage.open();
  const kept = new Set(window.copied.events.map((one) => one.event_id));
  const gone = (await storage.all()).filter((one) => !kept.has(one.event_id));
  const request = indexedDB.open('songbai-door');
  await new Promise((done) => { request.onsuccess = done; });
  const transaction = request.result.transaction(['keep', 'events'], 'readwrite');
  transaction.objectStore('keep').put(window.copied.head, 'head');
  for (const one of gone) transaction.objectStore('events').delete(one.event_id);
  await new Promise((done) => { transaction.oncomplete = done; }); return 0"""
"""Needs no reload in between: what was copied is kept in the page."""


def test_an_older_copy_of_the_storage_goes_on_where_the_server_is(street: Street) -> None:
    phone = Phone(street).enrolled()
    phone.run(f"await {WRONG_TAP}; return 0")
    phone.syncs()
    phone.run(COPY)
    phone.run(f"await {WRONG_TAP}; await {WRONG_TAP}; return 0")
    phone.syncs()
    device = phone.run("door.device.device_id")
    phone.run(PUT_BACK)
    phone.opens()
    phone.run("await door.refresh(); return 0")
    phone.run(f"await {WRONG_TAP}; return 0")
    assert phone.syncs()[-1] == "declined"
    assert counters(street, device) == [1, 2, 3, 4]


def test_a_forked_record_is_told_kept_and_the_phone_enrolled_anew(street: Street) -> None:
    phone = Phone(street).enrolled()
    first = phone.run("door.device.device_id")
    phone.run(COPY)
    phone.run(f"await {WRONG_TAP}; return 0")
    phone.syncs()
    phone.run(PUT_BACK)
    phone.offline()
    phone.run("await door.cancel('1'.repeat(64), 'mistake'); return 0")  # another event with the number that is taken
    phone.offline(False)
    phone.syncs()
    assert phone.run("[door.device, door.trouble.code]") == [None, "forked"]
    assert phone.states() == ["waiting"]
    phone.enrolled()
    assert phone.run("door.trouble") is None
    phone.run(f"await {WRONG_TAP}; return 0")
    assert phone.syncs() == ["waiting", "declined"]  # the stuck one stays, for the office to see
    second = phone.run("door.device.device_id")
    assert (counters(street, first), counters(street, second)) == ([1], [1])


FULL = "window.add = IDBObjectStore.prototype.add; IDBObjectStore.prototype.add = function () {{ {} }}; return 0"
TELLS = "throw new DOMException('full', 'QuotaExceededError')"
ABORTS = "const request = window.add.apply(this, arguments); this.transaction.abort(); return request"


@pytest.mark.parametrize(("fault", "told"), [(TELLS, "storage_full"), (ABORTS, "storage_failed")])
def test_a_full_phone_says_so_and_loses_nothing(street: Street, fault: str, told: str) -> None:
    """Chromium holds its limits in no test, so the database is made to fail as it does when there is no room."""
    phone = Phone(street).enrolled()
    phone.offline()
    phone.run(f"await {WRONG_TAP}; return 0")
    phone.run(FULL.format(fault))
    assert phone.refused(f"await {WRONG_TAP}") == told
    assert phone.states() == ["waiting"]
    phone.run("IDBObjectStore.prototype.add = window.add; return 0")
    phone.run(f"await {WRONG_TAP}; return 0")
    phone.offline(False)
    assert phone.syncs() == ["declined", "declined"]
    assert counters(street, phone.run("door.device.device_id")) == [1, 2]


# -- the server ---------------------------------------------------------------------------------------------------------------


def test_a_server_put_back_from_a_backup_gets_again_what_it_lost(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.run(f"await {WRONG_TAP}; return 0")
    visit = phone.checks_in(order, token)
    phone.run(f"await {WRONG_TAP}; return 0")
    phone.syncs()
    device = phone.run("door.device.device_id")
    first, *_ = events(street, device)
    with street.door.town.engine.begin() as conn:
        conn.execute(delete(visits).where(visits.c.id == visit))
        conn.execute(delete(door_events).where(door_events.c.device_id == device, door_events.c.counter > 1))
        change = {"last_counter": 1, "last_hash": first.id}
        conn.execute(update(device_rows).where(device_rows.c.id == device).values(**change))
    phone.run(f"await {WRONG_TAP}; return 0")
    assert phone.syncs() == ["declined", "accepted", "declined", "declined"]
    assert counters(street, device) == [1, 2, 3, 4]
    assert visit_of(street, visit).status == "open"


def test_a_revoked_phone_hands_in_what_it_has_and_can_be_enrolled_anew(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    phone.checks_in(order, token)
    device = phone.run("door.device.device_id")
    with acting(street.door.town.engine, street.door.now, officer("district", "civil_affairs")) as act:
        devices.revoke(act, device, "lost")
    phone.offline(False)
    assert phone.refused("await door.refresh()") == "device_revoked"
    assert phone.run("[door.device, door.bundle, door.trouble.code]") == [None, None, "device_revoked"]
    assert phone.syncs() == ["quarantined"]
    phone.enrolled()
    assert phone.run("door.device.device_id") != device
    assert phone.states() == ["quarantined"]


def test_what_became_of_a_waiting_event_is_asked_again(street: Street) -> None:
    """A check-out on a shared phone comes in before the check-in of another: it waits, and later it counts."""
    town = street.door.town
    senior, token = street.door.senior()
    order = street.door.order(senior)
    mine = Phone(street).enrolled()
    mine.offline()
    visit = mine.checks_in(order, token)
    street.passes(minutes=61)
    spare = Phone(street).enrolled(shared=True)
    set_pin(street, town.our_caregiver)
    spare.run("await door.openShift('0017', '274916'); return 0")
    lines = [{"item": "ZC01", "quantity": 1}]
    given = {"visit": visit, "lines": lines, "method": "card_qr", "token": token, "reason": "battery_empty"}
    spare.run("await door.checkOut(given); return 0", given)
    assert spare.syncs() == ["held"]
    mine.offline(False)
    assert mine.syncs() == ["accepted"]
    spare.run("await door.refresh(); return 0")
    assert spare.states() == ["accepted"]


# -- a shared phone -----------------------------------------------------------------------------------------------------------


def set_pin(street: Street, caregiver: int, pin: str = "274916") -> None:
    with begin(street.door.town.engine, officer("district", "civil_affairs"), street.door.now) as act:
        badges.set_pin(act, RING, caregiver, pin)


def colleague_of(street: Street) -> tuple[int, str]:
    """Another caregiver of ours: (id, staff number)."""
    door = street.door
    number, today = f"N{door.now:%m%d}", door.now.date()
    with acting(door.town.engine, door.now, officer("district", "civil_affairs")) as act:
        id = staff.employ(act, RING, door.town.ours, number, "赵敏", from_day=today, trained_on=today)
    return id, number


def test_a_shared_phone_asks_who_works_with_it(street: Street) -> None:
    town = street.door.town
    set_pin(street, town.our_caregiver)
    with begin(town.engine, officer("district", "civil_affairs"), street.door.now) as act:
        badge = badges.make(act, RING, town.our_caregiver)
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled(shared=True)
    assert phone.run("[door.device.shared, door.needsShift, door.bundle.orders.length]") == [True, True, 0]
    assert phone.refused("await door.checkIn({ method: 'card_qr', token: given })", token) == "no_shift"
    assert phone.refused("await door.openShift('0017', '111112')") == "staff_pin_wrong"
    phone.run("await door.openShift(given, '274916'); return 0", badge)
    assert phone.run("[door.needsShift, door.shift.caregiver.staff_no, door.bundle.caregiver.staff_no]") == [
        False,
        "0017",
        "0017",
    ]
    assert phone.run("door.bundle.orders.map((one) => one.order_id)") == [order]
    visit = phone.checks_in(order, token)
    assert phone.syncs() == ["accepted"]
    assert visit_of(street, visit).caregiver_id == town.our_caregiver

    phone.offline()
    phone.run("await door.closeShift(); return 0")
    assert phone.run("[door.needsShift, door.shift, door.bundle, door.visits()]") == [True, None, None, []]
    ended = street.door.now
    street.passes(hours=2)
    phone.offline(False)
    phone.syncs()
    with town.engine.connect() as conn:
        shift = conn.execute(select(shifts).order_by(shifts.c.opened_at.desc())).first()
    assert shift is not None
    assert abs(shift.until - ended) < timedelta(minutes=2)


def test_after_twelve_hours_the_shift_is_over(street: Street) -> None:
    set_pin(street, street.door.town.our_caregiver)
    phone = Phone(street).enrolled(shared=True)
    phone.run("await door.openShift('0017', '274916'); return 0")
    street.passes(hours=12, minutes=1)
    assert phone.run("door.needsShift") is True


KEPT = "const { Storage } = await core('storage'); return JSON.stringify(await (await Storage.open()).get('bundle') ?? null)"


def test_a_shift_that_ran_out_leaves_nobodys_address_on_the_phone(street: Street) -> None:
    """Nobody said that it ended: the phone was put into a drawer."""
    set_pin(street, street.door.town.our_caregiver)
    order = street.door.order(street.door.senior()[0])
    phone = Phone(street).enrolled(shared=True)
    phone.run("await door.openShift('0017', '274916'); return 0")
    assert order in phone.run(KEPT)
    street.passes(hours=12, minutes=1)
    assert order not in str(phone.run("door.bundle"))
    phone.opens()
    phone.page.wait_for_function("() => door.bundle === null")
    assert order not in phone.run(KEPT)


def test_whoever_comes_next_does_not_get_the_first_ones_day(street: Street) -> None:
    """Signed in while there was signal, which was gone when the day was fetched."""
    town = street.door.town
    colleague, number = colleague_of(street)
    set_pin(street, town.our_caregiver)
    set_pin(street, colleague)
    order = street.door.order(street.door.senior()[0])
    phone = Phone(street).enrolled(shared=True)
    phone.run("await door.openShift('0017', '274916'); return 0")
    phone.page.route("**/api/v1/shift", lambda route: route.abort())
    phone.run("await door.openShift(given, '274916'); return 0", number)
    assert phone.run("door.shift.caregiver.staff_no") == number
    assert order not in phone.run(KEPT)


def test_what_is_recorded_while_a_look_ends_is_sent_all_the_same(street: Street) -> None:
    """One more event comes when everything was sent, but the call has not ended."""
    set_pin(street, street.door.town.our_caregiver)
    phone = Phone(street).enrolled(shared=True)
    phone.run("await door.openShift('0017', '274916'); return 0")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    phone.page.route("**/api/v1/shift-ends", hold)
    phone.offline()
    phone.run("await door.closeShift(); return 0")
    phone.offline(False)
    phone.run("window.first = door.sync(); return 0")
    phone.page.wait_for_timeout(0)
    while not held:
        phone.page.wait_for_timeout(20)
    phone.run(
        "const { Journal } = await core('journal'); const { Storage } = await core('storage'); const { DoorClock } = await core('clock');"
        "const journal = new Journal(await Storage.open(), new DoorClock());"
        "await journal.record('cancel', { event: '0'.repeat(64), reason: 'mistake' }, { caregiver: '0017' });"
        "window.second = door.sync(); return 0"
    )
    for route in held:
        route.continue_()
    phone.run("await window.second; return 0")
    assert phone.run("door.queue().length") == 1
    assert phone.states() == ["declined"]


def test_another_colleague_does_not_see_the_first_ones_visits(street: Street) -> None:
    town = street.door.town
    colleague, number = colleague_of(street)
    set_pin(street, town.our_caregiver)
    set_pin(street, colleague)
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled(shared=True)
    phone.run("await door.openShift('0017', '274916'); return 0")
    phone.checks_in(order, token)
    assert phone.run("door.visits().filter(one => !one.elsewhere).length") == 1
    phone.run("await door.openShift(given, '274916'); return 0", number)
    assert phone.run("[door.shift.caregiver.staff_no, door.visits().length]") == [number, 0]
    with town.engine.connect() as conn:
        assert conn.execute(select(caregivers.c.name).where(caregivers.c.id == colleague)).scalar_one() == "赵敏"


# -- the browser --------------------------------------------------------------------------------------------------------------


def test_storage_that_the_browser_closed_is_opened_again(street: Street) -> None:
    phone = Phone(street).enrolled()
    phone.run(
        "const begin = IDBDatabase.prototype.transaction; IDBDatabase.prototype.transaction = function (...how) {"
        " IDBDatabase.prototype.transaction = begin; throw new DOMException('connection lost', 'InvalidStateError'); }; return 0"
    )
    phone.run(f"await {WRONG_TAP}; return 0")
    assert phone.syncs() == ["declined"]


@pytest.mark.parametrize("body", ["<html>sign in</html>", '{"ok": true}'])
def test_a_page_that_asks_one_to_sign_in_is_no_answer(street: Street, body: str) -> None:
    """The shop's wireless network answers everything with its own page, or with JSON of its own."""
    phone = Phone(street).enrolled()
    phone.page.route("**/api/v1/shift", lambda route: route.fulfill(body=body))
    assert phone.refused("await door.refresh()") == "no_signal"
    assert phone.run("door.bundle.caregiver.staff_no") == "0017"


def test_what_is_not_there_in_time_is_not_waited_for(street: Street) -> None:
    """A senior looks at the screen: without a balance within eight seconds the visit goes on without."""
    phone = Phone(street).enrolled()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    phone.page.route("**/api/v1/debit-quotes", hold)
    phone.run("window.told = door.quote({ visit: 'v' }).then(() => 'quoted', (error) => error.code); return 0")
    street.passes(seconds=9)
    assert phone.run("await window.told") == "no_signal"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_page_closed_while_it_sends_loses_and_doubles_nothing(street: Street, when: str) -> None:
    """Closed when the request has left, before and after the server took it: the next page asks again."""
    phone = Phone(street).enrolled()
    device = phone.run("door.device.device_id")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if when == "after":
            route.fetch()
        held.append(route)

    for number in range(1, 4):
        held.clear()
        phone.context.route("**/api/v1/events", hold)
        phone.run(f"await {WRONG_TAP}; return 0")
        while not held:
            phone.page.wait_for_timeout(20)
        assert len(events(street, device)) == (number if when == "after" else number - 1)
        phone.page.close()
        phone.context.unroute("**/api/v1/events")
        phone.page = street.page(phone.context)
        phone.opens()
        assert phone.syncs() == ["declined"] * number
    assert counters(street, device) == [1, 2, 3]
