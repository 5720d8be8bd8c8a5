"""Voices: what people complain of and ask for, who speaks for them, and what could not be told them."""

from __future__ import annotations

from admin.voices import agents, bookings, messages, person  # noqa: F401 - their pages belong to the desk
from admin.voices.complaints import desk

__all__ = ["desk"]
