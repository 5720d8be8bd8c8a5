"""The scan: every signal of the scheme over a month, findings kept, payment stops placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, exists, func, select

from settlement import bulk, officers
from settlement.act import SYSTEM, Act
from settlement.db import insert_if_absent
from settlement.errors import BrokenInvariant
from settlement.fraud import signals
from settlement.fraud.demands import reckoned
from settlement.fraud.scope import Scope
from settlement.fraud.signal import Hit
from settlement.fraud.tables import findings
from settlement.outcomes import fill
from settlement.periods import Month
from settlement.policy import rules_control
from settlement.policy.scheme import Scheme
from settlement.visits.tables import debits, payment_stops, visit_lines, visits

BATCH = 500


@dataclass(frozen=True)
class Found:
    """A finding as it is kept, with the state of its payment stop.

    ``month``: the month whose scan found it first. ``stop``: open, released or upheld; None for a mere flag. ``rows``, ``measured`` and
    ``threshold`` hold ids and figures only, nothing personal.
    """

    visit_id: str
    signal: str
    month: str
    provider_id: int
    town: str
    action: str
    rows: list[str]
    measured: dict[str, Any]
    threshold: dict[str, Any]
    source: str
    found_at: datetime
    stop: str | None

    @property
    def zh(self) -> str:
        return fill(signals.SIGNALS[self.signal].zh, self._values)

    @property
    def en(self) -> str:
        return fill(signals.SIGNALS[self.signal].en, self._values)

    @property
    def _values(self) -> dict[str, Any]:
        """What was measured; the thresholds beside it, those of the same name as ``threshold_name``."""
        return {
            **self.threshold,
            **self.measured,
            **{f"threshold_{name}": each for name, each in self.threshold.items()},
        }


def scan(act: Act, scheme: Scheme, month: Month) -> list[Found]:
    """Run the scheme's signals over a month's visits and the earlier ones not yet paid; what stands now for the month.

    A second run adds nothing: a visit is found once by a signal. Where the scheme says ``stop`` a payment stop is placed in the
    system's name; one that a person has decided is never placed again. Raises Refused(NOT_ALLOWED).
    """
    officers.require(act, "fraud.scan")
    scope = Scope.of(act.conn, scheme, month)
    new: Counter[str] = Counter()
    bulk.prepare(act.conn, visits, visit_lines, debits)
    with reckoned(act.conn, scope):
        for signal in scheme.fraud.signals:
            new[signal.code] += _keep(act, scope, signal)
    act.audit("fraud.scan", f"month:{scheme.code}/{month}", after={"found": {code: n for code, n in new.items() if n}})
    return found(act.conn, scheme.code, month)


def _keep(act: Act, scope: Scope, signal: rules_control.Signal) -> int:
    """Keep what one signal finds; how many findings are new."""
    try:
        known = signals.SIGNALS[signal.code]
    except KeyError as error:
        raise BrokenInvariant(f"no signal {signal.code}") from error
    cited = scope.scheme.clause(known.rule or f"fraud.signals.{signal.code}")
    same = {
        "scheme_code": scope.scheme.code,
        "month": str(scope.month),
        "signal": signal.code,
        "action": signal.action,
        "source": cited.clause or cited.source,
        "found_at": act.now,
    }
    hits = _merged(known.find(act.conn, scope, signal.params))
    rows = [
        same
        | {
            "visit_id": hit.visit_id,
            "rows": list(hit.rows),
            "measured": dict(hit.measured),
            "threshold": dict(hit.threshold or signal.params),
        }
        for hit in hits
    ]
    number = select(func.count()).where(findings.c.signal == signal.code)
    before = act.conn.execute(number).scalar_one()
    _insert_missing(act.conn, findings, rows)
    if signal.action == "stop":
        stop = {"source": signal.code, "placed_by": SYSTEM.id, "placed_at": act.now, "status": "open"}
        stops = [
            stop
            | {
                "visit_id": row["visit_id"],
                "detail": {name: row[name] for name in ("rows", "measured", "threshold", "source")},
            }
            for row in rows
        ]
        _insert_missing(act.conn, payment_stops, stops)
    return int(act.conn.execute(number).scalar_one() - before)


def _merged(hits: Iterator[Hit]) -> list[Hit]:
    """One hit per visit: the first measurement (signals answer the worst first), the records of all."""
    by_visit: dict[str, Hit] = {}
    for hit in hits:
        first = by_visit.setdefault(hit.visit_id, hit)
        by_visit[hit.visit_id] = replace(first, rows=tuple(dict.fromkeys((*first.rows, *hit.rows))))
    return list(by_visit.values())


def _insert_missing(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Two scans at once may meet on the same visit; the unique keys settle it."""
    for start in range(0, len(rows), BATCH):
        conn.execute(insert_if_absent(conn, table), rows[start : start + BATCH])


def found(conn: Connection, scheme_code: str, month: Month) -> list[Found]:
    """What the scans of a month found, and how each stop was decided."""
    query = _found().where(findings.c.scheme_code == scheme_code, findings.c.month == str(month))
    return [_as_found(row) for row in conn.execute(query)]


def waiting(conn: Connection) -> list[Found]:
    """Every finding, of whatever month, whose payment stop nobody has decided yet."""
    return [_as_found(row) for row in conn.execute(_found().where(payment_stops.c.status == "open"))]


def of_visit(conn: Connection, visit_id: str) -> list[Found]:
    """What any signal found about one visit."""
    return [_as_found(row) for row in conn.execute(_found().where(findings.c.visit_id == visit_id))]


def said_by_people(conn: Connection) -> Sequence[Any]:
    """Open payment stops that no signal placed, oldest first: a complaint, a holder or agent who denies a debit. (visit_id, provider_id, town,
    source, placed_at)"""
    stop = payment_stops.c
    by_signal = exists().where(findings.c.visit_id == stop.visit_id, findings.c.signal == stop.source)
    query = (
        select(stop.visit_id, visits.c.provider_id, visits.c.town, stop.source, stop.placed_at)
        .join(visits, visits.c.id == stop.visit_id)
        .where(stop.status == "open", ~by_signal)
        .order_by(stop.id)
    )
    return conn.execute(query).all()


def _found() -> Select[Any]:
    of_finding = and_(payment_stops.c.visit_id == findings.c.visit_id, payment_stops.c.source == findings.c.signal)
    return (
        select(findings, visits.c.provider_id, visits.c.town, payment_stops.c.status.label("stop"))
        .join(visits, visits.c.id == findings.c.visit_id)
        .outerjoin(payment_stops, of_finding)
        .order_by(findings.c.signal, findings.c.visit_id)
    )


def _as_found(row: Row[Any]) -> Found:
    return Found(**{name: row._mapping[name] for name in Found.__dataclass_fields__})
