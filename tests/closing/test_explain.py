"""From an order down to the door, and from a visit up to the order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, insert

from settlement.closing import adjusting
from settlement.closing.explain import as_tree, explain
from settlement.closing.explain_visit import Node
from settlement.db import reading
from settlement.outcomes import Refused
from settlement.providers.tables import devices
from settlement.visits.tables import door_events
from tests.closing.county import AUGUST, JULY, SCHEME, SEPTEMBER, TOWN_1, XIANNV, County
from tests.support import acting, at


@pytest.fixture(scope="module")
def settled(module_engine: Engine) -> County:
    county = County(module_engine).build()
    county.serve("v1", subsidy=1000, personal=70)
    county.serve("v2", subsidy=500)
    county.serve("out", debited=False)
    with acting(module_engine) as act:
        key = {"algorithm": "ed25519", "key_id": "k", "public_key": "p", "enrolled_at": act.now, "last_hash": "0"}
        act.conn.execute(insert(devices), key | {"id": "D1", "provider_id": 1, "kind": "phone", "last_counter": 1})
        event: dict[str, Any] = {"id": "e" * 64, "device_id": "D1", "counter": 1, "prev_hash": "0", "kind": "check_in"}
        event |= {
            "occurred_at": at("2026-07-10 09:00"),
            "received_at": act.now,
            "canonical": "{}",
            "algorithm": "ed25519",
        }
        event |= {"key_id": "k", "signature": "s", "status": "accepted", "result": {}, "visit_id": "v1"}
        act.conn.execute(insert(door_events), event)
    county.close(JULY)
    with acting(module_engine, "2026-08-10 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "v2", "fraud")
    county.close(AUGUST)
    county.close(SEPTEMBER)
    county.settle()
    return county


def told(county: County, id: str, limit: int = 20) -> Node:
    with reading(county.engine) as conn:
        return explain(conn, id, limit)


def every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from every(child)


def test_down_from_an_order_to_debits_evidence_and_clauses(settled: County) -> None:
    order = told(settled, f"{SCHEME}-2026-Q3-P001")
    found = {(node.kind, node.id) for node in every(order)}
    statement = f"{SCHEME}-2026-07-1-{XIANNV}"
    assert {
        ("settlement", f"{SCHEME}-2026-Q3-1-{XIANNV}"),
        ("statement", statement),
        ("visit", "v1"),
        ("debit", "d-v1"),
        ("event", "e" * 64),
        ("transfer", "debit/d-v1/subsidy"),
        ("adjustment", "void-v2"),
        ("kept_out", "no_debit"),
        ("approval", "finance"),
    } <= found
    shares = next(node for node in every(order) if node.kind == "shares")
    assert shares.facts == {
        "district (7)": "7.00元",
        "town (3)": "3.00元",
        "依据 clause": ["依据文件六1", "依据文件六2"],
    }
    visit = next(node for node in every(order) if node.id == "v1")
    assert visit.facts["依据 clause"] == ["依据文件五(三)2", "依据文件四(二)", "依据文件六2"]


def test_up_from_a_visit_or_debit_to_the_order(settled: County) -> None:
    for id in ("v1", "visit:v1", "debit:d-v1"):
        found = [node.kind for node in every(told(settled, id))]
        assert found[-3:] == ["statement", "settlement", "order"]
    kept_out = told(settled, "out")
    assert [(node.kind, node.id) for node in kept_out.children][-1] == ("kept_out", "no_debit")


def test_a_long_statement_is_cut_and_says_so(settled: County) -> None:
    statement = told(settled, f"{SCHEME}-2026-07-1-{XIANNV}", limit=1)
    more = [node for node in statement.children if node.kind == "more"]
    assert [node.en for node in more] == ["1 more visits"]


def test_every_kind_can_be_told_and_printed(settled: County) -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for id in (
        f"{SCHEME}-2026-Q3-T001",
        f"{SCHEME}-2026-07-S001",
        "adjustment:void-v2",
        f"{SCHEME}-2026-Q3-1-{XIANNV}",
    ):
        console.print(as_tree(told(settled, id)))
    text = console.export_text()
    assert "2026-07-10T09:00:00+08:00" in text
    assert "senior:1" in text
    assert "张某" not in text
    with pytest.raises(Refused):
        told(settled, "nothing")
