"""Does every sealed row still say what it said? The seals' chain and signatures, then the rows against the trees; findings name the row.

Rows are read once and hashed again. Where a root does not fit, the signed list of leaves tells which row differs, is gone or was put in.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from settlement.db import any_text
from settlement.findings import Finding
from settlement.ledger import merkle
from settlement.ledger.seal import BEFORE_THE_FIRST, FORM, Part, Seal, by_number, span_statement
from settlement.ledger.seal_naming import Differences
from settlement.ledger.sealed_rows import BOOKS, Book, Leaves
from settlement.ledger.tables import seal_leaves, seals

Keys = Mapping[str, Ed25519PublicKey]

SHORT = re.compile(rf"{FORM}:(\d{{1,9}}):(\d{{4}}-\d\d-\d\d):([0-9a-f]{{64}})")


@dataclass(frozen=True)
class Published:
    """A seal's short line as it was printed or published."""

    number: int
    day: str
    digest: str


def published(text: str) -> list[Published]:
    """Every short line in a text, whatever stands around it."""
    return [Published(int(number), day, digest) for number, day, digest in SHORT.findall(text)]


@dataclass(frozen=True)
class Checked:
    """``unsealed``: rows of each book above the last seal, which the next one will cover: a count, no finding."""

    findings: list[Finding]
    seals: int
    rows: int
    unsealed: dict[str, int]


def check(conn: Connection, keys: Keys, printed: Sequence[Published] = ()) -> Checked:
    """Recompute everything that is sealed. ``keys``: the public keys by id; ``printed``: seals as they were published, to be found again."""
    try:
        return _check(conn, keys, printed)
    except OperationalError as error:
        if conn.dialect.name != "sqlite" or "UTF-8" not in str(error.orig):
            raise
        with any_text(conn):
            return _check(conn, keys, printed)


def _check(conn: Connection, keys: Keys, printed: Sequence[Published]) -> Checked:
    found: list[Finding] = []
    last: Seal | None = None
    rows = 0
    differences = Differences()
    digests: dict[int, str] = {}
    for number in conn.execute(select(seals.c.number).order_by(seals.c.number)).scalars().all():
        digests[number] = ""
        seal = _readable(conn, number)
        if seal is None:
            found.append(_altered(number))
            continue
        digests[number] = seal.digest
        faults = _signature(seal, keys)
        found += [*_chain(last, seal), *faults]
        for book in BOOKS:
            found += _compare(conn, seal, book, keys, differences, genuine=not faults)
            rows += seal.part(book).count
        last = seal
    found += [finding for known in printed for finding in _as_published(known, digests)]
    if last is not None:
        differences.inserted_below_all(conn)
    found += differences.findings()
    unsealed = {book.name: book.count_above(conn, last.part(book).upto if last else 0) for book in BOOKS}
    return Checked(found, len(digests), rows, unsealed)


def _readable(conn: Connection, number: int) -> Seal | None:
    """None when it holds what no seal can: SQLite takes anything in any column, and no moment is as late as a number can be."""
    try:
        seal = by_number(conn, number)
    except (ValueError, TypeError, OverflowError):
        return None
    parts = (seal.transfers, seal.audit)
    numbers = [number for part in parts for number in (part.after, part.upto, part.count)]
    return seal if all(isinstance(number, int) for number in numbers) else None


# -- the chain ----------------------------------------------------------------------------------------------------------------
def _chain(last: Seal | None, seal: Seal) -> list[Finding]:
    """Numbered without gaps, each naming the digest of the one before and beginning where that one ended."""
    expected = 1 if last is None else last.number + 1
    if seal.number != expected:
        missing = f"seal:{expected}" + (f"–{seal.number - 1}" if seal.number - 1 > expected else "")
        return [
            Finding(
                "seal_missing",
                missing,
                f"封印缺失：第{expected}号至第{seal.number - 1}号已不在库中",
                f"seals {expected} to {seal.number - 1} are gone from the database",
                tuple(
                    f"{book.kind} {(last.part(book).upto if last else 0) + 1}–{seal.part(book).after}" for book in BOOKS
                ),
            )
        ]
    previous = BEFORE_THE_FIRST if last is None else last.digest
    begins = all(seal.part(book).after == (last.part(book).upto if last else 0) for book in BOOKS)
    if seal.previous == previous and begins:
        return []
    records = (f"seal:{seal.number}",) if last is None else (f"seal:{last.number}", f"seal:{seal.number}")
    return [
        Finding(
            "seal_chain_broken",
            f"seal:{seal.number}",
            "封印链断开：与前一号封印不相接",
            "the chain is broken: it does not follow from the seal before",
            records,
        )
    ]


def _signature(seal: Seal, keys: Keys) -> list[Finding]:
    if seal.key_id not in keys:
        return [
            Finding(
                "seal_key_unknown",
                f"seal:{seal.number}",
                f"没有这把公钥：{seal.key_id}",
                f"no public key of this id: {seal.key_id}",
            )
        ]
    if signed(keys, seal.key_id, seal.signature, seal.statement):
        return []
    return [_altered(seal.number)]


def _altered(number: int) -> Finding:
    return Finding(
        "seal_altered",
        f"seal:{number}",
        f"封印被改动：第{number}号的签名与内容不符",
        f"the seal was altered: the signature of no. {number} does not fit what it says",
    )


def signed(keys: Keys, key_id: str, signature: str, statement: str) -> bool:
    try:
        keys[key_id].verify(base64.b64decode(signature, validate=True), statement.encode())
    except (KeyError, ValueError, InvalidSignature):
        return False
    return True


def _as_published(known: Published, digests: Mapping[int, str]) -> list[Finding]:
    """The seal that was printed is still there, the same to the letter; with it everything before it is."""
    line = (f"{FORM}:{known.number}:{known.day}:{known.digest}",)
    if known.number not in digests:
        return [
            Finding(
                "seal_removed",
                f"seal:{known.number}",
                f"{known.day}公布的第{known.number}号封印已不在库中：它和它覆盖的记录被删除",
                f"no. {known.number}, published on {known.day}, is gone: it was removed, and with it what it covered",
                line,
            )
        ]
    if digests[known.number] == known.digest:
        return []
    return [
        Finding(
            "seal_not_as_published",
            f"seal:{known.number}",
            f"与公布的不同：{known.day}公布的第{known.number}号封印不是库里的这一张",
            f"differs from what was published: no. {known.number} of {known.day} is not the seal in the database",
            line,
        )
    ]


# -- the rows -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Span:
    """A span of leaves as stored. Only genuine ones, whose signature fits, are believed."""

    after: int
    upto: int
    leaves: Leaves


def _compare(
    conn: Connection, seal: Seal, book: Book, keys: Keys, differences: Differences, *, genuine: bool
) -> list[Finding]:
    """The rows of a seal against its root, and its list of leaves against both. ``genuine``: the seal's own signature fits."""
    part = seal.part(book)
    stored = _genuine_spans(conn, seal, book, keys)
    count, roots, fits = 0, [], True
    for leaves in book.spans(conn, part.after, part.upto):
        count += len(leaves.numbers)
        roots.append(leaves.root)
        span = next(stored, None)
        fits = fits and span is not None and span.leaves == leaves
    fits = fits and next(stored, None) is None
    if (count, merkle.root(roots).hex()) == (part.count, part.root):
        return [_leaves_altered(seal, book)] if genuine and not fits else []
    return _name_rows(conn, seal, book, keys, differences, genuine=genuine)


def _name_rows(
    conn: Connection, seal: Seal, book: Book, keys: Keys, differences: Differences, *, genuine: bool
) -> list[Finding]:
    """The root does not fit: find the rows by the leaves that are genuine, and say between which numbers there are none."""
    part = seal.part(book)
    roots: list[bytes] = []
    without: list[tuple[int, int]] = []
    covered = part.after

    def no_leaves_upto(number: int) -> None:
        if genuine and covered < number:
            without.append((covered, number))
            roots.extend(leaves.root for leaves in book.spans(conn, covered, number))

    for span in _genuine_spans(conn, seal, book, keys):
        no_leaves_upto(span.after)
        differences.compare(book, seal.number, span.leaves, book.read(conn, span.after, span.upto))
        roots.append(span.leaves.root)
        covered = span.upto
    no_leaves_upto(part.upto)
    if not without:
        return []
    if merkle.root(roots).hex() == part.root:
        return [_leaves_altered(seal, book)]  # the rows themselves fill the gap: there nothing was touched
    return [_unnamed(seal, book, after, upto) for after, upto in without]


def _genuine_spans(conn: Connection, seal: Seal, book: Book, keys: Keys) -> Iterator[_Span]:
    s = seal_leaves.c
    of_book = (s.seal == seal.number, s.book == book.name)
    for number in conn.execute(select(s.span).where(*of_book).order_by(s.span)).scalars().all():
        row = conn.execute(select(seal_leaves).where(*of_book, s.span == number)).one()
        try:
            leaves = Leaves.unpack(row.leaves)
        except ValueError:
            continue
        about = Part(row.after, row.upto, len(leaves.numbers), row.root)
        statement = span_statement(seal.number, book, number, about)
        if leaves.root.hex() == row.root and signed(keys, seal.key_id, row.signature, statement):
            yield _Span(row.after, row.upto, leaves)


def _leaves_altered(seal: Seal, book: Book) -> Finding:
    return Finding(
        "seal_leaves_altered",
        f"seal:{seal.number}",
        f"第{seal.number}号封印的{book.zh}指纹表被改动（{book.zh}本身与封印相符）",
        f"the list of leaves of seal {seal.number} was altered ({book.en}s there are as sealed)",
    )


def _unnamed(seal: Seal, book: Book, after: int, upto: int) -> Finding:
    return Finding(
        "sealed_rows_differ",
        f"{book.kind}:no.{after + 1}–{upto}",
        f"{book.zh}第{after + 1}至{upto}号之间有改动，指纹表也被改动，无法指出是哪一行",
        f"{book.en}s no. {after + 1} to {upto} are not as sealed, and the leaves that would name the row were altered too",
        (f"seal:{seal.number}",),
    )
