"""What an office sees of its terminals' day, and what it decides: batches and their differences, advices left open, one released."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from settlement import keys, officers
from settlement.cli.common import Desk
from settlement.cli.terminals import terminal
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import providers
from tests.cards.county import TOWN
from tests.pos_gateway.iso8583.shop import DAY_CARE, Shop, code, shop
from tests.support import RING, acting, at
from tests.visits.world import BEGINNING, World


@pytest.fixture(scope="module")
def officers_there(world: World) -> None:
    with acting(world.engine, BEGINNING) as act:
        officers.add(act, "office", "李娟", "provider", provider_id=world.ours)
        officers.add(act, "theirs", "王强", "provider", provider_id=world.theirs)
        officers.add(act, "townhall", "赵敏", "town", town=TOWN)


@pytest.fixture
def here(world: World, officers_there: None) -> Shop:
    return shop(world)


def told(here: Shop, folder: Path, *words: str) -> Any:
    keys_file = folder / "keys.json"
    if not keys_file.exists():
        keys.save(RING, keys_file)
    url = here.world.engine.url.render_as_string(hide_password=False)
    desk = Desk(url=url, keys_file=keys_file, clock=lambda: at("2026-07-04 09:00"))
    result = CliRunner().invoke(terminal, words, obj=desk)
    desk.engine.dispose()
    if result.exception is not None:
        return result.exception
    return json.loads(result.stdout) if "--json" in words else result.output


def provider_code(here: Shop) -> str:
    with acting(here.world.engine) as act:
        return str(act.conn.execute(providers.select().where(providers.c.id == here.world.ours)).one().code)


def test_differences_are_named_to_the_terminals_own_office(world: World, here: Shop, tmp_path: Path) -> None:
    someone = world.holder(subsidy=50_000)
    card = here.chip_card(someone)
    here.buy(card.read(1200))
    unheard = here.made(card.read(1200))
    here.never_heard(unheard)
    assert here.terminal.settle().text(66) == "2"
    (batch,) = told(here, tmp_path, "batches", here.id, "--by", "office", "--json")["batches"]
    assert (batch["batch"], batch["ours"]["purchases_fen"], batch["theirs"]["purchases_fen"]) == ("000001", 2400, 1200)
    (difference,) = batch["differences"]
    assert (difference["trace"], difference["here_fen"], difference["there_fen"]) == (unheard.text(11), 1200, None)
    assert unheard.text(11) in told(here, tmp_path, "batches", here.id, "--by", "office")
    listed = told(here, tmp_path, "list", "--provider", provider_code(here), "--by", "office", "--json")["terminals"]
    mine = next(each for each in listed if each["terminal_id"] == here.id)
    assert (mine["open_batch"], mine["differences"]) == (None, 1)
    for words in (("batches", here.id), ("list", "--provider", provider_code(here))):
        refused = told(here, tmp_path, *words, "--by", "theirs")
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.NOT_ALLOWED
    unknown = told(here, tmp_path, "batches", "T9999999", "--by", "office")
    assert isinstance(unknown, Refused)
    assert unknown.reason is Reason.NOT_FOUND


def test_an_advice_left_open_is_released_by_the_town(world: World, here: Shop, tmp_path: Path) -> None:
    """Six days of day care, 240.00, are more than may be taken without a line; the town lets it count."""
    someone = world.holder(subsidy=50_000)
    assert code(here.advise(here.chip_card(someone).read(24_000), 24_000, {DAY_CARE: 6})) == "61"
    asked = ("open", "--provider", provider_code(here), "--by", "office", "--json")
    (advice,) = [each for each in told(here, tmp_path, *asked)["advices"] if each["terminal_id"] == here.id]
    assert (advice["amount_fen"], advice["reason"]) == (24_000, "offline_limit")
    release = ("release", advice["sale_id"], "--why", "the centre's book says so", "--json")
    refused = told(here, tmp_path, *release, "--by", "office")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_ALLOWED
    done = told(here, tmp_path, *release, "--by", "townhall")
    assert (done["status"], done["subsidy_fen"], done["shortfall_fen"]) == ("sold", 24_000, 0)
    assert all(each["terminal_id"] != here.id for each in told(here, tmp_path, *asked)["advices"])
    assert world.left(someone) == (26_000, 0)
