"""The senior's page: how much is left, what was taken, by whom and for what; and what the senior has to say about it."""

from __future__ import annotations

from pos_gateway.card.frame import blueprint, register

__all__ = ["blueprint", "register"]
