"""What people type wrongly is told in Chinese first, with exit code 2; a database that is not ours, with what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from settlement.cli import main
from settlement.spoken import chinese


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("nothing", "没有这条命令"),
        ("close month", "缺少 'MONTH'"),
        ("close month 2026-7 --by zhou", "“2026-7”应写作 2026-07"),
        ("close quarter 2026-10 --by zhou", "“2026-10”应写作 2026-Q3"),
        ("issue --month 202607 --by zhou", "“202607”应写作 2026-07"),
        ("fraud scan --month 7", "“7”应写作 2026-07"),
        ("visits owed --month 2026/07", "“2026/07”应写作 2026-07"),
        ("verify --by zhou", "没有选项 --by"),
        ("verify 2026-07", "多写了内容"),
        ("pay list --scheme", "--scheme 后面缺少内容"),
        ("--db mysql://x verify", "--db 应为"),
        ("--db postgresql://x/x --schema Jiangdu verify", "--schema"),
        ("--schema Jiangdu restore pyproject.toml --into postgresql://x/x --key none", "--schema"),
        ("--db nowhere verify", "--db 应为"),
    ],
)
def test_wrong_use(typed: str, said: str) -> None:
    told = CliRunner().invoke(main, typed.split())
    assert told.exit_code == 2
    assert told.stderr.startswith("用法不对")
    assert said in told.stderr


def test_a_database_that_was_never_initialised(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["--db", f"sqlite:///{tmp_path / 'new.db'}", "verify"])
    assert (told.exit_code, "songbai init" in told.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []  # asking makes no database


@pytest.mark.parametrize("server", ["gateway", "iso8583", "serve --home {home}"])
def test_a_server_does_not_share_the_port_of_another(server: str, tmp_path: Path) -> None:
    (tmp_path / "songbai.db").touch()
    common = ["--db", f"sqlite:///{tmp_path / 'songbai.db'}", "--keys", str(tmp_path / "keys.json")]
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told = CliRunner().invoke(main, [*common, *server.format(home=tmp_path).split(), "--port", port])
    assert (told.exit_code, f"127.0.0.1:{port} 已有程序在用" in told.stderr) == (1, True), told.output
    assert [file.name for file in tmp_path.iterdir()] == ["songbai.db"]  # the other server's walk is left as it was


def test_codes_as_people_say_them() -> None:
    assert chinese("town:仙女镇, civil_affairs") == "镇街 仙女镇、区民政局"
    assert chinese("officer nobody") == "经办人 nobody"
    assert chinese("jiangdu-2026-Q3-P001") == "jiangdu-2026-Q3-P001"
