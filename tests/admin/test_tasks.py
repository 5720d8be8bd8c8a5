"""Long work in the background: watched on a page, once at a time, and what went wrong is told there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import redirect, url_for
from sqlalchemy import Engine, func, insert, select

from admin import desks
from admin.frame import tasks
from admin.frame.access import SIGNED_IN
from admin.frame.acting import acting
from admin.frame.desk import Desk
from admin.tables import tasks as task_rows
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places
from tests.admin.office import TOWN, Answer, Office, Seat, drawn_up

GATE = threading.Event()
PERSON = "王桂英"


def _count(running: tasks.Running) -> dict[str, str]:
    if running.arguments["what"] == "refused":
        raise Refused(Reason.DAY_PAST, day="2026-07-01")
    if running.arguments["what"] == "broken":
        raise ValueError(PERSON)
    running.tell(1, 4)
    assert GATE.wait(20)
    with running.act() as act:
        row = {"town": TOWN, "village": running.actor.id, "latitude_e7": 1, "longitude_e7": 1}
        act.conn.execute(insert(places), row)
    return {"zh": "数好了", "en": "counted", "path": "/home/"}


@pytest.fixture
def office(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A console with a desk that counts in the background, and one that writes a row at once."""
    GATE.clear()
    desk = Desk("counting", __name__, "数", "Counting")

    @desk.act("/start/<what>", may=SIGNED_IN)
    def begin(what: str):  # type: ignore[no-untyped-def]
        return redirect(url_for("home.task", task_id=tasks.start("count", what=what)), 303)

    @desk.act("/write", may=SIGNED_IN)
    def write():  # type: ignore[no-untyped-def]
        with acting() as act:
            count = act.conn.scalar(select(func.count()).select_from(places))
            row = {"town": TOWN, "village": f"第{count}村", "latitude_e7": 1, "longitude_e7": 1}
            act.conn.execute(insert(places), row)
        return redirect(f"/home/?written={count}", 303)

    monkeypatch.setattr(desks, "all_of_them", lambda real=desks.all_of_them: [*real(), desk])
    monkeypatch.setitem(tasks.KINDS, "count", tasks.Kind("数数", "Counting", _count))
    return Office(engine, plan=drawn_up())


def ended(seat: Seat, path: str) -> Answer:
    """The task's page once it is not running any more."""
    for thread in threading.enumerate():
        if thread.name == f"task-{path.rpartition('/')[2]}":
            thread.join(20)
    return seat.get(path)


def test_a_task_is_watched_until_it_is_done(office: Office) -> None:
    seat = office.seat("wang", "town")
    path = seat.post("/counting/start/all").location
    page = seat.get(path)
    assert "正在执行" in page.text
    assert page.find("//meta[@http-equiv='refresh']") != []
    GATE.set()
    page = ended(seat, path)
    assert "数好了" in page.text
    assert page.find("//meta[@http-equiv='refresh']") == []
    with office.engine.connect() as conn:
        assert conn.execute(select(places.c.village)).scalars().all() == ["wang"]


def test_the_same_task_is_not_begun_twice_at_once(office: Office) -> None:
    seat = office.seat("wang", "town")
    path = seat.post("/counting/start/all").location
    again = office.seat("li", "town").post("/counting/start/all")
    assert (again.status, "同样的任务正在执行" in again.text) == (409, True)
    GATE.set()
    ended(seat, path)
    assert seat.post("/counting/start/all").status == 303
    for thread in threading.enumerate():
        if thread.name.startswith("task-"):
            thread.join(20)


def test_a_task_that_is_refused_says_why_and_what_to_do(office: Office) -> None:
    seat = office.seat("wang", "town")
    page = ended(seat, seat.post("/counting/start/refused").location)
    assert "2026-07-01已经过去" in page.text
    assert "请另选日期" in page.text


def test_a_fault_is_told_without_what_it_quoted(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    seat = office.seat("wang", "town")
    page = ended(seat, seat.post("/counting/start/broken").location)
    assert "执行时出错" in page.text
    assert "ValueError" in caplog.text
    assert PERSON not in page.text + caplog.text


def test_a_task_that_was_cut_off_says_so_and_can_be_begun_anew(office: Office) -> None:
    seat = office.seat("wang", "town")
    with office.engine.begin() as conn:
        row = {"kind": "count", "arguments": {"what": "all"}, "officer_id": "wang", "status": "running", "done": 1}
        conn.execute(insert(task_rows), row | {"asked_at": office.now, "alive_at": office.now})
        id = conn.scalar(select(task_rows.c.id))
    assert seat.post("/counting/start/all").status == 409
    office.passes(minutes=11)
    assert "任务中断了" in seat.get(f"/home/tasks/{id}").text
    GATE.set()
    again = seat.post("/counting/start/all")
    assert again.status == 303
    ended(seat, again.location)


def test_another_officers_task_is_nobodys(office: Office) -> None:
    path = office.seat("wang", "town").post("/counting/start/refused").location
    assert office.seat("li", "town").get(path).status == 404


def test_a_form_sent_twice_at_the_same_moment_writes_once(office: Office) -> None:
    seat = office.seat("wang", "town")
    other = Seat(office, "wang", office.app.test_client())
    other.client._cookies = seat.client._cookies
    token = seat._token()
    both = threading.Barrier(2)

    def send(client: Seat) -> int:
        both.wait(10)
        data = {"csrf_token": token, "form_id": "t" * 22}
        return client.client.post("/counting/write", data=data).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, (seat, other))) == [303, 303]
    with office.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(places)) == 1
    assert seat.post("/counting/write", form_id="t" * 22).location == "/home/?written=0"
