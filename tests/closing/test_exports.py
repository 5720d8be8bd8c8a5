"""From the CSV files alone a stranger recomputes every statement, settlement and share. This test is that stranger: it uses no code of ours."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from settlement.closing import adjusting, exports
from settlement.db import reading
from settlement.visits.tables import debits, visit_lines
from tests.closing.county import AFFAIRS, AFFAIRS_2, AUGUST, DINGHUO, JULY, SCHEME, SEPTEMBER, TOWN_1, XIANNV, County
from tests.support import acting

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def files(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    county = County(module_engine).build()
    for day in range(1, 8):
        county.serve(
            f"j{day}", "AB"[day % 2], (XIANNV, DINGHUO)[day % 3 == 0], f"2026-07-{day:02d} 09:00", subsidy=1000 + day
        )
        county.serve(f"s{day}", "A", XIANNV, f"2026-09-{day:02d} 09:00", subsidy=77 * day, personal=day)
    county.serve("short", when="2026-07-20 09:00", seconds=59 * 60 + 59)
    county.stop("short")
    county.serve("voided", "B", XIANNV, "2026-07-21 09:00", subsidy=4000)
    with acting(module_engine, "2026-07-22 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "voided", "substandard")
    county.serve("short_purse", when="2026-07-24 09:00", subsidy=1_000)
    with acting(module_engine) as act:  # a late debit of 13.00 found 10.00 on the card
        line = visit_lines.c.visit_id == "short_purse"
        act.conn.execute(update(visit_lines).where(line).values(quantity=1_300, amount_fen=1_300))
        act.conn.execute(
            update(debits).where(debits.c.visit_id == "short_purse").values(total_fen=1_300, shortfall_fen=300)
        )
    county.close(JULY)
    county.serve("late", when="2026-07-31 23:30", subsidy=5, learnt="2026-08-20 09:00")
    with acting(module_engine, "2026-08-10 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "j1", "fraud")
    county.close(AUGUST)
    with acting(module_engine, "2026-09-20 09:00", AFFAIRS) as act:
        id = adjusting.propose(
            act,
            "penalty",
            scheme_code=SCHEME,
            provider_id=1,
            town=DINGHUO,
            origin_month=JULY,
            amount_fen=-5000,
            reason='=HYPERLINK("http://x")',
        )
    with acting(module_engine, "2026-09-21 09:00", AFFAIRS_2) as act:
        adjusting.approve(act, id)
    county.close(SEPTEMBER)
    county.settle()
    folder = tmp_path_factory.mktemp("out")
    with reading(module_engine) as conn:
        counts = exports.write(conn, folder, SCHEME)
    found = {path.stem: read(path) for path in folder.iterdir()}
    assert counts == {f"{name}.csv": len(rows) for name, rows in found.items()}
    return found


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_debit_is_what_was_paid(files: dict[str, Rows]) -> None:
    for row in files["debits"]:
        parts = sum(int(row[name]) for name in ("subsidy_fen", "personal_fen", "cash_fen"))
        assert int(row["total_fen"]) == parts, row
    assert {row["total_fen"] for row in files["debits"] if row["visit_id"] == "short_purse"} == {"1000"}


def test_every_statement_from_visits_debits_and_adjustments(files: dict[str, Rows]) -> None:
    posted = {row["visit_id"]: row for row in files["debits"] if row["status"] == "posted"}
    mine: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for visit in files["visits"]:
        if visit["statement_id"]:
            debit = posted[visit["visit_id"]]
            for index, amount in enumerate((1, int(debit["subsidy_fen"]), int(debit["personal_fen"]))):
                mine[visit["statement_id"]][index] += amount
    for adjustment in files["adjustments"]:
        if adjustment["statement_id"]:
            mine[adjustment["statement_id"]][3] += int(adjustment["amount_fen"])
    assert len(files["statements"]) == 7
    for row in files["statements"]:
        said = [int(row[name]) for name in ("visits", "subsidy_fen", "personal_fen", "adjustments_fen")]
        assert said == mine.pop(row["statement_id"])
        assert int(row["net_fen"]) == said[1] + said[3]
    assert not mine


def test_every_settlement_and_share(files: dict[str, Rows]) -> None:
    weights = {(row["town"], row["payer"]): int(row["weight"]) for row in files["shares"]}
    assert {row["version"] for row in files["shares"]} == {"2025.2"}
    for row in files["settlement"]:
        place = (row["provider_id"], row["town"])
        gross = sum(int(s["net_fen"]) for s in files["statements"] if (s["provider_id"], s["town"]) == place)
        own = sum(
            int(a["amount_fen"])
            for a in files["adjustments"]
            if (a["provider_id"], a["town"], a["quarter"], a["statement_id"]) == (*place, row["quarter"], "")
        )
        net = gross + own
        assert [int(row[name]) for name in ("gross_fen", "adjustments_fen", "net_fen")] == [gross, own, net]
        district = weights[row["town"], "district"]
        total = district + weights[row["town"], "town"]
        # Two payers: the fen that is left goes to the larger remainder, a tie to the district.
        share, rest = divmod(abs(net) * district, total)
        share += 2 * rest >= total
        share = share if net >= 0 else -share
        assert (int(row["district_fen"]), int(row["town_fen"])) == (share, net - share)
        assert int(row["receivable_fen"]) == max(0, -net)
    assert {row["receivable_fen"] for row in files["settlement"]} > {"0"}


def test_visits_and_debits_as_they_are_described(files: dict[str, Rows]) -> None:
    assert {name: list(rows[0]) for name, rows in files.items()} == {
        name: columns.split() for name, columns in exports.COLUMNS.items()
    }
    visits = {row["visit_id"]: row for row in files["visits"]}
    assert visits["j2"]["check_in"] == "2026-07-02T09:00:00+08:00"
    assert (visits["j2"]["minutes"], visits["j2"]["items"], visits["j2"]["status"]) == ("60", "rooms", "paid")
    assert (visits["short"]["minutes"], visits["short"]["statement_id"]) == ("59", "")
    assert visits["short"]["reason"] == "below_minimum;payment_stop:caregiver_overlap"
    assert (visits["voided"]["status"], visits["voided"]["reason"]) == ("void", "substandard")
    # Void after its statement was drawn: it stays on it, the adjustment takes it back.
    assert visits["j1"]["status"] == "void"
    assert visits["j1"]["statement_id"].startswith("jiangdu-2026-07-2-")
    assert visits["late"]["statement_id"].startswith("jiangdu-2026-08-1-")
    debits = {row["visit_id"]: row for row in files["debits"]}
    assert {debits["j1"]["status"], debits["j2"]["status"]} == {"posted"}
    assert debits["voided"]["status"] == "reversed"
    assert debits["j2"]["card_no"] == "8320000001"
    assert debits["j2"]["occurred_at"] == "2026-07-02T10:00:00+08:00"


def test_no_program_takes_a_reason_for_a_formula(files: dict[str, Rows]) -> None:
    [penalty] = [row for row in files["adjustments"] if row["kind"] == "penalty"]
    assert penalty["reason"] == """\'=HYPERLINK("http://x")"""
    starts = {value[:1] for rows in files.values() for row in rows for name, value in row.items() if "fen" not in name}
    assert not starts & set("=+-@\t\r")
