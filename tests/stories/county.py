"""A county of one town (or a few), one provider, two caregivers in each town, and whoever a story is about.

Founded and lived through the calls that the offices use, in the order in which they use them. Money in fen, times local.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, select

from settlement import officers, verify
from settlement.act import Actor
from settlement.cards import book, money, registry
from settlement.closing import approving, month, payers, quarter
from settlement.closing.tables import statements
from settlement.db import reading
from settlement.demo.county import credit_code
from settlement.findings import Finding
from settlement.fraud.scan import scan
from settlement.ledger import accounts, balance, chart
from settlement.outcomes import Declined
from settlement.people import enrolment
from settlement.people.importing import import_roster
from settlement.people.places import Place, add_many
from settlement.people.tables import enrolments, entitlements, seniors
from settlement.periods import Month, Quarter
from settlement.policy import loader, store, tariff
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.scheme import Scheme
from settlement.policy.tariff import PriceItem
from settlement.providers import caregivers, register
from settlement.visits import debiting, service
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, Debit, DebitRequest, Line, Visit
from settlement.vouchers import cap, issuance
from settlement.vouchers.issuance import Run
from tests.people.people import number
from tests.support import RING, acting, at, officer

SCHEME = "jiangdu"
TOWN, VILLAGE = "仙女镇", "正谊村"

# Of the built-in price list, in fen; an hour or more each.
CLEANING, BATHING, COOKING, BEDDING = "ZJ01", "ZL03", "ZC01", "ZJ03"
PRICES = {CLEANING: 3000, BATHING: 6000, COOKING: 3500, BEDDING: 4000}

AFFAIRS, SECOND = officer("affairs", "civil_affairs"), officer("second", "civil_affairs")
FINANCE, CASHIER = officer("finance", "district_finance"), officer("cashier", "district_finance")
ASSESSOR, COUNTER = officer("assessor", "assessor"), officer("counter", "card_counter")

JULY, AUGUST, SEPTEMBER = (Month(2026, number) for number in (7, 8, 9))
Q3 = Quarter(2026, 3)
HOUR = timedelta(hours=1)


def clerk(town: str = TOWN) -> Actor:
    return officer(f"village-{town}", "village", town=town)


def head(town: str = TOWN) -> Actor:
    return officer(f"head-{town}", "town", town=town)


def checker(town: str = TOWN) -> Actor:
    """The town's second officer, who checks what the first one made."""
    return officer(f"checker-{town}", "town", town=town)


@dataclass(frozen=True)
class Holder:
    """Somebody with an active card: the piece of it that is read at the door, and its two purses."""

    senior_id: int
    card_id: int
    medium_id: int
    subsidy: int
    personal: int


@dataclass
class County:
    engine: Engine
    towns: tuple[str, ...]
    scheme: Scheme
    provider: int
    carers: dict[str, tuple[int, int]] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    # -- people -------------------------------------------------------------------------------------------------------------
    def register(
        self,
        birth: str,
        *,
        categories: str = "",
        level: int | None = None,
        applies: date | None = None,
        town: str = TOWN,
    ) -> int:
        """One line of a roster, brought in by the district; with a day of application it begins the enrolment. The senior's id."""
        on = applies or date(2026, 6, 1)
        sheet = {
            "姓名": "王桂英",
            "身份证号": number(birth, next(self.numbers) * 2),
            "镇街": town,
            "村社区": VILLAGE,
            "类别": categories,
        }
        if level is not None:
            sheet |= {"能力等级": str(level), "评估日期": str(on - timedelta(days=10))}
        if applies is not None:
            sheet |= {"申请日期": str(on)}
        content = "\n".join((",".join(sheet), ",".join(sheet.values()))).encode()
        with acting(self.engine, f"{on} 09:00", SECOND) as act:
            brought = import_roster(act, RING, self.scheme, content, "roster.csv")
        assert not brought.faults, brought.findings
        return brought.senior_ids[0]

    def enrol(self, *senior_ids: int, applied: date = date(2026, 6, 1), apply: bool = False) -> None:
        """Every step of the scheme, each by who must take it, in the intake that begins with ``applied``; the card handed over."""
        e = enrolments.c

        def day(number: int) -> str:
            return f"{applied + timedelta(days=number)} 09:00"

        if apply:
            with acting(self.engine, day(0), SECOND) as act:
                enrolment.apply_many(act, self.scheme, senior_ids, applied)
        with reading(self.engine) as conn:
            ids = list(conn.scalars(select(e.id).where(e.senior_id.in_(senior_ids)).order_by(e.id)))
            town = conn.execute(select(seniors.c.town).where(seniors.c.id == senior_ids[0])).scalar_one()
        steps: tuple[tuple[int, Actor, str], ...] = (
            (2, clerk(town), "village_check"),
            (5, head(town), "town_approve"),
            (8, AFFAIRS, "district_file"),
            (9, ASSESSOR, "assess"),
        )
        for after, who, step in steps:
            with acting(self.engine, day(after), who) as act:
                enrolment.pass_step(act, self.scheme, ids, step)
        with acting(self.engine, day(10), clerk(town)) as act:
            enrolment.publicise(act, self.scheme, ids)
        with acting(self.engine, day(24), clerk(town)) as act:
            enrolment.pass_step(act, self.scheme, ids, "publicise")
        with acting(self.engine, day(25), COUNTER) as act:
            cards = registry.issue_many(act, RING, SCHEME, senior_ids)
            registry.activate_many(act, list(cards.values()))
            enrolment.pass_step(act, self.scheme, ids, "card")
        with acting(self.engine, day(26), head(town)) as act:
            enrolment.pass_step(act, self.scheme, ids, "load")

    def somebody(
        self,
        birth: str = "1950-03-07",
        *,
        categories: str = "低保",
        level: int = 1,
        town: str = TOWN,
        applied: date = date(2026, 6, 1),
    ) -> Holder:
        """Registered and enrolled at the summer intake; needy and semi-disabled (150.00 a month) unless said otherwise."""
        senior_id = self.register(birth, categories=categories, level=level, applies=applied, town=town)
        self.enrol(senior_id, applied=applied)
        return self.holder(senior_id)

    def holder(self, senior_id: int) -> Holder:
        with reading(self.engine) as conn:
            card = book.of_senior(conn, senior_id)
            assert card is not None
            medium = book.live_medium(conn, card.id)
            assert medium is not None
            return Holder(senior_id, card.id, medium.id, card.subsidy_account_id, card.personal_account_id)

    def entitled(self, senior_id: int) -> list[tuple[str, int, str, str | None]]:
        """(benefit, fen a month, first month, last month), in order."""
        e = entitlements.c
        with reading(self.engine) as conn:
            query = select(e.benefit, e.amount, e.from_month, e.to_month).where(e.senior_id == senior_id)
            return [tuple(row) for row in conn.execute(query.order_by(e.from_month))]  # type: ignore[misc]

    # -- money on the card ----------------------------------------------------------------------------------------------------
    def issue(self, which: Month, town: str = TOWN) -> Run:
        """The system drafts on the first of the month, the head approves, the second officer loads it."""
        with acting(self.engine, f"{which.first_day} 01:00") as act:
            (run,) = issuance.draft(act, SCHEME, which, town)
        with acting(self.engine, f"{which.first_day} 08:00", head(town)) as act:
            issuance.approve(act, run.id)
        with acting(self.engine, f"{which.first_day} 08:30", checker(town)) as act:
            return issuance.post(act, run.id)

    def top_up(self, someone: Holder, fen: int, when: str = "2026-07-01 10:00") -> None:
        with acting(self.engine, when, COUNTER) as act:
            money.top_up(act, f"T{next(self.numbers)}", someone.card_id, fen, act.now)

    def left(self, someone: Holder) -> tuple[int, int]:
        """(subsidy, personal) on the card."""
        with reading(self.engine) as conn:
            return balance.balance(conn, someone.subsidy), balance.balance(conn, someone.personal)

    def year_left(self, someone: Holder, year: int = 2026) -> int:
        with reading(self.engine) as conn:
            return cap.remaining(conn, someone.card_id, year)

    def balance(self, code: str, owner: str) -> int:
        """Of a shared account: credits less debits."""
        with reading(self.engine) as conn:
            id = accounts.account_id(conn, code, owner)
            return 0 if id is None else balance.balance(conn, id)

    def claim(self, town: str = TOWN) -> int:
        """What the provider has earned in a town from subsidies and was not yet settled."""
        return self.balance(chart.PROVIDER_CLAIM, chart.provider_in_town(self.provider, town))

    # -- at the door ----------------------------------------------------------------------------------------------------------
    def check_in(
        self, someone: Holder, when: str, *, carer: int = 0, town: str = TOWN, arrives: str | None = None
    ) -> Visit | Declined:
        request = CheckIn(
            visit_id=f"v{next(self.numbers)}",
            caregiver_id=self.carers[town][carer],
            method="card_qr",
            occurred_at=at(when),
            medium_id=someone.medium_id,
        )
        with acting(self.engine, arrives or when) as act:
            return service.check_in(act, request)

    def check_out(
        self, someone: Holder, visit: Visit, *items: str, quantity: int = 1, arrives: str | None = None
    ) -> CheckedOut:
        """An hour and five minutes after check-in."""
        leaves = visit.check_in_at + timedelta(minutes=65)
        request = CheckOut(
            visit_id=visit.id,
            caregiver_id=visit.caregiver_id,
            lines=tuple(Line(item=item, quantity=quantity) for item in items),
            method="card_qr",
            occurred_at=leaves,
            medium_id=someone.medium_id,
        )
        with acting(self.engine, arrives or leaves) as act:
            out = service.check_out(act, request)
        assert isinstance(out, CheckedOut), out
        return out

    def debit(
        self,
        someone: Holder,
        out: CheckedOut,
        *,
        own: int = 0,
        cash: int = 0,
        arrives: str | None = None,
        attempt: int = 1,
    ) -> Debit | Declined:
        """Two minutes after check-out, by the card's chip. ``own``: what the senior agrees to pay from own money."""
        assert out.visit.check_out_at is not None
        moment = out.visit.check_out_at + timedelta(minutes=2)
        request = DebitRequest(
            id=f"d-{out.visit.id}-{attempt}",
            visit_id=out.visit.id,
            consent="chip",
            occurred_at=moment,
            total_fen=out.total_fen,
            confirm_personal_fen=own,
            cash_fen=cash,
            receipt_no="R1" if cash else None,
            medium_id=someone.medium_id,
        )
        with acting(self.engine, arrives or moment) as act:
            return debiting.debit(act, request)

    def visit(
        self,
        someone: Holder,
        when: str,
        *items: str,
        carer: int = 0,
        town: str = TOWN,
        quantity: int = 1,
        own: int = 0,
    ) -> tuple[str, Debit | Declined]:
        """A whole visit; its id, and what came of the debit."""
        visit = self.check_in(someone, when, carer=carer, town=town)
        assert isinstance(visit, Visit), visit
        out = self.check_out(someone, visit, *items, quantity=quantity)
        return visit.id, self.debit(someone, out, own=own)

    # -- closing --------------------------------------------------------------------------------------------------------------
    def close(self, which: Month) -> dict[str, Any]:
        """Drawn on the third of the next month, verified by the towns, confirmed by the district, closed. The statements by town."""
        third = datetime.combine(which.end_day, datetime.min.time()) + timedelta(days=2, hours=9)
        now = at(third.isoformat())

        def advance() -> None:
            with acting(self.engine, now) as act:
                month.advance(act, SCHEME, which, scan)

        for _ in range(3):
            advance()
        found = self.statements(which)
        for town in found:
            with acting(self.engine, now + HOUR, head(town)) as act:
                month.verify_town(act, SCHEME, which, town)
        if found:
            with acting(self.engine, now + 2 * HOUR, AFFAIRS) as act:
                month.confirm(act, SCHEME, which)
        for _ in range(1 if found else 3):
            advance()
        return self.statements(which)

    def statements(self, which: Month) -> dict[str, Any]:
        with reading(self.engine) as conn:
            query = select(statements).where(statements.c.month == str(which)).order_by(statements.c.town)
            return {row.town: row for row in conn.execute(query)}

    def settle(self, which: Quarter = Q3) -> dict[str, Any]:
        """Gathered, shared, signed by every town, civil affairs and finance, posted, ordered. The settlements by town."""
        now = at(f"{which.end_day + timedelta(days=9)} 09:00")

        def advance() -> None:
            with acting(self.engine, now) as act:
                quarter.advance(act, SCHEME, which)

        def sign(who: Actor, step: str, town: str = "") -> None:
            with acting(self.engine, now + HOUR, who) as act:
                total, _ = approving.content(act.conn, SCHEME, which, town)
                approving.approve(act, SCHEME, which, step, total, town)

        advance()
        advance()
        with reading(self.engine) as conn:
            towns = approving.towns(conn, SCHEME, which)
        for town in towns:
            sign(head(town), "town", town)
        sign(AFFAIRS, "civil_affairs")
        sign(FINANCE, "finance")
        advance()
        advance()
        with reading(self.engine) as conn:
            return {row.town: row for row in quarter.of_quarter(conn, SCHEME, which)}

    def findings(self) -> list[Finding]:
        with reading(self.engine) as conn:
            return verify.run(conn)


def found(
    engine: Engine,
    towns: Sequence[str] = (TOWN,),
    *,
    founded: str = "2026-01-05",
    contract: tuple[date, date] = (date(2026, 1, 5), date(2027, 1, 5)),
    prices: Callable[[PriceItem], PriceItem] = lambda item: item,
) -> County:
    """The Jiangdu scheme, its built-in prices (as ``prices`` changes them), a provider with a contract, two caregivers in each town."""
    day = date.fromisoformat(founded)
    with acting(engine, "2025-01-02 09:00") as act:
        scheme = store.store(act, loader.builtin_text(SCHEME), f"{SCHEME}.toml")
    with acting(engine, f"{founded} 09:00", AFFAIRS) as act:
        for who in _officers(towns):
            officers.add(
                act, who.id, who.id, who.role, town=who.town, village=VILLAGE if who.role == "village" else None
            )
        add_many(act, [Place(town, VILLAGE) for town in towns])
        provider = register.register(
            act, code=credit_code(1), name="安康养老服务中心", bank_name="江都农商行", bank_account="6228000000000001"
        )
        county = County(engine, tuple(towns), scheme, provider)
        for index, town in enumerate(towns):
            register.contract(act, provider, SCHEME, town, *contract)
            ids = [
                caregivers.employ(
                    act, RING, provider, f"{index + 1}{letter}", "李秀兰", from_day=contract[0], trained_on=contract[0]
                )
                for letter in "ab"
            ]
            county.carers[town] = (ids[0], ids[1])
        listed = [prices(item) for item in builtin_prices(scheme)]
        list_id = tariff.draft_list(act, scheme, listed, version="1", valid_from=day)
    with acting(engine, f"{founded} 10:00", SECOND) as act:
        tariff.approve_list(act, scheme, list_id)
    with acting(engine, f"{founded} 11:00", AFFAIRS) as act:
        for number, payer in enumerate(("district", "card_operator", *(f"town:{town}" for town in towns)), 1):
            payers.register_account(act, payer, f"{payer}专户", f"32050000000{number:02d}", "江都农商行")
    return county


def _officers(towns: Sequence[str]) -> list[Actor]:
    district = [AFFAIRS, SECOND, FINANCE, CASHIER, ASSESSOR, COUNTER]
    return district + [make(town) for town in towns for make in (clerk, head, checker)]
