"""Messages about money: balance, purchase, void, refund, advice of a purchase, reversal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from pos_gateway.iso8583 import journal, mac, settling
from pos_gateway.iso8583.case import Case, Outcome, held
from pos_gateway.iso8583.elements import (
    AVAILABLE,
    CASH,
    PART,
    PERSONAL,
    SUBSIDY,
    YEAR_LEFT,
    Amount,
    amount,
    amounts_text,
    chip_data,
    items,
    moment,
    original,
    pin_account,
)
from pos_gateway.iso8583.journal import Key
from pos_gateway.iso8583.spec import BALANCE, Message
from settlement.keys import KeyRing
from settlement.money import format_yuan
from settlement.outcomes import Declined, Reason, declined
from settlement.providers import terminals
from settlement.visits import counter, shown
from settlement.visits.counter import How, Sale
from settlement.visits.forms import Debit
from settlement.visits.shown import ChipAnswer, Left, Shown


def balance(case: Case) -> Outcome:
    what = _of(case)
    if isinstance(what, Declined):
        return Outcome(declined=what)
    left = shown.ask(case.act, case.ring, what, case.act.now, case.key.sale_id)
    if isinstance(left, Declined):
        return Outcome(declined=left)
    words = f"补贴{format_yuan(left.subsidy_fen)}元，个人账户{format_yuan(left.personal_fen)}元"
    return Outcome({54: amounts_text(_left(left))}, words)


def purchase(case: Case) -> Outcome:
    """A purchase that waits for our answer, or the advice of one that was made without a line."""
    text = case.message.text
    at = held(13, lambda: moment(case.message, case.act.now))
    parts, what = text(54), _of(case)
    if isinstance(what, Declined):
        return Outcome(declined=what)
    asked = Sale(
        id=case.key.sale_id,
        terminal_id=case.key.terminal_id,
        staff_no=text(59).strip(),
        items=held(48, lambda: items(text(48).strip())),
        shown=what,
        occurred_at=at,
        total_fen=case.amount(),
        personal_fen=held(54, lambda: amount(parts, PERSONAL, PART)),
        cash_fen=held(54, lambda: amount(parts, CASH, PART)),
        receipt_no=text(58).strip() or None,
        offline=case.advice,
    )
    refusal = None if case.advice else settling.not_open(case)
    answer = refusal or counter.sale(case.act, case.ring, asked)
    if isinstance(answer, Declined):
        return Outcome(declined=answer, sale_id=None if refusal else asked.id)
    if case.advice:
        settling.too_late(case, case.key, text(60), here_fen=asked.total_fen, there_fen=None)
    return Outcome({38: _authorisation(case), 54: _split(answer)}, _told(answer), sale_id=asked.id)


def void(case: Case) -> Outcome:
    return _take_back(case, "void")


def refund(case: Case) -> Outcome:
    return _take_back(case, "refund")


def _take_back(case: Case, how: How) -> Outcome:
    total = case.amount()
    refusal = settling.not_open(case)
    if refusal is not None:
        return Outcome(declined=refusal)
    row = journal.by_reference(case.act, case.message.text(37))
    if row is None or not journal.made_a_sale(row):
        return Outcome(declined=declined(Reason.SALE_UNKNOWN))
    back = counter.take_back(case.act, row.sale_id, how, total)
    if isinstance(back, Declined):
        return Outcome(declined=back, sale_id=row.sale_id)
    parts = [Amount(SUBSIDY, PART, back.subsidy_fen), Amount(PERSONAL, PART, back.personal_fen)]
    told = amounts_text([*parts, *_left(shown.left(case.act, back.card_id))])
    words = f"已退回补贴{format_yuan(back.subsidy_fen)}元，个人账户{format_yuan(back.personal_fen)}元"
    return Outcome({38: _authorisation(case), 54: told}, words, sale_id=row.sale_id)


def reversal(case: Case) -> Outcome:
    """Undo what the terminal had no answer to. What never came is remembered, and refused should it come later."""
    meant = held(90, lambda: original(case.message.text(90)))
    key = held(90, lambda: journal.key_of_original(case.key.terminal_id, meant, case.act.now))
    row = journal.find(case.act.conn, key)
    if row is None:
        journal.block(case.act, key, case.reference)
        return Outcome()
    if row.reversed_by is not None:
        return Outcome(sale_id=row.sale_id)
    refusal = _undo(case, row)
    if refusal is not None and refusal.reason is not Reason.VISIT_VOID:
        return Outcome(declined=refusal, sale_id=row.sale_id)
    if refusal is None:  # one that was voided stays counted as a purchase and as a void
        journal.mark_reversed(case.act, row.id, case.reference)
        if row.code == journal.APPROVED and row.batch:
            settling.too_late(case, key, row.batch, here_fen=None, there_fen=row.amount_fen)
    return Outcome(sale_id=row.sale_id)


def _undo(case: Case, row: Row[Any]) -> Declined | None:
    """Why a message that was worked off cannot be undone; None when it is, or when it had done nothing."""
    if not journal.made_a_sale(row):
        did = row.code == journal.APPROVED and row.kind != BALANCE
        return declined(Reason.NOT_REVERSIBLE) if did else None
    back = counter.take_back(case.act, row.sale_id, "reversal")
    return back if isinstance(back, Declined) and back.reason is not Reason.NOTHING_TO_TAKE_BACK else None


# -- what is shown, what is told --------------------------------------------------------------------------------------------------
def shown_in(message: Message) -> Shown | None:
    """The card as a message shows it, without its PIN; None for a message that shows none. Raises Malformed."""
    fields, text = message.fields, message.text
    if not fields.keys() & {2, 61}:
        return None
    chip = None
    if 55 in fields:
        data = held(55, lambda: chip_data(message.data(55)))
        chip = ChipAnswer(data.unpredictable, data.counter, data.cryptogram)
    return Shown(card_no=text(2) or None, code=text(61).strip() or None, chip=chip)


def with_pin(
    conn: Connection, ring: KeyRing, key: Key, message: Message, what: Shown, now: datetime
) -> Shown | Declined | None:
    """The same with its PIN, hashed; None for a message that was answered before. Raises Malformed."""
    if journal.find(conn, key) is not None:
        return None
    digits = _pin(conn, ring, key.terminal_id, message)
    if digits is None:
        return declined(Reason.PIN_UNREADABLE)
    said = held(13, lambda: moment(message, now))
    # A balance is asked for now: what a terminal's clock says brings back no PIN that was replaced.
    return shown.tried(conn, ring, replace(what, pin=digits), now if message.text(3) == BALANCE else said)


def _pin(conn: Connection, ring: KeyRing, terminal_id: str, message: Message) -> str | None:
    """None when the block was sealed with none of the terminal's keys, or for another card."""
    terminal, block, account = terminals.known(conn, ring, terminal_id), message.data(126), pin_account(message)
    found = (mac.open_pin(keys.pin, block, account) for keys in (terminal.working if terminal else ()))
    return next((digits for digits in found if digits is not None), None)


def _of(case: Case) -> Shown | Declined:
    return declined(Reason.CODE_UNKNOWN) if case.shown is None else case.shown


def _split(debit: Debit) -> str:
    parts = [Amount(SUBSIDY, PART, debit.subsidy_fen), Amount(PERSONAL, PART, debit.personal_fen)]
    parts += [Amount(CASH, PART, debit.cash_fen)] if debit.cash_fen else []
    left = Left(debit.subsidy_left_fen, debit.personal_left_fen, debit.year_left_fen)
    return amounts_text([*parts, *_left(left)])


def _left(left: Left) -> list[Amount]:
    told = [Amount(SUBSIDY, AVAILABLE, left.subsidy_fen), Amount(PERSONAL, AVAILABLE, left.personal_fen)]
    return told if left.year_fen is None else [*told, Amount(SUBSIDY, YEAR_LEFT, left.year_fen)]


def _told(debit: Debit) -> str:
    words = f"补贴{format_yuan(debit.subsidy_fen)}元，个人账户{format_yuan(debit.personal_fen)}元"
    if debit.cash_fen:
        words += f"，现金{format_yuan(debit.cash_fen)}元"
    if debit.shortfall_fen:
        words += f"，服务商承担{format_yuan(debit.shortfall_fen)}元"
    return words


def _authorisation(case: Case) -> str:
    return f"{case.reference % 1_000_000:06d}"


Handler = Callable[[Case], Outcome]
