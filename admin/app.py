"""The console as a Flask application: desks, access rules, pages of errors, headers."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from admin import desks
from admin.frame import access, acting, kept, listing, words
from admin.frame.console import NAME, Console, ConsoleConfig
from admin.frame.desk import Desk, Entry
from settlement.clock import Clock
from settlement.faults import where
from settlement.outcomes import Reason, Refused, fill

HEADERS = {
    # No script or style in a page itself: what somebody typed can never become one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}
MOST_BYTES = 40 * 1024 * 1024
"""Of one request: an XLSX roster of a district, some papers of 5 MB."""
BY_STATUS = {404: Reason.ADDRESS_UNKNOWN, 405: Reason.METHOD_NOT_ALLOWED, 413: Reason.BODY_TOO_LARGE}

csrf = CSRFProtect()


class _Cookies(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Over TLS, also where a proxy ends it; on one's own machine it may go without."""
        return request.is_secure


class _Number(IntegerConverter):
    """Numbers in addresses, no larger than a database keeps: a larger one is no address of ours."""

    def __init__(self, map: Map, *args: Any, **kwargs: Any) -> None:
        super().__init__(map, *args, **{"max": 2**63 - 1} | kwargs)


def create_app(engine: Engine, clock: Clock, config: ConsoleConfig) -> Flask:
    """The WSGI application for one district."""
    app = Flask(__name__, static_url_path="/static")
    app.session_interface = _Cookies()
    app.url_map.converters["int"] = _Number
    app.config.update(
        SECRET_KEY=config.ring.derive("console session"),
        SESSION_COOKIE_NAME="songbai_console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # a proxy may end TLS
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=5000,
        TRUSTED_HOSTS=list(config.hosts) or None,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.get("/")(_arrive)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions[NAME] = Console(engine, clock, config)
    access.register(app)  # before the forms' check: who is signed out is told so, and keeps what was filled in
    csrf.init_app(app)
    words.register(app)
    app.add_template_filter(lambda value, column: listing.shown(column, value), "cell")
    parts = desks.all_of_them()
    for part in parts:
        app.register_blueprint(part)
    app.context_processor(lambda: _common(parts))
    for error, answer in ((Refused, _refused), (CSRFError, _stale), (HTTPException, _framework), (Exception, _fault)):
        app.register_error_handler(error, answer)
    app.register_error_handler(acting.SentBefore, lambda _: acting.sent_before())
    app.after_request(acting.remember)
    app.after_request(kept.sent)
    app.after_request(_harden)
    if config.trusted_proxies:
        count = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    return app


def _arrive() -> Any:
    """The bare address, as it is told to people: to the way in, which sends those who are in to their start page."""
    return redirect(url_for("signin.arrive"), 303)


_arrive.may = access.ANYBODY  # type: ignore[attr-defined]


def _common(parts: list[Desk]) -> dict[str, Any]:
    who = g.get("officer")
    seated = who if who is not None and who.stage == "open" else None
    return {
        "officer": seated,
        "may": access.may,
        "menu": [(part, _open_to(part.menu)) for part in parts if _open_to(part.menu)] if seated else [],
        "form_id": acting.new_form_id,
        "refusal": said(g.refusal) if "refusal" in g else None,
        "wrong": g.get("wrong", {}),
        "stamp": acting.stamp,
    }


def _open_to(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if access.may(entry.may)]


def said(refused: Refused) -> dict[str, str]:
    """Why something was not done, and what to do, in both languages."""
    reason, details = refused.reason.words, refused.details
    do = {"do_zh": fill(reason.do_zh, details), "do_en": fill(reason.do_en, details)}
    return {"code": refused.reason.code, "zh": refused.zh, "en": refused.en} | do


def _refused(refused: Refused) -> Response:
    page = render_template("refused.html", said=said(refused))
    return Response(page, refused.reason.words.http, mimetype="text/html")


def _stale(error: CSRFError) -> Response:
    return _refused(Refused(Reason.FORM_STALE))


def _framework(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):
        # In words alone: under that name no page of ours has an address.
        refused = Refused(Reason.HOST_UNKNOWN)
        return Response(f"{refused.zh}\n{refused.en}\n", refused.reason.words.http, mimetype="text/plain")
    return _refused(Refused(BY_STATUS.get(error.code or 500, Reason.BAD_INPUT), detail=""))


def _fault(error: Exception) -> Response:
    from flask import current_app

    current_app.logger.error("unexpected fault: %s", where(error))
    return _refused(Refused(Reason.SERVER_FAULT))


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "static":
        response.headers["Cache-Control"] = "max-age=3600"
    return response
