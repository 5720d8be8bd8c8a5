"""The caregiver's installable web app: static pages that work without signal and speak to the gateway's own API."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("caregiver", __name__, url_prefix="/caregiver", static_folder="static", static_url_path="/static")
