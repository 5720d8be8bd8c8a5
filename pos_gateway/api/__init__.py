"""REST for devices and apps: enrolment, signed events, balances. OpenAPI 3.1 at ``/openapi.json``, for people at
``/docs``."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from marshmallow import ValidationError
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from pos_gateway import card, caregiver
from pos_gateway.api import access, cards, devices, events, orders, pages, problems, shift
from pos_gateway.api.gateway import Gateway, GatewayConfig
from pos_gateway.api.schemas import Problem
from pos_gateway.api.strict_json import StrictJson, StrictRequest
from settlement.clock import Clock
from settlement.outcomes import Reason
from settlement.visits.signed_event import BODIES

PREFIX = "/api/v1"
TITLE = "松柏上门网关 Songbai doorstep gateway"
ABOUT = (
    "设备在门口签名每一个事件，再签名每一次传输；金额一律为分，时间带时差。"
    "Devices sign every event at the door, and every request for transport (RFC 9421). Amounts are fen, times carry an offset."
)
SECURITY = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "RFC 9421 请求签名 HTTP message signature: Signature-Input, Signature and, with a body, Content-Digest. "
    "Covers @method @authority @path @query, with a body content-type and content-digest, and idempotency-key when sent; "
    "parameters created, nonce, keyid and alg (ed25519 or ecdsa-p256-sha256).",
}
HEADERS = {
    # No page here needs a script, a frame or anything from elsewhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}


class DescribedApi(Api):
    """The specification with our errors, which are problems and not plain JSON."""

    ERROR_SCHEMA = Problem

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE: str = problems.MEDIA_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE  # what is not an error is plain JSON again


class GatewayApp(Flask):
    request_class = StrictRequest
    json_provider_class = StrictJson


def create_app(engine: Engine, clock: Clock, config: GatewayConfig) -> Flask:
    """The WSGI application for one district."""
    app = GatewayApp(__name__)
    app.config.update(
        API_TITLE=TITLE,
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        PROVIDE_AUTOMATIC_OPTIONS=False,  # no browser of another origin has business here
        MAX_CONTENT_LENGTH=config.max_body_bytes,
        TRUSTED_HOSTS=list(config.hosts) or None,
        SECRET_KEY=config.ring.derive("web session"),
    )
    app.extensions["songbai"] = Gateway(engine, clock, config)
    api = DescribedApi(app, spec_kwargs=_specification())
    _describe(api)
    for part in (devices, events, cards, orders, shift):
        api.register_blueprint(part.blueprint, url_prefix=PREFIX)
    app.register_blueprint(pages.blueprint(api))
    app.register_blueprint(caregiver.blueprint)
    card.register(app)
    access.register(app, devices.proposed_key)
    problems.register(app)
    app.register_error_handler(ValidationError, _not_of_the_form)
    app.after_request(_harden)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies)  # type: ignore[method-assign]
    return app


def _specification() -> dict[str, Any]:
    return {
        "info": {"description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "security": [{"device": []}],
    }


def _describe(api: Api) -> None:
    """What the specification holds besides the operations: how requests are protected, the forms of event bodies, of
    errors."""
    api.spec.components.security_scheme("device", SECURITY)
    for form in BODIES.values():
        api.spec.components.schema(form.__name__, schema=form)


def _not_of_the_form(error: ValidationError) -> Response:
    fields = ", ".join(sorted(error.normalized_messages()))
    return problems.problem(Reason.BAD_INPUT, {"detail": fields}, errors=error.normalized_messages())


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)  # a static file, or a page that needs more, says so itself
    return response
