"""The desks of the console, in the order of the menu. A new desk is a package with a ``desk`` and its views, named here."""

from __future__ import annotations

from importlib import import_module

from admin.frame.desk import Desk

NAMES = (
    "home",
    "signin",
    "enrolment",
    "people",
    "counter",
    "hotline",
    "voices",
    "months",
    "treasury",
    "providers",
    "provider",
    "review",
    "overview",
    "audit",
    "officers",
)


def all_of_them() -> list[Desk]:
    """Importing a desk's package declares its pages."""
    return [import_module(f"admin.{name}").desk for name in NAMES]
