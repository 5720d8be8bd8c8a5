"""Files made to harm whoever reads them, handed in at every desk that takes one: told, never a fault, and nothing of this machine comes back."""

from __future__ import annotations

import io
import threading
import zipfile

import pytest
from openpyxl import Workbook
from sqlalchemy import Connection, func, select

from admin.tables import tasks
from settlement import papers
from settlement.people import sheets
from settlement.people.tables import seniors
from tests.admin.everything import PAYER, PNG
from tests.admin.test_scope import World, world
from tests.people.test_sheets import END, START, workbook

__all__ = ["world"]

OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)
CELL = '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>'
REPORT = (
    "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.002.001.03'><CstmrPmtStsRpt>{}</CstmrPmtStsRpt></Document>"
)
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="900000"><c r="A900000"><v>1</v></c></row>'


def linked() -> bytes:
    """A workbook that draws on another file, by its address."""
    book, made = Workbook(), io.BytesIO()
    book.active["A1"] = "=[1]Sheet1!A1"
    book.save(made)
    with zipfile.ZipFile(made, "a") as archive:
        rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLinkPath"
        archive.writestr(
            "xl/externalLinks/_rels/externalLink1.xml.rels",
            f'<Relationships><Relationship Id="r1" Type="{rels}" Target="file:///etc/passwd" TargetMode="External"/></Relationships>',
        )
    return made.getvalue()


def slipping() -> bytes:
    """An archive whose parts want to lie elsewhere."""
    made = io.BytesIO(workbook(START + CELL.format("x") + END))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("../../../../tmp/slipped", "x")
        archive.writestr("/etc/cron.d/slipped", "x")
    return made.getvalue()


FILES = {
    "nothing": b"",
    "zeros": b"\0" * 1000,
    "noise": bytes(range(256)) * 40,
    "half a workbook": workbook(START + CELL.format("x") + END)[:300],
    "a file outside": workbook(OUTSIDE + START + CELL.format("&a;") + END),
    "entities": workbook(LAUGHS + "]>" + START + CELL.format("&j;") + END),
    "a far row": workbook(START + FAR + END),
    "unlike itself": workbook('<row r="x"/>'),
    "linked": linked(),
    "slipping": slipping(),
    "a report with a file": (OUTSIDE + REPORT.format("&a;")).encode(),
    "a report in UTF-16": ('<?xml version="1.0" encoding="UTF-16"?>' + OUTSIDE + REPORT.format("&a;")).encode("utf-16"),
    "a long field": b"a,b\n" + b"x" * 200_000 + b",1\n",
    "an open quote": '姓名,身份证号\n"王,1\n'.encode(),
    "a day before all others": "交易流水号,卡号,交易类型,金额,交易时间\nx,1,充值,1.00,0001-01-01T00:00\n".encode(),
    "a nul in a line": "交易流水号,卡号,交易类型,金额,交易时间\nx\0,1\0,充值,1.00,2026-07-01T00:00\n".encode(),
    "headings alone": "日期,收入,支出\n9999-12-31,1.00,\n0001-01-01,1,\n".encode(),
}
DESKS = [
    ("near.town", "/enrolment/roster", "file", {"scheme": "jiangdu"}),
    ("near.town", "/people/registers/population", "population", {"scheme": "jiangdu"}),
    ("near.town", "/people/registers/deaths", "deaths", {"source": "funeral"}),
    ("near.town", "/people/invitations/replies", "replies", {}),
    ("near.provider", "/provider/plan/sheet", "file", {"month": "2026-10"}),
    ("near.town_finance", f"/treasury/bank/{PAYER}/statement", "file", {}),
    ("near.town_finance", "/treasury/results", "file", {"layout": "general"}),
    ("near.town_finance", "/treasury/results", "file", {"layout": "pain001"}),
    (
        "near.civil_affairs",
        "/providers/prices",
        "file",
        {"scheme": "jiangdu", "version": "x", "valid_from": "2027-01-01"},
    ),
    ("near.card_counter", "/counter/operator-file", "file", {"day": "2026-10-11"}),
]
NAMES = ("名册.xlsx", "../../etc/x.csv", "C:\\temp\\a.xlsx", "a\nb.csv", "x.xls", "x")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds themselves are tested where they are; here a file that would fill the memory does so in small."""
    monkeypatch.setattr(sheets, "MAX_ROWS", 100_000)


def counted(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(seniors)) or 0


@pytest.mark.parametrize(("who", "address", "field", "more"), DESKS, ids=lambda value: str(value)[:40])
def test_a_file_that_means_harm_is_told(world: World, who: str, address: str, field: str, more: dict[str, str]) -> None:
    seat, wrong = world.seats[who], []
    with world.office.engine.connect() as conn:
        before = counted(conn)
    for what, content in FILES.items():
        for name in NAMES[:2] if what not in ("nothing", "noise") else NAMES:
            answer = seat.post(address, {**more, field: (name, content)})
            if answer.status not in (200, 303, 422) or b"root:" in answer.content:
                wrong.append(f"{what} as {name}: {answer.status}")
            if answer.location.startswith("/home/tasks/"):
                ended(answer.location)
    assert not wrong, "\n".join(wrong)
    with world.office.engine.connect() as conn:
        assert counted(conn) == before
        assert "failed" not in set(conn.scalars(select(tasks.c.status)))


def ended(address: str) -> None:
    for thread in threading.enumerate():
        if thread.name == f"task-{address.rpartition('/')[2]}":
            thread.join(60)


@pytest.fixture
def paper_desks(world: World) -> list[tuple[str, str, str, dict[str, str]]]:
    one = world.all.one
    return [
        ("near.town", f"/enrolment/{one['enrolment_id']}/papers", "file", {"kind": "other"}),
        ("near.provider", f"/providers/caregivers/{one['caregiver_id']}/papers", "file", {"kind": "certificate"}),
        ("near.provider", f"/providers/caregivers/{one['caregiver_id']}/papers", "file", {"kind": "photo"}),
        ("near.civil_affairs", f"/providers/tenders/{one['tender_id']}/paper", "file", {}),
    ]


BOTH = {
    "a picture that is a page": PNG + b"<html><script>alert(1)</script>",
    "a page": b"<html><script>alert(1)</script>",
    "a drawing": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a workbook": workbook(START + END),
    "a program": b"MZ\x90\0" + PNG,
}


def test_what_is_kept_is_handed_out_as_what_it_is_and_to_be_saved(
    world: World, paper_desks: list[tuple[str, str, str, dict[str, str]]]
) -> None:
    """By its first bytes; whatever comes behind them, a browser neither guesses nor runs it."""
    wrong = []
    for who, address, field, more in paper_desks:
        seat = world.seats[who]
        for what, content in BOTH.items():
            for name in ("../../x.html", "a.svg", 'a"\r\nX-Evil: 1.png'):
                with world.office.engine.connect() as conn:
                    last = conn.scalar(select(func.max(papers.papers.c.id))) or 0
                answer = seat.post(address, {**more, field: (name, content)})
                with world.office.engine.connect() as conn:
                    id = conn.scalar(select(papers.papers.c.id).where(papers.papers.c.id > last))
                if (answer.status == 303) != (id is not None) or answer.status not in (303, 415, 422, 409):
                    wrong.append(f"{address} {what}: {answer.status}")
                if id is None:
                    continue
                back = seat.get(f"{address}/{id}" if address.endswith("papers") else f"{address}s/{id}").response
                told = back.headers
                if (
                    back.mimetype != "image/png"
                    or not told["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
                    or told["X-Content-Type-Options"] != "nosniff"
                    or "sandbox" not in told["Content-Security-Policy"]
                    or not told["Content-Disposition"].endswith(".png")
                    or ".." in told["Content-Disposition"]
                    or "X-Evil" in told
                ):
                    wrong.append(f"{address} {what}: {dict(told)}")
    assert not wrong, "\n".join(wrong)
