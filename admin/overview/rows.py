"""The rows behind a figure: the same conditions that made it, as a list that sorts and exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, render_template, request, url_for
from sqlalchemy import Row, Select, case, select

from admin.frame import listing, scope
from admin.frame.access import may
from admin.frame.console import looking
from admin.frame.forms import id_asked
from admin.frame.listing import Column
from admin.overview.parts import asked, desk
from settlement.closing import explain_visit
from settlement.outcomes import Reason, Refused
from settlement.overview import coverage, money
from settlement.people.tables import seniors
from settlement.policy.scheme import Scheme
from settlement.providers.tables import providers
from settlement.supervision.callbacks import RATINGS, to_be_called
from settlement.supervision.tables import callbacks
from settlement.visits import compliance
from settlement.visits.tables import visits

p, v = seniors.c, visits.c
WHY = {"died": "去世 died", "left": "迁出或退出 left", "lapsed": "到期 lapsed"}


@desk.page("/people/<target>", may="overview.read")
def people(target: str) -> Response | str:
    """Of whom a target asks; ``has`` = yes or no: those who have what it asks for, or do not."""
    with looking() as conn:
        about = asked(conn)
        known = next((each for each in about.scheme.targets if each.code == target and target in coverage.CODES), None)
        if known is None:
            raise Refused(Reason.NOT_FOUND, what="")
        reached = coverage.reached(about.scheme, about.month, known)
        found = select().select_from(seniors).where(coverage.living(about.month))
        found = found.where(coverage.counted(about.scheme, about.month, known))
        found = found.where(p.town == about.town) if about.town else found
        has = request.args.get("has")
        found = found.where(reached if has == "yes" else ~reached) if has in ("yes", "no") else found
        # A query of its own for each row that is shown: PostgreSQL would else find out about everybody first.
        one = select(case((reached, 1), else_=0)).correlate(seniors).scalar_subquery()
        columns = (*_person(), Column("has", "已达到", "has it", one, words=_yes, sorts=False))
        listed = listing.look(conn, found, columns, sort="id", name=f"coverage-{target}")
    return _rows(listed, about, known.name_zh, known.name_en)


@desk.page("/short", may="overview.read")
def short() -> Response | str:
    """Who still misses visits of the month."""
    with looking() as conn:
        about = asked(conn)
        r = compliance.reckoned(conn, about.scheme, about.month, about.town).c
        found = select().select_from(seniors).join(r.senior_id.table, r.senior_id == p.id)
        found = found.where(r.required > r.done + r.made_up) if request.args.get("all") is None else found
        columns = (
            *_person(),
            Column("group_code", "类别", "group", r.group_code, words=_groups(about.scheme)),
            Column("required", "应有", "owed", r.required, kind="number"),
            Column("done", "已有", "given", r.done, kind="number"),
            Column("made_up", "补做", "made up", r.made_up, kind="number"),
        )
        listed = listing.look(conn, found, columns, sort="id", name="visits-owed")
    return _rows(listed, about, "还欠服务的老人", "Who still misses visits")


def _groups(scheme: Scheme) -> Callable[[str], str]:
    """Benefits, and where there are tiers those, by name."""
    names = {benefit.code: benefit.name_zh for benefit in scheme.benefits}
    names |= {
        f"{benefit.code}_{tier.code}": f"{benefit.name_zh}（{tier.name_zh}）"
        for benefit in scheme.benefits
        for tier in benefit.tiers
    }
    return lambda code: names.get(code, code)


@desk.page("/issued", may="overview.read")
def issued() -> Response | str:
    with looking() as conn:
        about = asked(conn)
        r = money.issued(about.scheme.code, about.month, about.town).subquery("issued").c

        def run(row: Row[Any]) -> str:
            return url_for("months.run", scheme=about.scheme.code, month=str(about.month), town=row.town)

        columns = (
            Column("id", "发放单", "run", r.id, link=run if may("months.read") else None),
            Column("town", "镇街", "town", r.town),
            Column("people", "人数", "people", r.people, kind="number"),
            Column("fen", "金额", "amount", r.fen, kind="yuan"),
            Column("posted_at", "入账", "posted", r.posted_at, kind="moment"),
        )
        listed = listing.look(conn, select().select_from(r.id.table), columns, sort="town", name="issued")
    return _rows(listed, about, "已发放", "Issued")


@desk.page("/spent", may="overview.read")
def spent() -> Response | str:
    with looking() as conn:
        about = asked(conn)
        r = money.spent(conn, about.scheme.code, about.month, about.town).subquery("spent").c
        columns = (
            Column("visit_id", "服务", "visit", r.visit_id, link=_visit),
            Column("town", "镇街", "town", r.town),
            Column("provider", "服务商", "provider", providers.c.name),
            Column("senior_id", "老人", "senior", r.senior_id, link=_senior if may("people.read") else None),
            Column("check_in_at", "签到", "check-in", r.check_in_at, kind="moment"),
            Column("fen", "补贴", "subsidy", r.fen, kind="yuan"),
            Column("personal", "个人", "own money", r.personal, kind="yuan"),
            Column("statement_id", "月结算单", "statement", r.statement_id, link=_statement),
        )
        source = select().select_from(r.visit_id.table).join(providers, providers.c.id == r.provider_id)
        # Statement by statement where there are any: in that order a page of them is read from indexes.
        sort = "statement_id" if money.stated(conn, about.scheme.code, about.month) else "visit_id"
        listed = listing.look(conn, source, columns, sort=sort, name="spent")
    return _rows(listed, about, "已使用", "Spent")


@desk.page("/returned", may="overview.read")
def returned() -> Response | str:
    with looking() as conn:
        about = asked(conn)
        r = money.returned(about.scheme.code, about.month, about.town).subquery("returned").c
        columns = (
            Column("senior_id", "老人", "senior", r.senior_id, link=_senior if may("people.read") else None),
            Column("town", "镇街", "town", r.town),
            Column("why", "原因", "why", r.why, words=lambda code: WHY.get(code, code)),
            Column("at", "收回于", "when", r.at, kind="moment"),
            Column("fen", "金额", "amount", r.fen, kind="yuan"),
        )
        listed = listing.look(conn, select().select_from(r.senior_id.table), columns, sort="at", name="returned")
    return _rows(listed, about, "已收回", "Come back")


@desk.page("/callbacks", may="overview.read")
def called_back() -> Response | str:
    """The visits to be called back, with what was said. ``provider``, ``rating`` (or ``none``: nobody answered yet) narrow them."""
    with looking() as conn:
        about = asked(conn)
        c = callbacks.c
        source = select().select_from(visits).join(providers, providers.c.id == v.provider_id)
        source = source.outerjoin(callbacks, (c.visit_id == v.id) & c.reached)
        source = source.where(v.month == str(about.month), to_be_called())
        source = _narrowed(source.where(v.town == about.town) if about.town else source)
        columns = (
            Column("visit_id", "服务", "visit", v.id, link=_visit),
            Column("town", "镇街", "town", v.town),
            Column("provider", "服务商", "provider", providers.c.name),
            Column("check_in_at", "签到", "check-in", v.check_in_at, kind="moment"),
            Column("called_at", "回访", "called", c.called_at, kind="moment"),
            Column("rating", "评价", "rating", c.rating, words=lambda code: " ".join(RATINGS[code])),
            Column("as_recorded", "与记录相符", "as recorded", c.as_recorded, words=_yes),
        )
        listed = listing.look(conn, source, columns, sort="visit_id", name="callbacks")
    return _rows(listed, about, "回访", "Callbacks")


@desk.page("/visit/<visit_id>", may="overview.read")
def visit(visit_id: str) -> str:
    """One visit with all that stands behind it."""
    with looking() as conn:
        found = scope.within(select(v.id).where(v.id == visit_id), town=v.town)
        scope.one(conn, found, "visit")
        (node,) = explain_visit.nodes(conn, [visit_id])
    return render_template("overview/visit.html", node=node)


def _narrowed(source: Select[Any]) -> Select[Any]:
    provider, rating = id_asked("provider"), request.args.get("rating")
    if provider is not None:
        source = source.where(v.provider_id == provider)
    if rating == "none":
        return source.where(callbacks.c.id.is_(None))
    if rating == "differing":
        return source.where(callbacks.c.as_recorded.is_(False))
    return source.where(callbacks.c.rating == rating) if rating in RATINGS else source


def _person() -> tuple[Column, ...]:
    """By number; with the name for who may look people up."""
    number = Column("id", "老人", "senior", p.id, link=_senior if may("people.read") else None)
    place = (Column("town", "镇街", "town", p.town), Column("village", "村社区", "village", p.village))
    named = (Column("name", "姓名", "name", p.name),) if may("people.read") else ()
    return (number, *named, *place)


def _rows(listed: listing.Listed, about: Any, zh: str, en: str) -> Response | str:
    return listed.download or render_template("overview/rows.html", listed=listed, about=about, zh=zh, en=en)


def _yes(value: Any) -> str:
    return "是 yes" if value else "否 no"


def _senior(row: Row[Any]) -> str:
    return url_for("people.person", senior_id=row._mapping.get("senior_id") or row._mapping.get("id"))


def _visit(row: Row[Any]) -> str:
    return url_for("overview.visit", visit_id=row.visit_id)


def _statement(row: Row[Any]) -> str:
    return url_for("months.statement", statement_id=row.statement_id) if row.statement_id else _visit(row)
