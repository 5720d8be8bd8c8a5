"""A month built by hand: a few seniors, caregivers and visits, with every figure in plain sight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, Table, insert, update

from settlement.act import SYSTEM, Act, Actor
from settlement.cards.tables import cards, media
from settlement.fraud.scan import Found, scan
from settlement.ledger import chart
from settlement.ledger.accounts import open_account
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy.loader import builtin
from settlement.policy.rules_control import Fraud
from settlement.policy.scheme import Scheme
from settlement.policy.tables import price_items, price_lists
from settlement.providers.tables import caregivers, providers
from settlement.visits.tables import debits, visit_lines, visits
from tests.support import at

HOME = (324300000, 1195600000)  # degrees x 10^7
METRE_NORTH = 90  # a metre of latitude is 89.83 of them; used where the last metre does not matter


class MonthByHand:
    """``found`` scans July 2026 under the shipped scheme, whose thresholds a test may change with ``threshold``."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.scheme = builtin("jiangdu")
        self.numbers = count(1)
        self.provider, self.other_provider = self._provider(), self._provider()
        self.list = self._price_list()

    # -- who and what -------------------------------------------------------------------------------------------------------
    def _add(self, table: Table, **values: Any) -> Any:
        return self.act.conn.execute(insert(table).values(**values)).inserted_primary_key[0]

    def _provider(self) -> int:
        n = next(self.numbers)
        same = {"name": f"服务商{n}", "bank_name": "农商行", "bank_account": f"62{n}"}
        return self._add(providers, code=f"9132{n:014d}", created_at=self.act.now, **same)

    def caregiver(self, provider: int | None = None) -> int:
        n = next(self.numbers)
        return self._add(
            caregivers, provider_id=provider or self.provider, staff_no=f"S{n}", name="王", from_day=date(2026, 1, 1)
        )

    def senior(self, home: tuple[int, int] | None = HOME, **facts: Any) -> int:
        """A senior with an active card; answers the senior's id (the card has the same number)."""
        n = next(self.numbers)
        where = {"latitude_e7": home[0], "longitude_e7": home[1]} if home else {}
        coded = {
            name: f"{name}{n}" for name in ("id_no_cipher", "id_no_index", "id_last4_index", "surname_village_index")
        }
        who = {"id": n, "name": "李", "sex": "F", "birth_date": date(1940, 1, 1), "town": "仙女镇", "village": "城北村"}
        self._add(seniors, status="entitled", created_at=self.act.now, **who, **coded, **where, **facts)
        purses = [
            open_account(self.act, code, f"card:{n}", guarded=True)
            for code in (chart.CARD_SUBSIDY, chart.CARD_PERSONAL)
        ]
        card = {"id": n, "senior_id": n, "scheme_code": "jiangdu", "status": "active", "created_at": self.act.now}
        self._add(cards, subsidy_account_id=purses[0], personal_account_id=purses[1], **card)
        self.medium(n, n, issue=1)
        return n

    def medium(self, id: int, card: int, *, issue: int, dead_from: str | None = None) -> int:
        dead = at(dead_from) if dead_from else None
        row = {"card_no": f"C{id}", "token_id": f"T{id}", "issued_at": self.act.now, "dead_from": dead}
        return self._add(media, id=id, card_id=card, issue=issue, **row)

    def change(self, table: Table, id: int, **values: Any) -> None:
        self.act.conn.execute(update(table).where(table.c.id == id).values(**values))

    def _price_list(self) -> int:
        who = {"imported_by": "a", "approved_by": "b", "imported_at": self.act.now, "approved_at": self.act.now}
        row = {
            "scheme_code": "jiangdu",
            "version": "1",
            "valid_from": date(2026, 1, 1),
            "hash": "",
            "status": "approved",
        }
        price_list = self._add(price_lists, **row, **who)
        for code, fen, least, kind, together in (
            ("cleaning", 3000, 0, "home_visit", False),
            ("bathing", 6000, 90, "home_visit", False),
            ("company", 2000, 0, "home_visit", True),
            ("lunch", 1500, 0, "meal_hatch", True),
        ):
            item = {"item_code": code, "name_zh": code, "name_en": code, "category": "cleaning", "unit_zh": "次"}
            rule = {
                "price_fen": fen,
                "min_minutes": least,
                "subsidised": True,
                "evidence_kind": kind,
                "together": together,
            }
            self._add(price_items, list_id=price_list, **item, **rule)
        return price_list

    # -- what happened ------------------------------------------------------------------------------------------------------
    def visit(
        self,
        came: str,
        left: str | None = None,
        *,
        caregiver: int | None = None,
        senior: int | None = None,
        items: str = "cleaning",
        debit_at: str | None = None,
        fen: int | None = None,
        debit: bool = True,
        uploaded_after: timedelta = timedelta(minutes=1),
        **facts: Any,
    ) -> str:
        """A visit as it should be, unless ``facts`` (columns) say otherwise: by card QR at home, debited at the check-out."""
        n = next(self.numbers)
        senior = senior or self.senior()
        start, end = at(came), at(left) if left else None
        place = {f"{end_}_{name}": value for end_ in ("in", "out") for name, value in self._here(HOME).items()}
        row: dict[str, Any] = {
            "id": f"V{n:03d}",
            "senior_id": senior,
            "card_id": senior,
            "caregiver_id": caregiver or self.caregiver(),
            "provider_id": self.provider,
            "town": "仙女镇",
            "scheme_code": "jiangdu",
            "month": str(Month.of(start)),
            "check_in_at": start,
            "check_out_at": end,
            "seconds": (end - start) // timedelta(seconds=1) if end else None,
            "in_method": "card_qr",
            "in_medium_id": senior,
            "out_method": "card_qr" if end else None,
            "received_at": start + uploaded_after,
            "completed_at": (end or start) + uploaded_after,
            "status": "served",
        }
        self._add(visits, **(row | place | facts))
        for no, code in enumerate(items.split(), 1):
            fen_each = {"cleaning": 3000, "bathing": 6000, "company": 2000, "lunch": 1500}[code]
            line = {"item_code": code, "quantity": 1, "price_list_id": self.list, "subsidised": True}
            self._add(visit_lines, visit_id=row["id"], no=no, unit_price_fen=fen_each, amount_fen=fen_each, **line)
        if debit:
            prices = {"cleaning": 3000, "bathing": 6000, "company": 2000, "lunch": 1500}
            total = fen if fen is not None else sum(prices[code] for code in items.split())
            self.debit(row["id"], senior, total, at(debit_at) if debit_at else end or start)
        return row["id"]

    def debit(self, visit: str, card: int, fen: int, moment: datetime, medium: int | None = None) -> str:
        id = f"D-{visit}"
        amounts = {"total_fen": fen, "subsidy_fen": fen, "personal_fen": 0, "cash_fen": 0}
        who = {
            "visit_id": visit,
            "card_id": card,
            "medium_id": medium or card,
            "provider_id": self.provider,
            "town": "仙女镇",
        }
        same = {"cap_year": 2026, "consent": "card_qr", "status": "posted"}
        self._add(debits, id=id, occurred_at=moment, recorded_at=moment, **amounts, **who, **same)
        return id

    @staticmethod
    def _here(place: tuple[int, int]) -> dict[str, int]:
        return {"latitude_e7": place[0], "longitude_e7": place[1], "accuracy_m": 20, "distance_m": 0}

    # -- what is found ------------------------------------------------------------------------------------------------------
    def threshold(self, code: str, action: str = "stop", **params: int) -> None:
        self.scheme = changed(self.scheme, code, action, params)

    def findings(self, month: str = "2026-07") -> list[Found]:
        return scan(self.act, self.scheme, Month.parse(month))

    def found(self, signal: str, month: str = "2026-07") -> set[str]:
        return {finding.visit_id for finding in self.findings(month) if finding.signal == signal}

    def finding(self, signal: str, visit: str) -> Found:
        [one] = [each for each in self.findings() if (each.signal, each.visit_id) == (signal, visit)]
        return one


def changed(scheme: Scheme, code: str, action: str, params: dict[str, int]) -> Scheme:
    others = tuple(
        replace(signal, action=action, params=params) if signal.code == code else signal
        for signal in scheme.fraud.signals
    )
    return replace(scheme, fraud=Fraud(signals=others))


@contextmanager
def month_by_hand(engine: Engine, by: Actor = SYSTEM) -> Iterator[MonthByHand]:
    """Everything happens in one transaction that is rolled back, so that a whole module shares one database."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield MonthByHand(Act(connection, by, at("2026-08-05 02:00")))
        transaction.rollback()
