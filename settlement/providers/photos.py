"""A caregiver's portrait, for the badge, and the papers that prove training and certificate; stored encrypted (``settlement.papers``)."""

from __future__ import annotations

import struct
from typing import Any

from sqlalchemy import Row, select

from settlement import papers
from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.papers import Paper
from settlement.providers.tables import caregivers

PHOTO, CERTIFICATE, TRAINING = "photo", "certificate", "training"
KINDS = {PHOTO: ("照片", "photo"), CERTIFICATE: ("证书", "certificate"), TRAINING: ("培训证明", "proof of training")}
LEAST, MOST = 200, 4000
"""Pixels a side of a portrait: fewer print badly, more are a trap for whoever draws them."""
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}


def about(caregiver_id: int) -> str:
    """What the papers of a caregiver belong to."""
    return f"caregiver:{caregiver_id}"


def put(act: Act, ring: KeyRing, caregiver_id: int, kind: str, name: str, content: bytes) -> int:
    """Keep a paper of a caregiver; its id. ``kind``: of :data:`KINDS`; a new portrait takes the place of the one before.

    Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT, PHOTO_UNFIT, and as ``papers.put``.
    """
    _own(act, caregiver_id)
    if kind not in KINDS:
        raise Refused(Reason.BAD_INPUT, detail="kind")
    if kind == PHOTO:
        _require_portrait(content)
        for paper in papers.of(act.conn, about(caregiver_id)):
            if paper.kind == PHOTO:
                papers.remove(act, paper.id, "replaced")
    return papers.put(act, ring, about(caregiver_id), kind, name, content)


def portrait(act: Act, ring: KeyRing, caregiver_id: int) -> Paper | None:
    """The portrait that counts, for who may manage the caregiver; its reading is recorded."""
    _own(act, caregiver_id)
    kept = [paper.id for paper in papers.of(act.conn, about(caregiver_id)) if paper.kind == PHOTO]
    return papers.get(act, ring, kept[-1], about(caregiver_id)) if kept else None


def _own(act: Act, caregiver_id: int) -> Row[Any]:
    row = act.conn.execute(select(caregivers).where(caregivers.c.id == caregiver_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="caregiver")
    require(act, "caregiver.manage", provider_id=row.provider_id)
    return row


def _require_portrait(content: bytes) -> None:
    size = _png(content) or _jpeg(content)
    if size is None:
        raise Refused(Reason.PHOTO_UNFIT, detail="不是JPG或PNG图片 | no JPG or PNG picture")
    if not all(LEAST <= side <= MOST for side in size):
        raise Refused(Reason.PHOTO_UNFIT, detail=f"{size[0]} × {size[1]}")


def _png(content: bytes) -> tuple[int, int] | None:
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR" or len(content) < 24:
        return None
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """From the frame header; the segments before it are skipped."""
    at = 2
    while content.startswith(b"\xff\xd8") and at + 9 <= len(content) and content[at] == 0xFF:
        if content[at + 1] in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 2 + struct.unpack_from(">H", content, at + 2)[0]
    return None
