"""The walk is ready on whatever day somebody tries the demo, also long after its quarter and its contracts."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from pos_gateway.client import DeviceClient
from settlement import keys, verify
from settlement.db import make_engine, reading
from settlement.demo import walk
from settlement.treasury import budgets
from settlement.visits import device_key
from settlement.vouchers.tables import issuance_runs
from tests.outputs.test_recompute import county
from tests.support import at

__all__ = ["county"]


@pytest.mark.parametrize(
    ("day", "issued"),
    [("2026-11-23 10:00", "2026-10"), ("2027-01-02 10:00", "2027-01"), ("2029-03-01 10:00", "2029-02")],
)
def test_mrs_wangs_visit_is_taken_over_and_paid_from_subsidy(
    county: Path, tmp_path: Path, day: str, issued: str
) -> None:
    shutil.copyfile(county / "songbai.db", tmp_path / "songbai.db")
    engine, ring = make_engine(f"sqlite:///{tmp_path / 'songbai.db'}"), keys.load(county / "keys.json")
    now = at(day)
    ready = walk.prepare(engine, ring, now)
    with reading(engine) as conn:
        last = conn.execute(select(func.max(issuance_runs.c.month))).scalar_one()
    assert last == issued, "the present month waits at the console, but in January"
    assert ready.price_fen == 3000 and ready.wang.subsidy_fen >= 3000

    app = create_app(engine, lambda: now, GatewayConfig(ring))
    http = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://gateway.test")
    phone = DeviceClient(
        "http://gateway.test", device_key.generate("ed25519"), clock=lambda: now, caregiver=ready.staff_no, http=http
    )
    phone.enrol(ready.enrol_code)
    (begun,) = phone.call("GET", "/shift").json()["begun_elsewhere"]
    assert begun["senior"] == ready.wang.name
    out = {"visit": begun["visit_id"], "lines": [{"item": walk.ITEM, "quantity": 1}], "reason": "battery_empty"}
    out |= {"method": "card_qr", "token": ready.wang.code}
    assert phone.submit("check_out", out)["result"]["status"] == "served"
    agreed = {"consent": "card_qr", "token": ready.wang.code, "total_fen": 3000, "personal_fen": 0, "cash_fen": 0}
    paid = phone.submit("debit", {"visit": begun["visit_id"]} | agreed)
    assert (paid["status"], paid["result"]["subsidy_fen"]) == ("accepted", 3000)

    again = walk.prepare(engine, ring, now + timedelta(minutes=5))
    assert again.enrol_code != ready.enrol_code
    with reading(engine) as conn:
        assert verify.run(conn) == []
    engine.dispose()


def test_every_payer_of_the_demo_has_a_budget_that_suffices(county: Path) -> None:
    engine = make_engine(f"sqlite:///{county / 'songbai.db'}")
    with reading(engine) as conn:
        found = budgets.positions(conn, "jiangdu", 2026, date(2026, 11, 1))
    engine.dispose()
    assert len(found) == 14  # the district and its thirteen towns
    assert [at.payer for at in found if not 0 < at.left < at.appropriated] == []
