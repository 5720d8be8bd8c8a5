"""``docs/messages.md`` says what the program does: the request, the answers, the kinds, the commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from settlement.cli import main
from settlement.messages import senders
from settlement.messages.senders import HttpSender
from settlement.messages.words import KINDS
from tests.messages.test_senders import HELLO, Carrier, carrier

__all__ = ["carrier"]

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")


def test_the_request_is_the_one_that_is_sent(carrier: Carrier) -> None:
    (request,) = re.findall(r"```http\n(.*?)```", PAGE, re.S)
    head, _, body = request.partition("\n\n")
    sender = HttpSender(carrier.url, "secret")
    sender.send(HELLO)
    sender.close()
    path, headers, sent = carrier.heard[0]
    assert head.split()[:2] == ["POST", path]
    assert json.loads(body) == sent
    for line in head.splitlines()[1:]:
        name, _, value = line.partition(": ")
        assert headers[name.lower()] == value


def test_the_kinds_and_the_codes_that_end_it() -> None:
    assert set(re.findall(r"^\| `(\w+)` ", PAGE, re.M)) - {"SONGBAI_SMS_URL", "SONGBAI_SMS_KEY"} == set(KINDS)
    (codes,) = re.findall(r"^\| ([\d、]+) \| 这条消息本身有错", PAGE, re.M)
    assert {int(code) for code in codes.split("、")} == senders.AT_FAULT


@pytest.mark.parametrize("line", re.findall(r"^songbai (.*)$", PAGE, re.M))
def test_every_command_is_one(line: str, tmp_path: Path) -> None:
    words = shlex.split(line, comments=True)
    context = main.make_context("songbai", ["--db", "sqlite://", *words], resilient_parsing=False)
    command: click.Command = main
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert name is not None and found is not None
        command = found
    command.make_context(name, words)
