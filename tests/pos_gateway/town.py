"""One town at the gateway's door: two providers, their caregivers, a senior with a card, an order for each provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import count
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import Engine, insert, select

from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from pos_gateway.client import DeviceClient
from pos_gateway.tables import security_log
from settlement.cards.tables import card_years, media
from settlement.cards.token import make
from settlement.db import metadata
from settlement.ledger import accounts, chart, transfer
from settlement.ledger.transfer import Transfer
from settlement.policy import store, tariff
from settlement.policy.price_sheet import builtin_prices
from settlement.providers import caregivers, devices, register
from settlement.providers.tables import shifts
from settlement.visits import device_key, orders
from settlement.visits.orders import Plan
from tests.cards.county import TOWN, carded
from tests.support import RING, acting, at, officer

DISTRICT = officer("district", "civil_affairs")
SECOND = officer("second", "civil_affairs")
FIRST_MORNING = at("2026-07-03 09:00")
PLACE = {"latitude_e7": 324_312_345, "longitude_e7": 1_195_512_345, "accuracy_m": 12}

_people = count(1)
_sources = count(1)


@dataclass(frozen=True)
class Town:
    engine: Engine
    ours: int
    theirs: int
    our_caregiver: int
    their_caregiver: int


def found(engine: Engine) -> Town:
    """Scheme, prices, two providers with a contract and a trained caregiver each (staff numbers 0017 and 0101)."""
    with acting(engine, "2026-06-01 09:00", DISTRICT) as act:
        text = (resources.files("settlement.policy") / "schemes" / "jiangdu.toml").read_text()
        scheme = store.store(act, text)
        prices = tariff.draft_list(act, scheme, builtin_prices(scheme), version="2026", valid_from=date(2026, 7, 1))
        ids = []
        for name, code, staff_no in (
            ("安康养老服务中心", "91321012MA1XYZ001A", "0017"),
            ("乐龄居家服务社", "91321012MA1XYZ002B", "0101"),
        ):
            provider = _provider(act, name, code)
            register.contract(act, provider, scheme.code, TOWN, date(2026, 1, 1), date(2027, 1, 1))
            caregiver = caregivers.employ(
                act, RING, provider, staff_no, "李秀兰", from_day=date(2026, 1, 1), trained_on=date(2026, 1, 5)
            )
            ids += [provider, caregiver]
    with acting(engine, "2026-06-02 09:00", SECOND) as act:
        tariff.approve_list(act, scheme, prices)
    ours, our_caregiver, theirs, their_caregiver = ids
    return Town(engine, ours, theirs, our_caregiver, their_caregiver)


def _provider(act: Any, name: str, code: str) -> int:
    from stdnum.cn import uscc

    body = code[:17].replace("I", "1").replace("O", "0")
    body = body[:2] + body[2:17].replace("Z", "Y")
    whole = body + uscc.calc_check_digit(body)
    return register.register(
        act, code=whole, name=name, bank_name="江都农商行", bank_account=f"32{int(whole[-8:], 36)}"
    )


@dataclass
class Door:
    """The gateway as devices meet it, at a time the test sets."""

    town: Town
    morning: datetime
    now: datetime
    app: Flask
    source: str

    def transport(self) -> httpx.WSGITransport:
        return httpx.WSGITransport(app=self.app, remote_addr=self.source, raise_app_exceptions=False)

    def http(self) -> httpx.Client:
        return httpx.Client(transport=self.transport(), base_url="http://gateway.test")

    def code(self, provider: int | None = None, caregiver: int | None = None, **valid: int) -> str:
        with acting(self.town.engine, self.now, DISTRICT) as act:
            lasts = timedelta(**valid or {"hours": 24})
            return devices.make_code(act, RING, provider or self.town.ours, caregiver, "phone", lasts)

    def phone(self, alg: str = device_key.ED25519) -> DeviceClient:
        """A new phone, not yet enrolled."""
        return DeviceClient(
            "http://gateway.test",
            device_key.generate(alg),
            clock=lambda: self.now,
            caregiver="0017",
            monotonic_ms=lambda: int((self.now - self.morning).total_seconds() * 1000) + 60_000,
            http=self.http(),
            pause=lambda seconds: None,
        )

    def enrolled(self, alg: str = device_key.ED25519, *, shared: bool = False) -> DeviceClient:
        phone = self.phone(alg)
        phone.enrol(self.code(caregiver=None if shared else self.town.our_caregiver))
        if shared:
            self.works_with(str(phone.chain.device_id), self.town.our_caregiver)
        return phone

    def works_with(self, device_id: str, caregiver_id: int) -> None:
        """A shift on a shared phone from now on."""
        with acting(self.town.engine, self.now) as act:
            row = {"id": f"s{next(_people)}", "device_id": device_id, "caregiver_id": caregiver_id, "how": "badge"}
            act.conn.execute(insert(shifts), row | {"opened_at": act.now, "until": act.now + timedelta(hours=12)})

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def senior(self, yuan: int = 150) -> tuple[int, str]:
        """Somebody entitled, with an active card that was issued so many yuan in July and may spend six times as much
        this year: (senior id, the card's code)."""
        with acting(self.town.engine, "2026-07-01 08:00") as act:
            senior_id, card_id = carded(act, yuan, "2026-07")
            control = accounts.open_account(act, chart.VOUCHER_CONTROL, chart.scheme("jiangdu"))
            purse = accounts.account_id(act.conn, chart.CARD_SUBSIDY, chart.card(card_id))
            if purse is None:
                raise LookupError(card_id)
            key = f"issue/{card_id}/2026-07"
            if yuan:
                year = {"card_id": card_id, "year": 2026, "entitled": yuan * 600, "spent": 0}
                act.conn.execute(insert(card_years), year)
                issued = Transfer(key, control, purse, yuan * 100, "issue", f"card:{card_id}", act.now)
                transfer.post(act, key, [issued])
            medium = act.conn.execute(select(media).where(media.c.card_id == card_id)).one()
        return senior_id, make(RING, medium.token_id, medium.issue)

    def order(self, senior_id: int, *, provider: int | None = None, caregiver: int | None = None) -> str:
        order_id = f"o{next(_people)}-{senior_id}"
        with acting(self.town.engine, "2026-07-01 09:00") as act:
            plan = Plan(
                id=order_id,
                provider_id=provider or self.town.ours,
                senior_id=senior_id,
                planned_start=self.morning,
                planned_minutes=60,
                items=("ZC01",),
                caregiver_id=caregiver or (self.town.our_caregiver if provider is None else self.town.their_caregiver),
            )
            orders.plan(act, plan)
        return order_id

    def revoke(self, phone: DeviceClient) -> None:
        with acting(self.town.engine, self.now, DISTRICT) as act:
            devices.revoke(act, str(phone.chain.device_id), "lost")

    # -- looking behind the counter ----------------------------------------------------------------------------------
    def snapshot(self) -> dict[str, list[Any]]:
        """Every row of every table but the security log."""
        with self.town.engine.connect() as conn:
            return {
                name: sorted(map(repr, conn.execute(select(table)).all()))
                for name, table in metadata.tables.items()
                if table is not security_log
            }

    def logged(self) -> dict[str, int]:
        """What the security log counts of this door's source: reason -> times."""
        from pos_gateway.security_log import source_of

        log = security_log.c
        mine = select(log.reason, log.times).where(log.source == source_of(self.source, RING))
        counts: dict[str, int] = {}
        with self.town.engine.connect() as conn:
            for reason, times in conn.execute(mine):
                counts[reason] = counts.get(reason, 0) + times
        return counts


def open_door(town: Town) -> Iterator[Door]:
    number = next(_sources)
    # A day of its own: the town's caregivers can be in one place at a time.
    morning = FIRST_MORNING + timedelta(days=number % 50)
    door = Door(town, morning, morning, Flask("unset"), f"10.0.{number // 250}.{number % 250 + 1}")
    door.app = create_app(town.engine, lambda: door.now, GatewayConfig(RING))
    yield door
