"""Badges of caregivers, printed with portrait and code (PDF, A4): what the scheme says a badge shows, each at a bank card's size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typst
from sqlalchemy import select

from settlement.act import Act
from settlement.cards import font
from settlement.cards.sheet import qr_svg
from settlement.cards.typeset import typeset
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.papers import Paper
from settlement.policy.scheme import Scheme
from settlement.providers import badges, photos
from settlement.providers.caregivers import PHONE
from settlement.providers.tables import caregivers, providers

MOST = 50
"""Badges of one sheet."""
FORMATS = {"image/jpeg": "jpg", "image/png": "png"}


def sheet(act: Act, ring: KeyRing, scheme: Scheme, caregiver_ids: Sequence[int], supervision_phone: str) -> bytes:
    """New badges for caregivers; those they had count no longer. ``supervision_phone``: where people complain, printed on each.

    Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT for none or more than :data:`MOST`, PHOTO_UNFIT for a portrait that cannot be drawn.
    """
    if not 1 <= len(caregiver_ids) <= MOST:
        raise Refused(Reason.BAD_INPUT, detail=f"1–{MOST}")
    shows, faces, beside = scheme.door.badge.shows, [], {}
    for caregiver_id in caregiver_ids:
        code = badges.make(act, ring, caregiver_id)
        face = _face(act, ring, caregiver_id, shows) | {"svg": qr_svg(code)}
        portrait = photos.portrait(act, ring, caregiver_id) if "photo" in shows else None
        if portrait is not None:
            face["photo"] = _file(caregiver_id, portrait)
            beside[face["photo"]] = portrait.content
        faces.append(face)
    phone = supervision_phone if "supervision_phone" in shows else ""
    data = {"faces": faces, "photo": "photo" in shows, "supervision_phone": phone}
    template = Path(__file__).with_name("badge.typ")
    try:
        made: bytes = typeset(template, data, timestamp=int(act.now.timestamp()), beside=beside)
    except typst.TypstError as error:
        if "image" not in str(error):  # ours, not the picture's
            raise
        raise Refused(Reason.PHOTO_UNFIT, detail="图片损坏 | a damaged picture") from error
    return made


def _face(act: Act, ring: KeyRing, caregiver_id: int, shows: Sequence[str]) -> dict[str, str]:
    c, p = caregivers.c, providers.c
    query = select(c.name, c.staff_no, c.phone_cipher, p.name.label("organisation")).join(
        providers, p.id == c.provider_id
    )
    row = act.conn.execute(query.where(c.id == caregiver_id)).one()
    phone = ring.decrypt(row.phone_cipher, PHONE) if row.phone_cipher else ""
    told = {"name": row.name, "staff_number": row.staff_no, "phone": phone, "organisation": row.organisation}
    return {key: font.printable(value) if key in shows else "" for key, value in told.items()} | {"photo": ""}


def _file(caregiver_id: int, portrait: Paper) -> str:
    return f"{caregiver_id}.{FORMATS[portrait.media_type]}"
