"""One county for a module, on both databases; a counter with a terminal of its own for each test."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.pos_gateway.iso8583.counters import Counter, open_counter
from tests.visits.world import World, found


@pytest.fixture(scope="module")
def world(module_engine: Engine) -> World:
    return found(module_engine)


@pytest.fixture
def counter(world: World) -> Counter:
    return open_counter(world)
