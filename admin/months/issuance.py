"""Issuance: who gets how much this period and what changed since the last, drafted by one, approved by another, then loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, Select, case, literal, select, union_all

from admin.frame import listing, scope, tasks
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.months.desk import desk, own_town, period, require_scheme
from admin.treasury import warning
from settlement.outcomes import Reason, Refused
from settlement.people.ability import LEVELS
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy import months as rules_of_months
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.vouchers import issuance, preview, runs
from settlement.vouchers.runs import STATUS_WORDS, Run
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs


@dataclass(frozen=True)
class Previewed:
    """A run with its people by what changed; ``before``: what the same people and those who fell out had last month."""

    run: Run
    parts: list[preview.Part]

    @property
    def before(self) -> int:
        return sum(part.before for part in self.parts)

    @property
    def status(self) -> tuple[str, str]:
        return STATUS_WORDS[self.run.status]

    @property
    def changed(self) -> list[preview.Part]:
        return [part for part in self.parts if part.change != "same"]


@desk.page("/issuance/<scheme>/<month>", may="months.read")
def issued(scheme: str, month: str) -> str:
    with looking() as conn:
        require_scheme(conn, scheme)
        rules, first = _period(conn, scheme, month)
        found = _previewed(conn, _runs_of(conn, scheme, first))
        benefits = preview.by_benefit(conn, [one.run.id for one in found]) if found else []
        waiting = [one.run for one in found if one.run.status != "posted"]
        short = warning.short(conn, scheme, first, waiting) if waiting else []
    shown: dict[str, Any] = {"short": short}
    shown |= {"scheme": scheme, "month": first, "rules": rules, "previewed": found}
    shown |= {"benefits": _named(rules, benefits), "fen": rules.unit == "fen", "words": preview.words, "levels": LEVELS}
    return render_template("months/issued.html", **shown)


@desk.act("/issuance/<scheme>/<month>/draft", may="issuance.draft", shows=issued)
def draft_issuance(scheme: str, month: str) -> Response:
    with looking() as conn:
        require_scheme(conn, scheme)
        _, first = _period(conn, scheme, month)
    id = tasks.start("months.draft", scheme=scheme, month=str(first), path=_page(scheme, first))
    return redirect(url_for("home.task", task_id=id), 303)  # type: ignore[return-value]


@desk.act("/issuance/<scheme>/<month>/post", may="issuance.post", shows=issued)
def post_issuance(scheme: str, month: str) -> Response:
    """Every approved run that the officer sees, or the one that is named."""
    with looking() as conn:
        require_scheme(conn, scheme)
        _, first = _period(conn, scheme, month)
        found = [run for run in _runs_of(conn, scheme, first) if run.town == request.form.get("town", run.town)]
    due = [run.id for run in found if run.status == "approved"]
    if not due:
        raise Refused(Reason.ISSUANCE_STATE, month=first, state="没有已审批的发放单 none approved", event="入账 post")
    id = tasks.start("months.post", runs=due, path=_page(scheme, first))
    return redirect(url_for("home.task", task_id=id), 303)  # type: ignore[return-value]


@desk.page("/issuance/<scheme>/<month>/<town>", may="months.read")
def run(scheme: str, month: str, town: str) -> Response | str:
    with looking() as conn:
        found = _run(conn, scheme, month, town)
        (shown_run,) = _previewed(conn, [found])
        rules = store.get(conn, scheme, found.scheme_version)
        listed = _people(conn, found, rules)
        benefits = _named(rules, preview.by_benefit(conn, [found.id]))
        short = warning.short(conn, scheme, Month.parse(found.month), [found]) if found.status != "posted" else []
    if listed.download is not None:
        return listed.download
    shown: dict[str, Any] = {
        "short": short,
        "scheme": scheme,
        "previewed": shown_run,
        "run": found,
        "rules": rules,
        "list": listed,
    }
    shown |= {
        "benefits": benefits,
        "fen": rules.unit == "fen",
        "words": preview.words,
        "levels": LEVELS,
        "chosen": _chosen(),
    }
    changes = [(code, f"{zh} {en}") for code, (zh, en) in preview.CHANGES.items()]
    shown |= {"choices": [("changed", "只看变化 changes only"), ("all", "全部 everybody"), *changes]}
    return render_template("months/run.html", **shown)


@desk.act("/issuance/<scheme>/<month>/<town>/approve", may="issuance.approve", shows=run)
def approve_issuance(scheme: str, month: str, town: str) -> Response:
    with looking() as conn:
        found = _run(conn, scheme, month, town)
    with acting() as act:
        standing = runs.get(act.conn, found.id, lock=True)
        require_unchanged(standing.people, standing.amount, standing.drafted_at)
        issuance.approve(act, standing.id)
    done(f"{town} {month}发放已审批，可以入账", f"approved for {town}; it can be loaded now")
    return redirect(url_for("months.run", scheme=scheme, month=month, town=town), 303)  # type: ignore[return-value]


# -- looking ------------------------------------------------------------------------------------------------------------------
def _period(conn: Connection, scheme: str, month: str) -> tuple[Scheme, Month]:
    """The scheme in force and the first month of the period that a month is issued in."""
    asked = period(Month, month)
    rules = store.in_force(conn, scheme, asked)
    return rules, rules_of_months.issued_together(rules, asked)[0]


def _runs_of(conn: Connection, scheme: str, first: Month) -> list[Run]:
    return runs.of_period(conn, scheme, first, own_town() or None)


def _run(conn: Connection, scheme: str, month: str, town: str) -> Run:
    r = issuance_runs.c
    query = select(r.id).where(r.scheme_code == scheme, r.month == str(period(Month, month)), r.town == town)
    return runs.get(conn, scope.one(conn, scope.within(query, town=r.town), f"{month} {town}").id)


def _previewed(conn: Connection, found: list[Run]) -> list[Previewed]:
    parts = preview.by_change(conn, [each.id for each in found]) if found else {}
    return [Previewed(each, parts[each.id]) for each in found]


def _named(rules: Scheme, benefits: list[Row[Any]]) -> list[dict[str, Any]]:
    names = {benefit.code: (benefit.name_zh, benefit.name_en) for benefit in rules.benefits}
    return [{**row._mapping, "name": names.get(row.benefit, (row.benefit, row.benefit))} for row in benefits]


def _chosen() -> str:
    asked = request.args.get("show", "changed")
    return asked if asked in preview.CHANGES or asked == "all" else "changed"


def _people(conn: Connection, found: Run, rules: Scheme) -> listing.Listed:
    """One list of lines and of those who fell out, so that a reader sees in one place who gets more, less, or nothing any more."""
    i, d, s = issuance_lines.c, issuance_drops.c, seniors.c
    lines = select(i.senior_id, i.month, i.previous_amount, i.amount, i.change).where(i.run_id == found.id)
    drops = select(d.senior_id, literal(found.month), d.previous_amount, literal(0), d.reason).where(
        d.run_id == found.id
    )
    both = union_all(lines, drops).subquery("both")
    b = both.c
    source: Select[Any] = select().select_from(both).join(seniors, s.id == b.senior_id)
    chosen = _chosen()
    if chosen == "changed":
        source = source.where(b.change != "same")
    elif chosen != "all":
        source = source.where(b.change == chosen)
    said = case(*((b.change == code, f"{zh} {en}") for code, (zh, en) in preview.CHANGES.items()), else_=b.change)
    kind = "yuan" if rules.unit == "fen" else "number"
    columns = (
        Column(
            "senior",
            "编号",
            "No.",
            b.senior_id,
            link=_person if "people.person" in current_app.view_functions else None,
        ),
        Column("name", "姓名", "Name", s.name),
        Column("village", "村(社区)", "Village", s.village),
        Column("month", "月份", "Month", b.month),
        Column("before", "上月", "Before", b.previous_amount, kind),
        Column("amount", "本次", "Now", b.amount, kind),
        Column("change", "变化", "Change", said),
    )
    return listing.look(conn, source, columns, sort="change", name=f"issuance-{found.month}-{found.town}")


def _page(scheme: str, first: Month) -> str:
    return url_for("months.issued", scheme=scheme, month=first)


def _person(row: Row[Any]) -> str:
    return url_for("people.person", senior_id=row.senior)
