"""What a caller is asked before anything is said about a card: things that its holder knows. Answers are compared here and never shown.

Who comes to the door sees the card, the telephone and what is debited; so the identity number's last four are always among the questions. Which
others are asked is drawn for each person and day: whoever hangs up and calls again is asked the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from settlement.cards.tables import cards, media
from settlement.keys import KeyRing
from settlement.money import parse_yuan
from settlement.outcomes import Reason, Refused
from settlement.people.register import ID_LAST4
from settlement.people.register import PHONE as SENIORS_PHONE
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.visits.tables import debits, visits

ASKED = 3
"""Questions to a senior; an agent names the own telephone besides."""
OF_DAYS = "hotline.questions"

Facts = Row[Any]
Knows = Callable[[Facts, KeyRing, str], bool]


class Question(NamedTuple):
    """``kind``: how it is typed (text, date). ``known``: whether the books hold the answer; ``right``: whether what was typed is it."""

    zh: str
    en: str
    kind: str
    known: Callable[[Facts], bool]
    right: Knows


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip().replace("/", "-"))
    except ValueError:
        return None


def _amount(typed: str) -> int | None:
    try:
        return parse_yuan(typed.strip())
    except ValueError:
        return None


def _last_four_of_identity(facts: Facts, ring: KeyRing, typed: str) -> bool:
    return bool(ring.index(typed.strip().upper(), ID_LAST4) == facts.id_last4_index)


def _last_four_of_phone(facts: Facts, ring: KeyRing, typed: str) -> bool:
    return ring.decrypt(facts.phone_cipher, SENIORS_PHONE)[-4:] == _digits(typed)


def _near(facts: Facts, ring: KeyRing, typed: str) -> bool:
    """The day of the last visit, or the day beside it: people mix up yesterday and the day before."""
    day = _day(typed)
    return day is not None and abs((local_date(facts.last_visit) - day).days) <= 1


QUESTIONS: Mapping[str, Question] = {
    "id_last4": Question("身份证号末四位", "the last four of the identity number", "text", lambda f: True, _last_four_of_identity),
    "birth_date": Question("身份证上的出生日期", "the date of birth on the identity card", "date", lambda f: True, lambda f, ring, typed: _day(typed) == f.birth_date),
    "card_last4": Question("卡号末四位", "the last four of the card's number", "text", lambda f: f.card_no is not None, lambda f, ring, typed: f.card_no[-4:] == _digits(typed)),
    "phone_last4": Question("登记电话末四位", "the last four of the telephone on record", "text", lambda f: f.phone_cipher is not None, _last_four_of_phone),
    "emergency_name": Question("紧急联系人姓名", "the name of the emergency contact", "text", lambda f: bool(f.emergency_name), lambda f, ring, typed: re.sub(r"\s", "", typed) == f.emergency_name),
    "last_visit": Question("最近一次上门服务是哪天（差一天也算）", "the day of the last visit, give or take one", "date", lambda f: f.last_visit is not None, _near),
    "last_debit": Question("最近一次扣了多少钱（元）", "the amount of the last debit, yuan", "text", lambda f: f.last_total is not None, lambda f, ring, typed: _amount(typed) == f.last_total),
}  # fmt: skip
FIRST = "id_last4"


def drawn(conn: Connection, ring: KeyRing, senior_id: int, now: datetime) -> list[str]:
    """The codes of the questions to ask about a person today. Raises Refused(NOT_FOUND)."""
    facts = _facts(conn, senior_id)
    others = [code for code, question in QUESTIONS.items() if code != FIRST and question.known(facts)]
    day = local_date(now)
    others.sort(key=lambda code: ring.index(f"{senior_id}|{day}|{code}", OF_DAYS))
    return [FIRST, *others[: ASKED - 1]]


def knows(conn: Connection, ring: KeyRing, senior_id: int, questions: Sequence[str], given: Mapping[str, str]) -> bool:
    """Whether every question was answered rightly; an answer that is missing is wrong."""
    facts = _facts(conn, senior_id)
    answers = [
        QUESTIONS[code].known(facts) and QUESTIONS[code].right(facts, ring, given.get(code, "")) for code in questions
    ]
    return all(answers)


def _facts(conn: Connection, senior_id: int) -> Facts:
    s, m, d, v = seniors.c, media.c, debits.c, visits.c
    newest = select(m.card_no).join(cards, cards.c.id == m.card_id).where(cards.c.senior_id == senior_id)
    of_mine = select(d.total_fen).join(cards, cards.c.id == d.card_id)
    of_mine = of_mine.where(cards.c.senior_id == senior_id, d.status == "posted")
    served = select(func.max(v.check_in_at)).where(v.senior_id == senior_id, v.status.in_(("served", "paid")))
    query = select(s.birth_date, s.id_last4_index, s.phone_cipher, s.emergency_name).add_columns(
        newest.order_by(m.issue.desc()).limit(1).scalar_subquery().label("card_no"),
        of_mine.order_by(d.occurred_at.desc(), d.id).limit(1).scalar_subquery().label("last_total"),
        served.scalar_subquery().label("last_visit"),
    )
    row = conn.execute(query.where(s.id == senior_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"senior {senior_id}")
    return row
