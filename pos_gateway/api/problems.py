"""Errors as ``application/problem+json`` (RFC 9457): a stable code, Chinese and English words, and what to do. Never
a stack trace."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, current_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed, SecurityError

from settlement.faults import where
from settlement.outcomes import Declined, Reason, Refused, fill

MEDIA_TYPE = "application/problem+json"

BY_STATUS = {
    400: Reason.JSON_MALFORMED,
    404: Reason.ADDRESS_UNKNOWN,
    405: Reason.METHOD_NOT_ALLOWED,
    413: Reason.BODY_TOO_LARGE,
    415: Reason.NOT_JSON,
    422: Reason.BAD_INPUT,
}
"""What the framework refuses by itself. Its other statuses are faults of ours."""


def words_of(reason: Reason, details: dict[str, Any]) -> dict[str, Any]:
    """The members every answer carries that names a reason."""
    words = reason.words
    return {
        "code": reason.code,
        "zh": fill(words.zh, details),
        "en": fill(words.en, details),
        "action_zh": fill(words.do_zh, details),
        "action_en": fill(words.do_en, details),
        "retry": words.retry,
    }


def problem(reason: Reason, details: dict[str, Any] | None = None, **extra: Any) -> Response:
    """The answer for a reason; ``extra`` members (such as ``errors`` by field) are added as they are."""
    said = words_of(reason, details or {})
    body = {
        "type": f"/docs#{reason.code}",
        "title": said["en"],
        "status": reason.words.http,
        "detail": f"{said['zh']} | {said['en']}",
        **said,
        **extra,
    }
    text = json.dumps(body, ensure_ascii=False)
    response = Response(text, status=reason.words.http, mimetype=MEDIA_TYPE)
    if reason.words.http == 401:
        response.headers["WWW-Authenticate"] = "Signature"  # RFC 9110 §15.5.2 asks for one; the scheme is RFC 9421
    return response


def of_decline(answer: Declined | Refused, **extra: Any) -> Response:
    return problem(answer.reason, answer.details, **extra)


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _framework)
    app.register_error_handler(Exception, _fault)


def _framework(error: HTTPException) -> Response:
    status = error.code or 500
    reason = Reason.HOST_UNKNOWN if isinstance(error, SecurityError) else BY_STATUS.get(status, Reason.SERVER_FAULT)
    data = getattr(error, "data", None) or {}  # webargs puts the findings of a schema here
    extra = {"errors": data["messages"]} if data.get("messages") else {}
    detail = ", ".join(sorted(_names(data.get("messages")))) or (error.description or "")
    response = problem(reason, {"detail": detail}, **extra)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _names(messages: Any) -> list[str]:
    """The fields a schema found fault with."""
    if not isinstance(messages, dict):
        return []
    inner = messages.get("json", messages)
    return [str(name) for name in inner] if isinstance(inner, dict) else []


def _fault(error: Exception) -> Response:
    if isinstance(error, Refused):
        return of_decline(error)
    log_fault(error)
    return problem(Reason.SERVER_FAULT)


def log_fault(error: Exception) -> None:
    current_app.logger.error("unexpected fault: %s", where(error))
