"""Whoever has every right on the database changes something by hand: ``songbai verify --seals`` finds it and names the row.

The book: two seals over nine payments of 60.00 each, with an audit row for each; the number of "gap" was drawn and given back, and "new"
is not sealed yet. Spans hold four leaves, so that each seal has more than one.

    transfer no.   1 2 3 4 5 | 6 (gap)  7 8 9 10 | 11
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, Executable, delete, insert, select, text, update

from settlement.act import SYSTEM, begin
from settlement.audit import audit_rows
from settlement.db import metadata
from settlement.findings import Finding
from settlement.ledger import merkle, seal_check
from settlement.ledger.seal import Seal
from settlement.ledger.sealed_rows import TRANSFERS
from settlement.ledger.tables import accounts, seal_leaves, seals, transfers
from tests.ledger.sealing import MORNING, NIGHT, check, paid, pay, sealed
from tests.support import RING

t, a = transfers.c, audit_rows.c


@dataclass
class Book:
    """All in one transaction, taken back at the end."""

    conn: Connection
    first: Seal
    second: Seal

    def checked(self, printed: str = "") -> seal_check.Checked:
        return seal_check.check(self.conn, RING.seal_public_keys(), seal_check.published(printed))

    def found(self, printed: str = "") -> list[tuple[str, str]]:
        return [(finding.code, finding.subject) for finding in self.checked(printed).findings]

    def after(self, *statements: Executable) -> list[tuple[str, str]]:
        for statement in statements:
            self.conn.execute(statement)
        return self.found()

    def findings(self, *statements: Executable) -> list[Finding]:
        self.after(*statements)
        return self.checked().findings

    def number(self, id: str) -> int:
        return self.conn.execute(select(t.seq).where(t.id == f"{id}/1")).scalar_one()

    def audit(self, id: str) -> int:
        return self.conn.execute(select(a.id).where(a.subject == f"order:{id}")).scalar_one()


@pytest.fixture(scope="module", autouse=True)
def small_spans() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merkle, "SPAN", 4)
        yield


def keep(engine: Engine) -> tuple[Seal, Seal]:
    """The book of this page; its two seals."""
    paid(engine, "p1", "p2", "p3", "p4", "p5")
    (first,) = sealed(engine)
    with begin(engine, SYSTEM, MORNING) as act:
        # Drawn and given back: on PostgreSQL the numbers stay empty by themselves, on SQLite we leave them empty.
        pay(act, "gap")
        act.audit("payment.paid", "order:gap")
    paid(engine, "p7", "p8", "p9", "p10")
    with engine.begin() as conn:
        conn.execute(delete(transfers).where(t.id == "gap/1"))
        conn.execute(delete(audit_rows).where(a.subject == "order:gap"))
    (second,) = sealed(engine)
    paid(engine, "new")
    return first, second


@pytest.fixture(scope="module")
def kept(module_engine: Engine) -> tuple[Engine, Seal, Seal]:
    return module_engine, *keep(module_engine)


@pytest.fixture
def book(kept: tuple[Engine, Seal, Seal]) -> Iterator[Book]:
    engine, first, second = kept
    with engine.connect() as conn:
        made = Book(conn, first, second)
        assert made.found(f"{first.short} {second.short}") == []
        assert (first.transfers.count, second.transfers.count) == (5, 4)
        yield made
        conn.rollback()


# -- rows ---------------------------------------------------------------------------------------------------------------------
def test_an_edited_transfer_is_named_whichever_column_it_was(book: Book) -> None:
    day = MORNING.date().replace(day=2)
    edits: dict[str, dict[str, object]] = {
        "group_id": {"group_id": "x"},
        "kind": {"kind": "hold"},
        "debit_account_id": {"debit_account_id": 98},
        "credit_account_id": {"credit_account_id": 99},
        "amount": {"amount": 5999},
        "code": {"code": "x"},
        "reference": {"reference": "order:p4"},
        "occurred_at": {"occurred_at": NIGHT},
        "effective_on": {"effective_on": day},
        "recorded_at": {"recorded_at": NIGHT},
        "hold_id": {"hold_id": "x", "kind": "post_hold"},
        "reverses_id": {"reverses_id": "p1/1"},
        "expires_at": {"expires_at": NIGHT},
    }
    assert edits.keys() | {"seq", "id"} == set(transfers.c.keys())
    for values in edits.values():
        kept = book.conn.begin_nested()
        edit = update(transfers).where(t.id == "p3/1").values(values)
        assert book.after(edit) == [("sealed_row_edited", "transfer:p3/1")]
        kept.rollback()


def test_a_transfer_under_another_id_is_named_by_its_number(book: Book) -> None:
    number = book.number("p3")
    (finding,) = book.findings(update(transfers).where(t.id == "p3/1").values(id="other"))
    assert (finding.code, finding.subject) == ("sealed_row_edited", "transfer:other")
    assert finding.records[:2] == ("seal:1", f"seq:{number}")


def test_what_is_no_text_at_all(book: Book) -> None:
    if book.conn.dialect.name == "postgresql":
        return  # its columns have types
    book.conn.exec_driver_sql("UPDATE ledger_transfers SET reference = x'ff00', amount = 9e999 WHERE id = 'p3/1'")
    assert book.found() == [("sealed_row_edited", "transfer:p3/1")]


BAD_TEXT = "CAST(x'68ff69' AS TEXT)"


def on_sqlite(book: Book, statement: str) -> list[tuple[str, str]] | None:
    """What is found after a statement that only SQLite takes; None on PostgreSQL, whose columns have types."""
    if book.conn.dialect.name == "postgresql":
        return None
    book.conn.exec_driver_sql(statement)
    return book.found()


@pytest.mark.parametrize("column", ["reference", "group_id", "effective_on", "recorded_at"])
def test_text_in_a_transfer_that_is_no_utf_8(book: Book, column: str) -> None:
    found = on_sqlite(book, f"UPDATE ledger_transfers SET {column} = {BAD_TEXT} WHERE id = 'p3/1'")
    assert found in (None, [("sealed_row_edited", "transfer:p3/1")])


def test_an_id_an_audit_row_and_an_owner_that_are_no_utf_8(book: Book) -> None:
    number = book.audit("p3")
    on_sqlite(book, f"UPDATE audit_rows SET why = {BAD_TEXT} WHERE id = {number}")
    found = on_sqlite(book, f"UPDATE ledger_transfers SET id = {BAD_TEXT} WHERE id = 'p3/1'")
    assert found in (None, [("sealed_row_edited", "transfer:b'h\\xffi'"), ("sealed_row_edited", f"audit:{number}")])
    found = on_sqlite(book, f"UPDATE ledger_accounts SET owner = {BAD_TEXT} WHERE owner = 'provider:1'")
    assert found is None or [code for code, _ in found] == ["sealed_row_edited"] * 10


def test_bytes_never_pass_for_the_text_that_tells_of_them() -> None:
    width = len(TRANSFERS.columns) - 1
    assert TRANSFERS.leaf((1, *[b"x"] * width)) != TRANSFERS.leaf((1, *["b'x'"] * width))


@pytest.mark.parametrize("value", [BAD_TEXT, "x'ff00'", "'x'", "77", "9e999"])
@pytest.mark.parametrize("table", ["ledger_seals", "ledger_seal_leaves"])
def test_a_seal_or_its_leaves_with_anything_at_all_in_any_column(book: Book, table: str, value: str) -> None:
    keys = {"number", "seal", "book", "span"}
    for column in set(metadata.tables[table].columns.keys()) - keys:
        kept = book.conn.begin_nested()
        which = "number" if table == "ledger_seals" else "seal"
        found = on_sqlite(book, f"UPDATE {table} SET {column} = {value} WHERE {which} = 2")
        assert found is None or {"seal:2"} == {subject for _, subject in found}, column
        kept.rollback()


def test_a_seal_made_at_a_moment_that_is_none(book: Book) -> None:
    book.conn.execute(text("UPDATE ledger_seals SET sealed_at = 9000000000000000000 WHERE number = 2"))
    assert book.found() == [("seal_altered", "seal:2")]


def test_debit_and_credit_swapped(book: Book) -> None:
    swapped = {"debit_account_id": t.credit_account_id, "credit_account_id": t.debit_account_id}
    assert book.after(update(transfers).where(t.id == "p8/1").values(swapped)) == [
        ("sealed_row_edited", "transfer:p8/1")
    ]


def test_an_account_given_to_another_provider_shows_in_every_transfer_it_has(book: Book) -> None:
    given = update(accounts).where(accounts.c.owner == "provider:1").values(owner="provider:2")
    found = book.findings(given)
    assert [finding.subject for finding in found] == [f"transfer:p{i}/1" for i in (1, 2, 3, 4, 5, 7, 8, 9, 10)]
    account = book.conn.execute(select(accounts.c.id).where(accounts.c.owner == "provider:2")).scalar_one()
    assert all(f"account:{account}" in finding.records for finding in found)


def test_an_edited_audit_row_is_named(book: Book) -> None:
    id = book.audit("p4")
    for values in ({"actor": "lin"}, {"after": {"status": "returned"}}, {"why": "x"}, {"at": NIGHT}):
        before = book.conn.execute(select(audit_rows).where(a.id == id)).one()._asdict()
        assert book.after(update(audit_rows).where(a.id == id).values(values)) == [("sealed_row_edited", f"audit:{id}")]
        assert book.after(update(audit_rows).where(a.id == id).values(before)) == []


def test_a_removed_row_is_told_by_its_number(book: Book) -> None:
    number, row = book.number("p9"), book.audit("p1")
    assert book.after(delete(transfers).where(t.id == "p9/1"), delete(audit_rows).where(a.id == row)) == [
        ("sealed_row_removed", f"transfer:no.{number}"),
        ("sealed_row_removed", f"audit:no.{row}"),
    ]


def test_all_rows_of_a_seal_removed(book: Book) -> None:
    numbers = [book.number(f"p{i}") for i in (7, 8, 9, 10)]
    assert book.after(delete(transfers).where(t.seq.in_(numbers))) == [
        ("sealed_row_removed", f"transfer:no.{number}") for number in numbers
    ]


def _insert(book: Book, number: int, id: str = "forged") -> Executable:
    same = [each.name for each in transfers.columns if each.name not in ("seq", "id")]
    copied = select(number, text(f"'{id}'"), *(t[name] for name in same)).where(t.id == "p3/1")
    return insert(transfers).from_select(["seq", "id", *same], copied)


def test_a_row_put_into_a_gap_under_an_old_seal(book: Book) -> None:
    number = book.number("p5") + 1
    assert book.after(_insert(book, number)) == [("sealed_row_inserted", "transfer:forged")]


def test_a_row_put_in_below_all_seals(book: Book) -> None:
    assert book.after(_insert(book, 0), _insert(book, -7, "older")) == [
        ("sealed_row_inserted", "transfer:older"),
        ("sealed_row_inserted", "transfer:forged"),
    ]


def test_an_audit_row_put_into_a_gap(book: Book) -> None:
    row = {"id": book.audit("p5") + 1, "at": MORNING, "actor": "lin", "role": "town", "act": "x", "subject": "card:1"}
    assert book.after(insert(audit_rows).values(row)) == [("sealed_row_inserted", f"audit:{row['id']}")]


def _swap(number: int, other: int) -> list[Executable]:
    def renumber(old: int, new: int) -> Executable:
        return update(transfers).where(t.seq == old).values(seq=new)

    return [renumber(number, 10_000), renumber(other, number), renumber(10_000, other)]


@pytest.mark.parametrize(("one", "other"), [("p2", "p3"), ("p1", "p10")])
def test_two_rows_that_changed_places(book: Book, one: str, other: str) -> None:
    """Neighbours, and two under different seals."""
    found = book.findings(*_swap(book.number(one), book.number(other)))
    assert {(finding.code, finding.subject) for finding in found} == {
        ("sealed_row_moved", f"transfer:{one}/1"),
        ("sealed_row_moved", f"transfer:{other}/1"),
    }
    assert "sealed as no. 2, it now stands as no. 3" in found[-1].en or one == "p1"


def test_a_row_moved_into_a_gap(book: Book) -> None:
    number = book.number("p5") + 1
    assert book.after(update(transfers).where(t.id == "p8/1").values(seq=number)) == [
        ("sealed_row_moved", "transfer:p8/1")
    ]


def test_two_audit_rows_that_changed_places(book: Book) -> None:
    one, other = book.audit("p2"), book.audit("p3")
    steps = [(one, 10_000), (other, one), (10_000, other)]
    found = book.after(*(update(audit_rows).where(a.id == old).values(id=new) for old, new in steps))
    assert set(found) == {("sealed_row_moved", f"audit:{one}"), ("sealed_row_moved", f"audit:{other}")}


def test_more_than_anybody_reads_is_counted(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settlement.ledger.seal_naming.MOST_NAMED", 3)
    found = book.findings(update(transfers).values(code="x"))
    assert [finding.code for finding in found] == ["sealed_row_edited"] * 3 + ["sealed_rows_differ"]
    assert "6 more rows" in found[-1].en


def test_what_is_not_sealed_yet_is_a_count_and_no_finding(book: Book) -> None:
    checked = book.checked()
    assert (checked.findings, checked.unsealed) == ([], {"transfers": 1, "audit": 1})


# -- the leaves that name the rows --------------------------------------------------------------------------------------------
def test_leaves_altered_alone(book: Book) -> None:
    changes: list[dict[str, object]] = [{"leaves": b"x"}, {"signature": "AAAA"}, {"upto": 99}, {"root": "0" * 64}]
    for values in changes:
        where = (seal_leaves.c.seal == 2, seal_leaves.c.book == "audit", seal_leaves.c.span == 0)
        before = book.conn.execute(select(seal_leaves).where(*where)).one()._asdict()
        assert book.after(update(seal_leaves).where(*where).values(values)) == [("seal_leaves_altered", "seal:2")]
        assert book.after(update(seal_leaves).where(*where).values(before)) == []


def test_without_any_leaves_it_is_still_found(book: Book) -> None:
    assert book.after(delete(seal_leaves)) == [("seal_leaves_altered", f"seal:{n}") for n in (1, 1, 2, 2)]
    found = book.after(update(transfers).where(t.id == "p3/1").values(amount=1))
    assert found[0] == ("sealed_rows_differ", f"transfer:no.1–{book.number('p5')}")
    assert ("seal_leaves_altered", "seal:2") in found


def test_row_and_leaves_rewritten_together_are_told_by_their_span(book: Book) -> None:
    """Who knows the leaves hashes the edited row anew and puts it there: the span's signature tells. The other spans still name theirs."""
    book.conn.execute(update(transfers).where(t.id == "p3/1").values(amount=1))
    book.conn.execute(update(transfers).where(t.id == "p5/1").values(amount=2))
    _rewrite_leaves(book.conn, 1, 0)
    last = book.number("p4")
    assert book.found() == [
        ("sealed_rows_differ", f"transfer:no.1–{last}"),
        ("sealed_row_edited", "transfer:p5/1"),
    ]


def _rewrite_leaves(conn: Connection, seal: int, span: int) -> None:
    where = (seal_leaves.c.seal == seal, seal_leaves.c.book == "transfers", seal_leaves.c.span == span)
    row = conn.execute(select(seal_leaves).where(*where)).one()
    leaves = TRANSFERS.leaves(TRANSFERS.read(conn, row.after, row.upto))
    conn.execute(update(seal_leaves).where(*where).values(leaves=leaves.pack(), root=leaves.root.hex()))


def test_leaves_of_a_whole_span_removed_while_another_row_is_edited(book: Book) -> None:
    """The rows of the missing span still make up its part of the root: only the list is told, and the edited row is named."""
    gone = delete(seal_leaves).where(
        seal_leaves.c.seal == 1, seal_leaves.c.book == "transfers", seal_leaves.c.span == 0
    )
    assert book.after(gone, update(transfers).where(t.id == "p5/1").values(amount=1)) == [
        ("seal_leaves_altered", "seal:1"),
        ("sealed_row_edited", "transfer:p5/1"),
    ]


# -- the seals ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "column", ["transfers_root", "audit_root", "transfers_count", "audit_upto", "day", "sealed_at", "signature"]
)
def test_an_altered_seal(book: Book, column: str) -> None:
    changed = {"transfers_count": 3, "audit_upto": 11, "day": MORNING.date(), "sealed_at": MORNING}
    values = {column: changed.get(column, "0" * 64)}
    found = book.after(update(seals).where(seals.c.number == 1).values(values))
    assert ("seal_altered", "seal:1") in found
    # Its digest is another one, or it ends elsewhere: the next does not follow from it.
    assert set(found) <= {("seal_altered", "seal:1"), ("seal_chain_broken", "seal:2")}


def test_a_seal_with_a_day_that_is_none(book: Book) -> None:
    if book.conn.dialect.name == "postgresql":
        return  # its columns have types
    book.conn.exec_driver_sql("UPDATE ledger_seals SET day = 'x' WHERE number = 2")
    assert book.found() == [("seal_altered", "seal:2")]


def test_a_broken_chain(book: Book) -> None:
    found = book.after(update(seals).where(seals.c.number == 2).values(previous="f" * 64))
    assert found == [("seal_chain_broken", "seal:2"), ("seal_altered", "seal:2")]


def test_a_seal_signed_by_somebody_else(book: Book) -> None:
    own = book.conn.execute(select(seals.c.signature).where(seals.c.number == 1)).scalar_one()
    assert book.after(update(seals).where(seals.c.number == 2).values(signature=own)) == [("seal_altered", "seal:2")]
    assert ("seal_key_unknown", "seal:2") in book.after(update(seals).where(seals.c.number == 2).values(key_id="mine"))


def test_a_removed_seal(book: Book) -> None:
    (finding,) = book.findings(delete(seals).where(seals.c.number == 1))
    assert (finding.code, finding.subject) == ("seal_missing", "seal:1")
    assert finding.records[0] == f"transfer 1–{book.first.transfers.upto}"


def test_seals_that_changed_places(book: Book) -> None:
    steps = [(1, 9), (2, 1), (9, 2)]
    found = book.after(*(update(seals).where(seals.c.number == old).values(number=new) for old, new in steps))
    assert {("seal_altered", "seal:1"), ("seal_altered", "seal:2")} <= set(found)


def test_the_last_day_removed_together_with_its_seal(engine: Engine) -> None:
    """Nothing in the database speaks of it any more. The line that was printed does."""
    first, second = keep(engine)
    with engine.begin() as conn:
        conn.execute(delete(transfers).where(t.seq > first.transfers.upto))
        conn.execute(delete(audit_rows).where(a.id > first.audit.upto))
        conn.execute(delete(seal_leaves).where(seal_leaves.c.seal == 2))
        conn.execute(delete(seals).where(seals.c.number == 2))

    def found(printed: str = "") -> list[tuple[str, str]]:
        return [(finding.code, finding.subject) for finding in check(engine, printed).findings]

    assert found() == []
    assert found(first.short) == []
    assert found(f"墙上 on the wall: {second.short}。") == [("seal_removed", "seal:2")]

    # The next night seals what is left, as no. 2 once more: it is not the one that was printed.
    paid(engine, "later")
    assert sealed(engine)[0].number == 2
    assert found() == []
    assert found(second.short) == [("seal_not_as_published", "seal:2")]


def test_a_ledger_emptied_altogether(book: Book) -> None:
    assert book.after(delete(transfers), delete(audit_rows), delete(seal_leaves), delete(seals)) == []
    assert book.found(f"{book.first.short}\n{book.second.short}") == [
        ("seal_removed", "seal:1"),
        ("seal_removed", "seal:2"),
    ]
