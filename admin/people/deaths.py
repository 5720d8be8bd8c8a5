"""Deaths that came from a register: each shown with what it does, confirmed by another person; and what was paid after a death."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import BigInteger, ColumnElement, Connection, Row, cast, func, select

from admin.frame import listing, scope
from admin.frame.access import actor, may
from admin.frame.acting import acting, done, require_unchanged, stamp
from admin.frame.console import here, looking
from admin.frame.forms import Form, Many, Number, Text, read
from admin.frame.listing import Column
from admin.people import words
from admin.people.finding import desk
from settlement.act import Act, begin
from settlement.cards.tables import cards
from settlement.outcomes import Reason, Refused
from settlement.people.tables import register_deaths, seniors
from settlement.visits.tables import debits
from settlement.vouchers import deaths, effects
from settlement.vouchers.effects import Effect

AT_ONCE = 50
"""So many are shown and confirmed together."""


class Chosen(Form):
    death = Many(Number(least=1, most=2**53))


class Dismissal(Form):
    why = Text(200)


@desk.page("/deaths", may="register.read", menu=("死亡登记核实", "Deaths to confirm"))
def waiting() -> Any:
    d, s = register_deaths.c, seniors.c
    state = request.args.get("state", "waiting")
    source = select().select_from(register_deaths).join(seniors, s.id == d.senior_id).where(d.status == state)
    with looking() as conn:
        found = listing.look(conn, scope.people(source), _columns(), sort="no", name="deaths")
    if found.download is not None:
        return found.download
    states = [("waiting", "待核实 waiting"), ("confirmed", "已确认 confirmed"), ("dismissed", "已排除 dismissed")]
    return render_template("people/deaths.html", found=found, state=state, states=states)


def _columns() -> list[Column]:
    d, s = register_deaths.c, seniors.c
    person: listing.Link = lambda row: url_for("people.person", senior_id=row.senior)  # noqa: E731
    detail: listing.Link | None = (
        (lambda row: url_for("people.death", death_id=row.no)) if may("register.confirm") else None
    )
    return [
        Column("no", "编号", "no.", d.id, "number", link=detail),
        Column("name", "姓名", "name", s.name, link=person),
        Column("senior", "", "", s.id, hidden=True),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("died_on", "死亡日期", "died on", d.died_on, "day"),
        Column("source", "来源", "source", d.source, words=lambda code: words.pair(words.SOURCES[code])),
        Column(
            "differs",
            "姓名相符",
            "same name",
            d.name_differs,
            words=lambda differs: "不符 differs" if differs else "相符 yes",
        ),
        Column("imported_at", "导入", "imported", d.imported_at, "moment"),
        Column("imported_by", "导入人", "by", d.imported_by),
        Column("decided_by", "核实人", "decided by", d.decided_by),
    ]


@desk.page("/deaths/<int:death_id>", may="register.confirm")
def death(death_id: int) -> str:
    """One of them, with what it does; nothing is written. Who brought it in sees it without, and who has to decide."""
    with looking() as conn:
        rows = _rows(conn, [death_id])
    if rows[0].imported_by == actor().id:
        return render_template("people/death.html", rows=[(rows[0], None)], totals=None, own=True, say=words)
    return _shown([death_id])


@desk.act("/deaths/look", may="register.confirm", shows=waiting)
def look_at_deaths() -> str:
    return _shown(_chosen())


@desk.act("/deaths/confirm", may="register.confirm", shows=waiting)
def confirm_deaths() -> Response:
    ids = _chosen()
    with acting() as act:
        shown = _effects(act, ids)
        require_unchanged(*_facts(shown))
        ended = [deaths.confirm(act, id) for id in ids]
    back = sum(each.taken_back for each in ended)
    done(f"已确认{len(ended)}人去世，收回补贴{back / 100:.2f}元", f"{len(ended)} deaths confirmed")
    return redirect(url_for("people.waiting"), 303)  # type: ignore[return-value]


@desk.act("/deaths/<int:death_id>/dismiss", may="register.confirm", shows=death)
def dismiss_death(death_id: int) -> Response:
    given = read(Dismissal)
    with acting() as act:
        _rows(act.conn, [death_id])
        deaths.dismiss(act, death_id, given["why"])
    done("已排除：此人没有去世或登记有误", "Dismissed")
    return redirect(url_for("people.waiting"), 303)  # type: ignore[return-value]


def _chosen() -> list[int]:
    ids = sorted(set(read(Chosen)["death"]))
    if not 1 <= len(ids) <= AT_ONCE:
        g.wrong = {"death": f"一次1至{AT_ONCE}人 1 to {AT_ONCE} at once"}
        raise Refused(Reason.BAD_INPUT, detail=g.wrong["death"])
    return ids


def _shown(ids: Sequence[int]) -> str:
    console = here()
    with begin(console.engine, actor(), console.now()) as act:
        rows = _rows(act.conn, ids)
        if any(row.status != "waiting" for row in rows):
            return render_template("people/death.html", rows=[(row, None) for row in rows], totals=None, say=words)
        found = _effects(act, ids)
    totals = {
        "taken_back": sum(_back(effect, "taken_back") for _, effect in found),
        "owed": sum(_back(effect, "receivable") for _, effect in found),
        "spent": sum(effect.answer.spent_since_subsidy for _, effect in found),
        "personal": sum(effect.answer.spent_since_personal for _, effect in found),
    }
    return render_template("people/death.html", rows=found, totals=totals, say=words, seen_stamp=stamp(*_facts(found)))


def _effects(act: Act, ids: Sequence[int]) -> list[tuple[Row[Any], Effect]]:
    """Each tried on its own; who brought the list in is told so before anything is shown."""
    rows = _rows(act.conn, ids)
    return [(row, effects.tried(act, row.senior_id, partial(deaths.confirm, death_id=row.id))) for row in rows]


def _facts(found: Sequence[tuple[Row[Any], Effect]]) -> list[Any]:
    return [(row.id, effect.before, effect.after) for row, effect in found]


def _back(effect: Effect, what: str) -> int:
    return sum(getattr(each.after, what) for each in effect.back if each.after is not None)


def _rows(conn: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    d, s = register_deaths.c, seniors.c
    query = select(register_deaths, s.name, s.town, s.village, s.birth_date).join(seniors, s.id == d.senior_id)
    rows = conn.execute(scope.people(query.where(d.id.in_(ids))).order_by(d.id)).all()
    if len(rows) != len(ids):
        raise Refused(Reason.NOT_FOUND, what="death")
    return list(rows)


@desk.page("/after-death", may="register.read", menu=("去世后支付", "Paid after a death"))
def after_death() -> Any:
    """People of whom something was issued or debited for moments after their death: what came back, what is owed, what has to be looked into."""
    s = seniors.c
    owed, back = deaths.owed(), deaths.taken_back()
    subsidy, personal = _debited(debits.c.subsidy_fen), _debited(debits.c.personal_fen)
    source = select().select_from(seniors).where(s.died_on.is_not(None), owed + back + subsidy + personal > 0)
    columns = [
        Column("no", "编号", "no.", s.id, "number"),
        Column("name", "姓名", "name", s.name, link=lambda row: url_for("people.person", senior_id=row.no)),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("died_on", "去世日期", "died on", s.died_on, "day"),
        Column("back", "已收回", "taken back", back, "yuan"),
        Column("owed", "应追回", "owed", owed, "yuan"),
        Column("subsidy", "去世后扣补贴", "subsidy debited since", subsidy, "yuan"),
        Column("personal", "去世后扣个人", "own money debited since", personal, "yuan"),
    ]
    with looking() as conn:
        found = listing.look(conn, scope.people(source), columns, sort="-died_on", name="after-death")
    return found.download if found.download is not None else render_template("people/after_death.html", found=found)


def _debited(part: ColumnElement[int]) -> ColumnElement[int]:
    d, c = debits.c, cards.c
    sums = select(cast(func.coalesce(func.sum(part), 0), BigInteger)).join(cards, c.id == d.card_id)
    mine = sums.where(c.senior_id == seniors.c.id, d.status == "posted", deaths.since_death(d.occurred_at))
    return mine.correlate(seniors).scalar_subquery()
