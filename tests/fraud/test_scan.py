"""A scan may run as often as one likes; what a person decided stays decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, func, select, update

from settlement.audit import audit_rows
from settlement.fraud.scan import scan
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.visits.tables import payment_stops, visits
from tests.fraud.month import MonthByHand, month_by_hand
from tests.support import officer


@pytest.fixture
def july(module_engine: Engine) -> Iterator[MonthByHand]:
    with month_by_hand(module_engine) as month:
        yield month


def stops(july: MonthByHand) -> list[tuple[str, str, str, str]]:
    columns = [payment_stops.c[name] for name in ("visit_id", "source", "status", "placed_by")]
    return [tuple(row) for row in july.act.conn.execute(select(*columns).order_by(*columns))]


def test_a_second_scan_adds_nothing(july: MonthByHand) -> None:
    dead = july.senior(died_on=date(2026, 7, 1))
    short_and_late = july.visit("2026-07-05 09:00", "2026-07-05 09:30", senior=dead)
    far = july.visit("2026-07-05 09:00", "2026-07-05 10:00", in_distance_m=3000)

    first = july.findings()

    assert [(each.signal, each.visit_id) for each in first] == [
        ("after_death", short_and_late),
        ("far_from_address", far),
        ("under_minimum", short_and_late),
    ]
    # One stop per signal; what the scheme only flags is paid.
    placed = [(short_and_late, "after_death", "open", "system"), (short_and_late, "under_minimum", "open", "system")]
    assert stops(july) == placed
    assert july.findings() == first
    assert stops(july) == placed
    audited = select(audit_rows.c.after).where(audit_rows.c.act == "fraud.scan").order_by(audit_rows.c.id)
    found_then = [after["found"] for after in july.act.conn.execute(audited).scalars()]
    assert found_then == [{"after_death": 1, "far_from_address": 1, "under_minimum": 1}, {}]


def test_a_released_stop_is_not_placed_again(july: MonthByHand) -> None:
    short = july.visit("2026-07-05 09:00", "2026-07-05 09:30")
    july.findings()
    july.act.conn.execute(update(payment_stops).values(status="released"))

    assert [each.stop for each in july.findings()] == ["released"]
    assert stops(july) == [(short, "under_minimum", "released", "system")]


def test_what_came_late_is_scanned_with_the_month_that_pays_it(july: MonthByHand) -> None:
    """A visit of May that no statement has taken is judged in July; one that was paid in May is not judged again."""
    unpaid = july.visit("2026-05-05 09:00", "2026-05-05 09:30")
    july.visit("2026-05-05 09:00", "2026-05-05 09:30", status="paid")
    july.visit("2026-08-05 09:00", "2026-08-05 09:30")

    assert july.found("under_minimum") == {unpaid}


def test_each_scheme_is_scanned_by_its_own_rules(july: MonthByHand) -> None:
    july.visit("2026-07-05 09:00", "2026-07-05 09:30", scheme_code="other")

    assert july.findings() == []
    assert july.act.conn.execute(select(func.count()).select_from(visits)).scalar_one() == 1


def test_a_provider_may_not_scan(module_engine: Engine) -> None:
    with month_by_hand(module_engine, by=officer("wu", "provider")) as july, pytest.raises(Refused) as refusal:
        scan(july.act, july.scheme, Month(2026, 7))
    assert refusal.value.reason is Reason.NOT_ALLOWED
