"""Rosters: a file is handed in, read in the background, and answered with what came of it and a copy with the faults marked."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, delete, insert, select, update

from admin.enrolment.desk import desk, in_force, scheme_of
from admin.frame import forms, listing, tasks, words
from admin.frame.access import officer
from admin.frame.acting import acting
from admin.frame.console import here, looking
from admin.tables import rosters
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.people import importing, places, workbook
from settlement.periods import Month
from settlement.policy import store

LARGEST = 30 * 1024 * 1024
KEPT = timedelta(days=2)
"""So long a file and its copy can be had back; they hold people."""
LISTED = 500
"""Faults shown on the page; the copy has all."""
NAME, BODY, ANSWER, COPY = (
    "console_rosters.name",
    "console_rosters.body",
    "console_rosters.answer",
    "console_rosters.copy",
)


class Handing(forms.Form):
    scheme = forms.Text(40)
    accept_valid = forms.Choice("1", load_default="")


@desk.page("/roster", may="roster.import", menu=("导入名册", "Import a roster"))
def roster() -> str:
    with looking() as conn:
        schemes = [(each.code, f"{each.name_zh} {each.name_en}") for each in in_force(conn)]
        r = rosters.c
        mine = select(r.id, r.put_at, r.rows, r.registered, r.applied, r.faults).where(r.officer_id == officer().id)
        earlier = conn.execute(mine.order_by(r.id.desc()).limit(20)).all()
    return render_template("enrolment/roster.html", schemes=schemes, earlier=earlier)


@desk.page("/roster/template", may="roster.import")
def roster_template() -> Response:
    """An empty roster with notes and lists to choose from."""
    with looking() as conn:
        scheme = scheme_of(conn, request.args.get("scheme", ""))
        content = io.BytesIO()
        workbook.template(scheme, places.load(conn)).save(content)
    return listing.attachment(content.getvalue(), "名册.xlsx", words.XLSX)


@desk.act("/roster", may="roster.import", shows=roster)
def hand_in() -> Response:
    given = forms.read(Handing)
    file = forms.upload("file", LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    ring = here().ring
    with acting() as act:
        scheme_of(act.conn, given["scheme"])
        act.conn.execute(delete(rosters).where(rosters.c.put_at < act.now - KEPT))
        row = {"officer_id": officer().id, "scheme_code": given["scheme"], "put_at": act.now}
        row["name_cipher"] = ring.encrypt(file.filename or "roster.xlsx", NAME)
        row["body_cipher"] = ring.encrypt_bytes(file.stream.read(), BODY)
        roster_id: int = act.conn.execute(insert(rosters).values(row).returning(rosters.c.id)).scalar_one()
    task_id = tasks.start("roster", roster=roster_id, accept_valid=given["accept_valid"] == "1")
    return redirect(url_for("home.task", task_id=task_id), 303)  # type: ignore[return-value]


@tasks.kind("roster", "导入名册", "Importing a roster")
def import_one(running: tasks.Running) -> dict[str, Any]:
    """Judge and register; the faults and the copy are kept, encrypted, for whoever handed the file in."""
    ring = running.console.ring
    with running.act() as act:
        handed = act.conn.execute(select(rosters).where(rosters.c.id == running.arguments["roster"])).one()
        scheme = store.in_force(act.conn, handed.scheme_code, Month.of(act.now))
        content = ring.decrypt_bytes(handed.body_cipher, BODY)
        name = ring.decrypt(handed.name_cipher, NAME)
        came = importing.import_roster(act, ring, scheme, content, name, accept_valid=running.arguments["accept_valid"])
        values = _answer(ring, came)
        act.conn.execute(update(rosters).where(rosters.c.id == handed.id).values(values))
    zh = f"登记{values['registered']}人，受理申请{values['applied']}人，{values['faults']}处问题"
    en = f"{values['registered']} people registered, {values['applied']} applications, {values['faults']} faults"
    return {"zh": zh, "en": en, "path": f"/enrolment/roster/{handed.id}"}


def _answer(ring: KeyRing, came: importing.Imported) -> dict[str, Any]:
    found = [fault.as_dict() for fault in came.faults]
    told = json.dumps({"faults": found[:LISTED], "not_read": came.roster.not_read}, ensure_ascii=False)
    values: dict[str, Any] = {"rows": came.roster.rows, "registered": len(came.senior_ids), "faults": len(found)}
    values |= {"applied": len(came.enrolment_ids), "answer_cipher": ring.encrypt(told, ANSWER)}
    if found and came.roster.sheets:
        copy = io.BytesIO()
        workbook.corrected_copy(came.roster).save(copy)
        values["copy_cipher"] = ring.encrypt_bytes(copy.getvalue(), COPY)
    return values


@desk.page("/roster/<int:roster_id>", may="roster.import")
def roster_answer(roster_id: int) -> str:
    with looking() as conn:
        row = _mine(conn, roster_id)
    found = json.loads(here().ring.decrypt(row.answer_cipher, ANSWER)) if row.answer_cipher else None
    return render_template("enrolment/roster_answer.html", row=row, found=found)


@desk.page("/roster/<int:roster_id>/corrected", may="roster.import")
def roster_copy(roster_id: int) -> Response:
    """The clerk's own rows with the faults marked."""
    with looking() as conn:
        row = _mine(conn, roster_id)
    if row.copy_cipher is None:
        raise Refused(Reason.NOT_FOUND, what="copy")
    return listing.attachment(here().ring.decrypt_bytes(row.copy_cipher, COPY), "名册-更正.xlsx", words.XLSX)


def _mine(conn: Connection, roster_id: int) -> Row[Any]:
    r = rosters.c
    row = conn.execute(select(rosters).where(r.id == roster_id, r.officer_id == officer().id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="roster")
    return row
