"""Which row it was: what differs between the sealed leaves and the rows, told as edited, removed, put in or moved."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from settlement.findings import Finding
from settlement.ledger.sealed_rows import BOOKS, Book, Leaves, Values

MOST_NAMED = 300
"""Of one book; what differs beyond is counted. One account renamed differs in every transfer it has."""

LOWEST = -(2**63)


@dataclass
class _OfBook:
    """By number: the leaf that was sealed and is not met (with its seal), the row that stands and was not sealed so."""

    sealed: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    standing: dict[int, Values] = field(default_factory=dict)
    more: int = 0

    @property
    def full(self) -> bool:
        return len(self.sealed.keys() | self.standing.keys()) >= MOST_NAMED


class Differences:
    def __init__(self) -> None:
        self._books = {book.name: _OfBook() for book in BOOKS}

    def inserted_below_all(self, conn: Connection) -> None:
        """Rows numbered below 1, where the first seal begins: the ledger never gave out such a number."""
        for book in BOOKS:
            self.compare(book, 1, Leaves((), ()), book.read(conn, LOWEST, 0, MOST_NAMED))

    def compare(self, book: Book, seal: int, leaves: Leaves, rows: list[Values]) -> None:
        """Note what differs between the leaves of a span and the rows that stand between its numbers."""
        found = self._books[book.name]
        sealed = dict(zip(leaves.numbers, leaves.hashes, strict=True))
        standing = {row[0]: row for row in rows}
        for number in sorted(sealed.keys() | standing.keys()):
            row = standing.get(number)
            if row is not None and sealed.get(number) == book.leaf(row):
                continue
            if found.full:
                found.more += 1
                continue
            if number in sealed:
                found.sealed[number] = (seal, sealed[number])
            if row is not None:
                found.standing[number] = row

    def findings(self) -> list[Finding]:
        return [finding for book in BOOKS for finding in self._of(book)]

    def _of(self, book: Book) -> list[Finding]:
        found = self._books[book.name]
        origins = {number: _moved_from(book, row, found) for number, row in found.standing.items()}
        moved = {number: was for number, was in origins.items() if was is not None}
        told = [_moved(book, found.standing[number], found.sealed[was][0], was) for number, was in moved.items()]
        sealed = found.sealed.keys() - set(moved.values())
        standing = found.standing.keys() - moved.keys()
        for number in sorted(sealed | standing):
            if number not in standing:
                told.append(_removed(book, found.sealed[number][0], number))
            elif number in sealed:
                told.append(_edited(book, found.standing[number], found.sealed[number][0]))
            else:
                told.append(_inserted(book, found.standing[number]))
        if found.more:
            zh, en = f"另有{found.more}行与封印不符，未逐一列出", f"{found.more} more rows differ from what was sealed"
            told.append(Finding("sealed_rows_differ", f"{book.kind}:…", zh, en))
        return told


def _moved_from(book: Book, row: Values, found: _OfBook) -> int | None:
    """The number under which this very row was sealed."""
    for number, (_, sealed) in found.sealed.items():
        if number != row[0] and book.leaf((number, *row[1:])) == sealed:
            return number
    return None


def _name(book: Book, row: Values) -> str:
    """As other findings call it: a transfer by its id, an audit row by its number."""
    return f"{book.kind}:{row[book.names.index('id')]}"


def _moved(book: Book, row: Values, seal: int, was: int) -> Finding:
    return Finding(
        "sealed_row_moved",
        _name(book, row),
        f"{book.zh}次序被改：封印时是第{was}号，现为第{row[0]}号",
        f"this {book.en} was moved: sealed as no. {was}, it now stands as no. {row[0]}",
        (f"seal:{seal}", f"{book.number.key}:{was}", f"{book.number.key}:{row[0]}"),
    )


def _edited(book: Book, row: Values, seal: int) -> Finding:
    return Finding(
        "sealed_row_edited",
        _name(book, row),
        f"{book.zh}第{row[0]}号被改动：内容（或其账户的名称）与第{seal}号封印不符",
        f"{book.en} no. {row[0]} was edited: it, or what its accounts are, is not what seal {seal} covers",
        (f"seal:{seal}", f"{book.number.key}:{row[0]}", *_accounts(book, row)),
    )


def _removed(book: Book, seal: int, number: int) -> Finding:
    return Finding(
        "sealed_row_removed",
        f"{book.kind}:no.{number}",
        f"{book.zh}第{number}号被删除：第{seal}号封印时它还在",
        f"{book.en} no. {number} was removed: it stood when seal {seal} was made",
        (f"seal:{seal}", f"{book.number.key}:{number}"),
    )


def _inserted(book: Book, row: Values) -> Finding:
    return Finding(
        "sealed_row_inserted",
        _name(book, row),
        f"{book.zh}第{row[0]}号是后来插入的：这个号码在封印时是空的",
        f"{book.en} no. {row[0]} was put in later: when its range was sealed this number was empty",
        (f"{book.number.key}:{row[0]}", *_accounts(book, row)),
    )


def _accounts(book: Book, row: Values) -> tuple[str, ...]:
    """What all rows have in common when it was an account that was changed."""
    return tuple(
        f"account:{value}" for name, value in zip(book.names, row, strict=True) if name.endswith("_account_id")
    )
