"""What a terminal's message means, and the answer to it. One message, one transaction: journal, money and answer are committed together.

A request may be declined; an advice is recorded whatever becomes of it; a reversal of what never came blocks it; a repeat gets the first answer. A
terminal's row is locked while its message is worked off, so that two at once take turns, whatever lines they came by. Whoever calls has looked at
the MAC. Where this raises, nothing was recorded, and the message may be sent again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select

from pos_gateway.iso8583 import journal, mac, settling, spec, trading
from pos_gateway.iso8583.case import Case, Malformed, Outcome
from pos_gateway.iso8583.elements import CURRENCY, clock_fields
from pos_gateway.iso8583.journal import Key
from pos_gateway.iso8583.spec import ECHOED, Layout, Message
from settlement.act import SYSTEM, Act, Actor, begin
from settlement.db import reading
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, Refused, declined, fill
from settlement.providers import terminals as register
from settlement.providers.tables import terminals
from settlement.visits.shown import Shown

LONGEST_WORDS = 400
"""Bytes of field 63."""


def answer(engine: Engine, ring: KeyRing, now: datetime, terminal_id: str, request: Message) -> Message:
    """The answer to a terminal's message, without its MAC."""
    try:
        key = journal.key_of(terminal_id, request, now)
    except ValueError:
        return _refusal(request, declined(Reason.MESSAGE_INCOMPLETE, fields="7, 11"))
    shown, refused = None, None
    try:
        shown = _shown(engine, ring, now, key, request)
    except Malformed as malformed:
        refused = malformed.declined
    try:
        with begin(engine, SYSTEM, now) as act:
            return _Desk(act, ring, key, request, shown, refused).answer()
    except Refused as error:
        # Nothing of it was kept; that it came, and what it was answered, is.
        refused = Declined(error.reason, error.details)
        with begin(engine, SYSTEM, now) as act:
            return _Desk(act, ring, key, request, shown, refused).answer()


def _shown(engine: Engine, ring: KeyRing, now: datetime, key: Key, request: Message) -> Shown | Declined | None:
    """The card as the message shows it. A PIN takes long to hash: that is done before anything is locked."""
    what = trading.shown_in(request)
    if what is None or journal.PIN_BLOCK not in request.fields:
        return what
    with reading(engine) as conn:
        return trading.with_pin(conn, ring, key, request, what, now)


@dataclass(frozen=True)
class _Desk:
    """``shown``: the card as the message shows it. ``refused``: why nothing is to be done any more; all that is left is to keep the answer."""

    act: Act
    ring: KeyRing
    key: Key
    request: Message
    shown: Shown | Declined | None
    refused: Declined | None

    def answer(self) -> Message:
        mine = select(terminals).where(terminals.c.id == self.key.terminal_id).with_for_update()
        terminal = self.act.conn.execute(mine).one_or_none()
        if terminal is None:
            return _refusal(self.request, declined(Reason.TERMINAL_UNKNOWN))
        layout = spec.layout_of(self.request)
        if layout is not None and layout.code == spec.ECHO:
            wrong = self._wrong(terminal, layout)
            return _refusal(self.request, wrong) if wrong else _message(self.request, Outcome())
        content = journal.content_of(self.ring, self.request)
        known = journal.find(self.act.conn, self.key)
        if known is not None and known.status == "answered":
            if known.content != content:
                return _refusal(self.request, declined(Reason.ID_REUSED))
            return journal.answer_of(known)
        reference = journal.begin(self.act, self.key, self.request, content, known)
        actor = Actor(f"terminal:{terminal.id}", "device", provider_id=terminal.provider_id)
        case = Case(replace(self.act, actor=actor), self.ring, self.key, self.request, reference, self.shown)
        before = declined(Reason.REVERSED_BEFORE) if known else None
        wrong = before or self._wrong(terminal, layout) or self.refused
        outcome = _worked_off(case, layout, wrong)
        told = _message(self.request, outcome, reference)
        reason = outcome.declined.reason.code if outcome.declined else None
        journal.end(self.act, reference, told, reason, outcome.sale_id)
        return told

    def _wrong(self, terminal: Row[Any], layout: Layout | None) -> Declined | None:
        """What is wrong with the message before anything is done."""
        if terminal.revoked_at is not None:
            return declined(Reason.DEVICE_REVOKED)
        if layout is None:
            return declined(Reason.MESSAGE_UNKNOWN)
        missing = spec.missing(self.request, layout)
        if missing:
            return declined(Reason.MESSAGE_INCOMPLETE, fields=", ".join(map(str, missing)))
        if self.request.text(42).strip() != terminal.merchant_id:
            return declined(Reason.MERCHANT_WRONG)
        if 49 in layout.needs and self.request.text(49) != CURRENCY:
            return declined(Reason.MESSAGE_INCOMPLETE, fields="49")
        return None


def _worked_off(case: Case, layout: Layout | None, wrong: Declined | None) -> Outcome:
    if wrong is not None or layout is None:
        return Outcome(declined=wrong)
    try:
        return _HANDLERS[layout.mti, layout.code](case)
    except Malformed as malformed:
        return Outcome(declined=malformed.declined)


def _sign_on(case: Case) -> Outcome:
    batch = settling.open_batch(case.act, case.key.terminal_id)
    return Outcome({**clock_fields(case.act.now), 60: batch})


def _sign_off(case: Case) -> Outcome:
    return Outcome()


def _exchange_keys(case: Case) -> Outcome:
    made = register.exchange(case.act, case.ring, case.key.terminal_id)
    return Outcome({62: mac.wrap(case.terminal.key, made.mac, made.pin)})


_HANDLERS: dict[tuple[str, str], trading.Handler] = {
    ("0800", spec.SIGN_ON): _sign_on,
    ("0800", spec.SIGN_OFF): _sign_off,
    ("0800", spec.KEY_EXCHANGE): _exchange_keys,
    ("0200", spec.BALANCE): trading.balance,
    ("0200", spec.PURCHASE): trading.purchase,
    ("0200", spec.VOID): trading.void,
    ("0200", spec.REFUND): trading.refund,
    ("0220", spec.PURCHASE): trading.purchase,
    ("0400", ""): trading.reversal,
    ("0420", ""): trading.reversal,
    ("0320", ""): settling.upload,
    ("0500", spec.SETTLE): settling.settle,
    ("0500", spec.SETTLE_AFTER_UPLOAD): settling.settle,
}


def _message(request: Message, outcome: Outcome, reference: int | None = None) -> Message:
    """The answer: what came, what was decided, our reference, and words to show."""
    refusal = outcome.declined
    echoed = {number: value for number, value in request.fields.items() if number in ECHOED}
    code = refusal.reason.words.iso if refusal else journal.APPROVED
    fields = echoed | dict(outcome.fields) | {39: code, 63: _words(outcome)}
    if reference is not None and not request.mti.startswith("08"):
        fields[37] = f"{reference:012d}"
    return Message(spec.answering(request.mti), fields)


def _refusal(request: Message, refusal: Declined) -> Message:
    """The answer to what leaves no trace."""
    return _message(request, Outcome(declined=refusal))


def _words(outcome: Outcome) -> str:
    refusal = outcome.declined
    words = outcome.words
    if refusal is not None:
        words = f"{refusal.zh}。{fill(refusal.reason.words.do_zh, refusal.details)}"
    return words.encode()[:LONGEST_WORDS].decode(errors="ignore")
