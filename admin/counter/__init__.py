"""Cards: what a card counter does with them, and what towns and villages may: found, handed over, lost, replaced, topped up, closed."""

from __future__ import annotations

from admin.counter import acts, making, money, operator  # noqa: F401 - their pages belong to the desk
from admin.counter.card import desk

__all__ = ["desk"]
