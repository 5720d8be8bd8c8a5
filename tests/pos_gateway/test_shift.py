"""A caregiver's working day over HTTP: the bundle, shifts on a shared phone, the own month, what a debit would take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pos_gateway import store
from pos_gateway.client import DeviceClient, Problem
from pos_gateway.tables import answers, nonces
from settlement.audit import audit_rows
from settlement.cards import sealed_pin
from settlement.people.tables import seniors
from settlement.providers import badges, caregivers, devices, register
from settlement.visits import orders
from settlement.visits.orders import Plan
from settlement.visits.tables import debits
from tests.pos_gateway.town import DISTRICT, PLACE, Door
from tests.support import RING, acting

PIN = "274916"
ITEM, PRICE = "ZC01", 3500


def asks(phone: DeviceClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Raises Problem."""
    key = None if body is None else phone._derived_key([path, body, len(str(phone.chain))])
    return phone._json(phone.call(method, path, body, idempotency_key=key))


def problem(phone: DeviceClient, method: str, path: str, body: Any = None) -> str:
    with pytest.raises(Problem) as refused:
        asks(phone, method, path, body)
    return refused.value.code


def serve(door: Door, phone: DeviceClient, senior_id: int, token: str, minutes: int = 61) -> str:
    """A visit, checked out; its check-in's hash."""
    begun = phone.record(
        "check_in", {"order_id": door.order(senior_id), "method": "card_qr", "token": token, "place": PLACE}
    )
    door.passes(minutes=minutes)
    lines = [{"item": ITEM, "quantity": 1}]
    phone.record(
        "check_out", {"visit": begun.hash, "lines": lines, "method": "card_qr", "token": token, "place": PLACE}
    )
    phone.send()
    return begun.hash


# -- the bundle ---------------------------------------------------------------------------------------------------------------


def test_everything_for_a_day_without_signal(door: Door) -> None:
    senior, token = door.senior()
    order = door.order(senior)
    with door.town.engine.begin() as conn:
        known = {"phone_cipher": RING.encrypt("13800001234", "seniors.phone")}
        known |= {"address_cipher": RING.encrypt("幸福路8号", "seniors.address")}
        change = update(seniors).where(seniors.c.id == senior).values(known).returning(seniors.c.village)
        village = conn.execute(change).scalar_one()
    phone = door.enrolled()
    event = phone.record("cancel", {"event": "0" * 64, "reason": "mistake"})
    phone.send()
    told = asks(phone, "GET", "/shift")
    assert (told["day"], told["server_time"][:19]) == (f"{door.now:%Y-%m-%d}", f"{door.now:%Y-%m-%dT%H:%M:%S}")
    assert (told["caregiver"], told["provider"]["name"]) == ({"staff_no": "0017", "name": "李秀兰"}, "安康养老服务中心")
    assert told["head"] == {"counter": 1, "hash": event.hash}
    [shown] = [one for one in told["orders"] if one["order_id"] == order]
    assert (shown["village"], shown["address"], shown["items"]) == (village, "幸福路8号", [ITEM])
    assert (shown["phone"], shown["emergency_phone"]) == ("13800001234", None)
    price = next(one for one in told["prices"] if one["item_code"] == ITEM)
    assert (price["price_fen"], price["min_minutes"], price["evidence_kind"]) == (PRICE, 60, "home_visit")
    terms = told["terms"]
    assert (terms["minimum_minutes"], terms["offline"]["up_to_fen"]) == (60, 20000)
    assert [one["code"] for one in terms["methods"]] == ["chip", "dynamic", "card_qr", "door_plate", "typed"]
    assert {one["code"]: one["accepted"] for one in terms["methods"]}["typed"] == "flagged"
    assert {"card_qr", "pin", "dynamic"} <= {one["code"] for one in terms["consents"]}
    assert {"code": "nobody_home", "zh": "家中无人", "en": "nobody home"} in terms["reasons"]["not_served"]
    assert terms["pin_key"] == sealed_pin.public_jwk(RING)
    assert {one["phone"] for one in terms["call"]} == {"110", "12345"}
    with acting(door.town.engine, door.now, DISTRICT) as act:
        register.set_phone(act, door.town.ours, "0514-86540000")
    assert asks(phone, "GET", "/shift")["terms"]["call"][0]["phone"] == "0514-86540000"
    assert token not in str(told)


def test_orders_are_ones_own_or_nobodys_and_of_today(door: Door) -> None:
    town = door.town
    senior, _ = door.senior()
    with acting(town.engine, door.now, DISTRICT) as act:
        number = f"C{door.morning:%m%d}"
        colleague = caregivers.employ(act, RING, town.ours, number, "赵敏", from_day=door.now.date())
    mine, others = door.order(senior), door.order(senior, caregiver=colleague)
    theirs = door.order(senior, provider=town.theirs)
    with acting(town.engine, door.now) as act:
        nobodys = f"nobody-{door.morning:%m%d}"
        plan = Plan(
            id=nobodys,
            provider_id=town.ours,
            senior_id=senior,
            planned_start=door.morning,
            planned_minutes=60,
            items=(ITEM,),
        )
        orders.plan(act, plan)
    phone = door.enrolled()
    seen = {one["order_id"] for one in asks(phone, "GET", "/shift")["orders"]}
    assert {mine, nobodys} <= seen and not {others, theirs} & seen
    door.passes(days=1)
    assert mine not in {one["order_id"] for one in asks(phone, "GET", "/shift")["orders"]}


def test_who_fetched_whose_address_is_on_record(door: Door) -> None:
    senior, _ = door.senior()
    order = door.order(senior)
    phone = door.enrolled()
    asks(phone, "GET", "/shift")
    with door.town.engine.connect() as conn:
        query = select(audit_rows).where(audit_rows.c.actor == f"device:{phone.chain.device_id}")
        [row] = conn.execute(query.where(audit_rows.c.act == "shift.fetch")).all()
        name = conn.execute(select(seniors.c.name).where(seniors.c.id == senior)).scalar_one()
    assert order in row.after["orders"]
    assert row.after["caregiver_id"] == door.town.our_caregiver
    assert name not in str(row)


def test_a_revoked_phone_is_told_nothing(door: Door) -> None:
    phone = door.enrolled()
    door.revoke(phone)
    assert problem(phone, "GET", "/shift") == "device_revoked"


def test_a_device_that_is_nobodys_learns_no_addresses(door: Door) -> None:
    """A kiosk in a hall, a call centre's line, a counter's terminal: none of them goes to anybody's home."""
    order = door.order(door.senior()[0])
    terminal = door.phone()
    with acting(door.town.engine, door.now, DISTRICT) as act:
        code = devices.make_code(act, RING, door.town.ours, None, "terminal", timedelta(hours=1))
    terminal.enrol(code)
    told = asks(terminal, "GET", "/shift")
    assert order not in str(told) and told["orders"] == []


# -- a shared phone -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(door: Door) -> DeviceClient:
    with acting(door.town.engine, door.now, DISTRICT) as act:
        badges.set_pin(act, RING, door.town.our_caregiver, PIN)
    phone = door.phone()
    phone.enrol(door.code())
    return phone


def test_a_shared_phone_knows_no_orders_before_somebody_works_with_it(door: Door, shared: DeviceClient) -> None:
    senior, _ = door.senior()
    order = door.order(senior)
    told = asks(shared, "GET", "/shift")
    assert (told["caregiver"], told["orders"]) == (None, [])
    assert problem(shared, "GET", f"/my-month?month={door.now:%Y-%m}") == "shift_not_open"
    assert problem(shared, "POST", "/debit-quotes", {"visit": "0" * 64}) == "shift_not_open"
    shift = asks(shared, "POST", "/shifts", {"staff_no": "0017", "pin": PIN})
    assert shift["until"][:16] == f"{door.now + timedelta(hours=12):%Y-%m-%dT%H:%M}"
    told = asks(shared, "GET", "/shift")
    assert told["caregiver"]["staff_no"] == "0017"
    assert order in {one["order_id"] for one in told["orders"]}


def test_what_a_shared_phone_records_outside_a_shift_is_kept_as_declined(door: Door, shared: DeviceClient) -> None:
    senior, token = door.senior()
    order = door.order(senior)
    body = {"order_id": order, "method": "card_qr", "token": token}
    early = shared.submit("check_in", body)
    assert (early["status"], early["code"], early["kept"]) == ("declined", "shift_not_open", True)
    door.passes(minutes=10)
    asks(shared, "POST", "/shifts", {"staff_no": "0017", "pin": PIN})
    assert shared.submit("check_in", body)["status"] == "accepted"
    # By the time of the event, not of its arrival: what was signed within the shift counts after it.
    late = shared.record("cancel", {"event": "0" * 64, "reason": "mistake"})
    door.passes(hours=13)
    outside = shared.record("cancel", {"event": "1" * 64, "reason": "mistake"})
    told = {one["event_id"]: one["code"] for one in shared.send()}
    assert told == {late.hash: "nothing_to_take_back", outside.hash: "shift_not_open"}


def test_a_wrong_pin_counts_once_however_often_the_request_is_sent(door: Door, shared: DeviceClient) -> None:
    body = {"staff_no": "0017", "pin": "000001"}
    for _ in range(3):
        answer = shared.call("POST", "/shifts", body, idempotency_key="the-same-try").json()
        assert (answer["code"], answer["zh"]) == ("staff_pin_wrong", "工作密码不对，还可以试4次")
    answer = shared.call("POST", "/shifts", body, idempotency_key="another-try").json()
    assert answer["zh"] == "工作密码不对，还可以试3次"
    assert door.logged()["staff_pin_wrong"] == 2


def test_a_copy_of_the_database_gives_no_staff_pin_away(door: Door, shared: DeviceClient) -> None:
    """Six digits are tried in a moment: no digest of a request may say whether they were right."""
    body = {"staff_no": "0017", "pin": PIN}
    sent = shared.request("POST", "/shifts", body, idempotency_key="one-shift")
    assert shared.call("POST", "/shifts", body, idempotency_key="one-shift").status_code == 201
    guessed = {store.content_digest("POST", sent.url.path, sent.content, key) for key in ("", "one-shift")}
    with door.town.engine.connect() as conn:
        kept = {*conn.execute(select(answers.c.content)).scalars(), *conn.execute(select(nonces.c.content)).scalars()}
    assert kept and not kept & guessed
    # It still tells a repeat from something else.
    again = shared.call("POST", "/shifts", body | {"pin": "274917"}, idempotency_key="one-shift")
    assert again.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("who", [{}, {"badge": "x", "staff_no": "0017"}])
def test_either_badge_or_number(door: Door, shared: DeviceClient, who: dict[str, str]) -> None:
    assert problem(shared, "POST", "/shifts", who | {"pin": PIN}) == "bad_input"


def test_the_end_of_a_shift(door: Door, shared: DeviceClient) -> None:
    shift = asks(shared, "POST", "/shifts", {"staff_no": "0017", "pin": PIN})["shift_id"]
    for wrong in ("yesterday", "2026-07-03T10:00:00"):
        assert problem(shared, "POST", "/shift-ends", {"shift_id": shift, "ended_at": wrong}) == "bad_input"
    ended = {"shift_id": "f" * 32, "ended_at": door.now.isoformat()}
    assert problem(shared, "POST", "/shift-ends", ended) == "shift_unknown"
    asks(shared, "POST", "/shift-ends", ended | {"shift_id": shift})
    door.passes(minutes=6)
    assert asks(shared, "GET", "/shift")["caregiver"] is None


# -- the own month ------------------------------------------------------------------------------------------------------------


def test_ones_own_month(door: Door) -> None:
    """Sixty-one minutes count, twenty are void: the list shows both, the sums only the first."""
    phone = door.enrolled()
    month = f"{door.now:%Y-%m}"
    before = asks(phone, "GET", f"/my-month?month={month}")
    first, second = door.senior(), door.senior()
    serve(door, phone, *first)
    door.passes(minutes=10)
    serve(door, phone, *second, minutes=20)
    told = asks(phone, "GET", f"/my-month?month={month}")
    assert (told["visits"], told["void"], told["orders"]) == (
        before["visits"] + 1,
        before["void"] + 1,
        before["orders"] + 2,
    )
    assert (told["seconds"], told["total_fen"]) == (before["seconds"] + 3660, before["total_fen"] + PRICE)
    good, bad = told["list"][-2:]
    assert (good["status"], good["total_fen"], good["debited"], good["void_zh"]) == ("served", PRICE, False, None)
    assert (bad["status"], bad["void_zh"], bad["void_en"]) == ("void", "时长不足", "shorter than the minimum")
    # A check-in that was taken back is neither: nobody did anything wrong.
    third = door.senior()
    begun = phone.submit("check_in", {"order_id": door.order(third[0]), "method": "card_qr", "token": third[1]})
    phone.submit("cancel", {"event": begun["event_id"], "reason": "mistake"})
    after = asks(phone, "GET", f"/my-month?month={month}")
    assert (after["visits"], after["void"], after["list"]) == (told["visits"], told["void"], told["list"])
    for wrong in ("2026-13", "2026-7", "abcdefg"):
        assert problem(phone, "GET", f"/my-month?month={wrong}") == "bad_input"


# -- what a debit would take --------------------------------------------------------------------------------------------------


def test_a_quote_is_what_the_debit_takes(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior(yuan=20)  # 20 yuan on the card, 35 to pay; 120 for the year
    visit = serve(door, phone, senior, token)
    quote = asks(phone, "POST", "/debit-quotes", {"visit": visit})
    assert (quote["total_fen"], quote["subsidy_fen"], quote["personal_fen"], quote["shortfall_fen"]) == (
        3500,
        2000,
        0,
        1500,
    )
    assert (quote["subsidy_left_fen"], quote["personal_left_fen"], quote["year_left_fen"]) == (0, 0, 10000)
    assert quote == asks(phone, "POST", "/debit-quotes", {"visit": visit[:32]})
    body = {"visit": visit, "consent": "card_qr", "token": token, "total_fen": 3500, "personal_fen": 0}
    told = phone.submit("debit", body | {"cash_fen": 1500, "receipt_no": "R1"})
    assert told["status"] == "accepted", told
    taken = told["result"]
    assert (taken["subsidy_fen"], taken["cash_fen"], taken["subsidy_left_fen"], taken["year_left_fen"]) == (
        2000,
        1500,
        0,
        10000,
    )
    assert problem(phone, "POST", "/debit-quotes", {"visit": visit}) == "already_debited"


def test_a_quote_promises_and_writes_nothing(door: Door) -> None:
    phone = door.enrolled()
    visit = serve(door, phone, *door.senior())
    asks(phone, "POST", "/debit-quotes", {"visit": visit})
    with door.town.engine.connect() as conn:
        assert conn.execute(select(debits).where(debits.c.visit_id == visit[:32])).first() is None


def test_what_cannot_be_quoted(door: Door) -> None:
    phone, other = door.enrolled(), door.phone()
    other.caregiver = "0101"
    other.enrol(door.code(door.town.theirs, door.town.their_caregiver))
    assert problem(phone, "POST", "/debit-quotes", {"visit": "0" * 64}) == "visit_unknown"
    senior, token = door.senior()
    begun = phone.record("check_in", {"order_id": door.order(senior), "method": "card_qr", "token": token})
    phone.send()
    assert problem(phone, "POST", "/debit-quotes", {"visit": begun.hash}) == "visit_not_out"
    assert problem(other, "POST", "/debit-quotes", {"visit": begun.hash}) == "other_providers_order"
    door.passes(minutes=10)
    phone.record(
        "check_out",
        {"visit": begun.hash, "lines": [{"item": ITEM, "quantity": 1}], "method": "card_qr", "token": token},
    )
    phone.send()
    assert problem(phone, "POST", "/debit-quotes", {"visit": begun.hash}) == "visit_void"
