"""``songbai seal``, ``songbai keys``, ``songbai verify --seals``: what an operator and an auditor type."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, delete, update

from settlement import check_proof, keys
from settlement.cli.common import Desk
from settlement.cli.house import init, verify_command
from settlement.cli.seal import key_group, seal
from settlement.keys import KeyRing
from settlement.ledger.tables import seal_leaves, seals, transfers
from settlement.outcomes import Reason, Refused
from tests.ledger.sealing import NIGHT, paid
from tests.support import RING

Songbai = Callable[..., Result]


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    keys.save(RING, tmp_path / "keys.json")
    return tmp_path / "keys.json"


@pytest.fixture
def songbai(engine: Engine, ring_file: Path) -> Songbai:
    url = engine.url.render_as_string(hide_password=False)
    desk = Desk(url=url, keys_file=ring_file, clock=lambda: NIGHT)
    verbs = {"seal": seal, "keys": key_group, "verify": verify_command, "init": init}

    def run(verb: str, *words: str | Path) -> Result:
        return CliRunner().invoke(verbs[verb], [str(word) for word in words], obj=desk)

    return run


def test_from_the_nightly_seal_to_the_proof(engine: Engine, songbai: Songbai, tmp_path: Path) -> None:
    paid(engine, "a", "b")
    made = songbai("seal", "make")
    assert (made.exit_code, "2笔流水" in made.stdout) == (0, True)
    assert "没有新的记录" in songbai("seal", "make").stdout
    (listed,) = json.loads(songbai("seal", "list", "--json").stdout)["seals"]
    assert (listed["number"], listed["day"], listed["transfers"], listed["audit"]) == (1, "2026-07-02", 2, 2)
    assert "2026-07-02 02:45+08:00" in songbai("seal", "list").stdout

    line = songbai("seal", "publish").stdout
    assert line == listed["short"] + "\n"
    assert songbai("seal", "publish", "--number", "1", "--full").stdout.startswith("songbai-seal-1\nnumber 1\n")

    proof, public = tmp_path / "proof.json", tmp_path / "seal-keys.pem"
    assert songbai("keys", "public", "-o", public).exit_code == 0
    assert "1笔流水" in songbai("seal", "proof", "a/1", "-o", proof).stdout
    assert check_proof.main([str(proof), str(public)]) == 0
    assert songbai("seal", "proof", "--reference", "order:b", "-o", proof).exit_code == 0
    assert json.loads(proof.read_text())["transfers"][0]["row"]["id"] == "b/1"
    assert songbai("seal", "proof", "-o", proof).exit_code == 2
    refused = songbai("seal", "proof", "--order", "nobody's", "-o", proof).exception
    assert isinstance(refused, Refused) and refused.reason is Reason.NOT_FOUND


def test_verify_seals(engine: Engine, songbai: Songbai, tmp_path: Path) -> None:
    paid(engine, "a")
    songbai("seal", "make")
    line = songbai("seal", "publish").stdout.strip()
    paid(engine, "b")
    wall, public = tmp_path / "wall.txt", tmp_path / "seal-keys.pem"
    wall.write_text(f"2026年7月2日公示\n{line}\n", encoding="utf-8")
    songbai("keys", "public", "-o", public)

    for given in (wall, line):
        ran = songbai("verify", "--seals", "--published", given, "--public-keys", public)
        assert ran.exit_code == 0
        assert "封印1张，覆盖2行，与1条公布行比对；尚未封印：流水1笔，审计1条" in ran.stdout
    found = json.loads(songbai("verify", "--seals", "--json").stdout)
    assert found == {"findings": [], "count": 0, "seals": 1, "rows": 2, "unsealed": {"transfers": 1, "audit": 1}}

    with engine.begin() as conn:
        conn.execute(update(transfers).where(transfers.c.id == "a/1").values(amount=1))
    ran = songbai("verify", "--seals")
    assert (ran.exit_code, "transfer:a/1" in ran.stdout, "流水第1号被改动" in ran.stdout) == (1, True, True)
    ran = songbai("verify", "--seals", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["findings"][0]["subject"]) == (1, "transfer:a/1")

    with engine.begin() as conn:
        for table in (transfers, seal_leaves, seals):
            conn.execute(delete(table))
    assert songbai("verify", "--seals").exit_code == 0
    ran = songbai("verify", "--seals", "--published", wall)
    assert (ran.exit_code, "seal_removed" in ran.stdout) == (1, True)


def test_wrong_use(songbai: Songbai, ring_file: Path) -> None:
    for words in (
        ("--published", "songbai-seal-1"),  # without --seals
        ("--seals", "--published", "no line in here"),
        ("--seals", "--public-keys", ring_file),
    ):
        assert songbai("verify", *words).exit_code == 2


def test_nothing_to_publish_yet(songbai: Songbai) -> None:
    for words in (("publish",), ("publish", "--number", "3")):
        refused = songbai("seal", *words).exception
        assert isinstance(refused, Refused) and refused.reason is Reason.NOT_FOUND


# -- keys ---------------------------------------------------------------------------------------------------------------------
def _without_seal_keys(path: Path) -> None:
    """As a ring of the previous version stands on disk."""
    data = json.loads(path.read_text())
    del data["seal_keys"]
    path.write_text(json.dumps(data))


def test_a_ring_of_the_previous_version_gets_a_seal_key_by_init(
    engine: Engine, songbai: Songbai, ring_file: Path
) -> None:
    _without_seal_keys(ring_file)
    old = keys.load(ring_file)
    assert old == KeyRing(RING.field_keys, RING.token_keys, RING.index_key)
    paid(engine, "a")
    refused = songbai("seal", "make").exception
    assert isinstance(refused, Refused) and refused.reason is Reason.NO_SEAL_KEY
    refused = songbai("keys", "public").exception
    assert isinstance(refused, Refused) and refused.reason is Reason.NO_SEAL_KEY

    again = CliRunner()
    url = engine.url.render_as_string(hide_password=False)
    for added in (True, False):
        ran = again.invoke(init, [], obj=Desk(url=url, keys_file=ring_file))
        assert (ran.exit_code, "已补上封印密钥" in ran.stdout) == (0, added)
    new = keys.load(ring_file)
    assert (new.field_keys, new.token_keys, new.index_key) == (old.field_keys, old.token_keys, old.index_key)
    assert len(new.seal_keys) == 1
    assert ring_file.stat().st_mode & 0o777 == 0o600


def test_a_new_key_seals_from_now_on_and_the_old_one_still_proves(
    engine: Engine, songbai: Songbai, ring_file: Path, tmp_path: Path
) -> None:
    paid(engine, "a")
    songbai("seal", "make")
    ran = songbai("keys", "rotate")
    assert (ran.exit_code, "新的封印密钥" in ran.stdout) == (0, True)
    rotated = keys.load(ring_file)
    assert list(rotated.seal_keys) == [RING.newest_seal_key, rotated.newest_seal_key]
    paid(engine, "b")
    url = engine.url.render_as_string(hide_password=False)
    desk = Desk(url=url, keys_file=ring_file, clock=lambda: NIGHT)  # as a new process reads the ring
    assert CliRunner().invoke(seal, ["make"], obj=desk).exit_code == 0
    listed = json.loads(CliRunner().invoke(seal, ["list", "--json"], obj=desk).stdout)["seals"]
    assert [each["key"] for each in listed] == list(rotated.seal_keys)
    assert CliRunner().invoke(verify_command, ["--seals"], obj=desk).exit_code == 0

    public = CliRunner().invoke(key_group, ["public"], obj=desk).stdout_bytes
    assert list(check_proof.read_keys(public)) == list(rotated.seal_keys)


def test_a_key_is_never_lost_to_another_who_changes_the_ring(songbai: Songbai, ring_file: Path) -> None:
    beside = ring_file.with_name("keys.json.new")
    beside.write_text("somebody else writes")
    assert songbai("keys", "rotate").exit_code == 2
    assert keys.load(ring_file) == RING
    beside.unlink()

    ring_file.write_text("{")  # a damaged ring is left as it is, and nothing stays beside it
    with pytest.raises(Refused, match="damaged"):
        keys.add_seal_key(ring_file)
    assert os.listdir(ring_file.parent) == ["keys.json"]
