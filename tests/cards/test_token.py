"""The codes on cards and doors: what they say, and which do not count."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from settlement.act import Act
from settlement.cards import book, media, registry, token
from settlement.cards.tables import door_plates
from settlement.keys import new_ring
from settlement.outcomes import Declined, Reason
from tests.cards.county import COUNTER, SCHEME, card, senior
from tests.support import RING, acting


def _code(act: Act, card_id: int) -> str:
    medium = book.live_medium(act.conn, card_id)
    assert medium is not None
    return token.make(RING, medium.token_id, medium.issue)


def _why(outcome: object) -> Reason:
    assert isinstance(outcome, Declined)
    return outcome.reason


def test_a_code_holds_nothing_personal_and_stays_behind_the_hash(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        card_id = card(act, senior(act))
        code = _code(act, card_id)
        medium = book.live_medium(act.conn, card_id)
        assert medium is not None
        assert medium.card_no not in code
        assert token.url("https://songbai.example/", code) == f"https://songbai.example/card#{code}"
        read = token.read(act.conn, RING, f"https://songbai.example/card#{code}", act.now)
        assert isinstance(read, token.Medium)
        assert (read.card_id, read.id, read.issue) == (card_id, medium.id, 1)
        assert token.read(act.conn, RING, code, act.now) == read


def test_codes_that_do_not_count(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        card_id = card(act, senior(act))
        waiting = registry.issue(act, RING, SCHEME, senior(act))
        code, now = _code(act, card_id), act.now
        payload, key, signature = code.rsplit(".", 2)
        forged = {
            "": "an empty scan",
            "https://example.com/": "some other QR code",
            f"{payload[:-1]}2.{key}.{signature}": "the counter raised by hand",
            f"{payload}.{key}.{'A' * len(signature)}": "another signature",
            f"{payload}.t9.{signature}": "a key we never had",
            token.make(new_ring(b"someone else"), payload.split(".")[1], 1): "signed by others",
            token.make_plate(RING, payload.split(".")[1], 1): "a door plate's kind",
        }
        for scanned, what in forged.items():
            assert _why(token.read(act.conn, RING, scanned, now)) is Reason.CODE_FORGED, what
        assert _why(token.read(act.conn, RING, token.make(RING, "0" * 32, 1), now)) is Reason.CODE_UNKNOWN
        assert _why(token.read(act.conn, RING, _code(act, waiting), now)) is Reason.CARD_NOT_ACTIVE
        registry.replace(act, RING, card_id)
        assert _why(token.read(act.conn, RING, code, now)) is Reason.CODE_DEAD
        assert isinstance(
            token.read(act.conn, RING, code, now - timedelta(seconds=1)), Declined
        )  # not handed over by then


@pytest.mark.parametrize("moved", [True, False])
def test_door_plates(engine: Engine, moved: bool) -> None:
    with acting(engine, "2026-07-01 09:00", COUNTER) as act:
        first, second = senior(act), senior(act)
        assert media.ensure_plates(act, RING, [first, second]) == 2
        assert media.ensure_plates(act, RING, [first, second]) == 0
        code = _plate(act, first)
        plate = token.read_plate(act.conn, RING, code, act.now)
        assert isinstance(plate, token.Plate)
        assert plate.senior_id == first
        assert _why(token.read(act.conn, RING, code, act.now)) is Reason.CODE_FORGED
        assert _why(token.read_plate(act.conn, RING, code[:-4] + "AAAA", act.now)) is Reason.CODE_FORGED
    if moved:
        with acting(engine, "2026-08-01 09:00", COUNTER) as act:
            media.retire_plate(act, first, why="搬家")
            assert media.ensure_plates(act, RING, [first, second]) == 1
            assert _why(token.read_plate(act.conn, RING, code, act.now)) is Reason.CODE_DEAD
            fresh = token.read_plate(act.conn, RING, _plate(act, first), act.now)
            assert isinstance(fresh, token.Plate)
            assert fresh.issue == 2


def _plate(act: Act, senior_id: int) -> str:
    p = door_plates.c
    row = act.conn.execute(select(p.token_id, p.issue).where(p.senior_id == senior_id, p.dead_from.is_(None))).one()
    return token.make_plate(RING, row.token_id, row.issue)
