"""Everybody's start page, running tasks, and what was filled in when a session was over."""

from __future__ import annotations

from admin.home.views import desk

__all__ = ["desk"]
