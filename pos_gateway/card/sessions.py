"""Who looks at a card's page: a session that the card's code and a second thing opened."""

from __future__ import annotations

from flask import Response

from settlement.outcomes import Reason, Refused


def admit() -> Response | None:
    """Let the holder of a session pass. Raises Refused."""
    raise Refused(Reason.NOT_ALLOWED)
