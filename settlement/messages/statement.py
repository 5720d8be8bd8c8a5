"""The monthly paper statement: one page a person, a village in one PDF, for whoever is told in no other way or wants it black on white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from settlement.act import Act
from settlement.cards import font
from settlement.cards.typeset import typeset
from settlement.keys import KeyRing
from settlement.messages.account import Account, Line, accounts_of
from settlement.messages.tables import messages
from settlement.money import format_yuan
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI, Month

TEMPLATE = Path(__file__).with_name("statement.typ")


@dataclass(frozen=True)
class Statement:
    """``by_hand``: seniors whose name has a character the font lacks; 〓 is printed and somebody writes it in."""

    pdf: bytes
    count: int
    by_hand: tuple[int, ...]


def village_statement(
    act: Act, ring: KeyRing, town: str, village: str, month: Month, *, unreached: bool = False
) -> Statement:
    """The statements of a village's card holders, by name. ``unreached``: only of those whom no message reaches.

    What waited for paper counts as printed from now on. Raises Refused: NOT_ALLOWED (another office's people), PERIOD_NOT_OVER,
    NOT_FOUND when there is nobody to print for.
    """
    require(act, "statement.print", town=town)
    if act.now < month.end():
        raise Refused(Reason.PERIOD_NOT_OVER, period=month)
    found = accounts_of(act, ring, town, village, month, unreached=unreached)
    if not found:
        nobody = " 通知不到的人，都不用印 nobody there has to be told on paper (--unreached)" if unreached else ""
        raise Refused(Reason.NOT_FOUND, what=f"{town} {village}{nobody}")
    _mark_printed(act, [each.senior_id for each in found], month)
    after = {"month": str(month), "village": village, "count": len(found)}
    act.audit("statements.print", f"town:{town}", after=after)
    by_hand = tuple(each.senior_id for each in found if font.printable(each.name) != each.name)
    pdf: bytes = typeset(TEMPLATE, as_data(found, month), timestamp=int(act.now.timestamp()))
    return Statement(pdf, len(found), by_hand)


def _mark_printed(act: Act, senior_ids: Sequence[int], month: Month) -> None:
    m = messages.c
    waiting = m.senior_id.in_(senior_ids), m.status == "paper", m.created_at < month.end()
    act.conn.execute(update(messages).where(*waiting).values(status="printed", ended_at=act.now))


# -- as it is printed ---------------------------------------------------------------------------------------------------------
def as_data(found: Sequence[Account], month: Month) -> dict[str, Any]:
    """The template's data: amounts as people read them, every text in characters that the font has."""
    return {"month": f"{month.year}年{month.number}月 {month}", "people": [_person(each) for each in found]}


def _person(account: Account) -> dict[str, Any]:
    spent = [line for line in account.lines if line.debit or line.back]
    return {
        "name": font.printable(account.name),
        "village": font.printable(account.village),
        "number": account.number,
        "opening": [format_yuan(fen) for fen in account.opening],
        "closing": [format_yuan(fen) for fen in account.closing],
        "spent": [
            format_yuan(-sum(line.subsidy for line in spent)),
            format_yuan(-sum(line.personal for line in spent)),
        ],
        "year_left": None if account.year_left is None else format_yuan(account.year_left),
        "lines": [_printed(line) for line in account.lines],
        "notices": [font.printable(text) for text in account.notices],
    }


def _printed(line: Line) -> dict[str, Any]:
    local = line.at.astimezone(SHANGHAI)
    words = {"what": font.printable(line.what), "who": font.printable(line.who)}
    amounts = {
        name: format_yuan(getattr(line, name)) if getattr(line, name) else ""
        for name in ("subsidy", "personal", "cash")
    }
    day = f"{local.month}月{local.day}日" + (f" {local:%H:%M}" if line.debit else "")
    return {"day": day, "debit": line.debit, **words, **amounts}
