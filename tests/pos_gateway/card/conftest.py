"""A town whose gateway sends codes to a mailbox, and a senior with a card, a PIN and a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import Engine

from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from tests.pos_gateway import town as towns
from tests.pos_gateway.card.browser import Browser, Mailbox, give_phone, set_pin
from tests.pos_gateway.town import Door, Town
from tests.support import RING

_sources = count(1)


@pytest.fixture(scope="module")
def town(module_engine: Engine) -> Town:
    return towns.found(module_engine)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def door(town: Town, mailbox: Mailbox) -> Iterator[Door]:
    for door in towns.open_door(town):
        door.app = create_app(town.engine, lambda door=door: door.now, GatewayConfig(RING, sender=mailbox))
        yield door


@dataclass
class Holder:
    senior_id: int
    code: str


@pytest.fixture
def holder(door: Door) -> Holder:
    """150 yuan of July on the card, PIN 408317, telephone 138…0001."""
    senior_id, code = door.senior(yuan=150)
    set_pin(door, senior_id)
    give_phone(door, senior_id, f"138{senior_id:08d}")
    return Holder(senior_id, code)


@pytest.fixture
def browser(door: Door) -> Browser:
    """From a network address of its own."""
    number = next(_sources)
    return Browser(door.app, f"10.8.{number // 250}.{number % 250 + 1}")
