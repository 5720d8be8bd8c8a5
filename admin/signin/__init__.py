"""Who sits at the desk: signing in with password and second factor, sessions, one's own account."""

from __future__ import annotations

from admin.signin import abroad, views
from admin.signin.own import desk

__all__ = ["abroad", "desk", "views"]
