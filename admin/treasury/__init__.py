"""Where the money comes from and goes to: budget, payment orders and the bank, dedicated accounts, entries, the end of a year."""

from __future__ import annotations

from admin.treasury import accounts, bank, budget, export, invoices, journal, orders, results, shares, year
from admin.treasury.desk import desk

ORDER = ("orders", "export", "results", "shares", "budget", "bank", "accounts", "journal", "year")
desk.menu.sort(key=lambda entry: ORDER.index(entry.endpoint.partition(".")[2]))

__all__ = [
    "accounts",
    "bank",
    "budget",
    "desk",
    "export",
    "invoices",
    "journal",
    "orders",
    "results",
    "shares",
    "year",
]
