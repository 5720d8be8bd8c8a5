"""The code that lives thirty seconds: for what it counts, when, and how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from settlement.act import SYSTEM, Actor
from settlement.cards import book, dynamic_code, registry, token
from settlement.cards.dynamic_code import Made, Redeemed
from settlement.cards.tables import dynamic_codes
from settlement.keys import new_ring
from settlement.outcomes import Declined, Reason, Refused
from settlement.people.scope import holder
from tests.cards.county import COUNTER, SCHEME, TOWN_CLERK, card, senior
from tests.support import RING, acting, at

NOON = at("2026-07-03 12:00")


@pytest.fixture
def card_id(engine: Engine) -> int:
    with acting(engine, "2026-07-01 09:00", COUNTER) as act:
        return card(act, senior(act))


def owner(engine: Engine, card_id: int) -> Actor:
    with acting(engine) as act:
        return holder(book.get(act.conn, card_id).senior_id)


def made(engine: Engine, card_id: int, purpose: Any = "debit", fen: int | None = 3500, after: int = 0) -> Made:
    """``after``: seconds past noon."""
    with acting(engine, NOON + timedelta(seconds=after), owner(engine, card_id)) as act:
        return dynamic_code.make(act, RING, card_id, purpose, fen)


def redeemed(engine: Engine, presented: str, card_id: int | None, after: int = 10, **facts: Any) -> Reason | Redeemed:
    """``after``: seconds past noon at which it was presented; ``arrives``: when we hear of it, else at once."""
    moment = NOON + timedelta(seconds=after)
    known = {"purpose": "debit", "amount_fen": 3500, "used_for": "first"} | facts
    with acting(engine, known.pop("arrives", moment)) as act:
        answer = dynamic_code.redeem(act, RING, presented, card_id=card_id, at=moment, **known)
    return answer.reason if isinstance(answer, Declined) else answer


def wrong(engine: Engine) -> list[int]:
    with acting(engine) as act:
        return list(act.conn.execute(select(dynamic_codes.c.wrong).order_by(dynamic_codes.c.made_at)).scalars())


def test_read_out_or_scanned_it_counts_once(engine: Engine, card_id: int) -> None:
    with acting(engine) as act:
        live = book.live_medium(act.conn, card_id)
    assert live is not None
    for how in ("digits", "code"):
        code = made(engine, card_id)
        assert (len(code.digits), code.digits.isdecimal()) == (8, True)
        assert code.expires_at == NOON + timedelta(seconds=30)
        shown = getattr(code, how)
        assert redeemed(engine, shown, card_id, used_for=f"{how} 1") == Redeemed(card_id, live.id)
        assert redeemed(engine, shown, card_id, used_for=f"{how} 2") is Reason.DYNAMIC_CODE_USED
        # The same event again, whenever it is looked at, answers the same.
        assert redeemed(engine, shown, card_id, after=9_000, used_for=f"{how} 1") == Redeemed(card_id, live.id)


def test_the_qr_names_its_card_and_holds_nothing_personal(engine: Engine, card_id: int) -> None:
    code = made(engine, card_id)
    assert dynamic_code.is_code(code.code) and dynamic_code.is_code(f"https://songbai.example/card#{code.code}")
    kind, id, key, signature = code.code.split(".")
    assert (kind, len(id), key, len(signature)) == ("SB1T", 32, "t1", 86)
    assert code.digits not in code.code
    assert isinstance(redeemed(engine, code.code, None), Redeemed)
    digits = made(engine, card_id).digits
    assert redeemed(engine, digits, None) is Reason.DYNAMIC_CODE_WRONG  # eight digits alone say nothing


def test_it_is_for_one_card_one_purpose_one_amount(engine: Engine, card_id: int) -> None:
    with acting(engine, "2026-07-01 09:00", COUNTER) as act:
        other = card(act, senior(act))
    code = made(engine, card_id)
    for shown in (code.digits, code.code):
        for facts in (
            {"card_id": other},
            {"card_id": card_id, "amount_fen": 3501},
            {"card_id": card_id, "purpose": "visit", "amount_fen": None},
        ):
            assert redeemed(engine, shown, **facts) is Reason.DYNAMIC_CODE_WRONG, facts
    assert isinstance(redeemed(engine, code.digits, card_id), Redeemed)
    visit = made(engine, card_id, "visit", None)
    assert redeemed(engine, visit.code, card_id) is Reason.DYNAMIC_CODE_WRONG
    assert isinstance(redeemed(engine, visit.code, card_id, purpose="visit", amount_fen=None), Redeemed)


@pytest.mark.parametrize("how", ["digits", "code"])
@pytest.mark.parametrize(
    ("after", "answer"),
    [(-61, Reason.DYNAMIC_CODE_EXPIRED), (-60, None), (0, None), (90, None), (91, Reason.DYNAMIC_CODE_EXPIRED)],
)
def test_days_later_it_is_judged_by_when_it_was_presented(
    engine: Engine, card_id: int, how: str, after: int, answer: Reason | None
) -> None:
    """The phone had no signal; its clock may be a minute off."""
    code = made(engine, card_id)
    told = redeemed(engine, getattr(code, how), card_id, after, arrives=at("2026-07-06 08:00"))
    assert told is answer if answer else isinstance(told, Redeemed)


def test_a_phone_whose_clock_is_minutes_off_is_heard_while_the_code_lives(engine: Engine, card_id: int) -> None:
    soon = NOON + timedelta(seconds=20)
    assert isinstance(redeemed(engine, made(engine, card_id).digits, card_id, -240, arrives=soon), Redeemed)
    late = NOON + timedelta(seconds=31)
    assert redeemed(engine, made(engine, card_id).digits, card_id, -240, arrives=late) is Reason.DYNAMIC_CODE_EXPIRED


def test_five_wrong_guesses_and_the_digits_are_dead_the_next_ones_are_not(engine: Engine, card_id: int) -> None:
    code = made(engine, card_id)
    for guess in range(4):
        assert redeemed(engine, f"0000000{guess}", card_id, used_for=f"guess {guess}") is Reason.DYNAMIC_CODE_WRONG
    assert isinstance(redeemed(engine, code.digits, card_id), Redeemed)
    second = made(engine, card_id)
    # Guessing goes on days later with a clock set back: it is the same code that was guessed at.
    for guess in range(5):
        assert (
            redeemed(engine, f"0000000{guess}", card_id, used_for=f"late {guess}", arrives=at("2026-07-05 08:00"))
            is Reason.DYNAMIC_CODE_WRONG
        )
    for shown in (second.digits, second.code):
        assert redeemed(engine, shown, card_id, used_for="right") is Reason.DYNAMIC_CODE_WRONG
    assert wrong(engine) == [4, 5]
    later = made(engine, card_id, after=600)
    assert isinstance(redeemed(engine, later.digits, card_id, after=610, used_for="right"), Redeemed)


def test_many_guesses_at_once_do_not_slip_in_a_right_one(engine: Engine, card_id: int) -> None:
    code = made(engine, card_id)
    guesses = [f"{number:08d}" for number in range(12)]
    start = Barrier(len(guesses))

    def guess(digits: str) -> Any:
        start.wait()
        return redeemed(engine, digits, card_id, used_for=digits)

    with ThreadPoolExecutor(len(guesses)) as pool:
        assert set(pool.map(guess, guesses)) == {Reason.DYNAMIC_CODE_WRONG}
    assert wrong(engine) == [12]
    assert redeemed(engine, code.digits, card_id, used_for="right") is Reason.DYNAMIC_CODE_WRONG


def test_presented_twice_at_once_it_counts_once(engine: Engine, card_id: int) -> None:
    code = made(engine, card_id)
    start = Barrier(6)

    def present(number: int) -> Any:
        start.wait()
        return redeemed(engine, code.digits, card_id, used_for=f"debit {number}")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(present, range(6)))
    assert answers.count(Reason.DYNAMIC_CODE_USED) == 5
    assert sum(isinstance(answer, Redeemed) for answer in answers) == 1


def test_a_card_reported_lost_or_replaced_meanwhile(engine: Engine, card_id: int) -> None:
    code, second = made(engine, card_id), made(engine, card_id)
    with acting(engine, NOON + timedelta(seconds=10), COUNTER) as act:
        registry.report_lost(act, card_id)
    assert redeemed(engine, code.digits, card_id, after=11) is Reason.CODE_DEAD
    assert isinstance(redeemed(engine, second.digits, card_id, after=9, arrives=at("2026-07-04 08:00")), Redeemed)
    with acting(engine, NOON + timedelta(seconds=12), COUNTER) as act:
        registry.replace(act, RING, card_id)
    assert redeemed(engine, code.code, card_id, after=13) is Reason.CODE_DEAD
    fresh = made(engine, card_id, after=14)
    assert isinstance(redeemed(engine, fresh.code, card_id, after=15), Redeemed)


def refused(engine: Engine, card_id: int, purpose: Any = "visit", fen: int | None = None, by: Actor = SYSTEM) -> Reason:
    with acting(engine, NOON, by) as act, pytest.raises(Refused) as caught:
        dynamic_code.make(act, RING, card_id, purpose, fen)
    return caught.value.reason


def test_for_whom_and_what_none_is_made(engine: Engine, card_id: int) -> None:
    for purpose, fen in (("debit", None), ("debit", 0), ("debit", -1), ("visit", 100), ("other", None)):
        assert refused(engine, card_id, purpose, fen) is Reason.BAD_INPUT
    assert refused(engine, card_id, by=TOWN_CLERK) is Reason.NOT_ALLOWED
    with acting(engine, "2026-07-02 09:00", COUNTER) as act:
        other = card(act, senior(act))
    assert refused(engine, card_id, by=owner(engine, other)) is Reason.NOT_ALLOWED
    assert refused(engine, 99_999) is Reason.NOT_FOUND
    with acting(engine, "2026-07-02 09:00", COUNTER) as act:
        waiting, dead, lost = (
            registry.issue(act, RING, SCHEME, senior(act)),
            card(act, senior(act)),
            card(act, senior(act)),
        )
        registry.freeze(act, dead, since=at("2026-07-02 08:00"), reason="died")
        registry.report_lost(act, lost)
    assert refused(engine, waiting) is Reason.CARD_NOT_ACTIVE
    assert refused(engine, dead) is Reason.ACCOUNT_FROZEN
    assert refused(engine, lost) is Reason.CODE_DEAD
    with acting(engine) as act:
        assert act.conn.execute(select(func.count()).select_from(dynamic_codes)).scalar_one() == 0


@pytest.mark.parametrize(
    "presented", ["", "12345678", "SB1T", "SB1T..t1.AAAA", "SB1T.x.t1.AAAA", "１２３４５６７８", "x" * 400]
)
def test_what_was_never_made(engine: Engine, card_id: int, presented: str) -> None:
    assert redeemed(engine, presented, card_id) is Reason.DYNAMIC_CODE_WRONG
    assert redeemed(engine, presented, None) is Reason.DYNAMIC_CODE_WRONG


def test_a_printed_code_and_one_signed_by_others_are_no_dynamic_code(engine: Engine, card_id: int) -> None:
    code = made(engine, card_id)
    with acting(engine) as act:
        live = book.live_medium(act.conn, card_id)
    assert live is not None
    printed = token.make(RING, live.token_id, live.issue)
    forged = new_ring(b"others").sign_token(code.code.rsplit(".", 2)[0])
    for shown in (printed, forged, code.code[:-40] + "A" * 40):
        assert redeemed(engine, shown, card_id) is Reason.DYNAMIC_CODE_WRONG
    with acting(engine) as act:
        answer = token.read(act.conn, RING, code.code, NOON)
        assert isinstance(answer, Declined) and answer.reason is Reason.CODE_FORGED


def test_codes_nobody_used_do_not_pile_up_for_ever(engine: Engine, card_id: int) -> None:
    used, _ = made(engine, card_id), made(engine, card_id)
    assert isinstance(redeemed(engine, used.digits, card_id), Redeemed)
    made(engine, card_id, after=401 * 86_400)
    with acting(engine) as act:
        kept = act.conn.execute(select(dynamic_codes.c.used_for).order_by(dynamic_codes.c.made_at)).scalars().all()
    assert kept == ["first", None]
