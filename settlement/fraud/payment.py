"""Signals of the debit: without its visit, at another time, above the price; a dead code; a sudden run on an idle balance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from settlement.cards.tables import cards, media
from settlement.closing.tables import statement_lines
from settlement.fraud.demands import demands
from settlement.fraud.scope import DAY, MINUTE, Scope, began, ended, us
from settlement.fraud.signal import Hit, Params, rows
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import transfers
from settlement.visits.tables import debits, visits

POSTED = debits.c.status == "posted"


def debit_without_visit(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Money was taken and there is no service behind it: no check-out where one is needed, or the visit is void and nothing was given back."""
    on_statement = exists().where(statement_lines.c.visit_id == visits.c.id)
    # Taken back after it was paid: the debit stays and an adjustment undoes it, so a void visit on a statement is in order.
    void = and_(visits.c.status == "void", ~on_statement)
    unproved = and_(func.coalesce(demands.c.timed, 1) == 1, ended(visits).is_(None), visits.c.status != "void")
    query = (
        select(visits.c.id, visits.c.status, debits.c.id.label("debit"), debits.c.total_fen)
        .join(debits, debits.c.visit_id == visits.c.id)
        .outerjoin(demands, demands.c.visit_id == visits.c.id)
        .where(scope.checked(visits, also=("open", "void")), POSTED, or_(visits.c.status == "open", void, unproved))
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        yield Hit(row.id, (f"visit:{row.id}", f"debit:{row.debit}"), {"visit": row.status, "fen": row.total_fen})


def debit_outside_window(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Debited more than ``before_minutes`` before the check-in or ``after_minutes`` after the check-out."""
    taken, came = us(debits.c.occurred_at), us(began(visits))
    left = func.coalesce(us(ended(visits)), came)
    query = (
        select(visits.c.id, debits.c.id.label("debit"), (came - taken).label("early"), (taken - left).label("late"))
        .join(debits, debits.c.visit_id == visits.c.id)
        .where(
            scope.checked(visits),
            POSTED,
            or_(came - taken > params["before_minutes"] * MINUTE, taken - left > params["after_minutes"] * MINUTE),
        )
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        off = max(row.early, row.late)
        measured = {"minutes": -(-off // MINUTE), "side": "before" if row.early > 0 else "after"}
        yield Hit(row.id, (f"visit:{row.id}", f"debit:{row.debit}"), measured)


def debit_above_lines(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """More was taken than the lines' quantities times the listed prices (plus ``over_fen``). An item that is on no list is worth nothing."""
    due = func.coalesce(demands.c.worth_fen, 0)
    query = (
        select(visits.c.id, debits.c.id.label("debit"), debits.c.total_fen, due.label("due"))
        .join(debits, debits.c.visit_id == visits.c.id)
        .outerjoin(demands, demands.c.visit_id == visits.c.id)
        .where(scope.checked(visits), POSTED, debits.c.total_fen > due + params["over_fen"])
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        measured = {"fen": row.total_fen, "lines_fen": row.due}
        yield Hit(row.id, (f"visit:{row.id}", f"debit:{row.debit}"), measured)


def replaced_card(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """The code read at the check-in, or at the debit, was lost or replaced before that moment; the losses of a year, as they are told late."""
    dead = us(media.c.dead_from)
    at_the_door = (
        select(visits.c.id, visits.c.id.label("record"), media.c.id.label("medium"), media.c.issue)
        .join(media, media.c.id == visits.c.in_medium_id)
        .where(scope.recent(visits), us(visits.c.check_in_at) >= dead)
        .order_by(visits.c.id)
    )
    at_the_debit = (
        select(visits.c.id, debits.c.id.label("record"), media.c.id.label("medium"), media.c.issue)
        .join(debits, debits.c.visit_id == visits.c.id)
        .join(media, media.c.id == debits.c.medium_id)
        .where(scope.recent(visits), POSTED, us(debits.c.occurred_at) >= dead)
        .order_by(visits.c.id)
    )
    for kind, query in (("visit", at_the_door), ("debit", at_the_debit)):
        for row in conn.execute(query):
            yield Hit(row.id, (f"{kind}:{row.record}", f"medium:{row.medium}"), {"issue": row.issue, "read_at": kind})


def idle_burst(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """A card that nobody used for ``idle_days`` is debited at least twice within ``within_days``, for ``percent`` or more of its subsidy.

    Idle since the last debit, or since the first money came when there was none. What lay there is counted at the moment the run begins.
    """
    runs: dict[tuple[int, int], list[Any]] = {}
    for row in conn.execute(_after_rest(scope, params)):
        runs.setdefault((row.card_id, row.begins), []).append(row)
    for (card, _), burst in runs.items():
        spent, available = sum(row.subsidy_fen for row in burst), int(burst[0].available)
        if len(burst) < 2 or available <= 0 or spent * 100 < available * params["percent"]:
            continue
        shown = (f"card:{card}", *rows("debit", *(row.debit for row in burst)))
        measured = {
            "idle_days": (burst[0].begins - burst[0].since) // DAY,
            "fen": spent,
            "available_fen": available,
            "percent": spent * 100 // available,
        }
        for row in burst:
            if row.checked:
                yield Hit(row.id, shown, measured)


def _after_rest(scope: Scope, params: Params) -> Select[Any]:
    """Debits within ``within_days`` of one that ended ``idle_days`` of rest, by card and begin of the run."""
    before, after = debits.alias("before"), debits.alias("after")
    taken = us(debits.c.occurred_at)
    # One pass over the days concerned finds who was not debited for so long; only for those few the past is searched.
    since = scope.begins - timedelta(days=params["idle_days"] + params["within_days"])
    recent = (
        select(
            debits.c.card_id,
            debits.c.visit_id,
            taken.label("taken"),
            func.lag(taken)
            .over(partition_by=debits.c.card_id, order_by=(debits.c.occurred_at, debits.c.id))
            .label("previous"),
        )
        .where(POSTED, debits.c.occurred_at >= since)
        .cte("recent")
    )
    idle_days = literal(params["idle_days"] * DAY, BigInteger)
    rested = (
        select(
            recent.c.card_id,
            cards.c.subsidy_account_id.label("account"),
            recent.c.taken.label("begins"),
            recent.c.previous,
        )
        .join(visits, visits.c.id == recent.c.visit_id)
        .join(cards, cards.c.id == recent.c.card_id)
        .where(
            scope.around(visits, days=params["within_days"]),
            or_(recent.c.previous.is_(None), recent.c.taken - recent.c.previous >= idle_days),
        )
        .cte("rested")
    )
    last = (
        select(func.max(us(before.c.occurred_at)))
        .where(
            before.c.card_id == rested.c.card_id,
            before.c.status == "posted",
            us(before.c.occurred_at) < rested.c.begins,
        )
        .scalar_subquery()
    )
    first_money = (
        select(func.min(us(transfers.c.occurred_at)))
        .where(transfers.c.credit_account_id == rested.c.account)
        .scalar_subquery()
    )
    idle = (
        select(
            rested.c.card_id,
            rested.c.account,
            rested.c.begins,
            func.coalesce(rested.c.previous, last, first_money).label("since"),
        )
    ).cte("idle")
    run = (
        select(idle, _balance_before(idle.c.account, idle.c.begins).label("available"))
        .where(idle.c.begins - idle.c.since >= idle_days)
        .cte("run")
    )
    window = us(after.c.occurred_at).between(
        run.c.begins, run.c.begins + literal(params["within_days"] * DAY, BigInteger)
    )
    return (
        select(run, after.c.id.label("debit"), after.c.subsidy_fen, visits.c.id, scope.checked(visits).label("checked"))
        .join(after, and_(after.c.card_id == run.c.card_id, after.c.status == "posted", window))
        .join(visits, visits.c.id == after.c.visit_id)
        .order_by(run.c.card_id, run.c.begins, after.c.occurred_at)
    )


def _balance_before(account: ColumnElement[int], moment: ColumnElement[int]) -> ColumnElement[int]:
    def moved(side: ColumnElement[int]) -> ColumnElement[int]:
        t = transfers.c
        total = select(cast(func.coalesce(func.sum(t.amount), 0), BigInteger))
        return total.where(side == account, t.kind.in_(POSTED_KINDS), us(t.occurred_at) < moment).scalar_subquery()

    return moved(transfers.c.credit_account_id) - moved(transfers.c.debit_account_id)
