"""Alembic's entry: runs the migrations on the connection :func:`settlement.db.migrate` hands over in ``config.attributes``.

The ``alembic`` command of a developer brings no connection; it works on the database named by ``SONGBAI_DB``.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from settlement.db import make_engine, metadata

ROOTS = ("settlement", "pos_gateway", "admin")


def load_tables() -> None:
    """Import every module that may add tables to the metadata: each package's ``tables`` and the root modules of settlement."""
    for root in ROOTS:
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, f"{root}."):
            at_root = root == "settlement" and not module.ispkg and module.name.count(".") == 1
            if at_root or module.name.endswith(".tables"):
                importlib.import_module(module.name)


def render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Write our own column types as the plain type they are stored as: a migration must not change when the code does."""
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.split(".")[0] in ROOTS:
        return f"sa.{item.impl_instance!r}"
    return False


def run(connection: Connection) -> None:
    # Alembic's batch mode rebuilds a table on SQLite and silently drops its triggers, hence render_as_batch=False.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=False,
        render_item=render_item,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is None or context.config.attributes.get("compare"):
    load_tables()
if handed_over is not None:
    run(handed_over)
else:
    url = os.environ.get("SONGBAI_DB") or f"sqlite:///{Path('var/songbai.db').absolute()}"
    engine = make_engine(url, os.environ.get("SONGBAI_SCHEMA"))
    with engine.connect() as own, own.begin():
        run(own)
    engine.dispose()
