"""What of a fault of ours may stand in a log."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """Its kind and where it happened, and no message: a database's quotes the row it choked on."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
