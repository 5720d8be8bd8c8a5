"""Small help for the tests of seals: payments with their audit rows, sealing at night, looking afterwards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from settlement.act import SYSTEM, Act, begin
from settlement.db import reading
from settlement.keys import KeyRing
from settlement.ledger import seal, seal_check
from settlement.ledger.accounts import open_account
from settlement.ledger.seal import Seal
from settlement.ledger.transfer import Posted, Transfer, post
from settlement.periods import SHANGHAI
from tests.support import RING, at

MORNING = at("2026-07-01 09:00")
NIGHT = at("2026-07-02 02:45")


def pay(act: Act, id: str, fen: int = 6000) -> None:
    debit, credit = open_account(act, "payer", "payer:a"), open_account(act, "payable", "provider:1")
    assert isinstance(post(act, id, [Transfer(f"{id}/1", debit, credit, fen, "pay", f"order:{id}", act.now)]), Posted)


def paid(engine: Engine, *ids: str) -> None:
    """Each in its own transaction, with its audit row."""
    for id in ids:
        with begin(engine, SYSTEM, MORNING) as act:
            pay(act, id)
            act.audit("payment.paid", f"order:{id}", after={"status": "paid", "谁": "王"})


def sealed(engine: Engine, now: datetime = NIGHT, patience: float = 10.0, ring: KeyRing = RING) -> list[Seal]:
    return seal.make(engine, ring, now, SHANGHAI, lambda: begin(engine, SYSTEM, now), patience)


def check(engine: Engine, printed: str = "", ring: KeyRing = RING) -> seal_check.Checked:
    with reading(engine) as conn:
        return seal_check.check(conn, ring.seal_public_keys(), seal_check.published(printed))
