"""The caregiver's app as it is served: all of it is kept on the phone, nothing in it needs what its policy forbids."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pos_gateway.caregiver import shell
from tests.pos_gateway.town import Door

OURS = [path for path in shell.STATIC.rglob("*") if path.suffix in (".js", ".html") and "vendor" not in path.parts]
MARKUP_FROM_TEXT = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|eval\()"
)


def kept(script: str) -> dict[str, Any]:
    first = script.splitlines()[0]
    found: dict[str, Any] = json.loads(first.removeprefix("const SHELL = ").removesuffix(";"))
    return found


@pytest.fixture
def files(door: Door) -> list[str]:
    listed: list[str] = kept(door.http().get("/caregiver/sw.js").text)["files"]
    return listed


def test_every_file_of_the_app_is_kept_on_the_phone_and_can_be_fetched(door: Door, files: list[str]) -> None:
    there = {path.relative_to(shell.STATIC).as_posix() for path in shell.STATIC.rglob("*") if path.is_file()}
    page, besides = (
        {"index.html", "manifest.webmanifest", "sw.js"},
        {name for name in there if name.endswith("LICENSE")},
    )
    assert set(files) == {f"static/{name}" for name in there - page - besides} | {"./", "manifest.webmanifest"}
    with door.http() as http:
        for file in files:
            assert http.get(f"/caregiver/{file}").status_code == 200, file


def test_everything_the_page_and_the_scripts_name_is_kept(files: list[str]) -> None:
    page = (shell.STATIC / "index.html").read_text(encoding="utf-8")
    for address in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        assert address.removeprefix("/caregiver/") in files
    for path in OURS:
        folder = path.parent
        for named in re.findall(r"from '(\.[^']+)'", path.read_text(encoding="utf-8")):
            module = (folder / named).resolve().relative_to(shell.STATIC.resolve()).as_posix()
            assert f"static/{module}" in files, f"{path.name}: {named}"


def test_another_word_in_any_file_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "static"
    shutil.copytree(shell.STATIC, copy)
    monkeypatch.setattr(shell, "STATIC", copy)
    first = kept(shell.worker.__wrapped__())["version"]
    assert kept(shell.worker.__wrapped__())["version"] == first
    changed = copy / "index.html"
    changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert kept(shell.worker.__wrapped__())["version"] != first


def test_the_policy_lets_in_only_this_server_and_nothing_inline(door: Door, files: list[str]) -> None:
    with door.http() as http:
        for file in ["", "sw.js", *files]:
            headers = http.get(f"/caregiver/{file}").headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy and ":" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_inline_and_no_text_becomes_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not MARKUP_FROM_TEXT.search(text)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", text)


def test_the_manifest_is_installable(door: Door) -> None:
    with door.http() as http:
        response = http.get("/caregiver/manifest.webmanifest")
        assert response.headers["Content-Type"] == "application/manifest+json"
        manifest = response.json()
        assert manifest["start_url"] == manifest["scope"] == "/caregiver/"
        assert manifest["display"] == "standalone" and manifest["lang"] == "zh-CN"
        sizes = set()
        for icon in manifest["icons"]:
            drawn = Image.open(shell.STATIC / icon["src"].removeprefix("/caregiver/static/"))
            assert f"{drawn.width}x{drawn.height}" == icon["sizes"]
            sizes.add((drawn.width, icon["purpose"]))
        assert {(192, "any"), (512, "any"), (512, "maskable")} <= sizes
