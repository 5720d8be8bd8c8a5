"""``songbai fraud`` as an officer types it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select

from settlement import officers
from settlement.cli.common import Desk
from settlement.cli.fraud import fraud
from settlement.outcomes import Reason, Refused
from settlement.visits.tables import payment_stops, visits
from tests.closing.county import XIANNV, County
from tests.conftest import Databases
from tests.support import acting, at


@pytest.fixture
def desk(databases: Databases) -> Iterator[Desk]:
    """July: two visits of one senior at once, and an honest one that lacks nothing but a location."""
    engine = databases.create("sqlite")
    county = County(engine).build()
    county.serve("one", when="2026-07-10 09:00", subsidy=1)
    county.serve("two", when="2026-07-10 09:30", subsidy=1)
    county.serve("fine", when="2026-07-20 09:00", subsidy=1)
    with acting(engine) as act:
        officers.add(act, "wang", "王", "town", town=XIANNV)
    yield Desk(url=str(engine.url), clock=lambda: at("2026-08-05 09:00"))
    databases.drop(engine)


def run(desk: Desk, *words: str) -> Result:
    return CliRunner().invoke(fraud, words, obj=desk)


def test_scan_list_release_uphold(desk: Desk) -> None:
    assert json.loads(run(desk, "list", "--json").stdout) == {"count": 0, "findings": [], "said_by_people": []}

    first = run(desk, "scan", "--month", "2026-07", "--json")
    told = json.loads(first.stdout)
    assert first.exit_code == 1
    assert told["by_signal"] == {"caregiver_overlap": 2, "no_location": 3, "senior_overlap": 2}
    assert (told["stopped_visits"], told["count"]) == (2, 7)
    one = next(each for each in told["findings"] if (each["signal"], each["visit_id"]) == ("senior_overlap", "one"))
    assert one["zh"] == "同一老人两次服务重叠30分钟（容许5分钟）"
    assert one["en"] == "the senior was served twice at once for 30 min (5 allowed)"
    assert (one["action"], one["stop"], one["source"]) == ("stop", "open", "default")
    assert json.loads(run(desk, "scan", "--month", "2026-07", "--json").stdout) == told

    assert {each["visit_id"] for each in json.loads(run(desk, "list", "--json").stdout)["findings"]} == {"one", "two"}
    released = run(desk, "release", "one", "--by", "wang", "--reason", "问过老人", "--json")
    assert json.loads(released.stdout)["signals"] == ["caregiver_overlap", "senior_overlap"]
    assert run(desk, "uphold", "two", "--by", "wang", "--reason", "老人未见此人").exit_code == 0
    assert "没有等待决定" in run(desk, "list").stdout
    with desk.reading() as conn:
        states = {row.id: row.status for row in conn.execute(select(visits.c.id, visits.c.status))}
    assert states == {"one": "served", "two": "void", "fine": "served"}


def test_what_people_said_is_listed_with_what_signals_found(desk: Desk) -> None:
    said = {"visit_id": "fine", "source": "complaint:7", "detail": {}, "placed_by": "holder:1", "status": "open"}
    with acting(desk.engine) as act:
        act.conn.execute(insert(payment_stops).values(said | {"placed_at": act.now}))
    (one,) = json.loads(run(desk, "list", "--json").stdout)["said_by_people"]
    assert (one["visit_id"], one["source"]) == ("fine", "complaint:7")
    assert "投诉 7" in run(desk, "list").stdout
    assert run(desk, "release", "fine", "--by", "wang", "--reason", "问过老人").exit_code == 0
    assert "没有等待决定" in run(desk, "list").stdout


def test_what_is_refused(desk: Desk) -> None:
    for words, reason in (
        (("scan", "--month", "2026-07", "--by", "nobody"), Reason.NOT_FOUND),
        (("release", "fine", "--by", "wang", "--reason", "x"), Reason.WRONG_STATE),
    ):
        refusal = run(desk, *words).exception
        assert isinstance(refusal, Refused)
        assert refusal.reason is reason
