"""Cards for people who have none, and cards that were handed over, a village's at a time."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select

from admin.counter.card import desk, here_about
from admin.frame import forms, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from settlement.act import Act
from settlement.cards import book, lifecycle, registry
from settlement.cards.tables import cards
from settlement.outcomes import Reason, Refused
from settlement.people.tables import enrolments, entitlements, seniors
from settlement.periods import Month
from settlement.policy import store

AT_ONCE = 300
"""Cards on the page of those to be handed over."""


class Bind(forms.Form):
    card_no = forms.Text(most=32)


class HandedOver(forms.Form):
    cards = forms.Many(forms.Number(least=1, most=forms.LARGEST_ID))


@desk.page("/people/<int:senior_id>", may="cards.read")
def person(senior_id: int) -> Response | str:
    """To the person's card; of who has none, where one can be made."""
    s = seniors.c
    with looking() as conn:
        query = scope.people(select(s.id, s.name, s.town, s.village, s.status).where(s.id == senior_id))
        who, card = scope.one(conn, query, "senior"), book.of_senior(conn, senior_id)
    if card is not None and not (card.status == lifecycle.CLOSED and "again" in request.args):
        return redirect(url_for("counter.card", card_id=card.id), 303)  # type: ignore[return-value]
    return render_template("counter/person.html", who=who)


@desk.act("/people/<int:senior_id>/issue", may="card.issue", shows=person)
def issue(senior_id: int) -> Response:
    with acting() as act:
        scheme_code, unit = _scheme(act, senior_id)
        card_id = registry.issue(act, here().ring, scheme_code, senior_id, unit=unit)
    return _made(card_id, "已制卡，交到本人手中后请启用", "Made: activate it when it was handed over")


@desk.act("/people/<int:senior_id>/bind", may="card.issue", shows=person)
def bind(senior_id: int) -> Response:
    number = forms.read(Bind)["card_no"]
    with acting() as act:
        scheme_code, unit = _scheme(act, senior_id)
        card_id = registry.bind(act, here().ring, scheme_code, senior_id, number, unit=unit)
    return _made(card_id, "已绑定，可以使用了", "Bound: it works from now on")


def _made(card_id: int, zh: str, en: str) -> Response:
    done(zh, en)
    return redirect(url_for("counter.card", card_id=card_id), 303)  # type: ignore[return-value]


def _scheme(act: Act, senior_id: int) -> tuple[str, str]:
    """The scheme that gives the person money, or is about to, and its unit. Raises Refused(NOT_FOUND) for somebody who is not theirs or takes part
    in none."""
    s, e, n = seniors.c, entitlements.c, enrolments.c
    scope.one(act.conn, scope.people(select(s.id).where(s.id == senior_id)), "senior")
    entitled = select(e.scheme_code).where(e.senior_id == senior_id).order_by(e.id.desc()).limit(1)
    applied = select(n.scheme_code).where(n.senior_id == senior_id).order_by(n.id.desc()).limit(1)
    code = act.conn.execute(entitled).scalar_one_or_none() or act.conn.execute(applied).scalar_one_or_none()
    if code is None:
        raise Refused(Reason.NOT_FOUND, what="enrolment")
    return code, store.in_force(act.conn, code, Month.of(act.now)).unit


@desk.page("/handing-over", may="card.activate", menu=("启用卡片", "Hand cards over"))
def handing_over() -> str:
    """Cards that are made and in nobody's hands yet."""
    asked = {name: request.args.get(name, "") for name in ("town", "village")}
    c, s = cards.c, seniors.c
    made = select(c.id, c.created_at, s.name, s.town, s.village).join(seniors, s.id == c.senior_id)
    query = scope.people(made.where(c.status == lifecycle.ISSUED))
    query = query.where(*(s[name] == value for name, value in asked.items() if value))
    with looking() as conn:
        rows = conn.execute(query.order_by(s.town, s.village, s.name, c.id).limit(AT_ONCE + 1)).all()
        where = here_about(conn)
    shown = {"rows": rows[:AT_ONCE], "more": len(rows) > AT_ONCE, "most": AT_ONCE}
    return render_template("counter/handing_over.html", asked=asked, **where, **shown)


@desk.act("/handing-over", may="card.activate", shows=handing_over)
def hand_over() -> Response:
    wanted = sorted(set(forms.read(HandedOver)["cards"]))
    with acting() as act:
        c, s = cards.c, seniors.c
        query = select(c.id).join(seniors, s.id == c.senior_id).where(c.id.in_(wanted[:AT_ONCE]))
        if len(act.conn.execute(scope.people(query)).all()) != len(wanted):
            raise Refused(Reason.NOT_FOUND, what="card")
        registry.activate_many(act, wanted)
    done(f"已启用 {len(wanted)} 张", f"{len(wanted)} handed over")
    return redirect(url_for("counter.handing_over"), 303)  # type: ignore[return-value]
