"""The auditor's desk: anything explained, the books checked, seals and proofs taken away, the trail read; nothing changed."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from admin.tables import tasks
from settlement import audit, check_proof, checks
from settlement.act import SYSTEM, begin
from settlement.audit import audit_rows
from settlement.ledger import seal as sealing
from settlement.ledger.tables import accounts
from settlement.officers import MAY
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI
from settlement.visits.dispatch import VISIT_ID_LENGTH
from tests.admin.office import Answer, Office, Seat
from tests.people.people import number
from tests.stories.county import JULY, Q3, County, found
from tests.support import RING, acting, at
from tests.visits import world as worlds
from tests.visits.phone import Phone, code


@pytest.fixture
def county(office: Office) -> County:
    """One visit in July, bathing for 60.00 from the subsidy; the month closed, the quarter ordered."""
    return found(office.engine)


@pytest.fixture
def auditor(office: Office) -> Seat:
    return office.seat("audit", "auditor")


def served(county: County) -> tuple[Any, str]:
    someone = county.somebody()
    county.issue(JULY)
    visit_id, _ = county.visit(someone, "2026-07-10 09:00", "ZL03")
    return someone, visit_id


def finished(office: Office) -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("task-"):
            thread.join()


# -- explain ------------------------------------------------------------------------------------------------------------------
def test_any_number_is_explained(office: Office, county: County, auditor: Seat) -> None:
    someone, visit_id = served(county)
    debit = f"d-{visit_id}-1"
    with office.engine.connect() as conn:
        run = conn.scalar(select(checks.metadata.tables["issuance_runs"].c.id))
        card_no = conn.scalar(select(checks.metadata.tables["card_media"].c.card_no))
        transfer = conn.scalars(select(checks.metadata.tables["ledger_transfers"].c.id)).first()
    numbers = {visit_id: f"visit:{visit_id}", debit: f"debit:{debit}", run: f"run:{run}"}
    numbers |= {card_no: f"card:{someone.card_id}", f"senior:{someone.senior_id}": f"senior:{someone.senior_id}"}
    numbers |= {transfer: f"transfer:{transfer}"}
    for typed, meant in numbers.items():
        sent = auditor.post("/audit/explain", number=f"  {typed} ")
        assert sent.status == 303, typed
        page = auditor.get(sent.location)
        assert page.status == 200, typed
        assert meant.partition(":")[2] in page.text
    assert "60.00元" in auditor.get("/audit/explain", of=f"debit:{debit}").text


def test_a_work_order_and_a_signed_record_lead_to_the_visit(office: Office, auditor: Seat) -> None:
    world = worlds.found(office.engine)
    someone = world.holder(subsidy=10_000)
    order = world.order(someone)
    phone = Phone(world, world.caregiver())
    began = phone.sign("check_in", at("2026-07-03 09:00"), method="card_qr", token=code(world, someone), order_id=order)
    out = phone.check_out(began, someone, timedelta(hours=1))
    for event in (began, out):
        phone.hand_in(event)
    for typed in (order, began.hash, out.hash):
        page = auditor.get(auditor.post("/audit/explain", number=typed).location)
        assert began.hash[:VISIT_ID_LENGTH] in page.text, typed
        assert "60分0秒" in page.text, typed


def test_an_identity_number_leads_to_a_number_and_is_in_no_address(
    office: Office, county: County, auditor: Seat
) -> None:
    someone, _ = served(county)
    sent = auditor.post("/audit/explain", number=number("1950-03-07", 2))
    assert sent.location == f"/audit/explain?of=senior:{someone.senior_id}"
    page = auditor.get(sent.location)
    assert "150.00元" in page.text
    assert "王桂英" not in page.text


def test_what_nobody_knows_is_said_to_be_unknown(office: Office, county: County, auditor: Seat) -> None:
    answer = auditor.post("/audit/explain", number="320102195003070012")
    assert answer.status == 404
    assert answer.find("//input[@name='number']/@value") == ["320102195003070012"]
    assert "没有找到" in answer.find("//div[@role='alert']")[0].text_content()
    assert "320102" not in answer.find("//div[@role='alert']")[0].text_content()


def test_a_payment_order_is_explained_down_to_the_clause(office: Office, county: County, auditor: Seat) -> None:
    _, visit_id = served(county)
    for month in Q3.months:
        county.close(month)
    county.settle()
    with office.engine.connect() as conn:
        order = conn.scalars(select(checks.metadata.tables["payment_orders"].c.id)).first()
    page = auditor.get("/audit/explain", of=f"order:{order}")
    assert visit_id in page.text
    assert "通知" in page.text or "五(三)" in page.text


# -- checks -------------------------------------------------------------------------------------------------------------------
def checked(office: Office, seat: Seat, kind: str, published: str = "") -> Answer:
    sent = seat.post("/audit/checks", kind=kind, published=published)
    assert sent.status == 303
    finished(office)
    task = seat.get(sent.location)
    return seat.get(str(task.find("//a[@class='button']/@href")[0]))


def test_the_books_are_checked_in_the_background_and_prove_themselves(
    office: Office, county: County, auditor: Seat
) -> None:
    served(county)
    page = checked(office, auditor, "books")
    assert "没有发现不符" in page.text
    with office.engine.connect() as conn:
        kept = conn.execute(select(checks.checks)).one()
        assert conn.scalar(select(func.count()).select_from(tasks)) == 1
    assert (kept.kind, kept.findings, kept.asked_by) == ("books", 0, "audit")


def test_a_balance_that_was_tampered_with_is_named(office: Office, county: County, auditor: Seat) -> None:
    someone, _ = served(county)
    with office.engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.id == someone.subsidy).values(balance=accounts.c.balance + 1))
    page = checked(office, auditor, "books")
    assert "balance_differs" in page.text
    assert "账户余额9001分" in page.text
    sheet = load_workbook(BytesIO(auditor.get(f"{page.response.request.path}?export=xlsx").content)).active
    assert sheet.cell(2, 2).value == "balance_differs" or sheet.cell(3, 2).value == "balance_differs"


def test_only_who_may_check_keeps_a_check(office: Office) -> None:
    with pytest.raises(Refused) as caught, acting(office.engine) as act:
        checks.keep(act, "books", act.now, [], {})
    assert caught.value.reason is Reason.NOT_ALLOWED


# -- seals --------------------------------------------------------------------------------------------------------------------
def sealed(office: Office) -> None:
    made = sealing.make(office.engine, RING, office.now, SHANGHAI, lambda: begin(office.engine, SYSTEM, office.now), 60)
    assert made


def test_a_proof_is_taken_away_and_checked_without_us(
    office: Office, county: County, auditor: Seat, tmp_path: Any
) -> None:
    _, visit_id = served(county)
    sealed(office)
    answer = auditor.get("/audit/download/proof", of=f"debit:d-{visit_id}-1")
    assert answer.status == 200
    assert "attachment" in answer.response.headers["Content-Disposition"]
    proof, keys = tmp_path / "proof.json", tmp_path / "keys.pem"
    proof.write_bytes(answer.content)
    keys.write_bytes(auditor.get("/audit/seals/download/keys").content)
    assert len(json.loads(answer.content)["transfers"]) == 1
    assert check_proof.main([str(proof), str(keys)]) == 0
    with office.engine.connect() as conn:
        taken = conn.execute(select(audit_rows).where(audit_rows.c.act == "proof.export")).one()
    assert (taken.actor, taken.subject) == ("audit", f"debit:d-{visit_id}-1")


def test_what_is_not_sealed_yet_is_said_to_be(office: Office, county: County, auditor: Seat) -> None:
    _, visit_id = served(county)
    answer = auditor.get("/audit/download/proof", of=f"debit:d-{visit_id}-1")
    assert answer.status == 409
    assert "尚未封印" in answer.text


def test_the_seals_check_finds_a_row_that_was_edited(office: Office, county: County, auditor: Seat) -> None:
    served(county)
    sealed(office)
    line = auditor.get("/audit/seals/download/lines").content.decode().strip()
    assert line in auditor.get("/audit/seals/1").text
    assert "没有发现不符" in checked(office, auditor, "seals", line).text
    with office.engine.begin() as conn:
        conn.execute(update(audit_rows).where(audit_rows.c.act == "issuance.approve").values(actor="somebody"))
    page = checked(office, auditor, "seals", line)
    assert "sealed_row_edited" in page.text


# -- the trail ----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def written(office: Office) -> None:
    rows = [
        ("2026-07-01 09:00", "town", "card.freeze", "card:12", {"status": "active"}, {"status": "frozen"}, "挂失"),
        ("2026-07-02 00:30", "town", "card.unfreeze", "card:12", {"status": "frozen"}, {"status": "active"}, None),
        ("2026-07-02 23:59", "civil_affairs", "senior.reveal", "senior:3", None, {"field": "phone"}, "回访"),
        ("2026-07-03 00:00", "town", "list.export", "list:people", None, {"address": "/people/"}, None),
        ("2026-07-03 09:00", "admin", "officer.sign_in", "officer:root", None, {"how": "totp"}, None),
    ]
    with office.engine.begin() as conn:
        for when, role, act, subject, before, after, why in rows:
            row = {"at": at(when), "actor": f"a-{role}", "role": role, "act": act, "subject": subject}
            conn.execute(audit.audit_rows.insert().values(**row, before=before, after=after, why=why))


def codes(page: Answer) -> list[str]:
    return [cell.text_content() for cell in page.find("//tbody/tr/td[6]")]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"subject": "card:12"}, ["card.unfreeze", "card.freeze"]),
        ({"act": "card"}, ["card.unfreeze", "card.freeze"]),
        ({"act": "card.freeze"}, ["card.freeze"]),
        ({"act": "car"}, []),
        ({"who": "a-admin"}, ["officer.sign_in"]),
        ({"role": "civil_affairs"}, ["senior.reveal"]),
        ({"since": "2026-07-02", "until": "2026-07-02"}, ["senior.reveal", "card.unfreeze"]),
    ],
)
def test_the_trail_is_filtered(office: Office, written: None, asked: dict[str, str], shown: list[str]) -> None:
    seat = office.seat("audit", "auditor")
    with office.engine.begin() as conn:  # what the seat itself left
        conn.execute(audit_rows.delete().where(audit_rows.c.subject == "officer:audit"))
    assert codes(seat.get("/audit/trail", **asked)) == shown


def test_the_parts_of_the_trail_show_what_they_say(office: Office, written: None, auditor: Seat) -> None:
    assert codes(auditor.get("/audit/reveals")) == ["senior.reveal"]
    assert codes(auditor.get("/audit/exports")) == ["list.export"]
    assert "officer.sign_in" in codes(auditor.get("/audit/sign-ins"))
    assert "card.freeze" not in codes(auditor.get("/audit/sign-ins"))


def test_a_row_shows_before_and_after(office: Office, written: None, auditor: Seat) -> None:
    with office.engine.connect() as conn:
        id = conn.scalar(select(audit_rows.c.id).where(audit_rows.c.act == "card.freeze"))
    cells = [cell.text_content() for cell in auditor.get(f"/audit/trail/{id}").find("//tbody/tr/td")]
    assert cells == ["active", "frozen"]


def test_a_day_that_is_none_is_refused_in_words(office: Office, auditor: Seat) -> None:
    assert auditor.get("/audit/trail", since="yesterday").status == 422


def test_the_administrator_sees_sign_ins_and_not_the_trail(office: Office, written: None) -> None:
    seat = office.seat("root", "admin")
    assert seat.get("/audit/sign-ins").status == 200
    assert seat.get("/audit/trail").status == 403
    assert seat.get("/audit/sign-ins").find("//tbody//a") == []


def test_the_table_of_rights_is_the_one_the_program_goes_by(office: Office, auditor: Seat) -> None:
    page = auditor.get("/audit/rights")
    (row,) = [each for each in page.find("//table[1]//tbody/tr") if each[0].text_content() == "quarter.approve_finance"]
    assert [cell.text_content().split() for cell in row[1:] if cell.text_content().strip()] == [["可", "yes"]]
    assert len(page.find("(//table)[1]//tbody/tr")) == len(MAY)
