"""``songbai iso8583`` as a process of its own, and ``songbai terminal simulate`` by hand and by script."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pos_gateway import local_tls
from pos_gateway.iso8583.reader import ChipCard, Line
from pos_gateway.iso8583.simulator import Terminal
from settlement import keys, officers
from settlement.cli import main
from settlement.cli.common import Desk
from settlement.cli.iso8583 import chip_card, simulate
from settlement.clock import system_clock
from settlement.outcomes import Reason, Refused
from tests.pos_gateway.iso8583.counters import LUNCH, MERCHANT, Counter
from tests.support import RING, acting
from tests.visits.world import World


# -- the server ------------------------------------------------------------------------------------------------------------------
@contextmanager
def serving(world: World, folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command in a process of its own, and its port."""
    if not (folder / "keys.json").exists():
        keys.save(RING, folder / "keys.json")
    url = world.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", "from settlement.cli import main; main()", "--db", url]
    command += ["--keys", str(folder / "keys.json"), "iso8583", "--port", "0", "--threads", "2", *more]
    beside = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=beside) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        try:
            yield server, int(said.rpartition(":")[2])
        finally:
            server.kill()


def test_the_server_answers_over_the_network_and_stops_when_told(
    world: World, counter: Counter, tmp_path: Path
) -> None:
    with serving(world, tmp_path) as (server, port), closing(Line("127.0.0.1", port)) as line:
        terminal = Terminal(counter.terminal_id, MERCHANT, counter.key, line, system_clock)
        assert terminal.sign_on().text(39) == "00"
        assert terminal.exchange_keys().text(39) == "00"
        line.send_raw(b"\x00\x05trash")
        with pytest.raises(OSError, match=r"."):
            line.receive()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_tls(world: World, counter: Counter, tmp_path: Path) -> None:
    made = local_tls.ensure(tmp_path, [], datetime.now(UTC))
    trusting = ssl.create_default_context(cafile=str(made.root))
    with serving(world, tmp_path, "--certificate", str(made.chain), "--private-key", str(made.key)) as (_, port):
        with closing(Line("127.0.0.1", port, tls=trusting)) as line:
            terminal = Terminal(counter.terminal_id, MERCHANT, counter.key, line, system_clock)
            assert terminal.sign_on().text(39) == "00"
        with pytest.raises(ssl.SSLError):
            Line("127.0.0.1", port, tls=ssl.create_default_context())
        with closing(Line("127.0.0.1", port)) as plain, pytest.raises(OSError, match=r"."):
            plain(b"0800 in the clear")


def test_a_certificate_that_is_none(world: World, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    keys.save(RING, tmp_path / "keys.json")
    words = ["--db", world.engine.url.render_as_string(hide_password=False), "--keys", str(tmp_path / "keys.json")]
    told = CliRunner().invoke(main, [*words, "iso8583", "--certificate", str(tmp_path / "none.pem")])
    assert told.exit_code == 1
    assert "none.pem" in told.output


# -- the simulator --------------------------------------------------------------------------------------------------------------
class Typist:
    """Types to a simulated terminal at the counter."""

    def __init__(self, counter: Counter, port: int, folder: Path) -> None:
        self.counter, self.port, self.folder = counter, port, folder
        self.memory = folder / "terminal.json"

    def types(self, *lines: str, more: Sequence[str] = ()) -> Result:
        words = ["--server", f"127.0.0.1:{self.port}", "--memory", str(self.memory), *more]
        if not self.memory.exists():
            words += ["--id", self.counter.terminal_id, "--merchant", MERCHANT, "--key", self.counter.key.hex(" ", 2)]
        desk = Desk(clock=self.counter.clock)
        return CliRunner().invoke(simulate, words, obj=desk, input="\n".join(lines) + "\n")


@pytest.fixture
def typist(counter: Counter, tmp_path: Path) -> Iterator[Typist]:
    with counter.listening() as port:
        yield Typist(counter, port, tmp_path)


def test_a_day_by_hand(typist: Typist, counter: Counter) -> None:
    someone = counter.holder()
    card = typist.folder / "card.json"
    counter.chip_card(someone).save(card)
    told = typist.types(
        "sign-on",
        "keys  # a comment",
        "",
        "echo",
        f"balance qr={counter.qr(someone)}",
        f"buy {LUNCH}*1 1200 chip={card} staff={counter.staff_no}",
        f"buy {LUNCH}*2 2400 chip={card} staff={counter.staff_no}",
        "settle",
    )
    assert told.exit_code == 0, told.output
    assert counter.left(someone) == (11_400, 0)
    answers = told.stdout.splitlines()
    assert [line[:8] for line in answers] == ["0810  00"] * 3 + ["0210  00"] * 3 + ["0510  00"]
    assert "补贴付 subsidy 24.00" in answers[5]
    assert "补贴余额 subsidy left 114.00" in answers[5]
    assert ChipCard.load(card).counter == 2


def test_answers_that_get_lost_between_two_runs(typist: Typist, counter: Counter) -> None:
    someone = counter.holder(subsidy=3_000)
    paying = f"qr={counter.qr(someone)} staff={counter.staff_no}"
    first = typist.types("sign-on", "keys", f"lose buy {LUNCH}*1 1200 {paying}", "repeat")
    assert first.exit_code == 0, first.output
    assert counter.left(someone) == (1_800, 0)
    again = typist.types(
        f"lose buy {LUNCH}*1 1200 {paying}", "reverse", f"buy {LUNCH}*1 1200 {paying}", "settle", more=["--json"]
    )
    assert again.exit_code == 0, again.output
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert [each["mti"] for each in told] == ["0410", "0210", "0510"]
    assert told[-1]["fields"]["66"] == "1"
    assert counter.left(someone) == (600, 0)


def test_a_decline_ends_with_1_and_the_rest_is_still_done(typist: Typist, counter: Counter) -> None:
    poor = counter.holder(subsidy=100)
    told = typist.types("sign-on", "keys", f"buy {LUNCH}*1 1200 qr={counter.qr(poor)} staff={counter.staff_no}", "echo")
    assert told.exit_code == 1
    assert [line[6:8] for line in told.stdout.splitlines()] == ["00", "00", "51", "00"]


@pytest.mark.parametrize(
    "line", ["dance", "buy", "buy ZC03*1 1200 staff=1", "void", "reverse", "repeat", 'buy "', "balance"]
)
def test_what_is_not_understood_is_said_and_sends_nothing(typist: Typist, counter: Counter, line: str) -> None:
    told = typist.types(line)
    assert told.exit_code == 1
    assert "看不懂" in told.stderr
    assert told.stdout == ""


def test_the_bytes_can_be_seen(typist: Typist) -> None:
    told = typist.types("echo", more=["--hex"])
    sent, received = told.stderr.splitlines()
    assert sent.startswith("> 30383030") and received.startswith("< 30383130")


def test_what_the_terminal_keeps_is_for_this_user_only(typist: Typist, counter: Counter) -> None:
    typist.types("sign-on")
    assert typist.memory.stat().st_mode & 0o077 == 0


def test_a_terminal_used_first_must_say_who_it_is(tmp_path: Path) -> None:
    told = CliRunner().invoke(simulate, ["--memory", str(tmp_path / "t.json")], obj=Desk(), input="echo\n")
    assert told.exit_code == 2
    short = ["--memory", str(tmp_path / "t.json"), "--id", "T0000001", "--merchant", MERCHANT, "--key", "0011"]
    assert CliRunner().invoke(simulate, short, obj=Desk(), input="echo\n").exit_code == 2
    assert not (tmp_path / "t.json").exists()


def test_nobody_is_listening(tmp_path: Path, counter: Counter) -> None:
    alone = Typist(counter, 1, tmp_path)
    told = alone.types("echo")
    assert told.exit_code == 1
    assert "没有应答" in told.stderr


def test_a_chip_card_is_made_at_the_card_operators_counter_only(counter: Counter, tmp_path: Path) -> None:
    someone = counter.holder()
    with acting(counter.engine) as act:
        for name, role in (("window", "card_counter"), ("area", "civil_affairs")):
            officers.add(act, f"{name}-{counter.terminal_id}", "林芳", role)
    desk = Desk(url=counter.engine.url.render_as_string(hide_password=False), clock=counter.clock)
    desk.__dict__["ring"] = RING
    words = [counter.number(someone), "--out", str(tmp_path / "card.json"), "--json", "--by"]
    refused = CliRunner().invoke(chip_card, [*words, f"area-{counter.terminal_id}"], obj=desk)
    assert isinstance(refused.exception, Refused) and refused.exception.reason is Reason.NOT_ALLOWED
    assert not (tmp_path / "card.json").exists()
    made = CliRunner().invoke(chip_card, [*words, f"window-{counter.terminal_id}"], obj=desk)
    assert made.exit_code == 0, made.output
    assert ChipCard.load(tmp_path / "card.json") == counter.chip_card(someone)
    assert (tmp_path / "card.json").stat().st_mode & 0o077 == 0
