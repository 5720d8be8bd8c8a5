"""The second person at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from settlement import keys, officers
from settlement.cli import main
from settlement.cli.common import Desk
from settlement.providers.tables import devices
from tests.support import RING, acting, at
from tests.visits.phone import Phone
from tests.visits.world import TOWN, World


def test_a_revoked_phones_queue_is_decided(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "engine", world.engine)
    monkeypatch.setattr(Desk, "clock", lambda desk: at("2026-07-07 09:00"))
    keys.save(RING, tmp_path / "keys.json")

    def type_(*command: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(main, ["--keys", str(tmp_path / "keys.json"), *command, "--json"])
        assert result.exit_code == exit_code, result.output + result.stderr + repr(result.exception)
        return json.loads(result.stdout) if exit_code == 0 else result.stderr

    with acting(world.engine, "2026-01-02 09:00") as act:
        officers.add(act, "clerk", "徐敏", "town", town=TOWN)
        officers.add(act, "provider", "周华", "provider", provider_id=world.ours)
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
