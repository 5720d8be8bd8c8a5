"""A card's last movements, however much came before and however many lots it was paid from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import Engine

from settlement.act import Act
from settlement.cards import book, inquiry
from settlement.cards.inquiry import Movement, Purses
from settlement.ledger import accounts, chart, hold
from settlement.ledger.transfer import Posted, Transfer, post
from tests.cards import county
from tests.support import acting, at

NINE, ELEVEN = at("2026-07-15 09:00"), at("2026-07-15 11:00")


@dataclass
class Card:
    """A card with 1,000.00 of own money, loaded by one top-up, and what else is put on it."""

    act: Act
    id: int
    personal: int
    trust: int
    claim: int

    def __post_init__(self) -> None:
        self.numbers = count(1)

    @classmethod
    def issued(cls, act: Act) -> Card:
        id = county.card(act, county.senior(act))
        trust = accounts.open_account(act, chart.OPERATOR_TRUST, chart.OPERATOR)
        claim = accounts.open_account(act, chart.PROVIDER_CLAIM, "provider:9999/x")
        card = cls(act, id, book.get(act.conn, id).personal_account_id, trust, claim)
        card.moved("top", "top_up", [(trust, card.personal, 100_000)])
        return card

    def lot(self, expiry: str, fen: int) -> int:
        control = accounts.open_account(self.act, chart.VOUCHER_CONTROL, "scheme:x")
        purse = accounts.open_account(self.act, chart.CARD_SUBSIDY, chart.card(self.id), lot=expiry, guarded=True)
        self.moved(f"issue/{expiry}", "issue", [(control, purse, fen)])
        return purse

    def moved(self, id: str, code: str, parts: list[tuple[int, int, int]]) -> None:
        group = [Transfer(f"{id}/{n}", *part, code, id, NINE) for n, part in enumerate(parts, 1)]
        assert isinstance(post(self.act, id, group), Posted)

    def told(self, limit: int) -> list[tuple[str, int, int]]:
        found = inquiry.movements(self.act.conn, self.id, limit)
        return [(movement.reference, movement.subsidy, movement.personal) for movement in found]


def test_an_act_on_several_purses_is_one_movement(engine: Engine) -> None:
    with acting(engine, NINE) as act:
        card = Card.issued(act)
        july, august = card.lot("2026-07-31", 500), card.lot("2026-08-31", 700)
        card.moved(
            "d1", "debit_subsidy", [(july, card.claim, 500), (august, card.claim, 100), (card.personal, card.claim, 40)]
        )
        card.moved(
            "d1/void", "void", [(card.claim, july, 500), (card.claim, august, 100), (card.claim, card.personal, 40)]
        )
        assert card.told(10) == [
            ("d1/void", 600, 40),
            ("d1", -600, -40),
            ("issue/2026-08-31", 700, 0),
            ("issue/2026-07-31", 500, 0),
            ("top", 0, 100_000),
        ]
        assert card.told(2) == [("d1/void", 600, 40), ("d1", -600, -40)]
        assert inquiry.purses(act.conn, card.id) == Purses(1_200, 100_000)
        assert inquiry.movements(act.conn, card.id, 1) == [Movement(NINE, "void", 600, 40, None, "d1/void")]


def test_a_card_without_movements_has_none(engine: Engine) -> None:
    with acting(engine, NINE) as act:
        assert inquiry.movements(act.conn, county.card(act, county.senior(act)), 5) == []
        with pytest.raises(ValueError, match="limit"):
            inquiry.movements(act.conn, 1, 0)


def test_a_hold_is_a_movement_when_it_is_posted(engine: Engine) -> None:
    with acting(engine, NINE) as act:
        card = Card.issued(act)
        for number in range(24):
            hold.place(
                act,
                Transfer(f"h{number}", card.personal, card.claim, 100, "debit_personal", f"h{number}", NINE),
                ELEVEN,
            )
        hold.post(act, "h3", "p3", 60, occurred_at=NINE)
        for number in range(4, 24):
            hold.void(act, f"h{number}", f"v{number}", occurred_at=NINE)
        assert card.told(1) == [("h3", 0, -60)]
        assert card.told(5) == [("h3", 0, -60), ("top", 0, 100_000)]


def test_the_last_movements_of_a_long_life_are_found_without_reading_it(engine: Engine) -> None:
    """Paid from twelve lots and from own money, in turns; the last three acts are asked for."""

    with acting(engine, NINE) as act:
        card = Card.issued(act)
        lots = [card.lot(f"2026-{month:02}-28", 1_000) for month in range(1, 13)]
        expected = []
        for number in range(120):
            lot, id = lots[number // 10], f"d{number:03}"
            parts = [(lot, card.claim, 10)] + ([(card.personal, card.claim, number + 1)] if number % 2 else [])
            card.moved(id, "debit_subsidy", parts)
            expected.append((id, -10, -(number + 1) if number % 2 else 0))
        expected.reverse()

        for limit in (1, 3, 20, 119):
            assert card.told(limit) == expected[:limit]
        assert card.told(500)[:120] == expected
        assert len(card.told(500)) == 120 + 12 + 1

        rows = inquiry._newest(act.conn, book.account_ids(act.conn, card.id), 3)
        assert len(rows) < 40  # of 193
