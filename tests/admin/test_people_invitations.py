"""Who became eligible is found, asked, and "yes" is the application."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from settlement.messages.outbox import TEXT
from settlement.messages.tables import messages
from settlement.people import enrolment
from settlement.people.tables import enrolments, invitations, seniors
from tests.admin.office import OTHER_TOWN, TOWN, Office
from tests.admin.people import SCHEME, entitled, settle, somebody
from tests.people.people import xlsx
from tests.support import RING, acting, at, officer


def _listed(office: Office, who: str = "wang") -> list[str]:
    page = office.seat(who).get("/people/eligible")
    return [cell.text_content() for cell in page.find("//tbody/tr/td[3]")]


def _people(office: Office) -> dict[str, int]:
    """On 15 June 2026, in the summer's intake (31 May to 30 June): one of 80 exactly today, one of 79, one poor of 66, one poor who has it already, one of another town."""
    office.now = at("2026-06-15 09:00")
    settle(office)
    found = {
        "八十": somebody(office, "李兰英", 24, birth="1946-06-15", categories=(), phone="13900001111"),
        "七十九": somebody(office, "周桂芳", 26, birth="1946-06-16", categories=()),
        "困难": somebody(office, "孙秀兰", 28, birth="1960-05-05"),
        "享受": somebody(office, "王桂英", 22),
        "外镇": somebody(office, "赵秀珍", 30, birth="1940-05-05", town=OTHER_TOWN, village="竹墩村"),
    }
    entitled(office, found["享受"], 2)
    office.officer("wang", "town")
    return found


def test_the_list_holds_who_may_have_something_and_has_nothing(office: Office) -> None:
    _people(office)
    somebody(office, "吴桂珍", 36, birth="1940-01-01")  # poor and aged: may have either, and gets the higher
    assert _listed(office) == ["李兰英", "孙秀兰", "吴桂珍"]
    page = office.seat("wang").get("/people/eligible")
    assert [cell.text_content() for cell in page.find("//tbody/tr/td[7]")] == [
        "高龄老年人养老服务补贴",
        "困难老年人养老服务补贴",
        "困难老年人养老服务补贴、高龄老年人养老服务补贴",
    ]


def test_a_yes_is_the_application(office: Office) -> None:
    who = _people(office)
    town = office.seat("wang")
    sent = town.post(
        "/people/eligible/invite",
        scheme="jiangdu",
        senior=[str(who[name]) for name in ("八十", "困难", "外镇", "享受")],
    )
    assert (sent.status, sent.location) == (303, "/people/invitations")
    assert "已向2人发出邀请；2人已不在名单上" in town.get("/people/invitations").text
    assert _listed(office) == []
    with office.engine.connect() as conn:
        told = conn.execute(select(messages).where(messages.c.senior_id == who["八十"])).one()
        assert (told.kind, told.channel, told.status) == ("invitation", "sms", "waiting")
        text = RING.decrypt(told.text_cipher, TEXT)
        assert "高龄老年人养老服务补贴" in text
        assert "李兰英" not in text
        asked = {row.senior_id: row.id for row in conn.execute(select(invitations))}
    yes, no = asked[who["八十"]], asked[who["困难"]]
    assert town.post(f"/people/invitations/{yes}/answer", answer="yes", how="sms", said_on="2026-06-14").status == 422
    assert town.post(f"/people/invitations/{yes}/answer", answer="yes", how="sms", said_on="2026-06-15").status == 303
    with office.engine.connect() as conn:
        row = conn.execute(select(enrolments)).one()
        assert (row.senior_id, row.intake, row.step, row.applied_on.isoformat()) == (
            who["八十"], "2026-summer", "village_check", "2026-06-15"
        )  # fmt: skip
        assert conn.scalar(select(invitations.c.enrolment_id).where(invitations.c.id == yes)) == row.id
    assert town.post(f"/people/invitations/{yes}/answer", answer="no", how="sms", said_on="2026-06-15").status == 409
    assert (
        town.post(f"/people/invitations/{no}/answer", answer="no", how="in_person", said_on="2026-06-15").status == 303
    )
    # Who said no is asked again after half a year, not before.
    assert _listed(office) == []
    office.now = at("2026-12-20 09:00")
    assert _listed(office) == ["周桂芳", "孙秀兰"]


def test_a_yes_outside_an_intake_is_kept_and_taken_up_when_one_opens(office: Office) -> None:
    who = _people(office)
    office.now = at("2026-10-10 09:00")
    town = office.seat("wang")
    town.post("/people/eligible/invite", scheme="jiangdu", senior=str(who["困难"]))
    with office.engine.connect() as conn:
        asked = conn.scalars(select(invitations.c.id)).one()
    said = town.post(f"/people/invitations/{asked}/answer", answer="yes", how="telephone", said_on="2026-10-10")
    assert said.status == 303
    assert "集中申报期开始后受理" in town.get("/people/invitations").text
    assert town.post("/people/invitations/take-up").status == 422
    with office.engine.connect() as conn:
        assert conn.execute(select(enrolments)).all() == []
    office.now = at("2026-12-01 09:00")
    office.seat("chen", "town", town=OTHER_TOWN).post("/people/invitations/take-up")
    with office.engine.connect() as conn:
        assert conn.execute(select(enrolments)).all() == []
    assert office.seat("wang").post("/people/invitations/take-up").status == 303
    with office.engine.connect() as conn:
        row = conn.execute(select(enrolments)).one()
        assert (row.senior_id, row.applied_on.isoformat()) == (who["困难"], "2026-12-01")


def test_who_said_yes_and_then_applied_at_the_village_does_not_stop_the_others(office: Office) -> None:
    """Both say yes in October; one of them comes to the village in December before the others are taken up."""
    who = _people(office)
    office.now = at("2026-10-10 09:00")
    town = office.seat("wang")
    town.post("/people/eligible/invite", scheme="jiangdu", senior=[str(who["困难"]), str(who["八十"])])
    with office.engine.connect() as conn:
        asked = {row.senior_id: row.id for row in conn.execute(select(invitations))}
    for id in asked.values():
        town.post(f"/people/invitations/{id}/answer", answer="yes", how="telephone", said_on="2026-10-10")
    office.now = at("2026-12-01 09:00")
    with acting(office.engine, office.now, officer("clerk", "village", town=TOWN)) as act:
        (came,) = enrolment.apply_many(act, SCHEME, [who["困难"]], date(2026, 12, 1))
    assert office.seat("wang").post("/people/invitations/take-up").status == 303
    with office.engine.connect() as conn:
        taken = {row.senior_id: row.enrolment_id for row in conn.execute(select(invitations))}
        made = {row.senior_id: row.id for row in conn.execute(select(enrolments))}
    assert taken == made
    assert taken[who["困难"]] == came


def test_another_offices_invitation_is_like_none(office: Office) -> None:
    who = _people(office)
    office.seat("bureau", "civil_affairs").post("/people/eligible/invite", scheme="jiangdu", senior=str(who["外镇"]))
    with office.engine.connect() as conn:
        asked = conn.scalars(select(invitations.c.id)).one()
    for seat in (office.seat("wang"), office.seat("zhao", "village")):
        assert seat.get(f"/people/invitations/{asked}").status == 404
        sent = seat.post(f"/people/invitations/{asked}/answer", answer="yes", how="sms", said_on="2026-06-15")
        assert sent.status == 404
        assert "赵秀珍" not in seat.get("/people/invitations").text


def test_everybody_of_the_list_is_invited_within_ones_own_town(office: Office) -> None:
    _people(office)
    sent = office.seat("wang").post("/people/eligible/invite", scheme="jiangdu", everybody="yes")
    assert sent.status == 303
    with office.engine.connect() as conn:
        names = conn.scalars(select(seniors.c.name).join(invitations, invitations.c.senior_id == seniors.c.id))
        assert sorted(names) == ["孙秀兰", "李兰英"]
    assert office.seat("wang").post("/people/eligible/invite", scheme="jiangdu").status == 422


def test_replies_by_sms_count_when_they_are_plain(office: Office) -> None:
    """A yes, a maybe, two people at one telephone, a stranger's, one for another town: one application."""
    settle(office)
    office.now = at("2026-06-15 09:00")
    plain = somebody(office, "李兰英", 24, birth="1940-05-05", phone="13900001111")
    somebody(office, "周桂芳", 26, birth="1941-05-05", phone="13900002222")
    for seq, name in ((28, "孙秀兰"), (32, "赵秀珍")):
        somebody(office, name, seq, birth="1942-05-05", phone="13900003333")
    somebody(office, "吴桂珍", 34, birth="1943-05-05", phone="13900004444", town=OTHER_TOWN, village="竹墩村")
    office.seat("bureau", "civil_affairs").post("/people/eligible/invite", scheme="jiangdu", everybody="yes")
    rows = [
        ["手机号", "回复内容", "回复日期"],
        ["13900001111", "是。", "2026-06-15"],
        ["13900002222", "多少钱？", "2026-06-15"],
    ]
    rows += [
        ["13900003333", "同意", "2026-06-15"],
        ["13900005555", "是", "2026-06-15"],
        ["13900004444", "是", "2026-06-15"],
    ]
    seat = office.seat("wang", "town")
    came = seat.post("/people/invitations/replies", replies=("回复.xlsx", xlsx(rows, "回复")))
    assert [figure.text for figure in came.find("//p[@class='value']")] == ["5", "1", "0", "2", "2"]
    assert [cell.text for cell in came.find("//tbody/tr/td[1]")] == ["回复 3 ", "回复 4 "]
    with office.engine.connect() as conn:
        assert [row.senior_id for row in conn.execute(select(enrolments))] == [plain]
    again = seat.post("/people/invitations/replies", replies=("回复.xlsx", xlsx(rows[:2], "回复")))
    assert [figure.text for figure in again.find("//p[@class='value']")] == ["1", "0", "0", "1", "0"]
