"""No message with a right MAC, whatever its fields hold, breaks the dialogue, moves money it should not, or goes without a code and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_gateway.iso8583 import dialogue, spec
from pos_gateway.iso8583.spec import FIELDS, LAYOUTS, Message
from settlement.db import reading
from settlement.outcomes import Reason
from settlement.visits.integrity import check
from tests.pos_gateway.iso8583.shop import Shop, shop
from tests.support import RING
from tests.visits.world import Holder, World

CODES = {reason.words.iso for reason in Reason} | {"00"}
FREE = sorted(set(FIELDS) - {64, 128, 37, 38, 39})


def content(number: int) -> st.SearchStrategy[str | bytes]:
    """What the codec lets through for a field."""
    kind, prefix, size = FIELDS[number][:3]
    least = 0 if prefix else size
    if kind == "b":
        return st.binary(min_size=least, max_size=size)
    if kind == "n":
        return st.text("0123456789", min_size=least, max_size=size)
    if kind == "xn":
        return st.from_regex(rf"[CD][0-9]{{{size - 1}}}", fullmatch=True)
    letters = st.characters(min_codepoint=32, max_codepoint=126)
    return st.text(letters, min_size=least, max_size=min(size, 60))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    layout = draw(st.sampled_from(LAYOUTS))
    mti = layout.mti if draw(st.integers(0, 9)) else draw(st.sampled_from(("0100", "0600", "0201", "0421", "0810")))
    fields: dict[int, Any] = {number: draw(content(number)) for number in (*layout.needs, *layout.may)}
    for number in draw(st.lists(st.sampled_from(FREE), max_size=3)):
        fields[number] = draw(content(number))
    for number in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        fields.pop(number, None)
    if layout.code and draw(st.booleans()):
        fields[70 if layout.mti == "0800" else 3] = layout.code
    return Message(mti, fields)


def plausible(here: Shop, message: Message) -> Message:
    """As one of this terminal's, of now: so that more of it is looked at."""
    real = here.terminal.head() | here.terminal._money("000000", 1200)
    kept = {number: real[number] for number in (7, 12, 13, 41, 42, 49, 60) if number in message.fields}
    return Message(message.mti, {**message.fields, **kept})


@dataclass
class Scene:
    here: Shop
    someone: Holder


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    yield Scene(shop(world), world.holder(subsidy=5000))
    with reading(world.engine) as conn:
        assert check(conn) == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(message=messages(), real=st.booleans(), card=st.booleans())
def test_every_message_gets_a_code_and_words(scene: Scene, message: Message, real: bool, card: bool) -> None:
    here, someone, world = scene.here, scene.someone, scene.here.world
    if real:
        message = plausible(here, message)
    if card and 2 in message.fields:
        message = Message(message.mti, {**message.fields, 2: here.chip_card(someone).number})
    told = dialogue.answer(world.engine, RING, here.now, here.id, message)
    assert told.text(39) in CODES
    assert 0 < len(told.text(63).encode()) <= 400
    assert told.mti == spec.answering(message.mti)
    again = dialogue.answer(world.engine, RING, here.now, here.id, message)
    assert again == told or told.text(39) == "30"
    assert world.left(someone) == (5000, 0)
