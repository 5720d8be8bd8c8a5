"""Orders go out to the bank once, and its answers are taken in whole or not at all."""

from __future__ import annotations

from io import BytesIO

import pytest
from openpyxl import load_workbook

from settlement.act import Actor
from settlement.closing import bankfile, integrity, payers, payment
from settlement.closing.payment import Confirmation, Export
from settlement.closing.tables import bank_batches, bank_results, payer_accounts, payment_orders, quarter_closes
from settlement.db import reading
from settlement.ledger import chart
from settlement.ledger.tables import transfers
from settlement.outcomes import Reason, Refused
from tests.closing.county import (
    AFFAIRS,
    AUGUST,
    DINGHUO,
    FINANCE,
    FINANCE_2,
    JULY,
    SCHEME,
    SEPTEMBER,
    XIANNV,
    County,
)
from tests.support import acting, officer

P1, P2, T1 = (f"{SCHEME}-2026-Q3-{number}" for number in ("P001", "P002", "T001"))


@pytest.fixture
def ordered(county: County) -> County:
    """One town, two providers: 1,000.00 and 10.01 yuan; the district owes the town 700.00 + 7.01 = 707.01."""
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", XIANNV, subsidy=1001, personal=250)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    assert county.settle() == "ordered"
    return county


def export(
    county: County, period: str = "2026-Q3", by: Actor = FINANCE, now: str = "2026-10-12 09:00", **how: str
) -> Export:
    with acting(county.engine, now, by) as act:
        return payment.export(act, SCHEME, period, **how)


def answer(county: County, *lines: str, by: Actor = FINANCE, now: str = "2026-10-13 16:00") -> Confirmation:
    data = "".join(f"{line}\r\n" for line in ("H|x", *lines, "T|x")).encode("gb18030")
    with acting(county.engine, now, by) as act:
        return payment.confirm(act, data)


def paid(order: str, amount: str, reference: str = "B1") -> str:
    return f"D|{order}|{amount}|成功|{reference}|"


def stage(county: County) -> str:
    return str(county.one(quarter_closes).stage)


def test_the_batch_file_as_the_bank_reads_it(ordered: County) -> None:
    batch = export(ordered)
    text = batch.bank_file.decode("gb18030")
    lines = text.split("\r\n")
    assert lines[0] == f"H|{SCHEME}-2026-Q3-001|20261012|3|1717.02"
    assert lines[1].split("|")[:3] == ["D", "1", P1]
    assert lines[2] == (
        f"D|2|{P2}|3205002|仙女镇财政专户|622800000066|=1+1 福寿服务社|江都农商行|10.01|2026-Q3养老服务补贴结算"
    )
    assert lines[3].split("|")[2:] == [
        T1,
        "3205001",
        "江都区财政专户",
        "3205002",
        "仙女镇财政专户",
        "江都农商行",
        "707.01",
        "2026-Q3养老服务补贴分担资金",
    ]
    assert lines[4:] == ["T|3|1717.02", ""]
    assert stage(ordered) == "exported"


def test_again_gives_the_same_bytes_and_no_second_batch(ordered: County) -> None:
    first = export(ordered)
    again = export(ordered, now="2026-10-20 15:00", by=FINANCE_2)
    assert again.again
    assert (again.bank_file, again.workbook) == (first.bank_file, first.workbook)
    assert len(ordered.rows(bank_batches)) == 1


def test_the_workbook_shows_orders_and_shares_and_never_runs_a_name(ordered: County) -> None:
    book = load_workbook(BytesIO(export(ordered).workbook))
    orders = book["付款单 Orders"]
    by_order = {row[1].value: row for row in orders.iter_rows(min_row=3)}
    name = by_order[P2][5]
    assert (name.value, name.data_type) == ("=1+1 福寿服务社", "s")
    assert by_order[P2][8].value == 10.01
    assert by_order["合计 Total"][8].value == 1717.02
    settlements = [[cell.value for cell in row] for row in book["结算 Settlements"].iter_rows(min_row=2)]
    assert settlements[0][-2:] == ["分担 Share: district", "分担 Share: town"]
    # 10.01 at 7:3 is 7.007 + 3.003.
    assert settlements[2][-3:] == [10.01, 7.01, 3]


def test_another_layout(ordered: County) -> None:
    text = export(ordered, layout="treasury").bank_file.decode("utf-8")
    assert text.splitlines()[0].startswith("序号\t付款单号")
    assert text.splitlines()[-1] == "合计\t3\t\t\t\t\t1717.02\t"
    with pytest.raises(Refused, match="No file layout"):
        export(ordered, layout="../x")


def test_a_separator_inside_a_name_shifts_no_column() -> None:
    layout = bankfile.load("general")
    assert (
        bankfile._line(layout, ("D", "payee_name", "amount"), {"payee_name": "甲|乙\r\n丙", "amount": "1.00"})
        == "D|甲 乙  丙|1.00"
    )


def test_who_may_export_what(ordered: County) -> None:
    with pytest.raises(Refused) as refusal:
        export(ordered, by=AFFAIRS)
    assert refusal.value.reason is Reason.NOT_ALLOWED
    town = officer("tf", "town_finance", town=XIANNV)
    with pytest.raises(Refused):
        export(ordered, by=town, payer="district")
    assert export(ordered, by=town).orders == 2
    assert stage(ordered) == "ordered"  # the district's order is still here
    with pytest.raises(Refused) as nothing:
        export(ordered, by=officer("tf2", "town_finance", town=DINGHUO))
    assert nothing.value.reason is Reason.NOTHING_TO_EXPORT


def test_nothing_leaves_while_an_account_is_missing(county: County) -> None:
    with county.engine.begin() as conn:
        conn.execute(payer_accounts.delete().where(payer_accounts.c.payer == f"town:{XIANNV}"))
    county.serve("v1", subsidy=1000)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    with pytest.raises(Refused, match=f"town:{XIANNV}"):
        export(county)
    assert {row.status for row in county.rows(payment_orders)} == {"drafted"}
    with acting(county.engine, "2026-10-12 10:00", FINANCE) as act:
        payers.register_account(act, f"town:{XIANNV}", "仙女镇财政专户", "3205999", "江都农商行")
    # Whoever says which account the money goes to does not send it there.
    with pytest.raises(Refused) as same:
        export(county, by=FINANCE)
    assert same.value.reason is Reason.SAME_PERSON
    assert b"3205999" in export(county, by=FINANCE_2).bank_file


def test_paid_empties_the_payables_and_the_payers_accounts(ordered: County) -> None:
    export(ordered)
    done = answer(ordered, paid(P1, "1000.00"), paid(P2, "10.01"), paid(T1, "707.01"))
    assert (done.findings, done.paid, done.returned) == ((), 3, 0)
    assert stage(ordered) == "paid"
    for provider in ordered.providers.values():
        assert ordered.balance(chart.PAYABLE, f"provider:{provider}") == 0
    for payer in ("payer:district", f"payer:town/{XIANNV}"):
        assert ordered.balance(chart.PAYER, payer) + ordered.balance(chart.PAYER_BANK, payer) == 0
    assert ordered.balance(chart.PAYER_BANK, "payer:district") == 70_701
    with reading(ordered.engine) as conn:
        assert integrity.check(conn) == []


def test_the_same_result_file_again_changes_nothing(ordered: County) -> None:
    export(ordered)
    lines = (paid(P1, "1000.00"), paid(P2, "10.01"))
    answer(ordered, *lines)
    before = ordered.rows(transfers)
    again = answer(ordered, *lines, now="2026-10-14 09:00")
    assert (again.again, again.paid) == (True, 2)
    assert ordered.rows(transfers) == before


def test_any_finding_and_nothing_is_written(ordered: County) -> None:
    export(ordered)
    answer(ordered, paid(P1, "1000.00"))
    before = (ordered.rows(transfers), ordered.rows(payment_orders))
    found = answer(
        ordered,
        paid(P2, "10.01"),
        paid(T1, "707.02"),
        paid(P1, "1000.00", "B2"),
        paid(P2, "10.01"),
        paid("jiangdu-2026-Q3-P009", "1.00"),
        f"D|{T1}|707.01|处理中||",
        f"D|{T1}|七百|成功||",
    )
    assert {(finding.code, finding.records[:1] or (finding.subject,)) for finding in found.findings} == {
        ("bank_amount_differs", ("line 3",)),
        ("bank_already_paid", ("line 4",)),
        ("bank_line_twice", ("line 5",)),
        ("bank_order_unknown", ("line 6",)),
        ("bank_line_unreadable", ("line 7",)),
        ("bank_line_unreadable", ("line 8",)),
    }
    assert (ordered.rows(transfers), ordered.rows(payment_orders)) == before


def test_a_file_in_another_encoding_is_one_finding(ordered: County) -> None:
    export(ordered)
    with acting(ordered.engine, "2026-10-13 09:00", FINANCE) as act:
        found = payment.confirm(act, b"\xff\xff\xff")
        # UTF-8 can be read as GB 18030, as other characters: said in so many words, not as an unknown status.
        utf8 = payment.confirm(act, f"{paid(P1, '1000.00')}\r\n".encode())
    assert [finding.code for finding in found.findings] == ["bank_file_encoding"]
    assert [finding.code for finding in utf8.findings] == ["bank_file_encoding"]


def test_a_file_without_an_answer_is_not_taken_in(ordered: County) -> None:
    export(ordered)
    with acting(ordered.engine, "2026-10-13 09:00", FINANCE) as act:
        empty = payment.confirm(act, b"")
    assert [finding.code for finding in (*empty.findings, *answer(ordered).findings)] == ["bank_file_empty"] * 2
    assert ordered.rows(bank_results) == []


def test_who_recorded_an_account_that_orders_carry_does_not_send_them_out_though_it_was_corrected_since(
    county: County,
) -> None:
    """An order keeps the account of the day it was drawn up; another name on the register does not change whose account that was."""
    town = f"town:{XIANNV}"
    with acting(county.engine, "2026-06-01 09:00", FINANCE) as act:
        payers.register_account(act, town, "仙女镇财政专户", "6228009999", "江都农商行")
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    assert county.settle() == "ordered"
    with acting(county.engine, "2026-10-11 09:00", AFFAIRS) as act:
        payers.register_account(act, town, "仙女镇财政专户", "622800000066", "江都农商行")
    with pytest.raises(Refused) as same:
        export(county, by=FINANCE)
    assert same.value.reason is Reason.SAME_PERSON
    assert b"6228009999" in export(county, by=FINANCE_2).bank_file


def test_an_order_not_sent_cannot_be_paid(ordered: County) -> None:
    found = answer(ordered, paid(P1, "1000.00"))
    assert [finding.code for finding in found.findings] == ["bank_not_sent"]


def test_a_returned_payment_is_repeated_to_the_account_that_two_people_corrected(ordered: County) -> None:
    a = f"provider:{ordered.providers['A']}"
    export(ordered)
    # First everything is paid; two days later the bank sends one payment back.
    answer(ordered, paid(P1, "1000.00"), paid(P2, "10.01"), paid(T1, "707.01"))
    back = answer(ordered, f"D|{P1}|1000.00|退票|B9|账号户名不符", now="2026-10-15 09:00")
    assert back.returned == 1
    assert ordered.balance(chart.PAYABLE, a) == 100_000
    assert stage(ordered) == "exported"
    row = ordered.one(payment_orders, id=P1)
    assert (row.status, row.return_reason) == ("returned", "账号户名不符")

    now = "2026-10-16 09:00"
    with pytest.raises(Refused) as early, acting(ordered.engine, now, FINANCE) as act:
        payment.reissue(act, P1)
    assert early.value.reason is Reason.OUT_OF_TURN
    with acting(ordered.engine, "2026-10-16 09:00", FINANCE) as act, pytest.raises(Refused) as cut_off:
        payment.propose_account(act, P1, payee_name="安康养老", payee_account="6228…", payee_bank="工行")
    assert cut_off.value.reason is Reason.BAD_INPUT
    with acting(ordered.engine, now, FINANCE) as act:
        payment.propose_account(act, P1, payee_name="安康养老", payee_account="6228999", payee_bank="工行")
    with pytest.raises(Refused) as same, acting(ordered.engine, now, FINANCE) as act:
        payment.reissue(act, P1)
    assert same.value.reason is Reason.SAME_PERSON
    with acting(ordered.engine, now, FINANCE_2) as act:
        new = payment.reissue(act, P1)
    assert new == f"{P1}-2"
    with pytest.raises(Refused), acting(ordered.engine, now, FINANCE_2) as act:
        payment.reissue(act, P1)

    second = export(ordered, now="2026-10-16 10:00")
    assert (second.batch_id, second.orders, second.total_fen) == (f"{SCHEME}-2026-Q3-002", 1, 100_000)
    assert b"6228999" in second.bank_file
    answer(ordered, paid(new, "1000.00"), now="2026-10-17 09:00")
    assert stage(ordered) == "paid"
    assert ordered.balance(chart.PAYABLE, a) == 0
    with reading(ordered.engine) as conn:
        assert integrity.check(conn) == []


def test_a_payment_refused_at_once_leaves_no_trace_in_the_ledger(ordered: County) -> None:
    export(ordered)
    before = ordered.rows(transfers)
    answer(ordered, f"D|{P1}|1000.00|失败||账户已销户")
    assert ordered.rows(transfers) == before
    assert ordered.one(payment_orders, id=P1).status == "returned"


def test_the_personal_part_is_paid_from_the_card_operators_trust(ordered: County) -> None:
    b = f"provider:{ordered.providers['B']}"
    batch = export(ordered, "2026-07", now="2026-08-10 09:00")
    assert (batch.orders, batch.total_fen) == (1, 250)
    assert ordered.balance(chart.PROVIDER_CLAIM_PERSONAL, b) == 250
    order = ordered.one(payment_orders, kind="personal").id
    answer(ordered, paid(order, "2.50"), now="2026-08-11 09:00")
    assert ordered.balance(chart.PROVIDER_CLAIM_PERSONAL, b) == 0
    with reading(ordered.engine) as conn:
        assert integrity.check(conn) == []
