"""Issuance, the close of months and quarters, and everything between a visit and what is paid for it."""

from __future__ import annotations

from admin.months import overview

# isort: split
# The menu has the order in which the pages are declared.
from admin.months import adjustments, closing, issuance, papers, quarters, statements, work
from admin.months.desk import desk

__all__ = ["adjustments", "closing", "desk", "issuance", "overview", "papers", "quarters", "statements", "work"]
