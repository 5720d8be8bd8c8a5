"""Signals of place: far from home, nowhere in particular, many cards at one spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from settlement.fraud.demands import demands
from settlement.fraud.distance import e7_of_metres, square_of
from settlement.fraud.scope import MINUTE, SECOND, Scope, greater, us
from settlement.fraud.signal import Hit, Params, rows
from settlement.visits.evidence import at_counter
from settlement.visits.tables import debits, visits

# Chip and dynamic code prove the card's presence by themselves; every other way may be a photograph and needs a place.
STRONG_METHODS = ["chip", "dynamic"]


def far_from_address(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Check-in or check-out lies beyond ``metres`` from the registered address, the phone's own inaccuracy taken off."""
    beyond = [
        func.coalesce(visits.c[f"{end}_distance_m"] - func.coalesce(visits.c[f"{end}_accuracy_m"], 0), 0)
        for end in ("in", "out")
    ]
    farther = greater(*beyond)
    query = (
        select(visits.c.id, visits.c.in_distance_m, visits.c.out_distance_m)
        .where(scope.checked(visits), farther > params["metres"])
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        yield Hit(row.id, (f"visit:{row.id}",), {"in_m": row.in_distance_m, "out_m": row.out_distance_m})


def no_location(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """An end of the visit was told by a code that can be photographed, without a place, or one less accurate than ``accuracy_over_m``."""

    def nowhere(end: str) -> ColumnElement[bool]:
        method, accuracy = visits.c[f"{end}_method"], visits.c[f"{end}_accuracy_m"]
        placeless = or_(
            visits.c[f"{end}_latitude_e7"].is_(None), func.coalesce(accuracy, 0) > params["accuracy_over_m"]
        )
        return and_(method.is_not(None), method.not_in(STRONG_METHODS), placeless)

    at_in, at_out = nowhere("in"), nowhere("out")
    by_pin = and_(at_counter(visits), visits.c.in_method == "typed")  # a number alone sells nothing there
    query = (
        select(
            visits.c.id,
            case((at_in, visits.c.in_method)).label("in_method"),
            visits.c.in_accuracy_m,
            case((at_out, visits.c.out_method)).label("out_method"),
            visits.c.out_accuracy_m,
        )
        .where(scope.checked(visits), or_(at_in, at_out), ~by_pin)
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        ends = {"in": (row.in_method, row.in_accuracy_m), "out": (row.out_method, row.out_accuracy_m)}
        missing = {
            end: {"method": method, "accuracy_m": accuracy} for end, (method, accuracy) in ends.items() if method
        }
        yield Hit(row.id, (f"visit:{row.id}",), {"ends": "+".join(missing), **missing})


def cards_at_one_place(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """At least ``cards`` different cards were debited within ``minutes`` and ``metres`` of one debit, home visits only."""
    found: list[tuple[Row[Any], list[Row[Any]]]] = []
    streamed = conn.execute(_crowded(scope, params), execution_options={"yield_per": BATCH})
    for _, cell in groupby(streamed, key=lambda row: (row.row, row.col)):
        for first, others in _neighbours(list(cell), params):
            if 1 + len({row.card_id for row in others}) >= params["cards"]:
                found.append((first, others))
    for first, others in sorted(found, key=lambda each: each[0].debit):
        shown = rows("debit", first.debit, *(row.debit for row in others))
        number = 1 + len({row.card_id for row in others})
        measured = {"cards": number, "seconds": (others[-1].taken - first.taken) // SECOND}
        for row in (first, *others):
            if row.checked:
                yield Hit(row.visit, shown, measured)


def _neighbours(cell: Sequence[Row[Any]], params: Params) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """Each debit of a cell's own, with those of other cards at most ``minutes`` later and ``metres`` away. ``cell``: in order of time."""
    span, square = params["minutes"] * MINUTE, params["metres"] ** 2
    begin = 0  # the first that was taken at the same moment as ``first``
    for at, first in enumerate(cell):
        if first.taken != cell[begin].taken:
            begin = at
        if not first.own_cell:
            continue
        near = []
        for other in islice(cell, begin, None):
            if other.taken - first.taken > span:
                break
            apart = square_of(first.latitude, first.longitude, other.latitude, other.longitude)
            if other.card_id != first.card_id and apart <= square:
                near.append(other)
        if near:
            yield first, near


BATCH = 5_000
CELL = 4
"""So many times ``metres`` is a cell of the grid wide: wide enough that most debits lie in one only, too narrow to be a crowd by itself."""


def _crowded(scope: Scope, params: Params) -> Select[Any]:
    """Debits with enough others at about their time in one cell, cell by cell in order of time.

    Every debit is written into its own cell of a grid and into those that begin within ``metres`` of it (up to 60 degrees of latitude), so that
    whatever is near a debit is written into that debit's own cell.
    """
    margin = e7_of_metres(params["metres"])
    latitude = func.coalesce(visits.c.out_latitude_e7, visits.c.in_latitude_e7)
    longitude = func.coalesce(visits.c.out_longitude_e7, visits.c.in_longitude_e7)
    spots = (
        select(
            debits.c.id.label("debit"),
            debits.c.card_id,
            visits.c.id.label("visit"),
            us(debits.c.occurred_at).label("taken"),
            latitude.label("latitude"),
            longitude.label("longitude"),
            scope.checked(visits).label("checked"),
        )
        .join(visits, visits.c.id == debits.c.visit_id)
        .join(demands, demands.c.visit_id == visits.c.id)
        .where(debits.c.status == "posted", scope.within(visits), demands.c.timed == 1, latitude.is_not(None))
        .cte("spots")
    )
    (row, at_row, rows_apart), (col, at_col, cols_apart) = (
        _cells(spots.c.latitude, margin, "down"),
        _cells(spots.c.longitude, 2 * margin, "across"),
    )
    about = params["minutes"] * 60
    crowd = func.count().over(partition_by=(at_row, at_col), order_by=spots.c.taken // SECOND, range_=(-about, about))
    spread = (
        select(
            *(spots.c[name] for name in ("debit", "card_id", "visit", "taken", "latitude", "longitude", "checked")),
            at_row.label("row"),
            at_col.label("col"),
            and_(at_row == row, at_col == col).label("own_cell"),
            crowd.label("crowd"),
        )
        .select_from(spots.join(rows_apart[0], rows_apart[1]).join(cols_apart[0], cols_apart[1]))
        .cte("spread")
    )
    order = (spread.c.row, spread.c.col, spread.c.taken, spread.c.debit)
    return select(spread).where(spread.c.crowd >= params["cards"]).order_by(*order)


Cells = tuple[ColumnElement[int], ColumnElement[int], tuple[FromClause, ColumnElement[bool]]]


def _cells(at: ColumnElement[int], margin: int, name: str) -> Cells:
    """Along one axis: the own cell, the cell it is written into, and the join that repeats what lies within ``margin`` of another cell."""
    width = CELL * margin
    low, high = (at - margin) // width, (at + margin) // width
    steps = union_all(select(literal(0).label("step")), select(literal(1))).cte(name)
    return at // width, low + steps.c.step, (steps, steps.c.step <= high - low)
