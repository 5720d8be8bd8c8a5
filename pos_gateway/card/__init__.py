"""The senior's page: how much is left, what was taken, by whom and for what."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint(
    "card", __name__, template_folder="templates", static_folder="static", static_url_path="/card/static"
)
