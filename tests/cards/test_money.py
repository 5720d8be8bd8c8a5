"""Own money at the operator's counter, and the operator's daily file against our books."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from settlement.cards import book, money, operator_file, registry
from settlement.cards.tables import operator_files, top_ups
from settlement.ledger import balance
from settlement.outcomes import Reason, Refused
from tests.cards.county import COUNTER, TOWN_HEAD, card, senior
from tests.support import acting, at

DAY = date(2026, 7, 3)
HEADER = "交易流水号,卡号,交易类型,金额,交易时间\n"


def test_a_top_up_repeated_is_one_and_other_content_is_refused(engine: Engine) -> None:
    with acting(engine, "2026-07-03 10:00", COUNTER) as act:
        card_id = card(act, senior(act))
        moment = at("2026-07-03 09:15")
        assert not money.top_up(act, "T1", card_id, 100_00, moment).replayed
        assert money.top_up(act, "T1", card_id, 100_00, moment).replayed
        purse = book.get(act.conn, card_id).personal_account_id
        assert balance.balance(act.conn, purse) == 100_00
        for call, reason in (
            (lambda: money.top_up(act, "T1", card_id, 100_01, moment), Reason.ID_REUSED),
            (lambda: money.refund(act, "T1", card_id, 100_00, moment), Reason.ID_REUSED),
            (lambda: money.top_up(act, "T2", card_id, 0, moment), Reason.AMOUNT_NOT_POSITIVE),
            (lambda: money.refund(act, "R1", card_id, 100_01, moment), Reason.INSUFFICIENT_FUNDS),
        ):
            with pytest.raises(Refused) as refusal:
                call()
            assert refusal.value.reason is reason
        assert money.refund(act, "R1", card_id, 40_00, moment).balances[purse] == 60_00


def test_a_frozen_card_takes_money_and_gives_it_back_by_closing_only(engine: Engine) -> None:
    with acting(engine, "2026-07-03 10:00", COUNTER) as act:
        card_id = card(act, senior(act))
        registry.report_lost(act, card_id)
        money.top_up(act, "T1", card_id, 100_00, act.now)
        with pytest.raises(Refused) as refusal:
            money.refund(act, "R1", card_id, 1_00, act.now)
        assert refusal.value.reason is Reason.ACCOUNT_FROZEN
        assert money.close(act, card_id, payee="senior", why="本人申请").refunded_fen == 100_00
    with pytest.raises(Refused) as refusal, acting(engine, "2026-07-03 11:00", TOWN_HEAD) as act:
        money.top_up(act, "T2", card_id, 1_00, act.now)
    assert refusal.value.reason is Reason.NOT_ALLOWED


def test_a_closing_pays_out_under_a_number_of_its_own(engine: Engine) -> None:
    """T1 is a top-up's: what the operator's file says of it would be two things."""
    with acting(engine, "2026-07-03 10:00", COUNTER) as act:
        card_id = card(act, senior(act))
        money.top_up(act, "T1", card_id, 100_00, act.now)
    with pytest.raises(Refused) as refusal, acting(engine, "2026-07-03 11:00", COUNTER) as act:
        money.close(act, card_id, payee="senior", refund_no="T1", why="本人申请")
    assert refusal.value.reason is Reason.ID_REUSED
    with acting(engine, "2026-07-03 11:00", COUNTER) as act:
        assert book.get(act.conn, card_id).status == "active"
        assert money.close(act, card_id, payee="senior", refund_no="R1", why="本人申请").refunded_fen == 100_00


def test_the_operators_day_is_compared_line_by_line(engine: Engine) -> None:
    """Ours: T1 100.00, T2 50.00, T3 20.00 refunded, T4 80.00. Theirs: T1 alike, T2 as 55.00, T3 alike, T5 30.00 unknown to us, no T4."""
    with acting(engine, "2026-07-03 18:00", COUNTER) as act:
        card_id = card(act, senior(act))
        number = book.live_medium(act.conn, card_id).card_no  # type: ignore[union-attr]
        for id, kind, fen, time in (
            ("T1", money.top_up, 100_00, "09:00"),
            ("T2", money.top_up, 50_00, "09:10"),
            ("T3", money.refund, 20_00, "10:00"),
            ("T4", money.top_up, 80_00, "17:00"),
        ):
            kind(act, id, card_id, fen, at(f"2026-07-03 {time}"))
    file = (
        HEADER + f"T1,{number},充值,100.00,2026-07-03 09:00:00\nT2,{number},充值,55.00,2026-07-03 09:10:00\n"
        f"T3,{number},退款,20.00,2026-07-03 10:00:00\nT5,{number},充值,30.00,2026-07-03 11:00:00\n"
    ).encode()
    with acting(engine, "2026-07-04 08:00", COUNTER) as act:
        first = operator_file.reconcile(act, DAY, file)
    assert (first.rows, first.matched, first.total_fen, first.repeated) == (4, 2, 165_00, False)
    assert {(f.code, f.subject) for f in first.findings} == {
        ("operator_differs", "topup:T2"),
        ("operator_missing_here", "topup:T5"),
        ("operator_missing_there", "topup:T4"),
    }
    with acting(engine, "2026-07-04 09:00", COUNTER) as act:
        again = operator_file.reconcile(act, DAY, file)
        assert again.repeated
        assert again.findings == first.findings
        assert act.conn.execute(select(operator_files.c.differences)).scalar_one() == 3
        assert sorted(act.conn.execute(select(top_ups.c.id).where(top_ups.c.operator_day == DAY)).scalars()) == [
            "T1",
            "T3",
        ]
        # The counter books the forgotten T5 under its number, and the operator sends a corrected file.
        money.top_up(act, "T5", card_id, 30_00, at("2026-07-03 11:00"))
        mended = file.replace(b"55.00", b"50.00") + f"T4,{number},充值,80.00,2026-07-03 17:00:00\n".encode()
        assert operator_file.reconcile(act, DAY, mended).findings == ()
        twice = operator_file.reconcile(
            act, date(2026, 7, 4), HEADER.encode() + f"T4,{number},充值,80,2026-07-03 17:00:00\n".encode()
        )
        assert [f.code for f in twice.findings] == ["operator_twice", "operator_wrong_day"]


def test_a_file_that_cannot_be_read_names_its_lines(engine: Engine) -> None:
    bad = (
        HEADER + "T1,8812,充值,abc,2026-07-03 09:00:00\nT2,8812,赠送,1.00,2026-07-03 09:00:00\nT3,8812,充值,1.00,昨天\n"
    )
    bad += "T4,8812,充值,1.00,2026-07-03 09:00:00\nT4,8812,充值,1.00,2026-07-03 09:00:00\n"
    with pytest.raises(Refused) as refusal, acting(engine, by=COUNTER) as act:
        operator_file.reconcile(act, DAY, bad.encode("gb18030"))
    for line in (2, 3, 4, 6):
        assert f"第{line}行" in refusal.value.details["detail"]
    with pytest.raises(Refused) as refusal, acting(engine, by=COUNTER) as act:
        operator_file.reconcile(act, DAY, b"a,b\n1,2\n")
    assert "交易流水号" in refusal.value.details["detail"]
