"""What is posted in a village: the names of one day's posting, masked, with what each would get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

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
    """``until``: the last of the working days; ``people``: how many names there are, of whom ``lines`` has those that were asked for."""

    town: str
    village: str
    posted_on: date
    until: date
    people: int
    lines: tuple[Posted, ...]


def mask_name(name: str) -> str:
    """``王*英``: neighbours know who is meant, a stranger with a camera does not."""
    return f"{name[0]}*" if len(name) < 3 else f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def of_posting(
    conn: Connection,
    scheme: Scheme,
    town: str,
    village: str,
    posted_on: date,
    *,
    after: int = 0,
    most: int | None = None,
) -> Notice | None:
    """The names a village posted on a day; None when it posted none. Who was sent back since is left out.

    ``after`` so many names, ``most`` so many: what each would get is reckoned of these only. Without them all are.
    """
    e = enrolments.c
    source = enrolments.join(seniors, seniors.c.id == e.senior_id)
    posted = (
        e.scheme_code == scheme.code,
        e.publicity_from == posted_on,
        seniors.c.town == town,
        seniors.c.village == village,
    )
    counted = select(func.count(), func.max(e.publicity_until)).select_from(source).where(*posted)
    people, until = conn.execute(counted).one()
    if not people:
        return None
    query = select(e.id, e.senior_id, seniors.c.name, seniors.c.sex, seniors.c.birth_date).select_from(source)
    rows = conn.execute(query.where(*posted).order_by(e.id).offset(after).limit(most)).all()
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
    return Notice(town, village, posted_on, until, people, tuple(lines))
