"""The first tables, taken from the metadata until they have settled."""

from __future__ import annotations

import importlib
import pkgutil
import warnings

from alembic import op

from settlement.db import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _load() -> None:
    for root in ("settlement", "pos_gateway", "admin"):
        try:
            package = importlib.import_module(root)
        except ImportError:
            continue
        for module in pkgutil.walk_packages(package.__path__, f"{root}.", onerror=lambda name: None):
            at_root = root == "settlement" and not module.ispkg and module.name.count(".") == 1
            if at_root or module.name.endswith(".tables"):
                try:
                    importlib.import_module(module.name)
                except Exception as error:
                    warnings.warn(f"{module.name}: {error!r}", stacklevel=1)


def upgrade() -> None:
    _load()
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
