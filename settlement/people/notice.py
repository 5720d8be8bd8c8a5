"""What is posted in a village: the names of one day's posting, masked, with what each would get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from settlement.people import prospects
from settlement.people.tables import enrolments, seniors
from settlement.policy.eligibility import age_on
from settlement.policy.scheme import Scheme


@dataclass(frozen=True)
class Posted:
    """A line of the notice. ``amount``: fen per month."""

    enrolment_id: int
    name: str
    sex: str
    age: int
    benefit_zh: str
    benefit_en: str
    amount: int


@dataclass(frozen=True)
class Notice:
    """``until``: the last of the working days."""

    town: str
    village: str
    posted_on: date
    until: date
    lines: tuple[Posted, ...]


def mask_name(name: str) -> str:
    """``王*英``: neighbours know who is meant, a stranger with a camera does not."""
    return f"{name[0]}*" if len(name) < 3 else f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def of_posting(conn: Connection, scheme: Scheme, town: str, village: str, posted_on: date) -> Notice | None:
    """The names a village posted on a day; None when it posted none. Who was sent back since is left out."""
    e = enrolments.c
    query = (
        select(e.id, e.senior_id, e.publicity_until, seniors.c.name, seniors.c.sex, seniors.c.birth_date)
        .join(seniors, seniors.c.id == e.senior_id)
        .where(e.scheme_code == scheme.code, e.publicity_from == posted_on)
        .where(seniors.c.town == town, seniors.c.village == village)
        .order_by(e.id)
    )
    rows = conn.execute(query).all()
    if not rows:
        return None
    until = max(row.publicity_until for row in rows)
    given = prospects.decided(conn, scheme, [row.senior_id for row in rows], until)
    lines = []
    for row in rows:
        benefits = [each.benefit for each in given[row.senior_id].given]
        lines.append(
            Posted(
                row.id,
                mask_name(row.name),
                row.sex,
                age_on(row.birth_date, posted_on),
                "、".join(each.name_zh for each in benefits),
                ", ".join(each.name_en for each in benefits),
                given[row.senior_id].amount_fen,
            )
        )
    return Notice(town, village, posted_on, until, tuple(lines))
