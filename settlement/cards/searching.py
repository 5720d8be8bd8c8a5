"""Finding people by whatever is at hand: a name or its beginning, an identity number (whole, masked, its end), a telephone, a card's number."""

from __future__ import annotations

import re
import sys

from sqlalchemy import ColumnElement, Connection, and_, select

from settlement.cards.tables import cards, media
from settlement.keys import KeyRing
from settlement.people import register
from settlement.people.identity import LENGTH
from settlement.people.tables import seniors

_MASKED = re.compile(r"(\d{1,14})\*{2,}(\d{3}[\dX])")
_LAST4 = re.compile(r"\d{3}[\dX]")
_NUMBER = re.compile(r"[0-9A-Z-]*\d[0-9A-Z-]*")
_REGISTER_NO = re.compile(r"(?:#|NO\.?|编号|SENIOR:)\s*(\d{1,18})")


def matching(conn: Connection, ring: KeyRing, words: str) -> ColumnElement[bool] | None:
    """A condition on ``seniors`` that what was typed fits; None when nothing was typed. Answered from an index whatever it is.

    ``#12`` or ``编号12``: the number on the register. Four characters: the end of an identity number. A person found by a card's number is
    found by every number the card ever had. The caller narrows it to whom they may see.
    """
    typed = " ".join(words.upper().replace("＊", "*").split())
    if not typed:
        return None
    s = seniors.c
    if number := _REGISTER_NO.fullmatch(typed):
        return s.id == int(number[1])
    if masked := _MASKED.fullmatch(typed.replace(" ", "")):
        return s.id.in_(_masked(conn, ring, masked[1], masked[2]))
    if _LAST4.fullmatch(typed):
        return s.id_last4_index == ring.index(typed, register.ID_LAST4)
    compact = typed.replace(" ", "")
    if _NUMBER.fullmatch(compact):
        return s.id.in_(_numbered(conn, ring, compact))
    return _begins(conn, words.strip().replace(" ", "") if ord(typed[-1]) > 0x2E80 else words.strip())


def telling(words: str) -> bool:
    """Whether what was typed may be a number of a person's, or a part of one, which no address carries: anything with a digit but the number here."""
    typed = " ".join(words.upper().split())
    return any(c.isdigit() for c in typed) and _REGISTER_NO.fullmatch(typed) is None


def _masked(conn: Connection, ring: KeyRing, first: str, last4: str) -> list[int]:
    """An end of four fits one in ten thousand people: few enough to compare the beginning one by one."""
    s = seniors.c
    same_end = select(s.id, s.id_no_cipher).where(s.id_last4_index == ring.index(last4, register.ID_LAST4))
    return [
        row.id for row in conn.execute(same_end) if ring.decrypt(row.id_no_cipher, register.ID_NO).startswith(first)
    ]


def _numbered(conn: Connection, ring: KeyRing, number: str) -> list[int]:
    s = seniors.c
    by_card = select(cards.c.senior_id).join(media, media.c.card_id == cards.c.id).where(media.c.card_no == number)
    queries = [by_card, select(s.id).where(s.phone_index == ring.index(number, register.PHONE))]
    if len(number) == LENGTH:
        queries.append(select(s.id).where(s.id_no_index == ring.index(number, register.ID_NO)))
    return sorted({id for query in queries for id in conn.execute(query).scalars()})


def _begins(conn: Connection, name: str) -> ColumnElement[bool]:
    """Names between the beginning itself and what follows the last that begins so, character by character, whatever order the database's language has."""
    column, end = seniors.c.name, name + chr(sys.maxunicode)
    if conn.dialect.name == "postgresql":  # operators of ix_seniors_name
        return and_(column.op("~>=~")(name), column.op("~<=~")(end))
    return and_(column >= name, column <= end)
