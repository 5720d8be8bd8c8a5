"""The scheduler tells and sends: with a carrier, without one, and by the calendar."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from settlement import keys
from settlement.messages import outbox
from settlement.scheduler.jobs import district_zone, with_keys
from settlement.scheduler.runs import run_due
from settlement.visits.forms import Debit
from tests.messages.test_senders import Carrier, carrier
from tests.messages.world import stored, with_phone
from tests.support import RING, acting, at
from tests.visits.world import World

__all__ = ["carrier"]


@pytest.fixture(autouse=True)
def no_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONGBAI_SMS_URL", raising=False)
    monkeypatch.delenv("SONGBAI_SMS_KEY", raising=False)


def debited(world: World, count: int) -> None:
    for number in range(count):
        who = world.holder(9000)
        with acting(world.engine) as act:
            with_phone(act, who.senior_id, f"1380000{number:04d}")
        assert isinstance(world.debit(world.served(who), 3000), Debit)


def run(world: World, folder: Path, when: str) -> str:
    if not (folder / "keys.json").exists():
        keys.save(RING, folder / "keys.json")
    job = with_keys(folder / "keys.json")["messages"]
    (ran,) = run_due(world.engine, lambda: at(when), [job], district_zone, "one")
    assert ran.state == "done", ran.told
    return ran.told


def test_without_a_carrier_messages_wait_and_with_one_they_go_out(
    world: World, tmp_path: Path, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """22 debits: more than are sent between two renewals of the lease. The carrier is down at first, and then wants one of them again."""
    debited(world, 22)
    assert run(world, tmp_path, "2026-07-03 11:00") == (
        "新消息 22 条 new messages；没有配置短信通道，未发送 no carrier is configured (SONGBAI_SMS_URL)"
    )
    assert {row.status for row in stored(world.engine)} == {"waiting"}

    monkeypatch.setenv("SONGBAI_SMS_URL", carrier.url)
    monkeypatch.setenv("SONGBAI_SMS_KEY", "secret")
    carrier.answers = [(503, {}, b"")] * 3
    assert run(world, tmp_path, "2026-07-03 11:15").endswith(
        "已发送 0 sent，稍后重试 3 to be tried again，未能送达 0 given up"
    )
    assert run(world, tmp_path, "2026-07-03 11:30") == (
        "新消息 0 条 new messages；已发送 22 sent，稍后重试 0 to be tried again，未能送达 0 given up"
    )
    assert len(carrier.heard) == 25
    assert len({body["reference"] for _, _, body in carrier.heard}) == 22
    assert {headers["authorization"] for _, headers, _ in carrier.heard} == {"Bearer secret"}
    with world.engine.connect() as conn:
        assert {message.status for message in outbox.listing(conn)} == {"sent"}


def test_the_console_for_trying_out(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debited(world, 1)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("SONGBAI_SMS_URL", "console:")
    assert "已发送 1 sent" in run(world, tmp_path, "2026-07-03 11:00")
    assert out.getvalue().startswith("✉ 短信 sms → 138****0000：【养老服务卡】7月3日09:00，")
