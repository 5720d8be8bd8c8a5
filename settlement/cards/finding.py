"""Whose card it is: by what a holder lays on the counter, or says."""

from __future__ import annotations

import re

from sqlalchemy import Connection, or_, select

from settlement.cards import token
from settlement.cards.tables import cards, media
from settlement.keys import KeyRing
from settlement.people.register import ID_NO, PHONE, find
from settlement.people.tables import seniors

MOST = 20
_NUMBER = re.compile(r"[0-9A-Za-z]{8,32}")


def people(conn: Connection, ring: KeyRing, shown: str) -> list[int]:
    """Ids of the seniors meant, at most 20, in order; nobody when nothing fits.

    ``shown``: the text of a card's QR, also of one that counts no longer; a number that was ever printed on a card; an identity number; a
    telephone number on record.
    """
    text = shown.strip()
    c, m, s = cards.c, media.c, seniors.c
    code = token.opened(ring, text)
    if code is not None:
        query = select(c.senior_id).join(media, m.card_id == c.id).where(m.token_id == code[0], m.issue == code[1])
        return list(conn.execute(query).scalars())
    number = re.sub(r"[\s-]", "", text).upper()
    if not _NUMBER.fullmatch(number):
        return []
    printed = select(c.senior_id).join(media, m.card_id == c.id).where(m.card_no == number)
    named = or_(
        s.id.in_(printed),
        s.id_no_index == ring.index(number, ID_NO),
        s.phone_index == ring.index(number, PHONE),
    )
    return list(conn.execute(select(s.id).where(named).order_by(s.id).limit(MOST)).scalars())


def by_name(conn: Connection, ring: KeyRing, name: str, village: str) -> list[int]:
    """Ids of the people of this whole name in a village, at most 20."""
    if not name or not village:
        return []
    ids = find(conn, ring, surname=name, village=village)
    s = seniors.c
    named = select(s.id).where(s.id.in_(ids), s.name == name, s.village == village)
    return list(conn.execute(named.order_by(s.id).limit(MOST)).scalars())
