"""Death and leaving, learnt late as they mostly are: the card stops, later months come back, what was spent of them is owed.

(Notice 5(2)3: removal is immediate. Figures for what the notice leaves open: ``months.last`` of the scheme and ``docs/card-counter.md``.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from settlement.act import Act
from settlement.cards import book, lifecycle, registry
from settlement.cards.book import Card
from settlement.cards.tables import cards
from settlement.db import micros
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer, post
from settlement.money import split
from settlement.outcomes import Declined, Refused
from settlement.people import changes
from settlement.periods import Month
from settlement.policy import months, store
from settlement.policy.duties import shares_for
from settlement.policy.scheme import Scheme
from settlement.vouchers import cap, runs
from settlement.vouchers.issuance import strike
from settlement.vouchers.tables import issuance_lines, issuance_returns, issuance_runs


@dataclass(frozen=True)
class MonthBack:
    """An issued month that fell away: ``issued`` = ``taken_back`` + ``receivable`` (spent already, owed by the person or the heirs)."""

    month: str
    issued: int
    taken_back: int
    receivable: int


@dataclass(frozen=True)
class Ended:
    """``frozen_from``: nothing that happened at or after it can be spent; None without an open card. ``spent_since_subsidy`` and
    ``spent_since_personal``: what was debited for later moments before we knew, in fen; ``struck``: lines taken out of runs not yet posted."""

    senior_id: int
    card_id: int | None
    reason: str
    frozen_from: datetime | None
    last_month: str | None
    months_back: tuple[MonthBack, ...] = ()
    struck: int = 0
    spent_since_subsidy: int = 0
    spent_since_personal: int = 0

    @property
    def taken_back(self) -> int:
        return sum(each.taken_back for each in self.months_back)

    @property
    def receivable(self) -> int:
        return sum(each.receivable for each in self.months_back)


def learn_of_death(act: Act, senior_id: int, died_on: date) -> Ended:
    """Record a death whenever it is learnt. The card is frozen from the start of that day, local time; refusals as ``changes.died``."""
    return _end(act, senior_id, died_on, "died", changes.died)


def learn_of_leaving(act: Act, senior_id: int, left_on: date) -> Ended:
    """Record that somebody moved away or left; ``left_on`` is the first day no longer served. Refusals as ``changes.left``."""
    return _end(act, senior_id, left_on, "left", changes.left)


def _end(
    act: Act,
    senior_id: int,
    on: date,
    reason: Literal["died", "left"],
    record: Callable[[Act, int, date], None],
) -> Ended:
    record(act, senior_id, on)
    card = book.of_senior(act.conn, senior_id)
    if card is None:
        return Ended(senior_id, None, reason, None, None)
    scheme = store.in_force(act.conn, card.scheme_code, Month.of(on))
    since = datetime.combine(on, time.min, scheme.time_zone)
    last = str(months.last_month(scheme, on))
    # Runs before the card, as whoever drafts and posts: then a month that is just being loaded is waited for and taken back.
    struck = _strike_unposted(act, card, last, reason)
    if card.status != lifecycle.CLOSED:
        registry.freeze(act, card.id, since=since, reason=reason)
    back = _take_back(act, scheme, card, last, reason)
    subsidy, personal = _spent_since(act, card, since)
    return Ended(
        senior_id,
        card.id,
        reason,
        None if card.status == lifecycle.CLOSED else min(since, card.frozen_from or since),
        last,
        tuple(back),
        struck,
        subsidy,
        personal,
    )


def _strike_unposted(act: Act, card: Card, last: str, reason: str) -> int:
    """Drafts and approved runs still hold the person: stopping is immediate, so the line goes before it is paid."""
    i, r = issuance_lines.c, issuance_runs.c
    query = select(i.run_id).join(issuance_runs, r.id == i.run_id)
    held = act.conn.execute(
        query.where(i.card_id == card.id, i.month > last, r.status != "posted").distinct()
    ).scalars()
    waiting = [id for id in sorted(held) if runs.get(act.conn, id, lock=True).status != "posted"]
    return sum(strike(act, id, i.month > last, cards.c.id == card.id, reason) for id in waiting)


def _take_back(act: Act, scheme: Scheme, card: Card, last: str, reason: str) -> list[MonthBack]:
    lines = _posted_after(act, card, last)
    if not lines:
        return []
    purses = account_book.lock(act.conn, {line.credit_account_id for line in lines})
    free = {id: purse.balance - purse.held for id, purse in purses.items()}
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    back: list[MonthBack] = []
    group: list[Transfer] = []
    for line in lines:
        taken = min(line.amount, free[line.credit_account_id])
        free[line.credit_account_id] -= taken
        back.append(MonthBack(line.month, line.amount, taken, line.amount - taken))
        if taken:
            id = f"take_back/{scheme.code}/{line.month}/{card.senior_id}"
            group.append(_transfer(act, id, line.credit_account_id, control, taken, "take_back", card))
    group_id = f"return/{scheme.code}/{lines[0].month}/{card.senior_id}"
    owed = sum(each.receivable for each in back)
    group += _owed(act, scheme, card, owed, group_id)
    rows = [
        {"scheme_code": scheme.code, "month": each.month, "senior_id": card.senior_id, "card_id": card.id}
        | {"taken_back": each.taken_back, "receivable": each.receivable, "reason": reason, "recorded_at": act.now}
        for each in back
    ]
    act.conn.execute(insert(issuance_returns), rows)
    if scheme.purses.yearly_cap.applies:
        for year in sorted({Month.parse(each.month).year for each in back}):
            cap.recompute(act, year, [card.id])
    _post(act, group_id, group)
    figures = {
        "months": [each.month for each in back],
        "taken_back": sum(b.taken_back for b in back),
        "receivable": owed,
    }
    act.audit("issuance.take_back", f"card:{card.id}", after=figures, why=reason)
    return back


def _posted_after(act: Act, card: Card, last: str) -> Sequence[Any]:
    """Posted lines of later months that did not come back yet, with the purse each went into; the latest month first."""
    i, x, t = issuance_lines.c, issuance_returns.c, transfers.c
    query = (
        select(i.month, i.amount, t.credit_account_id)
        .join(transfers, t.id == "issue/" + i.scheme_code + "/" + i.month + "/" + str(card.senior_id))
        .outerjoin(
            issuance_returns, (x.scheme_code == i.scheme_code) & (x.month == i.month) & (x.senior_id == i.senior_id)
        )
        .where(i.card_id == card.id, i.month > last, x.senior_id.is_(None))
        .order_by(i.month.desc())
    )
    return act.conn.execute(query).all()


def _owed(act: Act, scheme: Scheme, card: Card, amount: int, group_id: str, *, less: bool = False) -> list[Transfer]:
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
            group.append(_transfer(act, f"{group_id}/{payer}", debit, credit, part, "clawback", card))
    return group


def recover(act: Act, senior_id: int) -> int:
    """Money that came back onto a card settles what the person owes for months that fell away; how much. Nothing owed: nothing happens.

    Called by whatever takes a debit back (``visits.voiding``): the visits after a death are voided one by one.
    """
    card = book.of_senior(act.conn, senior_id)
    if card is None:
        return 0
    x = issuance_returns.c
    owing = select(issuance_returns).where(x.senior_id == senior_id, x.receivable > 0).order_by(x.month)
    rows = act.conn.execute(owing.with_for_update()).all()
    if not rows:
        return 0
    scheme = store.in_force(act.conn, card.scheme_code, Month.parse(rows[0].month))
    purses = account_book.lock(act.conn, book.account_ids(act.conn, card.id))
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    left = sum(row.receivable for row in rows)
    # What is owed falls with each recovery, so that several of one act have names of their own.
    group_id = f"recover/{card.id}/{micros(act.now)}/{left}"
    group: list[Transfer] = []
    for purse in (p for p in purses.values() if p.code == chart.CARD_SUBSIDY):
        part = min(left, purse.balance - purse.held)
        if part > 0:
            group.append(_transfer(act, f"{group_id}/{purse.id}", purse.id, control, part, "take_back", card))
            left -= part
    back = sum(t.amount for t in group)
    if not back:
        return 0
    _post(act, group_id, group + _owed(act, scheme, card, back, group_id, less=True))
    rest = back
    for row in rows:
        part = min(rest, row.receivable)
        rest -= part
        key = (x.scheme_code == row.scheme_code) & (x.month == row.month) & (x.senior_id == senior_id)
        moved = {"taken_back": row.taken_back + part, "receivable": row.receivable - part}
        act.conn.execute(update(issuance_returns).where(key).values(**moved))
    act.audit("issuance.recover", f"card:{card.id}", after={"recovered": back})
    return back


def _spent_since(act: Act, card: Card, since: datetime) -> tuple[int, int]:
    """Debits of later moments that stand, in fen: (subsidy, personal). The visits behind them are for the checks to stop."""
    t = transfers.c
    own = book.account_ids(act.conn, card.id)
    contra = transfers.alias("contra")
    standing = (
        select(t.code, func.sum(t.amount))
        .outerjoin(contra, contra.c.reverses_id == t.id)
        .where(t.debit_account_id.in_(own), t.occurred_at >= since, contra.c.id.is_(None))
        .where(t.code.in_(("debit_subsidy", "debit_personal")))
        .group_by(t.code)
    )
    found = {code: int(amount) for code, amount in act.conn.execute(standing)}
    return found.get("debit_subsidy", 0), found.get("debit_personal", 0)


def _transfer(act: Act, id: str, debit: int, credit: int, amount: int, code: str, card: Card) -> Transfer:
    return Transfer(id, debit, credit, amount, code, f"card:{card.id}", act.now)


def _post(act: Act, group_id: str, group: Sequence[Transfer]) -> None:
    outcome = post(act, group_id, group)
    if isinstance(outcome, Declined):
        raise Refused(outcome.reason, **outcome.details)
