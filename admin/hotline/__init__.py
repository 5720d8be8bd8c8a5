"""The hotline: who calls, whether it is them, and what they ask for."""

from __future__ import annotations

from admin.hotline import asking  # noqa: F401 - its pages belong to the desk
from admin.hotline.calling import desk

__all__ = ["desk"]
