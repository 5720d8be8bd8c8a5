"""From facts to entitlement rows: what each person gets from which month on, with the explanation they are owed.

A row is never changed but for its end, and nothing is deleted: what was issued under it stays explained. What a month gives is judged by
the facts of the last day before it (:func:`settlement.policy.eligibility.reckoning_day`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from settlement.act import Act
from settlement.people.register import chunks
from settlement.people.tables import assessments, categories, entitlements, seniors
from settlement.periods import Month
from settlement.policy.eligibility import Denial, PersonFacts, reckoning_day
from settlement.policy.entitlement import Entitlement, entitlement
from settlement.policy.scheme import Scheme

MONTHS_BACK = 12


@dataclass
class Decided:
    """``begun``: people with a new row; ``ended``: those whose row was closed (also where another follows); ``unchanged``;
    ``without``: those who get nothing, with the reason against each benefit."""

    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    without: dict[int, tuple[Denial, ...]] = field(default_factory=dict)


def facts_of(conn: Connection, senior_ids: Sequence[int], on: date) -> dict[int, PersonFacts]:
    """What was known of each person as it stood on a day. Unknown ids are left out.

    Who is on the roster is registered here until recorded as having left; without a date of residence, always was.
    """
    held: dict[int, set[str]] = defaultdict(set)
    for row in conn.execute(
        select(categories.c.senior_id, categories.c.category).where(
            categories.c.senior_id.in_(senior_ids),
            categories.c.valid_from <= on,
            or_(categories.c.valid_to.is_(None), categories.c.valid_to > on),
        )
    ):
        held[row.senior_id].add(row.category)
    latest: dict[int, tuple[int, date]] = {}
    for assessed in conn.execute(
        select(assessments.c.senior_id, assessments.c.level, assessments.c.assessed_on)
        .where(assessments.c.senior_id.in_(senior_ids), assessments.c.assessed_on <= on)
        .order_by(assessments.c.assessed_on, assessments.c.id)
    ):
        latest[assessed.senior_id] = (assessed.level, assessed.assessed_on)
    found = {}
    for senior in conn.execute(select(seniors).where(seniors.c.id.in_(senior_ids))):
        level, assessed_on = latest.get(senior.id, (None, None))
        found[senior.id] = PersonFacts(
            birth_date=senior.birth_date,
            categories=frozenset(held[senior.id]),
            ability_level=level,
            assessed_on=assessed_on,
            residence_since=senior.resident_since or senior.registered_since or senior.birth_date,
            registered_here=senior.left_on is None or senior.left_on > on,
            alive=senior.died_on is None or senior.died_on > on,
        )
    return found


def decide(act: Act, scheme: Scheme, senior_ids: Iterable[int], from_month: Month, reason: str) -> Decided:
    """Make each person's entitlement from a month on what the facts give, whatever ran before.

    The running row is left alone where it says the same; otherwise it ends the month before (``reason`` is why) and the new one begins.
    A row that would have begun later is superseded. Afterwards no month lies in two rows of one person.
    """
    decided = Decided()
    for part in chunks(sorted(set(senior_ids))):
        _decide_some(act, scheme, part, from_month, reason, decided)
    return decided


def _decide_some(
    act: Act, scheme: Scheme, senior_ids: list[int], from_month: Month, reason: str, decided: Decided
) -> None:
    day = reckoning_day(from_month)
    # Held until the act ends: what is decided from, and what it replaces, is nobody else's meanwhile.
    held = select(seniors.c.id).where(seniors.c.id.in_(senior_ids)).order_by(seniors.c.id)
    act.conn.execute(held.with_for_update(key_share=True)).all()
    live = _live_rows(act.conn, scheme.code, senior_ids, from_month)
    begin: list[dict[str, Any]] = []
    close: list[int] = []
    for senior_id, facts in facts_of(act.conn, senior_ids, day).items():
        row = _row(scheme, senior_id, entitlement(scheme, facts, day), facts, from_month)
        running = live.get(senior_id, [])
        if row is not None and len(running) == 1 and _says(running[0], row):
            decided.unchanged.append(senior_id)
            continue
        if running:
            close += [each.id for each in running]
            decided.ended.append(senior_id)
        if row is None:
            decided.without[senior_id] = entitlement(scheme, facts, day).denials
        else:
            begin.append(row | {"reason": reason, "decided_at": act.now})
            decided.begun.append(senior_id)
    end_rows(act, close, from_month.previous(), reason)
    if begin:
        act.conn.execute(insert(entitlements), begin)
    _set_status(act, [row["senior_id"] for row in begin], "entitled")
    _set_status(act, [id_ for id_ in senior_ids if id_ in decided.without], "registered")
    if begin or close:
        after = {"from_month": str(from_month), "begun": len(begin), "ended": len(close)}
        subject = f"senior:{senior_ids[0]}" if len(senior_ids) == 1 else f"seniors:{senior_ids[0]}-{senior_ids[-1]}"
        act.audit("entitlement.decide", subject, after=after, why=reason)


def _live_rows(conn: Connection, scheme_code: str, senior_ids: list[int], month: Month) -> dict[int, list[Any]]:
    """Rows that hold the month or a later one."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in conn.execute(
        select(entitlements).where(
            entitlements.c.senior_id.in_(senior_ids),
            entitlements.c.scheme_code == scheme_code,
            or_(
                entitlements.c.to_month.is_(None),
                (entitlements.c.to_month >= str(month)) & (entitlements.c.to_month >= entitlements.c.from_month),
            ),
        )
    ):
        found[row.senior_id].append(row)
    return found


def _says(running: Any, row: Mapping[str, Any]) -> bool:
    """Whether a row gives the same already, from no later a month and without an end."""
    same = all(getattr(running, key) == row[key] for key in ("benefit", "level", "group_code", "amount"))
    return same and running.to_month is None and running.from_month <= row["from_month"]


def _row(
    scheme: Scheme, senior_id: int, given: Entitlement, facts: PersonFacts, from_month: Month
) -> dict[str, Any] | None:
    if given.benefit_code is None or given.amount_fen <= 0:
        return None
    group = f"{given.benefit_code}_{given.tier_code}" if given.tier_code else given.benefit_code
    clauses = [each.clause or scheme.clause(f"benefits.{each.benefit.code}").zh for each in given.given]
    against = [
        {"benefit": each.benefit, "why": each.why.name.lower(), "zh": each.zh, "en": each.en, "clause": each.clause}
        for each in given.denials
    ]
    shown = [{"benefit": each.benefit.code, "amount": each.amount_fen, "clause": each.clause} for each in given.given]
    return {
        "senior_id": senior_id,
        "scheme_code": scheme.code,
        "benefit": given.benefit_code,
        "level": facts.ability_level,
        "group_code": group,
        "amount": given.amount_fen,
        "from_month": str(from_month),
        "clause": "；".join(clauses),
        "explanation": {"version": given.version, "on": str(given.on), "given": shown, "against": against},
    }


def end_rows(act: Act, ids: Sequence[int], last: Month, reason: str) -> None:
    """End entitlement rows with a month; one that would begin after it is left without any month."""
    for part in chunks(ids):
        act.conn.execute(
            update(entitlements).where(entitlements.c.id.in_(part)).values(to_month=str(last), end_reason=reason)
        )


def _set_status(act: Act, ids: Sequence[int], status: str) -> None:
    if ids:
        act.conn.execute(
            update(seniors)
            .where(seniors.c.id.in_(ids), seniors.c.status != "removed", seniors.c.status != status)
            .values(status=status)
        )


def age_bands(act: Act, scheme: Scheme, month: Month) -> Decided:
    """Decide anew for the enrolled people who reached one of the scheme's ages in the year before this month.

    To be called before a month is drafted; again changes nothing. A year back, so that a month nobody drafted is caught up. Who is not
    enrolled waits for the next intake, and whose entitlement begins later than this month for that.
    """
    before = month.previous()
    ids: set[int] = set()
    for age in {benefit.min_age for benefit in scheme.benefits}:
        born = Month(before.year - age, before.number)
        first = born.plus(-MONTHS_BACK).first_day
        ids |= set(
            act.conn.scalars(
                select(entitlements.c.senior_id)
                .join(seniors, seniors.c.id == entitlements.c.senior_id)
                .where(
                    entitlements.c.scheme_code == scheme.code,
                    entitlements.c.from_month <= str(month),
                    entitlements.c.to_month.is_(None),
                    seniors.c.birth_date >= first,
                    seniors.c.birth_date < born.end_day,
                )
            )
        )
    return decide(act, scheme, sorted(ids), month, "age_band")
