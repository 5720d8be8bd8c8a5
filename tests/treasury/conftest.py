from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.closing.county import County


@pytest.fixture
def county(engine: Engine) -> County:
    return County(engine).build()
