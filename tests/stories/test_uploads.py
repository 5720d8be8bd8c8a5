"""The same queue of events: at once; late, twice and in reverse order; and after the month was closed."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from settlement.closing.tables import statement_lines
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import debits, door_events, visits
from tests.stories.county import AUGUST, JULY, TOWN, County, Holder
from tests.visits.phone import Phone


def upload(phone: Phone, queue: list[SignedEvent], arrives: str) -> list[str]:
    """A whole queue, one event after the other."""
    return [phone.hand_in(event, arrives).status for event in queue]


def books(county: County, someone: Holder) -> dict[str, object]:
    """All that the books say of a person, without times and ids."""
    v, d = visits.c, debits.c
    with reading(county.engine) as conn:
        debited = conn.execute(
            select(d.total_fen, d.subsidy_fen, d.personal_fen, d.shortfall_fen, d.status, v.status, v.seconds, v.month)
            .join(visits, v.id == d.visit_id)
            .where(v.senior_id == someone.senior_id)
            .order_by(v.check_in_at)
        ).all()
    return {"debits": [tuple(row) for row in debited], "left": county.left(someone), "year": county.year_left(someone)}


def test_the_same_uploads_at_once_and_late_twice_and_in_reverse(county: County) -> None:
    """Wang and Li are each served twice in July, an hour's cleaning for 30.00, first by one caregiver and then by the other.

    Wang's events arrive as they happen. Li's are queued: the second caregiver's phone finds a signal on the 7th, the first one's only on
    the 8th, and each first offers its queue from the end and then sends it twice. The books are the same: 60.00 spent, 90.00 left. Wu's visit
    of 29 July arrives on 5 August, when July is closed: it is on August's statement, with July as the month of service.
    """
    wang, li, wu = county.somebody(), county.somebody(), county.somebody()
    county.issue(JULY)
    first, second = (Phone(county, carer) for carer in county.carers[TOWN])  # type: ignore[arg-type]
    for phone, day in ((first, "2026-07-03"), (second, "2026-07-06")):
        for event in phone.a_visit(wang, f"{day} 09:00"):
            assert phone.hand_in(event).status == "accepted"
    queues = {first: first.a_visit(li, "2026-07-03 11:00"), second: second.a_visit(li, "2026-07-06 11:00")}

    for phone, evening in ((second, "2026-07-07 20:00"), (first, "2026-07-08 20:00")):
        for event in reversed(queues[phone][1:]):
            with pytest.raises(Refused) as refused:
                phone.hand_in(event, evening)
            assert (refused.value.reason, refused.value.details) == (Reason.EVENT_GAP, {"expected": 4})
        assert upload(phone, queues[phone], evening) == ["accepted"] * 3
        assert upload(phone, queues[phone], evening) == ["accepted"] * 3

    assert books(county, li) == books(county, wang)
    visit = (30_00, 30_00, 0, 0, "posted", "served", 3600, "2026-07")
    assert books(county, li) == {"debits": [visit, visit], "left": (90_00, 0), "year": 840_00}
    with reading(county.engine) as conn:
        assert conn.execute(select(func.count()).select_from(door_events)).scalar_one() == 12

    after_the_close = first.a_visit(wu, "2026-07-29 09:00")
    july = county.close(JULY)[TOWN]
    assert (july.visits, july.subsidy_fen) == (4, 120_00)
    assert upload(first, after_the_close, "2026-08-05 08:00") == ["accepted"] * 3
    assert upload(first, after_the_close, "2026-08-05 08:05") == ["accepted"] * 3
    assert county.left(wu) == (120_00, 0)
    august = county.close(AUGUST)[TOWN]
    assert (august.visits, august.subsidy_fen, august.net_fen) == (1, 30_00, 30_00)
    with reading(county.engine) as conn:
        line = statement_lines.c
        months = conn.execute(select(line.service_month).where(line.statement_id == august.id)).scalars().all()
    assert months == ["2026-07"]
    assert county.statements(JULY)[TOWN] == july
    assert county.findings() == []
