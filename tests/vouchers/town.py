"""One town's issuance as its people do it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

import settlement.policy
from settlement.act import SYSTEM, Act
from settlement.cards import book
from settlement.ledger import balance
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.vouchers import integrity, issuance, runs
from tests.cards.county import SCHEME, TOWN, TOWN_CLERK, TOWN_HEAD
from tests.support import acting, at

JULY, AUGUST, SEPTEMBER = Month(2026, 7), Month(2026, 8), Month(2026, 9)
JIANGDU = (Path(settlement.policy.__file__).parent / "schemes" / "jiangdu.toml").read_text()


def store_scheme(act: Act, text: str = JIANGDU) -> Scheme:
    return store.store(Act(act.conn, SYSTEM, at("2025-01-01 00:00")), text)


def issue(engine: Engine, month: Month, when: str) -> runs.Run:
    """The clerk drafts, the head approves, the system loads it."""
    with acting(engine, when, TOWN_CLERK) as act:
        (run,) = issuance.draft(act, SCHEME, month, TOWN)
    with acting(engine, when, TOWN_HEAD) as act:
        issuance.approve(act, run.id)
    with acting(engine, when) as act:
        return issuance.post(act, run.id)


def subsidy(engine: Engine, card_id: int) -> int:
    """What is in the purse that carries over."""
    with engine.connect() as conn:
        return balance.balance(conn, book.get(conn, card_id).subsidy_account_id)


def clean(engine: Engine) -> None:
    """Issuance proves itself."""
    with engine.connect() as conn:
        assert integrity.check(conn) == []
