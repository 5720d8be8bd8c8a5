"""A district that lived a quarter on the release before is brought to the tables of today: nothing of it changes, and life goes on.

The quarter is kept as it was written by that release (``live_a_quarter.py``), with holds open, posted in part and given back beside it.
"""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner
from sqlalchemy import JSON, Engine, MetaData, create_engine, func, inspect, select, text

from settlement import keys, verify
from settlement.cards.tables import cards, media
from settlement.cli import main
from settlement.closing.tables import month_closes, statement_lines
from settlement.db import make_engine, migrate, migrations_folder, reading
from settlement.demo import county, quarter
from settlement.demo.founding import SCHEME, World, moment
from settlement.ledger import balance, hold
from settlement.ledger.tables import accounts, folds, transfers
from settlement.ledger.transfer import Posted
from settlement.periods import Month
from settlement.policy import store
from settlement.visits import debiting, service
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, Debit, DebitRequest, Line, Visit
from settlement.visits.tables import visits
from tests.conftest import BACKENDS, Databases
from tests.support import RING, acting

QUARTER = Path(__file__).parent / "quarter_at_0001.sql.xz"
OCTOBER = Month(2026, 10)

Rows = dict[str, list[dict[str, Any]]]

pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")


def old_file(folder: Path) -> Path:
    file = folder / "old.db"
    with closing(sqlite3.connect(file)) as restored:
        restored.executescript(lzma.decompress(QUARTER.read_bytes()).decode())
    return file


def declared(engine: Engine) -> MetaData:
    """The tables as they stand in this database, whatever the code of today says."""
    found = MetaData()
    found.reflect(engine)
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return found


def contents(engine: Engine, like: Rows | None = None) -> Rows:
    """Every row of every table, in the order of its key; with ``like``, only the tables and columns that are there."""
    told = declared(engine)
    rows: Rows = {}
    with reading(engine) as conn:
        for name, table in sorted(told.tables.items()):
            if name != "alembic_version" and (like is None or name in like):
                known = like[name][0].keys() if like and like[name] else table.columns.keys()
                query = select(*(table.c[column] for column in known)).order_by(*table.primary_key.columns)
                rows[name] = [dict(row._mapping) for row in conn.execute(query)]
    return rows


def copy(rows: Rows, engine: Engine) -> None:
    """The same rows in PostgreSQL's tables of then, and its sequences where they would stand."""
    with engine.begin() as conn:
        for table in declared(engine).sorted_tables:
            if rows.get(table.name):
                conn.execute(table.insert(), rows[table.name])
            if table.name == "alembic_version":
                continue
            for column in table.primary_key.columns:
                named = {"table": table.name, "column": column.name}
                sequence = conn.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named).scalar_one()
                highest = conn.execute(select(func.max(column))).scalar_one() if sequence else None
                if highest is not None:
                    conn.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})


def shape(engine: Engine) -> dict[str, Any]:
    """What the database promises of each table: keys, indexes, checks, in a fixed order."""
    seen = inspect(engine)
    kinds = ("get_pk_constraint", "get_foreign_keys", "get_unique_constraints", "get_indexes", "get_check_constraints")
    found: dict[str, Any] = {}
    for name in seen.get_table_names():
        for kind in kinds:
            facts = getattr(seen, kind)(name)
            listed = facts if isinstance(facts, list) else [facts]
            for fact in listed:  # the condition of a partial index is an object without equality
                if "dialect_options" in fact:
                    fact["dialect_options"] = {key: str(value) for key, value in fact["dialect_options"].items()}
            found[f"{name} {kind}"] = sorted(listed, key=lambda fact: fact["name"])
    return found


def migrated_to(engine: Engine, revision: str) -> None:
    """Downwards; upwards it is ``migrate``."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What the release before had written."""
    engine = create_engine(f"sqlite:///{old_file(tmp_path_factory.mktemp('lived'))}")
    rows = contents(engine)
    engine.dispose()
    return rows


@pytest.fixture(params=BACKENDS)
def old(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, lived: Rows) -> Iterator[Engine]:
    """A database at revision 0001 with the quarter in it."""
    if request.param == "sqlite":
        engine = make_engine(f"sqlite:///{old_file(tmp_path)}")
        yield engine
        engine.dispose()
        return
    engine = databases.create("postgresql")
    migrated_to(engine, "base")
    migrate(engine, "0001")
    copy(lived, engine)
    yield engine
    databases.drop(engine)


def balances_in(rows: Rows) -> dict[int, int]:
    """By account, added up here from the old rows."""
    summed = {row["id"]: 0 for row in rows["ledger_accounts"]}
    for row in rows["ledger_transfers"]:
        if row["kind"] in ("posted", "post_hold"):
            summed[row["debit_account_id"]] -= row["amount"]
            summed[row["credit_account_id"]] += row["amount"]
    return summed


def test_the_fixture_holds_what_it_should(lived: Rows) -> None:
    assert len(lived["seniors"]) == 40
    assert len(lived["ledger_transfers"]) == 364 + 6
    assert sum(row["reverses_id"] is not None for row in lived["ledger_transfers"]) == 17
    assert {row["kind"] for row in lived["ledger_transfers"]} == {"posted", "hold", "post_hold", "void_hold"}
    assert {row["stage"] for row in lived["quarter_closes"]} == {"paid"}


def test_nothing_changes_and_the_books_prove_themselves(old: Engine, lived: Rows) -> None:
    migrate(old)

    assert contents(old, like=lived) == lived
    with reading(old) as conn:
        was = balances_in(lived)
        assert {id: balance.balance(conn, id) for id in was} == was
        assert verify.run(conn) == []
    told = CliRunner().invoke(main, ["--db", old.url.render_as_string(hide_password=False), "verify", "--json"])
    assert (told.exit_code, json.loads(told.output)["count"]) == (0, 0)


def test_going_back_and_forth_keeps_every_row(old: Engine, lived: Rows) -> None:
    was = shape(old)
    migrate(old)
    migrated_to(old, "0001")
    assert contents(old) == lived
    assert shape(old) == was

    migrate(old)
    assert contents(old, like=lived) == lived
    with reading(old) as conn:
        assert verify.run(conn) == []


def test_what_was_unique_still_is(old: Engine, lived: Rows) -> None:
    """The keys that say "once" are made anew by the migration, over the old rows."""
    migrate(old)
    with acting(old, moment(date(2026, 10, 25))) as act:
        again = hold.post(act, "hold/given-back", "hold/again", occurred_at=act.now)
        assert not isinstance(again, Posted)
        done = hold.post(act, "hold/open", "hold/open/all", occurred_at=act.now)
        assert isinstance(done, Posted)
    with reading(old) as conn:
        purse = conn.execute(select(accounts).where(accounts.c.code == "spare", accounts.c.guarded)).one()
        assert (purse.balance, purse.held) == (1_000 - 120 - 300, 0)
        last = conn.execute(select(func.max(transfers.c.seq))).scalar_one()
    assert last > max(row["seq"] for row in lived["ledger_transfers"])


def test_life_goes_on_and_the_next_month_closes(old: Engine, tmp_path: Path) -> None:
    migrate(old)
    with reading(old) as conn:
        world = World(old, RING, 1, tmp_path, county.build(40, 1), store.in_force(conn, SCHEME, OCTOBER))
    world.out.mkdir()
    quarter.issue(world, OCTOBER)
    debit = serve_once(world)

    quarter.close_month(world, OCTOBER, moment(date(2026, 11, 3), 2))

    with reading(old) as conn:
        stage = select(month_closes.c.stage).where(month_closes.c.month == str(OCTOBER))
        assert conn.execute(stage).scalar_one() == "closed"
        on_statement = select(statement_lines.c.visit_id).where(statement_lines.c.visit_id == debit.visit_id)
        assert conn.execute(on_statement).all() == [(debit.visit_id,)]
        assert verify.run(conn) == []


def test_what_an_operator_types_after_the_upgrade(old: Engine, tmp_path: Path) -> None:
    """``init`` upgrades tables and ring; the old quarter is folded and sealed, and balances stay what they were."""
    ring = tmp_path / "keys.json"
    keys.save(replace(RING, seal_keys={}), ring)

    def songbai(*words: str) -> str:
        url = old.url.render_as_string(hide_password=False)
        done = CliRunner().invoke(main, ["--db", url, "--keys", str(ring), *words])
        assert done.exit_code == 0, done.output
        return done.output

    songbai("init")
    was = chart_totals(old)
    songbai("scheduler", "--run", "balance_fold")
    sealed = json.loads(songbai("seal", "make", "--json"))["seals"]

    assert [(each["number"], each["transfers"]) for each in sealed] == [(1, 370)]
    with reading(old) as conn:
        assert conn.execute(select(folds.c.upto)).scalar_one() == 370
    assert chart_totals(old) == was
    assert json.loads(songbai("verify", "--json"))["count"] == 0
    assert json.loads(songbai("verify", "--seals", "--json"))["count"] == 0


def chart_totals(engine: Engine) -> dict[str, dict[str, int]]:
    """Balances by account code and owner, as the ledger answers."""
    with reading(engine) as conn:
        codes = conn.execute(select(accounts.c.code).distinct().order_by(accounts.c.code)).scalars().all()
        return {code: balance.balances(conn, code) for code in codes}


def serve_once(world: World) -> Debit:
    """The last visit of September that was paid is made once more in October, by the same caregiver."""
    start = moment(date(2026, 10, 27), 9)
    with world.acting("system", start) as act:
        v, m, c = visits.c, media.c, cards.c
        query = (
            select(v.caregiver_id, m.id.label("medium_id"))
            .join(media, m.card_id == v.card_id)
            .join(cards, c.id == v.card_id)
            .where(v.status == "paid", v.month == "2026-09", c.status == "active", m.dead_from.is_(None))
            .order_by(v.check_in_at.desc())
            .limit(1)
        )
        known = act.conn.execute(query).one()
    read = {"visit_id": "V-october", "caregiver_id": known.caregiver_id, "medium_id": known.medium_id}
    end = start + timedelta(hours=1)
    with world.acting("system", start) as act:
        visit = service.check_in(act, CheckIn(method="card_qr", occurred_at=start, **read))
        assert isinstance(visit, Visit), visit
    with world.acting("system", end) as act:
        lines = (Line(item="ZJ01"),)
        out = service.check_out(act, CheckOut(method="card_qr", occurred_at=end, lines=lines, **read))
        assert isinstance(out, CheckedOut), out
        request = DebitRequest(
            id="D-october",
            visit_id=visit.id,
            consent="card_qr",
            occurred_at=end,
            total_fen=out.total_fen,
            medium_id=known.medium_id,
        )
        debit = debiting.debit(act, request)
        assert isinstance(debit, Debit), debit
    return debit
