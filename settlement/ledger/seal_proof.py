"""Proof that transfers stand in a sealed ledger, to be checked without us: rows, paths to the root, and the seals with their signatures.

The file is plain data; ``settlement/check_proof.py`` reads it and imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from settlement.db import among, listed
from settlement.errors import BrokenInvariant
from settlement.ledger import merkle
from settlement.ledger.seal import Seal, of_row
from settlement.ledger.sealed_rows import TRANSFERS, Leaves
from settlement.ledger.tables import seal_leaves, seals, transfers
from settlement.outcomes import Reason, Refused

FORM = "songbai-proof-1"

t, s = transfers.c, seal_leaves.c


def by_ids(conn: Connection, ids: Sequence[str]) -> list[int]:
    """The numbers of these transfers; raises Refused(NOT_FOUND), naming the first that there is none of."""
    query = select(t.id, t.seq).where(among(conn.dialect.name, t.id, "ids"))
    found = {row.id: row.seq for row in conn.execute(query, {"ids": listed(ids)})}
    for id in ids:
        if id not in found:
            raise Refused(Reason.NOT_FOUND, what=f"transfer {id}")
    return sorted(found.values())


def by_references(conn: Connection, references: Sequence[str]) -> list[int]:
    """The numbers of all transfers of these documents, in order."""
    query = select(t.seq).where(among(conn.dialect.name, t.reference, "references")).order_by(t.seq)
    return list(conn.execute(query, {"references": listed(references)}).scalars())


def prove(conn: Connection, about: str, numbers: Sequence[int]) -> dict[str, Any]:
    """The proof of these transfers (ascending numbers). ``about`` says what was asked for, and proves nothing.

    Raises Refused: NOT_FOUND without any transfer, NOT_SEALED while one is above the last seal. Raises BrokenInvariant when a row is not as
    it was sealed: a proof of it would not hold.
    """
    if not numbers:
        raise Refused(Reason.NOT_FOUND, what=f"transfer {about}")
    proof: dict[str, Any] = {"form": FORM, "about": about, "seals": [], "transfers": []}
    left = list(numbers)
    while left:
        seal = _seal_over(conn, left[0])
        mine = [number for number in left if number <= seal.transfers.upto]
        proof["seals"].append({"statement": seal.statement, "signature": seal.signature})
        try:
            proof["transfers"] += _under(conn, seal, mine)
        except ValueError as error:  # no leaves or no root at all
            raise BrokenInvariant(
                f"the leaves of seal {seal.number} are not its own: songbai verify --seals"
            ) from error
        left = left[len(mine) :]
    return proof


def _seal_over(conn: Connection, number: int) -> Seal:
    query = select(seals).where(seals.c.transfers_after < number, seals.c.transfers_upto >= number)
    row = conn.execute(query.order_by(seals.c.number).limit(1)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_SEALED, what=f"transfer no. {number}")
    return of_row(row)


def _under(conn: Connection, seal: Seal, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Each transfer with its place in the seal's tree. The path runs through its span, then over the spans' roots."""
    of_seal = (s.seal == seal.number, s.book == TRANSFERS.name)
    spans = conn.execute(select(s.span, s.after, s.upto, s.root).where(*of_seal).order_by(s.span)).all()
    roots = [bytes.fromhex(span.root) for span in spans]
    if merkle.root(roots).hex() != seal.transfers.root:
        raise BrokenInvariant(f"the leaves of seal {seal.number} are not its own: songbai verify --seals")
    wanted = set(numbers)
    for index, span in enumerate(spans):
        inside = sorted(number for number in wanted if span.after < number <= span.upto)
        if not inside:
            continue
        wanted -= set(inside)
        leaves = Leaves.unpack(conn.execute(select(s.leaves).where(*of_seal, s.span == span.span)).scalar_one())
        upper = merkle.path(roots, index)
        rows = {row[0]: row for row in TRANSFERS.read(conn, span.after, span.upto)}
        for number in inside:
            place = leaves.numbers.index(number) if number in leaves.numbers else -1
            if place < 0 or TRANSFERS.leaf(rows[number]) != leaves.hashes[place] or leaves.root != roots[index]:
                raise BrokenInvariant(f"transfer no. {number} is not as it was sealed: songbai verify --seals")
            path = [each.hex() for each in (*merkle.path(leaves.hashes, place), *upper)]
            row = dict(zip(TRANSFERS.names, rows[number], strict=True))
            row["effective_on"] = str(row["effective_on"])
            yield {"seal": seal.number, "index": index * merkle.SPAN + place, "row": row, "path": path}
    if wanted:
        raise BrokenInvariant(f"transfer no. {min(wanted)} is not under seal {seal.number}: songbai verify --seals")
