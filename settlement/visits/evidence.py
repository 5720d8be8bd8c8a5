"""How well a visit is proved: how each end was told, with what accuracy, how far from the registered address.

Whether the proof is weak is one rule, written in SQL, so that a single visit and a caregiver's whole month are judged alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, and_, case, exists, func, or_, select

from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.visits.tables import debits, visits
from settlement.visits.words import EVIDENCE_FLAGS, METHODS

BATCH = 500


@dataclass(frozen=True)
class End:
    """One end of a visit. ``accuracy_m`` and ``distance_m`` (from the registered address): metres, None when not known. ``scanned``: False
    when a reason was given instead."""

    method: str
    use: str
    strength: str
    scanned: bool
    accuracy_m: int | None
    distance_m: int | None

    @property
    def zh(self) -> str:
        return METHODS[self.method].zh if self.scanned else EVIDENCE_FLAGS["not_scanned"].zh

    @property
    def en(self) -> str:
        return METHODS[self.method].en if self.scanned else EVIDENCE_FLAGS["not_scanned"].en


@dataclass(frozen=True)
class Evidence:
    """``grade``: strong or weak, by the scheme of the visit's month. ``flags``: of ``words.EVIDENCE_FLAGS``, what a checker should look at."""

    visit_id: str
    begin: End
    end: End | None
    grade: str
    flags: tuple[str, ...]

    @property
    def flagged(self) -> bool:
        return bool(self.flags)


def of(conn: Connection, visit_id: str) -> Evidence:
    """The evidence of a visit. Raises Refused(NOT_FOUND)."""
    found = of_many(conn, [visit_id])
    if not found:
        raise Refused(Reason.NOT_FOUND, what=f"visit {visit_id}")
    return found[visit_id]


def of_many(conn: Connection, visit_ids: Sequence[str]) -> dict[str, Evidence]:
    """By visit; those that are not known are left out."""
    found: dict[str, Evidence] = {}
    for start in range(0, len(visit_ids), BATCH):
        asked = visits.c.id.in_(visit_ids[start : start + BATCH])
        kinds = conn.execute(select(visits.c.scheme_code, visits.c.month).where(asked).distinct()).all()
        for code, month in kinds:
            scheme = in_force(conn, code, Month.parse(month))
            query = select(visits, case((weak(scheme, visits), 1), else_=0).label("weak"))
            of_month = and_(asked, visits.c.scheme_code == code, visits.c.month == month)
            for row in conn.execute(query.where(of_month)):
                found[row.id] = _evidence(scheme, row)
    return found


def weak(scheme: Scheme, v: FromClause) -> ColumnElement[bool]:
    """True for a row of visits that is weakly proved; may be NULL where it is not.

    An end is weak by itself where the scheme says so of its method, or where nothing was scanned. A printed code may be a photograph: it
    proves the visit only with a plausible place at both ends. At a counter nobody checks out, and the terminal's own place proves nothing:
    there a number counts only together with the PIN, and a printed code is weak without one.
    """
    codes: dict[str, list[str]] = {"weak": [], "with_place": []}
    for method in scheme.door.methods:
        codes.setdefault(method.strength, []).append(method.code)
    ended = v.c.out_method.is_not(None)
    by_itself = or_(
        v.c.in_method.in_(codes["weak"]),
        and_(ended, or_(v.c.out_method.in_(codes["weak"]), v.c.out_scanned.is_(False))),
    )
    printed = or_(v.c.in_method.in_(codes["with_place"]), and_(ended, v.c.out_method.in_(codes["with_place"])))
    nowhere = or_(_implausible(scheme, v, "in"), and_(ended, _implausible(scheme, v, "out")))
    d = debits.alias("by_pin")
    by_pin = exists().where(d.c.visit_id == v.c.id, d.c.status == "posted", d.c.consent == "pin")
    shown = and_(v.c.in_method.in_(codes["with_place"]), ~by_pin)
    return or_(and_(at_counter(v), shown), and_(~at_counter(v), or_(by_itself, and_(printed, nowhere))))


def at_counter(v: FromClause) -> ColumnElement[bool]:
    """True for a row of visits that was bought at a counter: it took no time."""
    return and_(v.c.seconds.is_(None), v.c.status.in_(("served", "paid")))


def _implausible(scheme: Scheme, v: FromClause, end: str) -> ColumnElement[bool]:
    """No place, an inaccurate one, or one too far away. Where the office has no registered address, its distance speaks for the caregiver."""
    rule = scheme.door.plausible
    accuracy = func.coalesce(v.c[f"{end}_accuracy_m"], 0)
    away = func.coalesce(v.c[f"{end}_distance_m"], 0) - accuracy
    return or_(v.c[f"{end}_latitude_e7"].is_(None), accuracy > rule.accuracy_m, away > rule.within_m)


def _evidence(scheme: Scheme, row: Row[Any]) -> Evidence:
    begin = _end(scheme, row, "in", scanned=True)
    end = None if row.out_method is None else _end(scheme, row, "out", scanned=row.out_scanned is not False)
    flags = tuple(dict.fromkeys(_flags(scheme, row, begin, end)))
    return Evidence(row.id, begin, end, "weak" if row.weak else "strong", flags)


def _end(scheme: Scheme, row: Row[Any], name: str, *, scanned: bool) -> End:
    told = row._mapping
    method = scheme.method(told[f"{name}_method"])
    return End(
        method.code, method.use, method.strength, scanned, told[f"{name}_accuracy_m"], told[f"{name}_distance_m"]
    )


def _flags(scheme: Scheme, row: Row[Any], begin: End, end: End | None) -> Iterator[str]:
    bought = row.seconds is None and row.status in ("served", "paid")
    for name, each in (("in", begin), ("out", end)):
        if each is None or bought:
            continue
        if each.use != "accepted":
            yield "method_flagged"
        if not each.scanned:
            yield "not_scanned"
        yield from _of_place(scheme, row, name, each)
    if row.out_device_id not in (None, row.device_id):
        yield "other_device"
    if row.duration_source == "clock":
        yield "clock_times"
    if row.corrected_in_at is not None or row.corrected_out_at is not None:
        yield "corrected"
    if row.received_at - row.check_in_at > timedelta(hours=scheme.door.offline.late_after_hours):
        yield "late"


def _of_place(scheme: Scheme, row: Row[Any], name: str, end: End) -> Iterator[str]:
    rule = scheme.door.plausible
    if row._mapping[f"{name}_latitude_e7"] is None:
        yield "no_place"
    elif (end.accuracy_m or 0) > rule.accuracy_m:
        yield "inaccurate"
    elif end.distance_m is None:
        yield "address_unknown"
    elif end.distance_m - (end.accuracy_m or 0) > rule.within_m:
        yield "far"
