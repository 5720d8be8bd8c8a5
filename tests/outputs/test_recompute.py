"""The demo's CSV files, recomputed by a stranger's script (``recompute.py``), which notices when a figure was changed."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from settlement.cli.demo import MARK
from settlement.db import make_engine, reading
from settlement.treasury import dedicated
from tests.once import once

SCRIPT = Path(__file__).parent / "recompute.py"
FILES = ("visits", "debits", "adjustments", "shares", "statements", "settlement")
SENIORS = 120


def songbai(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from settlement.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return songbai("demo", "--seniors", str(SENIORS), "--seed", "7", "--out", folder)


def recompute(folder: Path) -> subprocess.CompletedProcess[str]:
    """As a stranger runs it: nothing of this project can be imported."""
    return subprocess.run([sys.executable, "-I", "-S", SCRIPT, folder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo ran."""

    def make(folder: Path) -> None:
        ran = demo(folder / "demo")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return once(tmp_path_factory, "demo-of-120", make) / "demo"


@pytest.fixture
def copy(county: Path, tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(county / "out" / f"{name}.csv", tmp_path)
    return tmp_path


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_statement_and_share_follows_from_the_files(county: Path) -> None:
    ran = recompute(county / "out")
    assert (ran.returncode, ran.stderr) == (0, "")
    counted = tuple(len(rows(county / "out", name)) for name in ("visits", "statements", "settlement"))
    assert ran.stdout == "{} visits, {} statements, {} settlements: 0 differences\n".format(*counted)
    assert counted[0] > SENIORS * 3
    # The quarter is worth recomputing: own money, cash, what was kept out, and a difference of a closed period are all there.
    visits, debits = rows(county / "out", "visits"), rows(county / "out", "debits")
    assert {"paid", "void", "served"} <= {row["status"] for row in visits}
    assert {"posted", "reversed"} == {row["status"] for row in debits}
    assert all(any(int(row[name]) for row in debits) for name in ("subsidy_fen", "personal_fen", "cash_fen"))
    assert any(row["reason"].startswith("payment_stop:") for row in visits)
    assert rows(county / "out", "adjustments")


Row = dict[str, str]


def plus_one(column: str, which: Callable[[Row], bool] = lambda row: True) -> Callable[[list[Row]], None]:
    """One fen more in the first row that qualifies."""

    def edit(found: list[Row]) -> None:
        row = next(row for row in found if which(row))
        row[column] = str(int(row[column]) + 1)

    return edit


def change(column: str, value: str, which: Callable[[Row], bool] = lambda row: True) -> Callable[[list[Row]], None]:
    def edit(found: list[Row]) -> None:
        next(row for row in found if which(row))[column] = value

    return edit


def posted(row: Row) -> bool:
    return row["status"] == "posted"


EDITS: list[tuple[str, Callable[[list[Row]], None]]] = [
    *(("debits", plus_one(name, posted)) for name in ("total_fen", "subsidy_fen", "personal_fen", "cash_fen")),
    ("debits", change("status", "reversed", lambda row: row["status"] == "posted" and row["subsidy_fen"] != "0")),
    ("visits", change("statement_id", "", lambda row: row["status"] == "paid")),
    ("visits", change("status", "void", lambda row: row["status"] == "paid")),
    ("visits", lambda found: found.append(found[0])),
    ("visits", change("statement_id", "jiangdu-2026-07-1-仙女镇", lambda row: row["status"] == "void")),
    ("adjustments", plus_one("amount_fen")),
    ("adjustments", lambda found: found.clear()),
    ("shares", change("weight", "8")),
    *(("statements", plus_one(name)) for name in ("visits", "subsidy_fen", "personal_fen", "adjustments_fen", "net_fen")),
    ("statements", lambda found: found.pop()),
    *(
        ("settlement", plus_one(name))
        for name in ("gross_fen", "adjustments_fen", "net_fen", "district_fen", "town_fen", "receivable_fen")
    ),
    ("settlement", lambda found: found.pop()),
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit[0])
def test_a_changed_file_is_noticed(copy: Path, edit: tuple[str, Callable[[list[Row]], None]]) -> None:
    name, alter = edit
    found = rows(copy, name)
    columns = list(found[0])
    alter(found)
    with (copy / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(found)
    ran = recompute(copy)
    assert ran.returncode == 1
    assert "\n" in ran.stdout.strip(), "at least one difference besides the last line"


def test_the_same_seed_gives_the_same_files_also_over_the_same_folder(county: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(county, again)
    ran = demo(again)
    assert ran.returncode == 0, ran.stderr
    for name in FILES:
        assert (again / "out" / f"{name}.csv").read_bytes() == (county / "out" / f"{name}.csv").read_bytes(), name
    assert songbai("--db", f"sqlite:///{again / 'songbai.db'}", "verify", "--json").returncode == 0


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear …")
    ran = demo(tmp_path)
    assert ran.returncode == 2
    assert str(tmp_path) in ran.stderr.replace("\n", "")
    assert [file.name for file in tmp_path.iterdir()] == ["letters.txt"]
    assert not (tmp_path / MARK).exists()


def test_two_accounts_of_the_demo_agree_with_the_bank_but_for_the_towns_interest(county: Path) -> None:
    engine = make_engine(f"sqlite:///{county / 'songbai.db'}")
    with reading(engine) as conn:
        district, town = (dedicated.reconcile(conn, payer) for payer in ("district", "town:邵伯镇"))
    engine.dispose()
    assert district is not None and town is not None
    assert [(one.explanation, one.in_fen) for one in district.unknown] == [("活期结息，转作本专户资金", 4_217)]
    assert [(one.explanation, one.in_fen) for one in town.unknown] == [(None, 4_217)]
    assert (district.unexplained, town.unexplained) == (0, 1)
    assert district.bank_out == district.books_out > 0
    assert town.bank_in - town.books_in == 4_217 and town.books_in > 0
