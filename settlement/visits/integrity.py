"""Do debits, visits, cards and the ledger tell the same story? Set-based; findings name debit, visit and account."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from settlement.cards.tables import card_years, cards
from settlement.findings import Finding
from settlement.ledger import chart
from settlement.ledger.tables import accounts, transfers
from settlement.policy.store import get
from settlement.policy.tables import schemes
from settlement.visits import figures, integrity_of_sales, integrity_of_times
from settlement.visits.tables import debits, visit_lines, visits

DEBIT_CODES = ("debit_subsidy", "debit_personal")
GROUP = "debit/"
"""A debit's ledger group is this and its id."""


def check(conn: Connection) -> list[Finding]:
    money = [*_amounts(conn), *_accounts(conn), *_orphans(conn), *_lines(conn)]
    rest = [*figures.check(conn), *integrity_of_times.check(conn), *integrity_of_sales.check(conn)]
    return [*money, *_status(conn), *_years(conn), *rest]


def _text(column: ColumnElement[int]) -> ColumnElement[str]:
    return cast(column, String)


def _debit_of(group_id: ColumnElement[str]) -> ColumnElement[str]:
    # Computed on the transfer's side, so that the key of debits serves the join.
    return case((func.substr(group_id, 1, len(GROUP)) == GROUP, func.substr(group_id, len(GROUP) + 1)))


def _amounts(conn: Connection) -> list[Finding]:
    """Posted: moved once, in these parts. Reversed: moved, and every part taken back. Declined: nothing moved."""
    t, contra, d = transfers.c, transfers.alias("contra"), debits.c

    def moved_by(code: str) -> ColumnElement[int]:
        return cast(func.sum(case((t.code == code, t.amount), else_=0)), BigInteger)

    moved = (
        select(
            t.group_id,
            moved_by("debit_subsidy").label("subsidy"),
            moved_by("debit_personal").label("personal"),
            func.count().label("parts"),
            func.count(contra.c.id).label("undone"),
        )
        .select_from(transfers.outerjoin(contra, contra.c.reverses_id == t.id))
        .where(t.code.in_(DEBIT_CODES))
        .group_by(t.group_id)
        .subquery("moved")
    )
    subsidy, personal = func.coalesce(moved.c.subsidy, 0), func.coalesce(moved.c.personal, 0)
    parts, undone = func.coalesce(moved.c.parts, 0), func.coalesce(moved.c.undone, 0)
    counts = d.status != "declined"
    # Taken back after its statement was drawn, a debit stays posted while its visit is void.
    taken_back = or_(d.status == "reversed", and_(d.status == "posted", visits.c.status == "void"))
    wrong = or_(
        subsidy != case((counts, d.subsidy_fen), else_=0),
        personal != case((counts, d.personal_fen), else_=0),
        and_(taken_back, undone != parts),
        and_(~taken_back, undone != 0),
    )
    query = (
        select(d.id, d.visit_id, d.card_id, d.status, d.subsidy_fen, d.personal_fen)
        .add_columns(subsidy.label("subsidy"), personal.label("personal"), parts.label("parts"), undone.label("undone"))
        .select_from(
            debits.join(visits, visits.c.id == d.visit_id).outerjoin(moved, moved.c.group_id == literal(GROUP) + d.id)
        )
        .where(wrong)
        .order_by(d.id)
    )
    return [
        Finding(
            "debit_differs",
            f"debit:{row.id}",
            f"扣款记录({row.status})补贴{row.subsidy_fen}分、个人{row.personal_fen}分；账上补贴{row.subsidy}分、个人{row.personal}分，"
            f"{row.parts}笔中冲回{row.undone}笔",
            f"the debit ({row.status}) says subsidy {row.subsidy_fen}, personal {row.personal_fen} fen; the ledger moved "
            f"{row.subsidy} and {row.personal}, {row.undone} of {row.parts} transfers taken back",
            (
                f"visit:{row.visit_id}",
                f"account:{chart.CARD_SUBSIDY} {chart.card(row.card_id)}",
                f"group:{GROUP}{row.id}",
            ),
        )
        for row in conn.execute(query)
    ]


def _accounts(conn: Connection) -> list[Finding]:
    """Every transfer of a debit leaves that card and reaches that provider (for the subsidy: in that town)."""
    source, target, t, d = accounts.alias("source"), accounts.alias("target"), transfers.c, debits.c
    card = literal("card:") + _text(d.card_id)
    provider = literal("provider:") + _text(d.provider_id)
    by_code = {
        "debit_subsidy": (chart.CARD_SUBSIDY, chart.PROVIDER_CLAIM, provider + "/" + d.town),
        "debit_personal": (chart.CARD_PERSONAL, chart.PROVIDER_CLAIM_PERSONAL, provider),
    }
    right = or_(
        *(
            and_(
                t.code == code,
                source.c.code == out,
                source.c.owner == card,
                target.c.code == to,
                target.c.owner == owner,
            )
            for code, (out, to, owner) in by_code.items()
        )
    )
    query = (
        select(t.id, d.id.label("debit_id"), d.visit_id, source.c.owner, target.c.owner.label("paid"))
        .select_from(
            transfers.join(source, source.c.id == t.debit_account_id)
            .join(target, target.c.id == t.credit_account_id)
            .join(debits, d.id == _debit_of(t.group_id))
        )
        .where(t.code.in_(DEBIT_CODES), ~right)
        .order_by(t.id)
    )
    return [
        Finding(
            "debit_accounts",
            f"debit:{row.debit_id}",
            f"流水账户不符：{row.owner} → {row.paid}",
            f"its transfer runs between other accounts: {row.owner} -> {row.paid}",
            (f"visit:{row.visit_id}", f"transfer:{row.id}"),
        )
        for row in conn.execute(query)
    ]


def _orphans(conn: Connection) -> list[Finding]:
    t = transfers.c
    query = (
        select(t.id, t.group_id, accounts.c.code, accounts.c.owner)
        .select_from(
            transfers.join(accounts, accounts.c.id == t.debit_account_id).outerjoin(
                debits, debits.c.id == _debit_of(t.group_id)
            )
        )
        .where(t.code.in_(DEBIT_CODES), debits.c.id.is_(None))
        .order_by(t.id)
    )
    return [
        Finding(
            "transfer_without_debit",
            f"transfer:{row.id}",
            "有扣款流水，没有扣款记录",
            "the ledger holds a debit that no debit row explains",
            (f"account:{row.code} {row.owner}", f"group:{row.group_id}"),
        )
        for row in conn.execute(query)
    ]


def _lines(conn: Connection) -> list[Finding]:
    """What was debited is what the visit's lines come to."""
    lines = (
        select(visit_lines.c.visit_id, cast(func.sum(visit_lines.c.amount_fen), BigInteger).label("total"))
        .group_by(visit_lines.c.visit_id)
        .subquery("lines")
    )
    d, total = debits.c, func.coalesce(lines.c.total, 0)
    query = (
        select(d.id, d.visit_id, d.total_fen, total.label("lines_fen"))
        .select_from(debits.outerjoin(lines, lines.c.visit_id == d.visit_id))
        .where(d.status != "declined", d.total_fen != total)
        .order_by(d.id)
    )
    return [
        Finding(
            "debit_not_its_lines",
            f"debit:{row.id}",
            f"扣款{row.total_fen}分，项目合计{row.lines_fen}分",
            f"the debit is {row.total_fen} fen, its visit's lines come to {row.lines_fen}",
            (f"visit:{row.visit_id}",),
        )
        for row in conn.execute(query)
    ]


def _status(conn: Connection) -> list[Finding]:
    """A paid visit has a posted debit; an open one has none; card, provider and town are the visit's."""
    d, v = debits.c, visits.c
    posted = and_(d.visit_id == v.id, d.status == "posted")
    differs = or_(d.card_id != v.card_id, d.provider_id != v.provider_id, d.town != v.town)
    wrong = or_(and_(v.status == "paid", d.id.is_(None)), and_(v.status == "open", d.id.is_not(None)), differs)
    query = (
        select(v.id, v.status, d.id.label("debit_id"))
        .select_from(visits.outerjoin(debits, posted))
        .where(wrong)
        .order_by(v.id)
    )
    return [
        Finding(
            "visit_and_debit",
            f"visit:{row.id}",
            f"服务状态{row.status}与扣款不符",
            f"the visit is {row.status}, which does not fit its debit",
            (f"debit:{row.debit_id}",) if row.debit_id else (),
        )
        for row in conn.execute(query)
    ]


def _years(conn: Connection) -> list[Finding]:
    """Where a yearly cap applies: what a card's year counts as spent from subsidy is the sum of the debits that stand."""
    d, y = debits.c, card_years.c
    codes = conn.execute(select(cards.c.scheme_code).distinct()).scalars().all()
    stored = conn.execute(select(schemes.c.code, schemes.c.version).where(schemes.c.code.in_(codes)))
    capped = {code for code, version in stored if get(conn, code, version).purses.yearly_cap.applies}
    spent = (
        select(d.card_id, d.cap_year, cast(func.sum(d.subsidy_fen), BigInteger).label("spent"))
        .join(visits, visits.c.id == d.visit_id)
        .where(d.status == "posted", visits.c.status != "void")
        .group_by(d.card_id, d.cap_year)
        .subquery("spent")
    )
    total = func.coalesce(spent.c.spent, 0)
    of_capped = select(cards.c.id).where(cards.c.scheme_code.in_(capped))
    same = and_(spent.c.card_id == y.card_id, spent.c.cap_year == y.year)
    kept = (
        select(y.card_id, y.year, y.spent, total.label("debited"))
        .select_from(card_years.outerjoin(spent, same))
        .where(y.spent != total, y.card_id.in_(of_capped))
    )
    # A year whose row is gone would be opened again with nothing spent.
    missing = (
        select(spent.c.card_id, spent.c.cap_year, literal(0), spent.c.spent)
        .select_from(spent.outerjoin(card_years, same))
        .where(y.card_id.is_(None), spent.c.spent > 0, spent.c.card_id.in_(of_capped))
    )
    differing = sorted(conn.execute(union_all(kept, missing)), key=lambda row: (row.card_id, row.year))
    return [
        Finding(
            "year_differs",
            f"card:{row.card_id} {row.year}",
            f"年度已用记{row.spent}分，有效扣款合计{row.debited}分",
            f"the year counts {row.spent} fen as spent, its debits come to {row.debited}",
            (f"account:{chart.CARD_SUBSIDY} {chart.card(row.card_id)}",),
        )
        for row in differing
    ]
