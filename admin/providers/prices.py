"""Price lists: an office's sheet is read, shown beside what holds now, and put in force by a second person."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, Select, select

from admin.frame import forms, listing, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.forms import Day, Form, Number, Text
from admin.frame.listing import Column
from admin.frame.words import last_day
from admin.providers.desk import choices, desk, names, provider, scheme_on
from settlement.outcomes import Reason, Refused
from settlement.policy import tariff
from settlement.policy.price_sheet import PriceSheetFaults, read_prices
from settlement.policy.tables import price_items, price_lists
from settlement.providers.tables import providers

LARGEST = 10 * 1024 * 1024


class NewList(Form):
    scheme = Text(most=40)
    provider_id = Number(least=1, load_default=None)
    version = Text(most=20)
    valid_from = Day()


@desk.page("/prices", may="providers.read", menu=("价目表", "Price lists"))
def prices(faults: Any = ()) -> Response | str:
    p = price_lists.c
    columns = (
        Column("id", "编号", "no.", p.id, "number", link=lambda row: url_for("providers.price_list", list_id=row.id)),
        Column("scheme_code", "方案", "scheme", p.scheme_code),
        Column("name", "服务商（空为通用）", "provider (empty: all)", providers.c.name),
        Column("version", "版本", "version", p.version),
        Column("valid_from", "生效", "from", p.valid_from, "day"),
        Column("valid_to", "最后一天", "last day", p.valid_to, "day", words=last_day),
        Column("status", "状态", "state", p.status, "code"),
        Column("imported_by", "导入", "imported by", p.imported_by),
        Column("approved_by", "批准", "approved by", p.approved_by),
    )
    with looking() as conn:
        found = listing.look(conn, _seen(select()), columns, sort="-id", name="price-lists")
        shown: dict[str, Any] = {"found": found, "schemes": choices(conn), "names": names(conn), "faults": faults}
    return found.download or render_template("providers/prices.html", **shown)


@desk.act("/prices", may="prices.import", shows=prices)
def import_prices() -> Response | str:
    given, file = forms.read(NewList), forms.upload("file", LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    content = file.read()
    try:
        with acting() as act:
            if given["provider_id"] is not None:
                provider(act.conn, given["provider_id"])
            scheme = scheme_on(act.conn, given["scheme"], given["valid_from"])
            items = read_prices(content, file.filename or "", scheme)
            facts = {name: given[name] for name in ("version", "valid_from", "provider_id")}
            list_id = tariff.draft_list(act, scheme, items, **facts)
    except PriceSheetFaults as faulty:
        return Response(prices(faulty.faults), 422, mimetype="text/html")
    done(f"已导入{len(items)}项，待另一人批准", f"{len(items)} items imported; another person approves")
    return redirect(url_for("providers.price_list", list_id=list_id), 303)  # type: ignore[return-value]


@desk.page("/prices/<int:list_id>", may="providers.read")
def price_list(list_id: int) -> Response | str:
    i = price_items.c
    now = price_items.alias("now")
    with looking() as conn:
        row = _list(conn, list_id)
        scheme = scheme_on(conn, row.scheme_code, row.valid_from)
        named = {one.code: one.name_zh for one in scheme.purchases.categories}
        held = tariff.prices_in_force(conn, row.scheme_code, row.provider_id or 0, row.valid_from)
        before = {price.list_id for price in held.values()} - {list_id}
        columns = (
            Column("item_code", "项目编码", "code", i.item_code),
            Column("name_zh", "名称", "name", i.name_zh),
            Column("category", "类别", "category", i.category, words=lambda code: named.get(code, code)),
            Column("unit_zh", "单位", "unit", i.unit_zh),
            Column("price_fen", "单价", "price", i.price_fen, "yuan"),
            Column("old_fen", "原单价", "price until now", now.c.price_fen, "yuan"),
            Column("min_minutes", "最少分钟", "least minutes", i.min_minutes, "number"),
        )
        joined = price_items.outerjoin(now, (now.c.item_code == i.item_code) & now.c.list_id.in_(before))
        source = select().select_from(joined).where(i.list_id == list_id)
        found = listing.look(conn, source, columns, sort="item_code", name=f"prices-{list_id}")
        gone = sorted(set(held) - set(conn.execute(select(i.item_code).where(i.list_id == list_id)).scalars()))
    shown: dict[str, Any] = {"row": row, "found": found, "gone": gone if before else []}
    return found.download or render_template("providers/price_list.html", **shown)


@desk.act("/prices/<int:list_id>/approve", may="prices.approve", shows=price_list)
def approve_prices(list_id: int) -> Response:
    with acting() as act:
        row = _list(act.conn, list_id)
        tariff.approve_list(act, scheme_on(act.conn, row.scheme_code, row.valid_from), list_id)
    done("价目表已批准", "The price list is approved")
    return redirect(url_for("providers.price_list", list_id=list_id), 303)  # type: ignore[return-value]


def _seen(query: Select[Any]) -> Select[Any]:
    """A provider's office sees the general lists and its own."""
    p = price_lists.c
    query = query.select_from(price_lists.outerjoin(providers, providers.c.id == p.provider_id))
    own = officer().provider_id
    return query if own is None else query.where(p.provider_id.is_(None) | (p.provider_id == own))


def _list(conn: Connection, list_id: int) -> Row[Any]:
    query = _seen(select(price_lists, providers.c.name)).where(price_lists.c.id == list_id)
    return scope.one(conn, query, "price list")
