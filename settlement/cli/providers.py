"""``songbai provider`` and ``songbai caregiver``: who is contracted where, who is shut out, and whose staff goes to the doors."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import click
from sqlalchemy import Connection, select

from settlement import officers
from settlement.act import Act
from settlement.cli.common import Desk, by_option, day_option, json_option, pass_desk
from settlement.cli.roster import scheme_option
from settlement.outcomes import Reason, Refused
from settlement.people import cells
from settlement.people.faults import Wrong
from settlement.periods import Month, local_date
from settlement.policy import store
from settlement.providers import caregivers as staff
from settlement.providers import register, rights
from settlement.providers.tables import bans, caregivers, contracts, providers

ONE_DAY = timedelta(days=1)


why_option = click.option("--why", required=True, help="理由 the reason")
provider_option = click.option(
    "--provider", "code", required=True, metavar="CODE", help="服务商统一社会信用代码 unified social credit code"
)


def provider_id(conn: Connection, code: str) -> int:
    """The provider with a credit code. Raises Refused(NOT_FOUND)."""
    found = conn.scalar(select(providers.c.id).where(providers.c.code == code))
    if found is None:
        raise Refused(Reason.NOT_FOUND, what=code)
    return int(found)


def caregiver_id(conn: Connection, provider: int, staff_no: str) -> int:
    """The provider's caregiver with a staff number. Raises Refused(NOT_FOUND)."""
    theirs = caregivers.c.provider_id == provider, caregivers.c.staff_no == staff_no
    found = conn.scalar(select(caregivers.c.id).where(*theirs))
    if found is None:
        raise Refused(Reason.NOT_FOUND, what=staff_no)
    return int(found)


# -- providers ----------------------------------------------------------------------------------------------------------------


@click.group("provider")
def provider() -> None:
    """服务商：登记、合同、取消资格 Providers: entries, contracts, bans."""


@provider.command("add")
@click.argument("code")
@click.option("--name", required=True, help="名称 name")
@click.option("--bank", required=True, help="开户行 bank")
@click.option("--account", required=True, help="账号 account")
@by_option
@json_option
@pass_desk
def add(desk: Desk, code: str, name: str, bank: str, account: str, by: str, as_json: bool) -> None:
    """登记服务商（统一社会信用代码）；内容相同的可重复 Enter a provider by its credit code; the same again changes nothing."""
    with desk.acting(by) as act:
        id = register.register(act, code=code, name=name, bank_name=bank, bank_account=account)
    _tell(desk, as_json, f"服务商编号 {id}", "the provider's number", provider_id=id)


@provider.command("phone")
@click.argument("code")
@click.argument("phone")
@by_option
@json_option
@pass_desk
def phone(desk: Desk, code: str, phone: str, by: str, as_json: bool) -> None:
    """服务站电话，服务人员在门口有事时拨打 The telephone of its service office, for caregivers at a door."""
    with desk.acting(by) as act:
        register.set_phone(act, provider_id(act.conn, code), phone)
    _tell(desk, as_json, f"服务站电话 {phone}", "the office's telephone", phone=phone)


@provider.command("contract")
@click.argument("code")
@click.option("--town", required=True, help="镇街 town")
@day_option("--from", "from_day", "第一天 first day")
@day_option("--last-day", "last_day", "最后一天 last day")
@scheme_option
@by_option
@json_option
@pass_desk
def contract(
    desk: Desk, code: str, town: str, from_day: date, last_day: date, scheme_code: str, by: str, as_json: bool
) -> None:
    """登记合同：一份合同一个镇街 Enter a contract, for one town."""
    with desk.acting(by) as act:
        store.in_force(act.conn, scheme_code, Month.of(last_day))
        id = register.contract(act, provider_id(act.conn, code), scheme_code, town, from_day, last_day + ONE_DAY)
    _tell(desk, as_json, f"合同编号 {id}", "the contract's number", contract_id=id)


@provider.command("end-contract")
@click.argument("contract_id", type=int)
@day_option("--last-day", "last_day", "最后一天 last day")
@why_option
@by_option
@json_option
@pass_desk
def end_contract(desk: Desk, contract_id: int, last_day: date, why: str, by: str, as_json: bool) -> None:
    """提前终止合同 End a contract early."""
    with desk.acting(by) as act:
        register.end_contract(act, contract_id, last_day, why)
    _tell(
        desk,
        as_json,
        f"合同 {contract_id} 至 {last_day} 止",
        "the contract's last day",
        contract_id=contract_id,
        last_day=last_day,
    )


@provider.command("ban")
@click.argument("code")
@click.option("--ground", required=True, help="方案中的事由代码 code of one of the scheme's grounds")
@day_option("--from", "from_day", "第一天；默认今天 first day; default: today", required=False)
@why_option
@scheme_option
@by_option
@json_option
@pass_desk
def ban(
    desk: Desk, code: str, ground: str, why: str, scheme_code: str, from_day: date | None, by: str, as_json: bool
) -> None:
    """取消资格，期满前不得回到本区 Shut a provider out for as long as the scheme says."""
    with desk.acting(by) as act:
        first = from_day or local_date(act.now)
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        until = register.ban(act, scheme, provider_id(act.conn, code), ground, first, why)
    _tell(
        desk,
        as_json,
        f"{first} 起取消资格，{until} 起方可返回",
        "banned; may return from then on",
        banned_from=first,
        may_return=until,
    )


@provider.command("list")
@by_option
@json_option
@pass_desk
def list_providers(desk: Desk, by: str, as_json: bool) -> None:
    """列出服务商和合同；服务商只看到自己 List providers with their contracts; a provider's officer sees their own."""
    with desk.reading() as conn:
        who = officers.actor(conn, by)
        query = select(providers).order_by(providers.c.id)
        if who.provider_id is not None:
            query = query.where(providers.c.id == who.provider_id)
        found = [_provider(conn, row, local_date(desk.clock())) for row in conn.execute(query).all()]
    if as_json:
        desk.show_json({"providers": found})
        return
    rows = [
        [one["provider_id"], one["code"], one["name"], one["account"], _contracts(one), one["may_return"]]
        for one in found
    ]
    headers = ["编号 no", "信用代码 code", "名称 name", "账号 account", "合同 contracts", "取消资格至 banned until"]
    desk.show_table("服务商 providers", headers, rows)


def _provider(conn: Connection, row: Any, today: date) -> dict[str, Any]:
    held = select(contracts).where(contracts.c.provider_id == row.id).order_by(contracts.c.town, contracts.c.from_day)
    banned = select(bans.c.until_day).where(bans.c.provider_id == row.id, bans.c.until_day > today)
    shown = {"provider_id": row.id, "code": row.code, "name": row.name, "account": f"**** {row.bank_account[-4:]}"}
    shown["contracts"] = [
        {
            "contract_id": c.id,
            "scheme": c.scheme_code,
            "town": c.town,
            "first_day": c.from_day,
            "last_day": c.until_day - ONE_DAY,
        }
        for c in conn.execute(held)
    ]
    return shown | {"may_return": conn.scalar(banned.order_by(bans.c.until_day.desc()).limit(1))}


def _contracts(one: dict[str, Any]) -> str:
    return "\n".join(f"{c['contract_id']}：{c['town']} {c['first_day']} – {c['last_day']}" for c in one["contracts"])


# -- caregivers ---------------------------------------------------------------------------------------------------------------


@click.group("caregiver")
def caregiver() -> None:
    """服务人员：聘用、培训、证书、离职 Caregivers: employed, trained, certified, dismissed."""


@caregiver.command("add")
@click.argument("staff_no")
@provider_option
@click.option("--name", required=True, help="姓名 name")
@click.option("--phone", help="电话，加密保存 telephone, stored encrypted")
@day_option("--from", "from_day", "入职日期；默认今天 first day; default: today", required=False)
@by_option
@json_option
@pass_desk
def employ(
    desk: Desk, staff_no: str, code: str, name: str, phone: str | None, from_day: date | None, by: str, as_json: bool
) -> None:
    """登记服务人员；培训合格后才能上岗 Enter a caregiver, who may work once trained."""
    number = _phone(phone)
    with desk.acting(by) as act:
        first = from_day or local_date(act.now)
        employer = provider_id(act.conn, code)
        id = staff.employ(act, desk.ring, employer, staff_no, name, from_day=first, phone=number)
    _tell(
        desk, as_json, f"已登记 {staff_no}，{first} 起", "on record from that day", caregiver_id=id, staff_no=staff_no
    )


def _phone(text: str | None) -> str | None:
    """As the register writes it. The refusal does not repeat what was typed."""
    try:
        return cells.phone(text)
    except Wrong as wrong:
        problem = wrong.problem
        raise click.BadParameter(f"{problem.zh} {problem.en}", param_hint="--phone") from None


@caregiver.command("train")
@click.argument("staff_no")
@provider_option
@day_option("--on", "on", "合格日期 the day it was passed")
@by_option
@json_option
@pass_desk
def train(desk: Desk, staff_no: str, code: str, on: date, by: str, as_json: bool) -> None:
    """登记培训合格 Record that the training was passed."""
    with desk.acting(by) as act:
        staff.train(act, _theirs(act, code, staff_no), on)
    _tell(desk, as_json, f"{staff_no} {on} 培训合格", "trained", staff_no=staff_no, trained_on=on)


@caregiver.command("certify")
@click.argument("staff_no")
@provider_option
@day_option("--last-day", "last_day", "证书有效的最后一天 last day the certificate holds")
@by_option
@json_option
@pass_desk
def certify(desk: Desk, staff_no: str, code: str, last_day: date, by: str, as_json: bool) -> None:
    """登记证书有效期 Record until when the certificate holds."""
    with desk.acting(by) as act:
        staff.certify(act, _theirs(act, code, staff_no), last_day + ONE_DAY)
    _tell(
        desk,
        as_json,
        f"{staff_no} 证书有效至 {last_day}",
        "certified until",
        staff_no=staff_no,
        certificate_last_day=last_day,
    )


@caregiver.command("dismiss")
@click.argument("staff_no")
@provider_option
@day_option("--last-day", "last_day", "最后工作日 last day of work")
@by_option
@json_option
@pass_desk
def dismiss(desk: Desk, staff_no: str, code: str, last_day: date, by: str, as_json: bool) -> None:
    """登记离职；其设备另行停用 Record the last day of work; revoke the device separately."""
    with desk.acting(by) as act:
        staff.dismiss(act, _theirs(act, code, staff_no), last_day)
    _tell(
        desk,
        as_json,
        f"{staff_no} 工作至 {last_day}",
        "last day of work",
        staff_no=staff_no,
        last_day=last_day,
    )


@caregiver.command("list")
@provider_option
@by_option
@json_option
@pass_desk
def list_caregivers(desk: Desk, code: str, by: str, as_json: bool) -> None:
    """列出一家服务商的服务人员 List a provider's caregivers; for its own office and the district's."""
    with desk.acting(by) as act:
        employer = provider_id(act.conn, code)
        officers.require(act, "caregiver.manage", provider_id=employer)
        query = select(caregivers).where(caregivers.c.provider_id == employer).order_by(caregivers.c.staff_no)
        found = [_caregiver(row, local_date(act.now)) for row in act.conn.execute(query)]
    if as_json:
        desk.show_json({"caregivers": found})
        return
    headers = [
        "工号 staff no",
        "姓名 name",
        "培训 trained",
        "证书至 certified until",
        "入职 from",
        "离职 until",
        "今天 today",
    ]
    desk.show_table("服务人员 caregivers", headers, [list(one.values()) for one in found])


def _caregiver(row: Any, today: date) -> dict[str, Any]:
    """``today``: may_work, or the code of the reason why not."""
    why_not = rights.work_refused(row, today)
    return {
        "staff_no": row.staff_no,
        "name": row.name,
        "trained_on": row.trained_on,
        "certificate_last_day": row.certificate_until and row.certificate_until - ONE_DAY,
        "first_day": row.from_day,
        "last_day": row.until_day and row.until_day - ONE_DAY,
        "today": "may_work" if why_not is None else why_not.code,
    }


def _theirs(act: Act, code: str, staff_no: str) -> int:
    return caregiver_id(act.conn, provider_id(act.conn, code), staff_no)


def _tell(desk: Desk, as_json: bool, zh: str, en: str, **data: object) -> None:
    if as_json:
        desk.show_json(data)
    else:
        desk.say(zh, en)
