"""A backup holds one moment of the books, proves it, and opens for nobody but the holder of its key; a restore is whole or it is nothing."""

from __future__ import annotations

import io
import json
import lzma
import re
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine, inspect, select, text

from settlement import keys, verify
from settlement.backup import envelope, recipient, tools
from settlement.backup.envelope import Opened, Sealer
from settlement.cli import main
from settlement.db import make_engine, migrate, reading
from settlement.ledger import accounts
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer, post
from settlement.outcomes import Reason, Refused
from tests.conftest import Databases
from tests.posting import ROOT, posting
from tests.support import RING, acting

OLD_QUARTER = ROOT / "tests" / "migrations" / "quarter_at_0001.sql.xz"


@dataclass
class House:
    """A district with its keys, and the key of its backups; ``songbai`` runs a command on it."""

    engine: Engine
    folder: Path
    public: str

    @property
    def url(self) -> str:
        return self.engine.url.render_as_string(hide_password=False)

    @property
    def private(self) -> Path:
        return self.folder / "safe.key"

    @property
    def keys(self) -> Path:
        return self.folder / "keys.json"

    def songbai(self, *words: str, keys: Path | None = None, schema: str | None = None) -> Result:
        return CliRunner().invoke(main, [*self.words(keys, schema), *words])

    def words(self, keys: Path | None = None, schema: str | None = None) -> list[str]:
        named = ["--schema", schema] if schema else []
        return ["--db", self.url, "--keys", str(keys or self.keys), *named]

    def backup(self, name: str = "a.sbk", *more: str, schema: str | None = None) -> dict[str, Any]:
        done = self.songbai("backup", str(self.folder / name), "--to", self.public, "--json", *more, schema=schema)
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.output))

    def elsewhere(self) -> tuple[str, str | None]:
        """An empty place of the same kind: another file, or another schema of the same database."""
        if self.engine.dialect.name == "sqlite":
            return f"sqlite:///{self.folder / 'restored' / 'songbai.db'}", None
        return self.url, "restored"

    def restore(self, file: Path, *more: str, keys: Path | None = None) -> Result:
        url, schema = self.elsewhere()
        return self.songbai(
            "restore", str(file), "--into", url, "--key", str(self.private), *more, keys=keys, schema=schema
        )

    def nothing_elsewhere(self) -> bool:
        if self.engine.dialect.name == "sqlite":
            return not (self.folder / "restored" / "songbai.db").exists()
        return "restored" not in inspect(self.engine).get_schema_names()


@pytest.fixture
def house(engine: Engine, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    if engine.dialect.name == "postgresql":
        monkeypatch.setenv(tools.FOLDER, str(databases.programs))
    keys.save(RING, tmp_path / "keys.json")
    return House(engine, tmp_path, recipient.make(tmp_path / "safe.key"))


def moved(engine: Engine, number: int = 3) -> None:
    with acting(engine) as act:
        source = accounts.open_account(act, "operator_trust", "operator")
        purse = accounts.open_account(act, "spare", "purse", guarded=True)
        for n in range(number):
            post(act, f"spare/{n}", [Transfer(f"spare/{n}", source, purse, 250, "spare", f"spare:{n}", act.now)])


def ids(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.execute(select(transfers.c.id).order_by(transfers.c.seq)).scalars())


# -- the copy -----------------------------------------------------------------------------------------------------------------
def test_a_backup_made_while_others_post_is_one_moment_of_the_books(house: House) -> None:
    with posting(house.engine) as writer:
        writer.wait_for(50)
        before = len(writer.acknowledged)
        made = house.backup()
        writer.wait_for(20)
    posted = writer.acknowledged

    done = house.restore(house.folder / "a.sbk", "--json")

    assert (done.exit_code, json.loads(done.output)["findings"]) == (0, [])
    url, schema = house.elsewhere()
    restored = make_engine(url, schema)
    kept = ids(restored)
    assert kept == posted[: len(kept)]
    assert before <= len(kept) < len(posted)
    figures = made["figures"]
    assert figures["units"]["fen"] == {"accounts": 2, "purses": len(kept), "held": 0, "moved": len(kept)}
    assert figures["last_transfer"]["id"] == kept[-1]
    with acting(restored) as act:  # numbers go on where they were
        trust = accounts.open_account(act, "operator_trust", "operator")
        third = accounts.open_account(act, "spare", "second", guarded=True)
        post(act, "after", [Transfer("after", trust, third, 5, "spare", "after", act.now)])
    with reading(restored) as conn:
        assert verify.run(conn) == []
    assert ids(restored) == [*kept, "after"]
    restored.dispose()


def test_what_is_told_after_a_restore(house: House) -> None:
    moved(house.engine)
    house.backup()
    told = house.restore(house.folder / "a.sbk").output
    assert "7.50" in told  # three times 2.50 yuan
    assert "最后一笔流水：spare/2，记于 2026-07-01 09:00:00" in told
    assert "密钥文件" in told


def test_the_check_leaves_nothing_and_the_file_is_private(house: House) -> None:
    beside = {path.name for path in house.folder.iterdir()}
    made = house.backup()
    assert made["checked"] is True
    assert {path.name for path in house.folder.iterdir()} == beside | {"a.sbk"}
    assert (house.folder / "a.sbk").stat().st_mode & 0o777 == 0o600
    assert not leftovers(house)


def test_a_name_that_is_taken_is_not_written_over(house: House) -> None:
    (house.folder / "a.sbk").write_bytes(b"somebody's")
    done = house.songbai("backup", str(house.folder / "a.sbk"), "--to", house.public)
    assert (done.exit_code, "不覆盖" in done.stderr) == (1, True)
    assert (house.folder / "a.sbk").read_bytes() == b"somebody's"


def test_books_that_contradict_themselves_are_backed_up_all_the_same(house: House) -> None:
    moved(house.engine)
    with house.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE ledger_transfers SET amount = 251 WHERE id = 'spare/1'")
    done = house.songbai("backup", str(house.folder / "a.sbk"), "--to", house.public, "--json")
    assert done.exit_code == 1
    assert "balance_differs" in {finding["code"] for finding in json.loads(done.output)["findings"]}
    assert (house.folder / "a.sbk").exists()


@pytest.mark.parametrize(
    "unreadable",
    [
        "UPDATE ledger_accounts SET owner = CAST(x'68ff69' AS TEXT), balance = balance + 1 WHERE owner = 'purse'",
        "UPDATE ledger_transfers SET recorded_at = 9000000000000000000 WHERE id = 'spare/2'",
        "UPDATE ledger_seals SET sealed_at = 9000000000000000000",
        "UPDATE ledger_seals SET day = 'x'",
    ],
)
def test_books_that_cannot_even_be_read_are_backed_up_and_restored(house: House, unreadable: str) -> None:
    if house.engine.dialect.name == "postgresql" and "'" in unreadable.replace("'spare/2'", ""):
        pytest.skip("its columns have types")
    moved(house.engine)
    assert house.songbai("seal", "make").exit_code == 0
    with house.engine.begin() as conn:
        conn.exec_driver_sql(unreadable)
    done = house.songbai("backup", str(house.folder / "a.sbk"), "--to", house.public)
    assert (done.exit_code, (house.folder / "a.sbk").exists()) == (1, True), done.output
    told = house.restore(house.folder / "a.sbk")
    assert (told.exit_code, house.nothing_elsewhere()) == (1, False), told.output


def test_a_file_with_a_torn_index_is_told(tmp_path: Path) -> None:
    file = tmp_path / "torn.db"
    house = House(make_engine(f"sqlite:///{file}"), tmp_path, recipient.make(tmp_path / "safe.key"))
    migrate(house.engine)
    moved(house.engine)
    with reading(house.engine) as conn:
        size = conn.exec_driver_sql("PRAGMA page_size").scalar_one()
        where = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_ledger_transfers_reference'"
        page = conn.exec_driver_sql(where).scalar_one()
    house.engine.dispose()
    with file.open("r+b") as pages:  # an index page that says it holds nothing
        pages.seek((page - 1) * size)
        pages.write(b"\x0a\0\0\0\0" + size.to_bytes(2) + b"\0")

    done = house.songbai("backup", str(tmp_path / "a.sbk"), "--to", house.public, "--json")
    assert done.exit_code == 1
    assert "database_corrupt" in {finding["code"] for finding in json.loads(done.output)["findings"]}


def test_an_older_release_is_backed_up_as_it_is_and_restored_to_the_tables_of_today(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(lzma.decompress(OLD_QUARTER.read_bytes()).decode())
    house = House(make_engine(f"sqlite:///{tmp_path / 'old.db'}"), tmp_path, recipient.make(tmp_path / "safe.key"))

    made = house.backup()
    done = house.restore(tmp_path / "a.sbk", "--json")

    assert (made["figures"]["revision"], made["figures"]["rows"]["visits"]) == ("0001", 170)
    assert (done.exit_code, json.loads(done.output)["count"]) == (0, 0)


def test_the_seals_are_checked_in_the_copy(house: House) -> None:
    moved(house.engine)
    sealed = house.songbai("seal", "make", "--json")
    assert sealed.exit_code == 0, sealed.output
    made = house.backup()
    assert (made["seals_checked"], made["figures"]["last_seal"]["number"]) == (True, 1)

    with house.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE ledger_transfers SET reference = 'spare:9' WHERE id = 'spare/1'")
    done = house.songbai("backup", str(house.folder / "b.sbk"), "--to", house.public, "--json")
    assert done.exit_code == 1
    assert any("spare/1" in finding["subject"] for finding in json.loads(done.output)["findings"])
    told = house.restore(house.folder / "b.sbk")
    assert (told.exit_code, "spare/1" in told.output, "最后一个封印：第 1 号" in told.output) == (1, True, True)


# -- refusals before anything is written ----------------------------------------------------------------------------------------
def test_only_the_key_it_was_made_for_opens_it(house: House) -> None:
    house.backup()
    house.private.unlink()
    recipient.make(house.private)  # another's
    done = house.restore(house.folder / "a.sbk")
    assert (done.exit_code, "另一把密钥" in done.stderr) == (1, True)
    assert house.nothing_elsewhere()


def test_a_damaged_file_is_refused_before_anything_is_written(house: House) -> None:
    house.backup("a.sbk", "--no-check")
    file = house.folder / "a.sbk"
    whole = file.read_bytes()
    for spoilt in (
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:],
        whole + b"\0",
        whole.replace(b'"district"', b'"distr1ct"', 1),
        b"",
        _headed(whole, b"[" * 60_000),
        _headed(
            whole,
            re.sub(rb'"sender": "[0-9a-f]+"', b'"sender": "' + b"00" * 32 + b'"', whole.partition(b"}")[0][21:] + b"}"),
        ),
    ):
        file.write_bytes(spoilt)
        done = house.restore(file)
        assert (done.exit_code, "不完整或被改动" in done.stderr) == (1, True)
        assert house.nothing_elsewhere()


def _headed(whole: bytes, header: bytes) -> bytes:
    """Under another header."""
    begins = len(envelope.MAGIC) + envelope.LENGTH
    length = int.from_bytes(whole[len(envelope.MAGIC) : begins])
    return envelope.MAGIC + len(header).to_bytes(envelope.LENGTH) + header + whole[begins + length :]


def test_a_place_that_is_not_empty_is_left_alone(house: House) -> None:
    moved(house.engine)
    house.backup()
    url, schema = house.elsewhere()
    migrate(make_engine(url, schema))
    done = house.restore(house.folder / "a.sbk")
    assert (done.exit_code, "已有内容" in done.stderr) == (1, True)
    assert ids(make_engine(url, schema)) == []


def test_a_journal_left_behind_is_not_played_into_the_restored_file(house: House) -> None:
    if house.engine.dialect.name != "sqlite":
        pytest.skip("files are SQLite's")
    house.backup()
    left = house.folder / "restored" / "songbai.db-wal"
    left.parent.mkdir()
    left.write_bytes(b"of a database that is gone")
    assert "songbai.db-wal" in house.restore(house.folder / "a.sbk").stderr
    assert house.nothing_elsewhere()


def test_not_into_the_other_kind_of_database(house: House) -> None:
    house.backup()
    other = "postgresql://nobody@/nowhere" if house.engine.dialect.name == "sqlite" else "sqlite:///nowhere.db"
    done = house.songbai("restore", str(house.folder / "a.sbk"), "--into", other, "--key", str(house.private))
    assert (done.exit_code, "同一种数据库" in done.stderr) == (1, True)


# -- the key ring ---------------------------------------------------------------------------------------------------------------
def test_the_ring_stays_out_unless_it_is_asked_in(house: House) -> None:
    house.backup("a.sbk", "--no-check")
    absent, other = house.folder / "new.json", house.folder / "other.json"
    told = house.restore(house.folder / "a.sbk", "--json", keys=absent)
    assert (json.loads(told.output)["ring"], absent.exists()) == ("missing", False)

    clear(house)
    keys.save(keys.new_ring(), other)
    told = house.restore(house.folder / "a.sbk", "--json", keys=other)
    assert json.loads(told.output)["ring"] == "other"


def test_with_keys_a_restore_brings_the_ring_back_and_never_over_another(house: House) -> None:
    house.backup("a.sbk", "--with-keys", "--no-check")
    absent, other = house.folder / "new.json", house.folder / "other.json"
    another = keys.new_ring()
    keys.save(another, other)
    done = house.restore(house.folder / "a.sbk", keys=other)
    assert (done.exit_code, "不覆盖" in done.stderr) == (1, True)
    assert (keys.load(other), house.nothing_elsewhere()) == (another, True)

    told = house.restore(house.folder / "a.sbk", "--json", keys=absent)
    assert json.loads(told.output)["ring"] == "restored"
    assert (keys.load(absent), absent.stat().st_mode & 0o777) == (RING, 0o600)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"field_keys": 1}', "\0\1"])
def test_a_ring_that_is_none_is_told_before_anything_is_written(house: House, content: str) -> None:
    house.backup("a.sbk", "--no-check")
    spoilt = house.folder / "spoilt.json"
    spoilt.write_text(content)
    for done in (
        house.restore(house.folder / "a.sbk", keys=spoilt),
        house.songbai("backup", str(house.folder / "b.sbk"), "--to", house.public, keys=spoilt),
        house.songbai("verify", "--seals", keys=spoilt),
        house.songbai("keys", "rotate", keys=spoilt),
    ):
        assert (done.exit_code, "密钥文件" in done.stderr and "spoilt.json" in done.stderr) == (1, True), done.output
    assert (house.nothing_elsewhere(), (house.folder / "b.sbk").exists()) == (True, False)
    assert spoilt.read_text() == content


def clear(house: House) -> None:
    url, schema = house.elsewhere()
    if schema is None:
        Path(url.removeprefix("sqlite:///")).unlink()
        return
    with house.engine.begin() as conn:
        conn.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")


# -- killed, and full -------------------------------------------------------------------------------------------------------------
def leftovers(house: House) -> list[str]:
    folders = [house.folder, house.folder / "restored"]
    if house.engine.dialect.name == "sqlite":
        folders.append(Path(str(house.engine.url.database)).parent)
    found = [path.name for folder in folders for path in folder.glob(".songbai*")]
    found += [path.name for path in house.folder.glob(".*part")]
    if house.engine.dialect.name == "postgresql":
        found += [name for name in inspect(house.engine).get_schema_names() if name.startswith("songbai_check_")]
    return found


DIES_WHILE_IT_VERIFIES = """
import os, signal, sys
from settlement import verify
from settlement.cli import main
verify.run = lambda conn: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""


def test_killed_in_the_middle_nothing_has_its_name_and_the_next_run_sweeps(house: House) -> None:
    moved(house.engine)
    words = [*house.words(), "backup", str(house.folder / "a.sbk"), "--to", house.public]
    killed = subprocess.run([sys.executable, "-c", DIES_WHILE_IT_VERIFIES, *words], check=False, cwd=ROOT)
    assert killed.returncode == -9
    assert not (house.folder / "a.sbk").exists()
    assert len(leftovers(house)) == 2  # the part that was written, and what it was restored into

    house.backup("b.sbk")
    assert leftovers(house) == []


def test_a_restore_killed_in_the_middle_leaves_nothing_half_made(house: House) -> None:
    """On SQLite nothing has the name. On PostgreSQL the rows are one transaction; after it, ``init`` and ``verify`` finish."""
    moved(house.engine)
    house.backup()
    url, schema = house.elsewhere()
    words = [*house.words(schema=schema), "restore", str(house.folder / "a.sbk"), "--into", url]
    words += ["--key", str(house.private)]
    killed = subprocess.run([sys.executable, "-c", DIES_WHILE_IT_VERIFIES, *words], check=False, cwd=ROOT)
    assert killed.returncode == -9
    if house.engine.dialect.name == "sqlite":
        assert house.nothing_elsewhere()
        assert house.restore(house.folder / "a.sbk").exit_code == 0
        assert leftovers(house) == []
    restored = make_engine(url, schema)
    assert ids(restored) == ["spare/0", "spare/1", "spare/2"]
    restored.dispose()


DIES_WHILE_IT_LOADS = """
import os, signal, sys
from settlement.backup import envelope
from settlement.cli import main
rest = envelope.Opened.rest
def cut(self):
    yield next(rest(self))[:-2000]
    os.kill(os.getpid(), signal.SIGKILL)
envelope.Opened.rest = cut
main(sys.argv[1:])
"""


def test_killed_while_rows_are_loaded_nothing_of_them_stays(house: House) -> None:
    house.backup()
    url, schema = house.elsewhere()
    words = [*house.words(schema=schema), "restore", str(house.folder / "a.sbk"), "--into", url]
    words += ["--key", str(house.private)]
    killed = subprocess.run([sys.executable, "-c", DIES_WHILE_IT_LOADS, *words], check=False, cwd=ROOT)
    assert killed.returncode == -9
    assert house.restore(house.folder / "a.sbk").exit_code == 0


def test_a_full_disk_is_told_and_nothing_stays(house: House) -> None:
    words = [*house.words(), "backup", str(house.folder / "a.sbk"), "--to", house.public]
    limit = 50_000  # bytes a file may have: writing beyond fails as on a full disk
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from settlement.cli import main; main(sys.argv[1:])", *words],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (done.returncode, "无法写入" in done.stderr) == (1, True), done.stderr
    assert not (house.folder / "a.sbk").exists()
    assert leftovers(house) == []


def test_a_disk_that_is_full_at_the_last_byte(house: House) -> None:
    size = house.backup("whole.sbk", "--no-check")["bytes"]
    words = [*house.words(), "backup", str(house.folder / "a.sbk"), "--to", house.public, "--no-check"]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from settlement.cli import main; main(sys.argv[1:])", *words],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size - 200, size - 200)),
    )
    assert (done.returncode, "无法写入" in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr
    assert leftovers(house) == []


# -- PostgreSQL ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def on_postgres(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv(tools.FOLDER, str(databases.programs))
    engine = databases.create("postgresql")
    yield House(engine, tmp_path, recipient.make(tmp_path / "safe.key"))
    databases.drop(engine)


def test_a_district_that_was_lost_comes_back_under_its_own_name(on_postgres: House) -> None:
    house = on_postgres
    jiangdu = make_engine(house.url, "jiangdu")
    migrate(jiangdu)
    moved(jiangdu)
    house.backup(schema="jiangdu")
    jiangdu.dispose()
    with house.engine.begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA jiangdu CASCADE")

    done = house.songbai(
        "restore", str(house.folder / "a.sbk"), "--into", house.url, "--key", str(house.private), "--json"
    )

    assert (done.exit_code, json.loads(done.output)["schema"]) == (0, "jiangdu")
    assert ids(jiangdu) == ["spare/0", "spare/1", "spare/2"]
    jiangdu.dispose()


def test_words_that_look_like_the_schema_are_left_alone(on_postgres: House) -> None:
    """Only names are renamed: rows and comments may say public.anything."""
    house = on_postgres
    with house.engine.begin() as conn:
        conn.exec_driver_sql("COMMENT ON TABLE places IS 'see public.places; and so on'")
        conn.exec_driver_sql(
            "INSERT INTO audit_rows (at, actor, role, act, subject, why) VALUES (0, 'a', 'b', 'c', 'd', E'public.seniors\\nCOPY public.x FROM stdin;\\n\\\\.')"
        )
    house.backup()
    assert house.restore(house.folder / "a.sbk").exit_code == 0
    with reading(house.engine) as conn:
        written = conn.exec_driver_sql("SELECT why FROM restored.audit_rows").scalar_one()
        assert written == "public.seniors\nCOPY public.x FROM stdin;\n\\."
        columns = "SELECT column_default FROM information_schema.columns WHERE table_schema = 'restored'"
        defaults = [told for told in conn.execute(text(columns)).scalars() if told and "nextval" in told]
        assert len(defaults) > 10 and all("restored." in told and "public." not in told for told in defaults)
        pointed_at = """SELECT DISTINCT n.nspname FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid
            JOIN pg_namespace n ON n.oid = t.relnamespace WHERE c.connamespace = 'restored'::regnamespace"""
        assert conn.exec_driver_sql(pointed_at).scalars().all() == ["restored"]
        comment = conn.exec_driver_sql("SELECT obj_description('restored.places'::regclass)").scalar_one()
        assert comment == "see public.places; and so on"


def test_a_role_that_may_make_no_schema_says_that_nothing_was_checked(on_postgres: House) -> None:
    house = on_postgres
    with house.engine.begin() as conn:
        for statement in (
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN CREATE ROLE reader LOGIN; END IF; END $$",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader",
        ):
            conn.exec_driver_sql(statement)
    reader = House(make_engine(house.engine.url.set(username="reader")), house.folder, house.public)

    asked = ("backup", str(house.folder / "a.sbk"), "--to", house.public, "--json")
    done = reader.songbai(*asked)
    assert (done.exit_code, json.loads(done.output)["checked"]) == (1, False)
    assert [finding["code"] for finding in json.loads(done.output)["findings"]] == ["backup_unchecked"]
    assert reader.backup("b.sbk", "--no-check")["checked"] is False
    assert house.restore(house.folder / "a.sbk").exit_code == 0  # as the owner


@pytest.mark.parametrize(("version", "said"), [("14.9", "比服务器"), (None, "没有找到PostgreSQL程序")])
def test_programs_that_are_missing_or_too_old(
    on_postgres: House, monkeypatch: pytest.MonkeyPatch, version: str | None, said: str
) -> None:
    folder = on_postgres.folder / "bin"
    folder.mkdir()
    for name in tools.NAMES if version else ():
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv(tools.FOLDER, str(folder))
    done = on_postgres.songbai("backup", str(on_postgres.folder / "a.sbk"), "--to", on_postgres.public)
    assert (done.exit_code, said in done.stderr, "SONGBAI_PG_BIN" in done.stderr) == (1, True, True)
    assert leftovers(on_postgres) == []


def test_the_password_travels_in_the_environment(on_postgres: House) -> None:
    with make_engine(
        on_postgres.engine.url.set(password="s3cret").render_as_string(hide_password=False)
    ).connect() as conn:
        found = tools.find(conn)
    assert found.environment["PGPASSWORD"] == "s3cret"
    assert found.environment["PGDATABASE"] == on_postgres.engine.url.database


# -- the file -------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, X25519PrivateKey, int]:
    """Ten blocks of 64 bytes; the file, its key, and where the first block begins."""
    monkeypatch.setattr(envelope, "CHUNK", 64)
    key = X25519PrivateKey.generate()
    file = io.BytesIO()
    sealer = Sealer(file, key.public_key(), {"engine": "sqlite"})
    sealer.write_part(b"facts")
    sealer.write(bytes(range(256)) * 2 + bytes(119))
    sealer.finish()
    return file.getvalue(), key, len(sealer.head.written)


def opened(whole: bytes, key: X25519PrivateKey) -> bytes:
    file = io.BytesIO(whole)
    head = envelope.read_head(file)
    found = Opened(file, head, envelope.key_of(head, key))
    return found.part() + b"".join(found.rest())


def test_what_was_sealed_is_what_is_opened(sealed: tuple[bytes, X25519PrivateKey, int]) -> None:
    whole, key, begins = sealed
    assert opened(whole, key) == b"facts" + bytes(range(256)) * 2 + bytes(119)
    assert len(whole) - begins == 10 * (64 + 16)


def test_any_altered_byte_is_found(sealed: tuple[bytes, X25519PrivateKey, int]) -> None:
    whole, key, _ = sealed
    for place in range(len(whole)):
        altered = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(Refused) as told:
            opened(altered, key)
        assert told.value.reason in (Reason.BACKUP_DAMAGED, Reason.BACKUP_KEY_WRONG)


def test_any_length_that_is_not_the_whole_is_found(sealed: tuple[bytes, X25519PrivateKey, int]) -> None:
    whole, key, _ = sealed
    for length in range(len(whole)):
        with pytest.raises(Refused):
            opened(whole[:length], key)


def test_blocks_in_another_order_or_from_another_file_are_found(
    sealed: tuple[bytes, X25519PrivateKey, int],
) -> None:
    whole, key, begins = sealed
    block = 64 + 16
    blocks = [whole[at : at + block] for at in range(begins, len(whole), block)]
    for swapped in (
        [blocks[1], blocks[0], *blocks[2:]],  # moved
        [*blocks[:3], *blocks[4:]],  # one missing
        [*blocks[:3], blocks[2], *blocks[3:]],  # one twice
        [*blocks, blocks[-1]],  # the last one twice
        blocks[:-1],  # cut off between two blocks
    ):
        with pytest.raises(Refused):
            opened(whole[:begins] + b"".join(swapped), key)


def test_a_slip_in_copying_a_key_from_paper_is_told(tmp_path: Path) -> None:
    public = recipient.make(tmp_path / "safe.key")
    key = recipient.private_key(tmp_path / "safe.key")
    assert recipient.public_text(key.public_key()) == public
    written = (tmp_path / "safe.key").read_text().splitlines()[-1]

    (tmp_path / "typed").write_text(written.upper().replace("-", " "))
    assert recipient.private_key(tmp_path / "typed").private_bytes_raw() == key.private_bytes_raw()
    wrong = "b" if written[10] != "b" else "c"
    (tmp_path / "typed").write_text(written[:10] + wrong + written[11:])
    with pytest.raises(Refused):
        recipient.private_key(tmp_path / "typed")
    with pytest.raises(Refused):
        recipient.public_key(str(tmp_path / "safe.key"))  # the private one, where the public one belongs
