"""What devices tell the gateway, from the check-in to the debit; once, late, twice, in vain, and after the phone was lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pos_gateway.client import DeviceClient, Problem
from settlement.cards.tables import card_years
from settlement.ledger.tables import accounts, transfers
from settlement.providers import badges
from settlement.visits import device_key
from settlement.visits.tables import door_events, visits
from tests.pos_gateway.test_refusals import nothing_written, refused
from tests.pos_gateway.town import DISTRICT, PLACE, Door
from tests.support import RING, acting

COOKING = [{"item": "ZC01", "quantity": 1}]
"""Cooking at home: 35.00 yuan, at least an hour."""


def check_in(order_id: str, token: str) -> dict[str, Any]:
    return {"order_id": order_id, "method": "card_qr", "token": token, "place": PLACE}


def check_out(visit: str, token: str) -> dict[str, Any]:
    return {"visit": visit, "lines": COOKING, "method": "card_qr", "token": token, "place": PLACE}


def debit(visit: str, token: str, total_fen: int = 3500, personal_fen: int = 0) -> dict[str, Any]:
    agreed = {"total_fen": total_fen, "personal_fen": personal_fen, "cash_fen": 0}
    return {"visit": visit, "consent": "card_qr", "token": token} | agreed


def an_hour_of_cooking(door: Door, phone: DeviceClient, order_id: str, token: str) -> str:
    """Check-in, 61 minutes, check-out, debit, all recorded on the phone and not yet sent; the check-in's hash."""
    visit = phone.record("check_in", check_in(order_id, token)).hash
    door.passes(minutes=61)
    phone.record("check_out", check_out(visit, token))
    door.passes(minutes=1)
    phone.record("debit", debit(visit, token))
    return visit


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
def test_a_visit_from_the_order_to_the_debit(door: Door, alg: str) -> None:
    phone = door.enrolled(alg)
    senior, token = door.senior(yuan=150)
    order = door.order(senior)
    assert [found["order_id"] for found in phone.orders() if found["order_id"] == order] == [order]

    told = phone.submit("check_in", check_in(order, token))
    assert told["status"] == "accepted"
    visit = told["event_id"]
    door.passes(minutes=61)
    told = phone.submit("check_out", check_out(visit, token))
    assert (told["status"], told["result"]["total_fen"], told["result"]["seconds"]) == ("accepted", 3500, 61 * 60)
    door.passes(minutes=1)
    told = phone.submit("debit", debit(visit, token))
    assert told["status"] == "accepted"
    assert (told["result"]["subsidy_fen"], told["result"]["personal_fen"]) == (3500, 0)
    assert told["result"]["subsidy_left_fen"] == 11500

    balance = phone.balance(token)
    assert (balance["subsidy_fen"], balance["personal_fen"]) == (11500, 0)
    assert balance["year_left_fen"] == 90000 - 3500
    assert len(balance["card_no"].strip("* ")) == 4
    newest = phone.movements(token, limit=1)[0]
    assert (newest["kind"], newest["subsidy_fen"], newest["provider"]) == ("debit_subsidy", -3500, "安康养老服务中心")
    assert [(item["name_zh"], item["amount_fen"]) for item in newest["items"]] == [("上门做饭", 3500)]


def test_a_retry_gets_the_first_answer(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    event = phone.record("check_in", check_in(door.order(senior), token))
    first = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="check-in-1")
    assert first.status_code == 201
    visits_before = rows(door, visits)
    door.passes(minutes=2)
    again = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="check-in-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert rows(door, visits) == visits_before

    under_another_key = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="check-in-2").json()
    assert under_another_key == first.json() | {"replayed": True}


def test_the_same_upload_twice_at_the_same_moment(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    body = {"events": [event.envelope() for event in phone.chain.queue]}
    requests = [phone.request("POST", "/events", body, idempotency_key=f"at-once-{n:04d}") for n in range(4)]
    before = len(rows(door, transfers))
    with ThreadPoolExecutor(4) as pool:
        answers = [answer.json()["outcomes"] for answer in pool.map(lambda one: door.http().send(one), requests)]
    assert len(rows(door, transfers)) == before + 1
    for outcomes in zip(*answers, strict=True):
        assert [one["status"] for one in outcomes] == ["accepted"] * 4
        assert [one["replayed"] for one in outcomes].count(False) == 1
        assert all(one["result"] == outcomes[0]["result"] for one in outcomes)


def test_a_key_with_other_content_is_refused(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    event = phone.record("check_in", check_in(door.order(senior), token))
    assert phone.call("POST", "/check-ins", event.envelope(), idempotency_key="one-key-only").status_code == 201
    other = phone.record("cancel", {"event": event.hash, "reason": "mistake"})
    with nothing_written(door):
        response = phone.call("POST", "/cancellations", other.envelope(), idempotency_key="one-key-only")
        refused(response, 422, "idempotency_key_reused")


def test_a_day_without_signal_arrives_in_the_evening(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    queued = [event.envelope() for event in phone.chain.queue]
    door.passes(hours=9)
    told = phone.send()
    assert [one["status"] for one in told] == ["accepted"] * 3
    assert told[2]["result"]["subsidy_fen"] == 3500
    assert phone.chain.queue == []

    # The answer got lost, the phone sends all of it once more: the same outcomes, and nothing is taken twice.
    before = money(door)
    again = phone.call("POST", "/events", {"events": queued}, idempotency_key="sent-once-more").json()["outcomes"]
    assert again == [one | {"replayed": True} for one in told]
    assert money(door) == before


def test_events_out_of_order_wait_for_the_missing_ones(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    later = [event.envelope() for event in phone.chain.queue[1:]]
    with nothing_written(door):
        told = phone.call("POST", "/events", {"events": later}, idempotency_key="out-of-order").json()["outcomes"]
    assert [(one["code"], one["kept"], one["retry"]) for one in told] == [("event_gap", False, True)] * 2
    assert [one["status"] for one in phone.send()] == ["accepted"] * 3


def test_one_bad_event_does_not_spoil_a_batch(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    batch: list[Any] = [event.envelope() for event in phone.chain.queue]
    batch.insert(1, {"event": "nonsense"})
    batch.append(17)
    told = phone.call("POST", "/events", {"events": batch}, idempotency_key="spoilt-batch").json()["outcomes"]
    assert [one["status"] for one in told] == ["accepted", "rejected", "accepted", "accepted", "rejected"]
    assert told[1]["code"] == told[4]["code"] == "event_malformed"


def test_a_declined_debit_is_kept_with_its_reason(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior(yuan=150)
    visit = phone.submit("check_in", check_in(door.order(senior), token))["event_id"]
    door.passes(minutes=61)
    phone.submit("check_out", check_out(visit, token))
    event = phone.record("debit", debit(visit, token, total_fen=9900))
    before = money(door)
    response = phone.call("POST", "/debits", event.envelope(), idempotency_key="wrong-total")
    body = refused(response, 409, "total_differs")
    assert (body["outcome"]["status"], body["outcome"]["kept"]) == ("declined", True)
    assert money(door) == before


# -- other providers' affairs -----------------------------------------------------------------------------------------


def test_another_providers_order(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    theirs = door.order(senior, provider=door.town.theirs)
    event = phone.record("check_in", check_in(theirs, token))
    with nothing_written(door, "other_providers_order"):
        response = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="not-our-order")
        body = refused(response, 403, "other_providers_order")
    assert body["outcome"]["kept"] is False
    with nothing_written(door, "other_providers_order"):
        assert phone.send()[0]["code"] == "other_providers_order"
    # The server never knew that event, so the phone takes its number back and goes on.
    assert phone.submit("check_in", check_in(door.order(senior), token))["status"] == "accepted"


def test_another_providers_visit(door: Door) -> None:
    phone, senior, token = door.enrolled(), *door.senior()
    other = door.phone()
    other.caregiver = "0101"
    other.enrol(door.code(door.town.theirs, door.town.their_caregiver))
    visit = other.submit("check_in", check_in(door.order(senior, provider=door.town.theirs), token))["event_id"]
    with nothing_written(door, "other_providers_order"):
        told = phone.submit("void", {"visit": visit, "reason": "senior_asked"})
    assert (told["code"], told["kept"]) == ("other_providers_order", False)


def test_a_queue_that_goes_on_after_such_an_order_is_not_lost(door: Door) -> None:
    """Later events were signed over the hash of the refused one: it is kept, declined, so that the chain stays whole."""
    phone = door.enrolled()
    senior, token = door.senior()
    phone.record("check_in", check_in(door.order(senior, provider=door.town.theirs), token))
    an_hour_of_cooking(door, phone, door.order(senior), token)
    told = phone.send()
    assert [one["status"] for one in told] == ["declined", "accepted", "accepted", "accepted"]
    assert (told[0]["code"], told[0]["kept"]) == ("other_providers_order", True)
    assert door.logged()["other_providers_order"] == 1


def test_a_device_sees_only_its_own_orders(door: Door) -> None:
    senior, _ = door.senior()
    ours, theirs = door.order(senior), door.order(senior, provider=door.town.theirs)
    seen = {order["order_id"] for order in door.enrolled().orders()}
    assert ours in seen
    assert theirs not in seen


def test_a_shared_phone_shows_no_orders_before_somebody_works_with_it(door: Door) -> None:
    senior, _ = door.senior()
    order, phone = door.order(senior), door.phone()
    phone.enrol(door.code())
    assert phone.orders() == []
    with acting(door.town.engine, door.now, DISTRICT) as act:
        badges.set_pin(act, RING, door.town.our_caregiver, "620914")
    opened = phone.call("POST", "/shifts", {"staff_no": "0017", "pin": "620914"}, idempotency_key="shift-of-0017")
    assert opened.status_code == 201
    assert order in {one["order_id"] for one in phone.orders()}


# -- a lost phone -----------------------------------------------------------------------------------------------------


def test_what_a_lost_phone_still_held_goes_to_quarantine(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    door.passes(minutes=10)
    door.revoke(phone)
    door.passes(minutes=10)
    phone.record("check_in", check_in(door.order(senior), token))
    before = money(door)
    told = phone.send()
    assert [one["status"] for one in told] == ["quarantined"] * 4
    assert [one["code"] for one in told] == ["signed_before_revocation"] * 3 + ["signed_after_revocation"]
    assert all(one["kept"] for one in told)
    assert money(door) == before
    kept = [row for row in rows(door, door_events) if row.device_id == phone.chain.device_id]
    assert [row.status for row in kept] == ["quarantined"] * 4
    assert all(row.signature and row.canonical for row in kept)


def test_a_single_event_of_a_revoked_phone_is_accepted_for_review(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    event = phone.record("check_in", check_in(door.order(senior), token))
    door.passes(minutes=1)
    door.revoke(phone)
    response = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="late-evidence")
    assert (response.status_code, response.json()["status"]) == (202, "quarantined")


# -- inquiries --------------------------------------------------------------------------------------------------------


def test_a_forged_card_code_tells_nothing(door: Door) -> None:
    phone = door.enrolled()
    _, token = door.senior()
    with pytest.raises(Problem) as caught, nothing_written(door):
        phone.balance(token[:-4] + "AAAA")
    assert caught.value.code == "code_forged"


def rows(door: Door, table: Any) -> list[Any]:
    with door.town.engine.connect() as conn:
        return list(conn.execute(table.select().order_by(*table.primary_key.columns)))


def money(door: Door) -> list[Any]:
    """Everything that money moved by."""
    return [rows(door, table) for table in (transfers, accounts, card_years)]
