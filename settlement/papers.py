"""Papers: files that people hand in (an identity card, a certificate, an invoice), stored encrypted, beside what they belong to.

What a file is, is told by its first bytes and not by its name. Nothing in it is ever opened, run or drawn here; it is handed out as a download only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Column, Connection, Index, Integer, LargeBinary, Row, String, Table, Text, insert, select

from settlement.act import Act
from settlement.db import Instant, RowId, metadata
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused

papers = Table(
    "papers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("about", String(80), nullable=False, comment="what it belongs to, e.g. enrolment:12"),
    Column("kind", String(40), nullable=False, comment="what it is, in the words of whoever asked for it"),
    Column("name_cipher", Text, nullable=False, comment="the file's own name may tell a person's"),
    Column("media_type", String(80), nullable=False),
    Column("size", Integer, nullable=False, comment="bytes"),
    Column("sha256", String(64), nullable=False, comment="of the content as handed in"),
    Column("body_cipher", LargeBinary, nullable=False),
    Column("put_by", String(80), nullable=False),
    Column("put_at", Instant, nullable=False),
    Column("removed_by", String(80)),
    Column("removed_at", Instant),
    Index("ix_papers_about", "about"),
)

LARGEST = 5 * 1024 * 1024
"""Bytes of one file."""
MOST = 20
"""Files about one thing."""
BEGINNINGS = {
    "application/pdf": (b"%PDF-", "pdf"),
    "image/jpeg": (b"\xff\xd8\xff", "jpg"),
    "image/png": (b"\x89PNG\r\n\x1a\n", "png"),
}
NAME, BODY = "papers.name", "papers.body"


@dataclass(frozen=True)
class Paper:
    """``content``: the bytes as they were handed in."""

    name: str
    media_type: str
    content: bytes


def put(act: Act, ring: KeyRing, about: str, kind: str, name: str, content: bytes) -> int:
    """Keep a file; its id. The caller has checked who may. Raises Refused: PAPER_TOO_LARGE, PAPER_KIND, PAPERS_FULL."""
    if len(content) > LARGEST:
        raise Refused(Reason.PAPER_TOO_LARGE, megabytes=LARGEST // 1024 // 1024)
    media_type = next((kind for kind, (begins, _) in BEGINNINGS.items() if content.startswith(begins)), None)
    if media_type is None:
        raise Refused(Reason.PAPER_KIND)
    if len(of(act.conn, about)) >= MOST:
        raise Refused(Reason.PAPERS_FULL, most=MOST)
    row = {
        "about": about,
        "kind": kind,
        "name_cipher": ring.encrypt(_plain_name(name, media_type), NAME),
        "media_type": media_type,
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
        "body_cipher": ring.encrypt_bytes(content, BODY),
        "put_by": act.actor.id,
        "put_at": act.now,
    }
    id: int = act.conn.execute(insert(papers).values(row).returning(papers.c.id)).scalar_one()
    act.audit("paper.put", about, after={"paper": id, "kind": kind, "sha256": row["sha256"]})
    return id


def remove(act: Act, paper_id: int, why: str) -> None:
    """Take a file out of the lists; it stays stored. Raises Refused(NOT_FOUND) when there is none, or it is out already."""
    p = papers.c
    found = act.conn.execute(select(p.about).where(p.id == paper_id, p.removed_at.is_(None))).one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="paper")
    act.conn.execute(papers.update().where(p.id == paper_id).values(removed_by=act.actor.id, removed_at=act.now))
    act.audit("paper.remove", found.about, before={"paper": paper_id}, why=why)


def of(conn: Connection, about: str) -> list[Row[tuple[int, str, str, int, str]]]:
    """What belongs to something, oldest first: id, kind, media_type, size, put_by, put_at. Names only come with :func:`get`."""
    p = papers.c
    columns = (p.id, p.kind, p.media_type, p.size, p.put_by, p.put_at)
    return list(conn.execute(select(*columns).where(p.about == about, p.removed_at.is_(None)).order_by(p.id)))


def get(act: Act, ring: KeyRing, paper_id: int, about: str) -> Paper:
    """A file that belongs to ``about``, for somebody who may see that; its reading is recorded. Raises Refused(NOT_FOUND), also once it was removed."""
    p = papers.c
    row = act.conn.execute(
        select(papers).where(p.id == paper_id, p.about == about, p.removed_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="paper")
    act.audit("paper.read", about, after={"paper": paper_id})
    return Paper(ring.decrypt(row.name_cipher, NAME), row.media_type, ring.decrypt_bytes(row.body_cipher, BODY))


def _plain_name(name: str, media_type: str) -> str:
    """A name that no header, folder or page can take amiss, with the ending of what the file is."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    kept = re.sub(r"[^\w\u4e00-\u9fff ()（）-]", "_", base).strip()[:60] or "file"
    return f"{kept}.{BEGINNINGS[media_type][1]}"
