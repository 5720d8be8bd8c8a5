"""The world of the door, as in tests/visits."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.visits.world import World, found


@pytest.fixture
def world(engine: Engine) -> World:
    return found(engine)
