"""What changes for a person, typed at the office: the answer says what it does to the money, and from which month."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from settlement import officers
from settlement.cli.common import Desk
from settlement.cli.senior import senior
from settlement.outcomes import Reason, Refused
from settlement.people import entitling
from settlement.periods import Month
from tests.cards.county import card
from tests.conftest import Databases
from tests.people.people import SCHEME, TOWN, VILLAGE, person, settle
from tests.support import acting, at
from tests.vouchers.town import issue


@pytest.fixture
def district(databases: Databases) -> Iterator[Engine]:
    engine = databases.create("sqlite")
    settle(engine)
    with acting(engine, "2026-06-24 09:00") as act:
        officers.add(act, "clerk", "村", "village", town=TOWN, village=VILLAGE)
        officers.add(act, "head", "镇", "town", town=TOWN)
    yield engine
    databases.drop(engine)


def enrolled(engine: Engine, birth: str = "1950-03-07") -> int:
    """Needy and semi-disabled, 150.00 a month from July."""
    with acting(engine, "2026-06-24 09:00") as act:
        someone = person(act, birth, level=1)
        entitling.decide(act, SCHEME, [someone], Month(2026, 7), "enrolled")
    return someone


def songbai(engine: Engine, command: str, now: str = "2026-08-20 09:00") -> Result:
    desk = Desk(url=str(engine.url), clock=lambda: at(now))
    return CliRunner().invoke(senior, command.split(), obj=desk)


def effect(engine: Engine, command: str, now: str = "2026-08-20 09:00") -> tuple[str, int | None, int | None]:
    """(from which month, amount before, amount after)."""
    result = songbai(engine, f"{command} --json", now)
    assert result.exit_code == 0, result.output + repr(result.exception)
    told: dict[str, Any] = json.loads(result.stdout)
    before, after = (told[key] and told[key]["amount"] for key in ("before", "after"))
    return told["from_month"], before, after


def test_a_new_level_counts_from_the_next_month(district: Engine) -> None:
    wang = enrolled(district)
    worse = f"reassess {wang} --level 3 --on 2026-08-19 --assessor 评估中心 --by head"
    assert effect(district, worse) == ("2026-09", 150_00, 260_00)
    again = songbai(district, worse)
    assert isinstance(again.exception, Refused)
    assert again.exception.reason is Reason.NEWS_KNOWN
    shown = songbai(district, f"reassess {wang} --level 4 --on 2026-08-20 --assessor 评估中心 --by head").stdout
    assert "补贴不变：每月 260.00（needy_disabled，三(一)1）" in shown
    assert songbai(district, f"reassess {wang} --level 5 --on 2026-08-20 --assessor a --by head").exit_code == 2


def test_a_category_lost_and_gained(district: Engine) -> None:
    """At 76 nothing is left without the category, and the answer says why; at 86 there is the aged benefit."""
    li, old = enrolled(district), enrolled(district, "1940-03-07")
    lost = songbai(district, f"category lose {li} low_income --on 2026-08-15 --by head")
    assert "2026-09 起：每月 150.00（needy_semi，三(一)1） → 没有补贴 none" in lost.stdout
    assert "困难老年人养老服务补贴：不属于所列困难类别" in lost.stdout
    assert effect(district, f"category lose {old} low_income --on 2026-08-15 --by head") == ("2026-09", 150_00, 60_00)
    assert effect(district, f"category gain {old} low_income --on 2026-08-20 --by head") == ("2026-09", 60_00, 150_00)
    unknown = songbai(district, f"category gain {old} rich --on 2026-08-20 --by head")
    assert isinstance(unknown.exception, Refused)
    assert "low_income" in unknown.exception.zh


def test_a_mistaken_death_is_taken_back(district: Engine) -> None:
    wang = enrolled(district)
    songbai(district, f"died {wang} --on 2026-08-10 --by clerk")
    back = f"reinstate {wang} --why 同名误登 --from-month 2026-09"
    assert effect(district, f"{back} --by head", "2026-10-08 09:00") == ("2026-09", None, 150_00)
    refused = songbai(district, f"{back} --by clerk", "2026-10-08 09:00")
    assert isinstance(refused.exception, Refused)
    assert refused.exception.reason is Reason.NOT_ALLOWED
    assert songbai(district, f"reinstate {wang} --why x --from-month September --by head").exit_code == 2


def test_the_answer_names_the_money_that_is_back(district: Engine) -> None:
    """150.00 for July and for August; a death of 10 July learnt on 20 August takes August's back."""
    wang = enrolled(district)
    with acting(district, "2026-06-25 09:00") as act:
        card(act, wang)
    for month in (Month(2026, 7), Month(2026, 8)):
        issue(district, month, f"{month}-01 09:00")
    assert "2026-08 已发 150.00：收回 150.00" in songbai(district, f"died {wang} --on 2026-07-10 --by clerk").stdout
    shown = songbai(district, f"reinstate {wang} --why 同名误登 --by head", "2026-08-25 09:00").stdout
    assert "2026-08 起：没有补贴 none → 每月 150.00" in shown
    assert "2026-08：退回卡上 150.00，应收冲销 0.00" in shown
    assert "卡片状态：正常" in shown
    songbai(district, f"left {wang} --on 2026-07-20 --by clerk", "2026-08-26 09:00")
    later = songbai(district, f"reinstate {wang} --why 迁回 --by head --json", "2026-08-27 09:00")
    told = json.loads(later.stdout)
    assert (told["from_month"], told["given_back"], told["card_status"]) == ("2026-09", 0, "active")
    assert told["months_back"] == [{"month": "2026-08", "issued": 150_00, "taken_back": 150_00, "receivable": 0}]
