from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.visits.world import World, found


@pytest.fixture(scope="module")
def world(module_engine: Engine) -> World:
    """One town for a whole module; every test has people of its own."""
    return found(module_engine)
