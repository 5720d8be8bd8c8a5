"""What all desks share: sessions, forms that count once, what is kept when a session ends, errors as pages."""

from __future__ import annotations

import re

from sqlalchemy import func, insert, select

from admin.tables import forms_sent, sessions
from settlement.closing.tables import payer_accounts
from tests.admin.office import Office


def test_who_is_not_signed_in_is_sent_to_sign_in(office: Office) -> None:
    answer = office.app.test_client().get("/home/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signin/?over=1&next=/home/")


def test_the_bare_address_leads_to_the_way_in_and_who_is_in_to_their_start_page(office: Office) -> None:
    answer = office.app.test_client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signin/")  # no session of a newcomer is over
    seat = office.seat("wang", "town")
    assert (seat.get("/").location, seat.get("/signin/").location) == ("/signin/", "/home/")


def test_the_start_page_greets_and_refuses_scripts(office: Office) -> None:
    answer = office.seat("wang", "town").get("/home/")
    assert answer.status == 200
    assert "镇街经办 · 镇街 · 仙女镇" in answer.text
    assert "default-src 'none'" in answer.response.headers["Content-Security-Policy"]
    assert answer.response.headers["Cache-Control"] == "no-store"


def test_a_session_ends_after_half_an_hour_without_use_and_not_before(office: Office) -> None:
    seat = office.seat("wang", "town")
    office.passes(minutes=29)
    assert seat.get("/home/").status == 200
    office.passes(minutes=29)
    assert seat.get("/home/").status == 200
    office.passes(minutes=31)
    assert seat.get("/home/").status == 303


def test_a_session_ends_after_twelve_hours_however_busy(office: Office) -> None:
    seat = office.seat("wang", "town")
    for _ in range(36):
        assert seat.get("/home/").status == 200
        office.passes(minutes=20)
    assert seat.get("/home/").status == 303


def test_a_form_counts_once(office: Office) -> None:
    seat = office.seat("wang", "town")
    first = seat.post("/home/kept/forget", form_id="a" * 22)
    again = seat.post("/home/kept/forget", form_id="a" * 22)
    assert (first.status, again.status, again.location) == (303, 303, first.location)
    with office.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(forms_sent)) == 1


def test_a_form_without_our_token_is_refused(office: Office) -> None:
    seat = office.seat("wang", "town")
    answer = seat.client.post("/signin/leave", data={"form_id": "a" * 22})
    assert answer.status_code == 403
    with office.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(sessions)) == 1


def test_what_was_filled_in_survives_the_end_of_a_session(office: Office) -> None:
    seat = office.seat("wang", "town")
    token = seat._token()
    office.passes(hours=1)
    gone = seat.client.post("/home/kept/forget", data={"csrf_token": token, "form_id": "b" * 22, "reason": "材料齐全"})
    assert gone.status_code == 303
    assert gone.headers["Location"] == "/signin/?over=1"


def test_an_unknown_address_is_a_page_that_says_so(office: Office) -> None:
    answer = office.seat("wang", "town").get("/no/such/page")
    assert answer.status == 404
    assert "没有这个地址" in answer.text
    assert "请核对地址" in answer.text


def test_an_address_with_a_nul_in_it_is_none_of_ours(office: Office) -> None:
    seat = office.seat("audit", "auditor")
    for path in ("/review/stops/a%00b", "/audit/explain?of=debit:%00", "/audit/trail?who=%00", "/people/?q=a&q=%00"):
        assert seat.client.get(path).status_code == 404, path


def test_a_refused_act_shows_no_page_that_its_sender_may_not_open(office: Office) -> None:
    """An administrator records accounts and does not see the treasury's lists."""
    with office.engine.begin() as conn:
        conn.execute(insert(payer_accounts), {
            "payer": "district", "name": "江都区财政局", "account": "32001744", "bank": "建设银行",
            "set_by": "wang", "set_at": office.now,
        })  # fmt: skip
    seat = office.seat("root", "admin")
    assert seat.get("/treasury/accounts").status == 403
    answer = seat.post("/treasury/accounts")
    assert answer.status == 422
    assert "32001744" not in answer.text
    seen = office.seat("qian", "district_finance").post("/treasury/accounts")
    assert (seen.status, "32001744" in seen.text) == (422, True)


def test_what_was_kept_is_shown_in_the_words_of_its_form(office: Office) -> None:
    """And nothing that the page itself had put into it: it is submitted with the rest."""
    seat = office.seat("tang", "card_counter")
    filled = {"payee": "agent", "refund_no": "T20260715001", "why": "老人去世", "seen": "0123456789abcdef"}
    data = filled | {"csrf_token": seat._token(), "form_id": "c" * 22}
    office.passes(hours=1)
    assert seat.client.post("/counter/cards/7/close", data=data).headers["Location"] == "/signin/?over=1"
    with seat.client.session_transaction() as held, office.seat("tang").client.session_transaction() as renewed:
        held["desk"] = renewed["desk"]

    page = seat.get("/home/kept")
    (form,) = page.find("//form[@action='/counter/cards/7/close']")
    assert [" ".join(part.text_content().split()) for part in form.xpath(".//dl/div/*")] == [
        *("个人余额退给 who gets the own money", "代理人 the agent"),
        *("运营方退款流水号 the operator's number of the pay-out", "T20260715001"),
        *("理由 why", "老人去世"),
    ]
    assert "确认销户" in form.text_content()
    assert "0123456789abcdef" not in page.text
    sent = {one.get("name"): one.get("value") for one in form.xpath(".//input")}
    assert filled.items() <= sent.items()


def test_what_is_wrong_is_named_as_the_form_names_it(office: Office) -> None:
    answer = office.seat("root", "admin").post("/treasury/accounts", name="江都区财政局")
    (said,) = answer.find("//*[@id='told']/p[1]//span[@class='zh']/text()")
    assert said.startswith("填写有误：")
    assert "账号" in said and "account" not in said
    (said,) = answer.find("//*[@id='told']/p[1]//span[@class='en']/text()")
    assert "Account number" in said and "账号" not in said


def test_what_is_not_there_is_named_in_chinese(office: Office) -> None:
    """Whatever the addresses with a number lead to."""
    rules = [str(rule) for rule in office.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.arguments]
    paths = {re.sub(r"<[^>]*>", "987654", rule) for rule in rules if "static" not in rule}
    missed: set[str] = set()
    for role in ("civil_affairs", "hotline", "card_counter"):
        seat = office.seat(role, role)
        for path in sorted(paths):
            answer = seat.get(path)
            if answer.status == 404:
                missed |= set(answer.find("//*[@id='told']/p[1]//span[@class='zh']/text()"))
    assert len(missed) > 20
    assert [words for words in missed if re.search(r"没有找到\s*[a-z]", words)] == []
