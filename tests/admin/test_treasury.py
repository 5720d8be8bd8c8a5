"""The treasury desk in the console: a quarter's orders out to the bank and back, with everything that belongs to them."""

from __future__ import annotations

import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from settlement.audit import audit_rows
from settlement.closing.tables import invoices, payment_orders, quarter_closes, share_payments
from settlement.treasury.tables import appropriations
from tests.admin.office import Answer, Office, Seat
from tests.closing.county import AUGUST, DINGHUO, JULY, SCHEME, SEPTEMBER, XIANNV, County
from tests.support import at

P1, P2 = (f"{SCHEME}-2026-Q3-{number}" for number in ("P001", "P002"))
BATCH = f"{SCHEME}-2026-Q3-001"
NUMBER = "26322000000012345678"
PDF = b"%PDF-1.7 invoice"


@pytest.fixture
def county(engine: object) -> County:
    """仙女镇 owes A 1,000.00, 丁伙镇 owes B 10.01; the district transfers 700.00 and 7.01."""
    county = County(engine).build()  # type: ignore[arg-type]
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", DINGHUO, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    return county


@pytest.fixture
def office(county: County) -> Office:
    office = Office(county.engine)
    office.now = at("2026-10-12 09:00")
    return office


@pytest.fixture
def finance(office: Office) -> Seat:
    return office.seat("qian", "district_finance")


@pytest.fixture
def second(office: Office) -> Seat:
    return office.seat("zhou", "district_finance")


def seen(page: Answer, action: str) -> str:
    """What a form of the page says its sender was shown."""
    (found,) = page.find(f"//form[contains(@action, '{action}')]//input[@name='seen']/@value")
    return str(found)


def by_town(county: County) -> dict[str, str]:
    return {row.town: row.id for row in county.rows(payment_orders, kind="provider")}


def export(seat: Seat, **other: str) -> Answer:
    stamp = seen(seat.get("/treasury/export", period="2026-Q3"), "/treasury/export")
    fields = {"scheme": SCHEME, "period": "2026-Q3", "layout": "general", "seen": stamp}
    return seat.post("/treasury/export", fields | other)


def test_orders_are_shown_exported_and_fetched(county: County, finance: Seat) -> None:
    page = finance.get("/treasury/export", period="2026-Q3")
    assert "合计（元）" in page.text and "1,717.02" in page.text
    answer = export(finance)
    assert (answer.status, answer.location) == (303, f"/treasury/batches/{BATCH}")
    file = finance.get(f"/treasury/batches/{BATCH}/file")
    assert file.content.decode("gb18030").startswith(f"H|{BATCH}|20261012|4|1717.02")
    assert file.response.headers["Content-Disposition"].endswith(f"{BATCH}.txt")
    book = load_workbook(io.BytesIO(finance.get(f"/treasury/batches/{BATCH}/book").content))
    assert book.sheetnames == ["付款单 Orders", "结算 Settlements"]
    with county.engine.connect() as conn:
        fetched = select(func.count()).where(audit_rows.c.act == "payment.download", audit_rows.c.actor == "qian")
        assert conn.scalar(fetched) == 2


def test_what_is_exported_is_what_was_shown(county: County, finance: Seat, second: Seat) -> None:
    stamp = seen(finance.get("/treasury/export", period="2026-Q3"), "/treasury/export")
    with county.engine.begin() as conn:
        order = by_town(county)[DINGHUO]
        conn.execute(payment_orders.update().where(payment_orders.c.id == order).values(payee_account="6228999"))
    answer = export(finance, seen=stamp)
    assert answer.status == 409 and "已被他人修改" in answer.text
    assert {row.status for row in county.rows(payment_orders)} == {"drafted"}


def test_who_recorded_an_account_does_not_export_from_it(county: County, finance: Seat, second: Seat) -> None:
    fields = {"payer": "district", "name": "江都区财政专户", "account": "3205777", "bank": "江都农商行"}
    assert finance.post("/treasury/accounts", fields).status == 303
    assert export(finance).status == 403
    assert export(second).status == 303


def test_the_banks_answer_returned_and_paid_again_to_a_corrected_account(
    county: County, finance: Seat, second: Seat
) -> None:
    order = by_town(county)
    export(finance)
    lines = [
        f"D|{row.id}|{row.amount_fen // 100}.{row.amount_fen % 100:02d}|成功|B1|" for row in county.rows(payment_orders)
    ]
    lines = [line.replace("成功|B1|", "退票|B9|户名不符") if order[XIANNV] in line else line for line in lines]
    wrong = finance.post(
        "/treasury/results", layout="general", file=("r.txt", (lines[0] + "\r\nD|nobody|1.00|成功||").encode("gb18030"))
    )
    assert wrong.status == 422 and "没有这张付款单" in wrong.text
    good = finance.post("/treasury/results", layout="general", file=("r.txt", "\r\n".join(lines).encode("gb18030")))
    assert good.status == 303
    assert "已付3笔，退回1笔" in finance.get("/treasury/results").text

    path = f"/treasury/orders/{order[XIANNV]}"
    page = finance.get(path)
    assert "银行退回：户名不符" in page.text
    account = {"payee_name": "安康养老服务中心", "payee_account": "6228 0000 99", "payee_bank": "工行"}
    bad = finance.post(f"{path}/account", account | {"payee_account": "6228…", "seen": seen(page, "/account")})
    assert bad.status == 422 and "安康养老服务中心" in str(bad.find("//input[@name='payee_name']/@value"))
    account["payee_account"] = "62280099"
    assert finance.post(f"{path}/account", account | {"seen": seen(page, "/account")}).status == 303
    # The one who proposed has no button, and no way around it.
    own = finance.get(path)
    assert own.find("//form[contains(@action, '/reissue')]") == []
    assert finance.post(f"{path}/reissue", seen=seen(own, "/account")).status == 403
    # Somebody who looked before the proposal approves nothing they have not seen.
    assert second.post(f"{path}/reissue", seen=seen(page, "/account")).status == 409
    checked = second.get(path)
    assert "62280099" in checked.text
    answer = second.post(f"{path}/reissue", seen=seen(checked, "/reissue"))
    assert (answer.status, answer.location) == (303, f"{path}-2")
    export(finance)
    result = f"D|{order[XIANNV]}-2|1000.00|成功|B2|".encode("gb18030")
    assert finance.post("/treasury/results", layout="general", file=("r.txt", result)).status == 303
    assert county.one(quarter_closes).stage == "paid"


def test_an_invoice_with_its_paper(county: County, office: Office, finance: Seat) -> None:
    path = f"/treasury/orders/{by_town(county)[XIANNV]}"
    fields = {"number": NUMBER, "issued_on": "2026-10-10", "amount": "1000.00"}
    hostile = finance.post(f"{path}/invoice", fields, paper=("a.pdf", b"<script>alert(1)</script>"))
    assert hostile.status == 422 and county.rows(invoices) == []
    assert finance.post(f"{path}/invoice", fields, paper=("发票.pdf", PDF)).status == 303
    page = finance.get(path)
    assert NUMBER in page.text
    (link,) = page.find("//a[contains(@href, '/papers/')]/@href")
    paper = finance.get(link)
    assert paper.content == PDF and "attachment" in paper.response.headers["Content-Disposition"]
    again = finance.post(f"{path}/invoice", fields | {"amount": "1"})
    assert again.status == 409 and "已登记" in again.text
    (id,) = (row.id for row in county.rows(invoices))
    assert finance.post(f"/treasury/invoices/{id}/withdraw", why="号码写错").status == 303
    assert county.one(invoices).withdrawn_by == "qian"


def test_another_towns_records_are_like_none(county: County, office: Office, finance: Seat) -> None:
    order = by_town(county)
    finance.post(
        f"/treasury/orders/{order[XIANNV]}/invoice",
        number=NUMBER,
        issued_on="2026-10-10",
        amount="1",
        paper=("a.pdf", PDF),
    )
    export(finance)
    mine, other = office.seat("li", "town_finance", town=DINGHUO), order[XIANNV]
    assert mine.get(f"/treasury/orders/{order[DINGHUO]}").status == 200
    nothing = mine.get("/treasury/orders/nobody")
    for path in (f"/treasury/orders/{other}", f"/treasury/orders/{other}/papers/1"):
        answer = mine.get(path)
        assert (answer.status, answer.text.replace(other, "nobody")) == (404, nothing.text), path
    for path, fields in (
        (f"/treasury/orders/{other}/account", {"payee_name": "a", "payee_account": "1234567", "payee_bank": "b"}),
        (f"/treasury/orders/{other}/reissue", {}),
        (f"/treasury/orders/{other}/invoice", {"number": "12345678", "issued_on": "2026-10-10", "amount": "1"}),
        (f"/treasury/bank/town:{XIANNV}/statement", {"file": ("a.csv", b"x")}),
        (f"/treasury/bank/town:{XIANNV}/match", {}),
        ("/treasury/invoices/1/withdraw", {"why": "x"}),
        (
            "/treasury/shares",
            {
                "scheme": SCHEME,
                "quarter": "2026-Q3",
                "town": XIANNV,
                "amount": "1",
                "paid_on": "2026-10-10",
                "reference": "x",
            },
        ),
        (
            "/treasury/budget",
            {
                "scheme": SCHEME,
                "year": "2026",
                "payer": "district",
                "amount": "1",
                "document": "x",
                "granted_on": "2026-01-01",
            },
        ),
    ):
        assert mine.post(path, fields).status == 404, path
    assert mine.get(f"/treasury/bank/town:{XIANNV}").status == 404
    assert mine.get(f"/treasury/batches/{BATCH}/file").status == 404
    assert XIANNV not in mine.get(f"/treasury/batches/{BATCH}").text.replace("仙女镇财政专户", "")
    for page in ("orders", "export", "shares", "accounts", "budget", "bank"):
        body = mine.get(f"/treasury/{page}").find("//main")[0].text_content()
        assert XIANNV not in body, page


def test_a_towns_share_is_recorded_by_the_town_and_confirmed_by_the_district(
    county: County, office: Office, finance: Seat
) -> None:
    town = office.seat("li", "town_finance", town=DINGHUO)
    fields = {
        "scheme": SCHEME,
        "quarter": "2026-Q3",
        "town": DINGHUO,
        "amount": "3.00",
        "paid_on": "2026-10-11",
        "reference": "回单8",
    }
    assert "尚缺" in town.get("/treasury/shares").text
    assert town.post("/treasury/shares", fields).status == 303
    id = county.one(share_payments).id
    assert town.get("/treasury/shares").find("//form[contains(@action, '/confirm')]") == []
    assert town.post(f"/treasury/shares/{id}/confirm").status == 403
    assert finance.post(f"/treasury/shares/{id}/confirm").status == 303
    (row,) = town.get("/treasury/shares").find("//table[1]/tbody/tr")
    assert [cell.text_content().split()[0] for cell in row.iterchildren("td")] == [
        "3.00",
        "3.00",
        "0.00",
        "0.00",
        "已到位",
    ]


def test_a_budget_is_proposed_and_approved_by_two_people(county: County, finance: Seat, second: Seat) -> None:
    fields = {
        "scheme": SCHEME,
        "year": "2026",
        "payer": "district",
        "amount": "70000.00",
        "document": "江财社〔2026〕1号",
        "granted_on": "2026-01-05",
    }
    assert finance.post("/treasury/budget", fields | {"amount": "七万"}).status == 422
    assert finance.post("/treasury/budget", fields).status == 303
    id = county.one(appropriations).id
    assert finance.post(f"/treasury/budget/{id}/approve").status == 403
    assert second.post(f"/treasury/budget/{id}/approve").status == 303
    # 700.00 + 7.01 settled, 69,292.99 open on the card: 0.00 is left of 70,000.00.
    row = second.get("/treasury/budget", year=2026).find("//table[1]/tbody/tr[1]/td")
    assert [cell.text_content().strip() for cell in row[:6]] == [
        "70,000.00",
        "0.00",
        "707.01",
        "69,292.99",
        "0.00",
        "0.00",
    ]


def test_the_banks_statement_is_taken_in_and_explained(county: County, finance: Seat) -> None:
    export(finance)
    path = f"/treasury/bank/town:{XIANNV}"
    rows = f"日期,收入,支出,摘要\n2026-10-12,,1000.00,{by_town(county)[XIANNV]}\n2026-10-12,0.35,,利息\n"
    broken = finance.post(f"{path}/statement", file=("a.csv", "日期,收入\n1,2\n".encode()))
    assert broken.status == 422 and "没有找到列名" in broken.text
    assert finance.post(f"{path}/statement", file=("a.csv", rows.encode())).status == 303
    page = finance.get(path)
    assert "自动对上1笔" in page.text
    (action,) = page.find("//form[contains(@action, '/explain')]/@action")
    assert finance.post(action, words="三季度利息").status == 303
    assert "三季度利息" in finance.get(path).text
    assert f"付款单 {by_town(county)[XIANNV]}" in page.text and "order:" not in page.text
    book = load_workbook(io.BytesIO(finance.get(f"{path}/differences").content)).active
    assert [[cell.value for cell in row][:4] for row in book.iter_rows(min_row=2)] == [
        ["未对上 unknown", "2026-10-12", 0.35, 0],
        ["账面尚未登记 not booked", "2026-10-12", 0, 1000],
    ]
    assert "1项待处理" in finance.get("/treasury/bank").text  # the bank's answer for the order


def test_the_journal_and_lists_leave_as_files(county: County, finance: Seat) -> None:
    assert "101,001" not in finance.get("/treasury/journal", period="2026-Q4").text
    assert "1,010.01" in finance.get("/treasury/journal", period="2026-Q4").text
    journal = finance.get("/treasury/journal", period="2026-Q4", export="csv").content.decode("utf-8-sig")
    assert re.search(r"payable.*,1000\.00,", journal)
    orders = load_workbook(io.BytesIO(finance.get("/treasury/orders", export="xlsx").content)).active
    shares = load_workbook(io.BytesIO(finance.get("/treasury/shares/file", quarter="2026-Q3").content)).active
    assert [[cell.value for cell in row] for row in shares.iter_rows(min_row=2)] == [
        [DINGHUO, 3, 0, 0, 3],
        [XIANNV, 300, 0, 0, 300],
    ]
    budget = load_workbook(io.BytesIO(finance.get("/treasury/budget/positions", year=2026).content)).active
    assert [row[3].value for row in budget.iter_rows(min_row=2)] == [707.01, 3, 300]
    names = [row[4].value for row in orders.iter_rows(min_row=2)]
    assert "'=1+1 福寿服务社" in names
    assert finance.get("/treasury/journal", period="2026-13").status == 404


def test_the_year_says_what_keeps_it_open(county: County, office: Office, finance: Seat, second: Seat) -> None:
    office.passes(days=100)
    finance, second = office.seat("qian"), office.seat("zhou")
    page = finance.get("/treasury/year", year=2026)
    assert "2026-10, 2026-11, 2026-12尚未关账" in page.text
    refused = finance.post("/treasury/year/prepare", year="2026", scheme=SCHEME)
    assert refused.status == 409 and "还不能结转" in refused.text
    for number in (10, 11, 12):
        county.close(JULY.plus(number - 7))
    assert finance.post("/treasury/year/prepare", year="2026", scheme=SCHEME).status == 303
    assert second.post("/treasury/year/close", year="2026", scheme=SCHEME, seen="x").status == 409
    stamp = seen(second.get("/treasury/year", year=2026), "/year/close")
    assert finance.post("/treasury/year/close", year="2026", scheme=SCHEME, seen=stamp).status == 403
    assert second.post("/treasury/year/close", year="2026", scheme=SCHEME, seen=stamp).status == 303
    assert "本年已于" in finance.get("/treasury/year", year=2026).text
    book = load_workbook(io.BytesIO(finance.get("/treasury/year", year=2026, export="xlsx").content)).active
    assert ("其中：卡上余额 of it on cards", 98989.99) in [tuple(cell.value for cell in row) for row in book.rows]
    with office.engine.connect() as conn:
        exported = select(audit_rows.c.actor, audit_rows.c.subject).where(audit_rows.c.act == "list.export")
        assert conn.execute(exported).all() == [("qian", f"list:year-{SCHEME}-2026")]


def test_a_budget_that_will_not_do_is_said_before_a_quarter_is_signed(engine: object) -> None:
    county = County(engine).build()  # type: ignore[arg-type]
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", DINGHUO, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    assert [county.quarter(), county.quarter()] == ["gathered", "shared"]
    office = Office(county.engine)
    office.now = at("2026-10-09 09:00")
    finance, second = office.seat("qian", "district_finance"), office.seat("zhou", "district_finance")
    grant = {"scheme": SCHEME, "year": "2026", "document": "x", "granted_on": "2026-01-05"}
    for number, (payer, amount) in enumerate((("district", "60000.00"), (f"town:{XIANNV}", "1.00")), 1):
        assert finance.post("/treasury/budget", grant | {"payer": payer, "amount": amount}).status == 303
        assert second.post(f"/treasury/budget/{number}/approve").status == 303
    path = f"/months/quarter/{SCHEME}/2026-Q3"
    # The district is bound to 70,000.00 in all, 仙女镇 to 29,997.00; a town is told of no other town's budget.
    assert "区的承诺将超过预算 10,000.00 元" in office.seat("wang", "town", town=XIANNV).get(path).text
    other = office.seat("li", "town", town=DINGHUO).get(path).text
    assert "区的承诺将超过预算" in other and "29,996" not in other


@pytest.mark.parametrize("amount", ["1e30", "1e99999", "1e999999999", "9" * 40, "nan"])
def test_an_amount_that_no_budget_holds_is_a_fault_of_its_field(county: County, finance: Seat, amount: str) -> None:
    fields = {"scheme": SCHEME, "year": "2026", "payer": "district", "document": "x", "granted_on": "2026-01-05"}
    answer = finance.post("/treasury/budget", fields | {"amount": amount})
    assert answer.status == 422 and "金额写作" in answer.text
    file = f"日期,收入,支出\n2026-10-12,{amount},\n".encode()
    assert finance.post("/treasury/bank/district/statement", file=("a.csv", file)).status == 422


def test_a_towns_finance_takes_its_own_orders_out_as_iso_20022_and_the_month_has_its_personal_part(
    county: County, office: Office, finance: Seat
) -> None:
    town = office.seat("li", "town_finance", town=DINGHUO)
    answer = export(town, layout="pain001")
    file = town.get(f"{answer.location}/file")
    assert (
        b"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09" in file.content
        and b"<CtrlSum>10.01</CtrlSum>" in file.content
    )
    assert XIANNV.encode() not in file.content
    assert town.get(f"{answer.location}/other").status == 404
    assert export(finance).status == 303  # what is left: the other town's order and both transfers
    assert {row.status for row in county.rows(payment_orders)} == {"exported"}
    assert finance.get("/treasury/batches/nobody").status == 404


@pytest.mark.parametrize("address", ["budget?year=", "year?year=", "budget/positions?year=", "orders?page="])
@pytest.mark.parametrize("number", ["9" * 30, "-1", "0", "x"])
def test_a_number_in_an_address_that_cannot_be_is_no_fault_of_ours(finance: Seat, address: str, number: str) -> None:
    assert finance.get(f"/treasury/{address}{number}").status in (200, 404)


def test_a_record_of_a_number_beyond_all_numbers_is_not_there(finance: Seat) -> None:
    for number in (2**63 - 1, 2**63, 10**30):
        assert finance.post(f"/treasury/invoices/{number}/withdraw", why="x").status == 404
        assert finance.post(f"/treasury/budget/{number}/approve").status == 404


def test_a_sign_that_no_text_holds_is_refused_in_an_address_and_dropped_from_a_form(finance: Seat) -> None:
    assert finance.get("/treasury/orders/a%00b").status == 404
    assert finance.get("/treasury/orders?status=%00").status in (200, 404)
    fields = {"payer": "district", "name": "专户\x00", "account": "3205777", "bank": "江都农商行"}
    assert finance.post("/treasury/accounts", fields).status == 303
