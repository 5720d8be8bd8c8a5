"""The district's desk for providers: tenders and contracts, price lists, caregivers with portraits and badges, devices and terminals."""

from __future__ import annotations

import io
import struct
from datetime import date

import pytest
from PIL import Image
from sqlalchemy import Engine, insert, select

from settlement import papers
from settlement.audit import audit_rows
from settlement.people.tables import places
from settlement.policy.tables import price_lists
from settlement.providers import badges, caregivers, devices
from settlement.providers.tables import badges as badge_rows
from settlement.providers.tables import caregivers as staff
from settlement.providers.tables import contracts, enrolment_codes, providers, tender_awards, terminals
from settlement.providers.tables import devices as device_rows
from tests.admin.office import Answer, Office, Seat
from tests.support import RING, acting, officer
from tests.visits.world import World, found

HEADERS = "项目编码,项目名称,类别,单位,单价(元)\n"


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#336699").save(out, kind)
    return out.getvalue()


class District:
    """The world of the door; 赵 and 孙 of civil affairs, 方 of our provider, 王 of the town."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.world: World = found(engine)
        self.office = Office(engine)
        self.zhao, self.sun = (self.office.seat(name, "civil_affairs") for name in ("zhao", "sun"))
        self.fang = self.office.seat("fang", "provider", provider_id=self.world.ours)
        self.wang = self.office.seat("wang", "town")
        with acting(engine) as act:
            rows = [{"town": "仙女镇", "village": "正谊村"}, {"town": "小纪镇", "village": "吉东村"}]
            act.conn.execute(insert(places), rows)

    def rows(self, query) -> list:  # type: ignore[no-untyped-def, type-arg]
        with self.engine.connect() as conn:
            return list(conn.execute(query))


@pytest.fixture
def district(engine: Engine) -> District:
    return District(engine)


def row_texts(answer: Answer, caption: str) -> list[str]:
    path = f"//table[caption[contains(., '{caption}')]]/tbody/tr"
    return [" ".join(row.text_content().split()) for row in answer.find(path)]


# -- providers and contracts ----------------------------------------------------------------------------------------------------
def test_a_provider_is_entered_wins_a_town_and_gets_a_contract_from_two_people(district: District) -> None:
    zhao, sun = district.zhao, district.sun
    fields = {"code": "91110000600037341X", "name": "福寿服务社", "bank_name": "江都农商行", "bank_account": "62281234"}
    wrong = zhao.post("/providers/", fields)
    assert wrong.status == 422
    assert wrong.find("//input[@name='name']/@value") == ["福寿服务社"]
    made = zhao.post("/providers/", fields | {"code": "91110000600037341L"})
    provider_id = int(made.location.rpartition("/")[2])
    result = {"scheme": "jiangdu", "number": "江采2026-017", "title": "居家养老", "awarded_on": "2026-07-10"}
    tender = zhao.post("/providers/tenders", result).location
    assert zhao.post(f"{tender}/awards", {"provider_id": provider_id, "town": ["小纪镇"]}).status == 303
    assert zhao.post(f"{tender}/awards", {"provider_id": provider_id, "town": ["没有镇"]}).status == 404
    [(award,)] = district.rows(select(tender_awards.c.id))
    term = {"from_day": "2026-08-01", "last_day": "2027-07-31"}
    assert zhao.post(f"{tender}/awards/{award}/contract", term).status == 303
    assert "须由另一人批准" in zhao.get("/providers/tenders").text
    own = zhao.post("/providers/contracts/1/approve")
    assert (own.status, "不能是同一人" in own.text) == (403, True)
    assert sun.post("/providers/contracts/1/approve").location == tender
    c = contracts.c
    [row] = district.rows(select(c.town, c.from_day, c.until_day).where(c.provider_id == provider_id))
    assert row == ("小纪镇", date(2026, 8, 1), date(2027, 8, 1))
    assert "小纪镇" in row_texts(district.sun.get(f"/providers/{provider_id}"), "合同")[0]


def test_a_contract_drawn_up_may_be_sent_back(district: District) -> None:
    zhao = district.zhao
    result = {"scheme": "jiangdu", "number": "1", "title": "居家养老", "awarded_on": "2026-07-10"}
    tender = zhao.post("/providers/tenders", result).location
    zhao.post(f"{tender}/awards", {"provider_id": district.world.ours, "town": ["小纪镇"]})
    zhao.post(f"{tender}/awards/1/contract", from_day="2026-08-01", last_day="2027-07-31")
    assert district.sun.post("/providers/contracts/1/reject").status == 422
    assert district.sun.post("/providers/contracts/1/reject", why="日期有误").status == 303
    assert district.sun.post("/providers/contracts/1/approve").status == 409
    assert "日期有误" in zhao.get(tender).text
    assert district.rows(select(contracts.c.id).where(contracts.c.town == "小纪镇")) == []


def test_the_award_notice_is_kept_and_downloaded_on_record(district: District) -> None:
    zhao = district.zhao
    result = {"scheme": "jiangdu", "number": "1", "title": "居家养老", "awarded_on": "2026-07-10"}
    tender = zhao.post("/providers/tenders", result).location
    assert zhao.post(f"{tender}/paper", file=("公告.pdf", b"%PDF-1.7 x")).status == 303
    assert zhao.post(f"{tender}/paper", file=("公告.pdf", b"<script>alert(1)</script>")).status == 422
    answer = zhao.get(f"{tender}/papers/1")
    assert answer.content == b"%PDF-1.7 x"
    assert answer.response.headers["Content-Disposition"].startswith("attachment")
    assert len(district.rows(select(audit_rows.c.id).where(audit_rows.c.act == "paper.read"))) == 1


def test_a_contract_is_ended_early_by_the_district(district: District) -> None:
    c = contracts.c
    [(id,)] = district.rows(select(c.id).where(c.provider_id == district.world.ours))
    [(other,)] = district.rows(select(c.id).where(c.provider_id == district.world.theirs))
    path = f"/providers/{district.world.ours}/contracts"
    fields = {"last_day": "2026-07-31", "why": "双方商定"}
    assert district.zhao.post(f"{path}/{other}/end", fields).status == 404
    assert district.zhao.post(f"{path}/{id}/end", fields).status == 303
    assert district.rows(select(c.until_day).order_by(c.id)) == [(date(2026, 8, 1),), (date(2027, 1, 1),)]
    page = district.zhao.get(f"/providers/{district.world.ours}").text
    assert "2026-07-31" in page and "2026-08-01" not in page


def test_a_provider_sees_itself_and_a_town_whom_it_has_under_contract(district: District) -> None:
    with acting(district.engine) as act:
        row = {
            "code": "9" * 18,
            "name": "外镇服务社",
            "bank_name": "农商行",
            "bank_account": "1",
            "created_at": act.now,
        }
        far = int(act.conn.execute(insert(providers).values(row).returning(providers.c.id)).scalar_one())
    names = {"安康养老服务中心", "乐龄居家服务社", "外镇服务社"}

    def seen(seat: Seat) -> set[str]:
        text = seat.get("/providers/").text
        return {name for name in names if name in text}

    assert seen(district.zhao) == names
    assert seen(district.wang) == names - {"外镇服务社"}
    assert seen(district.fang) == {"安康养老服务中心"}
    for page in ("", "/caregivers", "/devices", "/terminals"):
        assert district.fang.get(f"/providers/{district.world.ours}{page}").status == 200
        assert district.fang.get(f"/providers/{district.world.theirs}{page}").status == 404
        assert district.wang.get(f"/providers/{far}{page}").status == 404
        assert district.zhao.get(f"/providers/999{page}").status == 404


# -- price lists ----------------------------------------------------------------------------------------------------------------
def test_a_price_list_is_read_compared_and_approved_by_another(district: District) -> None:
    """居室保洁 ZJ01 was 30.00 and becomes 32.00."""
    fields = {"scheme": "jiangdu", "version": "2026.2", "valid_from": "2026-08-01"}
    content = (HEADERS + "ZJ01,居室保洁,助洁,小时,32\n").encode()
    made = district.zhao.post("/providers/prices", fields, file=("价目.csv", content))
    assert made.status == 303
    page = district.sun.get(made.location)
    assert "32.00 30.00" in row_texts(page, "项目和价格")[0]
    assert "不能再卖" in page.text
    assert district.zhao.post(f"{made.location}/approve").status == 403
    assert district.sun.post(f"{made.location}/approve").status == 303
    assert [row.status for row in district.rows(select(price_lists.c.status))] == ["approved", "approved"]


def test_every_fault_of_a_price_list_is_shown_and_nothing_kept(district: District) -> None:
    fields = {"scheme": "jiangdu", "version": "2026.2", "valid_from": "2026-08-01"}
    content = (HEADERS + "ZJ01,居室保洁,助洁,小时,很贵\n,没有编码,助洁,小时,1\n").encode()
    answer = district.zhao.post("/providers/prices", fields, file=("价目.csv", content))
    assert answer.status == 422
    assert "有2处问题" in answer.text
    assert len(district.rows(select(price_lists.c.id))) == 1


def test_a_provider_sees_its_own_list_and_not_anothers(district: District) -> None:
    fields = {"scheme": "jiangdu", "valid_from": "2026-08-01"}
    content = (HEADERS + "ZJ01,居室保洁,助洁,小时,32\n").encode()
    ids = []
    for provider_id in (district.world.ours, district.world.theirs):
        more = {"version": f"v{provider_id}", "provider_id": provider_id}
        made = district.zhao.post("/providers/prices", fields | more, file=("价目.csv", content))
        ids.append(made.location)
    assert [district.fang.get(path).status for path in ids] == [200, 404]


# -- caregivers -----------------------------------------------------------------------------------------------------------------
def employed(district: District, staff_no: str = "0017") -> str:
    fields = {"staff_no": staff_no, "name": "李秀兰", "phone": "138 0000 1234", "from_day": "2026-07-01"}
    return district.fang.post(f"/providers/{district.world.ours}/caregivers", fields).location


def test_a_caregiver_is_employed_trained_certified_and_leaves(district: District) -> None:
    path = employed(district)
    assert "今天不能上岗" in district.fang.get(path).text
    assert district.fang.post(f"{path}/train", day="2026-07-16").status == 422  # tomorrow
    assert district.fang.post(f"{path}/train", day="2026-07-10").status == 303
    page = district.fang.get(path)
    assert "今天可以上岗" in page.text
    assert "13800001234" not in page.text
    assert district.fang.post(f"{path}/certify", day="2027-06-30").status == 303
    assert district.fang.post(f"{path}/dismiss", day="2026-12-31").status == 303
    c = staff.c
    [row] = district.rows(select(c.trained_on, c.certificate_until, c.until_day))
    assert row == (date(2026, 7, 10), date(2027, 7, 1), date(2027, 1, 1))
    listed = district.fang.get(f"{path.rpartition('/caregivers/')[0]}/{district.world.ours}/caregivers").text
    assert "2027-06-30" in listed and "2026-12-31" in listed


def test_a_badge_is_printed_with_the_portrait_and_ends_the_one_before(district: District) -> None:
    path = employed(district)
    id = int(path.rpartition("/")[2])
    assert district.fang.post(f"{path}/papers", kind="photo", file=("me.jpg", picture())).status == 303
    for _ in range(2):
        sheet = district.fang.post(f"/providers/{district.world.ours}/badges", {"caregiver": [id]})
        assert (sheet.status, sheet.content[:5]) == (200, b"%PDF-")
    plain = len(sheet.content)
    dead = [row.dead_from is not None for row in district.rows(select(badge_rows.c.dead_from))]
    assert sorted(dead) == [False, True]
    [paper] = district.rows(select(papers.papers.c.id))
    with acting(district.engine) as act:
        papers.remove(act, paper.id, "test")
    without = district.fang.post(f"/providers/{district.world.ours}/badges", {"caregiver": [id]})
    assert len(without.content) < plain


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 not a portrait",
        picture(size=(199, 400)),
        picture("PNG", (4001, 300)),
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 100_000, 100_000),
        b"\xff\xd8\xff\xe0",
    ],
    ids=["pdf", "small", "large", "bomb", "cut off"],
)
def test_what_is_no_portrait_is_refused(district: District, content: bytes) -> None:
    path = employed(district)
    assert district.fang.post(f"{path}/papers", kind="photo", file=("me.jpg", content)).status == 422
    assert district.rows(select(papers.papers.c.id)) == []


def test_a_damaged_portrait_stops_the_print_and_keeps_the_badge(district: District) -> None:
    path = employed(district)
    id = int(path.rpartition("/")[2])
    district.fang.post(f"{path}/papers", kind="photo", file=("me.png", picture("PNG")[:60]))
    answer = district.fang.post(f"/providers/{district.world.ours}/badges", {"caregiver": [id]})
    assert (answer.status, "照片无法使用" in answer.text) == (422, True)
    assert district.rows(select(badge_rows.c.token_id)) == []


def test_papers_of_a_caregiver_are_downloaded_by_who_manages_them(district: District) -> None:
    path = employed(district)
    district.fang.post(f"{path}/papers", kind="certificate", file=("证书.pdf", b"%PDF-1.7 x"))
    assert district.fang.get(f"{path}/papers/1").content == b"%PDF-1.7 x"
    assert district.wang.get(f"{path}/papers/1").status == 403
    other = district.office.seat("sun2", "provider", provider_id=district.world.theirs)
    assert other.get(f"{path}/papers/1").status == 404


def test_a_staff_pin_is_typed_twice(district: District) -> None:
    path = employed(district)
    id = int(path.rpartition("/")[2])
    assert district.fang.post(f"{path}/pin", pin="739182", pin_again="739183").status == 422
    assert district.fang.post(f"{path}/pin", pin="123456", pin_again="123456").status == 422
    assert district.fang.post(f"{path}/pin", pin="739182", pin_again="739182").status == 303
    with acting(district.engine) as act:
        assert badges.check_pin(act, RING, id, "739182") is None


def test_another_providers_caregiver_does_not_exist(district: District) -> None:
    path = employed(district)
    id = int(path.rpartition("/")[2])
    other = district.office.seat("sun2", "provider", provider_id=district.world.theirs)
    assert other.get(path).status == 404
    for act, fields in (
        ("train", {"day": "2026-07-10"}),
        ("certify", {"day": "2026-07-10"}),
        ("dismiss", {"day": "2026-07-10"}),
        ("pin", {"pin": "739182", "pin_again": "739182"}),
    ):
        assert other.post(f"{path}/{act}", fields).status == 404
    assert other.post(f"{path}/papers", kind="photo", file=("me.jpg", picture())).status == 404
    assert other.post(f"/providers/{district.world.theirs}/badges", {"caregiver": [id]}).status == 404
    assert other.post(f"/providers/{district.world.ours}/badges", {"caregiver": [id]}).status == 404
    c = staff.c
    assert district.rows(select(c.trained_on, c.certificate_until, c.until_day)) == [(None, None, None)]


# -- devices and terminals ------------------------------------------------------------------------------------------------------
def test_an_enrolment_code_is_shown_once_and_enrols(district: District) -> None:
    path = f"/providers/{district.world.ours}/devices"
    page = district.fang.post(f"{path}/code", kind="phone")
    code = page.find("//p[contains(@class,'mono')]")[0].text_content()
    assert code not in district.fang.get(path).text
    with acting(district.engine, "2026-07-15 10:00") as act:
        device = devices.enrol(act, RING, code, "ed25519", "k", "thumbprint")
    assert device.provider_id == district.world.ours
    assert district.fang.post(f"{path}/{device.id}/revoke", reason="丢失").status == 303
    other = f"/providers/{district.world.theirs}/devices"
    assert district.zhao.post(f"{other}/{device.id}/revoke", reason="丢失").status == 404
    assert district.fang.post(f"{other}/code", kind="phone").status == 404
    assert district.rows(select(device_rows.c.revoked_reason)) == [("丢失",)]
    assert len(district.rows(select(enrolment_codes.c.kind))) == 1


def test_a_device_is_not_enrolled_for_another_providers_caregiver(district: District) -> None:
    with acting(district.engine, "2026-07-01 09:00", officer("d", "civil_affairs")) as act:
        theirs = caregivers.employ(act, RING, district.world.theirs, "9", "某", from_day=date(2026, 7, 1))
    answer = district.fang.post(f"/providers/{district.world.ours}/devices/code", kind="phone", caregiver_id=theirs)
    assert answer.status == 404


def test_a_terminals_key_is_shown_once(district: District) -> None:
    path = f"/providers/{district.world.ours}/terminals"
    fields = {"terminal_id": "T0000001", "merchant_id": "M00000000000001", "latitude": "32.43", "longitude": "119.55"}
    assert district.fang.post(path, fields | {"latitude": "nan"}).status == 422
    page = district.fang.post(path, fields)
    assert len(page.find("//p[contains(@class,'mono')]")[0].text_content().replace(" ", "")) == 32
    t = terminals.c
    [row] = district.rows(select(t.id, t.latitude_e7, t.longitude_e7))
    assert row == ("T0000001", 324_300_000, 1_195_500_000)
    assert district.fang.post(f"{path}/T0000001/revoke", reason="损坏").status == 303
    assert "损坏" in district.wang.get(path).text
