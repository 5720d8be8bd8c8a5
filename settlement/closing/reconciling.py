"""What the documents say should stand on the ledger's accounts, against what does. One expected sum per account, set-based."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, or_, select, union_all

from settlement.closing import payers
from settlement.closing.tables import (
    adjustments,
    payment_orders,
    quarter_closes,
    settlement_shares,
    settlements,
    statements,
)
from settlement.findings import Finding
from settlement.ledger import chart
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers
from settlement.visits.tables import debits

POSTED_STAGES = ("posted", "ordered", "exported", "paid")

Key = tuple[str, str]
"""Code and owner of an account."""


def check(conn: Connection) -> list[Finding]:
    expected: dict[Key, int] = defaultdict(int)
    for key, amount in _expected(conn):
        expected[key] += amount
    found = _balances(conn)
    return [
        Finding(
            "account_and_documents",
            f"account:{code} {owner}",
            f"账户余额{found.get((code, owner), 0)}分，按单据应为{expected.get((code, owner), 0)}分",
            f"the account stands at {found.get((code, owner), 0)} fen, the documents say {expected.get((code, owner), 0)}",
            _documents(conn, code, owner),
        )
        for code, owner in sorted({*expected, *found})
        if found.get((code, owner), 0) != expected.get((code, owner), 0)
    ]


def _expected(conn: Connection) -> Iterator[tuple[Key, int]]:
    """Credits less debits that each document has put on an account."""
    yield from _claims(conn)
    yield from _settled(conn)
    yield from _paid(conn)


def _claims(conn: Connection) -> Iterator[tuple[Key, int]]:
    d, a = debits.c, adjustments.c
    earned = select(d.provider_id, d.town, func.sum(d.subsidy_fen), func.sum(d.personal_fen)).where(
        d.status == "posted"
    )
    taken = select(a.provider_id, a.town, func.sum(a.amount_fen), func.sum(a.personal_fen)).where(
        a.kind == "void_after_close"
    )
    for query in (earned.group_by(d.provider_id, d.town), taken.group_by(a.provider_id, a.town)):
        for provider_id, town, subsidy, personal in conn.execute(query):
            yield (chart.PROVIDER_CLAIM, chart.provider_in_town(provider_id, town)), int(subsidy)
            yield (chart.PROVIDER_CLAIM_PERSONAL, chart.provider(provider_id)), int(personal)


def _settled(conn: Connection) -> Iterator[tuple[Key, int]]:
    """Claims become payables; payers bear their shares, less what they bore with a negative settlement that is carried in."""
    s, h, a, q = settlements.c, settlement_shares.c, adjustments.c, quarter_closes.c
    posted = (q.scheme_code == s.scheme_code) & (q.quarter == s.quarter) & q.stage.in_(POSTED_STAGES)
    for row in conn.execute(select(settlements).join(quarter_closes, posted)):
        provider = chart.provider(row.provider_id)
        yield (chart.PROVIDER_CLAIM, chart.provider_in_town(row.provider_id, row.town)), -row.gross_fen
        yield (chart.PAYABLE, provider), max(row.net_fen, 0)
        yield (chart.RECEIVABLE, provider), min(row.net_fen, 0)
    shares = select(h.payer, s.town, h.amount_fen).join(settlements, s.id == h.settlement_id)
    for row in conn.execute(shares.join(quarter_closes, posted)):
        yield _payer(row.payer, row.town), -row.amount_fen
    taken_up = (q.scheme_code == a.scheme_code) & (q.quarter == a.quarter) & q.stage.in_(POSTED_STAGES)
    carried = select(a.provider_id, a.amount_fen).join(quarter_closes, taken_up).where(a.kind == "carried")
    for row in conn.execute(carried):
        yield (chart.RECEIVABLE, chart.provider(row.provider_id)), -row.amount_fen
    sources = select(a.source_id).join(quarter_closes, taken_up).where(a.kind == "carried")
    borne = select(h.payer, s.town, h.amount_fen).join(settlements, s.id == h.settlement_id)
    for row in conn.execute(borne.where(h.settlement_id.in_(sources))):
        yield _payer(row.payer, row.town), row.amount_fen


def _payer(payer: str, town: str) -> Key:
    return chart.PAYER, payers.ledger_owner(payers.name_of(payer, town))


def _paid(conn: Connection) -> Iterator[tuple[Key, int]]:
    for row in conn.execute(select(payment_orders).where(payment_orders.c.status == "paid")):
        bank = (chart.PAYER_BANK, payers.ledger_owner(row.payer))
        if row.kind == "personal":
            yield (chart.PROVIDER_CLAIM_PERSONAL, row.payee), -row.amount_fen
            continue
        yield bank, row.amount_fen
        if row.kind == "transfer":
            yield (chart.PAYER_BANK, payers.ledger_owner(row.payee)), -row.amount_fen
        else:
            yield (chart.PAYABLE, row.payee), -row.amount_fen


def _balances(conn: Connection) -> dict[Key, int]:
    """Folded from the transfers. Of payers and receivables only what closing posts: others may book there too."""
    acc, t = accounts.c, transfers.c
    whole = (chart.PROVIDER_CLAIM, chart.PROVIDER_CLAIM_PERSONAL, chart.PAYABLE)
    ours = or_(t.reference.like("settlement:%"), t.reference.like("order:%"))
    part = (chart.PAYER, chart.PAYER_BANK, chart.RECEIVABLE)
    found: dict[Key, int] = {}
    for codes, condition in ((whole, ()), (part, (ours,))):
        of_codes = select(acc.id).where(acc.code.in_(codes))
        sides = union_all(
            *(
                select(side.label("account_id"), move.label("move")).where(
                    t.kind.in_(POSTED_KINDS), side.in_(of_codes), *condition
                )
                for side, move in ((t.credit_account_id, t.amount), (t.debit_account_id, -t.amount))
            )
        ).subquery("sides")
        query = (
            select(acc.code, acc.owner, cast(func.sum(sides.c.move), BigInteger).label("balance"))
            .join(sides, sides.c.account_id == acc.id)
            .group_by(acc.code, acc.owner)
        )
        found |= {(row.code, row.owner): int(row.balance) for row in conn.execute(query)}
    return found


def _documents(conn: Connection, code: str, owner: str) -> tuple[str, ...]:
    """The documents an account is made of, for a person to compare."""
    s, m, o = settlements.c, statements.c, payment_orders.c
    provider, _, town = owner.partition("/")
    kind, _, id = provider.partition(":")
    queries: list[tuple[str, Any]] = []
    if kind == "provider" and id.isdigit():
        here_m = (m.provider_id == int(id), *((m.town == town,) if town else ()))
        here_s = (s.provider_id == int(id), *((s.town == town,) if town else ()))
        queries = [("statement", select(m.id).where(*here_m)), ("settlement", select(s.id).where(*here_s))]
        if not town:
            queries.append(("order", select(o.id).where(o.payee == provider)))
    elif code in (chart.PAYER, chart.PAYER_BANK):
        name = f"town:{town}" if id == payers.TOWN else id
        queries = [("order", select(o.id).where(or_(o.payer == name, o.payee == name)))]
        queries.append(("settlement", select(s.id).where(s.town == town) if town else select(s.id)))
    return tuple(f"{kind}:{id}" for kind, query in queries for id in sorted(conn.execute(query.limit(100)).scalars()))
