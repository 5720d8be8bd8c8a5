"""Agents, complaints, bookings, messages and the paper statement at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from settlement import keys, officers
from settlement.cli import main
from settlement.cli.common import Desk
from settlement.messages import announce
from settlement.messages.carrier import Rejected
from settlement.providers.tables import providers
from settlement.visits.forms import Debit
from tests.cards.county import TOWN
from tests.messages.world import Carrier, deliver, stored, with_phone
from tests.support import RING, acting, at
from tests.visits.world import CLEANING, REPAIR, World

Type = Callable[..., Any]


@pytest.fixture
def type_(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command on 7 August and answers its JSON; with ``exit_code`` what it says on the error stream."""
    monkeypatch.setattr(Desk, "engine", world.engine)
    monkeypatch.setattr("settlement.cli.Desk", partial(Desk, clock=lambda: at("2026-08-07 09:00")))
    keys.save(RING, tmp_path / "keys.json")
    with acting(world.engine, "2026-01-02 09:00") as act:
        officers.add(act, "clerk", "徐敏", "town", town=TOWN)
        officers.add(act, "head", "高峰", "town", town=TOWN)
        officers.add(act, "hot", "陆洁", "hotline")
        officers.add(act, "desk", "周华", "provider", provider_id=world.ours)

    def type_(*command: object, exit_code: int = 0, json_: bool = True) -> Any:
        words = [str(word) for word in command] + (["--json"] if json_ else [])
        result = CliRunner().invoke(main, ["--keys", str(tmp_path / "keys.json"), *words])
        assert result.exit_code == exit_code, result.output + result.stderr + repr(result.exception)
        if not json_:
            return result.stdout
        return json.loads(result.stdout) if exit_code == 0 else result.stderr

    return type_


def test_an_agent_from_appointment_to_withdrawal(world: World, type_: Type) -> None:
    mother = world.holder().senior_id
    words = ("--name", "王小红", "--phone", "138 0000 1111", "--relation", "child", "--consent", "signed")
    agent_id = type_("agent", "appoint", mother, *words, "--by", "clerk")["agent_id"]
    assert type_("agent", "list", mother, "--by", "hot")["count"] == 0
    assert "same_person" in type_("agent", "confirm", agent_id, "--by", "clerk", exit_code=1)
    type_("agent", "confirm", agent_id, "--by", "head")
    (listed,) = type_("agent", "list", mother, "--by", "hot")["agents"]
    assert (listed["agent_id"], listed["name"], listed["phone"]) == (agent_id, "王小红", "138****1111")
    assert "agent_known" in type_("agent", "appoint", mother, *words, "--by", "clerk", exit_code=1)
    assert "王小红" in type_("agent", "list", mother, "--by", "hot", json_=False)
    type_("agent", "withdraw", agent_id, "--why", "搬走", "--by", "hot")
    assert type_("agent", "list", mother, "--by", "hot")["count"] == 0


def test_a_complaint_taken_down_and_decided_by_another(world: World, type_: Type) -> None:
    who = world.holder(9000)
    debit = world.debit(world.served(who), 3000)
    assert isinstance(debit, Debit)
    about = ("--subject", f"debit:{debit.id}", "--kind", "not_served")
    words = ("--words", "没有人来", "--said-by", "agent")
    id = type_("complaint", "open", who.senior_id, *about, *words, "--by", "clerk")["complaint_id"]
    for reader, count in (("clerk", 1), ("hot", 1), ("desk", 1)):
        found = type_("complaint", "list", "--by", reader)
        assert (found["count"], found["complaints"][0]["words"]) == (count, "没有人来")
    assert "没有来服务" in type_("complaint", "list", "--by", "head", json_=False)
    upheld = ("complaint", "decide", id, "upheld", "--why", "定位不符", "--by")
    assert "same_person" in type_(*upheld, "clerk", exit_code=1)
    assert type_(*upheld, "head") == {"complaint_id": id, "status": "upheld", "remedy": "voided"}
    assert "金额已退回" in type_(*upheld, "head", json_=False)
    assert world.left(who) == (9000, 0)
    assert type_("complaint", "list", "--by", "clerk")["count"] == 0
    assert type_("complaint", "list", "--status", "all", "--by", "clerk")["count"] == 1


def test_a_booking_asked_for_and_answered(world: World, type_: Type) -> None:
    who = world.holder().senior_id
    with world.engine.connect() as conn:
        code = conn.execute(select(providers.c.code).where(providers.c.id == world.ours)).scalar_one()
    by_phone = ("--item", CLEANING, "--on", "2026-08-10", "--said-by", "senior", "--by", "hot")
    first = type_("booking", "ask", who, *by_phone)["booking_id"]
    second = type_("booking", "ask", who, "--words", "水龙头漏水", "--provider", code, "--by", "hot")["booking_id"]
    third = type_("booking", "ask", who, "--words", "买米", "--by", "hot")["booking_id"]
    listed = type_("booking", "list", "--by", "desk")["bookings"]
    assert [(b["id"], b["items"], b["wished_on"]) for b in listed] == [
        (first, [CLEANING], "2026-08-10"),
        (second, [], None),
        (third, [], None),
    ]
    assert "水龙头漏水" in type_("booking", "list", "--by", "clerk", json_=False)
    accept = ("--provider", code, "--at", "2026-08-10 09:00", "--by", "desk")
    assert type_("booking", "accept", first, *accept)["order_id"] == f"booked-{first}"
    assert "bad_input" in type_("booking", "accept", second, *accept, exit_code=1)
    assert type_("booking", "accept", second, "--item", REPAIR, *accept)["order_id"] == f"booked-{second}"
    assert type_("booking", "decline", third, "--reason", "goods", "--by", "clerk")["status"] == "declined"
    fourth = type_("booking", "ask", who, "--words", "理发", "--by", "hot")["booking_id"]
    assert type_("booking", "withdraw", fourth, "--by", "hot")["status"] == "withdrawn"
    assert type_("booking", "list", "--by", "hot")["count"] == 0


def test_messages_and_the_statement_of_a_village(world: World, type_: Type, tmp_path: Path) -> None:
    who, alone = world.holder(9000), world.holder(9000)
    with acting(world.engine) as act:
        with_phone(act, who.senior_id, "13800001111")
    for each in (who, alone):
        world.debit(world.served(each), 3000)
    with acting(world.engine, "2026-07-03 12:00") as act:
        announce.debits(act, RING)
    deliver(world.engine, Carrier(answers=[Rejected("http 422")]), "2026-07-03 12:00")
    (lost,) = type_("messages", "list", "--status", "given_up")["messages"]
    assert (lost["senior_id"], lost["error"], lost["attempts"]) == (who.senior_id, "http 422", 1)
    shown = type_("messages", "list", json_=False)
    assert "未能送达" in shown and "1111" not in shown and "扣款通知" in shown
    assert type_("messages", "retry", lost["id"], "--by", "hot")["status"] == "waiting"

    paper = ("messages", "paper", "--town", TOWN, "--village", "正谊村", "--month", "2026-07", "--by", "clerk")
    out = tmp_path / "july.pdf"
    assert type_(*paper, "--out", out)["count"] == 2
    assert out.read_bytes().startswith(b"%PDF-") and out.stat().st_mode & 0o077 == 0
    assert type_(*paper, "--out", out, "--unreached")["count"] == 1
    assert [row.status for row in stored(world.engine, channel="paper")] == ["printed"]
    with acting(world.engine) as act:
        with_phone(act, alone.senior_id, "13800003333")
    assert "都不用印" in type_(
        *paper[:6], "--month", "2026-06", "--by", "clerk", "--out", out, "--unreached", exit_code=1
    )
    assert "not_allowed" in type_(*paper[:-1], "desk", "--out", out, exit_code=1)
