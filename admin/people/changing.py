"""What changes in a person's life: entered, then shown with what it does to the money, then confirmed on that page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import access, scope
from admin.frame.acting import acting, done, require_unchanged, stamp
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Day, Form, MonthField, Text, read
from admin.people import record, words
from admin.people.finding import desk
from settlement.act import Act, begin
from settlement.cards import moving
from settlement.outcomes import Reason, Refused
from settlement.people import changes, places
from settlement.people.entitling import Decided
from settlement.people.tables import categories, seniors
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.vouchers import effects, life

Given = dict[str, Any]


class LevelForm(Form):
    level = Choice("0", "1", "2", "3", "4")
    on = Day()
    assessor = Text(80)


class CategoryForm(Form):
    category = Text(40)
    on = Day()


class MoveForm(Form):
    place = Text(130)
    address = Text(200, load_default=None)


class EndForm(Form):
    on = Day()


class BackForm(Form):
    why = Text(200)
    from_month = MonthField(load_default=None)


def _level(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    news = changes.Assessment(senior_id, int(given["level"]), given["on"], given["assessor"])
    return changes.reassess(act, _next(act.conn, scheme, act), [news])


def _gain(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    return changes.gain_category(act, _next(act.conn, scheme, act), senior_id, given["category"], given["on"])


def _lose(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    return changes.lose_category(act, _next(act.conn, scheme, act), senior_id, given["category"], given["on"])


def _move(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    town, _, village = given["place"].partition("/")
    return moving.move(act, here().ring, senior_id, town, village, given["address"])


def _died(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    return life.learn_of_death(act, senior_id, given["on"])


def _left(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    return life.learn_of_leaving(act, senior_id, given["on"])


def _back(act: Act, scheme: Scheme, senior_id: int, given: Given) -> Any:
    return life.reinstate(act, scheme.code, senior_id, given["why"], given["from_month"])


def _next(conn: Connection, scheme: Scheme, act: Act) -> Scheme:
    """A change counts from the next month: by the scheme that is in force then."""
    return store.in_force(conn, scheme.code, Month.of(act.now).next())


@dataclass(frozen=True)
class Change:
    """``gone``: for people who are recorded as deceased or gone; all others are for those who are here."""

    zh: str
    en: str
    may: str
    form: type[Form]
    do: Callable[[Act, Scheme, int, Given], Any]
    gone: bool = False


CHANGES: dict[str, Change] = {
    "level": Change("能力等级变化", "New ability level", "senior.regrade", LevelForm, _level),
    "gain": Change("新认定类别", "Category gained", "senior.regrade", CategoryForm, _gain),
    "lose": Change("取消类别", "Category lost", "senior.regrade", CategoryForm, _lose),
    "move": Change("区内迁居", "Moves inside the district", "senior.change", MoveForm, _move),
    "left": Change("迁出或退出", "Moves away or leaves", "senior.change", EndForm, _left),
    "died": Change("去世", "Death", "senior.change", EndForm, _died),
    "reinstate": Change("恢复（误登或已返回）", "Reinstate", "senior.reinstate", BackForm, _back, gone=True),
}


def offered(who: Row[Any]) -> list[tuple[str, Change]]:
    """What may be recorded of a person now, by the present officer."""
    gone = who.died_on is not None or who.left_on is not None
    # Who left may be found to have died since.
    listed = [
        (code, each) for code, each in CHANGES.items() if each.gone == gone or (code == "died" and who.died_on is None)
    ]
    return [(code, each) for code, each in listed if access.may(each.may)]


@desk.page("/<int:senior_id>/changes/<string:kind>", may="senior.change")
def change(senior_id: int, kind: str) -> str:
    return _form(senior_id, kind)


@desk.act("/<int:senior_id>/changes/<string:kind>/look", may="senior.change", shows=change)
def look(senior_id: int, kind: str) -> str:
    """What it would do; nothing is written, and the form may be sent as often as one likes."""
    wanted = _wanted(kind)
    console = here()
    with begin(console.engine, access.actor(), console.now()) as act:
        who, scheme = _whom(act.conn, senior_id)
        given = _read(wanted, scheme, kind)
        effect = effects.tried(act, senior_id, lambda trial: wanted.do(trial, scheme, senior_id, given))
        planned = len(record.planned_of(act.conn, senior_id))
    ended, decided = effect.answer, getattr(effect.answer, "decided", effect.answer)
    shown = {
        "fields": [(name, request.form.get(name, "")) for name in wanted.form._declared_fields],
        "entered": _entered(scheme, given),
        "spent": (ended.spent_since_subsidy, ended.spent_since_personal) if isinstance(ended, life.Ended) else None,
        "denials": decided.without.get(senior_id, ()) if isinstance(decided, Decided) else (),
        "planned": planned,
        "seen_stamp": stamp(effect.before, effect.after),
    }
    return render_template(
        "people/effect.html", who=who, kind=kind, change=wanted, effect=effect, scheme=scheme, say=words, **shown
    )


@desk.act("/<int:senior_id>/changes/<string:kind>", may="senior.change", shows=change)
def confirm(senior_id: int, kind: str) -> Response:
    """Record it, when it does what was shown."""
    wanted = _wanted(kind)
    with acting() as act:
        _, scheme = _whom(act.conn, senior_id)
        given = _read(wanted, scheme, kind)
        effect = effects.tried(act, senior_id, lambda trial: wanted.do(trial, scheme, senior_id, given))
        require_unchanged(effect.before, effect.after)
        wanted.do(act, scheme, senior_id, given)
    done(f"已登记：{wanted.zh}", f"On record: {wanted.en}")
    moved_out = kind == "move" and not _visible(senior_id)
    to = url_for("people.find") if moved_out else url_for("people.person", senior_id=senior_id)
    return redirect(to, 303)  # type: ignore[return-value]


def _wanted(kind: str) -> Change:
    wanted = CHANGES.get(kind)
    if wanted is None:
        raise Refused(Reason.NOT_FOUND, what="change")
    if not access.may(wanted.may):
        raise Refused(Reason.NOT_ALLOWED)
    return wanted


def _read(wanted: Change, scheme: Scheme, kind: str) -> Given:
    given = read(wanted.form)
    if "category" in given and given["category"] not in {each.code for each in scheme.categories}:
        raise Refused(Reason.BAD_INPUT, detail="类别 | category")
    return given


def _entered(scheme: Scheme, given: Given) -> list[str]:
    """What was typed, as it will be recorded."""
    said = dict(given)
    if "level" in said:
        said["level"] = words.LEVELS[int(said["level"])]
    if "category" in said:
        said["category"] = words.category(scheme, said["category"])
    if "place" in said:
        said["place"] = said["place"].replace("/", " ")
    return [str(value) for name, value in said.items() if value is not None and name != "address"]


def _whom(conn: Connection, senior_id: int) -> tuple[Row[Any], Scheme]:
    who = scope.one(conn, scope.people(select(seniors).where(seniors.c.id == senior_id)), "senior")
    scheme = record.scheme_of(conn, senior_id, here().now())
    if scheme is None:
        raise Refused(Reason.NOT_FOUND, what="scheme")
    return who, scheme


def _visible(senior_id: int) -> bool:
    with looking() as conn:
        return (
            conn.execute(scope.people(select(seniors.c.id).where(seniors.c.id == senior_id))).one_or_none() is not None
        )


def _form(senior_id: int, kind: str) -> str:
    wanted = _wanted(kind)
    with looking() as conn:
        who, scheme = _whom(conn, senior_id)
        c = categories.c
        holds = set(conn.scalars(select(c.category).where(c.senior_id == senior_id, c.valid_to.is_(None))))
        known = places.load(conn)
        found = (
            [f"{town}/{village}" for town in known.towns for village in known.villages(town)] if kind == "move" else []
        )
    listed = [(each.code, each.name_zh) for each in scheme.categories if (each.code in holds) == (kind == "lose")]
    return render_template(
        "people/change.html", who=who, kind=kind, change=wanted, levels=list(enumerate(words.LEVELS)),
        categories=listed, places=[(place, place.replace("/", " ")) for place in found],
    )  # fmt: skip
