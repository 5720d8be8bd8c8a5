"""The caregiver's app keeps its own chain of signed events on the phone, and what it sends is what the server keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Route
from sqlalchemy import select

from settlement.cards import pin, sealed_pin
from settlement.cards.tables import cards
from settlement.visits import device_key, signed_event
from tests.browser.conftest import Street
from tests.browser.core import Phone, debit_of, events, visit_of
from tests.support import RING, acting, officer

P256_ONLY = """
  const make = crypto.subtle.generateKey.bind(crypto.subtle);
  crypto.subtle.generateKey = (how, ...more) => how.name === 'Ed25519'
    ? Promise.reject(new DOMException('not here', 'NotSupportedError')) : make(how, ...more);
"""


def test_a_day_from_the_code_to_the_debit(street: Street) -> None:
    senior, token = street.door.senior(yuan=150)
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    assert phone.run("door.device.caregiver") == "0017"
    bundle = phone.run("door.bundle")
    assert [one["order_id"] for one in bundle["orders"]] == [order]
    assert bundle["caregiver"] == {"staff_no": "0017", "name": "李秀兰"}
    assert bundle["terms"]["minimum_minutes"] == 60

    visit = phone.checks_in(order, token)
    street.passes(minutes=61)
    phone.checks_out(visit, token)
    assert phone.syncs() == ["accepted", "accepted"]
    kept = visit_of(street, visit)
    assert (kept.status, kept.duration_source) == ("served", "monotonic")
    assert 3660 <= kept.seconds < 3720

    # 150 yuan on the card, 35 for the item
    quote = phone.run("door.quote({visit: given})", visit)
    assert (quote["total_fen"], quote["subsidy_fen"], quote["subsidy_left_fen"]) == (3500, 3500, 11500)
    phone.debits(visit, token)
    assert phone.syncs() == ["accepted"] * 3
    assert debit_of(street, visit).subsidy_fen == 3500
    shown = phone.visit(visit)
    assert (shown["state"], shown["debit"]["state"]) == ("served", "accepted")
    assert shown["debit"]["result"]["subsidy_left_fen"] == 11500
    chain = events(street, phone.run("door.device.device_id"))
    assert [one.counter for one in chain] == [1, 2, 3]
    assert [one.prev_hash for one in chain] == ["0" * 64, chain[0].id, chain[1].id]

    month = phone.run(f"door.month('{street.door.now:%Y-%m}')")
    assert (month["orders"], month["visits"], month["void"], month["total_fen"]) == (1, 1, 0, 3500)
    assert (month["list"][0]["visit_id"], month["list"][0]["debited"]) == (visit, True)


def test_a_browser_without_ed25519_signs_with_p256(street: Street) -> None:
    context = street.context()
    context.add_init_script(P256_ONLY)
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street, context).enrolled()
    visit = phone.checks_in(order, token)
    assert phone.syncs() == ["accepted"]
    [event] = events(street, phone.run("door.device.device_id"))
    assert (event.visit_id, event.algorithm) == (visit, "ecdsa-p256-sha256")
    listed = phone.run(
        f"(await door.month('{street.door.now:%Y-%m}')).list.map(one => one.visit_id)"
    )  # signed with its query
    assert visit in listed


def test_the_key_cannot_be_taken_from_the_phone(street: Street) -> None:
    phone = Phone(street).enrolled()
    taken = phone.run(
        "const storage = await (await core('storage')).Storage.open(); const { secret } = await storage.get('device');"
        " return [secret.extractable, await crypto.subtle.exportKey('jwk', secret).then(() => 'taken', () => 'refused')]"
    )
    assert taken == [False, "refused"]


# -- the same bytes as the server ---------------------------------------------------------------------------------------------

TEXTS = ["王桂英", 'quotes " and \\ and /', "\n\t\b\f\r\u001f\u007f", "\u2028\u2029 é \U0001f9d3", "a" * 40]


@pytest.mark.parametrize("text", TEXTS)
def test_canonical_bytes_and_hash_are_the_servers(street: Street, text: str) -> None:
    event: dict[str, Any] = {"kind": "cancel", "mono_ms": 2**53 - 1, "zero": 0, "less": -5, "b10": 1, "b2": 2}
    event |= {"body": {"reason": text, "lines": [{"quantity": 1, "item": "ZC01"}, []]}}
    found = Phone(street).run(
        "const { canonical, eventHash } = await core('signed_event'); return [canonical(given), await eventHash(given)]",
        event,
    )
    assert found == [signed_event.canonical(event).decode(), signed_event.event_hash(event)]


@pytest.mark.parametrize("value", ["1.5", "null", "true", "2 ** 53", "'\\ud800'", "{ Big: 1 }", "undefined"])
def test_what_has_no_single_form_is_not_signed(street: Street, value: str) -> None:
    assert Phone(street).refused(f"(await core('signed_event')).canonical({{ a: {value} }})") == "form"


@pytest.mark.parametrize("algorithm", device_key.ALGORITHMS)
def test_a_signature_is_genuine_to_the_server(street: Street, algorithm: str) -> None:
    made = Phone(street).run(
        """const { generate } = await core('keys'); const { signed, FIRST_PREV } = await core('signed_event');
        const key = await generate([given]);
        const facts = { kind: 'cancel', device_id: 'd1', counter: 1, prev: FIRST_PREV, boot: 'b', mono_ms: 5, caregiver: '0017',
          occurred_at: '2026-07-03T09:00:00.123000+08:00', body: { event: FIRST_PREV, reason: 'mistake' } };
        const { event, event_id, signature } = await signed(facts, key);
        return { jwk: key.public_key, key_id: key.key_id, event_id, envelope: { event, signature } };""",
        algorithm,
    )
    key = device_key.from_jwk(made["jwk"])
    event = signed_event.parse(made["envelope"])
    assert (made["key_id"], made["event_id"]) == (device_key.key_id(key), event.hash)
    assert signed_event.verify(event, algorithm, key)


def test_a_sealed_pin_opens_at_the_server_for_its_own_debit_only(street: Street) -> None:
    given = {"key": sealed_pin.public_jwk(RING), "bound": "v1|3500|0|2026-07-03T10:02:00.000000+08:00"}
    sealed = Phone(street).run("(await core('hpke')).sealPin(given.key, '274916', given.bound)", given)
    assert sealed_pin.open_(RING, sealed, given["bound"].encode()) == "274916"
    assert sealed_pin.open_(RING, sealed, sealed_pin.bound("v1", 3501, 0, "2026-07-03T10:02:00.000000+08:00")) is None


def test_a_debit_is_confirmed_by_pin(street: Street) -> None:
    senior, token = street.door.senior(yuan=150)
    order = street.door.order(senior)
    with acting(street.door.town.engine, street.door.now, officer("counter", "card_counter")) as act:
        card = act.conn.execute(select(cards.c.id).where(cards.c.senior_id == senior)).scalar_one()
        pin.set_pin(act, RING, card, "274916")
    phone = Phone(street).enrolled()
    visit = phone.checks_in(order, token)
    street.passes(minutes=61)
    phone.checks_out(visit, token)
    phone.debits(visit, consent="pin", pin="274915")
    assert phone.syncs() == ["accepted", "accepted", "declined"]
    assert phone.run("door.queue().at(-1).words.code") == "pin_wrong"
    phone.debits(visit, consent="pin", pin="274916")
    assert phone.syncs()[-1] == "accepted"
    assert debit_of(street, visit).consent == "pin"
    stored = phone.run("JSON.stringify(await (await (await core('storage')).Storage.open()).all())")
    assert "274916" not in stored


# -- forms --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("door.checkIn({ method: 'card_qr', token: 'a\\u0000b' })", "check_in.token"),
        ("door.checkIn({ method: 'telepathy' })", "check_in.method"),
        ("door.checkIn({ method: 'card_qr', token: 'x'.repeat(401) })", "check_in.token"),
        (
            "door.checkIn({ method: 'card_qr', place: { latitude_e7: 1.5, longitude_e7: 0, accuracy_m: 1 } })",
            "check_in.place",
        ),
        ("door.checkOut({ visit: 'v', lines: [], method: 'card_qr' })", "check_out.lines"),
        (
            "door.debit({ visit: 'v', consent: 'card_qr', total_fen: 0, personal_fen: 0, cash_fen: 0 })",
            "debit.total_fen",
        ),
        ("door.cancel('abc', 'mistake')", "cancel.event"),
        ("door.notServed({ order_id: 'o1' })", "not_served.reason"),
    ],
)
def test_what_the_server_could_not_read_is_never_signed(street: Street, call: str, field: str) -> None:
    phone = Phone(street).enrolled()
    assert phone.refused(f"await {call}") == "form"
    assert phone.run(f"try {{ await {call} }} catch (error) {{ return error.en }} return null").endswith(field)
    assert phone.states() == []


PLACE = {"latitude_e7": 324_312_345, "longitude_e7": 1_195_512_345, "accuracy_m": 12}
HASH = "0a" * 32
WHOLE: dict[str, dict[str, Any]] = {
    "check_in": {"order_id": "o1", "method": "typed", "token": "t", "card_no": "321000", "place": PLACE},
    "check_out": {
        "visit": HASH,
        "lines": [{"item": "ZC01", "quantity": 1, "amount_fen": 3500}],
        "method": "card_qr",
        "token": "t",
        "place": PLACE,
        "reason": "battery_empty",
    },
    "debit": {
        "visit": HASH,
        "consent": "pin",
        "token": "t",
        "code": "12345678",
        "pin_sealed": "s",
        "total_fen": 1,
        "personal_fen": 0,
        "cash_fen": 0,
        "receipt_no": "R1",
    },
    "confirm": {"debit": HASH, "consent": "card_qr", "token": "t", "code": "12345678"},
    "cancel": {"event": HASH, "reason": "mistake"},
    "void": {"visit": HASH, "reason": "goods"},
    "not_served": {"order_id": "o1", "reason": "ill", "place": PLACE},
}
ODD: list[Any] = [
    "",
    "x",
    "x" * 32,
    "x" * 33,
    "x" * 40,
    "\U0001f9d3" * 40,
    "x" * 41,
    "x" * 48,
    "x" * 49,
    "x" * 64,
    "x" * 65,
]
ODD += [
    "x" * 400,
    "x" * 401,
    "x" * 600,
    "x" * 601,
    HASH.upper(),
    HASH + "\n",
    "a\0b",
    -1,
    0,
    1,
    1000,
    1001,
    10**8,
    10**8 + 1,
]
ODD += [1.5, True, [], {}, [{}], PLACE, PLACE | {"accuracy_m": 100_001}, PLACE | {"more": 1}, {"latitude_e7": 1}]
ODD += [
    [{"item": "a", "quantity": 1}],
    [{"item": "a", "quantity": 0}],
    [{"item": "a"}],
    [{"item": "a", "quantity": 1}] * 21,
]


@pytest.mark.parametrize("kind", signed_event.BODIES)
def test_the_phone_takes_the_forms_that_the_server_takes_and_no_other(street: Street, kind: str) -> None:
    """Each field left out, and every odd value in each field."""
    whole = WHOLE[kind]
    assert set(whole) == set(signed_event.BODIES[kind]().fields)
    tried = [whole, whole | {"more": 1}]
    tried += [{name: value for name, value in whole.items() if name != left_out} for left_out in whole]
    tried += [whole | {name: value} for name in whole for value in ODD]
    taken = Phone(street).run(
        "const { bodyOf } = await core('forms'); const takes = (body) => { try { bodyOf(given.kind, body); return true } catch { return false } };"
        " return given.tried.map(takes)",
        {"kind": kind, "tried": tried},
    )
    facts = {"v": 1, "kind": kind, "device_id": "d1", "counter": 1, "prev": HASH, "boot": "b", "mono_ms": 0}
    facts |= {"occurred_at": "2026-07-03T09:00:00.000000+08:00", "caregiver": "0017", "alg": "ed25519", "key_id": "k"}

    def takes(body: dict[str, Any]) -> bool:
        try:
            signed_event.parse({"event": facts | {"body": body}, "signature": "A" * 86})
        except signed_event.EventMalformed:
            return False
        return True

    differ = [body for body, here in zip(tried, taken, strict=True) if takes(body) != here]
    assert differ == []
    assert True in taken[1:] and False in taken


# -- without signal -----------------------------------------------------------------------------------------------------------


def test_a_visit_without_signal_survives_the_page_and_is_sent_in_order(street: Street) -> None:
    senior, token = street.door.senior(yuan=150)
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    visit = phone.checks_in(order, token)
    street.passes(minutes=61)
    phone.checks_out(visit, token)
    phone.debits(visit, token)
    assert phone.syncs() == ["waiting"] * 3
    assert phone.run("door.quote({visit: given}).then(() => null, (error) => error.code)", visit) == "no_signal"
    shown = phone.visit(visit)
    assert (shown["state"], shown["waiting"], shown["debit"]["state"], shown["total_fen"]) == (
        "served",
        True,
        "waiting",
        3500,
    )

    phone.offline(False)
    phone.page.close()
    phone.page = street.page(phone.context)
    phone.opens()
    assert phone.syncs() == ["accepted"] * 3
    assert debit_of(street, visit).subsidy_fen == 3500
    assert [one.kind for one in events(street, phone.run("door.device.device_id"))] == [
        "check_in",
        "check_out",
        "debit",
    ]


def test_what_the_scheme_will_not_take_late_is_not_taken_without_signal(street: Street) -> None:
    """Jiangdu: at most 200 yuan a debit, and sixty of them waiting."""
    phone = Phone(street).enrolled()
    phone.offline()
    big = "await door.debit({ visit: 'v', consent: 'card_qr', total_fen: 20001, personal_fen: 0, cash_fen: 0 })"
    assert phone.refused(big) == "offline_amount"
    assert phone.refused(f"for (let i = 0; i < 60; i += 1) {big.replace('20001', '20000')}") is None
    assert phone.refused(big.replace("20001", "100")) == "offline_queue"
    assert phone.states() == ["waiting"] * 60


def test_one_card_is_not_debited_without_end_on_a_day_without_signal(street: Street) -> None:
    """Jiangdu: at most 400 yuan a card and day."""
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    visit = phone.checks_in(order, token)
    phone.debits(visit, token, total_fen=20000)
    phone.debits(visit, token, total_fen=19900)
    more = {"visit": visit, "consent": "card_qr", "token": token, "personal_fen": 0, "cash_fen": 0}
    assert phone.refused("await door.debit(given)", more | {"total_fen": 101}) == "offline_day"
    assert phone.refused("await door.debit(given)", more | {"total_fen": 100}) is None
    other = phone.checks_in(street.door.order(street.door.senior()[0]), "another token")
    assert phone.refused("await door.debit(given)", more | {"visit": other, "total_fen": 20000}) is None


def test_an_answer_that_was_lost_counts_nothing_twice(street: Street) -> None:
    senior, token = street.door.senior(yuan=150)
    order = street.door.order(senior)
    phone = Phone(street).enrolled()

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    phone.page.route("**/api/v1/events", lost)
    visit = phone.checks_in(order, token)
    assert phone.syncs() == ["waiting"]
    assert visit_of(street, visit).status == "open"
    phone.page.unroute("**/api/v1/events")
    street.passes(minutes=61)
    phone.checks_out(visit, token)
    assert phone.syncs() == ["accepted", "accepted"]
    assert len(events(street, phone.run("door.device.device_id"))) == 2


@pytest.mark.parametrize(
    "answer", [(500, "{}"), (502, "<html>bad gateway</html>"), (200, "<html>sign in to the wifi</html>"), (200, "{}")]
)
def test_what_is_no_answer_of_ours_changes_nothing(street: Street, answer: tuple[int, str]) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.page.route("**/api/v1/events", lambda route: route.fulfill(status=answer[0], body=answer[1]))
    phone.checks_in(order, token)
    assert phone.syncs() == ["waiting"]
    phone.page.unroute("**/api/v1/events")
    assert phone.syncs() == ["accepted"]


def test_signal_that_comes_back_sends_by_itself(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    phone.checks_in(order, token)
    assert phone.syncs() == ["waiting"]
    phone.offline(False)  # the browser says so to the page
    phone.page.wait_for_function("door.queue()[0].state === 'accepted'")


def test_a_long_queue_goes_in_batches_of_five_hundred(street: Street) -> None:
    phone = Phone(street).enrolled()
    phone.offline()
    phone.run("for (let i = 0; i < 501; i += 1) await door.cancel('0'.repeat(64), 'mistake'); return 0")
    assert phone.syncs() == ["waiting"] * 501  # no try of before is still under way when the counting begins
    sizes: list[int] = []

    def counted(route: Route) -> None:
        sizes.append(len(json.loads(route.request.post_data or "{}")["events"]))
        route.continue_()

    phone.page.route("**/api/v1/events", counted)
    phone.offline(False)
    assert set(phone.syncs()) == {"declined"}
    assert sizes == [500, 1]
    assert len(events(street, phone.run("door.device.device_id"))) == 501


# -- refusals -----------------------------------------------------------------------------------------------------------------


def test_what_is_refused_for_good_is_explained_and_does_not_stand_in_the_way(street: Street) -> None:
    """Another provider's order: nothing of it is kept, and its number is free for the next event."""
    town = street.door.town
    senior, token = street.door.senior()
    theirs = street.door.order(senior, provider=town.theirs)
    phone = Phone(street).enrolled()
    phone.run("await door.notServed({ order_id: given, reason: 'refused' }); return 0", theirs)
    assert phone.syncs() == ["rejected"]
    assert phone.run("door.queue()[0].words.code") == "other_providers_order"
    phone.checks_in(street.door.order(senior), token)
    assert phone.syncs() == ["rejected", "accepted"]
    assert [one["counter"] for one in phone.run("door.queue()")] == [1, 1]


def test_with_events_after_it_it_is_kept_as_declined(street: Street) -> None:
    senior, token = street.door.senior()
    theirs = street.door.order(senior, provider=street.door.town.theirs)
    ours = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    phone.run("await door.notServed({ order_id: given, reason: 'refused' }); return 0", theirs)
    phone.checks_in(ours, token)
    phone.offline(False)
    assert phone.syncs() == ["declined", "accepted"]


def test_a_wrong_tap_is_taken_back(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    visit = phone.checks_in(order, token)
    phone.run("await door.cancel(given, 'mistake'); return 0", phone.visit(visit)["event_id"])
    assert phone.visit(visit)["state"] == "cancelled"
    assert phone.syncs() == ["accepted", "accepted"]
    phone.checks_in(order, token)
    assert phone.syncs()[-1] == "accepted"


def test_an_order_not_served_is_off_the_list_at_once(street: Street) -> None:
    senior, _ = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    phone.run("await door.notServed({ order_id: given, reason: 'nobody_home' }); return 0", order)
    assert phone.run("door.bundle.orders") == []


def test_too_short_is_void_before_the_server_says_so(street: Street) -> None:
    senior, token = street.door.senior()
    order = street.door.order(senior)
    phone = Phone(street).enrolled()
    phone.offline()
    visit = phone.checks_in(order, token)
    street.passes(minutes=20)
    phone.checks_out(visit, token)
    before = phone.visit(visit)
    phone.offline(False)
    phone.syncs()
    after = phone.visit(visit)
    assert (before["state"], before["void_zh"]) == (after["state"], after["void_zh"]) == ("void", "时长不足")
    assert after["again_order_id"] == f"again-{visit}"
