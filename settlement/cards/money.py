"""The holder's own money: loaded and paid back at the card operator's counter, and the account closed there.

The operator's transaction number is the idempotency key. The operator keeps the money in trust; ``operator_file`` compares the days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from settlement.act import Act
from settlement.cards import book, lifecycle, registry
from settlement.cards.book import Card
from settlement.cards.tables import top_ups
from settlement.db import insert_if_absent, micros
from settlement.ledger import accounts as account_book
from settlement.ledger import chart, transfer
from settlement.ledger.accounts import Account
from settlement.ledger.tables import accounts
from settlement.ledger.transfer import Posted, Transfer
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused


def top_up(act: Act, id: str, card_id: int, amount_fen: int, occurred_at: datetime) -> Posted:
    """Load own money. ``id``: the operator's transaction number; the same again changes nothing.

    Raises Refused(ID_REUSED) for other content under a known number, Refused(CARD_STATE) on a closed card, Refused(AMOUNT_NOT_POSITIVE).
    A lost or frozen card still takes money: it belongs to the holder and is paid back at the closing.
    """
    card = book.get(act.conn, card_id, lock=True)
    require(act, "card.top_up")
    if not _known(act, id, "top_up", card_id, amount_fen, occurred_at) and card.status == lifecycle.CLOSED:
        raise Refused(Reason.CARD_CLOSED)
    return _move(act, id, "top_up", card, amount_fen, occurred_at)


def refund(act: Act, id: str, card_id: int, amount_fen: int, occurred_at: datetime) -> Posted:
    """Pay own money back to the holder. As :func:`top_up`; also Refused(INSUFFICIENT_FUNDS), and ACCOUNT_FROZEN: then only closing pays out."""
    card = book.get(act.conn, card_id, lock=True)
    require(act, "card.top_up")
    if not _known(act, id, "refund", card_id, amount_fen, occurred_at):
        if card.status == lifecycle.CLOSED:
            raise Refused(Reason.CARD_CLOSED)
        if card.frozen_from is not None:
            raise Refused(Reason.ACCOUNT_FROZEN, since=card.frozen_from.isoformat())
    return _move(act, id, "refund", card, amount_fen, occurred_at)


def _known(act: Act, id: str, kind: str, card_id: int, amount_fen: int, occurred_at: datetime) -> bool:
    row = act.conn.execute(select(top_ups).where(top_ups.c.id == id)).one_or_none()
    if row is None:
        return False
    if (row.kind, row.card_id, row.amount_fen, row.occurred_at) != (kind, card_id, amount_fen, occurred_at):
        raise Refused(Reason.ID_REUSED)
    return True


def _move(act: Act, id: str, kind: str, card: Card, amount_fen: int, occurred_at: datetime) -> Posted:
    trust = account_book.open_account(act, chart.OPERATOR_TRUST, chart.OPERATOR)
    debit, credit = (trust, card.personal_account_id) if kind == "top_up" else (card.personal_account_id, trust)
    key = f"{kind}/{id}"
    outcome = transfer.post(act, key, [Transfer(key, debit, credit, amount_fen, kind, f"topup:{id}", occurred_at)])
    if isinstance(outcome, Declined):
        raise Refused(outcome.reason, **outcome.details)
    if not outcome.replayed:
        _write(act, id, kind, card.id, amount_fen, occurred_at)
        act.audit(f"card.{kind}", f"card:{card.id}", after={"amount_fen": amount_fen, "operator_no": id})
    return outcome


def _write(act: Act, id: str, kind: str, card_id: int, amount_fen: int, occurred_at: datetime) -> None:
    """Raises Refused(ID_REUSED) for a number that stands already."""
    row = {"id": id, "kind": kind, "card_id": card_id, "amount_fen": amount_fen, "occurred_at": occurred_at}
    if act.conn.execute(insert_if_absent(act.conn, top_ups), row).rowcount != 1:
        raise Refused(Reason.ID_REUSED)


@dataclass(frozen=True)
class Closed:
    """``refunded_fen``: own money paid to ``payee``; ``returned``: unspent subsidy gone back to the funds, in the scheme's unit."""

    refunded_fen: int
    returned: int
    payee: str


@dataclass(frozen=True)
class Closing:
    """What closing would do now: ``refund_fen`` to the payee, ``returned`` to the funds, in the scheme's unit; ``held``: a pending hold forbids it."""

    refund_fen: int
    returned: int
    held: bool


def would_close(conn: Connection, card_id: int) -> Closing:
    """What :func:`close` would pay out and take back, for whoever is to agree to it."""
    a = accounts.c
    own = conn.execute(select(a.code, a.balance, a.held).where(a.owner == chart.card(card_id))).all()
    mine = sum(row.balance for row in own if row.code == chart.CARD_PERSONAL)
    return Closing(mine, sum(row.balance for row in own) - mine, any(row.held for row in own))


def close(
    act: Act, card_id: int, *, payee: Literal["senior", "agent"], refund_no: str | None = None, why: str
) -> Closed:
    """Close the account: own money goes back to the senior or the agent, unspent subsidy to the funds, and both purses are frozen.

    (Notice 4(2); what was issued and not spent returns when the account is closed.) ``refund_no``: the operator's number of the pay-out.
    Close once the last visits' month is closed: a debit that arrives later finds nothing to take. Closing a closed card again pays out what
    a later void gave back. Raises Refused: CARD_HELD while a hold is pending, ID_REUSED for the number of another movement.
    """
    card = book.get(act.conn, card_id, lock=True)
    listed = registry.may(act, card, "close")
    purses = account_book.lock(act.conn, book.account_ids(act.conn, card_id))
    if any(purse.held for purse in purses.values()):
        raise Refused(Reason.CARD_HELD)
    number = refund_no or f"close-{card_id}-{micros(act.now)}"
    group = _closing_transfers(act, card, list(purses.values()), number)
    if group:
        outcome = transfer.post(act, f"close/{card_id}/{micros(act.now)}", group)
        if isinstance(outcome, Declined):
            raise Refused(outcome.reason, **outcome.details)
    refunded = sum(t.amount for t in group if t.code == "refund")
    returned = sum(t.amount for t in group if t.code == "take_back")
    if refunded:
        _write(act, number, "refund", card_id, refunded, act.now)
    registry.mark_closed(act, card, listed)
    figures = {"refunded_fen": refunded, "returned": returned, "payee": payee}
    act.audit("card.paid_out", f"card:{card_id}", after=figures, why=why)
    return Closed(refunded, returned, payee)


def _closing_transfers(act: Act, card: Card, purses: list[Account], refund_no: str) -> list[Transfer]:
    group = []
    for purse in purses:
        if purse.balance == 0:
            continue
        if purse.code == chart.CARD_PERSONAL:
            to, code = account_book.open_account(act, chart.OPERATOR_TRUST, chart.OPERATOR), "refund"
            reference = f"topup:{refund_no}"
        else:
            owner = chart.scheme(card.scheme_code)
            to, code = account_book.open_account(act, chart.VOUCHER_CONTROL, owner, unit=purse.unit), "take_back"
            reference = f"card:{card.id}"
        id = f"close/{purse.id}/{micros(act.now)}"
        group.append(Transfer(id, purse.id, to, purse.balance, code, reference, act.now))
    return group
