"""Accounts, each level looking after the one below: new officers, who left, passwords and authenticators that were lost."""

from __future__ import annotations

from admin.officers.views import desk

__all__ = ["desk"]
