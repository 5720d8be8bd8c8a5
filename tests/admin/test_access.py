"""Every address of the console, opened as every role: who is let in is who docs/console-access.md says."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from admin.frame import access
from settlement.officers import NO_PERSON, ROLES
from tests.admin import access_table
from tests.admin.office import Office
from tests.conftest import Databases

NOT_ALLOWED = "无权进行此操作"
NOBODYS = {"int": "987654", "string": "nobody", "path": "nobody"}


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Engine:
    """Who may is not a matter of the database."""
    return databases.create("sqlite")


def test_the_document_is_what_the_routes_declare(office: Office) -> None:
    assert access_table.table(office.app) == access_table.DOCUMENT.read_text(encoding="utf-8"), (
        "python -m tests.admin.access_table"
    )


def test_every_role_is_let_in_where_the_table_says_and_nowhere_else(office: Office) -> None:
    provider = office.provider()
    seats = {
        role: office.seat(f"{role}-1", role, **({"provider_id": provider} if role == "provider" else {}))
        for role in access_table.PEOPLE
    }
    wrong = []
    for route in access_table.routes(office.app):
        if route.may in access_table.SPECIAL:
            continue
        path = route.rule
        for kind, value in NOBODYS.items():
            while f"<{kind}:" in path or (kind == "string" and "<" in path):
                begin, end = path.index("<"), path.index(">")
                which = path[begin + 1 : end].partition(":")[0] if ":" in path[begin:end] else "string"
                path = path[:begin] + NOBODYS.get(which, value) + path[end + 1 :]
        for role, seat in seats.items():
            answer = seat.get(path) if route.method == "GET" else seat.post(path)
            let_in = not (answer.status == 403 and NOT_ALLOWED in answer.text)
            if let_in != (role in access_table.roles_of(route.may)):
                wrong.append(f"{route.method} {path} {role}: {answer.status}")
            if answer.status >= 500:
                wrong.append(f"{route.method} {path} {role}: {answer.status}")
    assert wrong == []


def test_who_is_not_signed_in_is_let_in_nowhere(office: Office) -> None:
    client = office.app.test_client()
    for route in access_table.routes(office.app):
        if route.may == access.ANYBODY or "<" in route.rule:
            continue
        answer = client.open(route.rule, method=route.method)
        assert answer.status_code in (303, 403), route
        assert "/signin/" in answer.headers.get("Location", "/signin/"), route


def test_every_role_of_a_person_is_walked() -> None:
    assert set(access_table.PEOPLE) == set(ROLES) - NO_PERSON
