"""Who sits at the desk: signing in with password and second factor, sessions, one's own password."""

from __future__ import annotations

from admin.signin.views import desk

__all__ = ["desk"]
