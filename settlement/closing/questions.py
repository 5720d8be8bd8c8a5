"""Questions on a statement or one of its lines, and their answers, before money follows from it.

An office asks the provider, a provider asks the office. A town does not verify a statement under a question of its own that is open, nor does
the district confirm a month under one of its own; a provider's question stops nobody, but stands beside the statement for all to see. Whoever
asked closes the question, answered or not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, insert, or_, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing.tables import exclusions, month_closes, statement_lines, statement_questions, statements
from settlement.outcomes import Reason, Refused
from settlement.visits.tables import visits

LONGEST = 500
"""Characters of a question, and of an answer."""
q = statement_questions.c
is_open = q.closed_at.is_(None)


def ask(act: Act, statement_id: str, visit_id: str | None, words: str) -> int:
    """Ask about a statement, or about one visit on it or kept out of it; the question's id.

    Raises Refused: NOT_FOUND for a statement that is not there or a visit that is none of its; NOT_ALLOWED; BAD_INPUT without words.
    """
    statement = _statement(act.conn, statement_id)
    officers.require(act, "statement.ask", town=statement.town, provider_id=statement.provider_id)
    # Whoever verifies or confirms holds the same row: a question is before the signature or after it.
    close = and_(
        month_closes.c.scheme_code == statement.scheme_code,
        month_closes.c.month == statement.month,
    )
    act.conn.execute(select(month_closes.c.stage).where(close).with_for_update()).one()
    if visit_id is not None and not _concerns(act.conn, statement, visit_id):
        raise Refused(Reason.NOT_FOUND, what=f"visit {visit_id}")
    row: dict[str, Any] = {"statement_id": statement_id, "visit_id": visit_id, "words": _worded(words)}
    row |= {"asked_by": act.actor.id, "asked_role": act.actor.role, "asked_at": act.now}
    id: int = act.conn.execute(insert(statement_questions).values(row).returning(q.id)).scalar_one()
    act.audit("statement.ask", f"statement:{statement_id}", after={"question": id, "visit": visit_id})
    return id


def answer(act: Act, question_id: int, words: str) -> None:
    """The other side answers, once.

    Raises Refused: NOT_FOUND; NOT_ALLOWED for the side that asked; WRONG_STATE when it is answered or closed; BAD_INPUT without words.
    """
    question, statement = _locked(act, question_id)
    officers.require(act, "statement.answer", town=statement.town, provider_id=statement.provider_id)
    if (question.asked_role == "provider") == (act.actor.role == "provider"):
        raise Refused(Reason.NOT_ALLOWED)
    if state(question) != "asked":
        raise Refused(Reason.WRONG_STATE, state=state(question), event="answer")
    answered = {"answer": _worded(words), "answered_by": act.actor.id, "answered_at": act.now}
    act.conn.execute(update(statement_questions).where(q.id == question_id).values(**answered))
    act.audit("statement.answer", f"statement:{statement.id}", after={"question": question_id})


def close(act: Act, question_id: int) -> None:
    """The side that asked is content, or no longer asks. Closed already: no change.

    Raises Refused(NOT_FOUND), Refused(NOT_ALLOWED) for another office than the one that asked.
    """
    question, statement = _locked(act, question_id)
    officers.require(act, "statement.ask", town=statement.town, provider_id=statement.provider_id)
    if act.actor.role != question.asked_role:
        raise Refused(Reason.NOT_ALLOWED)
    if question.closed_at is not None:
        return
    closed = {"closed_by": act.actor.id, "closed_at": act.now}
    act.conn.execute(update(statement_questions).where(q.id == question_id).values(**closed))
    after = {"question": question_id, "answered": question.answered_at is not None}
    act.audit("statement.close_question", f"statement:{statement.id}", after=after)


def require_none(conn: Connection, which: ColumnElement[bool], asked_role: str) -> None:
    """Raise Refused(QUESTION_OPEN) while an office has an open question of its own on one of the statements (``which``: of ``statements``)."""
    open_ones = select(q.statement_id).join(statements, statements.c.id == q.statement_id)
    open_ones = open_ones.where(which, q.asked_role == asked_role, is_open)
    found = conn.execute(open_ones.order_by(q.id).limit(1)).scalar_one_or_none()
    if found is not None:
        raise Refused(Reason.QUESTION_OPEN, statement=found)


def state(question: Row[Any]) -> str:
    """asked, answered or closed."""
    if question.closed_at is not None:
        return "closed"
    return "asked" if question.answered_at is None else "answered"


def of_statement(conn: Connection, statement_id: str) -> list[Row[Any]]:
    """Every question on a statement, oldest first: the columns of ``statement_questions``."""
    return list(conn.execute(select(statement_questions).where(q.statement_id == statement_id).order_by(q.id)))


def waiting(asked_by_provider: bool) -> Select[Any]:
    """A query of the open questions of one side with ``town``, ``provider_id`` and ``month`` of their statements, for the other side to narrow."""
    s = statements.c
    of_side = q.asked_role == "provider" if asked_by_provider else q.asked_role != "provider"
    query = select(statement_questions, s.town, s.provider_id, s.month).join(statements, s.id == q.statement_id)
    return query.where(of_side, is_open).order_by(q.id)


def _statement(conn: Connection, statement_id: str) -> Row[Any]:
    row = conn.execute(select(statements).where(statements.c.id == statement_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"statement {statement_id}")
    return row


def _locked(act: Act, question_id: int) -> tuple[Row[Any], Row[Any]]:
    question = act.conn.execute(select(statement_questions).where(q.id == question_id).with_for_update()).one_or_none()
    if question is None:
        raise Refused(Reason.NOT_FOUND, what=f"question {question_id}")
    return question, _statement(act.conn, question.statement_id)


def _concerns(conn: Connection, statement: Row[Any], visit_id: str) -> bool:
    """Whether a visit is paid by the statement or was kept out of it."""
    line, x, v = statement_lines.c, exclusions.c, visits.c
    paid = exists().where(line.visit_id == visit_id, line.statement_id == statement.id)
    kept_out = exists().where(
        x.visit_id == visit_id,
        x.scheme_code == statement.scheme_code,
        x.month == statement.month,
        v.id == x.visit_id,
        v.provider_id == statement.provider_id,
        v.town == statement.town,
    )
    return bool(conn.execute(select(or_(paid, kept_out))).scalar_one())


def _worded(words: str) -> str:
    words = words.strip()
    if not words or len(words) > LONGEST:
        raise Refused(Reason.BAD_INPUT, detail=f"1–{LONGEST}字 | 1–{LONGEST} characters")
    return words
