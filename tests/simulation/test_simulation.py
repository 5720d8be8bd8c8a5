"""A bounded simulation with every test run; ``make simulate`` goes on longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(module: str, *words: str) -> list[str]:
    """The lines of a helper process: it forks, which a test process with threads had better not."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if "Unavailable" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.splitlines()


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_whatever_goes_wrong_the_books_are_right_and_a_seed_goes_wrong_the_same_way_again(backend: str) -> None:
    *steps, last = run("tests.simulation", "--engine", backend, "--seed", "7")
    found = re.fullmatch(rf"seed 7 {backend}: (\d+) requests, (\d+) faults, trace \w+", last)
    assert found is not None
    assert int(found[1]) == len(steps) >= 60 and int(found[2]) >= 15
    assert any("to be asked again" in step for step in steps)

    again = run("tests.simulation", "--engine", backend, "--seed", "7", "--seconds", "3")
    assert again[0] == last
    assert all(line.startswith(f"seed {7 + n} {backend}: ") for n, line in enumerate(again))


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_killed_under_load_nothing_acknowledged_is_lost_and_nothing_is_there_twice(backend: str) -> None:
    (line,) = run("tests.simulation.crash", "--engine", backend, "--kills", "4")
    found = re.match(rf"{backend}: 4 kills, (\d+) acts acknowledged, all there once;", line)
    assert found is not None and int(found[1]) > 0
