"""One act of an officer from a form: one transaction, once per form however often it is sent."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from flask import Response, flash, g, redirect, request, url_for
from sqlalchemy import select, update

from admin.frame.access import actor
from admin.frame.console import here
from admin.tables import forms_sent
from settlement.act import Act, begin
from settlement.db import insert_if_absent, reading
from settlement.outcomes import Reason, Refused

_FORM_ID = re.compile(r"[A-Za-z0-9_-]{16,32}")


class SentBefore(Exception):
    """The form was sent already: a double click, a reload, a retry after an answer was lost."""


def new_form_id() -> str:
    """Goes into every form that acts, when its page is drawn."""
    return secrets.token_urlsafe(16)


@contextmanager
def acting() -> Iterator[Act]:
    """The transaction of an act by the present officer. The first one of a request uses up the form's id, in the same transaction.

    Raises SentBefore when the form was sent already; Refused(FORM_STALE) for a form without an id.
    """
    console = here()
    with begin(console.engine, actor(), console.now()) as act:
        if not g.get("form_used", False):
            _use_up(act)
            g.form_used = True
        yield act


def _use_up(act: Act) -> None:
    form_id = request.form.get("form_id", "")
    if not _FORM_ID.fullmatch(form_id):
        raise Refused(Reason.FORM_STALE)
    row = {"form_id": form_id, "officer_id": act.actor.id, "sent_at": act.now}
    if act.conn.execute(insert_if_absent(act.conn, forms_sent), row).rowcount != 1:
        raise SentBefore


def remember(response: Response) -> Response:
    """After a form was used up: where its sender was sent, so that who sends it again is sent there, too."""
    if g.get("form_used", False) and response.status_code == 303:
        f = forms_sent.c
        with here().engine.begin() as conn:
            where = f.form_id == request.form["form_id"]
            conn.execute(update(forms_sent).where(where).values(location=response.headers["Location"]))
    return response


def sent_before() -> Response:
    f = forms_sent.c
    query = select(f.location).where(f.form_id == request.form.get("form_id"), f.officer_id == actor().id)
    with reading(here().engine) as conn:
        location = conn.execute(query).scalar_one_or_none()
    return redirect(location or url_for("home.start"), 303)  # type: ignore[return-value]


def stamp(*facts: Any) -> str:
    """A short digest of what a page showed, to go into its form (``{{ seen(stamp) }}``)."""
    return sha256("\x1f".join(map(str, facts)).encode()).hexdigest()[:16]


def require_unchanged(*facts: Any) -> None:
    """Raise Refused(CHANGED_MEANWHILE) when the facts are not those the sender was shown. Read them in the act, under a lock where there is one."""
    if request.form.get("seen") != stamp(*facts):
        raise Refused(Reason.CHANGED_MEANWHILE)


def done(zh: str, en: str) -> None:
    """What was done, said at the top of the next page. Nothing personal."""
    flash((zh, en), "done")  # type: ignore[arg-type]
