"""Everybody's start page, running tasks, and what was filled in when a session was over."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for

from admin.frame import kept, labels, tasks
from admin.frame.access import SIGNED_IN, officer
from admin.frame.acting import acting
from admin.frame.desk import Desk
from settlement.outcomes import Reason, Refused, fill

desk = Desk("home", __name__, "首页", "Start")


@desk.page("/", may=SIGNED_IN)
def start() -> str:
    return render_template("home/start.html", kept=kept.offered(officer().id))


@desk.page("/tasks/<int:task_id>", may=SIGNED_IN)
def task(task_id: int) -> str:
    found = tasks.of(task_id)
    refusal = None
    if found.refusal is not None:
        reason, details = Reason[found.refusal["code"]], found.refusal["details"]
        refused = Refused(reason, **details)
        words = reason.words
        refusal = {"zh": refused.zh, "en": refused.en, "do_zh": fill(words.do_zh, details)}
        refusal["do_en"] = fill(words.do_en, details)
    shown: dict[str, Any] = {"task": found, "kind": tasks.KINDS[found.kind], "cut_off": tasks.cut_off(found)}
    return render_template("home/task.html", **shown, refused=refusal)


@desk.page("/kept", may=SIGNED_IN)
def kept_form() -> Response | str:
    found = kept.offered(officer().id)
    if found is None:
        return redirect(url_for("home.start"), 303)  # type: ignore[return-value]
    form = labels.of(found["path"])
    return render_template("home/kept.html", kept=found, form=form, filled=form.told(found["fields"]))


@desk.act("/kept/forget", may=SIGNED_IN)
def forget_kept() -> Response:
    with acting():
        pass
    kept.forget()
    return redirect(url_for("home.start"), 303)  # type: ignore[return-value]
