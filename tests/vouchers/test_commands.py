"""The counter's and the town's month on the command line, from the card to the death learnt late."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from settlement import keys, officers
from settlement.cli import main
from settlement.cli.common import Desk
from tests.cards.county import SCHEME, TOWN, entitle, senior
from tests.support import RING, acting, at
from tests.vouchers.town import store_scheme


class Town:
    """Types commands as the officers do; ``now`` is the clock on the wall."""

    def __init__(self, engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.folder, self.now = engine, folder, "2026-07-01 09:00"
        monkeypatch.setattr(Desk, "engine", engine)
        monkeypatch.setattr(Desk, "clock", lambda desk: at(self.now))
        keys.save(RING, folder / "keys.json")

    def type(self, command: str, *, exit_code: int = 0) -> str:
        result = CliRunner().invoke(main, ["--keys", str(self.folder / "keys.json"), *command.split()])
        assert result.exit_code == exit_code, result.output + result.stderr + repr(result.exception)
        return result.stdout if exit_code == 0 else result.output + result.stderr

    def json(self, command: str, *, exit_code: int = 0) -> Any:
        return json.loads(self.type(f"{command} --json", exit_code=exit_code))


@pytest.fixture
def town(databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    engine = databases.create("sqlite")
    with acting(engine, "2026-06-20 09:00") as act:
        store_scheme(act)
        officers.add(act, "clerk", "徐敏", "town", town=TOWN)
        officers.add(act, "head", "孙涛", "town", town=TOWN)
        officers.add(act, "counter", "唐洁", "card_counter")
        officers.add(act, "area", "林芳", "civil_affairs")
        for yuan in (150, 60):
            entitle(act, senior(act), yuan, "2026-07")
    yield Town(engine, tmp_path, monkeypatch)
    databases.drop(engine)


def test_a_month_at_the_town_office(town: Town) -> None:
    """Two cards, July's 210.00, the second run changes nothing; then a death of 15 July learnt when August is loaded."""
    town.now = "2026-06-25 10:00"
    first, second = (made["card_id"] for made in town.json(f"card issue --town {TOWN} --by clerk"))
    town.type(f"card activate {first} {second} --by counter")
    assert "2026-07 发放" in town.type(
        "issue --month 2026-07 --approve --by head", exit_code=1
    )  # nothing is drafted yet
    for _ in range(2):
        assert town.json("issue --month 2026-07 --draft --by clerk")[0]["amount"] == 210_00
        assert town.json("issue --month 2026-07 --approve --by head")[0]["approved_by"] == "head"
        posted = town.json("issue --month 2026-07 --post --by area")
        town.now = "2026-07-01 09:00"
    assert [(run["town"], run["status"], run["people"], run["amount"]) for run in posted] == [
        (TOWN, "posted", 2, 210_00)
    ]
    assert "合计 total" in town.type("issue --month 2026-07 --show --changes --by clerk")
    shown = town.json(f"card show {first}")
    assert (shown["status"], shown["subsidy"], shown["can_still_be_spent"]) == ("active", 150_00, 900_00)

    town.now = "2026-08-01 09:00"
    for step, who in (("draft", "clerk"), ("approve", "head"), ("post", "area")):
        town.type(f"issue --month 2026-08 --{step} --by {who}")
    ended = town.json(f"senior died {shown['senior_id']} --on 2026-07-15 --by clerk")
    assert (ended["taken_back"], ended["receivable"]) == (150_00, 0)
    assert town.json(f"card show {first}")["status"] == "frozen"
    refused = town.type(f"senior died {shown['senior_id']} --on 2026-07-15 --by clerk", exit_code=1)
    assert "2026-07-15" in refused


def test_a_day_at_the_counter(town: Town) -> None:
    card_id = town.json(f"card issue --town {TOWN} --by counter")[0]["card_id"]
    town.type(f"card activate {card_id} --by counter")
    for _ in range(2):
        assert town.json(f"card top-up {card_id} 100.00 --no T1 --at 2026-07-01 --by counter")["personal_fen"] == 100_00
    assert town.json(f"card lost {card_id} --by counter")["status"] == "lost"
    assert town.json(f"card replace {card_id} --number 6217000011112222 --by counter")["number"] == "**** 2222"
    town.type("card activate 6217000011112222 --by counter", exit_code=1)
    file = town.folder / "day.csv"
    file.write_text("交易流水号,卡号,交易类型,金额,交易时间\nT1,6217000011112222,充值,100,2026-07-01 00:00:00\n")
    assert town.json(f"card operator-file {file} --day 2026-07-01 --by counter")["count"] == 0
    file.write_text("交易流水号,卡号,交易类型,金额,交易时间\n")
    (missing,) = town.json(f"card operator-file {file} --day 2026-07-01 --by counter", exit_code=1)["findings"]
    assert missing["code"] == "operator_missing_there"
    assert town.json(f"card close {card_id} --payee senior --why 本人申请 --by counter")["refunded_fen"] == 100_00


def test_printing(town: Town) -> None:
    town.type(f"card issue --town {TOWN} --by clerk")
    for what, count in (("sheet", 2), ("plates", 2)):
        out = town.folder / f"{what}.pdf"
        assert town.json(f"cards {what} --town {TOWN} --out {out} --by clerk")["count"] == count
        assert out.read_bytes().startswith(b"%PDF-")
    town.type(f"cards sheet --town 邵伯镇 --out {out} --by clerk", exit_code=1)
    assert town.json("issue --month 2026-07 --show --by clerk") == []
    assert SCHEME in town.json("issue --month 2026-07 --by clerk")[0]["run_id"]
