"""Do the figures on a debit and on a visit's lines hold by themselves: parts against total, line against price list, consent against what
the device signed? Set-based; part of ``integrity``.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, literal, or_, select

from settlement.cards.tables import dynamic_codes
from settlement.findings import Finding
from settlement.policy.tables import price_items
from settlement.visits.tables import debits, door_events, visit_lines

d, line, e = debits.c, visit_lines.c, door_events.c


def check(conn: Connection) -> list[Finding]:
    return [*_parts(conn), *_prices(conn), *_signed(conn), *_codes(conn)]


def _parts(conn: Connection) -> list[Finding]:
    """The parts make the total and are no more than was agreed to; of a declined debit nothing was taken, and its total is that of the
    lines or, before there were any, what was asked for."""
    lines = select(func.sum(line.amount_fen)).where(line.visit_id == d.visit_id).correlate(debits).scalar_subquery()
    taken = d.subsidy_fen + d.personal_fen + d.cash_fen
    declined = d.status == "declined"
    wrong = or_(
        and_(~declined, d.total_fen != taken + d.shortfall_fen),
        and_(~declined, taken > d.agreed_fen),
        and_(~declined, d.personal_fen > d.agreed_personal_fen),
        and_(declined, or_(d.subsidy_fen != 0, d.personal_fen != 0, d.shortfall_fen != 0)),
        and_(declined, d.total_fen != func.coalesce(lines, 0), d.total_fen != d.agreed_fen),
    )
    query = select(debits).where(wrong).order_by(d.id)
    return [
        Finding(
            "debit_parts",
            f"debit:{row.id}",
            f"扣款({row.status})合计{row.total_fen}分，补贴{row.subsidy_fen}、个人{row.personal_fen}、现金{row.cash_fen}、服务商承担"
            f"{row.shortfall_fen}分，老人同意{row.agreed_fen}分（个人{row.agreed_personal_fen}分）",
            f"the debit ({row.status}) is {row.total_fen} fen: subsidy {row.subsidy_fen}, personal {row.personal_fen}, cash "
            f"{row.cash_fen}, borne by the provider {row.shortfall_fen}; agreed to {row.agreed_fen}, personal {row.agreed_personal_fen}",
            (f"visit:{row.visit_id}",),
        )
        for row in conn.execute(query)
    ]


def _prices(conn: Connection) -> list[Finding]:
    """A line costs its quantity at the price of its list."""
    price = price_items.c
    query = (
        select(line.visit_id, line.no, line.item_code, line.quantity, line.unit_price_fen, line.amount_fen)
        .add_columns(line.price_list_id, price.price_fen)
        .select_from(visit_lines)
        .outerjoin(price_items, and_(price.list_id == line.price_list_id, price.item_code == line.item_code))
        .where(
            or_(
                price.price_fen.is_(None),
                price.price_fen != line.unit_price_fen,
                line.amount_fen != line.quantity * line.unit_price_fen,
            )
        )
        .order_by(line.visit_id, line.no)
    )
    return [
        Finding(
            "line_price",
            f"visit:{row.visit_id}",
            f"项目{row.item_code}：{row.quantity} × {row.unit_price_fen}分记为{row.amount_fen}分，价目表为{row.price_fen}分",
            f"item {row.item_code}: {row.quantity} x {row.unit_price_fen} fen is put down as {row.amount_fen}; the list says {row.price_fen}",
            (f"line:{row.visit_id}/{row.no}", f"price_list:{row.price_list_id}"),
        )
        for row in conn.execute(query)
    ]


def _signed(conn: Connection) -> list[Finding]:
    """A debit that came from a device says what the device signed: what was agreed to in all and from own money, and the cash."""

    def says(name: str, amount: ColumnElement[int]) -> ColumnElement[bool]:
        # The canonical form has one way to write a whole number, and a comma after each of these three.
        words = literal(f'"{name}":') + cast(amount, String) + literal(",")
        return func.replace(e.canonical, words, "") != e.canonical

    query = (
        select(d.id, d.visit_id, d.agreed_fen, d.agreed_personal_fen, d.cash_fen)
        .join(door_events, e.id == d.id)
        .where(
            or_(
                ~says("total_fen", d.agreed_fen),
                ~says("personal_fen", d.agreed_personal_fen),
                ~says("cash_fen", d.cash_fen),
            )
        )
        .order_by(d.id)
    )
    return [
        Finding(
            "debit_not_as_signed",
            f"debit:{row.id}",
            f"扣款记老人同意{row.agreed_fen}分（个人{row.agreed_personal_fen}分）、现金{row.cash_fen}分，与设备签名的记录不同",
            f"the debit says agreed to {row.agreed_fen} fen (personal {row.agreed_personal_fen}), cash {row.cash_fen}; the device signed "
            "something else",
            (f"event:{row.id}", f"visit:{row.visit_id}"),
        )
        for row in conn.execute(query)
    ]


def _codes(conn: Connection) -> list[Finding]:
    """A debit that a dynamic code confirmed used up one that was made for this card and amount. At a counter the sale did, whose id its visit bears:
    a release debits it under another."""
    c = dynamic_codes.c
    used = or_(c.used_for == d.id, c.used_for == d.visit_id)
    fits = and_(used, c.card_id == d.card_id, c.purpose == "debit", c.amount_fen == d.agreed_fen)
    query = (
        select(d.id, d.visit_id, d.agreed_fen)
        .outerjoin(dynamic_codes, fits)
        .where(d.consent == "dynamic", d.status != "declined", c.id.is_(None))
        .order_by(d.id)
    )
    return [
        Finding(
            "debit_without_code",
            f"debit:{row.id}",
            f"扣款记老人以动态码同意{row.agreed_fen}分，却没有为这张卡、这一金额用掉的动态码",
            f"the debit says {row.agreed_fen} fen were agreed to with a dynamic code; none was used up for this card and amount",
            (f"visit:{row.visit_id}",),
        )
        for row in conn.execute(query)
    ]
