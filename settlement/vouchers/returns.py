"""Issued months that fell away: taken back as far as unspent, the rest owed, and all of it undone when the news was a mistake.

What one news moves carries one reference (:func:`document`), whatever is recovered of it later included: undoing is the contra of each of
those transfers, so that every fen goes back to the purse and the payer it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update

from settlement.act import Act
from settlement.cards import book, lifecycle
from settlement.cards.book import Card
from settlement.db import micros
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer, post
from settlement.money import split
from settlement.outcomes import Declined, Refused
from settlement.periods import Month
from settlement.policy.duties import shares_for
from settlement.policy.scheme import Scheme
from settlement.vouchers import cap
from settlement.vouchers.tables import issuance_lines, issuance_returns


@dataclass(frozen=True)
class MonthBack:
    """An issued month that fell away: ``issued`` = ``taken_back`` + ``receivable`` (spent already, owed by the person or the heirs)."""

    month: str
    issued: int
    taken_back: int
    receivable: int


def document(scheme_code: str, senior_id: int, occurrence: int) -> str:
    """The reference of all transfers of one news."""
    return f"return:{scheme_code}/{senior_id}/{occurrence}"


def take_back(act: Act, scheme: Scheme, card: Card, which: ColumnElement[bool], reason: str) -> list[MonthBack]:
    """Take back the posted lines that ``which`` chooses and that did not come back yet, the latest month first. In the scheme's unit.

    What the closing of the account returned already is no debt: it is put back first, and goes to the funds again as these months.
    """
    lines = _standing(act, card, which)
    if not lines:
        return []
    reopened = undo_closing(act, card, reason) if card.status == lifecycle.CLOSED else 0
    purses = account_book.lock(act.conn, {line.credit_account_id for line in lines})
    free = {id: purse.balance - purse.held for id, purse in purses.items()}
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    number = _next_occurrence(act, card)
    reference = document(card.scheme_code, card.senior_id, number)
    back: list[MonthBack] = []
    group: list[Transfer] = []
    for line in lines:
        taken = min(line.amount, free[line.credit_account_id])
        free[line.credit_account_id] -= taken
        back.append(MonthBack(line.month, line.amount, taken, line.amount - taken))
        if taken:
            id = f"take_back/{scheme.code}/{line.month}/{card.senior_id}/{number}"
            group.append(Transfer(id, line.credit_account_id, control, taken, "take_back", reference, act.now))
    group_id = f"return/{scheme.code}/{card.senior_id}/{number}"
    owed = sum(each.receivable for each in back)
    group += owe(act, scheme, card, owed, group_id, reference)
    rows = [
        {"scheme_code": scheme.code, "month": each.month, "senior_id": card.senior_id, "occurrence": number}
        | {"taken_back": each.taken_back, "receivable": each.receivable, "card_id": card.id}
        | {"reason": reason, "recorded_at": act.now}
        for each in back
    ]
    act.conn.execute(insert(issuance_returns), rows)
    _recompute_caps(act, scheme, card, [each.month for each in back])
    post_all(act, group_id, group)
    if reopened:
        _return_rest(act, card, control)
    figures = {"months": [each.month for each in back], "taken_back": sum(b.taken_back for b in back)}
    act.audit("issuance.take_back", f"card:{card.id}", after=figures | {"receivable": owed}, why=reason)
    return back


def _return_rest(act: Act, card: Card, control: int) -> None:
    """What is left on a closed account goes to the funds, as its closing sent it."""
    group_id = f"close/{card.id}/{micros(act.now)}/again"
    purses = account_book.lock(act.conn, book.account_ids(act.conn, card.id)).values()
    rest = [each for each in purses if each.code == chart.CARD_SUBSIDY and each.balance]
    post_all(
        act,
        group_id,
        [
            Transfer(f"{group_id}/{each.id}", each.id, control, each.balance, "take_back", f"card:{card.id}", act.now)
            for each in rest
        ],
    )


def _standing(act: Act, card: Card, which: ColumnElement[bool]) -> Sequence[Any]:
    """Posted lines that did not come back yet, with the purse each went into; the latest month first."""
    i, x, t = issuance_lines.c, issuance_returns.c, transfers.c
    same = (x.scheme_code == i.scheme_code) & (x.month == i.month) & (x.senior_id == i.senior_id)
    query = (
        select(i.month, i.amount, t.credit_account_id)
        .join(transfers, t.id == "issue/" + i.scheme_code + "/" + i.month + "/" + str(card.senior_id))
        .outerjoin(issuance_returns, same & x.undone_at.is_(None))
        .where(i.card_id == card.id, which, x.senior_id.is_(None))
        .order_by(i.month.desc())
    )
    return act.conn.execute(query).all()


def _next_occurrence(act: Act, card: Card) -> int:
    x = issuance_returns.c
    newest = select(func.coalesce(func.max(x.occurrence), 0))
    return int(act.conn.execute(newest.where(x.senior_id == card.senior_id)).scalar_one()) + 1


def owe(
    act: Act, scheme: Scheme, card: Card, amount: int, group_id: str, reference: str, *, less: bool = False
) -> list[Transfer]:
    """What the person owes the payers, by the town's shares; ``less``: the contra, when it turns out to be less."""
    if not amount:
        return []
    shares = shares_for(scheme, card.town)
    owner = f"senior:{card.senior_id}"
    receivable = account_book.open_account(act, chart.RECEIVABLE, owner, unit=scheme.unit)
    group = []
    for (payer, _), part in zip(shares, split(amount, [weight for _, weight in shares]), strict=True):
        if part:
            # Every town is a payer of its own.
            named = chart.payer(payer, card.town if payer == "town" else None)
            other = account_book.open_account(act, chart.PAYER, named, unit=scheme.unit)
            debit, credit = (other, receivable) if less else (receivable, other)
            group.append(Transfer(f"{group_id}/{payer}", debit, credit, part, "clawback", reference, act.now))
    return group


@dataclass(frozen=True)
class Undone:
    """``months``: as they stood before they were undone; ``reason``: died or left."""

    months: tuple[MonthBack, ...]
    reason: str


def undo(act: Act, scheme: Scheme, card: Card, last: Month, why: str) -> Undone | None:
    """Undo whatever took back a month after ``last``: the money is on the card again and nothing of it is owed. None: there was nothing.

    Takings are undone whole. One that also reached back to ``last`` or before comes back whole, too; the caller takes again what stays away.
    """
    x = issuance_returns.c
    mine = (x.scheme_code == card.scheme_code) & (x.senior_id == card.senior_id)
    rows = act.conn.execute(
        select(issuance_returns).where(mine, x.undone_at.is_(None)).order_by(x.month).with_for_update()
    ).all()
    numbers = sorted({row.occurrence for row in rows if row.month > str(last)})
    gone = [row for row in rows if row.occurrence in numbers]
    if not gone:
        return None
    undone = update(issuance_returns).where(mine, x.occurrence.in_(numbers))
    act.conn.execute(undone.values(undone_at=act.now, undone_by=act.actor.id))
    _recompute_caps(act, scheme, card, [row.month for row in gone])
    for number in numbers:
        reference = document(card.scheme_code, card.senior_id, number)
        _post_contra(act, f"restore/{card.scheme_code}/{card.senior_id}/{number}", [transfers.c.reference == reference])
    months = tuple(
        MonthBack(row.month, row.taken_back + row.receivable, row.taken_back, row.receivable) for row in gone
    )
    figures = {"months": [each.month for each in months], "given_back": sum(each.taken_back for each in months)}
    figures |= {"no_longer_owed": sum(each.receivable for each in months)}
    act.audit("issuance.give_back", f"card:{card.id}", after=figures, why=why)
    return Undone(months, gone[-1].reason)


def undo_closing(act: Act, card: Card, why: str) -> int:
    """Give a closed card back what its closing returned to the funds; how much. It can be spent once the card is issued anew."""
    t = transfers.c
    purses = book.account_ids(act.conn, card.id)
    returned = [t.debit_account_id.in_(purses), t.code == "take_back", t.occurred_at >= card.closed_at]
    given = _post_contra(
        act, f"restore/close/{card.id}/{micros(act.now)}", [*returned, t.group_id.like(f"close/{card.id}/%")]
    )
    if given:
        act.audit("issuance.give_back", f"card:{card.id}", after={"given_back": given, "closing": True}, why=why)
    return given


def _post_contra(act: Act, group_id: str, which: Sequence[ColumnElement[bool]]) -> int:
    """Take these transfers back, each by its contra with code and reference of its own; the sum of their amounts."""
    t, contra = transfers.c, transfers.alias("contra")
    query = select(transfers).outerjoin(contra, contra.c.reverses_id == t.id)
    open_ = query.where(*which, t.reverses_id.is_(None), contra.c.id.is_(None)).order_by(t.seq)
    group = [
        Transfer(
            f"{group_id}/{place}",
            row.credit_account_id,
            row.debit_account_id,
            row.amount,
            row.code,
            row.reference,
            act.now,
            reverses=row.id,
        )
        for place, row in enumerate(act.conn.execute(open_), 1)
    ]
    post_all(act, group_id, group)
    return sum(each.amount for each in group)


def _recompute_caps(act: Act, scheme: Scheme, card: Card, months: Sequence[str]) -> None:
    if scheme.purses.yearly_cap.applies:
        for year in sorted({Month.parse(month).year for month in months}):
            cap.recompute(act, year, [card.id])


def post_all(act: Act, group_id: str, group: Sequence[Transfer]) -> None:
    if not group:
        return
    outcome = post(act, group_id, group)
    if isinstance(outcome, Declined):
        raise Refused(outcome.reason, **outcome.details)
