"""The overview of a town and of the district: coverage, money, visits, satisfaction, what waits; every figure leads to its rows."""

from __future__ import annotations

from admin.overview import board, figures, rows  # noqa: F401 - their pages belong to the desk
from admin.overview.parts import desk

__all__ = ["desk"]
