"""A wheel built from the checkout and installed alone in an empty folder runs a whole demo: all that it needs is inside."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.once import once

ROOT = Path(__file__).parent.parent
PACKAGES = ("settlement", "pos_gateway", "admin", "migrations")


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the hatchling of this environment, so that no network is needed."""

    def build(folder: Path) -> None:
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)

    (built,) = once(tmp_path_factory, "wheel", build).glob("songbai-*.whl")
    return built


def test_everything_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    files = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    shipped = {f"settlement/{name}" if name.startswith("migrations/") else name for name in files}
    assert shipped - inside == set()
    others = {name.partition("/")[0] for name in inside} - {"settlement", "pos_gateway", "admin"}
    assert all(name.endswith(".dist-info") for name in others), others


def test_installed_alone_it_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    alone, empty = tmp_path / "alone", tmp_path / "empty"
    empty.mkdir()
    pip("install", "--no-deps", "--no-index", "--target", alone, wheel)
    # The dependencies come from this environment. Without `site` (-S) its .pth files are not read, which lead back to the checkout.
    path = os.pathsep.join((str(alone), sysconfig.get_path("purelib")))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SONGBAI"))}

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", *words]
        where = {"cwd": empty, "env": environment | {"PYTHONPATH": path}}
        return subprocess.run(command, capture_output=True, text=True, check=False, **where)  # type: ignore[call-overload]

    found = python("-c", "import settlement.db as db, pos_gateway; print(db.migrations_folder(), pos_gateway.__file__)")
    assert [Path(name).is_relative_to(alone) for name in found.stdout.split()] == [True, True], found
    songbai = str(alone / "bin" / "songbai")
    ran = python(songbai, "demo", "--seniors", "60")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = {file.name for file in (empty / "var" / "demo" / "out").iterdir()}
    assert {"visits.csv", "settlement.csv", "payments.xlsx", "cards.pdf", "roster.xlsx"} <= made
    assert python(str(alone / "bin" / "songbai-check-proof"), "--help").returncode == 0
    # Without a database the scheme is read from the wheel.
    assert python(songbai, "scheme", "show", "jiangdu").returncode == 0
