"""A dedicated account against the bank's statement."""

from __future__ import annotations

import io
from datetime import date

import pytest
from openpyxl import Workbook

from settlement.closing import contributions, payment
from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.treasury import dedicated, integrity, statement_file
from settlement.treasury.dedicated import Import, Reconciliation
from settlement.treasury.tables import account_lines
from tests.closing.county import AUGUST, DINGHUO, FINANCE, JULY, Q3, SCHEME, SEPTEMBER, XIANNV, County
from tests.support import acting, officer

X = f"town:{XIANNV}"
P1, P2, T1 = (f"{SCHEME}-2026-Q3-{number}" for number in ("P001", "P002", "T001"))
NOW = "2026-10-20 09:00"
HEAD = "江都农商行 账户明细\n账号,3205002\n交易日期,收入金额,支出金额,账户余额,对方户名,流水号,摘要\n"
PAID_A = f"2026-10-13,,1000.00,9000.00,安康养老服务中心,B1,{P1} 养老服务\n"
PAID_B = "2026-10-13,,10.01,8989.99,=1+1 福寿服务社,B2,养老服务\n"
FROM_DISTRICT = "20261014,707.01,,9697.00,江都区财政专户,B7,分担资金\n"
INTEREST = "2026-10-15,0.35,,9697.35,,,利息\n"
FEE = "2026-10-15,,2.00,,,,手续费\n"


@pytest.fixture
def sent(county: County) -> County:
    """仙女镇 owes A 1,000.00 and B 10.01; the district's share is 707.01. All of it was exported on 12 October."""
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", XIANNV, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    with acting(county.engine, "2026-10-12 09:00", FINANCE) as act:
        payment.export(act, SCHEME, "2026-Q3")
    return county


def take(county: County, *lines: str, payer: str = X, name: str = "明细.csv") -> Import:
    with acting(county.engine, NOW, FINANCE) as act:
        return dedicated.take_in(act, payer, (HEAD + "".join(lines)).encode("gb18030"), name)


def answer(county: County, *lines: str) -> None:
    with acting(county.engine, "2026-10-14 09:00", FINANCE) as act:
        assert payment.confirm(act, "\r\n".join(lines).encode("gb18030")).findings == ()


def look(county: County, payer: str = X) -> Reconciliation:
    with reading(county.engine) as conn:
        found = dedicated.reconcile(conn, payer)
    assert found is not None
    return found


def matched(county: County) -> dict[str, tuple[str | None, str | None]]:
    return {row.words: (row.matched, row.matched_how) for row in county.rows(account_lines)}


def sums(found: Reconciliation) -> tuple[int, int, int, int]:
    return found.bank_in, found.bank_out, found.books_in, found.books_out


def must_add_up(found: Reconciliation) -> None:
    """The bank's less the books' is what is listed."""
    unknown = [*found.unknown, *found.early]
    assert found.bank_in - found.books_in == sum(r.in_fen for r in unknown) - sum(d.in_fen for d in found.missing)
    assert found.bank_out - found.books_out == sum(r.out_fen for r in unknown) - sum(d.out_fen for d in found.missing)


def test_movements_are_matched_by_number_and_by_amount_and_the_rest_is_listed(sent: County) -> None:
    done = take(sent, PAID_A, PAID_B, FROM_DISTRICT, INTEREST, "合计,707.36,1010.01,,,,\n")
    assert (done.findings, done.lines, done.matched) == ((), 4, 3)
    assert matched(sent) == {
        f"{P1} 养老服务": (f"order:{P1}", "number"),
        "养老服务": (f"order:{P2}", "amount"),
        "分担资金": (f"order:{T1}", "amount"),
        "利息": (None, None),
    }
    # The bank has moved the money; our books wait for its answer.
    found = look(sent)
    assert sums(found) == (70_736, 101_001, 0, 0)
    assert (len(found.unknown), len(found.early), found.missing) == (1, 3, ())
    must_add_up(found)
    answer(sent, f"D|{P1}|1000.00|成功|B1|", f"D|{P2}|10.01|成功|B2|", f"D|{T1}|707.01|成功|B7|")
    found = look(sent)
    assert sums(found) == (70_736, 101_001, 70_701, 101_001)
    assert (found.early, found.missing, found.unexplained) == ((), (), 1)
    must_add_up(found)
    with acting(sent.engine, NOW, FINANCE) as act:
        dedicated.explain(act, found.unknown[0].id, "三季度利息，已上缴")
    assert look(sent).unexplained == 0


def test_what_is_booked_and_not_at_the_bank_is_missing(sent: County) -> None:
    answer(sent, f"D|{P1}|1000.00|成功|B1|", f"D|{P2}|10.01|成功|B2|")
    take(sent, PAID_A.replace(P1, ""), FEE)
    assert matched(sent)["养老服务"] == (f"order:{P1}", "reference")
    found = look(sent)
    assert [document.key for document in found.missing] == [f"order:{P2}"]
    assert sums(found) == (0, 100_200, 0, 101_001)
    assert found.unexplained == 2
    must_add_up(found)


def test_the_same_file_changes_nothing_and_an_overlapping_one_brings_only_what_is_new(sent: County) -> None:
    take(sent, PAID_A, PAID_B)
    assert take(sent, PAID_A, PAID_B).again
    more = take(sent, PAID_B, FROM_DISTRICT)
    assert (more.again, more.lines, more.known, more.matched) == (False, 2, 1, 1)
    assert len(sent.rows(account_lines)) == 3


def test_two_equal_movements_of_a_day_are_two(sent: County) -> None:
    take(sent, FEE, FEE)
    assert look(sent).bank_out == 400


def test_what_two_orders_would_fit_is_left_to_a_person(county: County) -> None:
    county.serve("v1", "A", XIANNV, subsidy=1000)
    county.serve("v2", "B", XIANNV, subsidy=1000)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    with acting(county.engine, "2026-10-12 09:00", FINANCE) as act:
        payment.export(act, SCHEME, "2026-Q3")
    assert take(county, "2026-10-13,,10.00,,,,付款\n").matched == 0
    (row,) = look(county).unknown
    with acting(county.engine, NOW, FINANCE) as act:
        dedicated.match_by_hand(act, row.id, f"order:{P2}")
    assert [(r.matched, r.matched_how) for r in look(county).early] == [(f"order:{P2}", "person")]
    with acting(county.engine, NOW, FINANCE) as act:
        dedicated.unmatch(act, row.id, "看错")
    assert len(look(county).unknown) == 1


def test_a_payment_that_came_back_is_over_with(sent: County) -> None:
    answer(sent, f"D|{P1}|1000.00|退票|B9|户名不符")
    take(sent, PAID_A, f"2026-10-14,1000.00,,,安康养老服务中心,B9,退款 {P1}\n")
    found = look(sent)
    assert sums(found) == (100_000, 100_000, 100_000, 100_000)
    assert (found.unknown, found.early) == ((), ())


def test_a_person_matches_only_what_is_of_the_same_amount_and_theirs(sent: County) -> None:
    take(sent, FEE)
    (row,) = look(sent).unknown
    for key, reason in ((f"order:{P2}", Reason.BAD_INPUT), ("order:x", Reason.NOT_FOUND)):
        with pytest.raises(Refused) as refusal, acting(sent.engine, NOW, FINANCE) as act:
            dedicated.match_by_hand(act, row.id, key)
        assert refusal.value.reason is reason
    other = officer("tf2", "town_finance", town=DINGHUO)
    with pytest.raises(Refused) as foreign, acting(sent.engine, NOW, other) as act:
        dedicated.explain(act, row.id, "x")
    assert foreign.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("昨天,1.00,,,,,x\n", "statement_line"),
        ("2026-10-13,1.00,1.00,,,,x\n", "statement_line"),
        ("2026-10-13,,,,,,x\n", "statement_line"),
        ("2026-10-13,壹元,,,,,x\n", "statement_line"),
        ("2026-10-13,1.005,,,,,x\n", "statement_line"),
        ("2026-10-21,1.00,,,,,x\n", "statement_future"),
        ("", "statement_empty"),
    ],
)
def test_any_finding_and_nothing_is_taken_in(county: County, lines: str, code: str) -> None:
    done = take(county, "2026-10-12,1.00,,,,,x\n" if lines else "", lines)
    assert [finding.code for finding in done.findings] == [code]
    assert county.rows(account_lines) == []


def test_a_row_left_out_shows_in_the_balances_whichever_row_comes_first() -> None:
    def read(*rows: str) -> list[str]:
        found = statement_file.read((HEAD + "".join(rows)).encode(), "x.csv")[1]
        return [f"{finding.code} {finding.subject}" for finding in found]

    assert read(PAID_A, PAID_B, FROM_DISTRICT, INTEREST) == read(INTEREST, FROM_DISTRICT, PAID_B, PAID_A) == []
    assert read(PAID_A, FROM_DISTRICT, INTEREST) == ["statement_balance line 5"]
    assert read(INTEREST, FROM_DISTRICT, PAID_A) == ["statement_balance line 6"]


def test_a_movement_whose_share_was_withdrawn_is_the_one_recorded_instead(sent: County) -> None:
    """300.00 of 仙女镇 recorded under a wrong voucher, matched, withdrawn, and recorded anew."""
    came = "2026-10-13,300.00,,,仙女镇财政所,,到位\n"
    with acting(sent.engine, NOW, FINANCE) as act:
        wrong = contributions.record(act, SCHEME, Q3, XIANNV, 300_00, date(2026, 10, 13), "回单7")
    assert take(sent, came).matched == 1
    with acting(sent.engine, NOW, FINANCE) as act:
        contributions.withdraw(act, wrong, "凭证号记错")
        assert integrity.check(act.conn) == []  # an open movement, no fault in the books
        right = contributions.record(act, SCHEME, Q3, XIANNV, 300_00, date(2026, 10, 13), "回单8")
        assert dedicated.match_again(act, X) == 1
    assert sent.one(account_lines).matched == f"share:{right}"


def test_a_movement_without_a_day_is_told_and_a_sum_is_not() -> None:
    head = "序号,日期,收入,支出,余额,摘要\n1,2026-10-03,5.00,,,分担\n"
    lines, findings = statement_file.read((head + "2,,7.00,,,分担\n").encode(), "x.csv")
    assert [finding.subject for finding in findings] == ["line 3"]
    lines, findings = statement_file.read((head + ",,,,12.00,期末\n合计,,5.00,0.00,,\n").encode(), "x.csv")
    assert ([line.in_fen for line in lines], findings) == ([500], [])


def test_other_banks_columns() -> None:
    one = "date,amount,direction,words\n2026/10/3,1.00,D,a\n2026年10月4日,2.00,贷,b\n"
    lines, findings = statement_file.read(one.encode(), "x.csv")
    assert findings == []
    assert [(line.day, line.in_fen, line.out_fen) for line in lines] == [
        (date(2026, 10, 3), 0, 100),
        (date(2026, 10, 4), 200, 0),
    ]
    red, findings = statement_file.read("日期,收入,支出\n2026-10-03,,-5.00\n2026-10-04,-6.00,\n".encode(), "x.csv")
    assert (findings, [(line.in_fen, line.out_fen) for line in red]) == ([], [(500, 0), (0, 600)])
    assert statement_file.read(b"a,b\n1,2\n", "x.csv")[1][0].code == "statement_columns"
    assert statement_file.read(b"PK\x03\x04broken", "x.xlsx")[1][0].code == "file_damaged"


def test_a_workbook_whose_amounts_are_numbers_and_one_that_calculates() -> None:
    def book(amount: object) -> bytes:
        made, content = Workbook(), io.BytesIO()
        sheet = made.active
        assert sheet is not None
        sheet.append(["日期", "收入", "支出"])
        sheet.append([date(2026, 10, 3), amount, None])
        made.save(content)
        return content.getvalue()

    assert [line.in_fen for line in statement_file.read(book(19.99), "x.xlsx")[0]] == [1999]
    assert [finding.code for finding in statement_file.read(book("=1+1"), "x.xlsx")[1]] == ["statement_line"]


def test_only_who_has_an_account_has_a_statement_and_a_town_only_its_own(county: County) -> None:
    with pytest.raises(Refused) as unknown, acting(county.engine, NOW, FINANCE) as act:
        dedicated.take_in(act, "town:无名镇", b"", "x.csv")
    assert unknown.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused) as other, acting(county.engine, NOW, officer("tf", "town_finance", town=XIANNV)) as act:
        dedicated.take_in(act, "district", b"", "x.csv")
    assert other.value.reason is Reason.NOT_ALLOWED
    assert county.rows(payment_orders) == []
