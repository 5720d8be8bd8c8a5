from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.stories.county import County, found


@pytest.fixture
def county(engine: Engine) -> County:
    """One town, founded in January 2026."""
    return found(engine)
