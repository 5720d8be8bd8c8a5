"""``songbai close``, ``pay`` and ``explain`` as officers type them, from the first stage to the bank's answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from settlement import officers
from settlement.cli import main
from settlement.cli.close import adjust, close, outputs
from settlement.cli.common import Desk
from settlement.cli.explain import explain
from settlement.cli.pay import pay
from settlement.cli.statement import statement
from settlement.closing import printed
from settlement.closing.tables import statements
from settlement.outcomes import Reason, Refused
from tests.closing.county import XIANNV, County
from tests.conftest import Databases
from tests.support import RING, acting, at


@pytest.fixture
def desk(databases: Databases) -> Iterator[Desk]:
    engine = databases.create("sqlite")
    county = County(engine).build()
    county.serve("v1", "A", XIANNV, "2026-07-10 09:00", subsidy=1000)
    with acting(engine) as act:
        for id, role, town in (
            ("wang", "town", XIANNV),
            ("zhao", "civil_affairs", None),
            ("sun", "civil_affairs", None),
            ("qian", "district_finance", None),
            ("zhou", "district_finance", None),
        ):
            officers.add(act, id, id, role, town=town)
    now = at("2026-10-08 09:00")
    yield Desk(url=str(engine.url), clock=lambda: now)
    databases.drop(engine)


def run(desk: Desk, command: object, *words: object, expect: int = 0, told: str | None = None) -> Result:
    answer = CliRunner().invoke(command, [str(word) for word in words], obj=desk, input=told)  # type: ignore[arg-type]
    assert answer.exit_code == expect, answer.output
    return answer


def test_a_quarter_on_the_command_line(desk: Desk, tmp_path: Path) -> None:
    def month(number: str, *words: str) -> dict[str, object]:
        answer = run(desk, close, "month", number, *words, "--json").stdout
        found: dict[str, object] = json.loads(answer)
        return found

    assert month("2026-07", "--by", "system")["waiting_for"] == [f"town:{XIANNV}"]
    assert month("2026-07", "--by", "system")["stage"] == "drawn"
    assert month("2026-07", "--verify", "--town", XIANNV, "--by", "wang")["waiting_for"] == ["civil_affairs"]
    assert month("2026-07", "--confirm", "--by", "zhao")["stage"] == "confirmed"
    closed = month("2026-07", "--finish", "--by", "system")
    assert (closed["stage"], closed["waiting_for"]) == ("closed", [])
    for number in ("2026-08", "2026-09"):
        assert month(number, "--by", "system")["stage"] == "closed"

    provider = ("--provider", "1", "--town", XIANNV, "--month", "2026-07", "--amount", "-1.00", "--reason", "回访不足")
    proposed = run(desk, adjust, "propose", "penalty", *provider, "--by", "zhao").stdout
    run(desk, adjust, "approve", proposed.split()[1].split("，")[0], "--by", "sun")

    quarter = ("quarter", "2026-Q3")
    assert "town:仙女镇" in run(desk, close, *quarter, "--by", "system").stdout
    run(desk, close, *quarter, "approve", "--by", "wang", expect=2)
    town = ("--as", "town", "--town", XIANNV)
    run(desk, close, *quarter, "approve", *town, "--by", "wang", told="n\n", expect=1)
    run(desk, close, *quarter, "approve", *town, "--by", "wang", told="y\n")
    run(desk, close, *quarter, "approve", "--as", "civil_affairs", "--total", "9.00", "--by", "zhao")
    run(desk, close, *quarter, "approve", "--as", "finance", "--total", "9.00", "--by", "qian")
    ordered = json.loads(run(desk, close, *quarter, "--by", "system", "--json").stdout)
    assert (ordered["stage"], ordered["total_fen"], ordered["waiting_for"]) == ("ordered", 900, ["export"])

    batch = json.loads(run(desk, pay, "export", "2026-Q3", "--out", tmp_path, "--by", "qian", "--json").stdout)
    assert (batch["orders"], batch["total_fen"], batch["again"]) == (2, 900 + 630, False)
    assert Path(batch["bank_file"]).read_bytes().startswith(b"H|")
    assert Path(batch["workbook"]).is_file()

    result = tmp_path / "result.txt"
    result.write_text("D|jiangdu-2026-Q3-P001|9.01|成功|B1|\n", encoding="gb18030")
    assert "文件9.01元，付款单9.00元" in run(desk, pay, "confirm", result, "--by", "zhou", expect=1).stdout
    result.write_text("D|jiangdu-2026-Q3-P001|9.00|成功|B1|\n", encoding="gb18030")
    assert json.loads(run(desk, pay, "confirm", result, "--by", "zhou", "--json").stdout)["paid"] == 1
    orders = json.loads(run(desk, pay, "list", "2026-Q3", "--json").stdout)
    assert [order["status"] for order in orders] == ["paid", "exported"]

    tree = json.loads(run(desk, explain, "jiangdu-2026-Q3-P001", "--json").stdout)
    assert tree["children"][0]["kind"] == "settlement"
    assert "列入月结算单" in run(desk, explain, "v1").stdout
    rows = json.loads(run(desk, outputs, tmp_path / "out", "--json").stdout)["rows"]
    assert rows["statements.csv"] == 1


def test_wrong_use_and_refusals(desk: Desk) -> None:
    run(desk, close, "month", "2026-13", "--by", "system", expect=2)
    run(desk, close, "month", "2026-07", "--verify", "--by", "wang", expect=2)
    run(desk, pay, "list", "--nonsense", expect=2)
    answer = CliRunner().invoke(close, ["month", "2026-07", "--confirm", "--by", "zhao"], obj=desk)
    assert isinstance(answer.exception, Refused)
    assert answer.exception.reason is Reason.OUT_OF_TURN
    whole = CliRunner().invoke(main, ["--db", desk.url, "close", "month", "2026-07", "--confirm", "--by", "zhao"])
    assert whole.exit_code == 1
    assert "out_of_turn" in whole.stderr


def test_a_statement_on_paper_is_written_and_checked(desk: Desk, tmp_path: Path) -> None:
    desk.ring = RING
    run(desk, close, "month", "2026-07", "--by", "system")
    id = f"jiangdu-2026-07-1-{XIANNV}"
    run(desk, statement, "pdf", id, "-o", tmp_path / "july.pdf")
    assert (tmp_path / "july.pdf").read_bytes().startswith(b"%PDF-")
    with desk.reading() as conn:
        text = printed.signed_text(conn, RING, id)
    answer = json.loads(run(desk, statement, "check", "--json", told=text).stdout)
    assert (answer["statement_id"], answer["fields"]["net_fen"], answer["differs"]) == (id, "1000", [])
    assert "签名属实" in run(desk, statement, "check", told=text).output
    with acting(desk.engine) as act:
        act.conn.execute(statements.update().values(visits=2))
    assert "visits" in run(desk, statement, "check", told=text, expect=1).output
    with pytest.raises(Refused):
        CliRunner().invoke(statement, ["check"], obj=desk, input=text + "x", catch_exceptions=False)


def test_an_invoice_and_a_towns_share_on_the_command_line(desk: Desk) -> None:
    for month in ("2026-07", "2026-08", "2026-09"):
        for words in (
            ("--by", "system"),
            ("--verify", "--town", XIANNV, "--by", "wang"),
            ("--confirm", "--by", "zhao"),
        ):
            CliRunner().invoke(close, ["month", month, *words], obj=desk)
        run(desk, close, "month", month, "--finish", "--by", "system")
    run(desk, close, "quarter", "2026-Q3", "--by", "system")
    for step, by in (("town", "wang"), ("civil_affairs", "zhao"), ("finance", "qian")):
        town = ("--town", XIANNV) if step == "town" else ()
        run(desk, close, "quarter", "2026-Q3", "approve", "--as", step, *town, "--total", "10.00", "--by", by)
    run(desk, close, "quarter", "2026-Q3", "--by", "system")
    order = json.loads(run(desk, pay, "list", "2026-Q3", "--json").stdout)[0]["id"]
    facts = ("--number", "12345678", "--day", "2026-10-07", "--amount", "10.00", "--by", "qian")
    run(desk, pay, "invoice", order, *facts)
    with pytest.raises(Refused) as twice:
        CliRunner().invoke(pay, ["invoice", order, *facts], obj=desk, catch_exceptions=False)
    assert twice.value.reason is Reason.INVOICE_TAKEN
    share = ("2026-Q3", "--town", XIANNV, "--amount", "3.00", "--day", "2026-10-07", "--reference", "回单1")
    assert "share-confirm 1" in run(desk, pay, "share", *share, "--by", "wang").stdout
    run(desk, pay, "share-confirm", "1", "--by", "zhou")
    run(desk, pay, "share", "2026-13", *share[1:], "--by", "wang", expect=2)
