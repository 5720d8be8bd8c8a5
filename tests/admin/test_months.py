"""The desk of months: issuance, the close, questions, adjustments and the quarter, each signed in its turn by another person."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from settlement.closing import printed, questions
from settlement.closing.tables import (
    adjustments,
    payment_orders,
    quarter_approvals,
    settlement_shares,
    statement_questions,
    statements,
)
from settlement.db import reading
from settlement.people import changes
from settlement.vouchers.tables import issuance_runs
from tests.admin.months import District, founded, seen, sign
from tests.admin.office import OTHER_TOWN, TOWN, Office
from tests.stories.county import JULY, SCHEME, clerk
from tests.support import RING, acting, at, officer

MONTH = f"/months/month/{SCHEME}/2026-07"
ISSUED = f"/months/issuance/{SCHEME}/2026-07"
QUARTER = f"/months/quarter/{SCHEME}/2026-Q3"


@pytest.fixture
def district(office: Office) -> District:
    return founded(office)


def status(district: District, town: str = TOWN) -> str:
    with reading(district.office.engine) as conn:
        query = select(issuance_runs.c.status).where(issuance_runs.c.town == town)
        return str(conn.execute(query).scalar_one())


def rows(district: District, table: object) -> list[object]:
    with reading(district.office.engine) as conn:
        return list(conn.execute(select(table)))  # type: ignore[call-overload]


# -- issuance -----------------------------------------------------------------------------------------------------------------
def test_a_month_is_drafted_shown_approved_by_another_and_loaded(district: District) -> None:
    made = district.task(district.head(), f"{ISSUED}/draft")
    assert "1人，150.00元" in made.text
    page = district.checker().get(f"{ISSUED}/{TOWN}")
    assert "王桂英" in page.text and "新增 new" in page.text and "150.00" in page.text
    refused = sign(district.head(), f"{ISSUED}/{TOWN}", f"{ISSUED}/{TOWN}/approve")
    assert (refused.status, "同一" in refused.text or "另一" in refused.text) == (403, True)
    assert status(district) == "drafted"
    assert sign(district.checker(), f"{ISSUED}/{TOWN}", f"{ISSUED}/{TOWN}/approve").status == 303
    assert status(district) == "approved"
    assert district.county.left(district.wang) == (0, 0)
    assert "1人" in district.task(district.checker(), f"{ISSUED}/post").text
    assert district.county.left(district.wang) == (150_00, 0)
    assert district.county.left(district.zhang) == (0, 0)  # the other town has not drafted


def test_the_district_drafts_every_town_and_each_approves_its_own(district: District) -> None:
    assert "2人，300.00元" in district.task(district.second(), f"{ISSUED}/draft").text
    for town in (TOWN, OTHER_TOWN):
        assert sign(district.head(town), f"{ISSUED}/{town}", f"{ISSUED}/{town}/approve").status == 303
    district.task(district.affairs(), f"{ISSUED}/post")
    assert district.county.left(district.wang) == district.county.left(district.zhang) == (150_00, 0)


def test_an_approval_is_for_what_the_page_showed(district: District) -> None:
    district.task(district.head(), f"{ISSUED}/draft")
    checker = district.checker()
    shown = seen(checker.get(f"{ISSUED}/{TOWN}"), f"{ISSUED}/{TOWN}/approve")
    with acting(district.office.engine, "2026-06-30 09:10", clerk(TOWN)) as act:
        changes.died(act, district.wang.senior_id, at("2026-06-20 00:00").date())
    district.office.passes(minutes=20)
    district.task(district.head(), f"{ISSUED}/draft")
    answer = checker.post(f"{ISSUED}/{TOWN}/approve", seen=shown)
    assert answer.status == 409
    assert "已被他人修改" in answer.text
    assert status(district) == "drafted"


def test_the_preview_says_who_fell_out_and_why(district: District) -> None:
    district.county.issue(JULY)
    with acting(district.office.engine, "2026-07-20 10:00", clerk(TOWN)) as act:
        changes.died(act, district.wang.senior_id, at("2026-07-19 00:00").date())
    district.office.now = at("2026-07-31 09:00")
    district.task(district.head(), f"/months/issuance/{SCHEME}/2026-08/draft")
    page = district.checker().get(f"/months/issuance/{SCHEME}/2026-08/{TOWN}")
    row = page.find("//table//tr[td[contains(., '王桂英')]]")[0].text_content().split()
    assert "去世" in row and "150.00" in row and "0.00" in row
    assert "-150.00" in page.text


# -- the month ----------------------------------------------------------------------------------------------------------------
def test_a_month_is_verified_by_its_towns_and_confirmed_by_the_district(district: District) -> None:
    district.drawn()
    page = district.head().get(MONTH)
    assert "已出单" in page.text and "60.00" in page.text
    assert OTHER_TOWN not in page.find("//tbody")[0].text_content()
    assert sign(district.head(), MONTH, f"{MONTH}/verify").status == 303
    assert not district.affairs().get(MONTH).find(f"//form[@action='{MONTH}/confirm']")
    assert sign(district.head(OTHER_TOWN), MONTH, f"{MONTH}/verify").status == 303
    assert sign(district.affairs(), MONTH, f"{MONTH}/confirm").status == 303
    assert "已关账" in district.task(district.second(), f"{MONTH}/advance").text
    assert {row.status for row in rows(district, statements)} == {"closed"}  # type: ignore[attr-defined]


def test_a_month_does_not_begin_before_it_is_over(district: District) -> None:
    answer = district.second().post(f"{MONTH}/advance")
    assert answer.status == 409
    assert "尚未结束" in answer.text


def test_a_line_leads_to_the_evidence_and_the_clause_behind_it(district: District) -> None:
    district.drawn()
    statement = district.statement()
    page = district.head().get(f"/months/statement/{statement}")
    assert "陆拾元整" in page.text
    link = page.find(f"//td/a[text()='{district.bath}']/@href")[0]
    visit = district.head().get(link)
    assert "依据 clause" in visit.text and "凭据 proof" in visit.text
    assert "ZL03" in visit.text


def test_the_lines_and_statements_leave_as_spreadsheets(district: District) -> None:
    district.drawn()
    content = district.affairs().get(MONTH, export="xlsx").content
    table = list(load_workbook(io.BytesIO(content)).active.values)  # type: ignore[union-attr]
    assert {(row[1], row[4]) for row in table[1:]} == {(TOWN, 60), (OTHER_TOWN, 35)}
    lines = district.head().get(f"/months/statement/{district.statement()}", export="csv").content.decode("utf-8-sig")
    assert district.bath in lines and "60.0" in lines


def test_another_towns_statement_is_answered_like_none(district: District) -> None:
    district.drawn()
    other, head = district.statement(OTHER_TOWN), district.head()
    told = head.get("/months/statement/nobody")
    for path in ("", "/paper", "/left-out", f"/visits/{district.meal}"):
        answer = head.get(f"/months/statement/{other}{path}")
        assert (answer.status, answer.find("//h1")[0].text_content()) == (404, told.find("//h1")[0].text_content())
    assert head.get(f"/months/statement/{district.statement()}/visits/{district.meal}").status == 404
    for path in ("verify", "ask"):
        assert head.post(f"/months/statement/{other}/{path}", words="为什么", seen="x").status == 404
    assert head.get(f"{ISSUED}/{OTHER_TOWN}").status == 404
    assert rows(district, statement_questions) == []


# -- questions ----------------------------------------------------------------------------------------------------------------
def test_a_question_stands_in_the_way_until_it_is_closed(district: District) -> None:
    district.drawn()
    statement, head = district.statement(), district.head()
    asked = head.post(f"/months/statement/{statement}/ask", words="是否做满一小时？", visit=district.bath)
    assert asked.status == 303
    assert "是否做满一小时" in head.get(f"/months/statement/{statement}/visits/{district.bath}").text
    answer = sign(head, MONTH, f"{MONTH}/verify")
    assert answer.status == 409
    assert "未了结的疑问" in answer.text
    assert "1 open questions" in district.affairs().get("/months/").text
    (question,) = rows(district, statement_questions)
    assert head.post(f"/months/questions/{question.id}/answer", words="自问自答").status == 403  # type: ignore[attr-defined]
    assert district.head(OTHER_TOWN).get(f"/months/questions/{question.id}").status == 404  # type: ignore[attr-defined]
    assert head.post(f"/months/questions/{question.id}/close").status == 303  # type: ignore[attr-defined]
    assert sign(head, MONTH, f"{MONTH}/verify").status == 303


def test_the_town_answers_a_providers_question(district: District) -> None:
    district.drawn()
    own = officer("ankang", "provider", provider_id=district.county.provider)
    with acting(district.office.engine, "2026-08-03 10:00", own) as act:
        id = questions.ask(act, district.statement(), None, "何时核实？")
    head = district.head()
    assert "何时核实" in head.get("/months/questions").text
    assert head.post(f"/months/questions/{id}/answer", words="今天").status == 303
    (row,) = rows(district, statement_questions)
    assert (row.answer, row.answered_by) == ("今天", f"head-{TOWN}")  # type: ignore[attr-defined]


# -- paper --------------------------------------------------------------------------------------------------------------------
def test_a_statement_leaves_as_signed_pdf_and_its_text_is_recognised(district: District) -> None:
    district.drawn()
    pdf = district.head().get(f"/months/statement/{district.statement()}/paper")
    assert (pdf.response.mimetype, pdf.content[:5]) == ("application/pdf", b"%PDF-")
    with reading(district.office.engine) as conn:
        text = printed.signed_text(conn, RING, district.statement())
    assert "签名属实" in district.finance().post("/months/check", text=text).text
    assert district.finance().post("/months/check", text=text.replace("6000", "9000")).status == 422
    assert district.head(OTHER_TOWN).post("/months/check", text=text).status == 404


# -- adjustments --------------------------------------------------------------------------------------------------------------
def test_a_penalty_is_proposed_by_one_and_approved_by_another_who_sees_its_shares(district: District) -> None:
    district.drawn()
    fields = {"scheme": SCHEME, "what": "penalty", "provider": str(district.county.provider), "town": TOWN}
    fields |= {"month": "2026-07", "amount": "10", "reason": "回访不实"}
    proposed = district.affairs().post("/months/adjustments/new", fields)
    assert proposed.status == 303
    path = proposed.location
    page = district.second().get(path)
    assert "-10.00" in page.text and "-7.00" in page.text and "-3.00" in page.text and "负壹拾元整" in page.text
    assert sign(district.affairs(), path, f"{path}/approve").status == 403
    assert sign(district.second(), path, f"{path}/approve").status == 303
    (row,) = rows(district, adjustments)
    assert (row.amount_fen, row.proposed_by, row.approved_by) == (-1000, "affairs", "second")  # type: ignore[attr-defined]
    assert district.head(OTHER_TOWN).get(path).status == 404


@pytest.mark.parametrize(("amount", "wrong"), [("-10", "写正数"), ("0", "写正数"), ("十元", "金额写作")])
def test_an_amount_that_is_none_is_told_and_what_was_typed_is_kept(district: District, amount: str, wrong: str) -> None:
    fields = {"scheme": SCHEME, "what": "clawback", "provider": str(district.county.provider), "town": TOWN}
    fields |= {"month": "2026-07", "amount": amount, "reason": "虚报两次"}
    answer = district.affairs().post("/months/adjustments/new", fields)
    assert answer.status == 422
    assert wrong in answer.text
    assert answer.find("//textarea[@name='reason']")[0].text == "虚报两次"
    assert rows(district, adjustments) == []


# -- the quarter --------------------------------------------------------------------------------------------------------------
def closed(district: District) -> None:
    """July with its two visits, August and September without any."""
    district.drawn()
    for town in (TOWN, OTHER_TOWN):
        sign(district.head(town), MONTH, f"{MONTH}/verify")
    sign(district.affairs(), MONTH, f"{MONTH}/confirm")
    district.office.now = at("2026-10-08 09:00")
    district.task(district.second(), f"{MONTH}/advance")
    for month in ("08", "09"):
        district.task(district.second(), f"/months/month/{SCHEME}/2026-{month}/advance")


def test_a_quarter_is_signed_in_turn_with_the_total_that_each_types(district: District) -> None:
    """60.00 and 35.00: 95.00 in all; the district bears 42.00 + 24.50 = 66.50, the towns 18.00 and 10.50."""
    closed(district)
    district.task(district.second(), f"{QUARTER}/advance")
    page = district.head().get(QUARTER)
    assert "60.00" in page.text and "陆拾元整" in page.text and "42.00" in page.text
    assert "35.00" not in page.text
    assert sign(district.head(), QUARTER, f"{QUARTER}/sign-town", total="95").status == 409
    assert not district.affairs().get(QUARTER).find(f"//form[@action='{QUARTER}/sign-civil_affairs']")
    assert sign(district.head(), QUARTER, f"{QUARTER}/sign-town", total="60.00").status == 303
    assert sign(district.head(OTHER_TOWN), QUARTER, f"{QUARTER}/sign-town", total="35").status == 303
    drew_it_up = sign(district.second(), QUARTER, f"{QUARTER}/sign-civil_affairs", total="95")
    assert drew_it_up.status == 403
    assert sign(district.affairs(), QUARTER, f"{QUARTER}/sign-civil_affairs", total="95").status == 303
    assert sign(district.finance(), QUARTER, f"{QUARTER}/sign-finance", total="95.00").status == 303
    assert "已出付款单" in district.task(district.second(), f"{QUARTER}/advance").text
    with reading(district.office.engine) as conn:
        h = settlement_shares.c
        shares = dict(tuple(row) for row in conn.execute(select(h.payer, func.sum(h.amount_fen)).group_by(h.payer)))
        assert conn.execute(select(func.count()).select_from(quarter_approvals)).scalar_one() == 4
        paid = conn.execute(select(func.sum(payment_orders.c.amount_fen)).where(payment_orders.c.kind == "provider"))
        assert paid.scalar_one() == 95_00
    assert {payer: int(fen) for payer, fen in shares.items()} == {"district": 66_50, "town": 28_50}


def test_what_blocks_a_quarter_is_said(district: District) -> None:
    district.drawn()
    page = district.affairs().get(QUARTER)
    assert "还在等待" in page.text
    assert [link.text for link in page.find("//main//li/a[contains(@href, '/months/month/')]")] == [
        "2026-07",
        "2026-08",
        "2026-09",
    ]
    answer = district.task(district.second(), f"{QUARTER}/advance")
    assert "2026-07" in answer.text and "没有办理" not in answer.find("//h1")[0].text_content()


def test_a_quarter_drawn_up_anew_voids_what_was_signed_for_other_figures(district: District) -> None:
    closed(district)
    district.task(district.second(), f"{QUARTER}/advance")
    sign(district.head(), QUARTER, f"{QUARTER}/sign-town", total="60")
    fields = {"scheme": SCHEME, "what": "penalty", "provider": str(district.county.provider), "town": TOWN}
    fields |= {"month": "2026-07", "amount": "10", "reason": "回访不实"}
    path = district.affairs().post("/months/adjustments/new", fields).location
    assert "1 adjustments are not approved" in district.affairs().get(QUARTER).text
    sign(district.second(), path, f"{path}/approve")
    assert district.second().post(f"{QUARTER}/redraw").status == 303
    district.task(district.second(), f"{QUARTER}/advance")
    page = district.head().get(QUARTER)
    assert "作废" in page.text and "50.00" in page.text
    settled = district.finance().get(f"/months/settlement/{SCHEME}-2026-Q3-{district.county.provider}-{TOWN}")
    assert "伍拾元整" in settled.text and "-10.00" in settled.text
    shares = district.finance().get(f"{QUARTER}/shares", export="csv").content.decode("utf-8-sig")
    assert "35.0" in shares and "15.0" in shares


# -- no such thing ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        f"/months/month/{SCHEME}/2026-13",
        f"/months/month/{SCHEME}/9998-12",
        f"/months/quarter/{SCHEME}/9998-Q4",
        "/months/month/nobody/2026-07",
        f"/months/quarter/{SCHEME}/2026-Q5",
        f"/months/issuance/{SCHEME}/heute",
        f"/months/settlement/{SCHEME}-2026-Q3-1-{TOWN}",
        "/months/adjustments/nobody",
        "/months/questions/987654",
        f"/months/questions/{2**63}",
        "/months/?scheme=nobody",
    ],
)
def test_what_is_not_there_is_not_found(district: District, path: str) -> None:
    assert district.affairs().get(path).status == 404


def test_the_start_page_says_how_far_each_month_is(district: District) -> None:
    district.drawn()
    cells = [" ".join(row.text_content().split()) for row in district.affairs().get("/months/").find("//tbody/tr")]
    july = next(cell for cell in cells if cell.startswith("2026-07"))
    assert "已入账 loaded" in july and "300.00" in july and "已出单" in july and "95.00" in july
    assert "镇街" in july


def test_a_proposal_is_turned_down_with_a_reason_and_no_longer_waits(district: District) -> None:
    district.drawn()
    fields = {"scheme": SCHEME, "what": "penalty", "provider": str(district.county.provider), "town": TOWN}
    fields |= {"month": "2026-07", "amount": "10", "reason": "回访不实"}
    path = district.affairs().post("/months/adjustments/new", fields).location
    assert district.second().post(f"{path}/withdraw").status == 422
    assert district.head(OTHER_TOWN).post(f"{path}/withdraw", why="不属实").status == 404
    assert district.second().post(f"{path}/withdraw", why="查无此事").status == 303
    page = district.second().get(path)
    assert "second 2026-08-03" in page.text
    assert not page.find(f"//form[@action='{path}/approve']")
    assert "没有记录" in district.affairs().get("/months/adjustments", state="proposed").text
    assert "not approved" not in district.affairs().get(QUARTER).text
