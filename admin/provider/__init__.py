"""The provider's own desk: orders, the month's plan, bookings, callbacks, visits, statements, payments, questions. An auditor may look."""

from __future__ import annotations

from admin.provider import bookings, callbacks, money, orders, plan, visits  # noqa: F401 - importing them declares their pages
from admin.provider.desk import desk

__all__ = ["desk"]
