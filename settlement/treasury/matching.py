"""Which of our documents a movement on a dedicated account is: by the order's number, by the bank's reference, by amount and day.

A rule counts only where exactly one movement and one document fit each other; what two documents fit is left to a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from settlement.closing.tables import bank_batches, payment_orders, share_payments
from settlement.periods import local_date
from settlement.treasury.tables import account_lines

DAYS = timedelta(days=10)
"""So long after an order was sent its payment is looked for."""
o, c, b, line = payment_orders.c, share_payments.c, bank_batches.c, account_lines.c


@dataclass(frozen=True)
class Document:
    """Something of ours that moves money on an account. ``key``: order:…, return:… or share:…; ``since``: the first day it may be at the bank.

    ``booked``: it counts as moved in our books. ``name``: of the other side."""

    key: str
    id: str
    in_fen: int
    out_fen: int
    since: date
    reference: str
    name: str
    booked: bool
    booked_on: date | None


def documents(conn: Connection, payer: str) -> list[Document]:
    """All that may be found on a payer's account: its orders and what came back of them, transfers to it, shares put onto it."""
    query = (
        select(payment_orders, b.exported_at)
        .outerjoin(bank_batches, b.id == o.batch_id)
        .where(or_(o.payer == payer, and_(o.kind == "transfer", o.payee == payer)), o.status != "drafted")
    )
    found: list[Document] = []
    for row in conn.execute(query.order_by(o.id)):
        found += _of_order(row, payer)
    shares = select(share_payments).where(c.payer == payer, c.withdrawn_at.is_(None)).order_by(c.id)
    for row in conn.execute(shares):
        facts = (f"share:{row.id}", f"share:{row.id}", row.amount_fen, 0, row.paid_on, row.reference, "")
        found.append(Document(*facts, row.confirmed_at is not None, row.paid_on))
    return found


def _of_order(row: Row[Any], payer: str) -> Iterator[Document]:
    since, known_on = local_date(row.exported_at or row.status_at), local_date(row.status_at)
    leaves = row.payer == payer
    out, into = (row.amount_fen, 0) if leaves else (0, row.amount_fen)
    name = (row.payee_name if leaves else row.payer_name) or ""
    paid = row.status == "paid"
    reference = (row.bank_reference or "") if paid else ""
    yield Document(f"order:{row.id}", row.id, into, out, since, reference, name, paid, known_on if paid else None)
    if row.status in ("returned", "reissued"):  # it may have been on the account both ways, or not at all
        yield Document(f"return:{row.id}", row.id, out, into, since, row.bank_reference or "", name, False, None)


def match(lines: Sequence[Row[Any]], candidates: Sequence[Document]) -> dict[int, tuple[str, str]]:
    """By line: the document's key and the rule that found it."""
    free_lines = {row.id: row for row in lines}
    free = {document.key: document for document in candidates}
    found: dict[int, tuple[str, str]] = {}

    def take(rule: str, fits: Iterator[tuple[int, str]]) -> None:
        by_line, by_key = defaultdict(set), defaultdict(set)
        for id, key in fits:
            by_line[id].add(key)
            by_key[key].add(id)
        for id, keys in by_line.items():
            (key, *more) = keys
            if not more and len(by_key[key]) == 1:
                found[id] = (key, rule)
                del free_lines[id], free[key]

    take("number", _numbered(free_lines.values(), free.values()))
    take("reference", _same(free_lines.values(), free.values(), lambda r: r.reference, lambda d: d.reference))
    take("amount", _same(free_lines.values(), free.values(), lambda r: "any", lambda d: "any", near=True))
    return found


def _numbered(lines: Any, documents: Any) -> Iterator[tuple[int, str]]:
    by_amount = defaultdict(list)
    for document in documents:
        by_amount[document.in_fen, document.out_fen].append(document)
    for row in lines:
        said = f"{row.reference or ''} {row.words or ''}"
        fitting = [d for d in by_amount[row.in_fen, row.out_fen] if d.id in said]
        # The number of a re-issued order holds that of the order it repeats.
        longest = max((len(d.id) for d in fitting), default=0)
        yield from ((row.id, d.key) for d in fitting if len(d.id) == longest)


def _same(
    lines: Any,
    documents: Any,
    of_line: Callable[[Any], Hashable],
    of_document: Callable[[Document], Hashable],
    *,
    near: bool = False,
) -> Iterator[tuple[int, str]]:
    by_facts = defaultdict(list)
    for document in documents:
        if of_document(document):
            by_facts[of_document(document), document.in_fen, document.out_fen].append(document)
    for row in lines:
        for document in by_facts.get((of_line(row), row.in_fen, row.out_fen), ()):
            if not near or (document.since <= row.day <= document.since + DAYS and _named(row, document)):
                yield row.id, document.key


def _named(row: Any, document: Document) -> bool:
    """A line that names the other side must name the right one; banks cut long names off."""
    return not row.counterparty or not document.name or document.name.startswith(row.counterparty[:20])
