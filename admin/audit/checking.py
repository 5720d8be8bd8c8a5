"""Check the books or the seals in the background, and work through what was found."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import func, select

from admin.audit.parts import asked, desk
from admin.frame import forms, listing, scope, tasks
from admin.frame.console import looking
from admin.frame.forms import Choice, Form, Text
from admin.frame.listing import Column
from admin.frame.tasks import Running
from settlement import checks as kept
from settlement import verify
from settlement.checks import check_findings, checks
from settlement.db import reading
from settlement.ledger import seal_check

KINDS = {"books": "全部账目 all books", "seals": "封印 seals"}


class Asked(Form):
    kind = Choice(*KINDS)
    published = Text(most=100_000, load_default="")


@desk.page("/checks", may="books.read", menu=("核对账目", "Check the books"))
def all_checks() -> Response | str:
    c = checks.c
    columns = (
        Column("id", "编号", "number", c.id, kind="number", link=lambda row: url_for("audit.check", check_id=row.id)),
        Column("kind", "核对", "what", c.kind, words=lambda kind: KINDS[kind]),
        Column("findings", "不符", "findings", c.findings, kind="number"),
        Column("begun_at", "开始", "begun", c.begun_at, kind="moment"),
        Column("ended_at", "结束", "ended", c.ended_at, kind="moment"),
        Column("asked_by", "经办", "asked by", c.asked_by),
    )
    with looking() as conn:
        listed = listing.look(conn, select().select_from(checks), columns, sort="-id", name="checks")
    return listed.download or render_template("audit/checks.html", listed=listed, kinds=list(KINDS.items()))


@desk.act("/checks", may="books.check", shows=all_checks)
def ask_check() -> Response:
    asked_for = forms.read(Asked)
    id = tasks.start(f"audit.{asked_for['kind']}", published=asked_for["published"])
    return redirect(url_for("home.task", task_id=id), 303)  # type: ignore[return-value]


@desk.page("/checks/<int:check_id>", may="books.read")
def check(check_id: int) -> Response | str:
    f = check_findings.c
    with looking() as conn:
        found = scope.one(conn, select(checks).where(checks.c.id == check_id), "check")
        by_code = select(f.code, func.count()).where(f.check_id == check_id).group_by(f.code).order_by(f.code)
        codes = [(code, f"{code} ({number})") for code, number in conn.execute(by_code)]
        source = select().select_from(check_findings).where(f.check_id == check_id)
        source = source.where(f.code == asked("code")) if asked("code") else source
        columns = (
            Column("id", "编号", "number", f.id, kind="number"),
            Column("code", "代码", "code", f.code),
            Column("subject", "对象", "on what", f.subject),
            Column("zh", "不符之处", "in Chinese", f.zh, sorts=False),
            Column("en", "英文", "what differs", f.en, sorts=False),
            Column("records", "记录", "records", f.records, sorts=False, words="、".join),
        )
        listed = listing.look(conn, source, columns, sort="id", name=f"findings-{check_id}")
    shown: dict[str, Any] = {"check": found, "listed": listed, "codes": codes, "kinds": KINDS, "most": kept.MOST}
    return listed.download or render_template("audit/check.html", **shown)


@tasks.kind("audit.books", "核对全部账目", "Checking all books")
def _check_books(running: Running) -> dict[str, Any]:
    begun, found = running.console.now(), []
    with reading(running.console.engine) as conn:
        for number, check_part in enumerate(verify.PARTS.values()):
            running.tell(number, len(verify.PARTS))
            found += check_part(conn)
    with running.act() as act:
        id = kept.keep(act, "books", begun, found, {"parts": len(verify.PARTS)})
    return _told(id, len(found))


@tasks.kind("audit.seals", "核对封印", "Checking the seals")
def _check_seals(running: Running) -> dict[str, Any]:
    begun = running.console.now()
    printed = seal_check.published(running.arguments["published"])
    with reading(running.console.engine) as conn:
        found = seal_check.check(conn, running.console.ring.seal_public_keys(), printed)
    facts = {"seals": found.seals, "rows": found.rows, "published": len(printed)}
    facts |= {f"unsealed_{book}": number for book, number in found.unsealed.items()}
    with running.act() as act:
        id = kept.keep(act, "seals", begun, found.findings, facts)
    return _told(id, len(found.findings))


def _told(check_id: int, findings: int) -> dict[str, Any]:
    zh = f"发现{findings}处不符" if findings else "没有发现不符"
    en = f"{findings} findings" if findings else "no findings"
    return {"zh": zh, "en": en, "path": f"/audit/checks/{check_id}"}
