"""The life of a card as one table: (from, event, to, who may). What is not listed is refused.

The notice (4(2)) leaves loss, replacement and closing to the card operator's rules; freezing on death and move is its 5(2)3. Points worth
knowing when reading the table:

* A lost card is never "found" again: its code is dead from the report on, so the way back is a new medium.
* What a frozen card returns to depends on what it was: never handed over, usable, or reported lost meanwhile.
* A closed card may be issued anew to the same person (moved back): same accounts, new medium.
"""

from __future__ import annotations

from typing import NamedTuple

from settlement.outcomes import Reason, Refused

NONE, ISSUED, ACTIVE, LOST, FROZEN, CLOSED = "none", "issued", "active", "lost", "frozen", "closed"


class Transition(NamedTuple):
    """``permission``: of ``officers.MAY``; the town of the card's holder is the scope."""

    origin: str
    event: str
    target: str
    permission: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition(NONE, "issue", ISSUED, "card.issue"),
    Transition(NONE, "bind", ACTIVE, "card.issue"),  # a citizen card the person already carries
    Transition(ISSUED, "activate", ACTIVE, "card.activate"),
    Transition(ISSUED, "report_lost", LOST, "card.report_lost"),
    Transition(ACTIVE, "report_lost", LOST, "card.report_lost"),
    Transition(LOST, "replace", ACTIVE, "card.counter"),  # handed over at the counter, so it works at once
    Transition(ACTIVE, "replace", ACTIVE, "card.counter"),  # worn out
    Transition(ISSUED, "replace", ISSUED, "card.counter"),  # misprinted
    Transition(ISSUED, "freeze", FROZEN, "card.freeze"),
    Transition(ACTIVE, "freeze", FROZEN, "card.freeze"),
    Transition(LOST, "freeze", FROZEN, "card.freeze"),
    Transition(
        FROZEN, "freeze", FROZEN, "card.freeze"
    ),  # frozen by order, then the holder dies: the earlier moment counts
    Transition(FROZEN, "unfreeze", ACTIVE, "card.unfreeze"),
    Transition(FROZEN, "unfreeze", ISSUED, "card.unfreeze"),
    Transition(FROZEN, "unfreeze", LOST, "card.unfreeze"),
    Transition(ISSUED, "close", CLOSED, "card.counter"),
    Transition(ACTIVE, "close", CLOSED, "card.counter"),
    Transition(LOST, "close", CLOSED, "card.counter"),
    Transition(FROZEN, "close", CLOSED, "card.counter"),
    Transition(CLOSED, "close", CLOSED, "card.counter"),  # pays out what a later void gave back
    Transition(CLOSED, "issue", ISSUED, "card.issue"),
    Transition(CLOSED, "bind", ACTIVE, "card.issue"),
)

EVENTS = tuple(dict.fromkeys(t.event for t in TRANSITIONS))
STATES = tuple(dict.fromkeys(t.origin for t in TRANSITIONS))

WORDS: dict[str, tuple[str, str]] = {
    NONE: ("未办卡", "no card"),
    ISSUED: ("已制卡待启用", "issued"),
    ACTIVE: ("正常", "active"),
    LOST: ("已挂失", "lost"),
    FROZEN: ("已冻结", "frozen"),
    CLOSED: ("已销户", "closed"),
    "issue": ("发卡", "issue"),
    "bind": ("绑定市民卡", "bind"),
    "activate": ("启用", "activate"),
    "report_lost": ("挂失", "report lost"),
    "replace": ("补换卡", "replace"),
    "freeze": ("冻结", "freeze"),
    "unfreeze": ("解冻", "unfreeze"),
    "close": ("销户", "close"),
}


def transition(origin: str, event: str, target: str | None = None) -> Transition:
    """The listed transition. ``target`` chooses where an event has several. Raises Refused(CARD_STATE) for what is not listed."""
    for each in TRANSITIONS:
        if each.origin == origin and each.event == event and target in (None, each.target):
            return each
    (state_zh, state_en), (event_zh, event_en) = WORDS[origin], WORDS[event]
    raise Refused(Reason.CARD_STATE, state_zh=state_zh, state_en=state_en, event_zh=event_zh, event_en=event_en)
