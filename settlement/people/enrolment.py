"""Enrolment: the scheme's steps in the scheme's order, for whole batches, each by the role the scheme names.

Three steps mean something here, by their code; every other step is an approval. ``assess`` needs an ability assessment on record;
``publicise`` is the posting of the names: :func:`publicise` begins it, and it passes when its working days are over without objection;
``card`` and ``load`` come after the decision. With the last step before these the entitlement begins.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import changes, deadlines, entitling
from settlement.people.register import chunks
from settlement.people.scope import require_theirs
from settlement.people.tables import enrolment_steps, enrolments, entitlements, objections, postings, seniors
from settlement.people.workdays import Workdays, load
from settlement.periods import local_date
from settlement.policy import months, store
from settlement.policy.eligibility import Why, judge
from settlement.policy.rules_people import Step
from settlement.policy.scheme import Scheme

ASSESS = "assess"
PUBLICISE = "publicise"
AFTER_DECISION = frozenset({"card", "load"})

DONE, REFUSED = "done", "refused"
NAMED = 5
"""So many people are named in a refusal; more would not be read."""


def intake_of(scheme: Scheme, applied_on: date) -> str:
    """The intake that a day belongs to, ``2026-summer``, by the year it opened. Raises Refused(OUTSIDE_INTAKE)."""
    window = months.open_window(scheme, applied_on)
    if window is None:
        raise Refused(Reason.OUTSIDE_INTAKE, day=applied_on, next=months.next_opening(scheme, applied_on))
    year = applied_on.year if f"{applied_on:%m-%d}" >= window.opens else applied_on.year - 1
    return f"{year}-{window.code}"


def apply_many(act: Act, scheme: Scheme, senior_ids: Sequence[int], applied_on: date) -> list[int]:
    """Take applications at the first step; answers the enrolments' ids in the order given.

    All or none. Raises Refused(OUTSIDE_INTAKE), Refused(ALREADY_APPLIED) for people with an application of this intake or under way, or
    a running entitlement, Refused(DAY_IN_FUTURE), and for people recorded as deceased or gone.
    """
    require(act, "enrolment.apply")
    if applied_on > local_date(act.now, scheme.time_zone):
        raise Refused(Reason.DAY_IN_FUTURE, day=applied_on)
    intake = intake_of(scheme, applied_on)
    first, second = scheme.enrolment.steps[0], _following(scheme, scheme.enrolment.steps[0])
    ids: list[int] = []
    for part in chunks(senior_ids):
        _require_free(act, scheme, part, intake)
        rows = [
            {"senior_id": id_, "scheme_code": scheme.code, "intake": intake, "step": second, "applied_on": applied_on}
            for id_ in part
        ]
        try:
            added = act.conn.execute(insert(enrolments).returning(enrolments.c.id, sort_by_parameter_order=True), rows)
        except IntegrityError as both:  # another office took one of these applications in this moment
            raise Refused(Reason.ALREADY_APPLIED, who=_some(part)) from both
        ids += [row.id for row in added]
    record(act, ids, first.code, "passed")
    deadlines.set_due(act, scheme, ids, second, local_date(act.now, scheme.time_zone))
    return ids


def _require_free(act: Act, scheme: Scheme, senior_ids: list[int], intake: str) -> None:
    who = act.conn.execute(select(seniors).where(seniors.c.id.in_(senior_ids))).all()
    if len(who) != len(set(senior_ids)):
        raise Refused(Reason.NOT_FOUND, what=f"senior {_some(set(senior_ids) - {row.id for row in who})}")
    require_theirs(act, who)
    for row in who:
        changes.require_here(row)
    busy = set(
        act.conn.scalars(
            select(enrolments.c.senior_id).where(
                enrolments.c.senior_id.in_(senior_ids),
                enrolments.c.scheme_code == scheme.code,
                or_(enrolments.c.intake == intake, enrolments.c.step.not_in((DONE, REFUSED))),
            )
        )
    ) | set(
        act.conn.scalars(
            select(entitlements.c.senior_id).where(
                entitlements.c.senior_id.in_(senior_ids),
                entitlements.c.scheme_code == scheme.code,
                entitlements.c.to_month.is_(None),
            )
        )
    )
    if busy:
        raise Refused(Reason.ALREADY_APPLIED, who=_some(busy))


def pass_step(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], step: str) -> list[int]:
    """Pass one step for a batch; answers those that went on (people without any right are refused at the decision, with the reason).

    Raises Refused(STEP_NOT_DUE) when another step is due for one of them, NOT_ALLOWED for another role or another's people, SAME_PERSON
    when the actor passed a step of another role before, NOT_ELIGIBLE at the step after the application, NOT_ASSESSED,
    PUBLICITY_NOT_RUNNING and PUBLICITY_NOT_OVER.
    """
    rows, rule = _due(act, scheme, enrolment_ids, step)
    today = local_date(act.now, scheme.time_zone)
    if rule is scheme.enrolment.steps[1]:
        _require_eligible(act, scheme, rows, today)
    if step == ASSESS:
        _require_assessed(act, rows, today)
    if step == PUBLICISE:
        _require_publicised(act, rows, today)
    following = _following(scheme, rule)
    passed: list[Any] = rows
    failed: list[tuple[int, str]] = []
    if rule.code not in AFTER_DECISION and (following in AFTER_DECISION or following == DONE):
        passed, failed = _decide(act, scheme, rows)
    ids = [row.id for row in passed]
    _move(act, scheme, ids, following, today)
    record(act, ids, step, "passed")
    for id_, why in failed:
        _move(act, scheme, [id_], REFUSED, today)
        record(act, [id_], step, "refused", why)
    act.audit(f"enrolment.{step}", _subject(enrolment_ids), after={"passed": len(passed), "refused": len(failed)})
    return ids


def due(
    conn: Connection,
    scheme: Scheme,
    step: str,
    town: str | None = None,
    village: str | None = None,
    *,
    posted: bool | None = None,
    over_by: datetime | None = None,
) -> list[int]:
    """Ids of the enrolments a step is due for. At publicity: ``posted`` asks whether the names are posted; ``over_by`` leaves out those
    whose working days are not over at that moment (and those not posted)."""
    wanted = [enrolments.c.scheme_code == scheme.code, enrolments.c.step == step]
    if town is not None:
        wanted.append(seniors.c.town == town)
    if village is not None:
        wanted.append(seniors.c.village == village)
    if posted is not None:
        wanted.append(enrolments.c.publicity_until.is_not(None) if posted else enrolments.c.publicity_until.is_(None))
    if over_by is not None and step == PUBLICISE:
        wanted.append(enrolments.c.publicity_until < local_date(over_by, scheme.time_zone))
    found = select(enrolments.c.id).join(seniors, seniors.c.id == enrolments.c.senior_id).where(*wanted)
    return list(conn.scalars(found.order_by(enrolments.c.id)))


@dataclass(frozen=True)
class Result:
    """What the assessor found: a level of GB/T 42195-2022."""

    level: int
    assessed_on: date


def assess(act: Act, scheme: Scheme, results: Mapping[int, Result], assessor: str) -> list[int]:
    """Record the assessments of a batch (enrolment id -> result) and pass the step."""
    rows, _ = _due(act, scheme, list(results), ASSESS)
    changes.add_assessments(
        act,
        scheme,
        [
            changes.Assessment(row.senior_id, results[row.id].level, results[row.id].assessed_on, assessor)
            for row in rows
        ],
    )
    return pass_step(act, scheme, list(results), ASSESS)


def publicise(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], workdays: Workdays | None = None) -> date:
    """Post the names today; answers the last day of publicity.

    The day of posting does not count: the scheme wants full working days. Raises Refused(CALENDAR_ENDS) when they cannot be counted,
    Refused(NEWS_KNOWN) for names that are posted already.
    """
    rows, _ = _due(act, scheme, enrolment_ids, PUBLICISE)
    if any(row.publicity_until is not None for row in rows):
        posted = max(row.publicity_until for row in rows if row.publicity_until is not None)
        raise Refused(Reason.NEWS_KNOWN, known=f"公示至 posted until {posted}")
    today = local_date(act.now, scheme.time_zone)
    until = (workdays or load(act.conn)).after(today, scheme.enrolment.publicity.working_days)
    for part in chunks(enrolment_ids):
        act.conn.execute(
            update(enrolments).where(enrolments.c.id.in_(part)).values(publicity_from=today, publicity_until=until)
        )
    _post(act, scheme, rows, today, until)
    deadlines.set_due(act, scheme, enrolment_ids, PUBLICISE, until)
    act.audit("enrolment.post_names", _subject(enrolment_ids), after={"people": len(rows), "until": until})
    return until


def _post(act: Act, scheme: Scheme, rows: list[Any], today: date, until: date) -> None:
    """One posting per village and day; a second one of a day is added to the first."""
    p = postings.c
    for (town, village), people in Counter((row.town, row.village) for row in rows).items():
        key = {"scheme_code": scheme.code, "town": town, "village": village, "posted_on": today}
        act.conn.execute(insert_if_absent(act.conn, postings), key | {"until": until, "people": 0})
        mine = (p.scheme_code == scheme.code) & (p.town == town) & (p.village == village) & (p.posted_on == today)
        act.conn.execute(update(postings).where(mine).values(people=p.people + people, until=until))


def refuse(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], step: str, reason: str) -> None:
    """Refuse a batch at the step that is due, by who would pass it; the reason is owed to the applicant."""
    if not reason.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    rows, _ = _due(act, scheme, enrolment_ids, step)
    ids = [row.id for row in rows]
    _move(act, scheme, ids, REFUSED, local_date(act.now, scheme.time_zone))
    record(act, ids, step, "refused", reason)
    act.audit("enrolment.refuse", _subject(ids), after={"step": step, "people": len(ids)}, why=reason)


def close_refused(act: Act, scheme: Scheme, enrolment_id: int, step: str, reason: str) -> None:
    """End an application without success; the caller has checked who may."""
    _move(act, scheme, [enrolment_id], REFUSED, local_date(act.now, scheme.time_zone))
    record(act, [enrolment_id], step, "refused", reason)


def send_back(act: Act, scheme: Scheme, enrolment_id: int, reason: str) -> None:
    """Back from the publicity to the check after the application; the names have to be posted anew. The caller has checked who may."""
    posting = {"publicity_from": None, "publicity_until": None}
    act.conn.execute(update(enrolments).where(enrolments.c.id == enrolment_id).values(posting))
    _move(act, scheme, [enrolment_id], scheme.enrolment.steps[1].code, local_date(act.now, scheme.time_zone))
    record(act, [enrolment_id], PUBLICISE, "returned", reason)


def one(act: Act, scheme: Scheme, enrolment_id: int) -> Any:
    """An enrolment with its senior's town and village. Raises Refused: NOT_FOUND, NOT_ALLOWED for another office's."""
    return _rows(act, scheme, [enrolment_id])[0]


# -- what each step asks for ------------------------------------------------------------------------------------------------


def _due(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], step: str) -> tuple[list[Any], Step]:
    """The rows of a batch and the rule of the step, after every check that holds for all steps."""
    try:
        rule = scheme.step(step)
    except KeyError as unknown:
        raise Refused(Reason.NOT_FOUND, what=f"step {step}") from unknown
    if act.actor.role != rule.role:
        raise Refused(Reason.NOT_ALLOWED)
    rows = due_rows(act, scheme, enrolment_ids, step)
    roles = {known.code: known.role for known in scheme.enrolment.steps}
    for part in chunks(enrolment_ids):
        mine = act.conn.scalars(
            select(enrolment_steps.c.step)
            .where(
                enrolment_steps.c.enrolment_id.in_(part),
                enrolment_steps.c.actor == act.actor.id,
                enrolment_steps.c.outcome == "passed",
            )
            .distinct()
        )
        if any(roles.get(taken) != rule.role for taken in mine):
            raise Refused(Reason.SAME_PERSON)
    return rows, rule


def due_rows(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], step: str) -> list[Any]:
    """Enrolments a step is due for, whoever takes it. Raises Refused: STEP_NOT_DUE, NOT_FOUND, NOT_ALLOWED for another office's."""
    rows = _rows(act, scheme, enrolment_ids)
    other = [row for row in rows if row.step != step]
    if other:
        names = {known.code: known.name_zh for known in scheme.enrolment.steps} | {DONE: "已办结", REFUSED: "未通过"}
        who = _some(row.senior_id for row in other)
        raise Refused(Reason.STEP_NOT_DUE, due=names[other[0].step], step=names.get(step, step), who=who)
    return rows


def _rows(act: Act, scheme: Scheme, enrolment_ids: Sequence[int]) -> list[Any]:
    found: dict[int, Any] = {}
    for part in chunks(sorted(set(enrolment_ids))):
        for row in act.conn.execute(
            select(enrolments, seniors.c.town, seniors.c.village)
            .join(seniors, seniors.c.id == enrolments.c.senior_id)
            .where(enrolments.c.id.in_(part), enrolments.c.scheme_code == scheme.code)
            .order_by(enrolments.c.id)  # locks in one order: two batches may overlap
            .with_for_update(of=enrolments)
        ):
            found[row.id] = row
    missing = set(enrolment_ids) - set(found)
    if missing or not found:
        raise Refused(Reason.NOT_FOUND, what=f"enrolment {', '.join(map(str, sorted(missing)[:NAMED]))}")
    require_theirs(act, found.values())
    return [found[id_] for id_ in dict.fromkeys(enrolment_ids)]


def _require_eligible(act: Act, scheme: Scheme, rows: list[Any], today: date) -> None:
    """Everything but the ability level, which is found out later, must speak for at least one benefit."""
    for part in chunks(row.senior_id for row in rows):
        for senior_id, facts in entitling.facts_of(act.conn, part, today).items():
            given, denials = judge(scheme, facts, today)
            open_still = any(denial.why in (Why.NOT_ASSESSED, Why.NO_TIER) for denial in denials)
            if not given and not open_still:
                why = "；".join(denial.zh for denial in denials)
                raise Refused(Reason.NOT_ELIGIBLE, why=f"senior:{senior_id} {why}")


def _require_assessed(act: Act, rows: list[Any], today: date) -> None:
    lacking: list[int] = []
    for part in chunks(row.senior_id for row in rows):
        facts = entitling.facts_of(act.conn, part, today)
        lacking += [id_ for id_ in part if facts[id_].assessed_on is None]
    if lacking:
        raise Refused(Reason.NOT_ASSESSED, who=_some(lacking))


def _require_publicised(act: Act, rows: list[Any], today: date) -> None:
    for row in rows:
        if row.publicity_until is None:
            raise Refused(Reason.PUBLICITY_NOT_RUNNING)
        if today <= row.publicity_until:
            raise Refused(Reason.PUBLICITY_NOT_OVER, until=row.publicity_until)
    against: set[int] = set()
    for part in chunks(row.id for row in rows):
        still = select(objections.c.enrolment_id).where(
            objections.c.enrolment_id.in_(part), objections.c.outcome.is_(None)
        )
        against |= set(act.conn.scalars(still))
    if against:
        raise Refused(Reason.OBJECTION_OPEN, who=_some(row.senior_id for row in rows if row.id in against))


def _decide(act: Act, scheme: Scheme, rows: list[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
    """Begin the entitlements, each from the scheme's first month after its publicity; who gets nothing fails, with the reasons."""
    batches: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        batches[row.publicity_until or row.applied_on].append(row)
    passed: list[Any] = []
    failed: list[tuple[int, str]] = []
    for ended_on, batch in sorted(batches.items()):
        first = months.first_month(scheme, ended_on)
        then = store.in_force(act.conn, scheme.code, first)
        decided = entitling.decide(act, then, [row.senior_id for row in batch], first, "enrolled")
        for row in batch:
            denials = decided.without.get(row.senior_id)
            if denials is None:
                passed.append(row)
            else:
                failed.append((row.id, "；".join(denial.zh for denial in denials)))
    return passed, failed


# -- writing ----------------------------------------------------------------------------------------------------------------


def _following(scheme: Scheme, rule: Step) -> str:
    codes = [step.code for step in scheme.enrolment.steps]
    at = codes.index(rule.code) + 1
    return codes[at] if at < len(codes) else DONE


def _move(act: Act, scheme: Scheme, ids: Sequence[int], step: str, today: date) -> None:
    values: dict[str, Any] = {"step": step}
    if step in (DONE, REFUSED):
        values["completed_on"] = today
    for part in chunks(ids):
        act.conn.execute(update(enrolments).where(enrolments.c.id.in_(part)).values(**values))
    deadlines.set_due(act, scheme, ids, step, today)


def record(act: Act, ids: Sequence[int], step: str, outcome: str, reason: str | None = None) -> None:
    """A line of each enrolment's history."""
    row = {"step": step, "outcome": outcome, "actor": act.actor.id, "at": act.now, "reason": reason}
    if ids:
        act.conn.execute(insert(enrolment_steps), [row | {"enrolment_id": id_} for id_ in ids])


def _some(ids: Any) -> str:
    """A few of the people, by number."""
    listed = sorted(ids)
    more = f" … ({len(listed)})" if len(listed) > NAMED else ""
    return ", ".join(f"senior:{id_}" for id_ in listed[:NAMED]) + more


def _subject(ids: Sequence[int]) -> str:
    return f"enrolment:{ids[0]}" if len(ids) == 1 else f"enrolments:{min(ids)}-{max(ids)}"
