"""What the pages of a provider's own desk share: the desk, whose work is shown, words of listed codes, what becomes of a declined act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from flask import redirect, request, url_for
from sqlalchemy import ColumnElement, Connection, case, select

from admin.frame import scope
from admin.frame.access import officer
from admin.frame.console import here
from admin.frame.desk import Desk
from admin.frame.forms import day_of, id_asked
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import SHANGHAI, Month, local_date
from settlement.policy import tariff
from settlement.policy.scheme import Scheme
from settlement.providers.tables import caregivers, providers
from settlement.visits.day import scheme_of

desk = Desk("provider", __name__, "服务商工作", "Provider's work")
T = TypeVar("T")


@desk.page("/", may="provider_work.read", menu=("人员、设备和合同", "Staff, devices, contracts"))
def own() -> Any:
    """To the provider's own entry; an auditor to the register."""
    mine = officer().provider_id
    target = url_for("providers.everybody") if mine is None else url_for("providers.one", provider_id=mine)
    return redirect(target, 303)


def whose(conn: Connection) -> int:
    """The provider whose work is shown: a provider's office its own; an auditor the one asked for (``provider``), else the first. Raises
    Refused(NOT_FOUND) when there is none."""
    p = providers.c
    query = scope.within(select(p.id), provider=p.id)
    asked = id_asked("provider")
    if asked is not None:
        query = query.where(p.id == asked)
    found = conn.execute(query.order_by(p.id).limit(1)).scalar_one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="provider")
    return int(found)


def ours() -> int:
    """The provider whose staff acts. Raises Refused(NOT_ALLOWED) for somebody of no provider."""
    mine = officer().provider_id
    if mine is None:
        raise Refused(Reason.NOT_ALLOWED)
    return mine


def today() -> date:
    return local_date(here().now())


def month_asked() -> Month:
    """``month`` of the address; the present one when it is none."""
    try:
        return month_of(request.args.get("month", ""))
    except ValueError:
        return Month.of(today())


def month_of(text: str) -> Month:
    """Raises ValueError, also for one at an end of the calendar."""
    month = Month.parse(text)
    day_of(str(month.first_day))
    return month


def day_asked(name: str, otherwise: date) -> date:
    try:
        return day_of(request.args.get(name, ""))
    except ValueError:
        return otherwise


def moment(day: date, time: str) -> datetime:
    """A local day with a time such as 9:00. Raises Refused(BAD_INPUT)."""
    try:
        hour, minute = time.replace("：", ":").split(":")
        return datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=SHANGHAI)
    except ValueError:
        raise Refused(Reason.BAD_INPUT, detail="时间写作 9:00 | a time such as 9:00") from None


def scheme(conn: Connection, provider_id: int, on: date | None = None) -> Scheme:
    """The one a provider works under. Raises Refused(NO_CONTRACT)."""
    return scheme_of(conn, provider_id, on or today())


def items(conn: Connection, provider_id: int, on: date) -> list[tuple[str, str]]:
    """What a provider may sell on a day, to choose from; nothing without a contract."""
    try:
        code = scheme(conn, provider_id, on).code
    except Refused:
        return []
    held = tariff.prices_in_force(conn, code, provider_id, on)
    return [(item, price.name_zh) for item, price in held.items()]


def staff(conn: Connection, provider_id: int) -> list[tuple[int, str]]:
    """Caregivers who have not left, to choose from."""
    c, day = caregivers.c, today()
    query = select(c.id, c.staff_no, c.name).where(c.provider_id == provider_id)
    query = query.where(c.until_day.is_(None) | (c.until_day > day)).order_by(c.staff_no)
    return [(row.id, f"{row.staff_no} {row.name}") for row in conn.execute(query)]


def said(column: ColumnElement[str], words: Mapping[str, Any]) -> ColumnElement[str]:
    """A code column in words, Chinese first. ``words``: code to something whose first two parts are Chinese and English."""
    return case({code: f"{both[0]} {both[1]}" for code, both in words.items()}, value=column, else_=column)


def chosen(words: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A closed list to choose from."""
    return [(code, f"{both[0]} {both[1]}") for code, both in words.items()]


def settled(answer: T | Declined) -> T:
    """What was done. Raises the decline as Refused: at a desk nothing of it is kept."""
    if isinstance(answer, Declined):
        raise Refused(answer.reason, **answer.details)
    return answer


def named(codes: Iterable[str], names: Iterable[tuple[str, str]]) -> str:
    """Item codes by name, those not on the list as they are."""
    known = dict(names)
    return "、".join(known.get(code, code) for code in codes)
