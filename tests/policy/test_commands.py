"""``songbai scheme`` and ``songbai import prices`` as an officer types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from settlement import officers
from settlement.cli.common import Desk
from settlement.cli.prices import import_prices, prices
from settlement.cli.scheme import scheme
from settlement.outcomes import Reason, Refused
from settlement.policy.loader import builtin_text
from tests.conftest import Databases
from tests.support import acting, at


@pytest.fixture
def desk(databases: Databases) -> Iterator[Desk]:
    """A district's database with two officers; 1 June 2026."""
    engine = databases.create("sqlite")
    with acting(engine) as act:
        for name in ("zhang", "wang"):
            officers.add(act, name, name, "civil_affairs")
    yield Desk(url=str(engine.url), clock=lambda: at("2026-06-01 09:00"))
    databases.drop(engine)


def run(desk: Desk, command: click.Command, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], obj=desk)


def test_checking_answers_0_or_1_and_lists_every_fault(tmp_path: Path) -> None:
    desk = Desk(url=f"sqlite:///{tmp_path / 'none.db'}")
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(builtin_text("jiangdu"), encoding="utf-8")
    text = builtin_text("jiangdu").replace("weight = 3", "weight = -3").replace("percent = 100\n", "percent = 101\n")
    bad.write_text(text, encoding="utf-8")

    assert run(desk, scheme, "check", good).exit_code == 0
    answer = run(desk, scheme, "check", bad, "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert [fault["key"] for fault in told["faults"]] == [
        "funding.shares.town.weight",
        "supervision.callback_provider.percent",
        "targets.aged_covered.percent",
    ]
    assert told["faults"][0]["line"] == text[: text.index("weight = -3")].count("\n") + 1
    words = run(desk, scheme, "check", bad)
    assert f"{bad}:{told['faults'][0]['line']} funding.shares.town.weight：-3 超出范围" in words.stdout
    assert run(desk, scheme, "check", tmp_path / "missing.toml").exit_code == 2
    assert not (tmp_path / "none.db").exists()


def test_showing_a_shipped_scheme_needs_no_database(tmp_path: Path) -> None:
    desk = Desk(url=f"sqlite:///{tmp_path / 'none.db'}")
    shown = run(desk, scheme, "show", "jiangdu")
    assert shown.exit_code == 0
    for word in ("260.00", "150.00", "80.00", "60.00", "三(一)1", "六1"):
        assert word in shown.stdout
    cited = json.loads(run(desk, scheme, "show", "jiangdu", "--clause", "supervision.ban.years", "--json").stdout)
    assert cited["clause"] == "五(三)3"
    assert json.loads(run(desk, scheme, "show", "jiangdu", "--json").stdout)["funding"]["shares"][0]["weight"] == 7
    assert run(desk, scheme, "show", "jiangdu", "--clause", "supervision.nothing").exit_code == 2
    listed = json.loads(run(desk, scheme, "list", "--json").stdout)["schemes"]
    assert [(row["code"], row["where"]) for row in listed] == [("jiangdu", "shipped")]


def test_from_a_scheme_file_and_a_price_sheet_to_prices_in_force(desk: Desk, tmp_path: Path) -> None:
    rules, sheet = tmp_path / "jiangdu.toml", tmp_path / "价目.csv"
    rules.write_text(builtin_text("jiangdu"), encoding="utf-8")
    sheet.write_text(
        "项目编码,项目名称,类别,单位,单价(元)\nZJ01,保洁,助洁,小时,30\nZJ02,洗衣,助洁,小时,贵\n", encoding="utf-8"
    )
    wanted = (sheet, "--version", "1", "--from", "2026-07-01", "--by", "zhang", "--json")

    early = run(desk, import_prices, *wanted)
    assert isinstance(early.exception, Refused)
    assert early.exception.reason is Reason.NO_SCHEME_IN_FORCE

    assert run(desk, scheme, "store", rules, "--by", "zhang").exit_code == 0
    faulty = run(desk, import_prices, *wanted)
    assert faulty.exit_code == 1
    [fault] = json.loads(faulty.stdout)["faults"]
    assert (fault["sheet"], fault["row"], fault["column"], fault["zh"]) == ("价目.csv", 3, "E 单价(元)", "“贵”不是金额")

    sheet.write_text(sheet.read_text(encoding="utf-8").replace("贵", "28"), encoding="utf-8")
    told = json.loads(run(desk, import_prices, *wanted).stdout)
    assert told["items"] == 2
    assert run(desk, prices, "approve", told["list_id"], "--by", "wang").exit_code == 0
    [row] = json.loads(run(desk, prices, "list", "--json").stdout)["price_lists"]
    assert (row["version"], row["valid_from"], row["valid_to"], row["status"]) == ("1", "2026-07-01", None, "approved")
