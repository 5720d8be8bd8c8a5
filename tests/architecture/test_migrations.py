"""The migrations and the tables the code declares are the same thing, in both databases, and a migration can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect

from settlement.db import migrations_folder


@contextmanager
def alembic(engine: Engine) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        yield config


# SQLite cannot reflect an index on an expression; that one is compared on PostgreSQL.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_migrating_gives_exactly_the_declared_tables(engine: Engine) -> None:
    with alembic(engine) as config:
        config.attributes["compare"] = True
        command.check(config)  # raises, naming the difference


def test_all_migrations_can_be_taken_back_and_made_again(engine: Engine) -> None:
    before = set(inspect(engine).get_table_names())

    with alembic(engine) as config:
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}

    with alembic(engine) as config:
        command.upgrade(config, "head")
    assert set(inspect(engine).get_table_names()) == before
