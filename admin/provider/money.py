"""Statements line by line, questions on them, payments and when they come, complaints about the provider."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, Select, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Form, Text
from admin.frame.listing import Column
from admin.provider.desk import desk, said, whose
from settlement.closing import awaiting, left_out, printed, questions, waiting
from settlement.closing.adjusting import KINDS
from settlement.closing.tables import (
    adjustments,
    exclusions,
    payment_orders,
    statement_lines,
    statement_questions,
    statements,
)
from settlement.supervision import complaints
from settlement.supervision.tables import complaints as complaint_rows
from settlement.visits.tables import visits

STEPS = {
    "months": ("三个月都关账", "three months closed"),
    "gathered": ("季度汇总", "quarter gathered"),
    "approved": ("镇、民政、财政签批", "signed by town, civil affairs, finance"),
    "ordered": ("出付款单", "payment orders"),
    "exported": ("送银行", "sent to the bank"),
    "paid": ("到账", "paid"),
}


class Words(Form):
    words = Text(most=questions.LONGEST)
    visit_id = Text(most=40, load_default=None)


@desk.page("/statements", may="provider_work.read", menu=("月结算单", "Statements"))
def statements_all() -> Response | str:
    m = statements.c
    columns = (
        Column("id", "结算单", "statement", m.id, hidden=True),
        Column("month", "月份", "month", m.month, link=lambda row: url_for("provider.statement", statement_id=row.id)),
        Column("town", "镇街", "town", m.town),
        Column("visits", "服务次数", "visits", m.visits, "number"),
        Column("subsidy_fen", "补贴", "subsidy", m.subsidy_fen, "yuan"),
        Column("personal_fen", "个人", "own money", m.personal_fen, "yuan"),
        Column("adjustments_fen", "调整", "adjustments", m.adjustments_fen, "yuan"),
        Column("net_fen", "净额", "net", m.net_fen, "yuan"),
        Column("status", "状态", "state", m.status, "code"),
    )
    with looking() as conn:
        source = select().select_from(statements).where(m.provider_id == whose(conn))
        found = listing.look(conn, source, columns, sort="-month", name="statements")
        to_answer = conn.execute(_to_answer(questions.waiting(asked_by_provider=False))).all()
    return found.download or render_template("provider/statements.html", found=found, waiting=to_answer)


@desk.page("/statements/<statement_id>", may="provider_work.read")
def statement(statement_id: str, question_id: int | None = None) -> Response | str:
    """``question_id``: the one whose answer was refused; what was typed stays there."""
    line, v, x, a = statement_lines.c, visits.c, exclusions.c, adjustments.c
    columns = (
        Column(
            "visit_id",
            "服务",
            "visit",
            line.visit_id,
            link=lambda row: url_for("provider.visit", visit_id=row.visit_id),
        ),
        Column("check_in_at", "签到", "check-in", v.check_in_at, "moment"),
        Column("service_month", "服务月份", "month of service", line.service_month),
        Column("subsidy_fen", "补贴", "subsidy", line.subsidy_fen, "yuan"),
        Column("personal_fen", "个人", "own money", line.personal_fen, "yuan"),
    )
    with looking() as conn:
        row = _statement(conn, statement_id)
        source = select().select_from(statement_lines.join(visits, v.id == line.visit_id))
        found = listing.look(
            conn, source.where(line.statement_id == statement_id), columns, sort="check_in_at", name=statement_id
        )
        out = select(exclusions).join(visits, v.id == x.visit_id).where(left_out.of(row))
        shown: dict[str, Any] = {
            "row": row,
            "found": found,
            "kinds": KINDS,
            "reason": left_out.words,
            "answering": question_id,
        }
        shown["left_out"] = conn.execute(out.order_by(x.visit_id, x.reason)).all()
        shown["adjusted"] = conn.execute(select(adjustments).where(a.statement_id == statement_id).order_by(a.id)).all()
        shown["questions"] = questions.of_statement(conn, statement_id)
    return found.download or render_template("provider/statement.html", **shown, state=questions.state)


@desk.page("/statements/<statement_id>/paper", may="provider_work.read")
def paper(statement_id: str) -> Response:
    """The statement as a PDF signed with the district's seal key."""
    with looking() as conn:
        _statement(conn, statement_id)
        made = printed.pdf(conn, here().ring, statement_id)
    return listing.attachment(made, f"{statement_id}.pdf", "application/pdf")


@desk.act("/statements/<statement_id>/questions", may="provider_work.do", shows=statement)
def ask(statement_id: str) -> Response:
    given = forms.read(Words)
    with acting() as act:
        _statement(act.conn, statement_id)
        questions.ask(act, statement_id, given["visit_id"], given["words"])
    return _back(statement_id, "已提出，镇街会答复", "Asked; the town answers")


@desk.act("/statements/<statement_id>/questions/<int:question_id>/answer", may="provider_work.do", shows=statement)
def answer(statement_id: str, question_id: int) -> Response:
    given = forms.read(Words)
    with acting() as act:
        _question(act.conn, statement_id, question_id)
        questions.answer(act, question_id, given["words"])
    return _back(statement_id, "已答复", "Answered")


@desk.act("/statements/<statement_id>/questions/<int:question_id>/close", may="provider_work.do", shows=statement)
def close(statement_id: str, question_id: int) -> Response:
    with acting() as act:
        _question(act.conn, statement_id, question_id)
        questions.close(act, question_id)
    return _back(statement_id, "问题已关闭", "The question is closed")


@desk.page("/payments", may="provider_work.read", menu=("付款：什么时候到账", "Payments: when"))
def payments() -> Response | str:
    o = payment_orders.c
    columns = (
        Column("id", "付款单", "order", o.id),
        Column("period", "期间", "period", o.period),
        Column("town", "镇街", "town", o.town),
        Column(
            "kind",
            "种类",
            "kind",
            said(o.kind, {"provider": ("补贴", "subsidy"), "personal": ("个人账户", "own money")}),
        ),
        Column("amount_fen", "金额", "amount", o.amount_fen, "yuan"),
        Column("payer_name", "付款方", "payer", o.payer_name),
        Column("status", "状态", "state", o.status, "code"),
        Column("status_at", "时间", "since", o.status_at, "moment"),
        Column("bank_reference", "银行流水", "bank reference", o.bank_reference),
        Column("return_reason", "退回原因", "returned because", o.return_reason),
    )
    with looking() as conn:
        provider_id = whose(conn)
        source = select().select_from(payment_orders).where(o.payee == f"provider:{provider_id}")
        found = listing.look(conn, source, columns, sort="-status_at", name="payments")
        awaited = awaiting.of(conn, provider_id)
        drafted = [order for each in awaited for order in each.orders if order.status == "drafted"]
        waits = waiting.reasons(conn, drafted)
    shown: dict[str, Any] = {"found": found, "awaited": awaited, "steps": STEPS}
    shown |= {"waits": waits, "wait_words": waiting.WORDS}
    return found.download or render_template("provider/payments.html", **shown)


@desk.page("/complaints", may="provider_work.read", menu=("投诉", "Complaints"))
def complained() -> Response | str:
    c = complaint_rows.c
    kinds = {code: (kind.zh, kind.en) for code, kind in complaints.KINDS.items()}
    columns = (
        Column("id", "编号", "no.", c.id, "number"),
        Column("opened_at", "提出", "opened", c.opened_at, "moment"),
        Column("town", "镇街", "town", c.town),
        Column("kind", "事由", "kind", said(c.kind, kinds)),
        Column("visit_id", "服务", "visit", c.visit_id, link=_to_visit),
        Column("status", "状态", "state", said(c.status, complaints.STATUS)),
        Column("remedy", "处理", "remedy", said(c.remedy, complaints.REMEDIES)),
        Column("decided_why", "理由", "why", c.decided_why, sorts=False),
    )
    with looking() as conn:
        source = select().select_from(complaint_rows).where(c.provider_id == whose(conn))
        found = listing.look(conn, source, columns, sort="-opened_at", name="complaints")
    return found.download or render_template("provider/complaints.html", found=found)


def _to_visit(row: Row[Any]) -> str:
    return url_for("provider.visit", visit_id=row.visit_id) if row.visit_id else url_for("provider.complained")


def _statement(conn: Connection, statement_id: str) -> Row[Any]:
    query = scope.within(select(statements), provider=statements.c.provider_id)
    return scope.one(conn, query.where(statements.c.id == statement_id), "statement")


def _question(conn: Connection, statement_id: str, question_id: int) -> None:
    """Raise Refused(NOT_FOUND) unless the question stands on the statement, and that is the officer's own."""
    _statement(conn, statement_id)
    q = statement_questions.c
    query = select(statement_questions).where(q.id == question_id, q.statement_id == statement_id)
    scope.one(conn, query, "question")


def _to_answer(query: Select[Any]) -> Select[Any]:
    """Questions of offices that nobody answered yet."""
    unanswered = query.where(statement_questions.c.answered_at.is_(None))
    return scope.within(unanswered, provider=statements.c.provider_id)


def _back(statement_id: str, zh: str, en: str) -> Response:
    done(zh, en)
    return redirect(url_for("provider.statement", statement_id=statement_id), 303)  # type: ignore[return-value]
