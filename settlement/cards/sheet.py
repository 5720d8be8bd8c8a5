"""Printable sheets of QR cards and of door plates (PDF, A4).

A card shows name and masked number, large; a plate hangs in the open, so whose it is stands outside the frame and is cut off.
The Chinese font comes along in the package (``fonts/README.md``): nothing of the machine is needed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import qrcode
from qrcode.image.svg import SvgPathImage
from sqlalchemy import Select, select

from settlement.act import Act
from settlement.cards import font, lifecycle, token
from settlement.cards.media import masked
from settlement.cards.tables import cards, door_plates, media
from settlement.cards.typeset import typeset
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.people.tables import seniors

Kind = Literal["cards", "plates"]


@dataclass(frozen=True)
class Face:
    """What is printed for one person. ``svg``: the QR code."""

    svg: str
    name: str
    number: str
    place: str


@dataclass(frozen=True)
class Sheet:
    """``by_hand``: seniors whose name has a character the font lacks; 〓 is printed and somebody writes it in."""

    pdf: bytes
    count: int
    by_hand: tuple[int, ...]


def card_sheet(
    act: Act, ring: KeyRing, town: str, host: str, *, village: str | None = None, only_new: bool = False
) -> Sheet:
    """The cards of a town, by village and name. ``only_new``: those not handed over yet. ``host``: the address the QR opens."""
    require(act, "card.issue", town=town)
    s, c, m = seniors.c, cards.c, media.c
    query = select(s.id, s.name, s.village, m.card_no, m.token_id, m.issue).join(cards, c.senior_id == s.id)
    query = query.join(media, (m.card_id == c.id) & m.dead_from.is_(None))
    states = [lifecycle.ISSUED] if only_new else [lifecycle.ISSUED, lifecycle.ACTIVE]
    rows = act.conn.execute(_of(query.where(c.status.in_(states)), town, village)).all()
    faces = [_face(row, token.make(ring, row.token_id, row.issue), masked(row.card_no), host) for row in rows]
    return _print(act, "cards", town, rows, faces)


def plate_sheet(act: Act, ring: KeyRing, town: str, host: str, *, village: str | None = None) -> Sheet:
    """The door plates of a town; ``media.ensure_plates`` makes them."""
    require(act, "card.issue", town=town)
    s, p = seniors.c, door_plates.c
    query = select(s.id, s.name, s.village, p.token_id, p.issue).join(door_plates, p.senior_id == s.id)
    rows = act.conn.execute(_of(query.where(p.dead_from.is_(None)), town, village)).all()
    faces = [_face(r, token.make_plate(ring, r.token_id, r.issue), f"D{r.id:06d}-{r.issue}", host) for r in rows]
    return _print(act, "plates", town, rows, faces)


def _of(query: Select[Any], town: str, village: str | None) -> Select[Any]:
    s = seniors.c
    query = query.where(s.town == town, s.status != "removed")
    if village is not None:
        query = query.where(s.village == village)
    return query.order_by(s.village, s.name, s.id)


def _face(row: Any, code: str, number: str, host: str) -> Face:
    return Face(qr_svg(token.url(host, code)), font.printable(row.name), number, font.printable(row.village))


def qr_svg(content: str) -> str:
    """A QR code as one SVG path: black on white, with its quiet zone, a quarter of it may be damaged."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4, image_factory=SvgPathImage)
    code.add_data(content)
    code.make(fit=True)
    out = io.BytesIO()
    code.make_image().save(out)
    return out.getvalue().decode()


def _print(act: Act, kind: Kind, town: str, rows: Sequence[Any], faces: list[Face]) -> Sheet:
    by_hand = tuple(row.id for row in rows if font.printable(row.name) != row.name)
    act.audit(
        f"{kind}.print", f"town:{town}", after={"count": len(faces)}
    )  # a sheet is as good as the cards themselves
    return Sheet(render(kind, town, faces, timestamp=int(act.now.timestamp())), len(faces), by_hand)


def render(
    kind: Kind, town: str, faces: Sequence[Face], *, timestamp: int, format: Literal["pdf", "png"] = "pdf"
) -> Any:
    """The finished file; for ``png`` a list of pages when there are several. Same input and timestamp: the same bytes."""
    data = {"kind": kind, "town": font.printable(town), "faces": [asdict(face) for face in faces]}
    return typeset(Path(__file__).with_name("sheet.typ"), data, timestamp=timestamp, format=format)
