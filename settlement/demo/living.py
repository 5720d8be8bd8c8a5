"""A month lived: the diary's visits carried out in the order of time, and what else happens to people and cards.

Most visits go through the same domain calls as the gateway's; those of a few caregivers go over real HTTP with signed requests
(``doorway``). Nothing is written past the calls: what they decline stays declined and is counted.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from settlement.act import SYSTEM, Act, begin
from settlement.cards import book, registry
from settlement.cards.tables import cards, media
from settlement.closing import adjusting
from settlement.db import reading
from settlement.demo import diary, offices
from settlement.demo.diary import Entry, Home
from settlement.demo.doorway import Doorway
from settlement.demo.founding import World, moment
from settlement.officers import actor
from settlement.outcomes import Declined, Reason
from settlement.people import changes
from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.visits import orders, service
from settlement.visits.debiting import debit
from settlement.visits.forms import CheckedOut, CheckIn, CheckOut, Debit, DebitRequest, Line
from settlement.vouchers import life

AGAIN_AFTER = timedelta(days=2)
AGAIN_AT = 17, 45
SHARE_OF_DEATHS, SHARE_OF_MOVES, SHARE_OF_LOSSES, SHARE_OF_RAISES = 0.003, 0.001, 0.002, 0.004
VISITS_PER_TRICK = 600


@dataclass
class Tally:
    """What the demo counted while the month was lived."""

    entries: int = 0
    over_http: int = 0
    repeats: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    tricks: dict[str, str] = field(default_factory=dict)
    """Visit id -> the trick, for those that the server took in."""
    tricks_refused: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


Run = Callable[[Act], None]


class Agenda:
    """Everything that will happen, in the order of time; ``remote`` things talk to the server themselves and need no transaction of ours."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Run | None, Callable[[datetime], None] | None]] = []
        self._count = 0

    def add(self, when: datetime, run: Run) -> None:
        self._push(when, run, None)

    def add_remote(self, when: datetime, run: Callable[[datetime], None]) -> None:
        self._push(when, None, run)

    def _push(self, when: datetime, run: Run | None, remote: Callable[[datetime], None] | None) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, run, remote))

    def live_until(self, world: World, end: datetime, tick: Callable[[], None]) -> None:
        """Do everything due before ``end``. What lies together on a day shares a transaction."""
        while self._heap and self._heap[0][0] < end:
            if self._heap[0][2] is None:
                when, _, _, remote = heapq.heappop(self._heap)
                if remote is not None:
                    remote(when)
                tick()
                continue
            with begin(world.engine, SYSTEM, self._heap[0][0]) as act:
                day = self._heap[0][0].date()
                while self._heap and self._heap[0][0] < end and self._heap[0][0].date() == day:
                    when, _, run, _ = self._heap[0]
                    if run is None:
                        break
                    heapq.heappop(self._heap)
                    run(replace(act, now=when))
                    tick()


class Life:
    """The county's life, month by month."""

    def __init__(self, world: World, doorway: Doorway) -> None:
        self.world = world
        self.doorway = doorway
        self.agenda = Agenda()
        self.tally = Tally()
        self._media: dict[int, int] = {}
        self._gone: dict[int, date] = {}
        self._unreported: list[tuple[int, date]] = []
        self._lost_on: list[tuple[int, date]] = []
        self._read: dict[str, int] = {}
        self._shown: dict[str, int] = {}
        self._spare = {home.senior_id for home in world.homes if home.spare}

    # -- planning ------------------------------------------------------------------------------------------------------
    def plan_month(self, month: Month) -> int:
        """Put a month on the agenda; how many things that is."""
        rng = self.world.rng(f"life/{month}")
        self._media = self._read_media()
        self._plan_news(month)
        homes = [home for home in self.world.homes if self._gone.get(home.senior_id, date.max) > month.first_day]
        entries = diary.month_of_visits(rng, month, homes, self.world.carers, self._gone)
        entries, tricks = self._play_tricks(rng, month, entries, homes)
        self._order_ahead(month, entries)
        for entry in entries:
            if self.doorway.carries(entry):
                self.agenda.add_remote(entry.start, lambda when, entry=entry: self._over_http(entry))  # type: ignore[misc]
            else:
                self._plan_visit(entry, f"O-{entry.id}")
        for entry in tricks:
            self._plan_visit(entry, None)
        self.tally.entries += len(entries) + len(tricks)
        return len(entries) + len(tricks)

    def _play_tricks(
        self, rng: random.Random, month: Month, entries: list[Entry], homes: list[Home]
    ) -> tuple[list[Entry], list[Entry]]:
        """Dishonest visits beside the honest ones, and two caregivers whose habits are; so many per month by its size."""
        makers = diary.Tricks(rng, month, entries, homes)
        tricks = list(makers.all(max(1, len(entries) // VISITS_PER_TRICK)))
        homes_by_id = {home.senior_id: home for home in self.world.homes}
        for senior_id, day in self._unreported:
            tricks += makers.ghost(homes_by_id[senior_id], day)
        for senior_id, day in self._lost_on:
            for entry in makers.old_code(homes_by_id[senior_id], day):
                self._read[entry.id] = self._media[senior_id]
                tricks.append(entry)
        busiest = [carer for carer, _ in Counter(entry.carer for entry in entries).most_common(2)]
        if month.number == 8:
            entries = diary.cut_short(rng, entries, busiest[0])
        if month.number == 9:
            entries = diary.hoard(rng, entries, busiest[-1])
        return entries, tricks

    def _read_media(self) -> dict[int, int]:
        query = select(cards.c.senior_id, media.c.id).join(cards, cards.c.id == media.c.card_id)
        with reading(self.world.engine) as conn:
            return {row.senior_id: row.id for row in conn.execute(query.where(media.c.dead_from.is_(None)))}

    def _order_ahead(self, month: Month, entries: list[Entry]) -> None:
        """Providers plan the month's work orders before it begins (notice 5(1)2: visits are booked)."""
        for provider_id in self.world.providers:
            plans = [
                orders.Plan(
                    id=f"O-{entry.id}",
                    provider_id=provider_id,
                    senior_id=entry.home.senior_id,
                    planned_start=entry.start,
                    planned_minutes=60,
                    items=entry.items,
                    caregiver_id=entry.carer.caregiver_id,
                )
                for entry in entries
                if entry.carer.provider_id == provider_id
            ]
            if plans:
                with self.world.acting(
                    offices.provider_officer(provider_id), moment(month.previous().first_day, 17)
                ) as act:
                    orders.plan_many(act, plans)

    def _plan_visit(self, entry: Entry, order_id: str | None) -> None:
        start, end, paid = entry.start, entry.end, entry.end + timedelta(minutes=2)
        if entry.arrives is not None:
            start = end = paid = entry.arrives
        if entry.mishap == "nobody_home":
            self.agenda.add(start, lambda act: self._nobody_home(act, entry, order_id))
            return
        self.agenda.add(start, lambda act: self._check_in(act, entry, order_id))
        if entry.mishap != "no_check_out":
            self.agenda.add(end, lambda act: self._check_out(act, entry))
            if entry.mishap != "no_debit":
                self.agenda.add(paid, lambda act: self._debit(act, entry))
        if entry.mishap == "repeated":
            self.agenda.add(paid + timedelta(minutes=7), lambda act: self._send_again(act, entry, order_id))
        if entry.mishap == "substandard":
            self.agenda.add(paid + timedelta(hours=20), lambda act: self._void(act, entry, "substandard"))
        if entry.mishap == "void_later":
            closed = Month.of(entry.start).next()
            self.agenda.add(
                moment(date(closed.year, closed.number, 12), 10), lambda act: self._void(act, entry, "not_as_agreed")
            )

    # -- visits --------------------------------------------------------------------------------------------------------
    def _form_in(self, entry: Entry, order_id: str | None) -> CheckIn:
        return CheckIn(
            visit_id=entry.id,
            caregiver_id=entry.carer.caregiver_id,
            method="card_qr",
            occurred_at=entry.start,
            medium_id=self._medium(entry),
            order_id=order_id,
            place=entry.place,
        )

    def _medium(self, entry: Entry) -> int:
        """The piece of card that was read at check-in; a repeat names the same, even when the card was replaced since."""
        return self._read.setdefault(entry.id, self._media[entry.home.senior_id])

    def _form_out(self, entry: Entry) -> CheckOut:
        return CheckOut(
            visit_id=entry.id,
            caregiver_id=entry.carer.caregiver_id,
            lines=tuple(Line(item=item) for item in entry.items),
            method="card_qr",
            occurred_at=entry.end,
            medium_id=self._medium(entry),
            place=entry.place,
        )

    def _form_debit(self, entry: Entry, total: int, attempt: int = 1, cash: int = 0) -> DebitRequest:
        own = total - cash if entry.home.senior_id in self._spare else 0
        return DebitRequest(
            id=f"D-{entry.id}" + (f"-{attempt}" if attempt > 1 else ""),
            visit_id=entry.id,
            consent="card_qr",
            occurred_at=entry.end + timedelta(minutes=2),
            total_fen=total,
            confirm_personal_fen=own,
            cash_fen=cash,
            receipt_no=f"R-{entry.id}" if cash else None,
            medium_id=self._medium(entry),
        )

    def _check_in(self, act: Act, entry: Entry, order_id: str | None) -> None:
        answer = service.check_in(act, self._form_in(entry, order_id))
        if isinstance(answer, Declined):
            self._count_refusal(entry, answer)
        elif entry.trick:
            self.tally.tricks[entry.id] = entry.trick

    def _check_out(self, act: Act, entry: Entry) -> None:
        answer = service.check_out(act, self._form_out(entry))
        if isinstance(answer, Declined):
            if answer.reason is not Reason.VISIT_UNKNOWN:  # its check-in was refused already
                self._count_refusal(entry, answer)
        elif answer.again_order_id is not None:
            self._plan_again(act, entry, answer)
        elif answer.visit.status == "served":
            self._shown[entry.id] = answer.total_fen

    def _plan_again(self, act: Act, entry: Entry, out: CheckedOut) -> None:
        """A void visit is to be given again: in the evening two days later, by the same caregiver."""
        self.tally.events["too_short"] += 1
        evening = (act.now + AGAIN_AFTER).replace(hour=AGAIN_AT[0], minute=AGAIN_AT[1])
        if evening.isoweekday() > diary.WORKING_WEEK:
            evening += timedelta(days=1)
        again = replace(entry, id=f"{entry.id}A", start=evening, seconds=3_900, mishap="", arrives=None)
        self._plan_visit(again, out.again_order_id)

    def _debit(self, act: Act, entry: Entry) -> None:
        total = self._shown.get(entry.id)
        if total is None:  # refused, void, or not checked out
            return
        answer = debit(act, self._form_debit(entry, total))
        if isinstance(answer, Declined) and answer.reason is Reason.INSUFFICIENT_FUNDS:
            self.tally.events["purse_ran_out"] += 1
            short = int(answer.details.get("missing", total))
            answer = debit(act, self._form_debit(entry, total, 2, cash=short))
        if isinstance(answer, Declined):
            self._count_refusal(entry, answer)

    def _send_again(self, act: Act, entry: Entry, order_id: str | None) -> None:
        """A queue sent twice: the server must answer the same and write nothing."""
        first = service.check_in(act, self._form_in(entry, order_id))
        out = service.check_out(act, self._form_out(entry))
        if isinstance(first, Declined) or isinstance(out, Declined):
            return
        again = debit(act, self._form_debit(entry, out.total_fen))
        if isinstance(again, Debit):
            self.tally.repeats += 1

    def _void(self, act: Act, entry: Entry, reason: str) -> None:
        by = actor(act.conn, offices.provider_officer(entry.carer.provider_id))
        answer = adjusting.void_visit(replace(act, actor=by), entry.id, reason)
        if not isinstance(answer, Declined):
            self.tally.events[reason] += 1

    def _nobody_home(self, act: Act, entry: Entry, order_id: str | None) -> None:
        if order_id is not None:
            by = actor(act.conn, offices.provider_officer(entry.carer.provider_id))
            orders.not_served(replace(act, actor=by), order_id, "nobody_home", entry.start)
            self.tally.events["nobody_home"] += 1

    def _count_refusal(self, entry: Entry, answer: Declined) -> None:
        if entry.trick:
            self.tally.tricks_refused[f"{entry.trick}: {answer.reason.code}"] += 1
        else:
            self.tally.refused[answer.reason.code] += 1

    def _over_http(self, entry: Entry) -> None:
        self.tally.over_http += 1
        for code in self.doorway.serve(entry, f"O-{entry.id}"):
            self.tally.refused[code] += 1

    # -- news ----------------------------------------------------------------------------------------------------------
    def _plan_news(self, month: Month) -> None:
        """Deaths, moves, lost cards and new assessments; some deaths reach the offices only weeks later."""
        rng = self.world.rng(f"news/{month}")
        here = [home.senior_id for home in self.world.homes if home.senior_id not in self._gone]
        days = (month.end_day - month.first_day).days

        def some(share: float) -> list[tuple[int, date]]:
            picked = rng.sample(here, max(1, round(len(here) * share)))
            return [(id, month.first_day + timedelta(days=rng.randrange(2, days - 3))) for id in picked]

        self._unreported, self._lost_on = [], []
        for number, (senior_id, day) in enumerate(some(SHARE_OF_DEATHS)):
            self._gone[senior_id] = day
            if number % 4 == 0:
                self._unreported.append((senior_id, day))
            learnt = moment(day + timedelta(days=25 if number % 4 == 0 else 2), 11)
            self.agenda.add(learnt, lambda act, id=senior_id, day=day: self._died(act, id, day))  # type: ignore[misc]
        for senior_id, day in some(SHARE_OF_MOVES):
            if senior_id not in self._gone:
                self._gone[senior_id] = day
                self.agenda.add(moment(day, 11), lambda act, id=senior_id, day=day: self._left(act, id, day))  # type: ignore[misc]
        for senior_id, day in some(SHARE_OF_LOSSES):
            if senior_id in self._gone:
                continue
            self._lost_on.append((senior_id, day))
            self.agenda.add(moment(day, 8), lambda act, id=senior_id: self._lost(act, id))  # type: ignore[misc]
            self.agenda.add(moment(day + timedelta(days=2), 8), lambda act, id=senior_id: self._replaced(act, id))  # type: ignore[misc]
        for senior_id, day in some(SHARE_OF_RAISES):
            self.agenda.add(moment(day, 16), lambda act, id=senior_id: self._reassessed(act, id))  # type: ignore[misc]

    def _died(self, act: Act, senior_id: int, day: date) -> None:
        life.learn_of_death(replace(act, actor=actor(act.conn, "ca.lin")), senior_id, day)
        self.tally.events["deaths"] += 1

    def _left(self, act: Act, senior_id: int, day: date) -> None:
        life.learn_of_leaving(replace(act, actor=actor(act.conn, "ca.lin")), senior_id, day)
        self.tally.events["moves"] += 1

    def _lost(self, act: Act, senior_id: int) -> None:
        if senior_id not in self._gone:
            registry.report_lost(replace(act, actor=actor(act.conn, "counter.tang")), self.world.cards[senior_id])
            self.tally.events["cards_lost"] += 1

    def _replaced(self, act: Act, senior_id: int) -> None:
        if senior_id in self._gone:
            return
        counter = replace(act, actor=actor(act.conn, "counter.tang"))
        registry.replace(counter, self.world.ring, self.world.cards[senior_id])
        medium = book.live_medium(act.conn, self.world.cards[senior_id])
        if medium is not None:
            self._media[senior_id] = medium.id

    def _reassessed(self, act: Act, senior_id: int) -> None:
        e = entitlements.c
        query = select(e.level).where(e.senior_id == senior_id, e.to_month.is_(None), e.benefit == "needy")
        level = act.conn.execute(query).scalar_one_or_none()
        if level is None or level >= 3 or senior_id in self._gone:
            return
        news = changes.Assessment(senior_id, level + 1, act.now.date(), "江都区第三方评估(示例)")
        changes.reassess(replace(act, actor=actor(act.conn, "ca.lin")), self.world.scheme, [news])
        self.tally.events["reassessed"] += 1
