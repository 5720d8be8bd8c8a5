"""Complaints: listed, looked into beside the visit's evidence, decided by somebody who is not concerned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from admin.frame.words import moment, yuan
from settlement.closing import explain_visit
from settlement.closing.adjusting import void_visit
from settlement.people.scope import SPEAKERS
from settlement.people.tables import seniors
from settlement.providers.tables import providers
from settlement.supervision import complaints
from settlement.supervision.complaints import KINDS, REMEDIES, STATUS
from settlement.supervision.tables import complaints as complaint_rows
from settlement.visits.tables import debits, visits
from settlement.visits.words import VOID_REASONS
from settlement.vouchers import life

desk = Desk("voices", __name__, "投诉、预约、代理人", "Voices")

Words = tuple[str, str]


class Decision(forms.Form):
    outcome = forms.Choice("upheld", "rejected")
    why = forms.Text(most=complaints.LONGEST)


class TakenBack(forms.Form):
    why_withdrawn = forms.Text(most=200)


@desk.page("/complaints", may="voices.read", menu=("投诉", "Complaints"))
def listed() -> object:
    """``?status`` (open unless asked otherwise), ``?kind``, ``?town``."""
    asked = {"status": request.args.get("status", "open")}
    asked |= {name: request.args.get(name, "") for name in ("kind", "town")}
    c, s, p = complaint_rows.c, seniors.c, providers.c
    columns = [
        Column("no", "编号", "no.", c.id, "number", link=lambda row: url_for("voices.complaint", complaint_id=row.no)),
        Column("opened_at", "提出", "opened", c.opened_at, "moment"),
        Column("name", "姓名", "name", s.name),
        Column("town", "镇街", "town", c.town),
        Column("village", "村社区", "village", s.village),
        Column("kind", "哪里不对", "what is wrong", c.kind, words=lambda code: f"{KINDS[code].zh} {KINDS[code].en}"),
        Column("provider", "服务商", "provider", p.name),
        Column("status", "状态", "state", c.status, words=lambda code: " ".join(STATUS[code])),
        Column("decided_at", "办结", "decided", c.decided_at, "moment"),
    ]
    query = (
        select()
        .select_from(complaint_rows)
        .join(seniors, s.id == c.senior_id)
        .outerjoin(providers, p.id == c.provider_id)
    )
    query = scope.within(query, town=c.town, village=s.village)
    wanted = {c.status: asked["status"], c.kind: asked["kind"], c.town: asked["town"]}
    query = query.where(*(column == value for column, value in wanted.items() if value))
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="opened_at", name="complaints")
        towns = [(town, town) for town in scope.towns(conn)]
    if found.download is not None:
        return found.download
    choices = {"states": [(code, " ".join(words)) for code, words in STATUS.items()], "towns": towns}
    choices["kinds"] = [(code, f"{kind.zh} {kind.en}") for code, kind in KINDS.items()]
    return render_template("voices/complaints.html", found=found, asked=asked, **choices)


@desk.page("/complaints/<int:complaint_id>", may="voices.read")
def complaint(complaint_id: int) -> str:
    """The complaint, what deciding would do, and the evidence of the visit it is about."""
    with looking() as conn:
        row = mine(conn, complaint_id)
        evidence = explain_visit.nodes(conn, [row.visit_id]) if row.visit_id else []
        facts = state(conn, row)
        effects = upheld_would(conn, row)
    mine_to_decide = officer().id != row.opened_by
    shown = {"row": row, "evidence": evidence, "facts": facts, "effects": effects, "mine_to_decide": mine_to_decide}
    words = {"kinds": KINDS, "states": STATUS, "remedies": REMEDIES, "speakers": SPEAKERS, "fact": fact}
    return render_template("voices/complaint.html", **shown, **words)


def mine(conn: Connection, complaint_id: int) -> Row[Any]:
    """A complaint of the officer's own people, with the name and the provider. Raises Refused(NOT_FOUND)."""
    c, s = complaint_rows.c, seniors.c
    query = select(complaint_rows, s.name, s.village, providers.c.name.label("provider"))
    query = query.join(seniors, s.id == c.senior_id).outerjoin(providers, providers.c.id == c.provider_id)
    return scope.one(conn, scope.within(query.where(c.id == complaint_id), town=c.town, village=s.village), "complaint")


def state(conn: Connection, row: Row[Any]) -> tuple[Any, ...]:
    """What a decision rests on: of the complaint, its visit and debits."""
    v, d = visits.c, debits.c
    visit = conn.execute(select(v.status).where(v.id == row.visit_id)).scalar_one_or_none()
    standing = conn.execute(select(d.id, d.status).where(d.visit_id == row.visit_id).order_by(d.id)).all()
    return (row.id, row.status, visit, *(f"{debit.id}:{debit.status}" for debit in standing))


def upheld_would(conn: Connection, row: Row[Any]) -> Words:
    """What becomes of visit and money when it is upheld."""
    kind, v, d = KINDS[row.kind], visits.c, debits.c
    if row.visit_id is None or not kind.disputes:
        return "不涉及金额，只作记录并告知老人。", "No money moves: it is put on record and the senior is told."
    visit = conn.execute(select(v.status).where(v.id == row.visit_id)).scalar_one()
    debit = conn.execute(select(debits).where(d.visit_id == row.visit_id, d.status == "posted")).one_or_none()
    if visit == "void":
        return "该次服务已是废单，不再变动。", "The visit is void already: nothing more moves."
    subsidy, personal = (0, 0) if debit is None else (debit.subsidy_fen, debit.personal_fen)
    back_zh = f"退回补贴账户 {yuan(subsidy)} 元、个人账户 {yuan(personal)} 元"
    back_en = f"{yuan(subsidy)} yuan go back to the subsidy, {yuan(personal)} to own money"
    owed = life.owed(conn, row.senior_id) if subsidy else 0
    if owed:
        back_zh += f"（补贴先抵应追回的 {yuan(owed)} 元）"
        back_en += f" (of the subsidy {yuan(owed)} yuan that are owed go first)"
    if kind.void is None:
        if debit is None or row.debit_id not in (None, debit.id):
            return "该笔扣款此前已撤销，金额不再变动。", "That debit was taken back before: nothing more moves."
        if visit == "paid":
            return "该笔已结算，差额另行调整，不马上退回。", "It was settled: the difference is adjusted by hand."
        return (
            f"撤销扣款，{back_zh}；服务商可按正确金额重扣。",
            f"The debit is taken back: {back_en}; it may be debited anew.",
        )
    void = VOID_REASONS[kind.void]
    after_zh = "；已结算，由下一张结算单向服务商扣回" if visit == "paid" else "；不付给服务商"
    after_en = (
        "; it was settled, so the next statement takes it from the provider"
        if visit == "paid"
        else "; the provider is not paid"
    )
    return f"该次服务作废（{void.zh}），{back_zh}{after_zh}。", f"The visit is void ({void.en}): {back_en}{after_en}."


def fact(value: Any) -> str:
    """A fact of the evidence as it is read."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list | tuple):
        return "、".join(fact(one) for one in value)
    if isinstance(value, dict):
        return "；".join(f"{name} {fact(one)}" for name, one in value.items())
    return {True: "是 yes", False: "否 no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@desk.act("/complaints/<int:complaint_id>/decide", may="complaint.decide", shows=complaint)
def decide(complaint_id: int) -> Response:
    given = forms.read(Decision)
    with acting() as act:
        require_unchanged(*state(act.conn, mine(act.conn, complaint_id)))
        remedy = complaints.decide(act, complaint_id, given["outcome"], given["why"], void=void_visit)
    (zh, en), (remedy_zh, remedy_en) = STATUS[given["outcome"]], REMEDIES[remedy]
    done(
        f"已办结：{zh}{'，' + remedy_zh if remedy_zh else ''}", f"decided: {en}{', ' + remedy_en if remedy_en else ''}"
    )
    return redirect(url_for("voices.complaint", complaint_id=complaint_id), 303)  # type: ignore[return-value]


@desk.act("/complaints/<int:complaint_id>/withdraw", may="voices.take", shows=complaint)
def withdraw(complaint_id: int) -> Response:
    why = forms.read(TakenBack)["why_withdrawn"]
    with acting() as act:
        mine(act.conn, complaint_id)
        complaints.decide(act, complaint_id, "withdrawn", why)
    done("已按老人的意思撤回", "Taken back, as the senior wishes")
    return redirect(url_for("voices.complaint", complaint_id=complaint_id), 303)  # type: ignore[return-value]
