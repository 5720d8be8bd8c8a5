"""A card is found by what its holder lays on the counter; its page says how it stands and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing, scope
from admin.frame.console import here, looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from settlement.cards import book, finding, lifecycle
from settlement.cards.media import masked
from settlement.cards.tables import card_pins, cards
from settlement.cards.tables import media as media_table
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors
from settlement.visits import movements
from settlement.visits.movements import Spent
from settlement.vouchers import outlook
from settlement.vouchers.outlook import Outlook

desk = Desk("counter", __name__, "卡片", "Cards")

LATELY = 10
"""Movements on a card's page."""
MOVED: Mapping[str, tuple[str, str]] = {
    "issue": ("发放补贴", "subsidy issued"),
    "take_back": ("收回补贴", "subsidy taken back"),
    "lapse": ("补贴到期收回", "subsidy lapsed"),
    "top_up": ("充值", "own money paid in"),
    "refund": ("退款", "own money paid out"),
    "debit_subsidy": ("服务扣款", "debit"),
    "debit_personal": ("服务扣款", "debit"),
    "void": ("扣款退回", "debit taken back"),
}


class Find(forms.Form):
    shown = forms.Text(most=400)


@dataclass(frozen=True)
class Standing:
    """A card's page. ``holder``: the card's row with its holder's name, town and village; ``pin``: of the PIN that is set, None without."""

    holder: Row[Any]
    number: str | None
    media: list[Row[Any]]
    stands: Outlook | None
    pin: Any
    lately: list[Spent]


def mine(conn: Connection, card_id: int) -> Row[Any]:
    """A card with its holder, among the officer's own people. Raises Refused(NOT_FOUND)."""
    s = seniors.c
    query = select(cards, s.name, s.town, s.village, s.died_on).join(seniors, s.id == cards.c.senior_id)
    return scope.one(conn, scope.people(query.where(cards.c.id == card_id)), "card")


@desk.page("/", may="cards.read", menu=("查卡", "Find a card"))
def find() -> str:
    return render_template("counter/find.html", found=g.get("found"))


@desk.act("/find", may="cards.read", shows=find)
def look_for() -> Response | str:
    """By scan or number: it travels in the form, never in the address."""
    shown = forms.read(Find)["shown"]
    with looking() as conn:
        s, c = seniors.c, cards.c
        query = select(s.id, s.name, s.town, s.village, c.id.label("card_id"), c.status)
        query = query.select_from(seniors).outerjoin(cards, c.senior_id == s.id)
        ids = finding.people(conn, here().ring, shown)
        rows = conn.execute(scope.people(query.where(s.id.in_(ids)).order_by(s.id))).all()
    if not rows:
        raise Refused(Reason.NOT_FOUND, what="card")
    if len(rows) == 1:
        return redirect(url_for("counter.person", senior_id=rows[0].id), 303)  # type: ignore[return-value]
    g.found = rows
    return str(find())


@desk.page("/cards", may="cards.read", menu=("卡片一览", "All cards"))
def listed() -> object:
    """``?status``, ``?town``, ``?village``."""
    asked = {name: request.args.get(name, "") for name in ("status", "town", "village")}
    c, s, m = cards.c, seniors.c, media_table.c
    live = select(m.card_no).where(m.card_id == c.id, m.dead_from.is_(None)).scalar_subquery()
    columns = [
        Column("no", "卡片", "card", c.id, "number", link=lambda row: url_for("counter.card", card_id=row.no)),
        Column("number", "卡号", "number", live, words=masked, sorts=False),
        Column("name", "姓名", "name", s.name),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("status", "状态", "state", c.status, words=lambda status: " ".join(lifecycle.WORDS[status])),
        Column("created_at", "制卡", "made", c.created_at, "moment"),
        Column("activated_at", "启用", "handed over", c.activated_at, "moment"),
    ]
    query = scope.people(select().select_from(cards).join(seniors, s.id == c.senior_id))
    wanted = {c.status: asked["status"], s.town: asked["town"], s.village: asked["village"]}
    query = query.where(*(column == value for column, value in wanted.items() if value))
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="no", name="cards")
        where = here_about(conn)
    if found.download is not None:
        return found.download
    states = [(state, " ".join(lifecycle.WORDS[state])) for state in lifecycle.STATES if state != lifecycle.NONE]
    return render_template("counter/list.html", found=found, asked=asked, states=states, **where)


def here_about(conn: Connection) -> dict[str, list[tuple[str, str]]]:
    """The officer's towns and villages, to choose from."""
    offered = {"towns": scope.towns(conn), "villages": scope.villages(conn)}
    return {name: [(each, each) for each in listed] for name, listed in offered.items()}


@desk.page("/cards/<int:card_id>", may="cards.read")
def card(card_id: int) -> str:
    with looking() as conn:
        found = standing(conn, card_id)
    return render_template("counter/card.html", card=found, words=lifecycle.WORDS, moved=MOVED, masked=masked)


def standing(conn: Connection, card_id: int) -> Standing:
    """All that a card's page says. Raises Refused(NOT_FOUND)."""
    holder = mine(conn, card_id)
    m, p = media_table.c, card_pins.c
    pieces = conn.execute(select(media_table).where(m.card_id == card_id).order_by(m.issue.desc())).all()
    live = next((piece for piece in pieces if piece.dead_from is None), None)
    set_pin = select(p.set_at, p.wrong).where(p.card_id == card_id, p.dead_from.is_(None))
    return Standing(
        holder=holder,
        number=None if live is None else masked(live.card_no),
        media=list(pieces),
        stands=_outlook(conn, card_id),
        pin=conn.execute(set_pin).one_or_none(),
        lately=movements.last(conn, card_id, LATELY),
    )


def _outlook(conn: Connection, card_id: int) -> Outlook | None:
    """None where no version of the scheme is in force today."""
    try:
        return outlook.of(conn, book.get(conn, card_id), here().now())
    except Refused:
        return None
