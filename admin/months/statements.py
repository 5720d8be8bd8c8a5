"""A statement down to its visits: lines, what stayed out, the evidence and clause behind each visit, questions and answers."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, Connection, Row, Select, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.months.desk import desk, statement_of
from settlement.capitals import capitals
from settlement.closing import explain, left_out, questions
from settlement.closing import month as months
from settlement.closing.adjusting import KINDS
from settlement.closing.tables import adjustments, exclusions, statement_lines, statement_questions, statements
from settlement.people.tables import seniors
from settlement.providers.tables import caregivers, providers
from settlement.visits.tables import visits
from settlement.visits.words import VOID_REASONS


class Words(forms.Form):
    words = forms.Text(most=questions.LONGEST)


class Question(Words):
    visit = forms.Text(most=40, load_default=None)


@desk.page("/statement/<statement_id>", may="months.read")
def statement(statement_id: str) -> Response | str:
    with looking() as conn:
        row = statement_of(conn, statement_id)
        listed = _lines(conn, row)
        a = adjustments.c
        taken = conn.execute(select(adjustments).where(a.statement_id == row.id).order_by(a.origin_month, a.id)).all()
        shown: dict[str, Any] = {"row": row, "list": listed, "adjustments": taken, "kinds": KINDS}
        shown |= {"provider": conn.execute(select(providers).where(providers.c.id == row.provider_id)).one()}
        shown |= {"left_out": left_out.by_reason(conn, row), "why": left_out.words}
        shown |= {"questions": questions.of_statement(conn, row.id), "state_of": questions.state}
    if listed.download is not None:
        return listed.download
    shown |= {"capitals": capitals(row.net_fen), "void_reasons": VOID_REASONS, "stamped": figures(row)}
    return render_template("months/statement.html", **shown)


def figures(row: Row[Any]) -> tuple[Any, ...]:
    return row.visits, row.net_fen, row.personal_fen, row.status


@desk.act("/statement/<statement_id>/verify", may="month.verify", shows=statement)
def verify_statement(statement_id: str) -> Response:
    with acting() as act:
        require_unchanged(*figures(statement_of(act.conn, statement_id)))
        months.verify_statement(act, statement_id)
    done("已核实", "verified")
    return _back(statement_id)


@desk.page("/statement/<statement_id>/left-out", may="months.read")
def kept_out(statement_id: str) -> Response | str:
    with looking() as conn:
        row = statement_of(conn, statement_id)
        listed = _left_out(conn, row)
    if listed.download is not None:
        return listed.download
    return render_template("months/left_out.html", row=row, list=listed)


@desk.page("/statement/<statement_id>/visits/<visit_id>", may="months.read")
def visit(statement_id: str, visit_id: str) -> str:
    with looking() as conn:
        row = statement_of(conn, statement_id)
        # A visit of the statement's provider and town, on it or kept out of it.
        query = select(visits.c.id).where(visits.c.id == visit_id, visits.c.provider_id == row.provider_id)
        scope.one(conn, query.where(visits.c.town == row.town), f"visit {visit_id}")
        node = explain.explain(conn, f"visit:{visit_id}")
        asked = [one for one in questions.of_statement(conn, row.id) if one.visit_id == visit_id]
    return render_template("months/visit.html", row=row, node=node, questions=asked, state_of=questions.state)


# -- questions ----------------------------------------------------------------------------------------------------------------
@desk.act("/statement/<statement_id>/ask", may="statement.ask", shows=statement)
def ask(statement_id: str) -> Response:
    """About the statement, or the visit that the form names."""
    form = forms.read(Question)
    with acting() as act:
        statement_of(act.conn, statement_id)
        questions.ask(act, statement_id, form["visit"], form["words"])
    done("疑问已提出，请服务商答复", "asked; the provider answers")
    return _back(statement_id, "questions")


@desk.page("/questions", may="months.read", menu=("结算疑问", "Questions"))
def asked() -> Response | str:
    state = request.args.get("state", "open")
    with looking() as conn:
        listed = _questions(conn, state)
    if listed.download is not None:
        return listed.download
    return render_template("months/questions.html", list=listed, state=state)


@desk.page("/questions/<int:question_id>", may="months.read")
def question(question_id: int) -> str:
    with looking() as conn:
        row = _question(conn, question_id)
    return render_template("months/question.html", one=row, state=questions.state(row))


@desk.act("/questions/<int:question_id>/answer", may="statement.answer", shows=question)
def answer_question(question_id: int) -> Response:
    with looking() as conn:
        row = _question(conn, question_id)
    words = forms.read(Words)["words"]
    with acting() as act:
        questions.answer(act, question_id, words)
    done("已答复", "answered")
    return _back(row.statement_id, "questions")


@desk.act("/questions/<int:question_id>/close", may="statement.ask", shows=question)
def close_question(question_id: int) -> Response:
    with looking() as conn:
        row = _question(conn, question_id)
    with acting() as act:
        questions.close(act, question_id)
    done("疑问已了结", "the question is closed")
    return _back(row.statement_id, "questions")


def _back(statement_id: str, anchor: str | None = None) -> Response:
    address = url_for("months.statement", statement_id=statement_id, _anchor=anchor)
    return redirect(address, 303)  # type: ignore[return-value]


# -- looking ------------------------------------------------------------------------------------------------------------------
def _question(conn: Connection, question_id: int) -> Row[Any]:
    q, s = statement_questions.c, statements.c
    query = select(statement_questions).join(statements, s.id == q.statement_id).where(q.id == question_id)
    return scope.one(conn, scope.within(query, town=s.town, provider=s.provider_id), f"question {question_id}")


def _questions(conn: Connection, state: str) -> listing.Listed:
    q, s, p = statement_questions.c, statements.c, providers.c
    source: Select[Any] = select().select_from(statement_questions).join(statements, s.id == q.statement_id)
    source = scope.within(source.join(providers, p.id == s.provider_id), town=s.town)
    if state == "open":
        source = source.where(questions.is_open)
    columns = (
        Column("id", "编号", "No.", q.id, "number", link=lambda row: url_for("months.question", question_id=row.id)),
        Column(
            "statement",
            "结算单",
            "Statement",
            q.statement_id,
            link=lambda row: url_for("months.statement", statement_id=row.statement),
        ),
        Column("provider", "服务商", "Provider", p.name),
        Column("visit", "服务", "Visit", q.visit_id),
        Column("asked_at", "提出", "Asked", q.asked_at, "moment"),
        Column("asked_by", "提出人", "By", q.asked_by),
        Column("words", "疑问", "Question", q.words),
        Column("answered_at", "答复", "Answered", q.answered_at, "moment"),
        Column("closed_at", "了结", "Closed", q.closed_at, "moment"),
    )
    return listing.look(conn, source, columns, sort="-id", name="statement-questions")


def _visit_link(statement_id: str) -> Any:
    return lambda row: url_for("months.visit", statement_id=statement_id, visit_id=row.visit)


def _lines(conn: Connection, row: Row[Any]) -> listing.Listed:
    line, v, s, c = statement_lines.c, visits.c, seniors.c, caregivers.c
    source: Select[Any] = select().select_from(statement_lines).join(visits, v.id == line.visit_id)
    source = source.join(seniors, s.id == v.senior_id).join(caregivers, c.id == v.caregiver_id)
    columns = (
        Column("visit", "服务", "Visit", line.visit_id, link=_visit_link(row.id)),
        Column("check_in", "签到", "In", v.check_in_at, "moment"),
        Column("check_out", "签退", "Out", v.check_out_at, "moment"),
        Column("minutes", "分钟", "Minutes", _minutes(v.seconds), "number"),
        Column("senior", "老人", "Senior", s.name),
        Column("village", "村(社区)", "Village", s.village),
        Column("caregiver", "服务人员", "Caregiver", c.name),
        Column("service_month", "服务月份", "Month", line.service_month),
        Column("subsidy", "补贴", "Subsidy", line.subsidy_fen, "yuan"),
        Column("personal", "个人", "Personal", line.personal_fen, "yuan"),
    )
    source = source.where(line.statement_id == row.id)
    return listing.look(conn, source, columns, sort="check_in", name=f"lines-{row.id}")


def _minutes(seconds: ColumnElement[Any]) -> ColumnElement[Any]:
    """Whole minutes, none begun."""
    return seconds // 60


def _void(reason: str) -> str:
    return f"{VOID_REASONS[reason].zh} {VOID_REASONS[reason].en}"


def _left_out(conn: Connection, row: Row[Any]) -> listing.Listed:
    x, v, s = exclusions.c, visits.c, seniors.c
    source: Select[Any] = select().select_from(exclusions).join(visits, v.id == x.visit_id)
    source = source.join(seniors, s.id == v.senior_id).where(left_out.of(row))
    columns = (
        Column("visit", "服务", "Visit", x.visit_id, link=_visit_link(row.id)),
        Column("reason", "原因", "Reason", left_out.said(x.reason)),
        Column("check_in", "签到", "In", v.check_in_at, "moment"),
        Column("senior", "老人", "Senior", s.name),
        Column("void_reason", "废单原因", "Void for", v.void_reason, words=_void),
        Column("subsidy", "补贴", "Subsidy", x.subsidy_fen, "yuan"),
    )
    return listing.look(conn, source, columns, sort="reason", name=f"left-out-{row.id}")
