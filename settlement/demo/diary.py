"""The diary of a month: which visits take place, when, by whom, and what goes wrong with some of them.

Pure: it plans, others carry it out. Honest visits never collide: a caregiver has four slots a day with time to travel between them. What
goes wrong is drawn at rates that resemble a county's; what is dishonest is put in on purpose and remembered, so that the demo can say how
much of it was stopped and how many honest visits were hit.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from settlement.periods import SHANGHAI, Month
from settlement.visits.places import Place

SLOTS = (time(8, 0), time(10, 0), time(13, 30), time(15, 30))
WORKING_WEEK = 6
NEIGHBOURS_NEEDED = 6

# What is bought together, by the letters of the price list; every basket takes an hour or more.
BASKETS: tuple[tuple[str, ...], ...] = (
    ("ZC01", "DB01"),
    ("ZJ01", "ZL01"),
    ("ZJ03",),
    ("ZJ02", "ZC02"),
    ("JS02", "DB02"),
    ("ZL03",),
    ("ZJ01", "DB01"),
    ("JS02", "ZL02"),
)
OWN_MONEY_BASKET = ("ZF01",)

# Per visit; the rest goes as it should.
MISHAPS: tuple[tuple[str, float], ...] = (
    ("short", 0.008),
    ("nobody_home", 0.006),
    ("no_debit", 0.003),
    ("no_check_out", 0.002),
    ("substandard", 0.005),
    ("void_later", 0.002),
    ("late", 0.03),
    ("repeated", 0.01),
    ("very_late", 0.002),
)


@dataclass(frozen=True)
class Home:
    """A senior as the diary sees them: ``visits`` a month are due; ``spare``: buys more with own money now and then."""

    senior_id: int
    town: str
    latitude_e7: int
    longitude_e7: int
    visits: int
    spare: bool


@dataclass(frozen=True)
class Carer:
    caregiver_id: int
    provider_id: int
    town: str


@dataclass(frozen=True)
class Entry:
    """One visit as it will happen. ``seconds`` long; ``arrives``: when our server learns of it (with a signal: at once).

    ``mishap``: what goes wrong honestly; ``trick``: what is dishonest. ``place``: where the phone really is.
    """

    id: str
    home: Home
    carer: Carer
    start: datetime
    seconds: int
    items: tuple[str, ...]
    place: Place
    mishap: str = ""
    trick: str = ""
    arrives: datetime | None = None

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


def month_of_visits(
    rng: random.Random, month: Month, homes: Sequence[Home], carers: Sequence[Carer], last_day: Mapping[int, date]
) -> list[Entry]:
    """The honest visits of a month, in order of time. ``last_day``: of seniors who die or leave in it."""
    free = _free_slots(rng, month, carers)
    entries: list[Entry] = []
    for home in homes:
        days = month.end_day - month.first_day
        for number in range(home.visits + (1 if home.spare and rng.random() < 0.3 else 0)):
            target = month.first_day + days * (number + rng.random()) / (home.visits + 1)
            slot = _nearest(
                free[home.town], target, {entry.start.date() for entry in entries[-8:] if entry.home is home}
            )
            if slot is None:
                continue
            start, carer = slot
            if home.senior_id in last_day and start.date() >= last_day[home.senior_id]:
                continue
            own = home.spare and number >= home.visits
            entries.append(_entry(rng, f"V{month}-{len(entries) + 1:05d}", home, carer, start, own))
    return sorted(entries, key=lambda entry: (entry.start, entry.id))


def _entry(rng: random.Random, id: str, home: Home, carer: Carer, start: datetime, own: bool) -> Entry:
    items = OWN_MONEY_BASKET if own else rng.choice(BASKETS)
    mishap, draw = "", rng.random()
    for name, rate in MISHAPS:
        draw -= rate
        if draw < 0:
            mishap = name
            break
    if mishap == "no_check_out" and start.time() < SLOTS[-1]:
        mishap = ""  # at the next door the device would ask for it; forgotten for good is only the last of a day
    seconds = rng.choice((1_800, 2_700, 3_540)) if mishap == "short" else int(rng.triangular(3_630, 5_400, 4_000))
    entry = Entry(id, home, carer, start, seconds, items, near(rng, home, 60), mishap)
    if mishap == "late":
        return replace(entry, arrives=entry.end + timedelta(hours=rng.randint(5, 90)))
    if mishap == "very_late":
        return replace(entry, arrives=entry.end + timedelta(days=rng.randint(12, 28)))
    return entry


def near(rng: random.Random, home: Home, metres: int) -> Place:
    """Where a phone says it is, within so many metres of the home; 0.0001 degree is about 11 metres."""
    reach = metres * 90
    return Place(
        home.latitude_e7 + rng.randint(-reach, reach),
        home.longitude_e7 + rng.randint(-reach, reach),
        rng.randint(4, 35),
    )


def _free_slots(
    rng: random.Random, month: Month, carers: Sequence[Carer]
) -> dict[str, dict[date, list[tuple[datetime, Carer]]]]:
    free: dict[str, dict[date, list[tuple[datetime, Carer]]]] = defaultdict(lambda: defaultdict(list))
    for offset in range((month.end_day - month.first_day).days):
        day = month.first_day + timedelta(days=offset)
        if day.isoweekday() > WORKING_WEEK:
            continue
        for carer in carers:
            for slot in SLOTS:
                start = datetime.combine(day, slot, SHANGHAI) + timedelta(
                    minutes=rng.randint(0, 12), seconds=rng.randint(0, 59)
                )
                free[carer.town][day].append((start, carer))
    for days in free.values():
        for slots in days.values():
            rng.shuffle(slots)
    return free


def _nearest(
    free: dict[date, list[tuple[datetime, Carer]]], target: date, taken: set[date]
) -> tuple[datetime, Carer] | None:
    for day in sorted((day for day in free if free[day] and day not in taken), key=lambda day: abs(day - target)):
        return free[day].pop()
    return None


# -- tricks ------------------------------------------------------------------------------------------------------------------


class Tricks:
    """Dishonest visits for a month, made from its honest ones. Each is told to the server late, as a queue without signal would be, because
    what is refused at once at the door never reaches the books.
    """

    def __init__(self, rng: random.Random, month: Month, honest: Sequence[Entry], homes: Sequence[Home]) -> None:
        self._rng = rng
        self._month = month
        neighbours = Counter(home.town for home in homes)
        self._honest = [e for e in honest if not e.mishap and neighbours[e.home.town] >= NEIGHBOURS_NEEDED]
        self._homes = homes
        self._made = 0

    def all(self, per_kind: int) -> Iterator[Entry]:
        if not self._honest:
            return
        makers = (
            self._two_places,
            self._served_twice,
            self._too_far,
            self._from_the_office,
            self._cards_in_a_row,
            self._long_day,
        )
        for maker in makers:
            for _ in range(per_kind):
                yield from maker()

    def _new(
        self, trick: str, like: Entry, home: Home, start: datetime, *, place: Place | None = None, minutes: int = 65
    ) -> Entry:
        self._made += 1
        items = ("ZL03",)
        entry = Entry(f"X{self._month}-{self._made:03d}", home, like.carer, start, minutes * 60 + self._rng.randint(0, 59), items,
                      place or near(self._rng, home, 50), trick=trick)  # fmt: skip
        return replace(entry, arrives=entry.end + timedelta(hours=self._rng.randint(3, 20)))

    def _somebody(self, town: str, but: Iterable[int]) -> Home:
        avoid = set(but)
        return self._rng.choice([home for home in self._homes if home.town == town and home.senior_id not in avoid])

    def _pick(self) -> Entry:
        return self._rng.choice(self._honest)

    def _two_places(self) -> Iterator[Entry]:
        like = self._pick()
        other = self._somebody(like.home.town, [like.home.senior_id])
        yield self._new("caregiver_overlap", like, other, like.start + timedelta(minutes=20))

    def _served_twice(self) -> Iterator[Entry]:
        like = self._pick()
        colleagues = {e.carer for e in self._honest if e.carer.town == like.carer.town and e.carer != like.carer}
        if colleagues:
            colleague = self._rng.choice(sorted(colleagues, key=lambda carer: carer.caregiver_id))
            entry = self._new("senior_overlap", like, like.home, like.start + timedelta(minutes=15))
            yield replace(entry, carer=colleague)

    def _too_far(self) -> Iterator[Entry]:
        """Ten kilometres away three minutes later."""
        like = self._pick()
        far = [h for h in self._homes if h.town == like.home.town]
        home = max(
            far, key=lambda h: abs(h.latitude_e7 - like.home.latitude_e7) + abs(h.longitude_e7 - like.home.longitude_e7)
        )
        yield self._new("impossible_travel", like, home, like.end + timedelta(minutes=1))

    def _from_the_office(self) -> Iterator[Entry]:
        like = self._pick()
        home = self._somebody(like.home.town, [like.home.senior_id])
        start = datetime.combine(like.start.date(), time(18, 0), SHANGHAI) + timedelta(minutes=self._rng.randint(0, 30))
        office = Place(home.latitude_e7 + 300_000, home.longitude_e7 + 250_000, 20)
        yield self._new("far_from_address", like, home, start, place=office)

    def _cards_in_a_row(self) -> Iterator[Entry]:
        """Somebody collected the cards: four visits of different staff end within minutes at one spot."""
        like = self._pick()
        carers = sorted(
            {e.carer for e in self._honest if e.carer.town == like.carer.town}, key=lambda c: c.caregiver_id
        )
        start = datetime.combine(like.start.date(), time(18, 10), SHANGHAI)
        used: list[int] = []
        for number, carer in enumerate(carers[:4]):
            home = self._somebody(like.home.town, used)
            used.append(home.senior_id)
            spot = Place(like.home.latitude_e7, like.home.longitude_e7, 10)
            entry = self._new("cards_at_one_place", like, home, start + timedelta(minutes=2 * number), place=spot)
            yield replace(entry, carer=carer)

    def _long_day(self) -> Iterator[Entry]:
        """More hours than a person works: before dawn and until midnight, on top of the day's own visits."""
        like = self._pick()
        used: list[int] = [like.home.senior_id]
        for begins, minutes in ((time(5, 0), 170), (time(17, 30), 110), (time(19, 25), 125), (time(21, 35), 135)):
            home = self._somebody(like.home.town, used)
            used.append(home.senior_id)
            start = datetime.combine(like.start.date(), begins, SHANGHAI)
            yield self._new("long_day", like, home, start, minutes=minutes)

    def ghost(self, home: Home, died_on: date) -> Iterator[Entry]:
        """Nobody has told the offices yet that somebody died; the visits go on."""
        colleagues = [e.carer for e in self._honest if e.carer.town == home.town]
        if colleagues:
            like = self._pick()
            start = datetime.combine(died_on + timedelta(days=5), time(18, 40), SHANGHAI)
            entry = self._new("after_death", like, home, start)
            yield replace(entry, carer=self._rng.choice(colleagues), arrives=None)

    def old_code(self, home: Home, lost_on: date) -> Iterator[Entry]:
        """The code of a card that was reported lost, from a photograph."""
        colleagues = [e for e in self._honest if e.carer.town == home.town]
        if colleagues:
            start = datetime.combine(lost_on + timedelta(days=4), time(18, 5), SHANGHAI)
            yield self._new("replaced_card", self._rng.choice(colleagues), home, start)


def cut_short(rng: random.Random, entries: Sequence[Entry], carer: Carer) -> list[Entry]:
    """One caregiver leaves everywhere as soon as the hour is full."""
    return [
        replace(e, seconds=rng.randint(3_602, 3_690), trick="just_over_minimum")
        if e.carer == carer and not e.mishap
        else e
        for e in entries
    ]


def hoard(rng: random.Random, entries: Sequence[Entry], carer: Carer) -> list[Entry]:
    """One caregiver keeps most uploads back for days."""
    return [
        replace(e, arrives=e.end + timedelta(hours=rng.randint(30, 80)), trick="late_uploads")
        if e.carer == carer and not e.mishap and rng.random() < 0.6
        else e
        for e in entries
    ]
