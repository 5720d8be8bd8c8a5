"""The caregiver's installable web app: static pages that work without signal and speak to the gateway's own API."""

from __future__ import annotations

from flask import Blueprint, Response

from pos_gateway.caregiver import shell

blueprint = Blueprint("caregiver", __name__, url_prefix="/caregiver", static_folder="static", static_url_path="/static")

HEADERS = {
    # Everything comes from this server; nothing is written into the page but elements and text.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
}


@blueprint.get("/")
def index() -> Response:
    """The one page of the app."""
    return blueprint.send_static_file("index.html")


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    response = blueprint.send_static_file("manifest.webmanifest")
    response.mimetype = "application/manifest+json"
    return response


@blueprint.get("/sw.js")
def worker() -> Response:
    """The service worker, which must lie at the top of the addresses it answers for. Any change of any file changes it."""
    response = Response(shell.worker(), mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.after_request
def _headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
