"""The app's core by itself: a page of the gateway's origin with nothing on it, and what it records looked at from behind the counter."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page
from sqlalchemy import select

from settlement.visits.tables import debits, door_events, visits
from tests.browser.conftest import Street

BENCH = "/caregiver/bench"
ITEM, PRICE = "ZC01", 3500


class Phone:
    """A page that holds a ``door``. ``run`` is given JavaScript with ``door`` and ``core`` (all exports of a module of the core) at hand."""

    def __init__(self, street: Street, context: BrowserContext | None = None) -> None:
        self.street = street
        self.context = context or street.context()
        self.context.route(
            street.url + BENCH, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
        )
        self.page: Page = street.page(self.context)
        self.opens()

    def opens(self) -> None:
        """As when the app is opened: what was in memory is gone."""
        self.page.goto(BENCH)
        self.page.evaluate(
            "async () => { window.core = (name) => import(`/caregiver/static/js/core/${name}.js`);"
            " window.door = await (await core('door')).Door.open(); }"
        )

    def another_tab(self) -> Phone:
        return Phone(self.street, self.context)

    def run(self, script: str, argument: Any = None) -> Any:
        """The value of an expression or of an async function's body, in the page."""
        body = script if "return" in script else f"return {script}"
        return self.page.evaluate(f"async (given) => {{ {body} }}", argument)

    def refused(self, script: str, argument: Any = None) -> str | None:
        """The code of the DoorError that a call ends with; None when it ends well."""
        body = f"try {{ {script} }} catch (error) {{ return error.code ?? String(error) }} return null"
        return self.page.evaluate(f"async (given) => {{ {body} }}", argument)  # type: ignore[no-any-return]

    def enrolled(self, *, shared: bool = False) -> Phone:
        door = self.street.door
        self.run("await door.enrol(given); return 0", door.code(caregiver=None if shared else door.town.our_caregiver))
        return self

    def checks_in(self, order_id: str | None, token: str) -> str:
        """The visit's id."""
        given = {"order_id": order_id, "method": "card_qr", "token": token}
        return self.run("return (await door.checkIn(given)).visit_id", given)  # type: ignore[no-any-return]

    def checks_out(self, visit: str, token: str) -> None:
        lines = [{"item": ITEM, "quantity": 1, "amount_fen": PRICE}]
        given = {"visit": visit, "lines": lines, "method": "card_qr", "token": token}
        self.run("await door.checkOut(given); return 0", given)

    def debits(self, visit: str, token: str | None = None, **more: Any) -> None:
        given = {
            "visit": visit,
            "consent": "card_qr",
            "token": token,
            "total_fen": PRICE,
            "personal_fen": 0,
            "cash_fen": 0,
        }
        self.run("await door.debit(given); return 0", given | more)

    def visit(self, visit_id: str) -> Any:
        """A visit as the screens are told of it."""
        return self.run("door.visits().find((one) => one.visit_id === given)", visit_id)

    def syncs(self) -> list[str]:
        """Sends what waits; the states of all events afterwards."""
        return self.run("await door.sync(); return door.queue().map((one) => one.state)")  # type: ignore[no-any-return]

    def states(self) -> list[str]:
        return self.run("door.queue().map((one) => one.state)")  # type: ignore[no-any-return]

    def offline(self, on: bool = True) -> None:
        self.context.set_offline(on)


def events(street: Street, device: str) -> list[Any]:
    """What the server has of a device, in its order."""
    query = select(door_events).where(door_events.c.device_id == device).order_by(door_events.c.counter)
    with street.door.town.engine.connect() as conn:
        return list(conn.execute(query).all())


def visit_of(street: Street, visit_id: str) -> Any:
    with street.door.town.engine.connect() as conn:
        return conn.execute(select(visits).where(visits.c.id == visit_id)).one()


def debit_of(street: Street, visit_id: str) -> Any:
    with street.door.town.engine.connect() as conn:
        return conn.execute(
            select(debits).where(debits.c.visit_id == visit_id, debits.c.status == "posted")
        ).one_or_none()
