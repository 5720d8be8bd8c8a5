"""Addresses and forms with what no page of ours writes: numbers and days beyond every record, a month where a quarter belongs. Refused, never a fault."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine

from tests.admin.office import Answer, Office, Seat
from tests.admin.test_signin import Browser
from tests.conftest import Databases
from tests.stories.county import County, found

HUGE = "9" * 40


@pytest.fixture(scope="module")
def county(databases: Databases) -> County:
    return found(databases.create("sqlite"))


@pytest.fixture
def engine(county: County) -> Engine:
    return county.engine


def seat(office: Office, county: County, role: str) -> Seat:
    return office.seat(f"{role}.a", role, **({"provider_id": county.provider} if role == "provider" else {}))


ADDRESSES = [
    ("provider", f"/provider/orders?caregiver={HUGE}"),
    ("provider", "/provider/orders?caregiver=x"),
    ("provider", "/provider/orders?from=9999-12-31"),
    ("provider", "/provider/orders?until=9999-12-31"),
    ("provider", "/provider/orders?from=0001-01-01"),
    ("provider", "/provider/visits?month=9999-12"),
    ("auditor", f"/provider/visits?provider={HUGE}"),
    ("auditor", "/provider/visits?provider=x"),
    ("auditor", f"/overview/callbacks?provider={HUGE}"),
    ("auditor", "/treasury/shares?quarter=2026-07"),
    ("auditor", "/treasury/shares/file?quarter=2026-07"),
    ("auditor", "/audit/trail?until=9999-12-31"),
    ("auditor", "/audit/trail?since=0001-01-01"),
    ("auditor", f"/people/?page={HUGE}"),
]


@pytest.mark.parametrize(("role", "address"), ADDRESSES)
def test_an_address_that_nobody_means(office: Office, county: County, role: str, address: str) -> None:
    assert seat(office, county, role).get(address).status in (200, 404, 422)


FORMS = [
    ("card_counter", "/counter/handing-over", {"cards": [HUGE]}),
    ("hotline", "/voices/messages/retry", {"messages": [HUGE]}),
    ("provider", "/provider/plan/repeat", {"month": "2026-07", "senior": [HUGE]}),
    ("provider", "/provider/plan/repeat", {"month": "9999-12", "senior": ["1"]}),
    ("provider", "/provider/orders", {"senior": "1", "day": "9999-12-31", "time": "23:59", "minutes": "1440", "item": ["x"], "origin": "planned"}),
    ("provider", "/providers/{provider}/badges", {"caregiver": [HUGE]}),
    ("civil_affairs", "/providers/caregivers/{caregiver}/certify", {"day": "9999-12-31"}),
    ("civil_affairs", "/providers/caregivers/{caregiver}/train", {"day": "0001-01-01"}),
]  # fmt: skip


@pytest.mark.parametrize(("role", "address", "fields"), FORMS)
def test_a_form_that_nobody_means(
    office: Office, county: County, role: str, address: str, fields: dict[str, object]
) -> None:
    (caregiver, _), *_ = county.carers.values()
    answer = seat(office, county, role).post(address.format(provider=county.provider, caregiver=caregiver), fields)
    assert answer.status == 422, answer.text


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_nul_in_a_form_is_a_fault_on_no_database(databases: Databases, backend: str) -> None:
    """Also where a form is not read by a schema, which would leave it out."""
    office = Office(databases.create(backend))
    assert Browser(office).send("/signin/", name="some\0body", password="x\0").status == 403
    county = found(office.engine)
    clerk = seat(office, county, "village")
    for address in ("/people/eligible/invite", "/people/", "/months/issuance/jiangdu/2026-07/post"):
        fields = {"everybody": "yes", "scheme": "jiangdu", "town": "x\0", "form_id": secrets.token_urlsafe(16)}
        answer = Answer(clerk.client.post(address, data=fields | {"csrf_token": clerk._token()}))
        assert answer.status in (303, 403), address
    databases.drop(office.engine)
