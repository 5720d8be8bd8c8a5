"""The auditor's desk: explain anything, check the books, seals with proofs, the audit trail; it changes nothing."""

from __future__ import annotations

from admin.audit import checking, explaining, rights, seals, trail  # noqa: F401 - their pages belong to the desk
from admin.audit.parts import desk

__all__ = ["desk"]
