"""Days at the door as several devices sign them, the ways their events may travel to us, and how everything stands in the end.

Two towns with the same plan have other ids and the same people; what :func:`standing` says of them can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from threading import Barrier
from typing import Any

import hypothesis.strategies as st
from sqlalchemy import Engine, func, select

from settlement.closing import adjusting, month
from settlement.closing.tables import adjustments, statement_lines, statements
from settlement.fraud.scan import scan
from settlement.ledger import integrity as ledger_integrity
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import Month
from settlement.visits import integrity
from settlement.visits.dispatch import VISIT_ID_LENGTH
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import debits, door_events, visit_lines, visits, work_orders
from tests.cards.county import SCHEME, TOWN, TOWN_CLERK
from tests.support import acting, at, officer
from tests.visits.phone import Phone, code
from tests.visits.world import CLEANING, PRICES, REPAIR, VISITING, Holder, found

FIRST_DAY, BACK_IN_REACH, EVENING = at("2026-07-20 08:00"), at("2026-07-29 08:00"), at("2026-07-31 20:00")
JULY, AUGUST = Month(2026, 7), Month(2026, 8)
AFFAIRS = officer("affairs", "civil_affairs")
MINUTE = timedelta(minutes=1)
CAREGIVERS, SENIORS = 2, 3

FATES = ("stands", "taken back", "debited again", "voided", "nobody home first", "mistaken check-in")
"""What becomes of a stop besides being served and debited. Each is an act of a device, signed like all else."""


@dataclass(frozen=True)
class Stop:
    """One visit as it was meant. ``own``: how much of the total, in percent, the senior agreed to from own money; ``agreed``: how much of it
    the device showed her at all (an old price list shows less). ``elsewhere``: what the caregiver's second device did, ``out`` and ``debit``."""

    caregiver: int
    senior: int
    minutes: int = 65
    items: tuple[str, ...] = (CLEANING,)
    own: int = 0
    agreed: int = 100
    elsewhere: frozenset[str] = frozenset()
    fate: str = "stands"


def plans(fates: Sequence[str] = FATES, own: Sequence[int] = (0, 100), agreed: Sequence[int] = (100,)) -> Any:
    """Two to seven stops."""
    stop = st.builds(
        Stop,
        caregiver=st.integers(0, CAREGIVERS - 1),
        senior=st.integers(0, SENIORS - 1),
        minutes=st.sampled_from([60, 75, 59]),
        items=st.sampled_from([(CLEANING,), (REPAIR, VISITING)]),
        own=st.sampled_from(own),
        agreed=st.sampled_from(agreed),
        elsewhere=st.frozensets(st.sampled_from(["out", "debit"])),
        fate=st.sampled_from(fates),
    )
    return st.lists(stop, min_size=2, max_size=7)


Step = tuple[datetime, Phone, Callable[[Phone], SignedEvent]]


@dataclass
class Signing:
    """The events of one stop, each signed when its turn comes."""

    stop: Stop
    start: datetime
    own: Phone
    spare: Phone
    someone: Holder
    order: str
    signed: dict[str, SignedEvent] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        return self.start + self.stop.minutes * MINUTE

    def steps(self) -> list[Step]:
        out, pays = (self.spare if each in self.stop.elsewhere else self.own for each in ("out", "debit"))
        steps: list[Step] = [
            (self.start, self.own, self._come),
            (self.end, out, self._leave),
            (self.end + 2 * MINUTE, pays, lambda phone: self._pay(phone, "debit", 2)),
        ]
        if self.stop.fate == "mistaken check-in":
            steps.append((self.start - 5 * MINUTE, self.own, self._slip))
            steps.append((self.start - 4 * MINUTE, self.own, self._unslip))
        if self.stop.fate == "nobody home first":
            steps.append((self.start - 30 * MINUTE, self.spare, self._nobody_home))
        if self.stop.fate in ("taken back", "debited again"):
            steps.append((self.end + 4 * MINUTE, pays, self._undo))
        if self.stop.fate == "debited again":
            steps.append((self.end + 6 * MINUTE, pays, lambda phone: self._pay(phone, "again", 6)))
        if self.stop.fate == "voided":
            steps.append((self.end + 8 * MINUTE, out, self._void))
        return steps

    def _slip(self, phone: Phone) -> SignedEvent:
        self.signed["slip"] = phone.check_in(self.someone, self.start - 5 * MINUTE)
        return self.signed["slip"]

    def _unslip(self, phone: Phone) -> SignedEvent:
        return phone.sign("cancel", self.start - 4 * MINUTE, event=self.signed["slip"].hash, reason="mistake")

    def _nobody_home(self, phone: Phone) -> SignedEvent:
        return phone.sign("not_served", self.start - 30 * MINUTE, order_id=self.order, reason="nobody_home")

    def _come(self, phone: Phone) -> SignedEvent:
        self.signed["in"] = phone.check_in(self.someone, self.start, order_id=self.order)
        return self.signed["in"]

    def _leave(self, phone: Phone) -> SignedEvent:
        why = {"reason": "battery_empty"} if phone is self.spare else {}
        return phone.check_out(self.signed["in"], self.someone, self.end - self.start, *self.stop.items, **why)

    def _pay(self, phone: Phone, name: str, after: int) -> SignedEvent:
        shown = sum(PRICES[item] for item in self.stop.items) * self.stop.agreed // 100
        agreed = {"total_fen": shown, "personal_fen": shown * self.stop.own // 100, "cash_fen": 0}
        seen = {"visit": self.signed["in"].hash, "token": code(phone.world, self.someone), "consent": "card_qr"}
        self.signed[name] = phone.sign("debit", self.end + after * MINUTE, **seen, **agreed)
        return self.signed[name]

    def _undo(self, phone: Phone) -> SignedEvent:
        return phone.sign("cancel", self.end + 4 * MINUTE, event=self.signed["debit"].hash, reason="wrong_amount")

    def _void(self, phone: Phone) -> SignedEvent:
        return phone.sign("void", self.end + 8 * MINUTE, visit=self.signed["in"].hash, reason="unfinished")


class Town:
    """``purses``: (subsidy, own money) of each senior, ``year``: what the year's cap allows, fen. ``queues``: each device's events, in order."""

    def __init__(
        self,
        engine: Engine,
        plan: Sequence[Stop],
        purses: Sequence[tuple[int, int]] = ((100_000, 100_000),) * SENIORS,
        year: int = 180_000,
    ) -> None:
        self.engine, self.world = engine, found(engine)
        self.people = [self.world.holder(*purse, year=year) for purse in purses]
        workers = [self.world.caregiver() for _ in range(CAREGIVERS)]
        phones = [Phone(self.world, worker) for worker in workers]
        spares = [Phone(self.world, worker) for worker in workers]
        self.stops: list[Signing] = []
        for number, stop in enumerate(plan):
            # A caregiver's stops follow each other, two a day.
            before = sum(1 for other in plan[:number] if other.caregiver == stop.caregiver)
            start = FIRST_DAY + timedelta(days=before // 2, hours=3 * (before % 2) + 1, minutes=stop.caregiver)
            someone = self.people[stop.senior]
            order = self.world.order(someone, items=stop.items)
            self.stops.append(Signing(stop, start, phones[stop.caregiver], spares[stop.caregiver], someone, order))
        self.queues: list[tuple[Phone, list[SignedEvent]]] = [(phone, []) for phone in (*phones, *spares)]
        queue_of = {phone.id: queue for phone, queue in self.queues}
        steps = [step for signing in self.stops for step in signing.steps()]
        for _, phone, sign in sorted(steps, key=lambda step: step[0]):
            queue_of[phone.id].append(sign(phone))

    # -- travelling ---------------------------------------------------------------------------------------------------------
    def all_at_once(self, when: datetime = EVENING) -> None:
        """One upload, everything in the order in which it happened."""
        everything = [(event, phone) for phone, queue in self.queues for event in queue]
        for event, phone in sorted(everything, key=lambda pair: (pair[0].occurred_at, pair[0].device_id)):
            phone.hand_in(event, when)

    def somehow(self, random: Random, *, keep_back: bool = False) -> None:
        """Each device's events in its order, but late, in any order between devices, some several times, some too early.

        With ``keep_back`` a part of every queue stays on its device. Nobody at the door hears an answer: it is days later.
        """
        ends = [random.randint(0, len(queue)) if keep_back else len(queue) for _, queue in self.queues]
        place, now = [0] * len(ends), BACK_IN_REACH
        while any(at < end for at, end in zip(place, ends, strict=True)):
            i = random.choice([i for i, end in enumerate(ends) if place[i] < end])
            phone, queue = self.queues[i]
            wanted = random.choice([place[i], place[i], place[i], place[i] + 1, random.randint(0, place[i])])
            event = queue[min(wanted, ends[i] - 1)]
            now += random.randint(0, 15) * MINUTE
            try:
                answer = phone.hand_in(event, now)
            except Refused as refused:
                assert (refused.reason, wanted) == (Reason.EVENT_GAP, place[i] + 1)  # noqa: PT017
                continue
            assert answer.replayed == (wanted < place[i])
            place[i] = max(place[i], min(wanted, ends[i] - 1) + 1)

    def side_by_side(self) -> None:
        """Every device uploads its queue at the same moment."""
        start = Barrier(len(self.queues))

        def upload(phone: Phone, queue: list[SignedEvent]) -> None:
            start.wait()
            for event in queue:
                phone.hand_in(event, EVENING)

        with ThreadPoolExecutor(len(self.queues)) as pool:
            for done in [pool.submit(upload, phone, queue) for phone, queue in self.queues]:
                done.result()

    def rest(self, random: Random, when: datetime) -> None:
        """What a device still holds, and all it sent before once more."""
        for phone, queue in random.sample(self.queues, len(self.queues)):
            for event in queue:
                phone.hand_in(event, when)

    # -- offices ------------------------------------------------------------------------------------------------------------
    def close(self, which: Month, *, checked: bool = True) -> None:
        """The month's close with all its signatures. ``checked``: with the checks before payment."""
        now = which.end(self.world.scheme.time_zone) + timedelta(hours=2)
        checks: month.Checks = scan if checked else lambda act, scheme, month_: None
        for _ in range(12):
            with acting(self.engine, now) as act:
                stage = month.advance(act, SCHEME, which, checks)
            if stage == "drawn":
                with acting(self.engine, now, TOWN_CLERK) as act:
                    month.verify_town(act, SCHEME, which, TOWN)
            if stage == "verified":
                with acting(self.engine, now, AFFAIRS) as act:
                    month.confirm(act, SCHEME, which)
            if stage == "closed":
                return
        raise AssertionError(f"{which} does not close")

    def book_late_voids(self, when: datetime) -> None:
        """What a device voided, but was on a statement by then, the town voids in its turn."""
        e = door_events.c
        with acting(self.engine, when, TOWN_CLERK) as act:
            late = select(e.visit_id).where(e.kind == "void", e.reason == Reason.VISIT_ON_STATEMENT.code)
            for visit_id in act.conn.execute(late).scalars().all():
                assert not isinstance(adjusting.void_visit(act, visit_id, "unfinished"), Declined)

    # -- how it stands ------------------------------------------------------------------------------------------------------
    def visits(self) -> list[tuple[object, ...]]:
        """Of each stop: how its visit stands, how long it was, what was done and what was debited; with every slip taken back."""
        return [self._visit(each, name) for each in self.stops for name in ("in", "slip") if name in each.signed]

    def _visit(self, stop: Signing, name: str) -> tuple[object, ...]:
        v, d, line = visits.c, debits.c, visit_lines.c
        id = stop.signed[name].hash[:VISIT_ID_LENGTH]
        with acting(self.engine, EVENING) as act:
            told = select(v.status, v.void_reason, v.seconds, v.duration_source, v.month, v.out_reason).where(
                v.id == id
            )
            row = act.conn.execute(told).one_or_none()
            done = select(line.item_code, line.amount_fen).where(line.visit_id == id).order_by(line.no)
            paid = select(d.total_fen, d.subsidy_fen, d.personal_fen, d.shortfall_fen)
            paid = paid.where(d.visit_id == id, d.status == "posted", v.status != "void").join(visits, v.id == id)
            order = select(work_orders.c.status).where(work_orders.c.id == stop.order)
            again = select(work_orders.c.status).where(work_orders.c.again_for_visit_id == id)
            parts = [[tuple(each) for each in act.conn.execute(query)] for query in (done, paid, order, again)]
        return (name, row and tuple(row), *parts)

    def cards(self) -> list[tuple[tuple[int, int], int]]:
        """What is left in each purse, and what was spent of the year."""
        return [(self.world.left(someone), self.world.spent(someone)) for someone in self.people]

    def statements(self, *months: Month) -> list[tuple[object, ...]]:
        """Visits, both purses, adjustments and net of each month's statements."""
        s = statements.c
        query = select(s.month, s.status, s.visits, s.subsidy_fen, s.personal_fen, s.adjustments_fen, s.net_fen)
        with acting(self.engine, EVENING) as act:
            rows = act.conn.execute(query.where(s.month.in_([str(each) for each in months])).order_by(s.month, s.id))
            return [tuple(row) for row in rows]

    def paid_in_all(self) -> tuple[int, int]:
        """What all statements come to, fen: the subsidy net of adjustments, the personal part net of what voids gave back."""
        a, line = adjustments.c, statement_lines.c
        with acting(self.engine, EVENING) as act:
            net = act.conn.execute(select(func.coalesce(func.sum(statements.c.net_fen), 0))).scalar_one()
            own = act.conn.execute(select(func.coalesce(func.sum(line.personal_fen), 0))).scalar_one()
            back = act.conn.execute(select(func.coalesce(func.sum(a.personal_fen), 0))).scalar_one()
        return int(net), int(own + back)

    # -- what holds whatever happens ----------------------------------------------------------------------------------------
    def require_sound(self) -> None:
        """The books prove themselves; every signed event has one outcome on record, and none waits; nobody paid more than was agreed to."""
        e, d = door_events.c, debits.c
        with acting(self.engine, EVENING) as act:
            assert integrity.check(act.conn) == []
            assert ledger_integrity.check(act.conn) == []
            kept = {row.id: row.status for row in act.conn.execute(select(e.id, e.status))}
            taken = act.conn.execute(select(debits).where(d.status != "declined")).all()
        assert sorted(kept) == sorted(event.hash for _, queue in self.queues for event in queue)
        assert set(kept.values()) <= {"accepted", "declined"}
        for row in taken:
            assert row.personal_fen <= row.agreed_personal_fen
            assert row.subsidy_fen + row.personal_fen + row.cash_fen <= row.agreed_fen

    def outcomes(self) -> dict[str, tuple[str, str | None]]:
        e = door_events.c
        with acting(self.engine, EVENING) as act:
            return {row.id: (row.status, row.reason) for row in act.conn.execute(select(e.id, e.status, e.reason))}


def totals(town: Town) -> list[tuple[int, int]]:
    """(subsidy, own money) taken from each card, fen."""
    d = debits.c
    sums = (func.coalesce(func.sum(d.subsidy_fen), 0), func.coalesce(func.sum(d.personal_fen), 0))
    with acting(town.engine, EVENING) as act:
        of_card: Iterable[Any] = (
            act.conn.execute(select(*sums).where(d.card_id == someone.card_id, d.status == "posted")).one()
            for someone in town.people
        )
        return [(int(row[0]), int(row[1])) for row in of_card]
