"""Drawing up a month's statements: which visits are paid, which stay out and why. Set-based: a few statements for any number of visits.

A visit is taken when the close collected it (served and debited then, so that the checks have seen it), it lasted long enough, and nothing
stops its payment. Its month is the statement's or an earlier one: what arrived late goes onto the next statement with its service month shown.

What is collected is written on the visits, not reckoned by the clock: a slow transaction, or a clock that jumped, never brings a visit past
the checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from settlement import bulk
from settlement.act import Act
from settlement.closing.tables import adjustments, exclusions, statement_lines, statements
from settlement.db import Instant, Json
from settlement.periods import Month, Quarter
from settlement.policy import store
from settlement.policy.tables import price_items
from settlement.visits.tables import debits, payment_stops, visit_lines, visits

v, d = visits.c, debits.c


@dataclass(frozen=True)
class Drawing:
    """One scheme's month. The conditions are SQL over ``visits``."""

    act: Act
    scheme_code: str
    month: Month

    @cached_property
    def in_reach(self) -> ColumnElement[bool]:
        """Visits of this scheme up to the month."""
        return and_(v.scheme_code == self.scheme_code, v.month <= str(self.month))

    @property
    def unpaid(self) -> ColumnElement[bool]:
        """Served, and on no statement: the one that takes a visit makes it paid in the same act."""
        return and_(self.in_reach, v.status == "served")

    @property
    def collected(self) -> ColumnElement[bool]:
        return func.coalesce(v.collected_for, "") == str(self.month)

    @cached_property
    def months(self) -> list[Month]:
        found = self.act.conn.execute(select(v.month).where(self.unpaid).distinct()).scalars()
        return [Month.parse(text) for text in sorted(found)]

    @property
    def debited(self) -> ColumnElement[bool]:
        return exists().where(d.visit_id == v.id, d.status == "posted")

    # -- collecting ---------------------------------------------------------------------------------------------------------
    def collect(self) -> int:
        """Mark what this close may pay; how many visits. The earlier close that left a visit out no longer counts."""
        bulk.prepare(self.act.conn, visits, debits)
        complete = and_(self.unpaid, self.debited)
        return self.act.conn.execute(update(visits).where(complete).values(collected_for=str(self.month))).rowcount

    # -- the work -----------------------------------------------------------------------------------------------------------
    def draw(self) -> int:
        """Write what stays out, then statements and their lines of all the rest; the number of statements."""
        bulk.prepare(self.act.conn, visits, visit_lines, debits, payment_stops)
        self._lock()
        for rows in self._left_out():
            names = ["scheme_code", "month", "visit_id", "reason", "subsidy_fen", "detail"]
            self.act.conn.execute(insert(exclusions).from_select(names, rows))
        bulk.prepare(self.act.conn, exclusions)
        self._claim()
        self._claim_adjustments()
        drawn = self._statements()
        self._lines()
        self._take_adjustments()
        return drawn

    def _lock(self) -> None:
        """A void that comes at the same time either came before and its visit is no longer served, or waits and then finds the visit paid.

        A statement of its own: who waits for a debit that is just being taken back must look at the debits again afterwards.
        """
        if self.act.conn.dialect.name == "sqlite":  # there the transaction already holds the only write lock
            return
        locked = (
            select(v.id).where(self.unpaid, self.collected).order_by(v.id).with_for_update(key_share=True).subquery()
        )
        self.act.conn.execute(select(func.count()).select_from(locked)).scalar_one()

    def _claim(self) -> None:
        """What was collected is paid, unless this close has just said why not."""
        x = exclusions.c
        left_out = exists().where(x.scheme_code == self.scheme_code, x.month == str(self.month), x.visit_id == v.id)
        taken = and_(self.unpaid, self.collected, ~left_out)
        self.act.conn.execute(update(visits).where(taken).values(status="paid"))

    def _claim_adjustments(self) -> None:
        # Before the statements are summed up, so that an adjustment that is committed between two of our statements waits for the next month.
        a = adjustments.c
        open_ones = and_(
            a.scheme_code == self.scheme_code,
            a.kind == "void_after_close",
            a.statement_id.is_(None),
            a.quarter.is_(None),
        )
        self.act.conn.execute(update(adjustments).where(open_ones).values(quarter=self._quarter))

    @property
    def _quarter(self) -> str:
        return str(Quarter.of(self.month.first_day))

    @property
    def _claimed(self) -> Select[Any]:
        """The visits just claimed with their debits: collected for this month, and paid."""
        return (
            select(v.id, v.provider_id, v.town, v.month, d.id.label("debit_id"), d.subsidy_fen, d.personal_fen)
            .join(debits, and_(d.visit_id == v.id, d.status == "posted"))
            .where(self.in_reach, v.status == "paid", self.collected)
        )

    @property
    def _waiting(self) -> ColumnElement[bool]:
        """The adjustments just claimed: of this quarter, and on no statement yet."""
        a = adjustments.c
        return and_(
            a.scheme_code == self.scheme_code,
            a.kind == "void_after_close",
            a.statement_id.is_(None),
            a.quarter == self._quarter,
        )

    def _id(self, provider_id: ColumnElement[int], town: ColumnElement[str]) -> ColumnElement[str]:
        return literal(f"{self.scheme_code}-{self.month}-") + cast(provider_id, String) + literal("-") + town

    def _statements(self) -> int:
        act, claimed, a = self.act, self._claimed.subquery("claimed").c, adjustments.c
        none = literal(0, BigInteger)
        parts = union_all(
            select(claimed.provider_id, claimed.town, literal(1).label("visits"), claimed.subsidy_fen).add_columns(
                claimed.personal_fen, none.label("adjustments_fen")
            ),
            select(a.provider_id, a.town, literal(0), none, none, a.amount_fen).where(self._waiting),
        ).subquery("parts")
        p = parts.c
        subsidy, personal, adjusted = (
            cast(func.sum(column), BigInteger) for column in (p.subsidy_fen, p.personal_fen, p.adjustments_fen)
        )
        scheme = store.in_force(act.conn, self.scheme_code, self.month)
        values: dict[str, ColumnElement[Any]] = {
            "id": self._id(p.provider_id, p.town),
            "scheme_code": literal(self.scheme_code),
            "scheme_version": literal(scheme.version),
            "provider_id": p.provider_id,
            "town": p.town,
            "month": literal(str(self.month)),
            "quarter": literal(self._quarter),
            "status": literal("drawn"),
            "visits": func.sum(p.visits),
            "subsidy_fen": subsidy,
            "personal_fen": personal,
            "adjustments_fen": adjusted,
            "net_fen": subsidy + adjusted,
            "drawn_by": literal(act.actor.id),
            "drawn_at": literal(act.now, Instant),
        }
        rows = select(*values.values()).group_by(p.provider_id, p.town)
        return act.conn.execute(insert(statements).from_select(list(values), rows)).rowcount

    def _lines(self) -> None:
        claimed = self._claimed.subquery("claimed").c
        rows = select(
            claimed.id,
            self._id(claimed.provider_id, claimed.town),
            claimed.debit_id,
            claimed.month,
            claimed.subsidy_fen,
            claimed.personal_fen,
        )
        names = ["visit_id", "statement_id", "debit_id", "service_month", "subsidy_fen", "personal_fen"]
        self.act.conn.execute(insert(statement_lines).from_select(names, rows))

    def _take_adjustments(self) -> None:
        a = adjustments.c
        self.act.conn.execute(
            update(adjustments).where(self._waiting).values(statement_id=self._id(a.provider_id, a.town))
        )

    def _left_out(self) -> Iterator[Select[Any]]:
        """One query per reason; a visit may have several. What is still left out is listed again at each close; a void visit once."""
        on_statement = exists().where(statement_lines.c.visit_id == v.id)
        said_before = exists().where(exclusions.c.visit_id == v.id, exclusions.c.reason == "void")
        # Sorted by something that no index gives: so everything is read before the first row is written. Otherwise PostgreSQL looks through
        # the rows just written again for every visit.
        yield self._out("void", self.in_reach, v.status == "void", ~on_statement, ~said_before).order_by(
            v.void_reason, v.id
        )
        yield self._out("no_check_out", self.in_reach, v.status == "open")
        yield self._out("no_debit", self.unpaid, ~self.debited)
        yield self._out("after_cut", self.unpaid, ~self.collected, self.debited)
        for month in self.months:
            yield self._too_short(month)
        stop = payment_stops.c
        stops = self._rows(literal("payment_stop:") + stop.source, stop.detail).join(
            payment_stops, and_(stop.visit_id == v.id, stop.status != "released")
        )
        yield stops.where(self.in_reach, v.status.in_(("served", "open")))
        whole = select(stop.provider_id).where(stop.provider_id.is_not(None), stop.status != "released")
        yield self._out("provider_stop", self.unpaid, v.provider_id.in_(whole))

    def _too_short(self, month: Month) -> Select[Any]:
        """As ``visits.rules.minimum_seconds``: the scheme's time for a home visit, or the longest that an item needs for itself.

        Without a check-out (a meal at a hatch) there is no duration to fall short of.
        """
        duration = store.in_force(self.act.conn, self.scheme_code, month).visits.duration
        line, price = visit_lines.c, price_items.c
        at_home = case((price.evidence_kind == "home_visit", duration.minutes), else_=0)
        longer = case((at_home > price.min_minutes, at_home), else_=price.min_minutes)
        short = (
            select(v.id)
            .join(visit_lines, line.visit_id == v.id)
            .join(price_items, and_(price.list_id == line.price_list_id, price.item_code == line.item_code))
            # Only who falls short of some item falls short of the longest.
            .where(self.unpaid, v.month == str(month), v.seconds < longer * 60)
            .distinct()
        )
        detail = {"minutes": duration.minutes, "clause": duration.clause}
        return self._out("below_minimum", v.id.in_(short), detail=detail)

    def _out(self, reason: str, *conditions: ColumnElement[bool], detail: dict[str, Any] | None = None) -> Select[Any]:
        return self._rows(literal(reason), literal(detail or {}, Json)).where(*conditions)

    def _rows(self, reason: ColumnElement[str], detail: ColumnElement[Any]) -> Select[Any]:
        subsidy = (
            select(d.subsidy_fen).where(d.visit_id == v.id, d.status == "posted").correlate(visits).scalar_subquery()
        )
        return select(
            literal(self.scheme_code),
            literal(str(self.month)),
            v.id,
            reason,
            func.coalesce(subsidy, 0),
            detail,
        ).select_from(visits)
