"""Providers: the list, one of them with contracts and bans, entering one."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import exists, func, select

from admin.frame import forms, listing
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.forms import Day, Form, Text
from admin.frame.listing import Column
from admin.frame.words import last_day
from admin.providers.desk import ONE_DAY, desk, provider, theirs, today
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places
from settlement.providers import register
from settlement.providers.tables import bans, caregivers, contracts, devices, providers, terminals


class NewProvider(Form):
    code = Text(most=18)
    name = Text(most=120)
    bank_name = Text(most=120)
    bank_account = Text(most=40)


class Phone(Form):
    phone = Text(most=20)


class EndOfContract(Form):
    last_day = Day()
    why = Text()


@desk.page("/", may="providers.read", menu=("服务商名录", "Register"))
def everybody() -> Response | str:
    p, c, b, s = providers.c, contracts.c, bans.c, caregivers.c
    day = today()
    running = select(func.count(c.town.distinct())).where(c.provider_id == p.id, c.from_day <= day, c.until_day > day)
    staff = select(func.count()).where(
        s.provider_id == p.id, s.from_day <= day, s.until_day.is_(None) | (s.until_day > day)
    )
    banned = select(func.max(b.until_day)).where(b.provider_id == p.id, b.until_day > day)
    columns = (
        Column("id", "编号", "no.", p.id, "number"),
        Column("name", "名称", "name", p.name, link=lambda row: url_for("providers.one", provider_id=row.id)),
        Column("code", "统一社会信用代码", "credit code", p.code),
        Column("towns", "有合同的镇街", "towns under contract", running.scalar_subquery(), "number"),
        Column("staff", "在岗人员", "staff", staff.scalar_subquery(), "number"),
        Column("banned", "取消资格至", "banned until", banned.scalar_subquery(), "day"),
    )
    source = theirs(select().select_from(providers))
    town = request.args.get("town", "")
    if town:
        source = source.where(
            exists().where(c.provider_id == p.id, c.town == town, c.from_day <= day, c.until_day > day)
        )
    with looking() as conn:
        found = listing.look(conn, source, columns, sort="name", name="providers")
        towns = list(conn.execute(select(places.c.town).distinct().order_by(places.c.town)).scalars())
    return found.download or render_template("providers/everybody.html", found=found, towns=towns, town=town)


@desk.act("/", may="provider.manage", shows=everybody)
def add() -> Response:
    given = forms.read(NewProvider)
    with acting() as act:
        id = register.register(act, **given)
    done("服务商已登记", "The provider is entered")
    return redirect(url_for("providers.one", provider_id=id), 303)  # type: ignore[return-value]


@desk.page("/<int:provider_id>", may="providers.read")
def one(provider_id: int) -> Response | str:
    c, b = contracts.c, bans.c
    columns = (
        Column("id", "合同编号", "no.", c.id, "number"),
        Column("town", "镇街", "town", c.town),
        Column("scheme_code", "方案", "scheme", c.scheme_code),
        Column("from_day", "第一天", "first day", c.from_day, "day"),
        Column("until_day", "最后一天", "last day", c.until_day, "day", words=last_day),
    )
    with looking() as conn:
        row = provider(conn, provider_id)
        source = select().select_from(contracts).where(c.provider_id == provider_id)
        found = listing.look(conn, source, columns, sort="-from_day", name=f"contracts-{provider_id}")
        shown: dict[str, Any] = {"provider": row, "contracts": found, "today": today()}
        shown["bans"] = conn.execute(select(bans).where(b.provider_id == provider_id).order_by(b.from_day)).all()
        for name, table in (("caregivers", caregivers), ("devices", devices), ("terminals", terminals)):
            count = select(func.count()).select_from(table).where(table.c.provider_id == provider_id)
            shown[name] = conn.execute(count).scalar_one()
        shown["running"] = conn.execute(
            select(contracts).where(c.provider_id == provider_id, c.until_day > today()).order_by(c.town, c.from_day)
        ).all()
    return found.download or render_template("providers/one.html", **shown, one_day=ONE_DAY)


@desk.act("/<int:provider_id>/phone", may="caregiver.manage", shows=one)
def set_phone(provider_id: int) -> Response:
    given = forms.read(Phone)
    with acting() as act:
        provider(act.conn, provider_id)
        register.set_phone(act, provider_id, given["phone"])
    done("服务站电话已登记", "The office's telephone is entered")
    return redirect(url_for("providers.one", provider_id=provider_id), 303)  # type: ignore[return-value]


@desk.act("/<int:provider_id>/contracts/<int:contract_id>/end", may="provider.manage")
def end_contract(provider_id: int, contract_id: int) -> Response:
    given = forms.read(EndOfContract)
    with acting() as act:
        provider(act.conn, provider_id)
        mine = select(contracts.c.id).where(contracts.c.id == contract_id, contracts.c.provider_id == provider_id)
        if act.conn.scalar(mine) is None:
            raise Refused(Reason.NOT_FOUND, what="contract")
        register.end_contract(act, contract_id, given["last_day"], given["why"])
    done("合同已提前终止", "The contract ends early")
    return redirect(url_for("providers.one", provider_id=provider_id), 303)  # type: ignore[return-value]
