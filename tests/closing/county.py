"""A small county for the stories of closing: two towns, two providers, visits whose debits are real transfers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, update

import settlement.policy
from settlement.act import SYSTEM, Act, Actor
from settlement.cards.tables import card_years, cards, media
from settlement.closing import approving, month, payers, quarter
from settlement.closing.tables import statements
from settlement.db import reading
from settlement.ledger import accounts, balance, chart
from settlement.ledger.transfer import Posted, Transfer, post
from settlement.people.tables import seniors
from settlement.periods import Month, Quarter
from settlement.policy import store
from settlement.policy.tables import price_items, price_lists
from settlement.providers.tables import caregivers, providers
from settlement.visits.tables import debits, payment_stops, visit_lines, visits
from tests.support import acting, at, officer

JIANGDU = (Path(settlement.policy.__file__).parent / "schemes" / "jiangdu.toml").read_text(encoding="utf-8")
SCHEME = "jiangdu"
XIANNV, DINGHUO = "仙女镇", "丁伙镇"
HOUR = 3600

TOWN_1 = officer("wang", "town", town=XIANNV)
TOWN_2 = officer("li", "town", town=DINGHUO)
OTHER_TOWN_1 = officer("wang2", "town", town=XIANNV)
AFFAIRS = officer("zhao", "civil_affairs")
AFFAIRS_2 = officer("sun", "civil_affairs")
FINANCE = officer("qian", "district_finance")
FINANCE_2 = officer("zhou", "district_finance")

JULY, AUGUST, SEPTEMBER = (Month.parse(f"2026-0{number}") for number in (7, 8, 9))
Q3, Q4 = Quarter.parse("2026-Q3"), Quarter.parse("2026-Q4")


def no_checks(act: Act, scheme: Any, month: Month) -> None:
    """A month without fraud signals."""


@dataclass
class County:
    engine: Engine
    providers: dict[str, int] = field(default_factory=dict)
    caregivers: dict[str, int] = field(default_factory=dict)
    card: int = 0
    medium: int = 0
    senior: int = 0
    prices: int = 0

    # -- what is there ------------------------------------------------------------------------------------------------------
    def build(self, scheme_text: str = JIANGDU) -> County:
        with acting(self.engine, "2025-01-02 09:00") as act:
            store.store(act, scheme_text)
            self.prices = self._price_list(act)
            for code, name in (("A", "安康养老服务中心"), ("B", "=1+1 福寿服务社")):
                self.providers[code] = self._provider(act, code, name)
                row = {
                    "provider_id": self.providers[code],
                    "staff_no": f"{code}1",
                    "name": "某",
                    "from_day": at("2025-01-01").date(),
                }
                self.caregivers[code] = act.conn.execute(
                    insert(caregivers).returning(caregivers.c.id), row
                ).scalar_one()
            self._card(act)
        with acting(self.engine, "2026-01-02 09:00", AFFAIRS) as act:
            for payer, name, account in (
                ("district", "江都区财政专户", "3205001"),
                (f"town:{XIANNV}", "仙女镇财政专户", "3205002"),
                (f"town:{DINGHUO}", "丁伙镇财政专户", "3205003"),
                ("card_operator", "市民卡公司备付金", "3205009"),
            ):
                payers.register_account(act, payer, name, account, "江都农商行")
        return self

    def _price_list(self, act: Act) -> int:
        row = {"scheme_code": SCHEME, "version": "1", "valid_from": at("2025-01-01").date(), "hash": "0" * 64}
        row |= {
            "status": "approved",
            "imported_by": "a",
            "imported_at": act.now,
            "approved_by": "b",
            "approved_at": act.now,
        }
        id = act.conn.execute(insert(price_lists).returning(price_lists.c.id), row).scalar_one()
        item = {"list_id": id, "item_code": "rooms", "name_zh": "居室保洁", "name_en": "rooms", "category": "cleaning"}
        item |= {"unit_zh": "次", "price_fen": 1, "min_minutes": 0, "subsidised": True}
        act.conn.execute(insert(price_items), item | {"evidence_kind": "home_visit", "together": False})
        return int(id)

    def _provider(self, act: Act, code: str, name: str) -> int:
        row = {
            "code": f"91321012MA1{code}0000X",
            "name": name,
            "bank_name": "江都农商行",
            "bank_account": f"6228{ord(code):08d}",
        }
        query = insert(providers).values(**row, created_at=act.now).returning(providers.c.id)
        return int(act.conn.execute(query).scalar_one())

    def _card(self, act: Act) -> None:
        person = {
            "name": "张某",
            "sex": "F",
            "birth_date": at("1940-01-01").date(),
            "id_no_cipher": "x",
            "id_no_index": "x",
        }
        person |= {"id_last4_index": "x", "surname_village_index": "x", "town": XIANNV, "village": "新村"}
        person |= {"status": "entitled", "created_at": act.now}
        self.senior = act.conn.execute(insert(seniors).returning(seniors.c.id), person).scalar_one()
        subsidy = accounts.open_account(act, chart.CARD_SUBSIDY, "card:1", guarded=True)
        personal = accounts.open_account(act, chart.CARD_PERSONAL, "card:1", guarded=True)
        card = {"id": 1, "senior_id": self.senior, "scheme_code": SCHEME, "status": "active", "created_at": act.now}
        act.conn.execute(insert(cards), card | {"subsidy_account_id": subsidy, "personal_account_id": personal})
        piece = {"card_id": 1, "card_no": "8320000001", "token_id": "t", "issue": 1, "issued_at": act.now}
        self.medium = act.conn.execute(insert(media).returning(media.c.id), piece).scalar_one()
        self.card = 1
        control = accounts.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(SCHEME))
        trust = accounts.open_account(act, chart.OPERATOR_TRUST, chart.OPERATOR)
        load = [
            Transfer("load/1", control, subsidy, 10_000_000, "issue", "issuance:test", act.now),
            Transfer("load/2", trust, personal, 10_000_000, "top_up", "topup:test", act.now),
        ]
        assert isinstance(post(act, "load", load), Posted)
        years = [{"card_id": 1, "year": year, "entitled": 10_000_000, "spent": 0} for year in (2026, 2027)]
        act.conn.execute(insert(card_years), years)

    # -- what happens -------------------------------------------------------------------------------------------------------
    def serve(
        self,
        visit_id: str,
        provider: str = "A",
        town: str = XIANNV,
        when: str = "2026-07-10 09:00",
        subsidy: int = 1000,
        personal: int = 0,
        *,
        seconds: int | None = HOUR,
        debited: bool = True,
        learnt: str | None = None,
    ) -> None:
        """A visit of an hour with its debit. ``learnt``: when all of it reached us, if later. ``seconds=None``: no check-out."""
        start = at(when)
        with acting(self.engine, learnt or start + timedelta(hours=2)) as act:
            self._visit(act, visit_id, provider, town, start, seconds)
            if debited:
                self._debit(act, visit_id, provider, town, start + timedelta(hours=1), subsidy, personal)

    def _visit(self, act: Act, id: str, provider: str, town: str, start: datetime, seconds: int | None) -> None:
        row: dict[str, Any] = {
            "id": id,
            "senior_id": self.senior,
            "card_id": self.card,
            "town": town,
            "scheme_code": SCHEME,
        }
        row |= {"caregiver_id": self.caregivers[provider], "provider_id": self.providers[provider]}
        row |= {"month": str(Month.of(start)), "check_in_at": start, "in_method": "card_qr", "received_at": act.now}
        row |= {"in_medium_id": self.medium, "status": "open" if seconds is None else "served"}
        if seconds is not None:
            row |= {"check_out_at": start + timedelta(seconds=seconds), "seconds": seconds, "completed_at": act.now}
        act.conn.execute(insert(visits), row)

    def _debit(
        self, act: Act, visit_id: str, provider: str, town: str, when: datetime, subsidy: int, personal: int
    ) -> None:
        total, id = subsidy + personal, f"d-{visit_id}"
        line = {"visit_id": visit_id, "no": 1, "item_code": "rooms", "quantity": total, "price_list_id": self.prices}
        act.conn.execute(insert(visit_lines), line | {"unit_price_fen": 1, "amount_fen": total, "subsidised": True})
        row = {"id": id, "visit_id": visit_id, "card_id": self.card, "medium_id": self.medium, "town": town}
        row |= {
            "provider_id": self.providers[provider],
            "cap_year": when.year,
            "occurred_at": when,
            "recorded_at": act.now,
        }
        row |= {"total_fen": total, "subsidy_fen": subsidy, "personal_fen": personal, "cash_fen": 0, "shortfall_fen": 0}
        act.conn.execute(insert(debits), row | {"consent": "card_qr", "status": "posted"})
        owner = chart.provider(self.providers[provider])
        purses = (
            ("subsidy", chart.CARD_SUBSIDY, chart.PROVIDER_CLAIM, f"{owner}/{town}", subsidy),
            ("personal", chart.CARD_PERSONAL, chart.PROVIDER_CLAIM_PERSONAL, owner, personal),
        )
        group = [
            Transfer(
                f"debit/{id}/{name}",
                accounts.open_account(act, purse, "card:1", guarded=True),
                accounts.open_account(act, claim, to),
                amount,
                f"debit_{name}",
                f"debit:{id}",
                when,
            )
            for name, purse, claim, to, amount in purses
            if amount
        ]
        assert isinstance(post(act, f"debit/{id}", group), Posted)
        spent = update(card_years).where(card_years.c.card_id == self.card, card_years.c.year == when.year)
        act.conn.execute(spent.values(spent=card_years.c.spent + subsidy))

    def stop(self, visit_id: str | None = None, provider: str | None = None, source: str = "caregiver_overlap") -> None:
        row = {"visit_id": visit_id, "provider_id": self.providers[provider] if provider else None, "source": source}
        row |= {"detail": {"rows": ["x"], "threshold": {"over_minutes": 5}}, "placed_by": "system", "status": "open"}
        with acting(self.engine, "2026-07-31 09:00") as act:
            act.conn.execute(insert(payment_stops), row | {"placed_at": act.now})

    def release(self, visit_id: str) -> None:
        with acting(self.engine, "2026-08-20 09:00") as act:
            released = update(payment_stops).where(payment_stops.c.visit_id == visit_id)
            act.conn.execute(released.values(status="released", decided_by="zhao"))

    # -- closing ------------------------------------------------------------------------------------------------------------
    def advance(self, which: Month, now: str | None = None, by: Actor = SYSTEM) -> str:
        with acting(self.engine, now or after(which), by) as act:
            return month.advance(act, SCHEME, which, no_checks)

    def draw(self, which: Month, now: str | None = None) -> None:
        for _ in range(3):
            self.advance(which, now)

    def sign_month(self, which: Month, now: str | None = None) -> None:
        """Every town verifies, the district confirms, the system closes."""
        when = now or after(which)
        with reading(self.engine) as conn:
            found = conn.execute(select(statements.c.town).where(statements.c.month == str(which)).distinct())
            towns = set(found.scalars())
        for who in (TOWN_1, TOWN_2):
            if who.town in towns:
                with acting(self.engine, when, who) as act:
                    month.verify_town(act, SCHEME, which, str(who.town))
        if towns:
            with acting(self.engine, when, AFFAIRS) as act:
                month.confirm(act, SCHEME, which)
        while self.advance(which, now) != "closed":
            pass

    def close(self, which: Month, now: str | None = None) -> None:
        self.draw(which, now)
        self.sign_month(which, now)

    def quarter(self, which: Quarter = Q3, now: str = "2026-10-08 09:00", by: Actor = SYSTEM) -> str:
        with acting(self.engine, now, by) as act:
            return quarter.advance(act, SCHEME, which)

    def total(self, which: Quarter = Q3, town: str = "") -> int:
        with reading(self.engine) as conn:
            return approving.content(conn, SCHEME, which, town)[0]

    def sign(self, who: Actor, step: str, town: str = "", total: int | None = None, which: Quarter = Q3) -> str:
        asked = self.total(which, town) if total is None else total
        with acting(self.engine, "2026-10-09 09:00", who) as act:
            return approving.approve(act, SCHEME, which, step, asked, town)

    def sign_quarter(self, which: Quarter = Q3) -> None:
        with reading(self.engine) as conn:
            towns = approving.towns(conn, SCHEME, which)
        for who in (TOWN_1, TOWN_2):
            if who.town in towns:
                self.sign(who, "town", str(who.town), which=which)
        self.sign(AFFAIRS, "civil_affairs", which=which)
        self.sign(FINANCE, "finance", which=which)

    def settle(self, which: Quarter = Q3, now: str = "2026-10-08 09:00") -> str:
        """Gathered, shared, signed, posted, ordered."""
        self.quarter(which, now)
        self.quarter(which, now)
        self.sign_quarter(which)
        self.quarter(which, now)
        return self.quarter(which, now)

    # -- looking ------------------------------------------------------------------------------------------------------------
    def rows(self, table: Any, **where: Any) -> list[Any]:
        with reading(self.engine) as conn:
            query = select(table).where(*(table.c[name] == value for name, value in where.items()))
            return list(conn.execute(query.order_by(*table.primary_key.columns)))

    def one(self, table: Any, **where: Any) -> Any:
        (row,) = self.rows(table, **where)
        return row

    def balance(self, code: str, owner: str) -> int:
        with reading(self.engine) as conn:
            id = accounts.account_id(conn, code, owner)
            return 0 if id is None else balance.balance(conn, id)


def after(which: Month) -> str:
    """The morning of the third after a month."""
    return f"{which.next()}-03 09:00"


def statement_id(which: Month, provider: int, town: str = XIANNV) -> str:
    return f"{SCHEME}-{which}-{provider}-{town}"
