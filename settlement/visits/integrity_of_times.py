"""Does what counts of a visit's times rest on an approved correction, decided by a second person? Set-based; part of ``integrity``."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, and_, func, or_, select

from settlement.findings import Finding
from settlement.visits.tables import visit_corrections, visits

v, c = visits.c, visit_corrections.c


def check(conn: Connection) -> list[Finding]:
    return [*_without_correction(conn), *_alone(conn)]


def _without_correction(conn: Connection) -> list[Finding]:
    """The corrected times and the duration are those of the visit's approved corrections, the last one deciding each end."""

    def last(end: str) -> object:
        column = c[f"check_{end}_at"]
        mine = (c.visit_id == v.id, c.status == "approved", column.is_not(None))
        newest = select(column).where(*mine).order_by(c.decided_at.desc(), c.id.desc()).limit(1)
        return newest.correlate(visits).scalar_subquery()

    corrected = or_(v.corrected_in_at.is_not(None), v.corrected_out_at.is_not(None), v.duration_source == "corrected")
    start, end = func.coalesce(v.corrected_in_at, v.check_in_at), func.coalesce(v.corrected_out_at, v.check_out_at)
    wrong = or_(
        v.corrected_in_at.is_distinct_from(last("in")),
        v.corrected_out_at.is_distinct_from(last("out")),
        and_(corrected, v.duration_source.is_distinct_from("corrected")),
    )
    approved = select(c.visit_id).where(c.status == "approved")
    query = (
        select(v.id, v.seconds, start.label("start"), end.label("end"), wrong.label("wrong"))
        .where(or_(corrected, v.id.in_(approved)))
        .order_by(v.id)
    )
    return [
        Finding(
            "visit_times_not_as_corrected",
            f"visit:{row.id}",
            "更正后的时间或时长与已批准的更正不符",
            "the corrected times, or the duration, are not those of its approved corrections",
        )
        for row in conn.execute(query)
        if row.wrong or row.end is None or row.seconds != (row.end - row.start) // timedelta(seconds=1)
    ]


def _alone(conn: Connection) -> list[Finding]:
    """Whoever proposed a correction did not decide about it."""
    query = select(c.id, c.visit_id, c.proposed_by).where(c.decided_by == c.proposed_by).order_by(c.id)
    return [
        Finding(
            "correction_by_one_person",
            f"visit:{row.visit_id}",
            f"更正{row.id}由提出人{row.proposed_by}自己决定",
            f"correction {row.id} was decided by {row.proposed_by}, who proposed it",
        )
        for row in conn.execute(query)
    ]
