"""Fixtures of the gateway's tests: one town for a module, a door of its own (clock, source address) for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.pos_gateway import town as towns
from tests.pos_gateway.town import Door, Town


@pytest.fixture(scope="module")
def town(module_engine: Engine) -> Town:
    return towns.found(module_engine)


@pytest.fixture
def door(town: Town) -> Iterator[Door]:
    yield from towns.open_door(town)
