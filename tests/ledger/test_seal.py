"""Seals: what is covered, in which bytes, and that nothing that commits late falls between two of them."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select, text

from settlement.act import SYSTEM, begin
from settlement.audit import audit_rows
from settlement.db import reading
from settlement.keys import KeyRing
from settlement.ledger import merkle, seal
from settlement.ledger.seal import Seal
from settlement.ledger.sealed_rows import AUDIT, TRANSFERS
from settlement.ledger.tables import seals, transfers
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI
from tests.ledger.sealing import MORNING, NIGHT, check, paid, pay, sealed
from tests.support import RING


def numbers(engine: Engine) -> list[int]:
    with reading(engine) as conn:
        return list(conn.execute(select(transfers.c.seq).order_by(transfers.c.seq)).scalars())


# -- the tree -----------------------------------------------------------------------------------------------------------------
def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_the_tree_is_that_of_rfc_6962() -> None:
    """Worked by hand: of five leaves, four make the left side, the fifth moves up alone."""
    a, b, c, d, e = leaves = [merkle.leaf(each) for each in (b"a", b"b", b"c", b"d", b"e")]
    assert a == sha(b"\x00", b"a")
    left = sha(b"\x01", sha(b"\x01", a, b), sha(b"\x01", c, d))
    assert merkle.root(leaves) == sha(b"\x01", left, e)
    assert merkle.path(leaves, 2) == [d, sha(b"\x01", a, b), e]
    assert merkle.path(leaves, 4) == [left]
    assert merkle.root([a]) == a
    assert merkle.root([]) == sha(b"")


@pytest.mark.parametrize("count", [1, 2, 3, 1023, 1024, 1025, 2048, 2049, 5000])
def test_the_root_over_the_roots_of_spans_is_the_root_of_all(count: int) -> None:
    leaves = [merkle.leaf(str(i).encode()) for i in range(count)]
    spans = [merkle.root(leaves[i : i + merkle.SPAN]) for i in range(0, count, merkle.SPAN)]
    assert merkle.root(spans) == merkle.root(leaves)


# -- what is sealed -----------------------------------------------------------------------------------------------------------
def test_a_seal_covers_what_stands_and_a_second_one_what_came_since(engine: Engine) -> None:
    paid(engine, "a", "b")
    (first,) = sealed(engine)
    assert (first.number, str(first.day), first.transfers.count, first.audit.count) == (1, "2026-07-02", 2, 2)
    assert first.previous == "0" * 64
    assert sealed(engine) == []  # nothing new

    paid(engine, "c")
    (second,) = sealed(engine, NIGHT + timedelta(days=1))
    assert (second.number, second.transfers.count, second.previous) == (2, 1, first.digest)
    assert second.transfers.after == first.transfers.upto

    paid(engine, "d")
    checked = check(engine, f"printed in the hall:\n{first.short}\n{second.short}")
    assert checked.findings == []
    assert (checked.seals, checked.rows, checked.unsealed) == (2, 6, {"transfers": 1, "audit": 1})


def test_the_bytes_of_a_row_as_documented(engine: Engine) -> None:
    """A stranger's recomputation of the roots from docs/auditor.md, with plain SQL and nothing of ours."""
    paid(engine, "a", "b", "c")
    (made,) = sealed(engine)
    with reading(engine) as conn:
        rows = conn.execute(text(TRANSFER_COLUMNS)).all()
        audits = conn.execute(text(AUDIT_COLUMNS)).all()
    assert made.transfers.root == root("songbai-transfer-1", rows)
    assert made.audit.root == root("songbai-audit-1", audits)
    assert rows[0].effective_on_text == "2026-07-01"


TRANSFER_COLUMNS = """
SELECT t.seq, t.id, t.group_id, t.kind, d.id AS debit_id, d.code, d.owner, d.unit, d.lot,
       c.id AS credit_id, c.code, c.owner, c.unit, c.lot, t.amount, t.code, t.reference,
       t.occurred_at, CAST(t.effective_on AS VARCHAR(10)) AS effective_on_text, t.recorded_at, t.hold_id, t.reverses_id, t.expires_at
FROM ledger_transfers t JOIN ledger_accounts d ON d.id = t.debit_account_id JOIN ledger_accounts c ON c.id = t.credit_account_id
ORDER BY t.seq
"""
AUDIT_COLUMNS = """
SELECT id, at, actor, role, act, subject, CAST("before" AS TEXT), CAST("after" AS TEXT), why FROM audit_rows ORDER BY id
"""


def test_no_column_is_left_out_of_the_seals() -> None:
    """A new column of these tables needs a new form: seals that were made without it must go on being checked without it."""
    for book, table in ((TRANSFERS, transfers), (AUDIT, audit_rows)):
        assert [name for name in book.names if name in table.c] == [column.name for column in table.columns]


def root(form: str, rows) -> str:
    level = [sha(b"\x00", json.dumps([form, *row], ensure_ascii=False, separators=(",", ":")).encode()) for row in rows]
    while len(level) > 1:
        pairs = [sha(b"\x01", *level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0].hex()


def test_more_than_fits_one_seal_becomes_several(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans of 4, at most 8 rows of a book in a seal: 18 transfers with an audit row each are 8, 8 and 2."""
    _small(monkeypatch)
    paid(engine, *(f"p{i}" for i in range(18)))
    made = sealed(engine)
    assert [each.transfers.count for each in made] == [8, 8, 2]
    assert [each.audit.count for each in made] == [8, 8, 2]
    assert check(engine).findings == []


def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merkle, "SPAN", 4)
    monkeypatch.setattr(seal, "MOST_SPANS", 2)


def test_nothing_is_sealed_without_a_key(engine: Engine) -> None:
    paid(engine, "a")
    old = KeyRing(RING.field_keys, RING.token_keys, RING.index_key)
    with pytest.raises(Refused) as refusal:
        sealed(engine, ring=old)
    assert refusal.value.reason is Reason.NO_SEAL_KEY


def test_two_who_seal_at_once_make_one_seal(engine: Engine) -> None:
    """The second finds the number taken, writes nothing, and begins anew after what the first one sealed."""
    paid(engine, "a")
    others: list[Seal] = []

    def acting():
        if not others:
            others.extend(sealed(engine))
        return begin(engine, SYSTEM, NIGHT)

    assert seal.make(engine, RING, NIGHT, SHANGHAI, acting) == []
    assert [each.number for each in others] == [1]
    assert check(engine).findings == []


# -- what commits late --------------------------------------------------------------------------------------------------------
def test_a_slow_transaction_is_in_the_next_seal(engine: Engine) -> None:
    """On PostgreSQL "slow" draws its numbers first and commits last. While it is open nothing above it is sealed; then both are."""
    if engine.dialect.name == "sqlite":
        return  # one writes at a time
    paid(engine, "before")
    (first,) = sealed(engine)
    with begin(engine, SYSTEM, MORNING) as slow:
        pay(slow, "slow")
        slow.audit("payment.paid", "order:slow")
        paid(engine, "quick")
        assert sealed(engine, patience=0.1) == []
        assert check(engine).unsealed == {"transfers": 1, "audit": 1}
    (second,) = sealed(engine)
    assert [each.transfers.count for each in (first, second)] == [1, 2]
    assert [each.audit.count for each in (first, second)] == [1, 2]
    assert second.transfers.upto == numbers(engine)[-1]
    checked = check(engine)
    assert (checked.findings, checked.unsealed) == ([], {"transfers": 0, "audit": 0})


def test_a_number_that_was_drawn_and_given_back_is_no_row(engine: Engine) -> None:
    paid(engine, "a")
    with begin(engine, SYSTEM, MORNING) as act:
        pay(act, "b")
        act.conn.rollback()
    paid(engine, "c")
    (made,) = sealed(engine)
    assert made.transfers.count == 2
    assert check(engine).findings == []


# -- keys ---------------------------------------------------------------------------------------------------------------------
def test_seals_of_a_retired_key_still_hold(engine: Engine) -> None:
    paid(engine, "a")
    (first,) = sealed(engine)
    paid(engine, "b")
    new = KeyRing(RING.field_keys, RING.token_keys, RING.index_key, RING.seal_keys | {"seal-new": b"\x07" * 32})
    (second,) = sealed(engine, ring=new)
    assert (first.key_id, second.key_id) == (RING.newest_seal_key, "seal-new")
    assert check(engine, ring=new).findings == []
    assert [(each.code, each.subject) for each in check(engine).findings] == [("seal_key_unknown", "seal:2")]


def test_the_audit_trail_is_sealed_too_when_no_money_moved(engine: Engine) -> None:
    with engine.begin() as conn:
        row = {"at": MORNING, "actor": "lin", "role": "town", "act": "x", "subject": "card:1", "why": '因为\n"…" \\ 𠮷'}
        conn.execute(insert(audit_rows), row)
    (made,) = sealed(engine)
    assert (made.transfers.count, made.transfers.root, made.audit.count) == (0, hashlib.sha256(b"").hexdigest(), 1)
    assert check(engine).findings == []
    with reading(engine) as conn:
        assert conn.execute(select(seals.c.transfers_upto)).scalar_one() == 0
