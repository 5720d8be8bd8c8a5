"""Papers that people hand in: only what they say they are, stored so that a stolen database shows nothing, handed out to be saved."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from settlement import papers
from settlement.audit import audit_rows
from settlement.errors import BrokenInvariant
from settlement.outcomes import Reason, Refused
from settlement.papers import LARGEST
from tests.support import RING, acting

PDF = b"%PDF-1.7\n" + "王桂英 身份证".encode()
ABOUT = "enrolment:12"


def put(engine: Engine, name: str = "身份证.pdf", content: bytes = PDF, about: str = ABOUT) -> int:
    with acting(engine) as act:
        return papers.put(act, RING, about, "identity", name, content)


def test_a_file_comes_back_as_it_was_and_its_reading_is_recorded(engine: Engine) -> None:
    id = put(engine)
    with acting(engine) as act:
        paper = papers.get(act, RING, id, ABOUT)
    assert (paper.name, paper.media_type, paper.content) == ("身份证.pdf", "application/pdf", PDF)
    with engine.connect() as conn:
        acts = conn.execute(select(audit_rows.c.act).order_by(audit_rows.c.id)).scalars().all()
    assert acts == ["paper.put", "paper.read"]


def test_a_stolen_database_shows_neither_name_nor_content(engine: Engine) -> None:
    put(engine)
    with engine.connect() as conn:
        row = conn.execute(select(papers.papers)).one()
    assert "身份证" not in str(row)
    assert "王桂英".encode() not in row.body_cipher


def test_a_file_of_something_else_is_nobodys(engine: Engine) -> None:
    id = put(engine)
    with acting(engine) as act, pytest.raises(Refused) as refused:
        papers.get(act, RING, id, "enrolment:13")
    assert refused.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"MZ\x90\x00",
        b"PK\x03\x04",
        b"",
        b" %PDF-1.7",
    ],
)
def test_what_is_no_paper_is_refused_whatever_it_is_called(engine: Engine, content: bytes) -> None:
    with acting(engine) as act, pytest.raises(Refused) as refused:
        papers.put(act, RING, ABOUT, "identity", "身份证.pdf", content)
    assert refused.value.reason is Reason.PAPER_KIND


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\temp\\扫描 1.PNG", "扫描 1.pdf"),
        ('a"; filename="b.exe', "a__ filename__b.pdf"),
        ("身份证\r\nX-Evil: 1.pdf", "身份证__X-Evil_ 1.pdf"),
        (".pdf", "_pdf.pdf"),
        ("长" * 200 + ".pdf", "长" * 60 + ".pdf"),
    ],
)
def test_a_name_does_no_harm(engine: Engine, name: str, kept: str) -> None:
    id = put(engine, name)
    with acting(engine) as act:
        assert papers.get(act, RING, id, ABOUT).name == kept


def test_files_are_neither_too_large_nor_too_many(engine: Engine) -> None:
    with acting(engine) as act, pytest.raises(Refused) as refused:
        papers.put(act, RING, ABOUT, "identity", "a.pdf", PDF + bytes(LARGEST))
    assert refused.value.reason is Reason.PAPER_TOO_LARGE
    for _ in range(papers.MOST):
        id = put(engine)
    with acting(engine) as act, pytest.raises(Refused) as refused:
        papers.put(act, RING, ABOUT, "identity", "a.pdf", PDF)
    assert refused.value.reason is Reason.PAPERS_FULL
    with acting(engine) as act:
        papers.remove(act, id, "扫错了")
    put(engine)


def test_a_removed_file_is_kept_and_shown_to_nobody(engine: Engine) -> None:
    """It may be somebody else's identity card, uploaded by mistake."""
    id = put(engine)
    with acting(engine) as act:
        papers.remove(act, id, "扫错了")
        assert papers.of(act.conn, ABOUT) == []
    with acting(engine) as act, pytest.raises(Refused) as refused:
        papers.get(act, RING, id, ABOUT)
    assert refused.value.reason is Reason.NOT_FOUND
    with acting(engine) as act, pytest.raises(Refused):
        papers.remove(act, id, "扫错了")
    with engine.connect() as conn:
        assert conn.scalars(select(papers.papers.c.id)).all() == [id]


def test_a_file_that_was_altered_does_not_open(engine: Engine) -> None:
    id = put(engine)
    p = papers.papers.c
    with engine.begin() as conn:
        cipher = conn.scalar(select(p.body_cipher))
        conn.execute(update(papers.papers).values(body_cipher=cipher[:-1] + bytes([cipher[-1] ^ 1])))
    with acting(engine) as act, pytest.raises(BrokenInvariant):
        papers.get(act, RING, id, ABOUT)
