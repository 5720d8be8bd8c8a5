"""One town with two providers, seen from the door: who serves, with what prices, and what lies in a card's purses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import count
from typing import Any

from sqlalchemy import Engine, insert, select

from settlement.act import Act
from settlement.cards.tables import card_years, cards, media
from settlement.ledger import accounts, balance, chart, transfer
from settlement.ledger.transfer import Transfer
from settlement.outcomes import Declined, Reason
from settlement.policy import store, tariff
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.scheme import Scheme
from settlement.providers import caregivers
from settlement.providers.tables import contracts, providers
from settlement.visits import debiting, orders, service
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, Debit, DebitRequest, Line, Visit
from settlement.visits.orders import Plan
from tests.cards.county import SCHEME, TOWN, carded
from tests.support import RING, acting, at, officer

DISTRICT = officer("district", "civil_affairs")
SECOND = officer("second", "civil_affairs")
BEGINNING = "2026-01-02 09:00"

# Of the built-in price list: code, price in fen.
CLEANING, REPAIR, VISITING, DEEP_CLEANING = "ZJ01", "ZI02", "JS01", "ZF01"
PRICES = {CLEANING: 3000, REPAIR: 4500, VISITING: 1500, DEEP_CLEANING: 4500}


@dataclass(frozen=True)
class Holder:
    """A senior with an active card: the piece of card and the two purses."""

    senior_id: int
    card_id: int
    medium_id: int
    subsidy: int
    personal: int


@dataclass
class World:
    engine: Engine
    scheme: Scheme
    ours: int
    theirs: int
    numbers: Any = field(default_factory=lambda: count(1))

    def caregiver(self, provider: int | None = None, *, phone: str | None = None, **facts: Any) -> int:
        """Trained and employed since January, unless said otherwise."""
        known = {"from_day": date(2026, 1, 1), "trained_on": date(2026, 1, 1)} | facts
        with acting(self.engine, BEGINNING, DISTRICT) as act:
            number = f"{next(self.numbers):04d}"
            return caregivers.employ(act, RING, provider or self.ours, number, "李秀兰", phone=phone, **known)

    def holder(self, subsidy: int = 0, personal: int = 0, *, yuan: int = 150, year: int = 180_000) -> Holder:
        """``subsidy`` and ``personal``: fen on the card; ``year``: what the year's cap allows."""
        with acting(self.engine, BEGINNING) as act:
            senior_id, card_id = carded(act, yuan, "2026-01")
            row = act.conn.execute(select(cards).where(cards.c.id == card_id)).one()
            medium = act.conn.execute(select(media.c.id).where(media.c.card_id == card_id)).scalar_one()
            act.conn.execute(insert(card_years).values(card_id=card_id, year=2026, entitled=year, spent=0))
            someone = Holder(senior_id, card_id, medium, row.subsidy_account_id, row.personal_account_id)
            self.pay_in(act, someone.subsidy, subsidy)
            self.pay_in(act, someone.personal, personal)
        return someone

    def pay_in(self, act: Act, account: int, fen: int) -> None:
        if fen:
            source = accounts.open_account(act, chart.OPERATOR_TRUST, "test")
            id = f"in/{next(self.numbers)}/{account}"
            transfer.post(act, id, [Transfer(id, source, account, fen, "issue", "test", act.now)])

    def left(self, someone: Holder) -> tuple[int, int]:
        """(subsidy, personal) in fen."""
        with acting(self.engine, "2026-12-31 23:00") as act:
            return balance.balance(act.conn, someone.subsidy), balance.balance(act.conn, someone.personal)

    def spent(self, someone: Holder, year: int = 2026) -> int:
        with acting(self.engine, "2026-12-31 23:00") as act:
            c = card_years.c
            query = select(c.spent).where(c.card_id == someone.card_id, c.year == year)
            return int(act.conn.execute(query).scalar_one())

    def order(self, someone: Holder, *, provider: int | None = None, items: tuple[str, ...] = (CLEANING,)) -> str:
        id = f"order-{next(self.numbers)}"
        with acting(self.engine, BEGINNING) as act:
            plan = Plan(
                id=id,
                provider_id=provider or self.ours,
                senior_id=someone.senior_id,
                planned_start=act.now,
                planned_minutes=60,
                items=items,
            )
            orders.plan(act, plan)
        return id

    def check_in(self, someone: Holder, caregiver: int, when: str, **facts: Any) -> Visit | Declined:
        """``arrives``: when we hear of it, default at once."""
        moment, arrives = at(when), facts.pop("arrives", None)
        request = {"visit_id": f"v{next(self.numbers)}", "method": "card_qr", "medium_id": someone.medium_id}
        with acting(self.engine, arrives or moment) as act:
            known = CheckIn(caregiver_id=caregiver, occurred_at=moment, **(request | facts))
            return service.check_in(act, known)

    def check_out(self, visit: Visit, when: str | datetime, *items: str, **facts: Any) -> CheckedOut | Declined:
        moment = at(when) if isinstance(when, str) else when
        arrives = facts.pop("arrives", None)
        with acting(self.engine, arrives or moment) as act:
            medium = select(media.c.id).where(media.c.card_id == visit.card_id).limit(1)
            request = {"method": "card_qr", "medium_id": act.conn.execute(medium).scalar_one()}
            lines = tuple(Line(item=item) for item in items or (CLEANING,))
            known = {"visit_id": visit.id, "caregiver_id": visit.caregiver_id, "lines": lines, "occurred_at": moment}
            return service.check_out(act, CheckOut(**(request | known | facts)))

    def served(self, someone: Holder, *items: str, when: str = "2026-07-03 09:00", **facts: Any) -> Visit:
        """A visit of an hour, checked out. Each has a caregiver of its own."""
        visit = self.check_in(someone, self.caregiver(), when, **facts)
        assert isinstance(visit, Visit), visit
        out = self.check_out(visit, at(when) + timedelta(hours=1), *items)
        assert isinstance(out, CheckedOut), out
        return out.visit

    def debit(self, visit: Visit, total: int, **facts: Any) -> Debit | Declined:
        """Debited five minutes after check-out, agreed to in full; ``arrives``: when we hear of it."""
        moment = facts.pop("occurred_at", None) or (visit.check_out_at or visit.check_in_at) + timedelta(minutes=2)
        arrives = facts.pop("arrives", None)
        with acting(self.engine, arrives or moment) as act:
            medium = select(media.c.id).where(media.c.card_id == visit.card_id).limit(1)
            request: dict[str, Any] = {
                "id": f"d{next(self.numbers)}",
                "consent": "card_qr",
                "medium_id": act.conn.execute(medium).scalar_one(),
                "occurred_at": moment,
            }
            request |= facts
            return debiting.debit(act, DebitRequest(visit_id=visit.id, total_fen=total, **request))


def found(engine: Engine) -> World:
    """The Jiangdu scheme, its built-in price list, two providers with a contract for the year."""
    with acting(engine, BEGINNING, DISTRICT) as act:
        scheme = store.store(act, (resources.files("settlement.policy") / "schemes" / "jiangdu.toml").read_text())
        prices = tariff.draft_list(act, scheme, builtin_prices(scheme), version="2026", valid_from=date(2026, 1, 2))
        ids = [_provider(act, name) for name in ("安康养老服务中心", "乐龄居家服务社")]
    with acting(engine, BEGINNING, SECOND) as act:
        tariff.approve_list(act, scheme, prices)
    return World(engine, scheme, *ids)


def _provider(act: Act, name: str) -> int:
    row = {"code": name[:8], "name": name, "bank_name": "江都农商行", "bank_account": "1", "created_at": act.now}
    provider = int(act.conn.execute(insert(providers).values(row).returning(providers.c.id)).scalar_one())
    year = {"from_day": date(2026, 1, 1), "until_day": date(2027, 1, 1)}
    act.conn.execute(insert(contracts).values(provider_id=provider, scheme_code=SCHEME, town=TOWN, **year))
    return provider


def why(answer: Any) -> Reason | None:
    """The reason of a decline; None when it was none."""
    return answer.reason if isinstance(answer, Declined) else None
