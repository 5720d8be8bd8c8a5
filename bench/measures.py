"""What is measured. Each measure does the real work on a real county and answers with seconds and what was done in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Column, Engine, MetaData, Table, func, insert, select

from settlement import verify
from settlement.act import SYSTEM, begin
from settlement.cards.tables import cards, media
from settlement.closing import month
from settlement.db import reading
from settlement.demo import diary, founding, offices
from settlement.demo.diary import Entry
from settlement.demo.founding import World, moment
from settlement.fraud.scan import scan
from settlement.ledger.tables import transfers
from settlement.outcomes import Declined
from settlement.periods import Month
from settlement.visits import service
from settlement.visits.debiting import debit
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, DebitRequest, Line
from settlement.vouchers import issuance

JULY = Month(2026, 7)
AFTERWARDS = moment(date(2026, 8, 3), 2)
ONE_BY_ONE = 300
"""So many visits with a transaction for each call, as the gateway does them; the others with one for each visit."""


@dataclass
class Results:
    """``rows``: name -> (seconds, how many, of what). ``ratios``: name -> number."""

    backend: str
    seniors: int
    rows: dict[str, tuple[float, int, str]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, unit: str) -> Iterator[Callable[[int], None]]:
        """The block tells how many it did."""
        done = [0]
        began = time.perf_counter()
        yield lambda count: done.__setitem__(0, done[0] + count)
        self.rows[name] = (time.perf_counter() - began, done[0], unit)


def found_county(results: Results, engine: Engine, folder: Path) -> World:
    with results.timed("found: roster, enrolment, cards", "seniors") as did:
        world = founding.open_district(engine, folder, folder / "keys.json", results.seniors, seed=1)
        founding.contract_providers(world)
        founding.enrol_everybody(world)
        founding.staff_up(world)
        did(results.seniors)
    return world


def issue_a_month(results: Results, world: World) -> None:
    """Draft, approval and posting of July, town by town as the command does it; the posting against a bare copy of as many rows."""
    early, code = moment(JULY.first_day, 1), world.scheme.code
    with results.timed("issue: draft", "lines") as did, world.acting("system", early) as act:
        runs = issuance.draft(act, code, JULY)
        did(sum(run.people for run in runs))
    for run in runs:
        with world.acting(offices.town_officer(run.town), early + timedelta(hours=7)) as act:
            issuance.approve(act, run.id)
    with results.timed("issue: post", "transfers") as did:
        for run in runs:
            with world.acting(offices.town_officer(run.town, second=True), early + timedelta(hours=8)) as act:
                did(issuance.post(act, run.id).people)
    bare = _bare_copy(results, world.engine)
    results.ratios["issue: post / bare INSERT … SELECT"] = results.rows["issue: post"][0] / bare


def _bare_copy(results: Results, engine: Engine) -> float:
    """The month's transfers copied into a table of the same shape without key, index or check, in one statement and one transaction."""
    bare = Table("bare_transfers", MetaData(), *(Column(column.name, column.type) for column in transfers.columns))
    with engine.begin() as conn:
        bare.create(conn)
    issued = transfers.c.code == "issue"
    with results.timed("bare INSERT … SELECT of the same rows", "rows") as did, engine.begin() as conn:
        conn.execute(
            insert(bare).from_select([column.name for column in transfers.columns], select(transfers).where(issued))
        )
        did(conn.execute(select(func.count()).select_from(bare)).scalar_one())
    with engine.begin() as conn:
        bare.drop(conn)
    return results.rows["bare INSERT … SELECT of the same rows"][0]


class Doors:
    """The honest visits of the diary's July, carried out as they should go."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries = diary.month_of_visits(world.rng("bench"), JULY, world.homes, world.carers, {})
        with reading(world.engine) as conn:
            query = select(cards.c.senior_id, media.c.id).join(media, media.c.card_id == cards.c.id)
            self.media = dict(tuple(row) for row in conn.execute(query))

    def calls(self, entry: Entry) -> Iterator[Callable[[object], object]]:
        medium, end = self.media[entry.home.senior_id], entry.start + timedelta(minutes=65)
        who = {"visit_id": entry.id, "caregiver_id": entry.carer.caregiver_id, "method": "card_qr", "medium_id": medium}
        arrived = CheckIn(**who, occurred_at=entry.start, place=entry.place)
        yield lambda act: service.check_in(act, arrived)
        total = [0]

        def leave(act: object) -> object:
            lines = tuple(Line(item=item) for item in entry.items)
            out = service.check_out(act, CheckOut(**who, lines=lines, occurred_at=end, place=entry.place))
            total[0] = out.total_fen if isinstance(out, CheckedOut) else 0
            return out

        yield leave

        def pay(act: object) -> object:
            agreed = {"id": f"D-{entry.id}", "visit_id": entry.id, "consent": "card_qr", "medium_id": medium}
            return debit(
                act, DebitRequest(**agreed, occurred_at=end + timedelta(minutes=2), total_fen=max(1, total[0]))
            )

        yield pay

    def live(self, results: Results) -> None:
        engine, declined = self.world.engine, 0
        one_by_one, others = self.entries[:ONE_BY_ONE], self.entries[ONE_BY_ONE:]
        with results.timed("visits, a transaction per call", "visits") as did:
            for entry in one_by_one:
                for minutes, call in zip((0, 65, 67), self.calls(entry), strict=True):
                    with begin(engine, SYSTEM, entry.start + timedelta(minutes=minutes)) as act:
                        declined += isinstance(call(act), Declined)
            did(len(one_by_one))
        with results.timed("visits, a transaction per visit", "visits") as did:
            for entry in others:
                with begin(engine, SYSTEM, entry.start + timedelta(minutes=67)) as act:
                    for call in self.calls(entry):
                        declined += isinstance(call(act), Declined)
            did(len(others))
        results.rows["declined calls of these"] = (0.0, declined, "calls")


def close_the_month(results: Results, world: World) -> None:
    """July from "collected" to "closed", the checks and every signature included."""
    code = world.scheme.code

    def advance() -> None:
        with world.acting("system", AFTERWARDS) as act:
            month.advance(act, code, JULY, checks=scan)

    for stage in month.STAGES[:3]:
        with results.timed(f"close month: {stage}", "visits"):
            advance()
    with results.timed("close month: signed and closed", "visits") as did:
        for town in world.county.towns:
            with world.acting(offices.town_officer(town), AFTERWARDS + timedelta(days=1)) as act:
                month.verify_town(act, code, JULY, town)
        with world.acting("ca.zhou", AFTERWARDS + timedelta(days=2)) as act:
            month.confirm(act, code, JULY)
        advance()
        with reading(world.engine) as conn:
            did(sum(row.visits for row in month.progress(conn, code, JULY).statements))


def verify_the_books(results: Results, world: World) -> None:
    with reading(world.engine) as conn:
        count = conn.execute(select(func.count()).select_from(transfers)).scalar_one()
        with results.timed("verify", "transfers") as did:
            findings = verify.run(conn)
            did(count)
    if findings:
        raise SystemExit(f"the books do not agree: {findings[0]}")
