"""What somebody filled in when their session was over: kept, encrypted, and offered again to the same person after signing in."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any

from flask import Response, g, redirect, request, session, url_for
from sqlalchemy import delete, insert, select

from admin.frame import sessions
from admin.frame.console import here
from admin.tables import forms_kept

FOR = timedelta(hours=4)
LARGEST = 64 * 1024
"""Characters of one form."""
_COOKIE, _FIELDS = "kept", "console_forms_kept.fields"
_NOT_KEPT = ("csrf_token", "form_id", "code", "present_code")
_SECRET = re.compile(r"password|(^|_)pin(_|$)")


def and_sign_in() -> Response:
    """To the sign-in page; a form that was sent by somebody whose session ended waits until they are back. Files have to be chosen again."""
    id = _keep() if request.method == "POST" else None
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    session.clear()
    if id is not None:
        session[_COOKIE] = id
    return redirect(url_for("signin.arrive", over="1", next=wanted), 303)  # type: ignore[return-value]


def offered(officer_id: str) -> dict[str, Any] | None:
    """{path, fields: [[name, value]…]} of what this browser's last session left, if it was this officer's."""
    k, console = forms_kept.c, here()
    with console.engine.begin() as conn:
        conn.execute(delete(forms_kept).where(k.kept_at < console.now() - FOR))
        query = select(k.path, k.fields_cipher).where(k.id == session.get(_COOKIE, ""), k.officer_id == officer_id)
        row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return {"path": row.path, "fields": json.loads(console.ring.decrypt(row.fields_cipher, _FIELDS))}


def forget() -> None:
    with here().engine.begin() as conn:
        conn.execute(delete(forms_kept).where(forms_kept.c.id == session.pop(_COOKIE, "")))


def sent(response: Response) -> Response:
    """After a request: a kept form that has been submitted meanwhile is offered no longer."""
    if _COOKIE in session and g.get("form_used", False) and response.status_code < 400:
        k = forms_kept.c
        with here().engine.begin() as conn:
            path = request.full_path.rstrip("?")
            gone = conn.execute(delete(forms_kept).where(k.id == session[_COOKIE], k.path == path)).rowcount
        if gone:
            session.pop(_COOKIE)
    return response


def carry() -> str | None:
    """The kept form's id, to be put into the next session's cookie."""
    return session.get(_COOKIE)


def hold(id: str | None) -> None:
    if id is not None:
        session[_COOKIE] = id


def _keep() -> str | None:
    whose = sessions.lately()
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _NOT_KEPT and not _SECRET.search(name)
    ]
    text = json.dumps(fields, ensure_ascii=False)
    if whose is None or not fields or len(text) > LARGEST:
        return None
    console, id = here(), secrets.token_urlsafe(32)
    row = {"id": id, "officer_id": whose, "path": request.full_path.rstrip("?"), "kept_at": console.now()}
    row["fields_cipher"] = console.ring.encrypt(text, _FIELDS)
    with console.engine.begin() as conn:
        conn.execute(insert(forms_kept), row)
    return id
