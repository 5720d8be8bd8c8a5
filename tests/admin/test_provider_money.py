"""What a provider sees of its money: statements with questions, what was left out, and when it is paid."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from settlement.closing import awaiting, payment, questions
from settlement.closing.tables import payment_orders, statement_questions
from tests.admin.office import Answer, Office
from tests.closing.county import AUGUST, FINANCE, JULY, SEPTEMBER, TOWN_1, XIANNV, County, statement_id
from tests.support import acting, at

Q3 = "2026-Q3"


class Books:
    """The county of closing; 方 of provider A, 孙 of provider B. July: two visits of 10.00 and 5.00, one never checked out."""

    def __init__(self, engine: Engine) -> None:
        self.county = County(engine).build()
        self.engine = engine
        self.office = Office(engine, at("2026-08-05 09:00"))
        self.county.serve("v1", subsidy=1000, personal=200)
        self.county.serve("v2", when="2026-07-11 09:00", subsidy=500)
        self.county.serve("v3", when="2026-07-12 09:00", seconds=None, debited=False)
        self.county.draw(JULY)
        self.a = self.county.providers["A"]
        self.fang = self.office.seat("fang", "provider", provider_id=self.a)
        self.sun = self.office.seat("sun2", "provider", provider_id=self.county.providers["B"])
        self.path = f"/provider/statements/{statement_id(JULY, self.a)}"

    def awaited(self) -> awaiting.Awaited:
        with self.engine.connect() as conn:
            (one,) = awaiting.of(conn, self.a)
        return one

    def question(self) -> int:
        with acting(self.engine, self.office.now, TOWN_1) as act:
            return questions.ask(act, statement_id(JULY, self.a), "v2", "这次是否到场？")


@pytest.fixture
def books(engine: Engine) -> Books:
    return Books(engine)


def rows(answer: Answer, caption: str) -> list[list[str]]:
    found = answer.find(f"//table[caption[starts-with(normalize-space(.), '{caption}')]]/tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found]


def test_a_statement_shows_its_lines_and_what_was_left_out(books: Books) -> None:
    listed = rows(books.fang.get("/provider/statements"), "月结算单")
    assert listed == [["2026-07", XIANNV, "2", "15.00", "2.00", "0.00", "15.00", "已出单"]]
    page = books.fang.get(books.path)
    lines = [[line[0], *line[3:]] for line in rows(page, "列入的服务")]
    assert lines == [["v1", "10.00", "2.00"], ["v2", "5.00", "0.00"]]
    assert rows(page, "没有列入") == [["v3", "没有签退 no check-out", "0.00"]]


def test_another_providers_statement_is_answered_like_none(books: Books) -> None:
    question_id = books.question()
    for path in (books.path, f"{books.path}/paper", "/provider/statements/nobody"):
        assert books.sun.get(path).status == 404
    assert books.sun.post(f"{books.path}/questions", words="为什么？").status == 404
    assert books.sun.post(f"{books.path}/questions/{question_id}/answer", words="到场").status == 404
    assert books.sun.post(f"{books.path}/questions/{question_id}/close").status == 404
    assert "这次是否到场" not in books.sun.get("/provider/statements").text


def test_a_question_is_answered_once(books: Books) -> None:
    question_id = books.question()
    assert "这次是否到场？" in books.fang.get("/provider/statements").text
    answer = books.fang.post(f"{books.path}/questions/{question_id}/answer", words="到场，有签到记录")
    assert answer.status == 303
    assert "到场，有签到记录" in books.fang.get(books.path).text
    assert "这次是否到场？" not in books.fang.get("/provider/statements").text
    assert books.fang.post(f"{books.path}/questions/{question_id}/answer", words="再说一次").status == 409


def test_a_question_of_another_statement_is_not_found(books: Books) -> None:
    assert books.fang.post(f"{books.path}/questions/999/answer", words="到场").status == 404


def test_a_provider_asks_about_a_line_and_closes_its_question(books: Books) -> None:
    assert books.fang.post(f"{books.path}/questions", visit_id="v3", words="已补签，为什么没有列入？").status == 303
    assert books.fang.post(f"{books.path}/questions", visit_id="nobody", words="为什么？").status == 404
    with books.engine.connect() as conn:
        q = statement_questions.c
        [row] = conn.execute(select(q.id, q.visit_id, q.asked_by))
    assert row[1:] == ("v3", "fang")
    assert books.fang.post(f"{books.path}/questions/{row.id}/close").status == 303
    assert "已关闭" in books.fang.get(books.path).text


def test_when_it_is_paid_follows_the_quarter_to_the_bank(books: Books) -> None:
    """15.00 of July; the town, the district, the quarter's signatures, the export, the bank: each in its turn."""
    county = books.county
    assert (books.awaited().net_fen, books.awaited().settled, books.awaited().done) == (1500, False, ())
    assert books.awaited().waiting_for == (f"town:{XIANNV}",)
    county.sign_month(JULY)
    for month in (AUGUST, SEPTEMBER):
        county.close(month)
    assert books.awaited().waiting_for == ("system",)
    county.quarter()
    county.quarter()
    assert (books.awaited().settled, books.awaited().waiting_for) == (True, (f"town:{XIANNV}",))
    county.sign(TOWN_1, "town", XIANNV)
    assert books.awaited().waiting_for == ("civil_affairs",)
    county.sign_quarter()
    assert books.awaited().waiting_for == ("system",)
    county.quarter()
    county.quarter()
    assert books.awaited().done == ("months", "gathered", "approved", "ordered")
    (payer,) = books.awaited().waiting_for
    assert payer == f"town:{XIANNV}"
    with acting(books.engine, "2026-10-10 09:00", FINANCE) as act:
        sent = payment.export(act, "jiangdu", Q3)
    assert sent.orders == 2
    assert (books.awaited().waiting_for, books.awaited().done[-1]) == (("bank",), "exported")
    page = books.fang.get("/provider/payments")
    assert [row[4] for row in rows(page, "付款单") if row[1] == Q3] == ["15.00"]
    with acting(books.engine, "2026-10-12 09:00", FINANCE) as act:
        o = payment_orders.c
        paid = payment_orders.update().where(o.kind == "provider", o.period == Q3)
        act.conn.execute(paid.values(status="paid", status_at=act.now))
    assert (books.awaited().waiting_for, books.awaited().paid_fen) == ((), 1500)
    assert "已到账 15.00 元" in books.fang.get("/provider/payments").text
    assert rows(books.sun.get("/provider/payments"), "付款单")[0] == ["没有记录 Nothing here"]
