"""One of everything that an address of the console may name, all of it one town's, one village's, one provider's; and a second one beside it.

Most of it is put straight into the tables: what is asked here is whose a record is, not how it came about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import JSON, Connection, String, Table, insert, select

from admin.tables import rosters, tasks
from settlement import papers
from settlement.act import Act
from settlement.cards.tables import cards
from settlement.closing import payment
from settlement.closing.tables import (
    adjustments,
    invoices,
    payment_orders,
    settlements,
    share_payments,
    statement_questions,
    statements,
)
from settlement.db import Instant
from settlement.people import agents
from settlement.people.tables import assessment_orders, enrolments, invitations, objections, register_deaths
from settlement.policy.tables import price_lists
from settlement.providers.tables import (
    caregivers,
    contract_proposals,
    contracts,
    devices,
    tender_awards,
    tenders,
    terminals,
)
from settlement.supervision.tables import complaints, hotline_calls
from settlement.treasury.tables import account_lines, account_statements, appropriations
from settlement.visits.tables import bookings, door_events, payment_stops, visit_corrections, work_orders
from tests.admin.office import OTHER_TOWN, TOWN, Office
from tests.stories.county import AUGUST, JULY, Q3, SCHEME, SECOND, SEPTEMBER, County, found
from tests.support import RING, acting, at, officer

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
PAYER = f"town:{TOWN}"
FAR_TOWN = "丁伙镇"
"""Where nothing of it is."""
NOW = at("2026-10-12 10:00")


@dataclass(frozen=True)
class Everything:
    """``one`` and ``other``: by the name that an address gives them (``enrolment_id``), with the desk before it where two desks mean two things by it
    (``enrolment.order_id``); of what lies under a record of its own (a paper of an application) each lies under the one of its side."""

    county: County
    one: dict[str, Any]
    other: dict[str, Any]
    stranger: int  # a provider that has nothing to do with any of it


def filled(conn: Connection, table: Table, **given: Any) -> Any:
    """A row with these facts and something in every other column that wants one; its key."""
    for column in table.columns:
        counted = column.name == "id" and not isinstance(column.type, String)
        if not (column.name in given or column.nullable or column.default is not None or counted):
            given[column.name] = _something(column)
    return conn.execute(insert(table).values(given).returning(table.primary_key.columns[0])).scalar_one()


def _something(column: Any) -> Any:
    if isinstance(column.type, Instant):
        return NOW
    if isinstance(column.type, JSON):
        return []
    return {str: "x", date: NOW.date(), bool: False, int: 1, bytes: b"x"}[column.type.python_type]


def everything(office: Office) -> Everything:
    county = found(office.engine, (TOWN, OTHER_TOWN))
    people = [county.somebody(birth) for birth in ("1950-03-07", "1949-05-02")]
    served: list[str] = []
    for month in (JULY, AUGUST, SEPTEMBER):
        county.issue(month)
        for number, someone in enumerate(people):
            if month is not SEPTEMBER:
                served.append(county.visit(someone, f"{month.first_day.replace(day=8 + number)} 09:00", "ZL03")[0])
        county.close(month)
    county.settle(Q3)
    cashier = officer("town.cashier", "town_finance", town=TOWN)
    with acting(office.engine, NOW, cashier) as act:
        batch = payment.export(act, SCHEME, str(Q3), payer=PAYER).batch_id
    office.now = NOW
    stranger = office.provider()
    sides = []
    for side, someone in enumerate(people):
        with acting(office.engine, NOW, SECOND) as act:
            known = _of_person(act, someone.senior_id, county, side) | _of_money(act, side)
            known |= _of_provider(act, county, side)
            known |= {"visit_id": served[side], "batch_id": batch}
            known |= _of_visit(act.conn, county, served[side], someone.senior_id, side)
            sides.append(known)
    eligible = county.register("1945-03-07", categories="低保", level=2)
    with acting(office.engine, NOW) as act:
        strange = filled(act.conn, caregivers, provider_id=stranger, staff_no="s", name="刘")
    # Neither belongs to the first side: another provider's caregiver, a visit on another statement.
    sides[0] |= {"eligible": eligible, "strange": strange, "strange_visit": served[2]}
    return Everything(county, sides[0], sides[1], stranger)


def _of_person(act: Act, senior_id: int, county: County, side: int) -> dict[str, Any]:
    conn = act.conn
    enrolment_id = conn.scalar(select(enrolments.c.id).where(enrolments.c.senior_id == senior_id))
    mine = {"senior_id": senior_id, "town": TOWN}
    found = {"senior_id": senior_id, "enrolment_id": enrolment_id}
    found["card_id"] = conn.scalar(select(cards.c.id).where(cards.c.senior_id == senior_id))
    found["objection_id"] = filled(conn, objections, enrolment_id=enrolment_id)
    found["enrolment.paper_id"] = papers.put(act, RING, f"enrolment:{enrolment_id}", "identity", "a.png", PNG)
    order = {"senior_id": senior_id, "scheme_code": SCHEME, "reason": "due", "status": "ordered"}
    found["enrolment.order_id"] = filled(conn, assessment_orders, **order, assessor="assessor")
    found["death_id"] = filled(conn, register_deaths, senior_id=senior_id, status="waiting", source="funeral")
    found["invitation_id"] = filled(conn, invitations, senior_id=senior_id, scheme_code=SCHEME)
    found["agent_id"] = agents.appoint(act, RING, senior_id, "王小明", f"1380000000{side}", "child", "in_person")
    found["complaint_id"] = filled(
        conn, complaints, **mine, kind="other", status="open", subject="x", provider_id=county.provider
    )
    found["booking_id"] = filled(conn, bookings, **mine, status="asked", provider_id=county.provider, said_by="senior")
    found["call_id"] = filled(
        conn, hotline_calls, senior_id=senior_id, caller="senior", status="asking", taken_by="agent.one"
    )
    found["roster_id"] = filled(conn, rosters, officer_id=("roster.one", "roster.two")[side], scheme_code=SCHEME)
    asked = {"kind": "roster", "arguments": {}, "status": "refused", "refusal": {"code": "NOT_ALLOWED", "details": {}}}
    found["task_id"] = filled(conn, tasks, **asked, officer_id=("roster.one", "roster.two")[side])
    return found


def _of_visit(conn: Connection, county: County, visit_id: str, senior_id: int, side: int) -> dict[str, Any]:
    found = {"review.visit_id": visit_id}
    order_id = f"wo-{side}"
    order = {"provider_id": county.provider, "senior_id": senior_id, "town": TOWN, "planned_minutes": 60}
    filled(
        conn,
        work_orders,
        id=order_id,
        **order,
        origin="planned",
        status="planned",
        planned_start=at("2026-10-20 09:00"),
    )
    found["provider.order_id"] = order_id
    found["correction_id"] = filled(
        conn,
        visit_corrections,
        visit_id=visit_id,
        reason="device_failed",
        status="proposed",
        before={"status": "paid"},
        check_in_at=NOW,
    )
    filled(conn, payment_stops, visit_id=visit_id, status="open", source="overlap", detail={}, placed_by="system")
    device = filled(
        conn, devices, id=f"d{side}", provider_id=county.provider, kind="phone", algorithm="ed25519", key_id=f"k{side}"
    )
    body = {"body": {"order_id": order_id}}
    found["event_id"] = filled(
        conn, door_events, id=f"e{side}" * 16, device_id=device, kind="check_in", status="quarantined",
        canonical=json.dumps(body), reason="device_revoked", visit_id=visit_id, result={}, counter=side + 1,
    )  # fmt: skip
    found["device_id"] = device
    return found


def _of_provider(act: Act, county: County, side: int) -> dict[str, Any]:
    conn, mine = act.conn, county.provider
    caregiver = county.carers[TOWN][side]
    found = {"provider_id": mine, "caregiver_id": caregiver}
    found["contract_id"] = list(conn.scalars(select(contracts.c.id).order_by(contracts.c.id)))[side]
    found["terminal_id"] = filled(conn, terminals, id=f"T{side}", provider_id=mine, merchant_id="M")
    found["providers.paper_id"] = papers.put(act, RING, f"caregiver:{caregiver}", "certificate", "a.png", PNG)
    found["list_id"] = filled(
        conn,
        price_lists,
        scheme_code=SCHEME,
        version=f"own{side}",
        status="draft",
        provider_id=mine,
        valid_from=date(2027, side + 1, 1),
    )
    found["tender_id"] = filled(conn, tenders, scheme_code=SCHEME, number=f"N{side}", title="t")
    found["award_id"] = filled(conn, tender_awards, tender_id=found["tender_id"], provider_id=mine, town=TOWN)
    found["tender.paper_id"] = papers.put(act, RING, f"tender:{found['tender_id']}", "notice", "a.png", PNG)
    found["proposal_id"] = filled(conn, contract_proposals, award_id=found["award_id"], status="proposed")
    return found


def _of_money(act: Act, side: int) -> dict[str, Any]:
    conn = act.conn
    s, o = statements.c, payment_orders.c
    found: dict[str, Any] = {
        "statement_id": list(conn.scalars(select(s.id).where(s.town == TOWN).order_by(s.id)))[side]
    }
    found["question_id"] = filled(
        conn, statement_questions, statement_id=found["statement_id"], asked_role=("provider", "town")[side]
    )
    found["settlement_id"] = conn.scalar(select(settlements.c.id).where(settlements.c.town == TOWN))
    order = list(conn.scalars(select(o.id).where(o.town == TOWN).order_by(o.id)))[side]
    found["treasury.order_id"] = order
    found["treasury.paper_id"] = papers.put(act, RING, f"order:{order}", "invoice", "a.png", PNG)
    found["invoice_id"] = filled(conn, invoices, order_id=order, number=f"F{side}")
    found["grant_id"] = filled(conn, appropriations, scheme_code=SCHEME, year=2026, payer=PAYER, document="d")
    found["payment_id"] = filled(
        conn, share_payments, scheme_code=SCHEME, quarter=str(Q3), payer=PAYER, reference=f"r{side}"
    )
    taken = filled(conn, account_statements, payer=PAYER, sha256=f"{side}")
    found["line_id"] = filled(
        conn, account_lines, statement_id=taken, payer=PAYER, in_fen=100, out_fen=0, fingerprint=f"{side}"
    )
    found["payer"] = PAYER
    provider = conn.scalar(select(s.provider_id))
    found["adjustment_id"] = filled(
        conn, adjustments, id=f"adj-{side}", kind="penalty", scheme_code=SCHEME, provider_id=provider, town=TOWN,
        origin_month="2026-07", amount_fen=-100, personal_fen=0,
    )  # fmt: skip
    return found
