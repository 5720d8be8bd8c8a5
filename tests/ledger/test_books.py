"""Closing periods: what is closed stays closed, whoever closes at the same time."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, func, select

from settlement.act import SYSTEM, begin
from settlement.audit import audit_rows
from settlement.db import reading
from settlement.ledger import books
from tests.support import acting, at

NOW = at("2026-08-05 01:30")
JULY, AUGUST = date(2026, 7, 1), date(2026, 8, 1)


def test_what_is_closed_is_not_opened_again(engine: Engine) -> None:
    for day in (AUGUST, JULY, AUGUST):
        with acting(engine) as act:
            books.close_before(act, day)
    with reading(engine) as conn:
        assert books.open_from(conn) == AUGUST
        assert books.effective_on(conn, at("2026-07-31 23:59")) == AUGUST
        assert books.effective_on(conn, at("2026-08-02 00:00")) == date(2026, 8, 2)
        closed = select(func.count()).select_from(audit_rows).where(audit_rows.c.act == "books.close_before")
        assert conn.execute(closed).scalar_one() == 1


@pytest.mark.parametrize("first_ever", [True, False])
def test_a_close_of_an_earlier_month_that_waited_for_a_later_one_opens_nothing(
    engine: Engine, first_ever: bool
) -> None:
    if not first_ever:
        with acting(engine) as act:
            books.close_before(act, date(2026, 1, 1))

    def close_july() -> None:
        with begin(engine, SYSTEM, NOW) as act:
            books.close_before(act, JULY)

    other = threading.Thread(target=close_july)
    with begin(engine, SYSTEM, NOW) as act:
        books.close_before(act, AUGUST)
        other.start()
        other.join(timeout=0.5)  # it waits for us
        assert other.is_alive()
    other.join()
    with reading(engine) as conn:
        assert books.open_from(conn) == AUGUST
