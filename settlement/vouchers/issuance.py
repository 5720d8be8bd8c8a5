"""Issuance: draft, approve, post. A run per scheme, period and town; a line per person and month, so that no month is issued twice.

Who and how much is read from the entitlements alone (``people.entitling``); the scheme says for how many months at once. What the notice
leaves open is decided so:

* A month is issued once. A change that reaches back into an issued month counts from the first month not yet issued.
* *Arrears*: who became entitled, or got the card, only after a month of the town was drafted gets that month with the next run, as a line of
  its own; at most a year back. Months left out because a card was frozen are not made up.
* The month of a freeze is issued and later ones are not, as for a death (``months.last`` of the scheme). A lost card is issued to: its
  purse is safe.

Everything is set-based. The run's row is the lock, so that two clerks or schedulers queue; then the cards' years, then their accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal, select, union, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.types import String

from settlement import bulk
from settlement.act import Act
from settlement.cards.tables import cards
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.ledger.bulk import open_select, post_select
from settlement.ledger.tables import accounts
from settlement.officers import require, require_other
from settlement.outcomes import Reason, Refused
from settlement.people import entitling
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.policy import months as rules_of_months
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.vouchers import cap_of_run, drafting, runs
from settlement.vouchers.purses import lot_of
from settlement.vouchers.runs import Run
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs
from settlement.vouchers.upsert import insert_into

# -- draft --------------------------------------------------------------------------------------------------------------------


def draft(act: Act, scheme_code: str, month: Month, town: str | None = None) -> list[Run]:
    """Draw up who gets how much in the period that the month belongs to, for one town or all; the runs.

    Again before the approval: drawn up anew from what is known now. After it: the run as it stands. Raises Refused(ISSUANCE_TOO_EARLY) before the
    month before the period: nobody knows yet who will be alive and entitled.
    """
    bulk.prepare(act.conn)
    period = rules_of_months.issued_together(store.in_force(act.conn, scheme_code, month), month)
    scheme = store.in_force(act.conn, scheme_code, period[0])
    earliest = period[0].previous()
    if Month.of(act.now, scheme.time_zone) < earliest:
        raise Refused(Reason.ISSUANCE_TOO_EARLY, month=period[0], day=earliest.first_day)
    for each in period:
        entitling.age_bands(act, scheme, each)
    towns = [town] if town is not None else towns_of(act.conn, scheme_code, period)
    return [_draft_town(act, scheme, period, each) for each in towns]


def towns_of(conn: Connection, scheme_code: str, period: Sequence[Month]) -> list[str]:
    """The towns with somebody entitled in the period, or issued to in the month before it."""
    e, s, i = entitlements.c, seniors.c, issuance_lines.c
    entitled = select(s.town).join(entitlements, e.senior_id == s.id)
    entitled = entitled.where(e.scheme_code == scheme_code, e.from_month <= str(period[-1]))
    entitled = entitled.where(e.to_month.is_(None) | (e.to_month >= str(period[0])))
    before = select(s.town).join(issuance_lines, i.senior_id == s.id)
    before = before.where(i.scheme_code == scheme_code, i.month == str(period[0].previous()))
    return sorted(conn.execute(union(entitled, before)).scalars())


def _draft_town(act: Act, scheme: Scheme, period: Sequence[Month], town: str) -> Run:
    require(act, "issuance.draft", town=town)
    run = _take_up(act, scheme, period, town)
    if run.status != "drafted":
        return run
    before = _fingerprint(act.conn, run.id)
    for table in (issuance_lines, issuance_drops):
        act.conn.execute(delete(table).where(table.c.run_id == run.id))
    for month in period:
        drafting.add_lines(act, scheme, run, month)
    for month, drafted_at in drafting.missed_months(act, run):
        drafting.add_lines(act, scheme, run, month, missed_at=drafted_at)
    drafting.add_drops(act, scheme, run)
    runs.retotal(act, run.id)
    if before is None or before != _fingerprint(act.conn, run.id):
        values = {"drafted_by": act.actor.id, "drafted_at": act.now, "scheme_version": scheme.version}
        act.conn.execute(update(issuance_runs).where(issuance_runs.c.id == run.id).values(**values))
        run = runs.get(act.conn, run.id)
        act.audit("issuance.draft", f"issuance:{run.id}", after={"people": run.people, "amount": run.amount})
    return run


def _take_up(act: Act, scheme: Scheme, period: Sequence[Month], town: str) -> Run:
    """The run's row, locked; written when there is none."""
    run_id = f"{scheme.code}/{period[0]}/{town}"
    row: dict[str, Any] = {
        "id": run_id,
        "scheme_code": scheme.code,
        "scheme_version": scheme.version,
        "month": str(period[0]),
    }
    row |= {"months": len(period), "town": town, "status": "drafted", "people": 0, "amount": 0}
    row |= {"drafted_by": act.actor.id, "drafted_at": act.now}
    act.conn.execute(insert_into(act.conn, issuance_runs).values(row).on_conflict_do_nothing())
    return runs.get(act.conn, run_id, lock=True)


def _fingerprint(conn: Connection, run_id: str) -> tuple[object, ...] | None:
    """What a draft says, to see whether drawing it up again says the same; None for one that is empty."""
    i, d = issuance_lines.c, issuance_drops.c
    sums = [
        func.count(),
        *(func.sum(column) for column in (i.amount, i.previous_amount, i.senior_id, i.entitlement_id)),
    ]
    lines = tuple(conn.execute(select(*sums).where(i.run_id == run_id)).one())
    drops = tuple(conn.execute(select(func.count(), func.sum(d.senior_id)).where(d.run_id == run_id)).one())
    return (*lines, *drops) if lines[0] or drops[0] else None


# -- approve ------------------------------------------------------------------------------------------------------------------


def approve(act: Act, run_id: str) -> Run:
    """The town approves a draft; not the person who drew it up. Approved or posted already: the run as it stands.

    Raises Refused(NOT_ALLOWED, SAME_PERSON).
    """
    run = runs.get(act.conn, run_id, lock=True)
    require(act, "issuance.approve", town=run.town)
    if run.status != "drafted":
        return run
    require_other(act, run.drafted_by)
    _set(act, run, status="approved", approved_by=act.actor.id, approved_at=act.now)
    act.audit("issuance.approve", f"issuance:{run.id}", after={"people": run.people, "amount": run.amount})
    return runs.get(act.conn, run.id)


# -- post ---------------------------------------------------------------------------------------------------------------------


def post(act: Act, run_id: str) -> Run:
    """Load an approved run: voucher control -> card subsidy, one transfer per line, and the cards' yearly caps anew.

    Posted already: the run as it stands. People whose card was closed or frozen since the approval are struck off and listed with the drops.
    Raises Refused(ISSUANCE_STATE) before the approval, Refused(ISSUANCE_GAP) while an earlier month of the town is not posted.
    """
    run = runs.lock_to_post(act.conn, run_id)
    require(act, "issuance.post", town=run.town)
    if run.status == "posted":
        return run
    if run.status != "approved":
        raise Refused(Reason.ISSUANCE_STATE, month=run.month, state=runs.STATUS_WORDS[run.status][0], event="入账 post")
    _refuse_gap(act.conn, run)
    bulk.prepare(act.conn)
    scheme = store.get(act.conn, run.scheme_code, run.scheme_version)
    _strike_unusable(act, scheme, run)
    _set(act, run, status="posted", posted_at=act.now)
    months = _months_of(act.conn, run)
    if scheme.purses.yearly_cap.applies:
        cap_of_run.set_anew(act, run, months)
    _load(act, scheme, run, months)
    run = runs.get(act.conn, run.id)
    act.audit("issuance.post", f"issuance:{run.id}", after={"people": run.people, "amount": run.amount})
    return run


def _strike_unusable(act: Act, scheme: Scheme, run: Run) -> None:
    i, c = issuance_lines.c, cards.c
    stopped = select(c.id).join(issuance_lines, i.card_id == c.id).where(c.status.in_(("frozen", "closed")))
    if act.conn.execute(stopped.where(i.run_id == run.id).limit(1)).first() is None:
        return  # as nearly always; looking month by month costs as much as a good part of the posting
    for month in _months_of(act.conn, run):
        unusable = (c.status == "frozen") & (c.frozen_from < drafting.frozen_since(scheme, month))
        strike(act, run.id, i.month == str(month), unusable, "frozen")
    strike(act, run.id, literal(1) == 1, c.status == "closed", "card_closed")


def strike(act: Act, run_id: str, lines: ColumnElement[bool], held: ColumnElement[bool], reason: str) -> int:
    """Take people out of a run that is not posted; how many lines. ``lines``: which of the run's; ``held``: a condition on their cards."""
    i = issuance_lines.c
    which = and_(i.run_id == run_id, lines, i.card_id.in_(select(cards.c.id).where(held)))
    gone = act.conn.execute(select(i.senior_id, func.max(i.previous_amount)).where(which).group_by(i.senior_id)).all()
    if not gone:
        return 0
    struck = act.conn.execute(delete(issuance_lines).where(which)).rowcount
    rows = [{"run_id": run_id, "senior_id": id, "previous_amount": before, "reason": reason} for id, before in gone]
    act.conn.execute(insert_into(act.conn, issuance_drops).on_conflict_do_nothing(), rows)
    runs.retotal(act, run_id)
    act.audit("issuance.strike", f"issuance:{run_id}", after={"seniors": [row.senior_id for row in gone]}, why=reason)
    return struck


def _refuse_gap(conn: Connection, run: Run) -> None:
    r = issuance_runs.c
    earlier = select(r.month).where(
        r.scheme_code == run.scheme_code, r.town == run.town, r.month < run.month, r.status != "posted"
    )
    missing = conn.execute(earlier.order_by(r.month)).scalars().all()
    if missing:
        raise Refused(Reason.ISSUANCE_GAP, month=run.month, missing=", ".join(missing))


def _months_of(conn: Connection, run: Run) -> list[Month]:
    """Every month with a line in the run: the period's, and arrears."""
    i = issuance_lines.c
    return [Month.parse(text) for text in conn.execute(select(i.month).where(i.run_id == run.id).distinct()).scalars()]


def _load(act: Act, scheme: Scheme, run: Run, months: Sequence[Month]) -> None:
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    by_lot: dict[str, list[str]] = {}
    for month in months:
        # Arrears may be spent as long as what is issued with them.
        by_lot.setdefault(lot_of(scheme, max(month, Month.parse(run.month))), []).append(str(month))
    i, c, a = issuance_lines.c, cards.c, accounts.c
    written = 0
    for lot, of_months in sorted(by_lot.items()):
        if lot:
            _open_lots(act, scheme, run, lot, of_months)
        purse = c.subsidy_account_id if not lot else a.id
        rows = select(
            (f"issue/{scheme.code}/" + i.month + "/" + sql_cast(i.senior_id, String)).label("id"),
            literal(control).label("debit_account_id"),
            purse.label("credit_account_id"),
            i.amount,
            literal("issue").label("code"),
            literal(f"issuance:{run.id}").label("reference"),
        ).join(cards, c.id == i.card_id)
        if lot:
            owner = "card:" + sql_cast(c.id, String)
            rows = rows.join(accounts, and_(a.code == chart.CARD_SUBSIDY, a.owner == owner, a.lot == lot))
        rows = rows.where(i.run_id == run.id, i.month.in_(of_months))
        written += post_select(act, f"issuance:{run.id}", act.now, rows, purses="credit", new=True)
    lines = act.conn.execute(select(func.count()).where(i.run_id == run.id)).scalar_one()
    if written != lines:
        raise BrokenInvariant(f"{run.id}: {lines} lines but {written} transfers")


def _open_lots(act: Act, scheme: Scheme, run: Run, lot: str, of_months: Sequence[str]) -> None:
    i = issuance_lines.c
    which = and_(i.run_id == run.id, i.month.in_(of_months))
    owners = select(("card:" + sql_cast(i.card_id, String)).label("owner")).where(which).distinct()
    open_select(act, chart.CARD_SUBSIDY, owners, unit=scheme.unit, lot=lot)
    # A freeze holds for every purse of the card.
    c, a = cards.c, accounts.c
    frozen = select(a.id, c.frozen_from).join(cards, a.owner == "card:" + sql_cast(c.id, String))
    frozen = frozen.where(a.code == chart.CARD_SUBSIDY, a.lot == lot, c.frozen_from.is_not(None))
    for account_id, since in act.conn.execute(frozen.where(c.id.in_(select(i.card_id).where(which)))).all():
        account_book.freeze(act, account_id, since)


def _set(act: Act, run: Run, **values: object) -> None:
    act.conn.execute(update(issuance_runs).where(issuance_runs.c.id == run.id).values(**values))
