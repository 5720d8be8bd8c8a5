"""What a second person decides: payment stops, records in quarantine, corrections of times; and records that wait for others."""

from __future__ import annotations

from admin.review import corrections, records, stops  # noqa: F401 - their pages belong to the desk
from admin.review.parts import desk

__all__ = ["desk"]
