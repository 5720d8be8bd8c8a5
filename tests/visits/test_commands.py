"""The second person at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from settlement import keys, officers
from settlement.cli import main
from settlement.cli.common import Desk
from settlement.providers.tables import devices
from settlement.visits import voiding
from settlement.visits.dispatch import VISIT_ID_LENGTH
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at
from tests.visits.phone import Phone
from tests.visits.world import CLEANING, TOWN, World

Type = Callable[..., Any]


@pytest.fixture
def type_(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command on 7 July and answers its JSON; with ``exit_code`` what it says on the error stream."""
    monkeypatch.setattr(Desk, "engine", world.engine)
    monkeypatch.setattr("settlement.cli.Desk", partial(Desk, clock=lambda: at("2026-07-07 09:00")))
    keys.save(RING, tmp_path / "keys.json")
    with acting(world.engine, "2026-01-02 09:00") as act:
        officers.add(act, "clerk", "徐敏", "town", town=TOWN)
        officers.add(act, "provider", "周华", "provider", provider_id=world.ours)

    def type_(*command: str, exit_code: int = 0, json_: bool = True) -> Any:
        words = [*command, "--json"] if json_ else [*command]
        result = CliRunner().invoke(main, ["--keys", str(tmp_path / "keys.json"), *words])
        assert result.exit_code == exit_code, result.output + result.stderr + repr(result.exception)
        if not json_:
            return result.stdout
        return json.loads(result.stdout) if exit_code == 0 else result.stderr

    return type_


def test_a_revoked_phones_queue_is_decided(world: World, type_: Type) -> None:
    someone = world.holder(subsidy=5000)
    phone = Phone(world, world.caregiver())
    visit, out, debit = phone.a_visit(someone, "2026-07-03 09:00")
    with acting(world.engine) as act:
        act.conn.execute(update(devices).where(devices.c.id == phone.id).values(revoked_at=at("2026-07-04 12:00")))
    for event in (visit, out, debit):
        phone.hand_in(event, "2026-07-06 09:00")
    listed = type_("quarantine", "list")
    assert [(e["kind"], e["reason"]) for e in listed["events"]] == [
        (kind, "signed_before_revocation") for kind in ("check_in", "check_out", "debit")
    ]
    refused = type_("quarantine", "release", visit.hash, "--why", "ours", "--by", "provider", exit_code=1)
    assert "not_allowed" in refused
    for event in (visit, out):
        assert type_("quarantine", "release", event.hash, "--why", "found", "--by", "clerk")["status"] == "released"
    assert type_("quarantine", "reject", debit.hash, "--why", "no", "--by", "clerk")["status"] == "rejected"
    assert type_("quarantine", "list")["count"] == 0
    assert world.left(someone) == (5000, 0)
    mine = [s for s in type_("visits", "owed", "--month", "2026-07")["seniors"] if s["senior_id"] == someone.senior_id]
    assert [(s["required"], s["done"], s["missing"]) for s in mine] == [(2, 1, 1)]


def test_a_forgotten_check_out_is_corrected_by_two_people(world: World, type_: Type) -> None:
    someone = world.holder(subsidy=5000)
    phone = Phone(world, world.caregiver())
    came = phone.check_in(someone, "2026-07-03 09:00")
    phone.hand_in(came)
    debit = phone.debit(came, someone, timedelta(minutes=66))
    phone.hand_in(debit, "2026-07-03 20:00")
    visit = came.hash[:VISIT_ID_LENGTH]
    mine = [each for each in type_("visits", "waiting")["events"] if each["visit"] == visit]
    assert [(each["kind"], each["waits_for"], each["occurred"]) for each in mine] == [
        ("debit", "check_out", "2026-07-03T10:06:00+08:00")
    ]
    asked = ["visits", "correct", "propose", visit, "--ended", "2026-07-03 10:05", "--reason", "forgot_out"]
    asked += ["--note", "told by telephone", "--item", CLEANING, "--by", "provider"]
    id = str(type_(*asked)["correction"])
    listed = type_("visits", "correct", "list", "--town", TOWN)["corrections"]
    assert [(each["out"], each["told_out"]) for each in listed if each["visit"] == visit] == [
        ("2026-07-03T10:05:00+08:00", None)
    ]
    assert "not_allowed" in type_("visits", "correct", "approve", id, "--by", "provider", exit_code=1)
    assert "3900" in type_("visits", "correct", "approve", id, "--by", "clerk", json_=False)
    assert type_("visits", "correct", "approve", id, "--by", "clerk")["status"] == "served"
    assert "wrong_state" in type_("visits", "correct", "reject", id, "--note", "late", "--by", "clerk", exit_code=1)
    assert world.left(someone) == (2000, 0)
    assert type_("visits", "evidence", visit)["grade"] == "weak"
    assert "时间经过更正" in type_("visits", "evidence", visit, json_=False)


def test_what_waits_for_a_visit_the_town_voided_is_settled(world: World, type_: Type) -> None:
    phone, someone = Phone(world, world.caregiver()), world.holder(subsidy=5000)
    came = phone.check_in(someone, "2026-07-03 09:00")
    phone.hand_in(came)
    phone.hand_in(phone.debit(came, someone, timedelta(minutes=66)), "2026-07-03 20:00")
    with acting(world.engine, "2026-07-06 09:00", TOWN_CLERK) as act:
        voiding.void(act, came.hash[:VISIT_ID_LENGTH], "no_check_out")
    listed = type_("visits", "waiting")["events"]
    assert [each["waits_for"] for each in listed if each["device"] == phone.id] == ["nothing"]
    assert "not_allowed" in type_("visits", "waiting", "--settle", "--by", "provider", exit_code=1)
    left = type_("visits", "waiting", "--settle", "--by", "clerk")["events"]
    assert [each for each in left if each["device"] == phone.id] == []
