"""The district's desk for providers: tenders, contracts, price lists, caregivers, devices. A provider's office sees its own part of it."""

from __future__ import annotations

from admin.providers import devices, prices, register, staff, tenders  # noqa: F401 - importing them declares their pages
from admin.providers.desk import desk

__all__ = ["desk"]
