"""Which price holds: a provider's own list, else the scheme's; never one that nobody approved, never a changed past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Date, Engine, Integer, String, column, select, values

from settlement.outcomes import Reason, Refused
from settlement.policy import tariff
from settlement.policy.loader import builtin
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.tariff import PriceItem
from tests.support import acting, officer

JIANGDU = builtin("jiangdu")
ITEMS = builtin_prices(JIANGDU)
ZHANG, WANG = officer("zhang", "civil_affairs"), officer("wang", "civil_affairs")
OTHERS, KANGLE = 7, 8
"""Providers; Kangle has a list of its own."""


def priced(**yuan_per_item: int) -> list[PriceItem]:
    return [replace(item, price_fen=yuan_per_item.get(item.item_code, 0) * 100 or item.price_fen) for item in ITEMS]


def put_in_force(
    engine: Engine,
    items: list[PriceItem],
    version: str,
    day: date,
    *,
    provider: int | None = None,
    now: str = "2026-06-01 09:00",
) -> int:
    with acting(engine, now, ZHANG) as act:
        list_id = tariff.draft_list(act, JIANGDU, items, version=version, valid_from=day, provider_id=provider)
    with acting(engine, now, WANG) as act:
        tariff.approve_list(act, JIANGDU, list_id)
    return list_id


def price(engine: Engine, item: str, provider: int, day: date) -> int | None:
    with engine.connect() as conn:
        found = tariff.price_in_force(conn, "jiangdu", provider, item, day)
    return found.price_fen if found else None


def test_cleaning_costs_30_yuan_an_hour_until_the_next_list_begins(engine: Engine) -> None:
    put_in_force(engine, ITEMS, "2026.1", date(2026, 7, 1))
    put_in_force(engine, priced(ZJ01=32), "2026.2", date(2026, 9, 1), now="2026-08-20 09:00")

    assert price(engine, "ZJ01", OTHERS, date(2026, 6, 30)) is None
    assert price(engine, "ZJ01", OTHERS, date(2026, 7, 1)) == 3000
    assert price(engine, "ZJ01", OTHERS, date(2026, 8, 31)) == 3000
    assert price(engine, "ZJ01", OTHERS, date(2026, 9, 1)) == 3200
    assert price(engine, "nothing", OTHERS, date(2026, 9, 1)) is None


def test_a_providers_own_list_stands_alone(engine: Engine) -> None:
    put_in_force(engine, ITEMS, "2026.1", date(2026, 7, 1))
    own = [item for item in priced(ZJ01=27) if item.item_code != "ZC01"]
    put_in_force(engine, own, "2026.1", date(2026, 8, 1), provider=KANGLE)

    assert price(engine, "ZJ01", KANGLE, date(2026, 7, 31)) == 3000
    assert price(engine, "ZJ01", KANGLE, date(2026, 8, 1)) == 2700
    assert price(engine, "ZC01", KANGLE, date(2026, 8, 1)) is None  # not offered by Kangle
    assert price(engine, "ZC01", OTHERS, date(2026, 8, 1)) == 3500


def test_a_whole_set_is_priced_at_once(engine: Engine) -> None:
    first = put_in_force(engine, ITEMS, "2026.1", date(2026, 7, 1))
    own = put_in_force(engine, priced(ZJ01=27), "k1", date(2026, 8, 1), provider=KANGLE)
    visits = [
        ("v1", OTHERS, "ZJ01", date(2026, 7, 1)),
        ("v2", KANGLE, "ZJ01", date(2026, 7, 31)),
        ("v3", KANGLE, "ZJ01", date(2026, 8, 1)),
        ("v4", KANGLE, "unknown", date(2026, 8, 1)),
        ("v5", OTHERS, "ZF01", date(2026, 6, 30)),
    ]
    needed = (
        values(
            column("visit_id", String),
            column("provider_id", Integer),
            column("item_code", String),
            column("on_date", Date),
        )
        .data(visits)
        .cte("needed")
    )
    found = tariff.with_prices(needed, "jiangdu").subquery()
    query = select(found.c.visit_id, found.c.list_id, found.c.price_fen, found.c.subsidised).order_by(found.c.visit_id)

    with engine.connect() as conn:
        rows = [tuple(row) for row in conn.execute(query)]

    assert rows == [
        ("v1", first, 3000, True),
        ("v2", first, 3000, True),
        ("v3", own, 2700, True),
        ("v4", None, None, None),
        ("v5", None, None, None),
    ]


def test_a_list_counts_only_after_another_person_approved_it(engine: Engine) -> None:
    with acting(engine, by=ZHANG) as act:
        list_id = tariff.draft_list(act, JIANGDU, ITEMS, version="1", valid_from=date(2026, 7, 1))
    assert price(engine, "ZJ01", OTHERS, date(2026, 7, 2)) is None
    with pytest.raises(Refused) as caught, acting(engine, by=ZHANG) as act:
        tariff.approve_list(act, JIANGDU, list_id)
    assert caught.value.reason is Reason.SAME_PERSON

    for _ in range(2):
        with acting(engine, by=WANG) as act:
            tariff.approve_list(act, JIANGDU, list_id)
    assert price(engine, "ZJ01", OTHERS, date(2026, 7, 2)) == 3000


def test_a_version_is_imported_once_and_never_with_other_prices(engine: Engine) -> None:
    day = date(2026, 7, 1)
    with acting(engine, by=ZHANG) as act:
        first = tariff.draft_list(act, JIANGDU, ITEMS, version="1", valid_from=day)
        again = tariff.draft_list(act, JIANGDU, list(reversed(ITEMS)), version="1", valid_from=day)
        other_provider = tariff.draft_list(act, JIANGDU, ITEMS, version="1", valid_from=day, provider_id=KANGLE)
        for items, begins in ((priced(ZJ01=31), day), (ITEMS, date(2026, 8, 1))):
            with pytest.raises(Refused) as caught:
                tariff.draft_list(act, JIANGDU, items, version="1", valid_from=begins)
            assert caught.value.reason is Reason.PRICES_CHANGED
    assert first == again != other_provider


def test_prices_of_days_that_have_passed_do_not_change(engine: Engine) -> None:
    put_in_force(engine, ITEMS, "1", date(2026, 1, 1))  # the first list may reach back: nothing was priced before it

    with pytest.raises(Refused) as caught:
        put_in_force(engine, priced(ZJ01=31), "2", date(2026, 5, 31))
    assert caught.value.reason is Reason.PRICES_BACKDATED
    with pytest.raises(Refused) as caught:
        put_in_force(engine, priced(ZJ01=31), "1", date(2026, 5, 31), provider=KANGLE)
    assert caught.value.reason is Reason.PRICES_BACKDATED

    put_in_force(engine, priced(ZJ01=31), "3", date(2026, 6, 1))
    with pytest.raises(Refused) as caught:
        put_in_force(engine, priced(ZJ01=33), "4", date(2026, 6, 1))
    assert caught.value.reason is Reason.PRICES_OVERLAP
