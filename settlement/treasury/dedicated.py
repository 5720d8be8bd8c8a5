"""The dedicated accounts against the bank's statements: what was imported, what of ours each movement is, what differs and why.

A statement is taken in whole or, with any finding, not at all; a movement that an earlier file brought is not taken in twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing import payers
from settlement.closing.tables import payer_accounts
from settlement.findings import Finding
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date
from settlement.treasury import matching, statement_file
from settlement.treasury.matching import Document
from settlement.treasury.tables import account_lines, account_statements

line, st = account_lines.c, account_statements.c
BATCH = 500


@dataclass(frozen=True)
class Import:
    """With any finding nothing was written. ``known``: movements that were here already; ``again``: this very file was."""

    findings: tuple[Finding, ...] = ()
    lines: int = 0
    known: int = 0
    matched: int = 0
    again: bool = False


def take_in(act: Act, payer: str, content: bytes, file_name: str) -> Import:
    """Take in a bank statement of a payer's account and match it. Raises Refused: NOT_FOUND for who has no account on record, NOT_ALLOWED."""
    if not _require(act, payer):
        raise Refused(Reason.NOT_FOUND, what=f"account {payer}")
    digest = sha256(content).hexdigest()
    before = act.conn.execute(select(account_statements).where(st.payer == payer, st.sha256 == digest)).one_or_none()
    if before is not None:
        return Import(lines=before.lines, known=before.known, again=True)
    read, findings = statement_file.read(content, file_name)
    today = local_date(act.now)
    findings += [
        Finding("statement_future", f"line {one.no}", f"第{one.no}行：日期晚于今天", f"line {one.no}: a day to come")
        for one in read
        if one.day > today
    ]
    if findings:
        return Import(tuple(findings))
    known = _known(act.conn, payer, [one.fingerprint for one in read])
    row: dict[str, Any] = {
        "payer": payer,
        "sha256": digest,
        "first_day": min(one.day for one in read),
        "lines": len(read),
    }
    row |= {"last_day": max(one.day for one in read), "known": len(known), "imported_by": act.actor.id}
    id = act.conn.execute(
        insert(account_statements).values(row | {"imported_at": act.now}).returning(st.id)
    ).scalar_one()
    new = [vars(one) | {"statement_id": id, "payer": payer} for one in read if one.fingerprint not in known]
    if new:
        act.conn.execute(insert(account_lines), new)
    act.audit("account.statement", f"payer:{payer}", after={"statement": id, "lines": len(new), "sha256": digest})
    return Import((), len(read), len(known), match_again(act, payer))


def _known(conn: Connection, payer: str, fingerprints: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(fingerprints), BATCH):
        some = fingerprints[start : start + BATCH]
        query = select(line.fingerprint).where(line.payer == payer, line.fingerprint.in_(some))
        found |= set(conn.execute(query).scalars())
    return found


def match_again(act: Act, payer: str) -> int:
    """Look anew for what the open movements are, say after results of the bank were registered; how many were found."""
    _require(act, payer)
    _let_go(act, payer)
    lines = act.conn.execute(
        select(account_lines).where(line.payer == payer, line.matched.is_(None)).order_by(line.id)
    ).all()
    found = matching.match(lines, unmatched(act.conn, payer))
    for id, (key, how) in found.items():
        act.conn.execute(update(account_lines).where(line.id == id).values(matched=key, matched_how=how))
    if found:
        act.audit("account.match", f"payer:{payer}", after={"matched": len(found)})
    return len(found)


def _let_go(act: Act, payer: str) -> None:
    """A movement whose document was withdrawn since is none any more."""
    gone = sorted(_taken(act.conn, payer) - {document.key for document in matching.documents(act.conn, payer)})
    for key in gone:
        its = (line.payer == payer) & (line.matched == key)
        act.conn.execute(update(account_lines).where(its).values(matched=None, matched_how=None))
        act.audit("account.unmatch", f"payer:{payer}", before={"document": key}, why="单据已撤回 withdrawn")


def unmatched(conn: Connection, payer: str) -> list[Document]:
    """Documents that are no movement yet, for a person to choose from."""
    taken = _taken(conn, payer)
    return [document for document in matching.documents(conn, payer) if document.key not in taken]


def _taken(conn: Connection, payer: str) -> set[str]:
    query = select(line.matched).where(line.payer == payer, line.matched.is_not(None))
    return set(conn.execute(query).scalars())


def match_by_hand(act: Act, line_id: int, key: str) -> None:
    """Say which document a movement is. Raises Refused: NOT_FOUND, WRONG_STATE when either is matched, BAD_INPUT where amounts differ."""
    row = _locked(act, line_id)
    if row.matched is not None:
        raise Refused(Reason.WRONG_STATE, state="matched", event="match")
    known = {document.key: document for document in matching.documents(act.conn, row.payer)}
    document = known.get(key)
    if document is None:
        raise Refused(Reason.NOT_FOUND, what=key)
    if key in _taken(act.conn, row.payer):
        raise Refused(Reason.WRONG_STATE, state="matched", event="match")
    if (document.in_fen, document.out_fen) != (row.in_fen, row.out_fen):
        raise Refused(
            Reason.BAD_INPUT,
            detail="金额或方向不同，请写明原因而不是对应 | amount or direction differ: explain it instead",
        )
    act.conn.execute(update(account_lines).where(line.id == line_id).values(matched=key, matched_how="person"))
    act.audit("account.match", f"payer:{row.payer}", after={"line": line_id, "document": key})


def unmatch(act: Act, line_id: int, why: str) -> None:
    """Take a match back. Raises Refused: NOT_FOUND, WRONG_STATE."""
    row = _locked(act, line_id)
    if row.matched is None:
        raise Refused(Reason.WRONG_STATE, state="open", event="unmatch")
    act.conn.execute(update(account_lines).where(line.id == line_id).values(matched=None, matched_how=None))
    act.audit("account.unmatch", f"payer:{row.payer}", before={"line": line_id, "document": row.matched}, why=why)


def explain(act: Act, line_id: int, words: str) -> None:
    """Say what a movement is that belongs to none of our documents (interest, a fee, another programme's money). Raises Refused: NOT_FOUND, BAD_INPUT."""
    row = _locked(act, line_id)
    if not words:
        raise Refused(Reason.BAD_INPUT, detail="说明 | explanation")
    said = {"explanation": words, "explained_by": act.actor.id, "explained_at": act.now}
    act.conn.execute(update(account_lines).where(line.id == line_id).values(said))
    act.audit("account.explain", f"payer:{row.payer}", after={"line": line_id}, why=words)


def _locked(act: Act, line_id: int) -> Row[Any]:
    query = select(account_lines).where(line.id == line_id)
    row = act.conn.execute(query).one_or_none()
    if row is None or (act.actor.town is not None and row.payer != payers.name_of(payers.TOWN, act.actor.town)):
        raise Refused(Reason.NOT_FOUND, what="line")
    _require(act, row.payer)
    return act.conn.execute(query).one()


def _require(act: Act, payer: str) -> bool:
    """Whether the payer has an account on record. Whoever matches its movements takes turns: a document is one movement."""
    kind, _, town = payer.partition(":")
    officers.require(act, "bank_statement.import", town=town if kind == payers.TOWN else "")
    query = select(payer_accounts.c.payer).where(payer_accounts.c.payer == payer).with_for_update()
    return act.conn.execute(query).first() is not None


@dataclass(frozen=True)
class Reconciliation:
    """One account over the days that were imported, in fen. ``unknown``: movements that are none of our documents; ``early``: that are a document
    our books do not count as moved yet; ``missing``: documents that our books count as moved in these days and the bank does not state.

    The bank's movements less the books' are always: unknown + early - missing, in and out for itself.
    """

    first_day: date
    last_day: date
    bank_in: int
    bank_out: int
    books_in: int
    books_out: int
    unknown: tuple[Row[Any], ...]
    early: tuple[Row[Any], ...]
    missing: tuple[Document, ...]

    @property
    def unexplained(self) -> int:
        """Differences that nobody has said anything about."""
        return sum(row.explanation is None for row in self.unknown) + len(self.early) + len(self.missing)


def reconcile(conn: Connection, payer: str) -> Reconciliation | None:
    """None while no statement of the account was imported."""
    first, last = conn.execute(select(func.min(st.first_day), func.max(st.last_day)).where(st.payer == payer)).one()
    if first is None:
        return None
    rows = conn.execute(select(account_lines).where(line.payer == payer).order_by(line.day, line.id)).all()
    ours = {document.key: document for document in matching.documents(conn, payer)}
    at_bank = {row.matched for row in rows if row.matched}
    booked = {key for key in at_bank if key in ours and (ours[key].booked or _over(key, at_bank))}
    missing = [
        d for d in ours.values() if d.booked and d.key not in at_bank and d.booked_on and first <= d.booked_on <= last
    ]
    counted = [ours[key] for key in booked] + missing
    return Reconciliation(
        first,
        last,
        sum(row.in_fen for row in rows),
        sum(row.out_fen for row in rows),
        sum(document.in_fen for document in counted),
        sum(document.out_fen for document in counted),
        tuple(row for row in rows if row.matched is None),
        tuple(row for row in rows if row.matched is not None and row.matched not in booked),
        tuple(missing),
    )


def _over(key: str, at_bank: set[str]) -> bool:
    """A payment that left and came back is on the account both ways, and over with."""
    kind, _, id = key.partition(":")
    return kind in ("order", "return") and {f"order:{id}", f"return:{id}"} <= at_bank
