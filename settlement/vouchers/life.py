"""Death and leaving, learnt late as they mostly are: the card stops, later months come back, what was spent of them is owed. And the way
back, when the news was a mistake.

(Notice 5(2)3: removal is immediate. Figures for what the notice leaves open: ``months.last`` of the scheme and ``docs/card-counter.md``.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from settlement.act import Act
from settlement.cards import book, lifecycle, registry
from settlement.cards.book import Card
from settlement.cards.tables import cards
from settlement.db import micros
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer
from settlement.people import changes
from settlement.people.entitling import Decided
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.policy import months, store
from settlement.vouchers import returns, runs
from settlement.vouchers.issuance import strike
from settlement.vouchers.returns import MonthBack
from settlement.vouchers.tables import issuance_lines, issuance_returns, issuance_runs


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
    back = returns.take_back(act, scheme, card, issuance_lines.c.month > last, reason)
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


@dataclass(frozen=True)
class Reinstated:
    """What a mistake cost and what is put right, in the scheme's unit.

    ``months_again``: count as issued again; ``taken_back`` of each is on the card again and ``receivable`` no longer owed. ``months_back``:
    before ``first_month`` and away for good, as they stand now. ``reopened``: what the closing of the card had returned to the funds.
    ``card_status``: None without a card; frozen when something else than the news froze it, closed when it must be issued anew.
    """

    senior_id: int
    card_id: int | None
    first_month: str
    decided: Decided
    months_again: tuple[MonthBack, ...] = ()
    months_back: tuple[MonthBack, ...] = ()
    given_back: int = 0
    no_longer_owed: int = 0
    reopened: int = 0
    card_status: str | None = None


def reinstate(act: Act, scheme_code: str, senior_id: int, why: str, from_month: Month | None = None) -> Reinstated:
    """Take back a death or leaving that was recorded by mistake, or that is over, with all that followed for the money, as one act.

    From ``from_month`` on everything is as if the news had never come: issued months that were taken back are on the card again, what was
    owed for them is owed no longer, months that were not issued come as arrears with the next run, and the card is thawed when the news
    froze it. Default: after a death, which can only be a mistake, the month after the last; after a leaving, the next month. Visits
    stopped or voided because of the news are for people to decide. Refusals as ``changes.reinstate``.
    """
    gone = act.conn.execute(select(seniors.c.died_on, seniors.c.left_on).where(seniors.c.id == senior_id)).one_or_none()
    days = [] if gone is None else [day for day in (gone.died_on, gone.left_on) if day is not None]
    last = None if not days else _last_month(act, scheme_code, min(days))
    first = from_month
    if first is None and last is not None and gone is not None and gone.left_on is None:
        first = max(last.next(), _began(act, scheme_code, senior_id, last))
    first = first or Month.of(act.now).next()
    decided = changes.reinstate(act, store.in_force(act.conn, scheme_code, first), senior_id, why, first)
    card = book.of_senior(act.conn, senior_id)
    if card is None or last is None:
        return Reinstated(senior_id, None, str(first), decided)
    card = book.get(act.conn, card.id, lock=True)
    # Who is no longer entitled gets none of these months either.
    entitled_from = None if senior_id in decided.without else first
    again, back = _give_back(act, card, last, entitled_from, why)
    uninterrupted = entitled_from is not None and first <= last.next()
    closed_for_it = card.status == lifecycle.CLOSED and card.freeze_reason in registry.GONE
    reopened = returns.undo_closing(act, card, why) if closed_for_it and uninterrupted else 0
    return Reinstated(
        senior_id,
        card.id,
        str(first),
        decided,
        tuple(each for each in again if each.month not in {b.month for b in back}),
        tuple(back),
        sum(each.taken_back for each in again) - sum(each.taken_back for each in back),
        sum(each.receivable for each in again) - sum(each.receivable for each in back),
        reopened,
        registry.undo_gone(act, card, why=why),
    )


def _last_month(act: Act, scheme_code: str, on: date) -> Month:
    return months.last_month(store.in_force(act.conn, scheme_code, Month.of(on)), on)


def _began(act: Act, scheme_code: str, senior_id: int, last: Month) -> Month:
    """The month with which the entitlement began that the news ended; somebody newly enrolled may have it ahead."""
    e = entitlements.c
    ended = (e.senior_id == senior_id) & (e.scheme_code == scheme_code) & (e.to_month == str(last))
    began = act.conn.execute(select(func.min(e.from_month)).where(ended, e.end_reason.in_(registry.GONE))).scalar_one()
    return last if began is None else Month.parse(began)


def _give_back(
    act: Act, card: Card, last: Month, first: Month | None, why: str
) -> tuple[Sequence[MonthBack], Sequence[MonthBack]]:
    """(what was undone, what was taken back again of it because it lies before ``first``; None: all of it)."""
    scheme = store.in_force(act.conn, card.scheme_code, last)
    undone = returns.undo(act, scheme, card, last, why)
    if undone is None:
        return (), ()
    away = [each.month for each in undone.months if first is None or each.month < str(first)]
    back = returns.take_back(act, scheme, card, issuance_lines.c.month.in_(away), undone.reason) if away else []
    return undone.months, back


def recover(act: Act, senior_id: int) -> int:
    """Money that came back onto a card settles what the person owes for months that fell away; how much. Nothing owed: nothing happens.

    Called by whatever takes a debit back (``visits.voiding``): the visits after a death are voided one by one.
    """
    card = book.of_senior(act.conn, senior_id)
    if card is None:
        return 0
    x = issuance_returns.c
    owing = select(issuance_returns).where(x.senior_id == senior_id, x.receivable > 0, x.undone_at.is_(None))
    rows = act.conn.execute(owing.order_by(x.occurrence, x.month).with_for_update()).all()
    back = sum(_recover(act, card, list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.occurrence))
    if back:
        act.audit("issuance.recover", f"card:{card.id}", after={"recovered": back})
    return back


def owed(conn: Connection, senior_id: int) -> int:
    """What :func:`recover` takes first of subsidy that comes back, in the scheme's unit."""
    x = issuance_returns.c
    standing = select(func.coalesce(func.sum(x.receivable), 0)).where(x.senior_id == senior_id, x.undone_at.is_(None))
    return int(conn.execute(standing).scalar_one())


def _recover(act: Act, card: Card, rows: Sequence[Any]) -> int:
    """The same for the months that one news took back."""
    number, scheme = rows[0].occurrence, store.in_force(act.conn, card.scheme_code, Month.parse(rows[0].month))
    purses = account_book.lock(act.conn, book.account_ids(act.conn, card.id))
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    left = sum(row.receivable for row in rows)
    # What is owed falls with each recovery, so that several of one act have names of their own.
    group_id = f"recover/{card.id}/{number}/{micros(act.now)}/{left}"
    reference = returns.document(card.scheme_code, card.senior_id, number)
    group: list[Transfer] = []
    for purse in (p for p in purses.values() if p.code == chart.CARD_SUBSIDY):
        part = min(left, purse.balance - purse.held)
        if part > 0:
            id = f"{group_id}/{purse.id}"
            group.append(Transfer(id, purse.id, control, part, "take_back", reference, act.now))
            left -= part
    back = sum(t.amount for t in group)
    if not back:
        return 0
    returns.post_all(act, group_id, group + returns.owe(act, scheme, card, back, group_id, reference, less=True))
    rest, x = back, issuance_returns.c
    for row in rows:
        part = min(rest, row.receivable)
        rest -= part
        key = (x.scheme_code == row.scheme_code) & (x.month == row.month) & (x.senior_id == row.senior_id)
        moved = {"taken_back": row.taken_back + part, "receivable": row.receivable - part}
        act.conn.execute(update(issuance_returns).where(key, x.occurrence == number).values(**moved))
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
