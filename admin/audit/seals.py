"""Seals: the list, each with what it says, the lines to publish, the public keys, and proofs to take away."""

from __future__ import annotations

import json

from flask import Response, render_template, url_for
from sqlalchemy import Connection, select

from admin.audit.parts import asked, desk
from admin.frame import listing
from admin.frame.access import actor
from admin.frame.console import here, looking
from admin.frame.listing import Column, attachment
from settlement.act import begin
from settlement.closing import behind
from settlement.ledger import seal as sealing
from settlement.ledger import seal_proof
from settlement.ledger.tables import seals as seal_rows
from settlement.outcomes import Reason, Refused

s = seal_rows.c


@desk.page("/seals", may="books.read", menu=("封印和证明", "Seals and proofs"))
def seals() -> Response | str:
    columns = (
        Column(
            "number", "号", "no.", s.number, kind="number", link=lambda row: url_for("audit.seal", number=row.number)
        ),
        Column("day", "日期", "day", s.day, kind="day"),
        Column("sealed_at", "时刻", "made", s.sealed_at, kind="moment"),
        Column("transfers", "流水", "transfers", s.transfers_count, kind="number"),
        Column("audit", "审计记录", "audit rows", s.audit_count, kind="number"),
        Column("key", "密钥", "key", s.key_id),
    )
    with looking() as conn:
        listed = listing.look(conn, select().select_from(seal_rows), columns, sort="-number", name="seals")
        newest = sealing.newest(conn)
    return listed.download or render_template("audit/seals.html", listed=listed, newest=newest)


@desk.page("/seals/<int:number>", may="books.read")
def seal(number: int) -> str:
    with looking() as conn:
        return render_template("audit/seal.html", seal=sealing.by_number(conn, number))


@desk.page("/seals/<int:number>/download", may="books.read")
def seal_statement(number: int) -> Response:
    with looking() as conn:
        found = sealing.by_number(conn, number)
    text = f"{found.statement}signature {found.signature}\n{found.short}\n"
    return attachment(text.encode(), f"songbai-seal-{number}.txt", "text/plain")


@desk.page("/seals/download/lines", may="books.read")
def published() -> Response:
    """Every seal's short line, the newest last: what ``songbai verify --seals --published`` takes."""
    with looking() as conn:
        rows = conn.execute(select(seal_rows).order_by(s.number)).all()
    text = "".join(f"{sealing.of_row(row).short}\n" for row in rows)
    return attachment(text.encode(), "songbai-seals.txt", "text/plain")


@desk.page("/seals/download/keys", may="books.read")
def seal_keys() -> Response:
    if not here().ring.seal_keys:
        raise Refused(Reason.NO_SEAL_KEY)
    return attachment(here().ring.seal_keys_pem().encode(), "seal-keys.pem", "application/x-pem-file")


@desk.page("/download/proof", may="books.read")
def proof() -> Response:
    """A proof of all transfers behind a payment order (``order:…``), of one document (``debit:…``), or of one transfer (``transfer:…``)."""
    of = asked("of")
    with looking() as conn:
        written = seal_proof.prove(conn, of, _numbers(conn, of))
    with begin(here().engine, actor(), here().now()) as act:
        act.audit("proof.export", of[:120], after={"transfers": len(written["transfers"])})
    text = json.dumps(written, ensure_ascii=False, indent=1) + "\n"
    return attachment(text.encode(), "proof.json", "application/json")


def _numbers(conn: Connection, of: str) -> list[int]:
    kind, _, id = of.partition(":")
    if kind == "order":
        return seal_proof.by_references(conn, behind.references(conn, of))
    if kind == "transfer":
        return seal_proof.by_ids(conn, [id])
    return seal_proof.by_references(conn, [of])
