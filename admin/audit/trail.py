"""The audit trail: who did what to what, when and why, with before and after; and its parts that auditors look at most."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from flask import Response, render_template, url_for
from sqlalchemy import Row, Select, or_, select

from admin.audit.parts import asked, desk
from admin.audit.words import act_words
from admin.frame import listing, scope
from admin.frame.console import looking
from admin.frame.forms import day_of
from admin.frame.listing import Column
from settlement.audit import audit_rows
from settlement.officers import ROLES
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI

REVEALS = ("senior.reveal", "paper.read")
EXPORTS = ("list.export", "payment.download", "payment.exported", "statements.print", "proof.export")

a = audit_rows.c


@desk.page("/trail", may="audit.read", menu=("审计记录", "Audit trail"))
def trail() -> Response | str:
    return _shown(select(), "audit-trail", "审计记录", "Audit trail", filters=True)


@desk.page("/reveals", may="audit.read", menu=("查看未遮盖信息", "What was unmasked"))
def reveals() -> Response | str:
    return _shown(select().where(a.act.in_(REVEALS)), "unmasking", "查看未遮盖信息", "What was unmasked")


@desk.page("/exports", may="audit.read", menu=("导出记录", "Exports"))
def exports() -> Response | str:
    return _shown(select().where(a.act.in_(EXPORTS)), "exports", "导出记录", "Exports")


@desk.page("/sign-ins", may="sign_ins.read", menu=("登录记录", "Sign-ins"))
def sign_ins() -> Response | str:
    return _shown(
        select().where(a.act.like("officer.%")), "sign-ins", "登录和账号", "Sign-ins and accounts", linked=False
    )


@desk.page("/trail/<int:row_id>", may="audit.read")
def row(row_id: int) -> str:
    with looking() as conn:
        found = scope.one(conn, select(audit_rows).where(a.id == row_id), "record")
        others = conn.execute(
            select(audit_rows).where(a.subject == found.subject, a.id != row_id).order_by(a.id.desc()).limit(20)
        ).all()
    names = sorted({*(found.before or {}), *(found.after or {})})
    values = [(name, (found.before or {}).get(name), (found.after or {}).get(name)) for name in names]
    return render_template("audit/row.html", row=found, values=values, others=others, act_words=act_words)


def _shown(
    source: Select[Any], name: str, zh: str, en: str, *, filters: bool = False, linked: bool = True
) -> Response | str:
    link: Callable[[Row[Any]], str] | None = _address if linked else None
    columns = (
        Column("id", "编号", "number", a.id, kind="number", link=link),
        Column("at", "时间", "when", a.at, kind="moment", sorts=False),
        Column("actor", "经办", "who", a.actor, sorts=False),
        Column(
            "role", "角色", "role", a.role, words=lambda code: ROLES[code][0] if code in ROLES else code, sorts=False
        ),
        Column("words", "办了什么", "what", a.act, words=act_words, sorts=False),
        Column("act", "代码", "code", a.act, sorts=False),
        Column("subject", "对象", "on what", a.subject, sorts=False),
        Column("why", "理由", "why", a.why, sorts=False),
    )
    with looking() as conn:
        listed = listing.look(conn, _filtered(source.select_from(audit_rows)), columns, sort="-id", name=name)
    roles = [(code, said[0]) for code, said in ROLES.items()]
    shown = {"listed": listed, "name": name, "zh": zh, "en": en, "filters": filters, "roles": roles}
    return listed.download or render_template("audit/trail.html", **shown)


def _filtered(source: Select[Any]) -> Select[Any]:
    """``who``, ``role``, ``subject`` as they stand; ``act`` from its beginning; days ``since`` and ``until`` as people at the place count them."""
    for column, value in ((a.actor, asked("who")), (a.role, asked("role")), (a.subject, asked("subject"))):
        source = source.where(column == value) if value else source
    if asked("act"):
        source = source.where(or_(a.act == asked("act"), a.act.startswith(asked("act") + ".", autoescape=True)))
    if asked("since"):
        source = source.where(a.at >= _midnight("since"))
    if asked("until"):
        source = source.where(a.at < _midnight("until") + timedelta(days=1))
    return source


def _midnight(name: str) -> datetime:
    try:
        return datetime.combine(day_of(asked(name)), time(), SHANGHAI)
    except ValueError as error:
        raise Refused(Reason.BAD_INPUT, detail=f"{name}: 2026-07-31") from error


def _address(row: Row[Any]) -> str:
    return url_for("audit.row", row_id=row.id)
