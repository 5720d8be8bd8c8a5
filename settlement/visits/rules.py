"""The rules of a visit as pure functions: how long it lasted, whether that is enough, whether two are in each other's way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from settlement.policy.scheme import Scheme
from settlement.policy.tariff import Price

HOME_VISIT = "home_visit"


@dataclass(frozen=True)
class Moment:
    """One end of a visit. ``boot`` names the device's run since power-on, ``mono_ms`` its monotonic clock in that run."""

    at: datetime
    device_id: str | None
    boot: str | None
    mono_ms: int | None


def duration(start: Moment, end: Moment) -> tuple[int, str]:
    """Whole seconds, rounded down (59:59.9 is not 60 minutes), and the clock they come from.

    ``monotonic`` where both ends share a device and its run since power-on: nobody can set that clock. Else ``clock``: the difference of the
    times shown. Below zero when the end lies before the start.
    """
    same_run = start.boot is not None and (start.device_id, start.boot) == (end.device_id, end.boot)
    if same_run and start.mono_ms is not None and end.mono_ms is not None:
        return (end.mono_ms - start.mono_ms) // 1000, "monotonic"
    return (end.at - start.at) // timedelta(seconds=1), "clock"


def minimum_seconds(scheme: Scheme, items: Iterable[Price]) -> int:
    """What a visit with these items must last: the scheme's time for a home visit, or the longest that an item needs for itself.

    An hour may cover several items, so times are not added up.
    """
    least = 0
    for item in items:
        own = item.min_minutes
        least = max(least, own, scheme.visits.duration.minutes if item.evidence_kind == HOME_VISIT else 0)
    return least * 60


def clock_tolerance(scheme: Scheme) -> timedelta:
    """By so much may a device's clock differ from ours."""
    return timedelta(minutes=scheme.door.offline.clock_off_minutes)


def at_the_door(scheme: Scheme, occurred_at: datetime, now: datetime) -> bool:
    """Whether our answer still reaches the people at the door; otherwise the event was queued without signal."""
    return now - occurred_at <= clock_tolerance(scheme)


def ahead(scheme: Scheme, occurred_at: datetime, now: datetime) -> bool:
    return occurred_at - now > clock_tolerance(scheme)


def too_old(scheme: Scheme, occurred_at: datetime, now: datetime) -> bool:
    return now - occurred_at > timedelta(days=scheme.door.offline.oldest_days)


@dataclass(frozen=True)
class Other:
    """Another visit of the same caregiver or senior. ``end`` None: not checked out as far as we know."""

    id: str
    start: datetime
    end: datetime | None
    same_device: bool


def in_the_way(scheme: Scheme, at: datetime, now: datetime, others: Iterable[Other]) -> str | None:
    """The visit that a check-in at ``at`` collides with, or None. Clocks may differ a little, so that much overlap is let pass.

    A visit that is not checked out is in the way for good on the same device, whose events reach us in order. On another device its
    check-out may still be queued: after the scheme's minimum it may have ended. An event that was queued itself is not declined here, for
    nobody can be told any more: overlaps in the books are stopped before payment (``fraud``: caregiver_overlap, senior_overlap) and a
    person decides. So late uploads give the same books in whatever order they arrive.
    """
    if not at_the_door(scheme, at, now):
        return None
    slack, least = clock_tolerance(scheme), timedelta(minutes=scheme.visits.duration.minutes)
    for other in others:
        end = other.end
        if end is None and not other.same_device:
            end = other.start + least
        if other.start - slack <= at and (end is None or at < end - slack):
            return other.id
    return None
