"""Bringing in what other offices keep: the population register, lists of deaths. Every fault is told at its row."""

from __future__ import annotations

from typing import Any

from flask import g, render_template, request
from sqlalchemy import select

from admin.frame import forms, scope
from admin.frame.acting import acting
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Form, read
from admin.people import words
from admin.people.finding import desk
from settlement.outcomes import Reason, Refused
from settlement.people import registers
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes

LARGEST = 40 * 1024 * 1024
"""Bytes of a register."""
FAULTS_SHOWN, MOVED_SHOWN = 500, 500


class DeathsForm(Form):
    source = Choice(*registers.SOURCES)
    accept = Choice("yes", load_default=None)


@desk.page("/registers", may="register.import", menu=("导入外部登记", "Import registers"))
def imports() -> str:
    return _page()


@desk.act("/registers/population", may="register.import", shows=imports)
def import_population() -> str:
    name, content = chosen_file("population")
    code, accept = request.form.get("scheme", ""), request.form.get("accept") == "yes"
    with acting() as act:
        if code not in {each.code for each in all_schemes(act.conn, act.now)}:
            g.wrong = {"scheme": "请从列表中选择 choose one of the list"}
            raise Refused(Reason.BAD_INPUT, detail="方案 | scheme")
        scheme = store.in_force(act.conn, code, Month.of(act.now))
        done = registers.import_population(act, here().ring, scheme, content, name, accept_valid=accept)
    return _page(population=done)


@desk.act("/registers/deaths", may="register.import", shows=imports)
def import_deaths() -> str:
    given = read(DeathsForm)
    name, content = chosen_file("deaths")
    with acting() as act:
        accept = given["accept"] == "yes"
        done = registers.import_deaths(act, here().ring, given["source"], content, name, accept_valid=accept)
    return _page(deaths=done)


def all_schemes(conn: Any, now: Any) -> list[Scheme]:
    """Every scheme in force, by its code."""
    codes = conn.scalars(select(schemes.c.code).where(schemes.c.valid_from <= str(Month.of(now))).distinct())
    return [store.in_force(conn, code, Month.of(now)) for code in sorted(codes)]


def chosen_file(field: str) -> tuple[str, bytes]:
    """(its name, its content). Raises Refused(BAD_INPUT) when none was chosen."""
    file = forms.upload(field, LARGEST)
    if file is None:
        g.wrong = {**g.get("wrong", {}), field: "请选择文件 choose a file"}
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    return file.filename or "", file.read()


def _page(population: registers.Population | None = None, deaths: registers.Deaths | None = None) -> str:
    with looking() as conn:
        listed = [(each.code, each.name_zh) for each in all_schemes(conn, here().now())]
        people = _people(conn, population, deaths)
    done = population or deaths
    return render_template(
        "people/registers.html", schemes=listed, sources=[(code, words.pair(named)) for code, named in words.SOURCES.items()],
        population=population, deaths=deaths, people=people, most=MOVED_SHOWN, faults=[] if done is None else done.faults[:FAULTS_SHOWN],
    )  # fmt: skip


def _people(conn: Any, population: registers.Population | None, deaths: registers.Deaths | None) -> dict[int, Any]:
    """Those of one's own people whom the answer names, by number: a file may hold anybody's identity number."""
    ids = [id for id, _, _ in population.moved[:MOVED_SHOWN]] if population else []
    ids += deaths.contradict[:MOVED_SHOWN] if deaths else []
    s = seniors.c
    query = scope.people(select(s.id, s.name, s.town, s.village, s.died_on).where(s.id.in_(ids)))
    return {row.id: row for row in conn.execute(query)}
