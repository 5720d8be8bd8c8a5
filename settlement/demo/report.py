"""What the demo shows at its end: the quarter's table, and how the checks did against what we know to be true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, case, cast, func, select

from settlement.closing.tables import settlement_shares, settlements, statements
from settlement.demo.founding import World
from settlement.demo.living import Tally
from settlement.demo.quarter import QUARTER
from settlement.fraud.tables import findings
from settlement.providers.tables import providers
from settlement.visits.tables import debits, payment_stops, visits


@dataclass(frozen=True)
class Line:
    """A provider's quarter in a town. Amounts in fen; ``visits`` on its statements, ``voided`` and ``held_back`` beside them; ``adjustments_fen``
    of voids after a close and penalties, so that subsidy + adjustments = district + town."""

    town: str
    provider: str
    visits: int
    subsidy_fen: int
    personal_fen: int
    adjustments_fen: int
    voided: int
    held_back: int
    district_fen: int
    town_fen: int


def quarter_table(conn: Connection, world: World) -> list[Line]:
    months = [str(month) for month in QUARTER.months]
    code = world.scheme.code
    s, v, x, h = statements.c, visits.c, settlements.c, settlement_shares.c

    def total(column: Column[int]) -> ColumnElement[int]:
        return cast(func.coalesce(func.sum(column), 0), BigInteger)

    paid = {
        (row.provider_id, row.town): row
        for row in conn.execute(
            select(
                s.provider_id,
                s.town,
                total(s.visits).label("visits"),
                total(s.subsidy_fen).label("subsidy"),
                total(s.personal_fen).label("personal"),
            )
            .where(s.scheme_code == code, s.quarter == str(QUARTER))
            .group_by(s.provider_id, s.town)
        )
    }
    stop = select(payment_stops.c.visit_id).where(payment_stops.c.status != "released")
    kept_out = {
        (row.provider_id, row.town): (row.voided, row.held)
        for row in conn.execute(
            select(
                v.provider_id,
                v.town,
                func.sum(case((v.status == "void", 1), else_=0)).label("voided"),
                func.sum(case((v.id.in_(stop), 1), else_=0)).label("held"),
            )
            .where(v.scheme_code == code, v.month.in_(months))
            .group_by(v.provider_id, v.town)
        )
    }
    shares: dict[tuple[int, str], dict[str, int]] = {}
    query = select(x.provider_id, x.town, h.payer, h.amount_fen).join(settlement_shares, h.settlement_id == x.id)
    for row in conn.execute(query.where(x.scheme_code == code, x.quarter == str(QUARTER))):
        shares.setdefault((row.provider_id, row.town), {})[row.payer] = row.amount_fen
    names = {row.id: row.name for row in conn.execute(select(providers.c.id, providers.c.name))}
    order = {town: index for index, town in enumerate(world.county.towns)}
    lines = []
    for (provider_id, town), row in sorted(paid.items(), key=lambda item: (order[item[0][1]], item[0][0])):
        voided, held = kept_out.get((provider_id, town), (0, 0))
        share = shares.get((provider_id, town), {})
        district, of_town = share.get("district", 0), share.get("town", 0)
        adjusted = district + of_town - row.subsidy
        figures = (row.visits, row.subsidy, row.personal, adjusted, voided, held, district, of_town)
        lines.append(Line(town, names[provider_id], *(int(figure) for figure in figures)))
    return lines


@dataclass(frozen=True)
class Catch:
    """One kind of trick: how many were played and taken in by the server, how many of them were stopped, how many only flagged."""

    trick: str
    played: int
    stopped: int
    flagged: int


@dataclass(frozen=True)
class Caught:
    """``honest_stopped``: honest visits stopped too, ``paired`` of them because they stand beside a trick (one of two overlapping visits is
    true, and nobody can tell which); ``honest_flagged``: flagged only."""

    tricks: list[Catch]
    honest_stopped: int
    paired: int
    honest_flagged: int


def catches(conn: Connection, tally: Tally) -> Caught:
    """What the checks found, against what we know to be true."""
    stops = conn.execute(
        select(payment_stops.c.visit_id, payment_stops.c.detail).where(payment_stops.c.visit_id.is_not(None))
    ).all()
    stopped = {row.visit_id for row in stops}
    tricks = {f"visit:{id}" for id in tally.tricks}
    paired = {row.visit_id for row in stops if tricks & set(row.detail["rows"])} - tally.tricks.keys()
    flagged = set(conn.scalars(select(findings.c.visit_id))) - stopped
    played = Counter(tally.tricks.values())
    caught = Counter(trick for visit, trick in tally.tricks.items() if visit in stopped)
    seen = Counter(trick for visit, trick in tally.tricks.items() if visit in flagged)
    rows = [Catch(trick, count, caught[trick], seen[trick]) for trick, count in sorted(played.items())]
    return Caught(rows, len(stopped - tally.tricks.keys()), len(paired), len(flagged - tally.tricks.keys()))


def cash_paid(conn: Connection) -> tuple[int, int]:
    """Cash taken at doors against receipt (recorded, not settled), and what providers bear of late debits; fen."""
    d = debits.c
    row = conn.execute(select(func.sum(d.cash_fen), func.sum(d.shortfall_fen)).where(d.status == "posted")).one()
    return int(row[0] or 0), int(row[1] or 0)
