"""The lines of a draft: one INSERT … SELECT per month from the entitlements, and who was dropped since the month before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.policy.scheme import Scheme
from settlement.vouchers.runs import Run
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs

ARREARS_MONTHS = 12
_COLUMNS = [
    "run_id",
    "scheme_code",
    "month",
    "senior_id",
    "card_id",
    "entitlement_id",
    "amount",
    "previous_amount",
    "change",
]


def add_lines(act: Act, scheme: Scheme, run: Run, month: Month, *, missed_at: datetime | None = None) -> None:
    """Lines of a month for everybody of the town who is entitled, has a card and no line yet.

    ``missed_at``: the posted month was drafted then; only who could not be in it gets a line now (arrears).
    """
    e, s, c, i = entitlements.c, seniors.c, cards.c, issuance_lines.c
    earlier = issuance_lines.alias("earlier")
    had_before: ColumnElement[bool] = exists().where(
        earlier.c.scheme_code == scheme.code, earlier.c.senior_id == e.senior_id, earlier.c.month < str(month)
    )
    before: ColumnElement[Any] = _amount(scheme, month.previous(), e.senior_id)
    # Asked once for all: of a table that was empty when it planned, PostgreSQL reads for every person all that it has written meanwhile.
    if not _any_line(act, i.scheme_code == scheme.code, i.month < str(month)):
        had_before, before = false(), null()
    change = case(
        (before == e.amount, "same"),
        (before < e.amount, "raised"),
        (before > e.amount, "lowered"),
        (had_before, "resumed"),
        else_="new",
    )
    rows = (
        select(
            literal(run.id),
            literal(scheme.code),
            literal(str(month)),
            e.senior_id,
            c.id,
            e.id,
            e.amount,
            func.coalesce(before, 0),
            change if missed_at is None else literal("arrears"),
        )
        .join(seniors, s.id == e.senior_id)
        .join(cards, and_(c.senior_id == e.senior_id, c.scheme_code == scheme.code))
        .where(
            e.scheme_code == scheme.code,
            e.from_month <= str(month),
            e.to_month.is_(None) | (e.to_month >= str(month)),
            s.town == run.town,
            c.status != "closed",
            # The month of the freeze itself is issued.
            (c.status != "frozen") | (c.frozen_from >= frozen_since(scheme, month)),
        )
    )
    if _any_line(act, i.scheme_code == scheme.code, i.month == str(month)):
        rows = rows.where(_amount(scheme, month, s.id).is_(None))
    if missed_at is not None:
        # Or who came from another town of the district, whose run of the month was drafted without them as well.
        came = (s.moved_at > missed_at) & ~_passed_over(scheme, run, month)
        rows = rows.where((e.decided_at > missed_at) | (c.created_at > missed_at) | came)
    act.conn.execute(insert(issuance_lines).from_select(_COLUMNS, rows, include_defaults=False))


def _passed_over(scheme: Scheme, run: Run, month: Month) -> ColumnElement[bool]:
    """Whether the town that somebody came from had them when it drafted the month, and left them out: a frozen card is nothing that moving makes good."""
    e, s, c = entitlements.c, seniors.c, cards.c
    theirs, lived, its = issuance_runs.alias("theirs"), issuance_runs.alias("lived"), issuance_lines.alias("its")
    # A town that issued to them before is one that they lived in.
    issued = exists().where(
        its.c.scheme_code == scheme.code,
        its.c.senior_id == e.senior_id,
        lived.c.id == its.c.run_id,
        lived.c.town == theirs.c.town,
    )
    covers = or_(
        *(
            and_(theirs.c.month == str(month.plus(-before)), theirs.c.months > before)
            for before in range(ARREARS_MONTHS)
        )
    )
    return exists().where(
        theirs.c.scheme_code == scheme.code,
        theirs.c.town != run.town,
        covers,
        theirs.c.drafted_at < s.moved_at,
        theirs.c.drafted_at > e.decided_at,
        theirs.c.drafted_at > c.created_at,
        issued,
    )


def _any_line(act: Act, *which: ColumnElement[bool]) -> bool:
    return act.conn.execute(select(issuance_lines.c.month).where(*which).limit(1)).first() is not None


def _amount(scheme: Scheme, month: Month, senior_id: ColumnElement[int]) -> ScalarSelect[int]:
    """The line of a month, looked up person by person.

    Not a join: PostgreSQL has no statistics of a month that is only just being written, takes it for one row and walks all of it each time.
    """
    line = issuance_lines.alias()
    same = (line.c.scheme_code == scheme.code, line.c.month == str(month), line.c.senior_id == senior_id)
    return select(line.c.amount).where(*same).correlate_except(line).scalar_subquery()


def frozen_since(scheme: Scheme, month: Month) -> datetime:
    """A card frozen before this moment is not issued the month."""
    first = month if scheme.months.last.rule == "month_of_event" else month.next()
    return first.start(scheme.time_zone)


def missed_months(act: Act, run: Run) -> list[tuple[Month, datetime]]:
    """The town's posted months of the last year that may lack somebody, with the moment they were drafted: who comes after that is not in them."""
    r = issuance_runs.c
    first = Month.parse(run.month)
    query = select(r.month, r.months, r.drafted_at).where(
        r.scheme_code == run.scheme_code, r.town == run.town, r.status == "posted", r.month < run.month
    )
    found = []
    for row in act.conn.execute(query.order_by(r.month)):
        months = [Month.parse(row.month).plus(i) for i in range(row.months)]
        found += [(month, row.drafted_at) for month in months if first.plus(-ARREARS_MONTHS) <= month < first]
    newest = _newest_news(act, run) if found else None
    return [each for each in found if newest is not None and each[1] < newest]


def _newest_news(act: Act, run: Run) -> datetime | None:
    """When somebody of the town was last decided upon, given a card or came from another town: a month drafted after that missed nobody, and need not be gone through."""
    e, s, c = entitlements.c, seniors.c, cards.c
    query = select(func.max(e.decided_at), func.max(c.created_at), func.max(s.moved_at)).join(
        seniors, s.id == e.senior_id
    )
    query = query.join(cards, c.senior_id == e.senior_id).where(e.scheme_code == run.scheme_code, s.town == run.town)
    return max((moment for moment in act.conn.execute(query).one() if moment is not None), default=None)


def add_drops(act: Act, scheme: Scheme, run: Run) -> None:
    """People of the town with a line in the month before the period and none in its first, with the reason."""
    first = Month.parse(run.month)
    s, c = seniors.c, cards.c
    # From the people of the town, each looked up: from the month's lines it would be everybody of the district for each town.
    before, now = (_amount(scheme, month, s.id) for month in (first.previous(), first))
    rows = (
        select(literal(run.id), s.id, before, _drop_reason(scheme))
        .join(cards, c.senior_id == s.id)
        .where(s.town == run.town, before.is_not(None), now.is_(None))
    )
    columns = ["run_id", "senior_id", "previous_amount", "reason"]
    act.conn.execute(insert(issuance_drops).from_select(columns, rows, include_defaults=False))


def _drop_reason(scheme: Scheme):  # type: ignore[no-untyped-def]
    e, s, c = entitlements.c, seniors.c, cards.c
    last: Select[tuple[str | None]] = (
        select(e.end_reason)
        .where(e.senior_id == s.id, e.scheme_code == scheme.code)
        .order_by(e.id.desc())
        .limit(1)
        .correlate(seniors)
    )
    return case(
        (s.died_on.is_not(None), "died"),
        (s.left_on.is_not(None), "left"),
        (c.status == "closed", "card_closed"),
        (c.status == "frozen", "frozen"),
        else_=func.coalesce(last.scalar_subquery(), "not_entitled"),
    )
