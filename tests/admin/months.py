"""A district of two towns for the desk of months: one provider, somebody entitled in each town, officers at their seats."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote

from settlement.closing.tables import statements
from settlement.db import reading
from settlement.officers import add
from tests.admin.office import OTHER_TOWN, TOWN, Answer, Office, Seat
from tests.stories.county import BATHING, COOKING, JULY, SCHEME, County, Holder, found
from tests.support import acting, at


@dataclass
class District:
    office: Office
    county: County
    wang: Holder
    zhang: Holder

    # -- seats --------------------------------------------------------------------------------------------------------------
    def head(self, town: str = TOWN) -> Seat:
        return self.office.seat(f"head-{town}")

    def checker(self, town: str = TOWN) -> Seat:
        return self.office.seat(f"checker-{town}")

    def affairs(self) -> Seat:
        return self.office.seat("affairs")

    def second(self) -> Seat:
        return self.office.seat("second")

    def finance(self) -> Seat:
        return self.office.seat("finance")

    def provider(self) -> Seat:
        return self.office.seat("ankang", "provider", provider_id=self.county.provider)

    # -- what happens -------------------------------------------------------------------------------------------------------
    def drawn(self) -> None:
        """July: issued; bathing 60.00 in the first town, cooking 35.00 in the other; drawn up by the system's task."""
        self.county.issue(JULY)
        self.county.issue(JULY, OTHER_TOWN)
        self.bath, _ = self.county.visit(self.wang, "2026-07-08 09:00", BATHING)
        self.meal, _ = self.county.visit(self.zhang, "2026-07-09 09:00", COOKING, town=OTHER_TOWN)
        self.office.now = at("2026-08-03 09:00")
        self.task(self.second(), f"/months/month/{SCHEME}/2026-07/advance")

    def task(self, seat: Seat, path: str, **fields: str) -> Answer:
        """A form that starts a task; the task's page when it has ended."""
        started = seat.post(path, **fields)
        assert started.status == 303, started.text
        id = started.location.rpartition("/")[2]
        for thread in threading.enumerate():
            if thread.name == f"task-{id}":
                thread.join(30)
        return seat.get(started.location)

    def statement(self, town: str = TOWN) -> str:
        with reading(self.office.engine) as conn:
            query = statements.select().where(statements.c.town == town, statements.c.month == "2026-07")
            return str(conn.execute(query).one().id)


def seen(page: Answer, action: str) -> str:
    """What a form of the page says it showed."""
    (form,) = [form for form in page.find("//form") if unquote(form.get("action", "")) == action]
    return str(form.xpath(".//input[@name='seen']/@value")[0])


def sign(seat: Seat, page: str, action: str, **fields: str) -> Answer:
    """Open a page, then send its form with what it showed."""
    return seat.post(action, seen=seen(seat.get(page), action), **fields)


def founded(office: Office) -> District:
    county = found(office.engine, (TOWN, OTHER_TOWN))
    with acting(office.engine, "2026-01-06 09:00") as act:
        add(act, "village-1", "村经办", "village", town=TOWN, village="正谊村")
    people = [county.somebody(town=town, applied=date(2026, 6, 1)) for town in (TOWN, OTHER_TOWN)]
    office.now = at("2026-06-30 09:00")
    return District(office, county, *people)
