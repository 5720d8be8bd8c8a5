"""Whose budget will not do is said where a month is approved."""

from __future__ import annotations

from tests.admin.months import founded
from tests.admin.office import TOWN, Office
from tests.stories.county import SCHEME

ISSUED = f"/months/issuance/{SCHEME}/2026-07"


def test_an_issuance_beyond_the_districts_budget_is_said_until_it_is_loaded_and_stays_committed(office: Office) -> None:
    """150.00 a month at 7 : 3 are 105.00 of the district's."""
    district = founded(office)
    qian, zhou = office.seat("qian", "district_finance"), office.seat("zhou", "district_finance")
    grant = {"scheme": SCHEME, "year": "2026", "payer": "district", "document": "x", "granted_on": "2026-01-05"}
    assert qian.post("/treasury/budget", grant | {"amount": "105.00"}).status == 303
    assert zhou.post("/treasury/budget/1/approve").status == 303
    district.task(district.head(), f"{ISSUED}/draft")
    page = f"{ISSUED}/{TOWN}"
    assert "超预算" not in district.checker().get(page).text
    assert qian.post("/treasury/budget", grant | {"amount": "-0.01"}).status == 303
    assert zhou.post("/treasury/budget/2/approve").status == 303
    assert "区的承诺将超过预算 0.01 元" in district.checker().get(page).text
    assert "区的承诺将超过预算 0.01 元" in district.checker().get(ISSUED).text
    # It warns and does not stop.
    seen = district.checker().get(page).find("//form[contains(@action, '/approve')]//input[@name='seen']/@value")[0]
    assert district.checker().post(f"{page}/approve", seen=seen).status == 303
    district.task(district.checker(), f"{ISSUED}/post")
    row = qian.get("/treasury/budget", year=2026).find("//table[1]/tbody/tr[1]/td")
    # Granted, proposed, settled, open, paid, left.
    assert [cell.text_content().strip() for cell in row[:6]] == ["104.99", "0.00", "0.00", "105.00", "0.00", "-0.01"]
