"""Telling seniors of their money, off the path of the debit: found set-based, left in the outbox once, and sent from there.

Each call takes a batch and answers how many it left; call it until it answers 0. A debit that is days old when it is found is no news: like
those of people without a telephone it stands on the monthly statement (:mod:`settlement.messages.statement`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func, literal, literal_column, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.types import String

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.ledger import chart
from settlement.ledger.tables import accounts
from settlement.messages import outbox, recipients
from settlement.messages.recipients import Recipient
from settlement.messages.tables import messages
from settlement.money import format_yuan
from settlement.officers import require
from settlement.periods import SHANGHAI, Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.providers.tables import providers
from settlement.visits.movements import items_of
from settlement.visits.tables import debits as debit_rows
from settlement.visits.tables import visits

BATCH = 500
NEWS = timedelta(days=3)
"""Counted from when the books learnt of the debit."""
REVERSIBLE = timedelta(days=100)
"""Debits older than this are on statements long since and no longer taken back as debits."""
LAPSE_NOTICE = timedelta(days=30)

UNITS = {"minutes": "分钟", "visits": "次", "meals": "餐"}

d, v, p = debit_rows.c, visits.c, providers.c


def debits(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Announce debits that nobody was told of yet; how many were left in the outbox (0: none is owed).

    To the senior, else an agent, never to a caregiver's telephone; on paper where there is none. One that was taken back at once is not announced.
    """
    require(act, "message.put")
    query = debits_found().where(d.status == "posted", d.recorded_at >= act.now - NEWS, ~_told("debit", d.id))
    rows = act.conn.execute(query.order_by(d.recorded_at, d.id).limit(limit)).all()
    items, left = items_of(act.conn, [row.visit_id for row in rows]), _left(act, rows)
    schemes: dict[tuple[str, str], Scheme] = {}
    told = []
    for row in rows:
        key = (row.scheme_code, row.month)
        if key not in schemes:
            schemes[key] = in_force(act.conn, row.scheme_code, Month.parse(row.month))
        text = debit_text(row, [item.name_zh for item in items.get(row.visit_id, ())], left[row.card_id], schemes[key])
        told.append((row.senior_id, f"debit:{row.id}", text))
    return leave(act, ring, "debit", told)


def given_back(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Announce debits that were taken back after they had been announced; how many were left in the outbox."""
    require(act, "message.put")
    # Written out, not bound: only so is the index of these few rows surely used.
    query = debits_found().where(
        d.status == literal_column("'reversed'"), d.recorded_at >= act.now - REVERSIBLE, _told("debit", d.id)
    )
    return leave_given_back(act, ring, query, limit)


def leave_given_back(act: Act, ring: KeyRing, query: Select[Any], limit: int = BATCH) -> int:
    """Of debits that came back (``query``: of :func:`debits_found`), announce those nobody was told of; how many were left in the outbox."""
    rows = act.conn.execute(query.where(~_told("debit_back", d.id)).order_by(d.recorded_at, d.id).limit(limit)).all()
    left = _left(act, rows)
    told = [(row.senior_id, f"debit:{row.id}", _back_text(row, left[row.card_id])) for row in rows]
    return leave(act, ring, "debit_back", told)


def lapses(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Tell of subsidy that will lapse within 30 days, once per card and day of lapsing; how many were left in the outbox.

    Money of a scheme that carries over (Jiangdu, notice 4(2)) lies in no such lot, so nobody is told anything.
    """
    require(act, "message.put")
    a, c = accounts.c, cards.c
    today = local_date(act.now)
    soon = a.lot.between((today + timedelta(days=1)).isoformat(), (today + LAPSE_NOTICE).isoformat())
    subject = literal("card:") + sql_cast(c.id, String) + literal(":") + a.lot
    query = (
        select(c.senior_id, subject.label("subject"), a.lot, a.unit, func.sum(a.balance - a.held).label("amount"))
        .join(cards, a.owner == literal("card:") + sql_cast(c.id, String))
        .where(a.code == chart.CARD_SUBSIDY, a.lot != "", soon, a.balance > a.held, c.status == "active")
        .where(~exists().where(messages.c.kind == "lapse", messages.c.subject == subject))
        .group_by(c.senior_id, c.id, a.lot, a.unit)
        .order_by(c.senior_id, a.lot)
        .limit(limit)
    )
    rows = act.conn.execute(query).all()
    return leave(act, ring, "lapse", [(row.senior_id, row.subject, _lapse_text(row)) for row in rows])


def leave(act: Act, ring: KeyRing, kind: str, told: Sequence[tuple[int, str, str]]) -> int:
    """Put (senior, subject, text) of one kind into the outbox, each to who hears of the senior's money; how many."""
    if not told:
        return 0
    whom = recipients.of_many(act.conn, ring, [senior_id for senior_id, _, _ in told])
    return leave_with(act, ring, kind, [(whom[id], id, subject, text) for id, subject, text in told])


def leave_with(act: Act, ring: KeyRing, kind: str, told: Iterable[tuple[Recipient, int, str, str]]) -> int:
    """As :func:`leave`, to recipients that are known."""
    rows = [outbox.row_of(ring, act.now, id, whom, kind, subject, text) for whom, id, subject, text in told]
    if rows:
        act.conn.execute(insert_if_absent(act.conn, messages), rows)
    return len(rows)


# -- what is read -------------------------------------------------------------------------------------------------------------
def debits_found() -> Select[Any]:
    """Debits with all that is said of one."""
    amounts = (d.total_fen, d.subsidy_fen, d.personal_fen, d.cash_fen, d.shortfall_fen)
    served = (v.senior_id, v.check_in_at, v.seconds, v.scheme_code, v.month)
    return (
        select(d.id, d.visit_id, d.card_id, d.occurred_at, d.recorded_at, *amounts, *served, p.name.label("provider"))
        .join(visits, v.id == d.visit_id)
        .join(providers, p.id == d.provider_id)
    )


def _told(kind: str, debit_id: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(messages.c.kind == kind, messages.c.subject == literal("debit:") + debit_id)


def _left(act: Act, rows: Sequence[Row[Any]]) -> dict[int, int]:
    """What is left of the subsidy now, by card."""
    a = accounts.c
    ids = {row.card_id for row in rows}
    owners = {chart.card(id): id for id in ids}
    query = select(a.owner, func.sum(a.balance - a.held)).where(a.owner.in_(owners), a.code == chart.CARD_SUBSIDY)
    found = {owners[owner]: int(amount) for owner, amount in act.conn.execute(query.group_by(a.owner))}
    return {id: found.get(id, 0) for id in ids}


# -- what is said -------------------------------------------------------------------------------------------------------------
def debit_text(row: Any, items: Sequence[str], left_fen: int, scheme: Scheme) -> str:
    """What was taken, when, by whom, for what; what is left; what to do when it is not true. No name: the telephone may lie open."""
    began = row.check_in_at.astimezone(SHANGHAI)
    minutes = f"服务{row.seconds // 60}分钟" if row.seconds else "服务"
    for_what = f"（{'、'.join(items)}）" if items else ""
    text = (
        f"【养老服务卡】{began.month}月{began.day}日{began:%H:%M}，{row.provider}{minutes}{for_what}。{_parts(row)}。"
    )
    offline = scheme.door.offline
    if row.recorded_at - row.occurred_at > timedelta(hours=offline.late_after_hours):
        recorded = local_date(row.recorded_at)
        text += f"当时没有信号，{recorded.month}月{recorded.day}日入账。"
    if row.shortfall_fen:
        text += f"余额不足的{format_yuan(row.shortfall_fen)}元由服务商承担，您不用付。"
    until = local_date(row.recorded_at) + timedelta(days=offline.objection_days)
    text += f"补贴余额{format_yuan(left_fen)}元。"
    return text + f"不是您本人或没有服务，请在{until.month}月{until.day}日前告诉村(社区)，或扫服务卡提出。"


def _parts(row: Any) -> str:
    parts = [("补贴", row.subsidy_fen), ("自有资金", row.personal_fen), ("现金", row.cash_fen)]
    paid = "、".join(f"{name}{format_yuan(fen)}元" for name, fen in parts if fen)
    return f"付{paid}" if paid else "未收费"


def _back_text(row: Any, left_fen: int) -> str:
    began = row.check_in_at.astimezone(SHANGHAI)
    parts = [("补贴", row.subsidy_fen), ("自有资金", row.personal_fen)]
    back = "、".join(f"{name}{format_yuan(fen)}元" for name, fen in parts if fen) or "0元"
    day = f"{began.month}月{began.day}日{began:%H:%M}"
    return f"【养老服务卡】{day}{row.provider}的扣款已撤销，退回{back}。补贴余额{format_yuan(left_fen)}元。"


def _lapse_text(row: Any) -> str:
    last = date.fromisoformat(row.lot) - timedelta(days=1)
    amount = int(row.amount)  # PostgreSQL sums up to a decimal
    words = f"{format_yuan(amount)}元" if row.unit == "fen" else f"{amount}{UNITS[row.unit]}"
    return f"【养老服务卡】您有{words}补贴用到{last.year}年{last.month}月{last.day}日为止，之后不能再用。需要服务请早些预约。"
