"""Search: a name or its beginning, any number of a person's."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select

from admin.frame import listing, scope
from admin.frame.access import officer
from admin.frame.console import here, looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from admin.people.words import STATUS, card_state, masked_number, pair, state
from settlement.cards import searching
from settlement.cards.tables import cards
from settlement.errors import BrokenInvariant
from settlement.people.tables import seniors

desk = Desk("people", __name__, "人员", "People")

LONGEST = 40
"""Characters of what is searched for."""


FILTERS = ("town", "village", "status")


@desk.page("/", may="people.read", menu=("查找老人", "Find a person"))
def find() -> object:
    """Nothing is listed until something is asked: a list of everybody is nobody's business.

    ``q``: a name, or the number here; ``sealed``: any number of a person's, as :func:`look_for` put it. In the clear such a number finds nobody.
    """
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("q", *FILTERS)}
    if searching.telling(asked["q"]):
        asked["q"] = ""
    if sealed := request.args.get("sealed"):
        asked["q"] = _opened(sealed)
    with looking() as conn:
        ring, towns = here().ring, scope.towns(conn)
        villages = scope.villages(conn)
        fits = searching.matching(conn, ring, asked["q"])
        found = None
        if fits is not None or asked["village"]:
            s = seniors.c
            query = scope.people(select().select_from(seniors).outerjoin(cards, cards.c.senior_id == s.id))
            query = query.where(*([] if fits is None else [fits]))
            for name in ("town", "village", "status"):
                if asked[name]:
                    query = query.where(s[name] == asked[name])
            found = listing.look(conn, query, _columns(), sort="no", name="people")
            if found.download is not None:
                return found.download
    offered = {name: [(each, each) for each in listed] for name, listed in (("towns", towns), ("villages", villages))}
    states = [(code, pair(named)) for code, named in STATUS.items()]
    return render_template("people/find.html", found=found, asked=asked, states=states, **offered)


@desk.act("/", may="people.read", shows=find)
def look_for() -> Response:
    """To the list, at an address that proxies and browsers may keep: a number of a person's goes in it sealed, for this officer only."""
    asked: dict[str, Any] = {name: request.form.get(name, "").strip()[:LONGEST] or None for name in FILTERS}
    words = request.form.get("q", "").strip()[:LONGEST]
    asked |= {"sealed": here().ring.encrypt(words, _seal())} if searching.telling(words) else {"q": words or None}
    return redirect(url_for("people.find", **asked), 303)  # type: ignore[return-value]


def _seal() -> str:
    return f"people.find:{officer().id}"


def _opened(sealed: str) -> str:
    """Nothing where it was sealed for somebody else, or by nobody."""
    try:
        return here().ring.decrypt(sealed, _seal())
    except (BrokenInvariant, ValueError):
        return ""


def _columns() -> list[Column]:
    s = seniors.c
    return [
        Column("no", "编号", "no.", s.id, "number"),
        Column("name", "姓名", "name", s.name, link=lambda row: url_for("people.person", senior_id=row.no)),
        Column("id_no", "身份证号", "identity number", s.id_no_cipher, sorts=False, words=masked_number),
        Column("birth_date", "出生日期", "born", s.birth_date, "day"),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("status", "状态", "state", s.status, words=state),
        Column("card", "卡片", "card", cards.c.status, words=card_state),
    ]
