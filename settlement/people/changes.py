"""What happens to people after they are enrolled: a new level or category, death, leaving, and putting a mistake right.

News comes late, twice and contradictory. What is already on record is refused with what is known, so that the second office can see the
first one's entry; nothing is overwritten silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, or_, select, update

from settlement.act import Act
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import entitling
from settlement.people.register import chunks
from settlement.people.scope import require_theirs
from settlement.people.tables import assessments, categories, enrolment_steps, enrolments, entitlements, seniors
from settlement.periods import Month, local_date
from settlement.policy import months, store
from settlement.policy.scheme import Scheme


@dataclass(frozen=True)
class Assessment:
    senior_id: int
    level: int
    assessed_on: date
    assessor: str


def reassess(act: Act, scheme: Scheme, news: Sequence[Assessment]) -> entitling.Decided:
    """Record new ability levels of enrolled people; they count from the next month. Months that have begun are never reopened.

    Raises Refused for a day in the future or before birth, for an assessment that is on record or contradicts one of its day, or that is
    older than the newest on record.
    """
    require(act, "senior.regrade")
    add_assessments(act, scheme, news)
    return _decide_next_month(act, scheme, [each.senior_id for each in news], "level_changed")


def add_assessments(act: Act, scheme: Scheme, news: Sequence[Assessment]) -> None:
    """Record assessments without deciding what follows from them."""
    today = local_date(act.now, scheme.time_zone)
    people = _people(act, [each.senior_id for each in news])
    newest: dict[int, Any] = {}
    for part in chunks(people):
        for row in act.conn.execute(
            select(assessments)
            .where(assessments.c.senior_id.in_(part))
            .order_by(assessments.c.assessed_on, assessments.c.id)
        ):
            newest[row.senior_id] = row
    for each in news:
        require_here(people[each.senior_id])
        _require_day(people[each.senior_id], each.assessed_on, today)
        known = newest.get(each.senior_id)
        if known is not None and known.assessed_on >= each.assessed_on:
            told = f"{known.assessed_on} 等级 level {known.level}"
            if known.assessed_on > each.assessed_on:
                raise Refused(Reason.NEWS_OUTDATED, known=told)
            raise Refused(Reason.NEWS_KNOWN if known.level == each.level else Reason.NEWS_CONTRADICTS, known=told)
    rows = [
        {"senior_id": each.senior_id, "level": each.level, "assessed_on": each.assessed_on, "assessor": each.assessor}
        for each in news
    ]
    if rows:
        act.conn.execute(insert(assessments), [row | {"recorded_at": act.now} for row in rows])
        act.audit("senior.assess", _subject(people), after={"assessments": len(rows)})


def gain_category(act: Act, scheme: Scheme, senior_id: int, category: str, on: date) -> entitling.Decided:
    """Record that somebody belongs to a category from a day on. Raises Refused(NEWS_KNOWN) when they do already."""
    senior = _category_news(act, scheme, senior_id, category, on)
    held = _held(act, senior_id, category)
    if held is not None:
        raise Refused(Reason.NEWS_KNOWN, known=f"{category} {held.valid_from}")
    latest = act.conn.scalar(
        select(categories.c.valid_to)
        .where(categories.c.senior_id == senior_id, categories.c.category == category)
        .order_by(categories.c.valid_from.desc())
        .limit(1)
    )
    if latest is not None and latest > on:
        raise Refused(Reason.NEWS_CONTRADICTS, known=f"{category} – {latest}")
    act.conn.execute(insert(categories), {"senior_id": senior_id, "category": category, "valid_from": on})
    act.audit("senior.gain_category", f"senior:{senior_id}", after={"category": category, "on": on})
    return _decide_next_month(act, scheme, [senior.id], "category_changed")


def lose_category(act: Act, scheme: Scheme, senior_id: int, category: str, on: date) -> entitling.Decided:
    """Record the first day a category no longer holds. Raises Refused(NEWS_KNOWN) when it is not held."""
    senior = _category_news(act, scheme, senior_id, category, on)
    held = _held(act, senior_id, category)
    if held is None:
        raise Refused(Reason.NEWS_KNOWN, known=f"不属于该类别 not in {category}")
    if on <= held.valid_from:
        raise Refused(Reason.NEWS_CONTRADICTS, known=f"{category} {held.valid_from}")
    act.conn.execute(update(categories).where(categories.c.id == held.id).values(valid_to=on))
    act.audit("senior.lose_category", f"senior:{senior_id}", after={"category": category, "on": on})
    return _decide_next_month(act, scheme, [senior.id], "category_changed")


def died(act: Act, senior_id: int, on: date) -> None:
    """Record a death: the entitlement ends with the scheme's last month, an enrolment under way is closed.

    Cards and money are the caller's matter (``vouchers.life``). Raises Refused(NEWS_KNOWN) the second time, NEWS_CONTRADICTS with
    another date, DAY_IN_FUTURE, DAY_BEFORE_BIRTH.
    """
    require(act, "senior.change")
    senior = _people(act, [senior_id])[senior_id]
    _require_day(senior, on, local_date(act.now))
    if senior.died_on is not None:
        same = senior.died_on == on
        raise Refused(Reason.NEWS_KNOWN if same else Reason.NEWS_CONTRADICTS, known=f"去世 died {senior.died_on}")
    _remove(act, senior, "died", on)


def left(act: Act, senior_id: int, on: date) -> None:
    """Record that somebody moved away or left the scheme; ``on`` is the first day no longer served. Refusals as for :func:`died`."""
    require(act, "senior.change")
    senior = _people(act, [senior_id])[senior_id]
    _require_day(senior, on, local_date(act.now))
    if senior.died_on is not None:
        raise Refused(Reason.SENIOR_DEAD, died_on=senior.died_on)
    if senior.left_on is not None:
        same = senior.left_on == on
        raise Refused(Reason.NEWS_KNOWN if same else Reason.NEWS_CONTRADICTS, known=f"迁出 left {senior.left_on}")
    _remove(act, senior, "left", on)


def reinstate(act: Act, scheme: Scheme, senior_id: int, why: str, from_month: Month | None = None) -> entitling.Decided:
    """Take back a death or leaving that was recorded by mistake, or that is over.

    The entitlement runs again from the next month, or from ``from_month`` (at the earliest the month after it ended), when nothing was
    interrupted in truth. Raises Refused(NEWS_KNOWN) for somebody who is neither deceased nor gone.
    """
    require(act, "senior.reinstate")
    senior = _people(act, [senior_id])[senior_id]
    if senior.died_on is None and senior.left_on is None:
        raise Refused(Reason.NEWS_KNOWN, known="在册 on the register")
    ended = act.conn.execute(
        select(entitlements.c.to_month)
        .where(entitlements.c.senior_id == senior_id, entitlements.c.scheme_code == scheme.code)
        .order_by(entitlements.c.to_month.desc())
        .limit(1)
    ).scalar_one_or_none()
    first = from_month or Month.of(act.now, scheme.time_zone).next()
    if ended is not None and first <= Month.parse(ended):
        raise Refused(Reason.NEWS_CONTRADICTS, known=f"补贴发至 entitled until {ended}")
    before = {"died_on": senior.died_on, "left_on": senior.left_on}
    act.conn.execute(
        update(seniors).where(seniors.c.id == senior_id).values(died_on=None, left_on=None, status="registered")
    )
    act.audit("senior.reinstate", f"senior:{senior_id}", before=before, after={"from_month": first}, why=why)
    if ended is None:
        return entitling.Decided()  # was never entitled: applies at the next intake
    decided = entitling.decide(act, scheme, [senior_id], first, "reinstated")
    for month in _changes_cut_off(act, scheme, senior_id, first):
        entitling.decide(act, store.in_force(act.conn, scheme.code, month), [senior_id], month, "reinstated")
    return decided


def _changes_cut_off(act: Act, scheme: Scheme, senior_id: int, after: Month) -> list[Month]:
    """Later months in which a new level or category began to count, before the news ended it all."""
    e = entitlements.c
    mine = (e.senior_id == senior_id) & (e.scheme_code == scheme.code) & e.end_reason.in_(("died", "left"))
    began = select(e.from_month).where(mine, e.from_month > str(after)).distinct().order_by(e.from_month)
    return [Month.parse(month) for month in act.conn.scalars(began)]


# -- helpers ----------------------------------------------------------------------------------------------------------------


def require_here(senior: Any) -> None:
    """Raise Refused for somebody recorded as deceased or gone."""
    if senior.died_on is not None:
        raise Refused(Reason.SENIOR_DEAD, died_on=senior.died_on)
    if senior.left_on is not None:
        raise Refused(Reason.SENIOR_LEFT, left_on=senior.left_on)


def _people(act: Act, senior_ids: Iterable[int]) -> dict[int, Any]:
    """Their rows, held: of two offices with news of one person the second finds what the first put on record."""
    wanted = sorted(set(senior_ids))
    found: dict[int, Any] = {}
    for part in chunks(wanted):
        held = select(seniors).where(seniors.c.id.in_(part)).order_by(seniors.c.id).with_for_update(key_share=True)
        for row in act.conn.execute(held):
            found[row.id] = row
    missing = [id_ for id_ in wanted if id_ not in found]
    if missing:
        raise Refused(Reason.NOT_FOUND, what=f"senior {missing[0]}")
    require_theirs(act, found.values())
    return found


def _require_day(senior: Any, on: date, today: date) -> None:
    if on > today:
        raise Refused(Reason.DAY_IN_FUTURE, day=on)
    if on < senior.birth_date:
        raise Refused(Reason.DAY_BEFORE_BIRTH, day=on)


def _category_news(act: Act, scheme: Scheme, senior_id: int, category: str, on: date) -> Any:
    require(act, "senior.regrade")
    known = [each.code for each in scheme.categories]
    if category not in known:
        raise Refused(Reason.BAD_INPUT, detail=f"{category}: {', '.join(known)}")
    senior = _people(act, [senior_id])[senior_id]
    require_here(senior)
    _require_day(senior, on, local_date(act.now, scheme.time_zone))
    return senior


def _held(act: Act, senior_id: int, category: str) -> Any:
    return act.conn.execute(
        select(categories).where(
            categories.c.senior_id == senior_id, categories.c.category == category, categories.c.valid_to.is_(None)
        )
    ).one_or_none()


def _decide_next_month(act: Act, scheme: Scheme, senior_ids: Iterable[int], reason: str) -> entitling.Decided:
    """Only people with an entitlement are decided anew: a change never enrols anybody."""
    first = Month.of(act.now, scheme.time_zone).next()
    enrolled: list[int] = []
    for part in chunks(senior_ids):
        enrolled += act.conn.scalars(
            select(entitlements.c.senior_id)
            .where(
                entitlements.c.senior_id.in_(part),
                entitlements.c.scheme_code == scheme.code,
                entitlements.c.to_month.is_(None),
            )
            .order_by(entitlements.c.senior_id)
        )
    return entitling.decide(act, scheme, enrolled, first, reason)


def _remove(act: Act, senior: Any, reason: str, on: date) -> None:
    column = "died_on" if reason == "died" else "left_on"
    act.conn.execute(update(seniors).where(seniors.c.id == senior.id).values({column: on, seniors.c.status: "removed"}))
    month = str(Month.of(on))
    rows = act.conn.execute(
        select(entitlements.c.id, entitlements.c.scheme_code).where(
            entitlements.c.senior_id == senior.id,
            or_(entitlements.c.to_month.is_(None), entitlements.c.to_month >= month),
        )
    ).all()
    for code in sorted({row.scheme_code for row in rows}):
        last = months.last_month(store.in_force(act.conn, code, Month.of(on)), on)
        entitling.end_rows(act, [row.id for row in rows if row.scheme_code == code], last, reason)
    _close_enrolments(act, senior.id, reason, on)
    act.audit(f"senior.{reason}", f"senior:{senior.id}", after={column: on})


def _close_enrolments(act: Act, senior_id: int, reason: str, on: date) -> None:
    under_way = act.conn.execute(
        select(enrolments.c.id, enrolments.c.step).where(
            enrolments.c.senior_id == senior_id, enrolments.c.step.not_in(("done", "refused"))
        )
    ).all()
    for row in under_way:
        closed = {"step": "refused", "completed_on": local_date(act.now), "due_on": None}
        act.conn.execute(update(enrolments).where(enrolments.c.id == row.id).values(closed))
        act.conn.execute(
            insert(enrolment_steps),
            {"enrolment_id": row.id, "step": row.step, "outcome": "refused", "actor": act.actor.id}
            | {"at": act.now, "reason": f"{reason} {on}"},
        )


def _subject(people: dict[int, Any]) -> str:
    ids = sorted(people)
    return f"senior:{ids[0]}" if len(ids) == 1 else f"seniors:{ids[0]}-{ids[-1]}"
