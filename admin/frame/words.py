"""Amounts, days and codes as pages show them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask

from settlement.money import format_yuan
from settlement.officers import ROLES
from settlement.periods import SHANGHAI
from settlement.spoken import chinese

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def yuan(fen: int) -> str:
    return format_yuan(fen)


def day(when: date | datetime) -> str:
    return f"{local(when):%Y-%m-%d}"


def last_day(end: date) -> str:
    """The last day that counts of what ends on the day after it, as tables hold it."""
    return day(end - timedelta(days=1))


def moment(when: datetime) -> str:
    return f"{local(when):%Y-%m-%d %H:%M}"


def code(value: object) -> str:
    return chinese(value)


def role(value: str) -> str:
    return ROLES[value][0]


def local(when: Any) -> Any:
    return when.astimezone(SHANGHAI) if isinstance(when, datetime) else when


def register(app: Flask) -> None:
    for filter in (yuan, day, last_day, moment, code, role):
        app.add_template_filter(filter)
