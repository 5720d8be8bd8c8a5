"""What all pages of the card share: the blueprint, its headers, forms that are ours, refusals as pages, words and amounts."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from importlib import import_module
from typing import Any

from flask import Blueprint, Flask, Response, flash, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, SecurityError

from pos_gateway.api import problems
from pos_gateway.api.gateway import here
from pos_gateway.card import limits
from settlement.money import format_yuan
from settlement.outcomes import Declined, Reason, Refused, fill
from settlement.periods import SHANGHAI

blueprint = Blueprint(
    "card", __name__, template_folder="templates", static_folder="static", static_url_path="/card/static"
)

HEADERS = {
    # No script or style in the page itself: what somebody typed can never become one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
TEXT_SIZES = {"1": ("标准", "normal"), "2": ("大", "large"), "3": ("特大", "larger"), "4": ("最大", "largest")}
TEXT_COOKIE = "songbai_text"
WEEKDAYS = ("一", "二", "三", "四", "五", "六", "日")

VIEWS = ("entering", "home", "dynamic", "speaking", "family")

csrf = CSRFProtect()


class _Cookies(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Over TLS, also where a proxy ends it; ``make serve`` on one's own machine may go without."""
        return request.is_secure


def register(app: Flask) -> None:
    """Give the application the pages. Their cookie goes to no other address, to no script, and along from no other site."""
    for views in VIEWS:
        import_module(f"pos_gateway.card.{views}")
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="songbai_card",
        SESSION_COOKIE_PATH="/card",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_CHECK_DEFAULT=False,  # devices sign; only these pages live by a cookie
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # our pages send no Referer
    )
    csrf.init_app(app)
    app.register_blueprint(blueprint)


@blueprint.before_request
def _own_forms() -> None:
    csrf.protect()


@blueprint.after_request
def _headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


# -- answers ------------------------------------------------------------------------------------------------------------------
def page(name: str, status: int = 200, **shown: Any) -> Response:
    return Response(render_template(f"card/{name}.html", **shown), status=status, mimetype="text/html")


def go(endpoint: str, **values: Any) -> Response:
    """On to a page that can be loaded again without doing anything again."""
    return redirect(url_for(f"card.{endpoint}", **values), 303)  # type: ignore[return-value]


def tell(zh: str, en: str, kind: str = "done") -> None:
    """Something to be read at the top of the next page. ``kind``: done or wrong. Nothing personal: it travels in the browser's cookie."""
    flash((zh, en), kind)  # type: ignore[arg-type]  # what is kept may be anything JSON knows


def tell_of(answer: Declined | Refused) -> None:
    """Why it was not done, and what can be done about it."""
    zh, en = said_of(answer)
    tell(zh, en, "wrong")


def said_of(answer: Declined | Refused) -> tuple[str, str]:
    words = answer.reason.words
    do_zh, do_en = fill(words.do_zh, answer.details), fill(words.do_en, answer.details)
    return f"{answer.zh}。{do_zh}。", f"{answer.en}. {do_en}."


@blueprint.errorhandler(Refused)
def _refused(refused: Refused) -> Response:
    limits.count(refused.reason)
    response = page("refused", refused.reason.words.http, said=said_of(refused), proved="visitor" in g)
    if refused.reason is Reason.TOO_MANY_ATTEMPTS:
        response.headers["Retry-After"] = str(60 * refused.details["minutes"])
    return response


@blueprint.errorhandler(CSRFError)
def _not_our_form(error: CSRFError) -> Response:
    return _refused(Refused(Reason.FORM_STALE))


@blueprint.errorhandler(HTTPException)
def _framework(error: HTTPException) -> Response:
    by_status = {404: Reason.ADDRESS_UNKNOWN, 405: Reason.METHOD_NOT_ALLOWED, 413: Reason.BODY_TOO_LARGE}
    if isinstance(error, SecurityError):
        return _refused(Refused(Reason.HOST_UNKNOWN))
    return _refused(Refused(by_status.get(error.code or 500, Reason.BAD_INPUT), detail=""))


@blueprint.errorhandler(Exception)
def _fault(error: Exception) -> Response:
    problems.log_fault(error)
    return _refused(Refused(Reason.SERVER_FAULT))


# -- what people typed --------------------------------------------------------------------------------------------------------
def typed(name: str, longest: int) -> str:
    """A line or more from the form, without control characters. Raises Refused(BAD_INPUT) when it is too long."""
    return clean(request.form.get(name, ""), longest)


def clean(text: str, longest: int) -> str:
    """What somebody sent, without what no database stores and no page shows. Raises Refused(BAD_INPUT) when it is too long."""
    kept = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs")).strip()
    if len(kept) > longest:
        raise Refused(Reason.BAD_INPUT, detail=f"≤ {longest}")
    return kept


def typed_digits(name: str) -> str:
    """Digits, however they were typed: with blanks, dashes, or full width."""
    return re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", request.form.get(name, ""))[:40])


# -- words and figures --------------------------------------------------------------------------------------------------------
@blueprint.app_template_filter("yuan")
def yuan(fen: int) -> str:
    return format_yuan(fen)


@blueprint.app_template_filter("day_zh")
def day_zh(when: Any) -> str:
    """``7月3日（周五）``, with the year when it is not this one."""
    day = _local(when)
    year = "" if day.year == _local(here().now()).year else f"{day.year}年"
    return f"{year}{day.month}月{day.day}日（周{WEEKDAYS[day.weekday()]}）"


@blueprint.app_template_filter("day_en")
def day_en(when: Any) -> str:
    return f"{_local(when):%a %d %b %Y}"


@blueprint.app_template_filter("hour")
def hour(when: datetime) -> str:
    return f"{_local(when):%H:%M}"


def _local(when: Any) -> Any:
    return when.astimezone(SHANGHAI) if isinstance(when, datetime) else when


@blueprint.context_processor
def _common() -> dict[str, Any]:
    size = request.cookies.get(TEXT_COOKIE, "")
    found = g.get("visitor")
    seconds = int((found.expires_at - here().now()).total_seconds()) if found and found.stage == "open" else 0
    return {
        "text_size": size if size in TEXT_SIZES else "1",
        "text_sizes": TEXT_SIZES,
        "visitor": found,
        "seconds_left": seconds,
        "in_session": "card" in session,
    }
