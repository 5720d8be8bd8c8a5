"""People: search, one page per person, what changes in a life and what it does to the money, registers of other offices, invitations."""

from __future__ import annotations

import admin.people.deaths
import admin.people.inviting
import admin.people.person  # noqa: F401 - importing them declares their pages
from admin.people.finding import desk

__all__ = ["desk"]
