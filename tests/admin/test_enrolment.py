"""The enrolment desk: from the application at the village to the first entitled month, each office at its own seat."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from settlement.audit import audit_rows
from settlement.papers import papers
from settlement.people.tables import categories, entitlements, seniors
from tests.admin import enrolling
from tests.admin.enrolling import DUE, ID_NO, NEW, PNG, apply, assessed, seen, step_of, take
from tests.admin.office import Office, Seat
from tests.people.people import number
from tests.support import at

Seats = dict[str, Seat]


@pytest.fixture
def desk(office: Office) -> Office:
    return enrolling.open_office(office)


@pytest.fixture
def who(desk: Office) -> Seats:
    return enrolling.seats(desk)


def test_an_application_from_the_village_to_the_first_month(desk: Office, who: Seats) -> None:
    id_ = assessed(desk, who)
    assert step_of(desk, id_) == "publicise"
    desk.now = at("2026-06-15 09:00")
    assert enrolling.post_names(enrolling.seats(desk), id_).status == 303
    desk.now = at("2026-06-24 09:00")  # 16, 17, 18, 22, 23 June were the five working days
    who = enrolling.seats(desk)
    looked = who["village"].post(f"{DUE}/publicise/chosen", ids=[str(id_)], posted="1")
    assert "通过后每月补贴合计 what they get a month, in all 150.00" in looked.text
    take(who["village"], "publicise", id_, posted="1")
    take(who["counter"], "card", id_)
    take(who["town"], "load", id_)
    assert step_of(desk, id_) == "done"
    with desk.engine.connect() as conn:
        row = conn.execute(select(entitlements)).one()
        assert (row.from_month, row.amount, row.level) == ("2026-07", 15000, 2)
    page = who["auditor"].get(f"/enrolment/{id_}")
    assert "补贴从2026-07起，每月150.00元，三(一)1" in page.text


def test_what_it_gives_is_said_before_it_is_sent(desk: Office, who: Seats) -> None:
    looked = who["village"].post("/enrolment/new/check", NEW)
    text = looked.text
    assert "待评估 open 尚未完成能力评估" in text and "80.00 / 150.00 / 260.00" in text
    assert "依据文件三(一)1" in text and "不符合 no 未满80周岁" in text
    with desk.engine.connect() as conn:
        assert conn.scalar(select(seniors.c.id)) is None
    hopeless = who["village"].post("/enrolment/new/check", NEW | {"categories": []})
    assert "没有一项符合条件" in hopeless.text
    # What was judged is what is sent: with other categories it has to be looked at again.
    changed = who["village"].post("/enrolment/new", NEW | {"categories": []}, seen=seen(looked))
    assert changed.status == 409 and "已被他人修改" in changed.text
    # The way back keeps what was typed.
    back = who["village"].post("/enrolment/new/change", NEW)
    assert back.find("//input[@name='name']/@value") == ["李秀兰"]
    assert back.find("//input[@value='low_income']/@checked") == ["checked"]


def test_a_form_says_beside_each_field_what_is_wrong(desk: Office, who: Seats) -> None:
    wrong = NEW | {"id_no": ID_NO[:-1] + ("1" if ID_NO[-1] != "1" else "2"), "phone": "12", "village": "没有村"}
    answer = who["town"].post("/enrolment/new/check", wrong)
    assert answer.status == 422
    assert len(answer.find("//p[@class='fault']")) == 3
    assert "校验位不符" in answer.text and "系统中没有这个村社区" in answer.text
    outside = who["village"].post("/enrolment/new/check", NEW | {"applied_on": "2026-05-30"})
    assert "不在集中申报期内" in outside.text and "请填收到申请的那一天" in outside.text
    assert "留空" not in " ".join(outside.find("//p[@class='fault']/text()"))  # as a roster may
    other = who["village"].post("/enrolment/new/check", NEW | {"village": "双沟社区"})
    assert other.status == 422


def test_who_is_on_the_register_applies_without_being_entered_again(desk: Office, who: Seats) -> None:
    id_ = apply(who["village"])
    senior = enrolling.senior_of(desk, id_)
    found = who["village"].post("/enrolment/find", id_no=ID_NO, scheme="jiangdu")
    assert found.location == f"/enrolment/known/{senior}?scheme=jiangdu"
    # Refused in summer, the same person applies in winter, with one category more.
    refused = who["village"].post(f"{DUE}/village_check/refuse", ids=[str(id_)], reason="收入超标")
    assert refused.status == 303
    desk.now = at("2026-12-01 09:00")
    seat = desk.seat("cun")
    page = seat.get(f"/enrolment/known/{senior}", scheme="jiangdu")
    assert "3210**********" in page.text and ID_NO not in page.text
    fields = {"scheme": "jiangdu", "categories": ["low_income", "solitary"], "applied_on": "2026-12-01"}
    again = seat.post(f"/enrolment/known/{senior}", fields)
    assert again.status == 303
    with desk.engine.connect() as conn:
        held = conn.execute(select(categories.c.category).order_by(categories.c.id)).scalars().all()
        assert held == ["low_income", "solitary"]
        assert len(conn.execute(select(seniors.c.id)).all()) == 1


def test_an_identity_number_of_another_village_is_not_entered_twice(desk: Office, who: Seats) -> None:
    apply(who["village"])
    for path, fields in (
        ("/enrolment/find", {"id_no": ID_NO, "scheme": "jiangdu"}),
        ("/enrolment/new/check", NEW | {"village": "双沟社区"}),
    ):
        answer = who["other_village"].post(path, fields)
        assert answer.status == 409 and "已在册" in answer.text
    fresh = who["village"].post("/enrolment/find", id_no=number("1944-05-06"), scheme="jiangdu")
    assert fresh.status == 200 and "登记新申请人" in fresh.text


def test_a_double_click_applies_once(desk: Office, who: Seats) -> None:
    looked = seen(who["village"].post("/enrolment/new/check", NEW))
    first = who["village"].post("/enrolment/new", NEW, seen=looked, form_id="a" * 22)
    again = who["village"].post("/enrolment/new", NEW, seen=looked, form_id="a" * 22)
    assert (first.status, again.status, again.location) == (303, 303, first.location)


def test_papers_are_kept_encrypted_read_on_record_and_removed_with_a_reason(desk: Office, who: Seats) -> None:
    id_ = apply(who["village"])
    page = who["town"].get(f"/enrolment/{id_}")
    [link] = page.find("//a[contains(@href, '/papers/')]/@href")
    paper = who["town"].get(link)
    assert (paper.content, paper.response.headers["Content-Security-Policy"]) == (PNG, "default-src 'none'; sandbox")
    assert "attachment" in paper.response.headers["Content-Disposition"]
    hostile = who["village"].post(f"/enrolment/{id_}/papers", kind="other", file=("a.pdf", b"<html><script>"))
    assert hostile.status == 422 and "只收PDF" in hostile.text
    added = who["village"].post(f"/enrolment/{id_}/papers", kind="category", file=("低保证.pdf", b"%PDF-1.7 x"))
    assert added.status == 303
    assert who["village"].post(f"{link}/remove", why="上传错了").status == 303
    assert who["town"].get(link).status == 404
    assert len(who["town"].get(f"/enrolment/{id_}").find("//a[contains(@href, '/papers/')]")) == 1
    with desk.engine.connect() as conn:
        assert PNG not in conn.scalars(select(papers.c.body_cipher)).all()
        acts = conn.scalars(select(audit_rows.c.act).where(audit_rows.c.act.like("paper.%")).order_by(audit_rows.c.id))
        assert acts.all() == ["paper.put", "paper.read", "paper.put", "paper.remove"]


def test_another_offices_application_is_like_none(desk: Office, who: Seats) -> None:
    id_ = apply(who["village"])
    senior = enrolling.senior_of(desk, id_)
    [link] = who["village"].get(f"/enrolment/{id_}").find("//a[contains(@href, '/papers/')]/@href")
    for seat in (who["other_town"], who["other_village"]):
        for path, nobodys in (
            (f"/enrolment/{id_}", "/enrolment/987654"),
            (link, "/enrolment/987654/papers/1"),
            (f"/enrolment/{id_}/letter", "/enrolment/987654/letter"),
            (f"/enrolment/known/{senior}?scheme=jiangdu", "/enrolment/known/987654?scheme=jiangdu"),
        ):
            theirs, none = seat.get(path), seat.get(nobodys)
            if "known" in path and seat is who["other_town"]:
                assert theirs.status == 404
            assert (theirs.status, theirs.text) == (404, none.text)
        for path in (f"/enrolment/{id_}/papers", f"{link}/remove", f"/enrolment/{id_}/object"):
            answer = seat.post(path, kind="other", file=("a.png", PNG), why="x", words="x")
            assert answer.status == 404, path
        assert "李秀兰" not in seat.get("/enrolment/applications").text
        step = seat.post(f"{DUE}/village_check/chosen", ids=[str(id_)])
        assert step.status == 404
        assert seat.post(f"{DUE}/village_check/pass", ids=[str(id_)]).status == 404
    assert step_of(desk, id_) == "village_check"


def test_steps_out_of_order_and_of_other_roles_are_not_taken(desk: Office, who: Seats) -> None:
    id_ = apply(who["village"])
    early = who["town"].post(f"{DUE}/town_approve/pass", ids=[str(id_)])
    assert early.status == 409 and step_of(desk, id_) == "village_check"
    assert who["town"].get(f"{DUE}/village_check").status == 404
    assert who["auditor"].post(f"{DUE}/village_check/pass", ids=[str(id_)]).status == 403


def test_everybody_who_is_due_is_passed_at_once_unless_it_changed_meanwhile(desk: Office, who: Seats) -> None:
    first = apply(who["village"])
    looked = who["village"].post(f"{DUE}/village_check/chosen", all="1")
    assert "共1人" in looked.text
    second = apply(who["village"], id_no=number("1941-02-03"), name="赵德明")
    stale = who["village"].post(f"{DUE}/village_check/pass", all="1", seen=seen(looked))
    assert stale.status == 409 and "已被他人修改" in stale.text
    again = who["village"].post(f"{DUE}/village_check/chosen", all="1")
    assert who["village"].post(f"{DUE}/village_check/pass", all="1", seen=seen(again)).status == 303
    assert {step_of(desk, first), step_of(desk, second)} == {"town_approve"}


def test_what_a_decision_gives_is_what_was_shown(desk: Office, who: Seats) -> None:
    """Between looking and confirming the person lost the category."""
    id_ = assessed(desk, who)
    desk.now = at("2026-06-15 09:00")
    enrolling.post_names(enrolling.seats(desk), id_)
    desk.now = at("2026-06-24 09:00")
    who = enrolling.seats(desk)
    fields = {"ids": [str(id_)], "posted": "1"}
    looked = who["village"].post(f"{DUE}/publicise/chosen", fields)
    with desk.engine.begin() as conn:
        conn.execute(update(categories).values(valid_to=at("2026-06-20 00:00").date()))
    stale = who["village"].post(f"{DUE}/publicise/pass", fields, seen=seen(looked))
    assert stale.status == 409 and step_of(desk, id_) == "publicise"
    again = who["village"].post(f"{DUE}/publicise/chosen", fields)
    assert "不属于所列困难类别" in again.text and "in all 0.00" in again.text
    assert who["village"].post(f"{DUE}/publicise/pass", fields, seen=seen(again)).status == 303
    assert step_of(desk, id_) == "refused"


def test_a_refusal_has_its_reason_and_a_letter(desk: Office, who: Seats) -> None:
    id_ = apply(who["village"])
    without = who["village"].post(f"{DUE}/village_check/refuse", ids=[str(id_)])
    assert without.status == 422 and "必填" in without.text and "李秀兰" in without.text
    assert who["village"].get(f"/enrolment/{id_}/letter").status == 404
    assert who["village"].post(f"{DUE}/village_check/refuse", ids=[str(id_)], reason="家庭收入超过标准").status == 303
    page = who["town"].get(f"/enrolment/{id_}")
    assert "不予通过 refused" in page.text and "家庭收入超过标准" in page.text
    letter = who["village"].get(f"/enrolment/{id_}/letter")
    assert letter.content.startswith(b"%PDF-")
    with desk.engine.connect() as conn:
        acts = conn.scalars(select(audit_rows.c.subject).where(audit_rows.c.act == "enrolment.letter")).all()
        assert acts == [f"enrolment:{id_}"]


def test_the_first_page_counts_what_is_due_near_and_late(desk: Office, who: Seats) -> None:
    apply(who["village"])  # due by 23 June: ten working days without the Dragon Boat Festival

    def counted() -> list[str]:
        row = desk.seat("cun").get("/enrolment/").find("//tr[contains(., '审核录入')]/td")
        return [" ".join(cell.text_content().split()) for cell in row]

    assert counted()[:3] == ["1", "0", "0"]
    desk.now = at("2026-06-18 09:00")  # 22 and 23 June are the two working days left
    assert counted()[:3] == ["1", "1", "0"]
    desk.now = at("2026-06-24 09:00")
    assert counted() == ["1", "0", "1", "村(社区) 本岗位 yours", "10"]
    assert "李秀兰" in desk.seat("zhen").get("/enrolment/applications", state="late").text
    assert "李秀兰" not in desk.seat("zhen").get("/enrolment/applications", state="near").text
    assert "正在受理" in desk.seat("cun").get("/enrolment/").text
