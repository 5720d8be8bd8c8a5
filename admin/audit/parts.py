"""What the pages of this desk share."""

from __future__ import annotations

from flask import request

from admin.frame.desk import Desk

desk = Desk("audit", __name__, "审计", "Audit")


def asked(name: str, default: str = "") -> str:
    """A filter of the present address."""
    return request.args.get(name, default).strip()
