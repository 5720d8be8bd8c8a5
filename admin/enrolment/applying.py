"""Taking one person's application: found by identity number or entered anew, judged before it is sent, with its papers."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, select
from werkzeug.datastructures import FileStorage

from admin.enrolment.desk import desk, in_force, scheme_of
from admin.frame import forms, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged, stamp
from admin.frame.console import here, looking
from settlement import papers
from settlement.act import Act
from settlement.outcomes import Reason, Refused
from settlement.people import applying, entitling, places, prospects, register
from settlement.people.faults import Problem
from settlement.people.identity import IdentityFault, check
from settlement.people.register import Entry
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.policy import months
from settlement.policy.scheme import Scheme

PAPERS = (
    ("identity", "身份证、户口簿", "identity card, household register"),
    ("category", "困难类别证明", "proof of the category"),
    ("other", "其他材料", "other papers"),
)
"""Kinds of papers: code and words."""
PAPER_WORDS = {code: (zh, en) for code, zh, en in PAPERS}
_TEXTS = [
    "name",
    "id_no",
    "town",
    "village",
    "address",
    "phone",
    "registered_since",
    "resident_since",
    "emergency_name",
    "emergency_phone",
    "agent_name",
    "agent_phone",
    "applied_on",
]
_Line = forms.Text


class Finding(forms.Form):
    id_no = _Line(40)
    scheme = _Line(40)


class NewPerson(forms.Form):
    """What it says is judged like a row of a roster."""

    scheme = _Line(40)
    name = _Line(load_default="")
    id_no = _Line(40, load_default="")
    town = _Line(load_default="")
    village = _Line(load_default="")
    categories = forms.Many(_Line(40), load_default=[])
    address = _Line(load_default="")
    phone = _Line(40, load_default="")
    registered_since = _Line(40, load_default="")
    resident_since = _Line(40, load_default="")
    emergency_name = _Line(load_default="")
    emergency_phone = _Line(40, load_default="")
    agent_name = _Line(load_default="")
    agent_phone = _Line(40, load_default="")
    applied_on = _Line(40)


class Known(forms.Form):
    scheme = _Line(40)
    categories = forms.Many(_Line(40), load_default=[])
    applied_on = forms.Day()


@desk.page("/find", may="enrolment.apply", menu=("受理申请", "Take an application"))
def find() -> str:
    with looking() as conn:
        schemes = in_force(conn)
        today = local_date(here().now())
        closed = {
            each.code: months.next_opening(each, today) for each in schemes if not months.open_window(each, today)
        }
    return render_template("enrolment/find.html", schemes=_choices(schemes), closed=closed)


@desk.act("/find", may="enrolment.apply", shows=find)
def look_up() -> Response | str:
    """To the person's application when they are this office's, to an empty form when nobody knows them."""
    given = forms.read(Finding)
    with looking() as conn:
        scheme_of(conn, given["scheme"])
        who = check(given["id_no"], local_date(here().now()))
        if isinstance(who, IdentityFault):
            g.wrong = {"id_no": f"{who.zh}，{who.mend_zh} {who.en}"}
            raise Refused(Reason.BAD_INPUT, detail="身份证号 | identity number")
        known = register.find_many(conn, here().ring, [who.number]).get(who.number)
        if known is None:
            return _form(conn, given["scheme"])
        mine = scope.people(select(seniors.c.id)).where(seniors.c.id == known.id)
        if conn.execute(mine).one_or_none() is None:
            raise Refused(Reason.REGISTERED_ALREADY)
    address = url_for("enrolment.known", senior_id=known.id, scheme=given["scheme"])
    return redirect(address, 303)  # type: ignore[return-value]


# -- somebody new -----------------------------------------------------------------------------------------------------------


def _again(**_: Any) -> str:
    with looking() as conn:
        return _form(conn, request.form.get("scheme", ""))


def _form(conn: Connection, code: str) -> str:
    scheme = scheme_of(conn, code)
    listed = places.load(conn)
    towns = scope.towns(conn)
    who = officer()
    villages = [who.village] if who.village else sorted({name for town in towns for name in listed.villages(town)})
    today = local_date(here().now(), scheme.time_zone)
    return render_template("enrolment/new.html", scheme=scheme, towns=towns, villages=villages, today=today)


@desk.act("/new/change", may="enrolment.apply", shows=find)
def change() -> str:
    """Back from the judgement to the form; nothing is done here."""
    return _again()


@desk.act("/new/check", may="enrolment.apply", shows=_again)
def judge() -> str:
    """What the form gives, benefit by benefit; nothing is done here."""
    given = forms.read(NewPerson)
    with looking() as conn:
        scheme = scheme_of(conn, given["scheme"])
        entry = _entry(conn, scheme, given)
        if register.find_many(conn, here().ring, [entry.identity.number]):
            raise Refused(Reason.REGISTERED_ALREADY)
        found = _prospects(scheme, entry)
    shown: dict[str, Any] = {
        "scheme": scheme,
        "entry": entry,
        "prospects": found,
        "hopeless": prospects.hopeless(found),
    }
    kept = [(name, value) for name in ("scheme", *_TEXTS, "categories") for value in request.form.getlist(name)]
    return render_template("enrolment/check.html", **shown, kept=kept, seen_stamp=stamp(*_shown(found)), papers=PAPERS)


@desk.act("/new", may="enrolment.apply", shows=_again)
def apply_new() -> Response:
    given = forms.read(NewPerson)
    with acting() as act:
        scheme = scheme_of(act.conn, given["scheme"])
        entry = _entry(act.conn, scheme, given)
        require_unchanged(*_shown(_prospects(scheme, entry)))
        enrolment_id = applying.apply_new(act, here().ring, scheme, entry)
        put_papers(act, enrolment_id)
    return _taken(enrolment_id)


def _entry(conn: Connection, scheme: Scheme, given: dict[str, Any]) -> Entry:
    """Raises Refused(BAD_INPUT) with what is wrong beside each field."""
    who, now = officer(), here().now()
    values = {name: given[name] for name in _TEXTS}
    names = {each.code: each.name_zh for each in scheme.categories}
    values["categories"] = "、".join(names.get(code, code) for code in given["categories"])
    today = local_date(now, scheme.time_zone)
    entry, wrong = applying.judge(conn, scheme, today, values, town=who.town, village=who.village)
    if wrong or entry is None:
        g.wrong = {key: f"{each.zh}，{_mend(each)} {each.en}" for key, each in wrong.items()}
        raise Refused(Reason.BAD_INPUT, detail="见标出的各栏 | see the fields that are marked")
    return entry


def _mend(problem: Problem) -> str:
    """A roster may leave the day of the application empty, a form may not."""
    if problem.code != "applied_outside_intake":
        return problem.mend_zh
    return f"{problem.mend_zh.rpartition('；')[0]}；请填收到申请的那一天"


def _prospects(scheme: Scheme, entry: Entry) -> list[prospects.Prospect]:
    return prospects.of_facts(scheme, prospects.of_entry(entry), entry.applied_on or date.max)


def _shown(found: list[prospects.Prospect]) -> list[object]:
    """What was judged, for :func:`stamp`."""
    return [(each.benefit.code, each.state, each.amounts) for each in found]


# -- somebody on the register -----------------------------------------------------------------------------------------------


@desk.page("/known/<int:senior_id>", may="enrolment.apply")
def known(senior_id: int) -> str:
    with looking() as conn:
        person = scope.one(conn, scope.people(select(seniors)).where(seniors.c.id == senior_id), "senior")
        scheme = scheme_of(conn, request.values.get("scheme", ""))
        today = local_date(here().now(), scheme.time_zone)
        facts = entitling.facts_of(conn, [senior_id], today)[senior_id]
        found = prospects.of_facts(scheme, facts, today)
        masked = register.masked(conn, here().ring, senior_id)
    shown: dict[str, Any] = {"scheme": scheme, "person": person, "facts": facts, "masked": masked, "today": today}
    return render_template("enrolment/known.html", **shown, prospects=found, papers=PAPERS)


@desk.act("/known/<int:senior_id>", may="enrolment.apply", shows=known)
def apply_known(senior_id: int) -> Response:
    given = forms.read(Known)
    with acting() as act:
        scope.one(act.conn, scope.people(select(seniors.c.id)).where(seniors.c.id == senior_id), "senior")
        scheme = scheme_of(act.conn, given["scheme"])
        enrolment_id = applying.apply_known(act, scheme, senior_id, given["applied_on"], given["categories"])
        put_papers(act, enrolment_id)
    return _taken(enrolment_id)


def put_papers(act: Act, enrolment_id: int) -> int:
    """Keep the files that came with the form, one field per kind; how many."""
    count = 0
    for kind, _, _ in PAPERS:
        file = forms.upload(kind, papers.LARGEST)
        if file is not None:
            put_paper(act, enrolment_id, kind, file)
            count += 1
    return count


def put_paper(act: Act, enrolment_id: int, kind: str, file: FileStorage) -> None:
    content = file.stream.read()
    papers.put(act, here().ring, f"enrolment:{enrolment_id}", kind, file.filename or "", content)


def _taken(enrolment_id: int) -> Response:
    done(f"已受理申请，编号{enrolment_id}", f"the application is taken as number {enrolment_id}")
    return redirect(url_for("enrolment.one", enrolment_id=enrolment_id), 303)  # type: ignore[return-value]


def _choices(schemes: list[Scheme]) -> list[tuple[str, str]]:
    return [(scheme.code, f"{scheme.name_zh} {scheme.name_en}") for scheme in schemes]
