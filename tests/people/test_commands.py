"""The clerk's commands, from the template to the posting of the names."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook
from sqlalchemy import insert, select

from settlement import keys, officers
from settlement.act import SYSTEM, begin
from settlement.cli import main
from settlement.clock import system_clock
from settlement.db import make_engine, migrate
from settlement.people.tables import enrolments
from settlement.periods import local_date
from settlement.policy import loader, store
from tests.people.people import HEADERS, TOWN, VILLAGE, number, person, xlsx
from tests.support import RING


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A district with its scheme and two officers; the commands run on the machine's own clock."""
    folder = tmp_path_factory.mktemp("district")
    engine = make_engine(f"sqlite:///{folder / 'district.db'}")
    migrate(engine)
    keys.save(RING, folder / "keys.json")
    with begin(engine, SYSTEM, system_clock()) as act:
        officers.add(act, "district", "区", "civil_affairs")
        officers.add(act, "clerk", "村", "village", town=TOWN, village=VILLAGE)
        officers.add(act, "other", "邻镇", "town", town="小纪镇")
        store.store(act, loader.builtin_text("jiangdu"), "jiangdu.toml")
    (folder / "places.csv").write_text(f"镇街,村社区,经度,纬度\n{TOWN},{VILLAGE},119.56,32.43\n", encoding="gb18030")
    return folder


def songbai(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--db", f"sqlite:///{home / 'district.db'}", *words])


def test_a_roster_from_template_to_the_register(home: Path):
    assert "1个村社区" in songbai(home, "import", "places", str(home / "places.csv"), "--by", "district").output
    template = home / "template.xlsx"
    assert songbai(home, "roster", "template", str(template)).exit_code == 0
    assert load_workbook(template).sheetnames == ["名册 Roster", "选项 Lists", "填写说明 Notes"]

    faulty, corrected = home / "faulty.xlsx", home / "corrected.xlsx"
    good = ["王桂英", number(), TOWN, VILLAGE, "低保", "2", "2026-05-20"]
    faulty.write_bytes(xlsx([HEADERS, good, ["李秀兰", "321026195003070227", TOWN, VILLAGE]]))
    told = songbai(home, "import", "roster", str(faulty), "--by", "clerk", "--corrected", str(corrected))
    assert told.exit_code == 1
    assert "名册!B3 身份证号" in told.output
    assert "3210**********0227" in told.output
    assert corrected.exists()
    for nowhere in (str(faulty), str(home / "no" / "copy.xlsx")):
        refused = songbai(home, "import", "roster", str(faulty), "--by", "clerk", "--corrected", nowhere)
        assert refused.exit_code == 2

    answered = songbai(home, "import", "roster", str(faulty), "--by", "clerk", "--accept-valid", "--json")
    assert answered.exit_code == 1
    answer = json.loads(answered.output)
    assert (answer["rows"], answer["registered"], answer["count"]) == (2, 1, 1)
    assert (answer["faults"][0]["row"], answer["faults"][0]["column"]) == (3, "B")

    before = template.read_bytes()
    assert songbai(home, "roster", "template", str(template)).exit_code == 2
    assert template.read_bytes() == before

    found = json.loads(songbai(home, "senior", "find", "--last4", number()[-4:], "--by", "clerk", "--json").output)
    assert [(one["name"], one["id_no"][4:14]) for one in found["seniors"]] == [("王桂英", "*" * 10)]
    elsewhere = songbai(home, "senior", "find", "--last4", number()[-4:], "--by", "other", "--json")
    assert json.loads(elsewhere.output)["count"] == 0


def test_a_list_with_faults_is_not_taken(home: Path):
    days = home / "days.csv"
    days.write_text("日期,类型,名称\n2027-01-01,假,元旦\n", encoding="utf-8")
    told = songbai(home, "import", "days", str(days), "--by", "district")
    assert (told.exit_code, "days!2" in told.output) == (1, True)


def test_nothing_is_due_before_anybody_applied(home: Path):
    steps = json.loads(songbai(home, "enrol", "list", "--json").output)["steps"]
    assert steps["village_check"] == []
    assert "0人" in songbai(home, "enrol", "pass", "village_check", "--by", "clerk").output
    assert "没有待公示人员" in songbai(home, "enrol", "post", "--by", "clerk").output


def test_an_objection_is_taken_down_and_decided_by_somebody_else(home: Path):
    engine, now = make_engine(f"sqlite:///{home / 'district.db'}"), system_clock()
    with begin(engine, SYSTEM, now) as act:
        officers.add(act, "head", "镇", "town", town=TOWN)
        row = {"senior_id": person(act), "scheme_code": "jiangdu", "intake": "2026-summer", "step": "publicise"}
        today = local_date(now)
        row |= {"applied_on": today, "publicity_from": today, "publicity_until": today + timedelta(days=9)}
        id_ = act.conn.execute(insert(enrolments).values(row).returning(enrolments.c.id)).scalar_one()
    told = songbai(home, "enrol", "object", str(id_), "--why", "住在外地", "--by", "clerk").output
    assert "已登记异议，编号1" in told
    own = songbai(home, "enrol", "objection", "1", "dismissed", "--why", "已核实", "--by", "clerk")
    assert own.exit_code == 1
    decided = songbai(home, "enrol", "objection", "1", "upheld", "--why", "确已迁出", "--by", "head")
    assert (decided.exit_code, "已处理" in decided.output) == (0, True)
    with begin(engine, SYSTEM, now) as act:
        assert act.conn.scalar(select(enrolments.c.step).where(enrolments.c.id == id_)) == "refused"
