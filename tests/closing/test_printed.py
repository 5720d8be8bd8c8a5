"""The statement on paper: what is signed can be checked by anybody, what was altered cannot pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from settlement.closing import adjusting, printed
from settlement.closing.tables import statements
from settlement.db import reading
from settlement.keys import new_ring
from settlement.outcomes import Reason, Refused
from tests.closing.county import AUGUST, JULY, TOWN_1, XIANNV, County, statement_id
from tests.support import RING, acting


@pytest.fixture
def july(county: County) -> County:
    """45.00, and 30.00 with 15.00 of the senior's own: 75.00 net; a visit of a minute stays out."""
    county.serve("v1", "A", XIANNV, "2026-07-02 09:00", subsidy=4500)
    county.serve("v2", "A", XIANNV, "2026-07-20 09:00", subsidy=3000, personal=1500)
    county.serve("short", "A", XIANNV, "2026-07-20 12:00", seconds=60, subsidy=700)
    county.close(JULY)
    return county


def text_of(county: County, month: object = JULY) -> str:
    with reading(county.engine) as conn:
        return printed.signed_text(conn, RING, statement_id(month, county.providers["A"]))  # type: ignore[arg-type]


def checked(county: County, text: str) -> printed.Checked:
    with reading(county.engine) as conn:
        return printed.check(conn, RING, text)


def test_what_was_signed_is_recognised_and_stands(july: County) -> None:
    found = checked(july, text_of(july))
    assert found.statement_id == statement_id(JULY, july.providers["A"])
    assert (found.fields["net_fen"], found.fields["visits"], found.fields["status"]) == ("7500", "2", "closed")
    assert found.fields["verified"].startswith("wang 2026-08-03T01:00:00Z")
    assert found.differs == ()


def test_blank_lines_and_doubled_blanks_do_no_harm(july: County) -> None:
    text = "\n\n  ".join(line.replace(" ", "  ") for line in text_of(july).split("\n"))
    assert checked(july, text).differs == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [("net_fen 7500", "net_fen 9500"), ("town 仙女镇", "town 丁伙镇"), ("visits 2", "visits 3"), ("status closed", "")],
)
def test_an_altered_text_is_refused(july: County, old: str, new: str) -> None:
    text = text_of(july)
    assert old in text
    with pytest.raises(Refused) as refusal:
        checked(july, text.replace(old, new))
    assert refusal.value.reason is Reason.SIGNED_TEXT_WRONG


@pytest.mark.parametrize("text", ["", "signature", "songbai-statement-1", "key \nsignature x", "你好\n世界"])
def test_what_is_no_such_text_is_refused(july: County, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        checked(july, text)
    assert refusal.value.reason is Reason.SIGNED_TEXT_WRONG


def test_another_districts_signature_is_none_of_ours(july: County) -> None:
    with reading(july.engine) as conn:
        text = printed.signed_text(conn, new_ring(b"another district"), statement_id(JULY, july.providers["A"]))
    with pytest.raises(Refused):
        checked(july, text)


def test_a_statement_that_was_tampered_with_since_differs_from_its_paper(july: County) -> None:
    text = text_of(july)
    with acting(july.engine) as act:
        changed = {"subsidy_fen": 7600, "net_fen": 7600}
        act.conn.execute(statements.update().values(**changed))
    assert checked(july, text).differs == (("subsidy_fen", "7500", "7600"), ("net_fen", "7500", "7600"))


def test_an_earlier_print_still_fits_when_only_signatures_came_after(county: County) -> None:
    county.serve("v1", "A", XIANNV, "2026-07-02 09:00", subsidy=4500)
    county.draw(JULY)
    before = text_of(county)
    county.sign_month(JULY)
    assert checked(county, before).differs == ()
    assert "status drawn" in before
    assert "verified -" in before


def test_the_paper_shows_figures_words_and_what_stayed_out(july: County) -> None:
    with reading(july.engine) as conn:
        data = printed.paper(conn, RING, statement_id(JULY, july.providers["A"]))
    assert (data["net"], data["capitals"]) == ("75.00", "柒拾伍元整")
    assert data["figures"] == ["2", "75.00", "15.00", "0.00", "75.00"]
    assert data["days"] == [["2026-07-02", "1", "45.00", "0.00"], ["2026-07-20", "1", "30.00", "15.00"]]
    assert data["kept_out"] == [["不足规定时长", "1", "7.00"]]


def test_a_void_after_the_close_stands_on_the_next_paper(july: County) -> None:
    with acting(july.engine, "2026-08-10 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "v1", "substandard")
    july.close(AUGUST)
    with reading(july.engine) as conn:
        data = printed.paper(conn, RING, statement_id(AUGUST, july.providers["A"]))
    assert data["adjustments"] == [["结算后废单", "质量不达标", "2026-07", "-45.00"]]
    assert data["capitals"] == "负肆拾伍元整"


def test_the_pdf_is_the_same_each_time(july: County) -> None:
    with reading(july.engine) as conn:
        first, again = (printed.pdf(conn, RING, statement_id(JULY, july.providers["A"])) for _ in range(2))
    assert first == again
    assert first.startswith(b"%PDF-")


def test_without_a_seal_key_nothing_is_signed(july: County) -> None:
    with reading(july.engine) as conn, pytest.raises(Refused) as refusal:
        printed.signed_text(conn, replace(RING, seal_keys={}), statement_id(JULY, july.providers["A"]))
    assert refusal.value.reason is Reason.NO_SEAL_KEY
