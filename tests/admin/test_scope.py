"""Whose is it? Every address that names a record, and every form that does, asked by somebody whose record it is not: answered like one that is nobody's.

What the console does with somebody's own is tested desk by desk; here the addresses are walked as they are declared, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from marshmallow import fields
from sqlalchemy import Engine, func, select

from admin.frame import forms
from admin.tables import forms_sent, sessions
from settlement.db import metadata
from tests.admin import access_table
from tests.admin.access_table import Route
from tests.admin.everything import FAR_TOWN, PNG, Everything, everything
from tests.admin.office import TOWN, VILLAGE, Answer, Office, Seat
from tests.conftest import Databases

FIXED = {"scheme": "jiangdu", "month": "2026-07", "quarter": "2026-Q3", "kind": "died", "which": "file", "town": TOWN}
OF_A_TENDER = {"paper_id": "tender.paper_id"}
NARROW = ("village", "town", "town_finance", "provider")
OF_ONE_PERSON = {"assessor": "enrolment.order_id", "hotline": "call_id"}
"""Roles of the whole district to which some records are given by name."""
WHOEVER = ("task_id", "roster_id")
"""Nobody's but who asked for it."""
OPEN_TO_TOWNS = ("list_id",)
"""Prices are no secret between a town and a provider."""


@dataclass
class World:
    office: Office
    all: Everything
    seats: dict[str, Seat]


@pytest.fixture(scope="module")
def world(databases: Databases) -> Iterator[World]:
    """Seats by name: ``near.town`` of the place everything is of, ``far.town`` of another."""
    engine: Engine = databases.create("sqlite")
    office = Office(engine)
    known = everything(office)
    near: dict[str, dict[str, Any]] = {
        "village": {"village": VILLAGE},
        "provider": {"provider_id": known.county.provider},
    }
    far: dict[str, dict[str, Any]] = {name: {"town": FAR_TOWN} for name in ("town", "town_finance")}
    far |= {"village": {"town": FAR_TOWN, "village": "新村"}, "provider": {"provider_id": known.stranger}}
    seats = {f"near.{role}": office.seat(f"near.{role}", role, **near.get(role, {})) for role in access_table.PEOPLE}
    seats |= {f"far.{role}": office.seat(f"far.{role}", role, **far.get(role, {})) for role in access_table.PEOPLE}
    known.one["officer_id"] = "near.village"
    seats["next.village"] = office.seat("next.village", "village", village="双沟社区")
    seats |= {id: office.seat(id) for id in ("assessor",)}
    seats |= {"agent.one": office.seat("agent.one", "hotline"), "roster.one": office.seat("roster.one", "town")}
    yield World(office, known, seats)
    databases.drop(engine)


def names(route: Route) -> list[str]:
    return [name for name in re.findall(r"<(?:[^:<>]+:)?(\w+)>", route.rule) if name not in FIXED]


def key(route: Route, name: str) -> str:
    desk = route.endpoint.partition(".")[0]
    if "/tenders/" in route.rule and name in OF_A_TENDER:
        return OF_A_TENDER[name]
    return f"{desk}.{name}" if f"{desk}.{name}" in KEYS else name


KEYS = {
    *("enrolment.order_id", "enrolment.paper_id", "provider.order_id", "treasury.order_id", "treasury.paper_id"),
    *("providers.paper_id", "review.visit_id"),
}


def path(route: Route, values: dict[str, Any]) -> str:
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", lambda found: str(values[found[1]]), route.rule)


def nobodys(route: Route, name: str) -> Any:
    words = "town:无此镇" if name == "payer" else "nobody"
    return "987654" if f"<int:{name}>" in route.rule else words


def asked(side: dict[str, Any], route: Route) -> dict[str, Any]:
    return FIXED | {name: side.get(key(route, name)) for name in names(route)}


def routes(office: Office) -> list[Route]:
    """Those that name a record."""
    skipped = ("static", "overview.people")
    found = [route for route in access_table.routes(office.app) if names(route) and route.endpoint not in skipped]
    return [route for route in found if not {"scheme_code", "step"} & set(names(route))]


def strangers(route: Route) -> list[str]:
    """Seats to which the record is not theirs, of roles that may open the address."""
    may, wanted = access_table.roles_of(route.may), {key(route, name) for name in names(route)}
    if wanted & set(WHOEVER):
        return [f"far.{role}" for role in may]
    who = [f"far.{role}" for role in NARROW if role in may]
    who += ["next.village"] if "village" in may else []
    who += [f"far.{role}" for role, name in OF_ONE_PERSON.items() if role in may and name in wanted]
    return [each for each in who if not (each == "far.town" and wanted & set(OPEN_TO_TOWNS))]


def plain(answer: Answer, values: dict[str, Any]) -> tuple[int, str]:
    """What a reader sees, without what they asked for."""
    text = answer.text
    given = {value for value in values.values() if isinstance(value, str)}
    given |= {value.partition(":")[2] for value in given if ":" in value}  # a payer reads as its town
    for value in sorted(given, key=len, reverse=True):
        text = text.replace(value, "…")
    return answer.status, re.sub(r"[0-9]+", "…", text)


def send(seat: Seat, at: str, form: dict[str, Any] | None) -> Answer:
    return seat.get(at) if form is None else seat.post(at, form)


def written(world: World) -> dict[str, int]:
    """Rows of every table but what a form sent leaves behind."""
    with world.office.engine.connect() as conn:
        tables = [each for each in metadata.sorted_tables if each not in (forms_sent, sessions)]
        return {each.name: conn.scalar(select(func.count()).select_from(each)) or 0 for each in tables}


def sample(field: Any, name: str) -> Any:
    """Something that a form takes in this field."""
    if isinstance(field, forms.Many):
        return [sample(field.inner, name)]
    if isinstance(field, forms.Choice):
        return field.known[0]
    if isinstance(field, forms.Number):
        return str(max(field.least, 1))
    said = {forms.Yuan: "1.00", forms.Day: "2026-10-12", forms.MonthField: "2026-07", fields.Integer: "1"}
    return {"place": f"{TOWN}/{VILLAGE}", "time": "9:00"}.get(name, said.get(type(field), "12"))


def filled_in(world: World, route: Route) -> list[dict[str, Any]]:
    """The forms that the module of an act knows, each filled in; and one with a file."""
    view = inspect.unwrap(world.office.app.view_functions[route.endpoint])
    known = [each for each in view.__globals__.values() if inspect.isclass(each) and issubclass(each, forms.Form)]
    sent = [{name: sample(field, name) for name, field in each._declared_fields.items()} for each in known]
    files = {"file": ("a.png", PNG), "paper": ("a.png", PNG)}
    return [{}, *({**each, **files} for each in sent)]


def test_a_record_of_somebody_elses_is_answered_like_nobodys(world: World) -> None:
    wrong, before = [], written(world)
    for route in routes(world.office):
        for who in strangers(route):
            values = asked(world.all.one, route)
            if "officer_id" in values:
                values["officer_id"] = {"far.town": "near.village", "far.provider": "near.provider"}[who]
            none = values | {name: nobodys(route, name) for name in names(route)}
            seat = world.seats[who]
            found = 0
            for form in filled_in(world, route) if route.method == "POST" else [None]:
                theirs, nothing = send(seat, path(route, values), form), send(seat, path(route, none), form)
                found += theirs.status == 404
                if theirs.status not in (404, 422) or plain(theirs, values) != plain(nothing, none):
                    wrong.append(f"{route.method} {route.rule} {who}: {theirs.status}, nobody's {nothing.status}")
            if not found:
                wrong.append(f"{route.method} {route.rule} {who}: no form came so far")
    assert not wrong, "\n".join(wrong)
    assert {name: count for name, count in written(world).items() if count != before[name]} == {}


def owners(route: Route) -> list[str]:
    """Seats to which it is theirs, of the roles above."""
    may, wanted = access_table.roles_of(route.may), {key(route, name) for name in names(route)}
    if wanted & set(WHOEVER):
        return ["roster.one"]
    who = [f"near.{role}" for role in NARROW if role in may]
    by_name = {"assessor": "assessor", "hotline": "agent.one"}
    return who + [by_name[role] for role, name in OF_ONE_PERSON.items() if role in may and name in wanted]


NOT_YET = ("enrolment.letter", "enrolment.known", "enrolment.roster_copy")
"""What there is of it only after more has happened: a refusal, a scheme chosen, a roster with faults."""


def test_to_whom_it_belongs_it_is_there(world: World) -> None:
    """So that the test above asks for what there is."""
    wrong, pages = [], 0
    for route in routes(world.office):
        if route.method == "GET" and strangers(route) and route.endpoint not in NOT_YET:
            values = asked(world.all.one, route)
            answers = {who: world.seats[who].get(path(route, values)).status for who in owners(route)}
            pages += 1
            if not set(answers.values()) & {200, 303}:
                wrong.append(f"{route.rule}: {answers}")
    assert not wrong, "\n".join(wrong)
    assert pages > 40


LIES_UNDER = {
    **dict.fromkeys(("objection_id", "enrolment.paper_id"), "enrolment_id"),
    **dict.fromkeys(("contract_id", "device_id", "terminal_id"), "provider_id"),
    **dict.fromkeys(("award_id", "tender.paper_id"), "tender_id"),
    "question_id": "statement_id",
    "agent_id": "senior_id",
    "providers.paper_id": "caregiver_id",
    "treasury.paper_id": "treasury.order_id",
}
"""What an address names after the record that it belongs to."""


def test_what_lies_under_another_record_is_not_found_under_this_one(world: World) -> None:
    """Both are one's own, and do not belong together."""
    wrong, tried, before = [], set(), written(world)
    for route in routes(world.office):
        child = names(route)[-1]
        if len(names(route)) < 2 or key(route, child) not in LIES_UNDER:
            continue
        values = asked(world.all.one, route)
        parent = next(name for name in names(route) if key(route, name) == LIES_UNDER[key(route, child)])
        values[parent] = world.all.stranger if parent == "provider_id" else world.all.other[key(route, parent)]
        none = values | {child: nobodys(route, child)}
        may = access_table.roles_of(route.may)
        seat = world.seats[f"near.{'civil_affairs' if 'civil_affairs' in may else may[0]}"]
        tried.add(key(route, child))
        answers = []
        for form in filled_in(world, route) if route.method == "POST" else [None]:
            theirs, nothing = send(seat, path(route, values), form), send(seat, path(route, none), form)
            answers.append(theirs.status)
            if theirs.status not in (404, 422) or plain(theirs, values) != plain(nothing, none):
                wrong.append(f"{route.method} {route.rule}: {theirs.status}, nobody's {nothing.status}")
        if 404 not in answers:
            wrong.append(f"{route.method} {route.rule}: no form came so far")
    assert not wrong, "\n".join(wrong)
    assert tried == set(LIES_UNDER)
    assert {name: count for name, count in written(world).items() if count != before[name]} == {}


def test_an_award_is_drawn_up_under_its_own_tender(world: World) -> None:
    """Its contract would run under another notice's number."""
    one, other = world.all.one, world.all.other
    term = {"from_day": "2026-11-01", "last_day": "2026-12-31"}
    seat = world.seats["near.civil_affairs"]
    answer = seat.post(f"/providers/tenders/{other['tender_id']}/awards/{one['award_id']}/contract", term)
    assert answer.status == 404


ONLY_IN_A_FORM = [
    ("far.village", "/people/eligible/invite", {"senior": "eligible"}, {"scheme": "jiangdu"}),
    ("far.village", "/people/deaths/look", {"death": "death_id"}, {}),
    ("far.village", "/people/deaths/confirm", {"death": "death_id"}, {}),
    ("next.village", "/people/deaths/confirm", {"death": "death_id"}, {}),
    ("far.village", "/enrolment/due/jiangdu/village_check/chosen", {"ids": "enrolment_id"}, {}),
    ("far.village", "/enrolment/due/jiangdu/village_check/pass", {"ids": "enrolment_id"}, {}),
    ("next.village", "/enrolment/due/jiangdu/village_check/pass", {"ids": "enrolment_id"}, {}),
    ("far.town", "/enrolment/due/jiangdu/town_approve/refuse", {"ids": "enrolment_id"}, {"reason": "x"}),
    ("far.village", "/enrolment/due/jiangdu/publicise/post", {"ids": "enrolment_id"}, {}),
    ("far.town", "/counter/handing-over", {"cards": "card_id"}, {}),
    ("next.village", "/counter/handing-over", {"cards": "card_id"}, {}),
    ("far.provider", "/provider/orders/assign", {"order": "provider.order_id"}, {}),
    ("far.provider", "/provider/orders/cancel", {"order": "provider.order_id"}, {"reason": "senior_asked"}),
    ("near.provider", "/providers/{provider_id}/badges", {"caregiver": "strange"}, {}),
    ("near.town", "/months/statement/{statement_id}/ask", {"visit": "strange_visit"}, {"words": "x"}),
    ("near.provider", "/provider/statements/{statement_id}/questions", {"visit_id": "strange_visit"}, {"words": "x"}),
    ("near.provider", "/providers/{provider_id}/devices/code", {"caregiver_id": "strange"}, {"kind": "phone"}),
]


@pytest.mark.parametrize(("who", "at", "ids", "more"), ONLY_IN_A_FORM, ids=lambda value: str(value)[:40])
def test_a_record_named_in_a_form_is_no_more_found_than_one_named_in_an_address(
    world: World, who: str, at: str, ids: dict[str, str], more: dict[str, str]
) -> None:
    known, before = world.all.one, written(world)
    address = at.format(**known)
    (name, which), seat = next(iter(ids.items())), world.seats[who]
    theirs = seat.post(address, {name: [str(known[which])], **more})
    nobody = 987654 if isinstance(known[which], int) else "no-such-thing"
    nothing = seat.post(address, {name: [str(nobody)], **more})
    assert plain(theirs, {"given": known[which]}) == plain(nothing, {"given": nobody})
    assert theirs.location.replace(str(known[which]), "") == nothing.location.replace(str(nobody), "")
    assert {name: count for name, count in written(world).items() if count != before[name]} == {}


PEOPLE = ("王桂英", "李秀兰", "王小明")
"""Seniors, caregivers, agents of this world."""


def test_no_page_fails_and_what_a_browser_keeps_of_it_names_nobody(world: World) -> None:
    """Titles stay in its history, names of files in its folder of downloads, addresses in both."""
    wrong, pages = [], 0
    for route in access_table.routes(world.office.app):
        if route.method == "POST" or route.may in access_table.SPECIAL or {"scheme_code", "target"} & set(names(route)):
            continue
        values = asked(world.all.one, route)
        for role in access_table.roles_of(route.may):
            for query in ("", "?export=csv"):
                answer = world.seats[f"near.{role}"].get(path(route, values) + query)
                pages += 1
                wrong += [f"{route.rule} {role}: {answer.status}"] if answer.status >= 500 else []
                kept = answer.response.headers.get("Content-Disposition", "") + answer.location
                if answer.response.mimetype == "text/html":
                    kept += "".join(answer.tree.xpath("//title/text() | //a/@href"))
                wrong += [f"{route.rule} {role}: {name}" for name in PEOPLE if name in unquote(kept)]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert pages > 300


FAR = ("far.village", "next.village", "far.town", "far.town_finance", "far.provider")


def test_no_list_shows_another_offices_people_or_papers(world: World) -> None:
    """Every page that names no record, and the file it may be taken away as; those whose it is find all of it there."""
    one, wrong, met = world.all.one, set(), set()
    papers_ = {one["statement_id"], one["treasury.order_id"], one["batch_id"], one["adjustment_id"]}
    for route in access_table.routes(world.office.app):
        if route.method == "POST" or route.may in access_table.SPECIAL or names(route) or "<town>" in route.rule:
            continue
        for who in (*FAR, "near.town", "near.provider"):
            if who.partition(".")[2] not in access_table.roles_of(route.may):
                continue
            for query in ({}, {"export": "csv"}, {"state": "all", "status": "", "show": "all", "period": "2026-Q3"}):
                asked_too = {"quarter": "2026-Q3", "month": "2026-07", "scheme": "jiangdu", **query}
                answer = world.seats[who].get(path(route, FIXED), **asked_too)
                shown = (
                    answer.text if answer.response.mimetype == "text/html" else answer.content.decode(errors="replace")
                )
                found = {name for name in (*PEOPLE, *papers_) if name in shown}
                met |= found if who.startswith("near") else set()
                wrong |= {f"{route.rule} {who}: {name}" for name in found if not who.startswith("near")}
    assert not wrong, "\n".join(sorted(wrong))
    assert met == {*PEOPLE, *papers_}


@pytest.mark.parametrize("who", ["far.town", "far.town_finance"])
def test_another_towns_issuance_is_answered_like_that_of_no_town(world: World, who: str) -> None:
    """It has no number of its own: the address names the town."""
    of, before = "/months/issuance/jiangdu/2026-07/", written(world)
    near = world.seats[f"near.{who.partition('.')[2]}"]
    assert near.get(of + TOWN).status == 200
    for ending, form in (("", None), ("?export=csv", None), ("/approve", {"seen": "x"})):
        if form is not None and who == "far.town_finance":
            continue  # approves nothing anywhere
        theirs, nothing = (send(world.seats[who], of + town + ending, form) for town in (TOWN, "无此镇"))
        assert theirs.status == 404, ending
        assert plain(theirs, {"town": TOWN}) == plain(nothing, {"town": "无此镇"})
    assert written(world) == before


def test_a_providers_order_that_is_not_there_is_no_payment_order(world: World) -> None:
    seat = world.seats["near.provider"]
    assert "没有找到工单" in seat.get("/provider/orders/nobody").text
    assert "没有找到工单" in seat.post("/provider/orders/cancel", order=["nobody"], reason="senior_asked").text
