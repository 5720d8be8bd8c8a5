"""The PIN: who may set it, how often it may be tried, and which of two it is that counts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from settlement import keys, officers
from settlement.act import Act
from settlement.audit import audit_rows
from settlement.cards import pin, registry
from settlement.cards.tables import card_pins
from settlement.cli.common import Desk
from settlement.cli.pins import pin as pin_command
from settlement.keys import new_ring
from settlement.outcomes import Declined, Reason, Refused
from tests.cards.county import COUNTER, TOWN_CLERK, card, senior
from tests.support import RING, acting, at

SET = "2026-07-01 09:00"


def holder(engine: Engine, digits: str = "493817") -> int:
    """A card whose PIN was set on 1 July."""
    with acting(engine, SET, COUNTER) as act:
        card_id = card(act, senior(act))
        pin.set_pin(act, RING, card_id, digits)
    return card_id


def tried(engine: Engine, card_id: int, digits: str, when: str = "2026-07-02 09:00") -> Declined | None:
    with acting(engine, when) as act:
        return pin.check(act, RING, card_id, digits)


def told(answer: Declined | None) -> tuple[Reason, int | None] | None:
    return None if answer is None else (answer.reason, answer.details.get("left"))


def test_five_wrong_in_a_row_lock_it_and_a_right_one_before_sets_the_count_back(engine: Engine) -> None:
    card_id = holder(engine)
    assert tried(engine, card_id, "493817") is None
    for left in (4, 3, 2, 1):
        assert told(tried(engine, card_id, "000000")) == (Reason.PIN_WRONG, left)
    assert tried(engine, card_id, "493817") is None
    for left in (4, 3, 2, 1):
        assert told(tried(engine, card_id, "493818")) == (Reason.PIN_WRONG, left)
    assert told(tried(engine, card_id, "493818")) == (Reason.PIN_LOCKED, None)
    assert told(tried(engine, card_id, "493817")) == (Reason.PIN_LOCKED, None)
    with acting(engine) as act:
        row = act.conn.execute(select(card_pins.c.wrong)).one()
        assert row.wrong == 5  # what is locked counts no further
        noted = select(audit_rows.c.act, audit_rows.c.subject).where(audit_rows.c.act == "card.lock_pin")
        assert act.conn.execute(noted).all() == [("card.lock_pin", f"card:{card_id}")]


def test_twenty_guesses_at_once_are_five(engine: Engine) -> None:
    """All are hashed before any is counted; each is answered only when its turn to be counted has come."""
    card_id = holder(engine)
    guesses = ["111110", "493817"] + [f"{n:06d}" for n in range(18)]
    with acting(engine) as act:
        results = [pin.attempt(act.conn, RING, card_id, guess, at=act.now) for guess in guesses]
    assert [one.right for one in results] == [guess == "493817" for guess in guesses]

    def count(number: int) -> Declined | None:
        hashed.wait()
        with acting(engine) as act:
            return pin.count(act, results[number])

    wrong = [number for number, one in enumerate(results) if not one.right]
    hashed = Barrier(len(wrong))
    with ThreadPoolExecutor(len(wrong)) as pool:
        answers = [told(answer) for answer in pool.map(count, wrong)]
    assert sorted(left for reason, left in filter(None, answers) if reason is Reason.PIN_WRONG and left) == [1, 2, 3, 4]
    assert answers.count((Reason.PIN_LOCKED, None)) == 15
    # The right one was hashed while the PIN was free, and is counted when it no longer is.
    hashed = Barrier(1)
    assert told(count(guesses.index("493817"))) == (Reason.PIN_LOCKED, None)


def test_unlocked_at_the_counter_with_the_same_pin_or_another(engine: Engine) -> None:
    card_id = holder(engine)
    for _ in range(5):
        tried(engine, card_id, "000000")
    with acting(engine, "2026-07-03 09:00", TOWN_CLERK) as act, pytest.raises(Refused) as caught:
        pin.unlock(act, card_id, why="identity card seen")
    assert caught.value.reason is Reason.NOT_ALLOWED
    with acting(engine, "2026-07-03 09:00", COUNTER) as act:
        pin.unlock(act, card_id, why="identity card seen")
    assert tried(engine, card_id, "493817", "2026-07-03 09:01") is None
    for _ in range(5):
        tried(engine, card_id, "000000", "2026-07-03 09:02")
    with acting(engine, "2026-07-04 09:00", COUNTER) as act:
        pin.set_pin(act, RING, card_id, "271828")
    assert tried(engine, card_id, "271828", "2026-07-04 09:01") is None


def test_the_pin_that_was_set_at_the_time_counts(engine: Engine) -> None:
    """A debit of 2 July arrives on the 6th; on the 4th another PIN was set. Each counts for its own time, and each has its own tries."""
    card_id = holder(engine)
    with acting(engine, "2026-07-04 09:00", COUNTER) as act:
        pin.set_pin(act, RING, card_id, "271828")
    with acting(engine, "2026-07-06 09:00") as act:

        def on(day: str, digits: str) -> tuple[Reason, int | None] | None:
            return told(pin.check(act, RING, card_id, digits, at=at(day)))

        assert on("2026-07-02 09:00", "493817") is None
        assert on("2026-07-02 09:00", "271828") == (Reason.PIN_WRONG, 4)
        assert on("2026-07-04 09:00", "271828") is None
        assert on("2026-07-05 09:00", "493817") == (Reason.PIN_WRONG, 4)
        assert on("2026-06-30 09:00", "493817") == (Reason.PIN_NOT_SET, None)


def test_a_replaced_card_keeps_its_pin_and_one_without_has_none(engine: Engine) -> None:
    card_id = holder(engine)
    with acting(engine, "2026-07-02 09:00", COUNTER) as act:
        registry.report_lost(act, card_id)
        registry.replace(act, RING, card_id)
        other = card(act, senior(act))
        assert (pin.is_set(act.conn, card_id), pin.is_set(act.conn, other)) == (True, False)
    assert tried(engine, card_id, "493817") is None
    assert told(tried(engine, other, "493817")) == (Reason.PIN_NOT_SET, None)
    with acting(engine, by=COUNTER) as act, pytest.raises(Refused) as caught:
        pin.unlock(act, other, why="-")
    assert caught.value.reason is Reason.PIN_NOT_SET


def refused(act: Act, card_id: int, digits: str) -> Reason:
    with pytest.raises(Refused) as caught:
        pin.set_pin(act, RING, card_id, digits)
    return caught.value.reason


def test_who_may_set_one_and_for_which_card(engine: Engine) -> None:
    with acting(engine, by=TOWN_CLERK) as act:
        someone = card(act, senior(act))
        assert refused(act, someone, "493817") is Reason.NOT_ALLOWED
    with acting(engine, by=COUNTER) as act:
        registry.freeze(act, someone, since=act.now, reason="died")
        assert refused(act, someone, "493817") is Reason.CARD_STATE
        assert refused(act, 99_999, "493817") is Reason.NOT_FOUND


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",
        "000000",
        "121212",
        "385385",
        "123456",
        "890123",
        "654321",
        "210987",
        # born on 1 March 1948
        "480301",
        "194803",
        "010348",
        "030148",
        "031948",
    ],
)
def test_what_a_thief_tries_first(engine: Engine, digits: str) -> None:
    with acting(engine, by=COUNTER) as act:
        assert refused(act, card(act, senior(act)), digits) is Reason.PIN_TOO_SIMPLE


@pytest.mark.parametrize("digits", ["493817", "112233", "480302", "135790", "100001"])
def test_what_may_be_chosen(digits: str) -> None:
    assert not pin.too_simple(digits, date(1948, 3, 1))


def test_a_copy_of_the_database_is_of_no_use_without_the_ring(engine: Engine) -> None:
    """Six digits are few: neither the row alone, nor the row under another card, nor another ring makes the PIN fit."""
    card_id, other = holder(engine), holder(engine)
    with acting(engine, "2026-07-02 09:00") as act:
        hashes = act.conn.execute(select(card_pins.c.hash)).scalars().all()
        assert len(set(hashes)) == 2  # the same digits
        assert all(text.startswith("$argon2id$") and "493817" not in text for text in hashes)
        assert told(pin.check(act, new_ring(b"others"), card_id, "493817")) == (Reason.PIN_WRONG, 4)
        tried_at_other = pin.attempt(act.conn, RING, other, "493817", at=act.now)
        assert replace(tried_at_other, card_id=card_id).right
        act.conn.execute(card_pins.update().where(card_pins.c.card_id == other).values(hash=hashes[0]))
        act.conn.execute(card_pins.update().where(card_pins.c.card_id == card_id).values(hash=hashes[1]))
        moment = act.now + timedelta(minutes=1)
        assert not pin.attempt(act.conn, RING, card_id, "493817", at=moment).right


def test_typed_at_the_counter_and_never_shown(engine: Engine, tmp_path: Path) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("the command is the same on both")
    keys.save(RING, tmp_path / "keys.json")
    with acting(engine) as act:
        officers.add(act, "counter", "周敏", "card_counter")
        card_id = card(act, senior(act))
    desk = Desk(url=str(engine.url), keys_file=tmp_path / "keys.json", clock=lambda: at("2026-07-02 09:00"))

    def typed(words: str, keyed: str = "") -> str:
        done = CliRunner().invoke(pin_command, words.split(), obj=desk, input=keyed)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "493817" not in done.output
        return done.stdout

    answer = typed(f"set {card_id} --by counter --json", "493817\n493818\n493817\n493817\n")
    assert json.loads(answer) == {"card_id": card_id, "pin": "set"}
    assert tried(engine, card_id, "493817", "2026-07-02 09:01") is None
    for _ in range(5):
        tried(engine, card_id, "000000", "2026-07-02 09:02")
    typed(f"unlock {card_id} --by counter --why 核对身份证")
    assert tried(engine, card_id, "493817", "2026-07-02 09:03") is None
    with acting(engine) as act:
        acts = select(audit_rows).where(audit_rows.c.act.like("card.%pin"))
        assert "493817" not in str(act.conn.execute(acts).all())
