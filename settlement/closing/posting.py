"""An approved quarter in the ledger: one group of transfers per settlement.

Afterwards the provider's claim of the quarter is gone, its payable holds what will be paid, every payer has borne exactly its share of the
net, and what a negative net leaves stands as a receivable and waits, with its ratio, for the next quarter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, insert, select

from settlement.act import Act
from settlement.closing import payers, sharing
from settlement.closing.tables import adjustments, settlement_shares, settlements
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts, chart
from settlement.ledger.transfer import Transfer
from settlement.ledger.transfer import post as post_group
from settlement.outcomes import Declined
from settlement.periods import Month, Quarter

Key = tuple[str, str]
"""An account by code and owner."""


@dataclass
class Entries:
    """The transfers of one settlement, gathered with signed amounts: below zero runs the other way."""

    settlement_id: str
    rows: list[tuple[Key, Key, int, str]] = field(default_factory=list)

    def add(self, debit: Key, credit: Key, amount_fen: int, code: str) -> None:
        if amount_fen > 0:
            self.rows.append((debit, credit, amount_fen, code))
        elif amount_fen < 0:
            self.rows.append((credit, debit, -amount_fen, code))


def post(act: Act, scheme_code: str, quarter: Quarter) -> None:
    """Post every settlement of an approved quarter and put down what is carried into the next."""
    s, h = settlements.c, settlement_shares.c
    of_quarter = and_(s.scheme_code == scheme_code, s.quarter == str(quarter))
    own = _quarter_adjustments(act.conn, scheme_code, quarter)
    shares: dict[str, dict[str, int]] = {}
    rows = select(settlement_shares).join(settlements, s.id == h.settlement_id).where(of_quarter)
    for row in act.conn.execute(rows.order_by(h.settlement_id, h.position)):
        shares.setdefault(row.settlement_id, {})[row.payer] = row.amount_fen
    origins = sharing.by_origin_month(act.conn, scheme_code, quarter)
    for row in act.conn.execute(select(settlements).where(of_quarter).order_by(s.id)).all():
        key = (row.provider_id, row.town)
        entries = _entries(act.conn, row, shares.get(row.id, {}), own.get(key, []))
        _write(act, entries)
        if row.net_fen < 0:
            groups = sharing.grouped(act.conn, scheme_code, row.town, origins[key])
            _carry(act, row, groups)


def _quarter_adjustments(conn: Connection, scheme_code: str, quarter: Quarter) -> dict[tuple[int, str], list[Row[Any]]]:
    a = adjustments.c
    query = select(adjustments).where(a.scheme_code == scheme_code, a.quarter == str(quarter), a.statement_id.is_(None))
    found: dict[tuple[int, str], list[Row[Any]]] = {}
    for row in conn.execute(query.order_by(a.id)):
        found.setdefault((row.provider_id, row.town), []).append(row)
    return found


def _entries(conn: Connection, settlement: Row[Any], shares: Mapping[str, int], own: list[Row[Any]]) -> Entries:
    """What each payer bears for vouchers is what is left of its share of the net once the rest is taken off: so the sum per payer is exact."""
    entries = Entries(settlement.id)
    provider = chart.provider(settlement.provider_id)
    claim = (chart.PROVIDER_CLAIM, chart.provider_in_town(settlement.provider_id, settlement.town))
    payable, receivable = (chart.PAYABLE, provider), (chart.RECEIVABLE, provider)
    control = (chart.VOUCHER_CONTROL, chart.scheme(settlement.scheme_code))
    entries.add(claim, payable, settlement.gross_fen, "settle")
    for_vouchers = dict(shares)
    for payer, amount in _borne_before(conn, own).items():
        for_vouchers[payer] = for_vouchers.get(payer, 0) - amount
    entries.add(payable, receivable, -sum(row.amount_fen for row in own if row.kind == "carried"), "carry")
    for kind, parts in _by_kind(conn, settlement, own):
        taken = sum(parts.values())
        if kind == "clawback":
            entries.add(payable, receivable, -taken, "carry")
        source = receivable if kind == "clawback" else payable
        for payer, amount in parts.items():
            entries.add(source, _payer(payer, settlement.town), -amount, kind)
            for_vouchers[payer] = for_vouchers.get(payer, 0) - amount
    for payer, amount in for_vouchers.items():
        entries.add(_payer(payer, settlement.town), control, amount, "share")
    entries.add(receivable, payable, settlement.receivable_fen, "carry")
    return entries


def _payer(payer: str, town: str) -> Key:
    return chart.PAYER, payers.ledger_owner(payers.name_of(payer, town))


def _by_kind(conn: Connection, settlement: Row[Any], own: list[Row[Any]]) -> Iterator[tuple[str, dict[str, int]]]:
    """Penalties, clawbacks and corrections by payer, each split at the ratio of the months they come from."""
    kinds: dict[str, dict[Month, int]] = {}
    for row in own:
        if row.kind != "carried":
            by_month = kinds.setdefault(row.kind, {})
            month = Month.parse(row.origin_month)
            by_month[month] = by_month.get(month, 0) + row.amount_fen
    for kind, by_month in kinds.items():
        groups = sharing.grouped(conn, settlement.scheme_code, settlement.town, by_month)
        yield kind, sharing.summed(group.parts() for group in groups)


def _borne_before(conn: Connection, own: list[Row[Any]]) -> dict[str, int]:
    """By payer: the shares of the negative settlement that is carried in. They were posted with it and are not posted twice."""
    sources = {row.source_id for row in own if row.kind == "carried"}
    h = settlement_shares.c
    query = select(h.payer, h.amount_fen).where(h.settlement_id.in_(sources))
    return sharing.summed({row.payer: row.amount_fen} for row in conn.execute(query))


def _write(act: Act, entries: Entries) -> None:
    keys = {key for debit, credit, _, _ in entries.rows for key in (debit, credit)}
    ids = {key: accounts.open_account(act, *key) for key in sorted(keys)}
    document = f"settlement:{entries.settlement_id}"
    group = [
        Transfer(
            id=f"{document}/{number}",
            debit=ids[debit],
            credit=ids[credit],
            amount=amount,
            code=code,
            reference=document,
            occurred_at=act.now,
        )
        for number, (debit, credit, amount, code) in enumerate(entries.rows, 1)
    ]
    if group:
        answer = post_group(act, document, group)
        if isinstance(answer, Declined):
            raise BrokenInvariant(f"{document} does not post: {answer.en}")


def _carry(act: Act, settlement: Row[Any], groups: list[sharing.Group]) -> None:
    """The receivable becomes next quarter's adjustment: one per ratio, so that it is split again as it was."""
    common = {"kind": "carried", "scheme_code": settlement.scheme_code, "provider_id": settlement.provider_id}
    common |= {"town": settlement.town, "source_id": settlement.id, "personal_fen": 0}
    common |= {"reason": f"结转{settlement.quarter}应收款 carried from {settlement.quarter}"}
    # It follows from figures that three people have signed; no further approval.
    common |= {"proposed_by": act.actor.id, "proposed_at": act.now, "approved_by": "system", "approved_at": act.now}
    rows = [
        common
        | {"id": f"{settlement.id}-carried-{number}", "origin_month": str(g.origin_month), "amount_fen": g.amount_fen}
        for number, g in enumerate(groups, 1)
        if g.amount_fen
    ]
    standing = act.conn.execute(select(exists().where(adjustments.c.source_id == settlement.id))).scalar_one()
    if standing:
        raise BrokenInvariant(f"the receivable of {settlement.id} is carried already")
    act.conn.execute(insert(adjustments), rows)
