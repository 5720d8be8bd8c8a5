"""Made-up people of Jiangdu and the sheets they come in on."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from sqlalchemy import Engine, insert
from stdnum.cn import ric

from settlement.act import Act, Actor
from settlement.people import places
from settlement.people.places import Place
from settlement.people.tables import assessments, categories, seniors
from settlement.policy import loader, store
from settlement.policy.scheme import Scheme
from tests.support import RING, acting, officer

SCHEME: Scheme = loader.builtin("jiangdu")
TOWN, VILLAGE = "仙女镇", "正谊村"
CLERK: Actor = officer("clerk", "village", town=TOWN)
HEAD: Actor = officer("head", "town", town=TOWN)
DISTRICT: Actor = officer("district", "civil_affairs")
ASSESSOR: Actor = officer("assessor", "assessor")
COUNTER: Actor = officer("counter", "card_counter")

HEADERS = [
    "姓名",
    "身份证号",
    "镇街",
    "村社区",
    "类别",
    "能力等级",
    "评估日期",
    "地址",
    "电话",
    "紧急联系人",
    "紧急联系人电话",
]


def number(birth: str = "1950-03-07", seq: int = 22, region: str = "321026") -> str:
    """A valid identity number that nobody has; an even ``seq`` is a woman's."""
    body = f"{region}{birth.replace('-', '')}{seq:03d}"
    return body + ric.calc_check_digit(body + "0")


def settle(engine: Engine) -> None:
    """The district's places and its scheme."""
    listed = [Place(TOWN, VILLAGE), Place(TOWN, "双沟社区"), Place("大桥镇", "新桥村")]
    with acting(engine, "2026-01-05 09:00", by=DISTRICT) as act:
        places.add_many(act, listed)
        store.store(act, loader.builtin_text("jiangdu"), "jiangdu.toml")


def person(
    act: Act,
    birth: str = "1950-03-07",
    *,
    needy: bool = True,
    level: int | None = None,
    assessed_on: str = "2026-05-20",
) -> int:
    """Somebody on the register, low-income unless said otherwise."""
    person.count += 1  # type: ignore[attr-defined]
    id_no = number(birth, person.count * 2 % 1000)  # type: ignore[attr-defined]
    row: dict[str, Any] = {"name": "王桂英", "sex": "F", "birth_date": date.fromisoformat(birth), "town": TOWN}
    row |= {"id_no_cipher": RING.encrypt(id_no, "seniors.id_no"), "id_no_index": RING.index(id_no, "seniors.id_no")}
    row |= {"id_last4_index": "x", "surname_village_index": "x", "village": VILLAGE, "status": "registered"}
    id_ = act.conn.execute(insert(seniors).values(row | {"created_at": act.now}).returning(seniors.c.id)).scalar_one()
    if needy:
        held = {"senior_id": id_, "category": "low_income", "valid_from": date(2026, 1, 1)}
        act.conn.execute(insert(categories), held)
    if level is not None:
        found = {"senior_id": id_, "level": level, "assessed_on": date.fromisoformat(assessed_on)}
        act.conn.execute(insert(assessments), found | {"assessor": "a", "recorded_at": act.now})
    return int(id_)


person.count = 0  # type: ignore[attr-defined]


def xlsx(rows: list[list[Any]], sheet: str = "名册", **cells: Any) -> bytes:
    """A workbook of one sheet."""
    book = Workbook()
    page: Any = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()
