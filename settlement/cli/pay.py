"""``songbai pay``: payment orders to the bank, the bank's answers back, returned payments, the payers' accounts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from settlement.cli.close import said, scheme_option
from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk, write_private
from settlement.closing import bankfile, contributions, invoices, payers, payment
from settlement.money import format_yuan, parse_yuan
from settlement.periods import Quarter
from settlement.spoken import chinese

layout_option = click.option(
    "--layout",
    default=bankfile.DEFAULT_LAYOUT,
    show_default=True,
    type=click.Choice(bankfile.names()),
    help="文件格式 layout",
)


@click.group("pay")
def pay() -> None:
    """付款 Payment orders and the bank."""


@pay.command("list")
@click.argument("period", required=False)
@scheme_option
@json_option
@pass_desk
def list_orders(desk: Desk, period: str | None, scheme_code: str, as_json: bool) -> None:
    """列出付款单 List payment orders of a quarter (2026-Q3), of a month's personal part (2026-07), or all."""
    with desk.reading() as conn:
        orders = payment.listed(conn, scheme_code, period)
    if as_json:
        desk.show_json([dict(order._mapping) for order in orders])
        return
    headers = ("付款单 order", "付款人 payer", "收款人 payee", "户名 name", "金额 amount", "状态 status", "批次 batch")
    rows = [
        (o.id, chinese(o.payer), chinese(o.payee), o.payee_name, format_yuan(o.amount_fen), said(o.status), o.batch_id)
        for o in orders
    ]
    if not orders:
        desk.say("没有付款单", "no payment orders")
        return
    desk.show_table("付款单 payment orders", headers, rows)


@pay.command("export")
@click.argument("period")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="写入的文件夹 folder to write to"
)
@click.option("--payer", help="只导出该付款人的 only this payer's, e.g. district")
@layout_option
@scheme_option
@by_option
@json_option
@pass_desk
def export(
    desk: Desk, period: str, out: Path, payer: str | None, layout: str, scheme_code: str, by: str, as_json: bool
) -> None:
    """导出付款文件 Write the bank batch file and the payment workbook. Again without new orders: the same files."""
    with desk.acting(by) as act:
        batch = payment.export(act, scheme_code, period, layout=layout, payer=payer)
    out.mkdir(parents=True, exist_ok=True)
    bank_file, workbook = out / batch.bank_file_name, out / f"{batch.batch_id}.xlsx"
    write_private(bank_file, batch.bank_file)
    write_private(workbook, batch.workbook)
    if as_json:
        told = {"batch": batch.batch_id, "orders": batch.orders, "total_fen": batch.total_fen, "again": batch.again}
        desk.show_json(told | {"bank_file": str(bank_file), "workbook": str(workbook)})
        return
    if batch.again:
        desk.say("没有新的付款单，重写上一批次", "no new orders; the last batch is written again")
    desk.say(f"{batch.orders}张付款单，合计{format_yuan(batch.total_fen)}元", f"{batch.orders} orders")
    desk.console.print(f"{bank_file}\n{workbook}", markup=False)


@pay.command("confirm")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@layout_option
@by_option
@json_option
@pass_desk
def confirm(desk: Desk, file: Path, layout: str, by: str, as_json: bool) -> None:
    """登记银行回盘 Take in the bank's result file: all of it or, with any finding, nothing."""
    with desk.acting(by) as act:
        found = payment.confirm(act, file.read_bytes(), layout=layout)
    if found.findings:
        if as_json:
            desk.show_json({"findings": [asdict(finding) for finding in found.findings], "count": len(found.findings)})
            sys.exit(FINDINGS)
        desk.say("回盘文件有问题，未登记任何内容", "the file has faults; nothing was recorded")
        desk.show_findings(found.findings, as_json)
    if as_json:
        desk.show_json({"paid": found.paid, "returned": found.returned, "again": found.again})
        return
    if found.again:
        desk.say("此文件此前已登记", "this file was taken in before")
    desk.say(f"已付{found.paid}笔，退回{found.returned}笔", f"{found.paid} paid, {found.returned} returned")


@pay.command("correct")
@click.argument("order_id")
@click.option("--name", "payee_name", required=True, help="收款户名 account name")
@click.option("--account", "payee_account", required=True, help="账号 account")
@click.option("--bank", "payee_bank", required=True, help="开户行 bank")
@by_option
@pass_desk
def correct(desk: Desk, order_id: str, payee_name: str, payee_account: str, payee_bank: str, by: str) -> None:
    """更正退回付款单的账号 Propose the right account for a returned order."""
    with desk.acting(by) as act:
        payment.propose_account(
            act, order_id, payee_name=payee_name, payee_account=payee_account, payee_bank=payee_bank
        )
    desk.say("已提出，请由另一人重发：songbai pay reissue", "proposed; another person re-issues it")


@pay.command("reissue")
@click.argument("order_id")
@by_option
@pass_desk
def reissue(desk: Desk, order_id: str, by: str) -> None:
    """按更正后的账号重发 Repeat a returned order to the corrected account; by a second person."""
    with desk.acting(by) as act:
        new_id = payment.reissue(act, order_id)
    desk.say(f"新付款单 {new_id}", "the new order, ready for export")


@pay.command("account")
@click.argument("payer")
@click.option("--name", required=True, help="户名 account name")
@click.option("--account", required=True, help="账号 account")
@click.option("--bank", required=True, help="开户行 bank")
@by_option
@pass_desk
def account(desk: Desk, payer: str, name: str, account: str, bank: str, by: str) -> None:
    """登记付款专户 Record a payer's dedicated account: district, town:仙女镇, card_operator."""
    with desk.acting(by) as act:
        payers.register_account(act, payer, name, account, bank)
    desk.say(f"已登记 {payer} 的专户", "recorded")


@pay.command("invoice")
@click.argument("order_id")
@click.option("--number", required=True, help="发票号码 number")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="开票日期 day of issue")
@click.option("--amount", required=True, help="金额（元） yuan")
@by_option
@pass_desk
def invoice(desk: Desk, order_id: str, number: str, day: datetime, amount: str, by: str) -> None:
    """登记服务商的发票 Register a provider's invoice against its order."""
    with desk.acting(by) as act:
        invoices.register(act, order_id, number, day.date(), _fen(amount))
    desk.say("发票已登记", "registered")


@pay.command("share")
@click.argument("quarter")
@click.option("--town", required=True, help="镇街 town")
@click.option("--amount", required=True, help="金额（元） yuan")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="到账日期 day")
@click.option("--reference", required=True, help="银行回单或拨款凭证号 the bank's or treasury's voucher")
@scheme_option
@by_option
@pass_desk
def share(
    desk: Desk, quarter: str, town: str, amount: str, day: datetime, reference: str, scheme_code: str, by: str
) -> None:
    """登记镇级分担资金到位 Record that a town put up its own share; another person confirms it."""
    try:
        which = Quarter.parse(quarter)
    except ValueError as error:
        raise click.BadParameter("2026-Q3", param_hint="QUARTER") from error
    with desk.acting(by) as act:
        id = contributions.record(act, scheme_code, which, town, _fen(amount), day.date(), reference)
    desk.say(
        f"已登记，编号{id}；请由另一人确认：songbai pay share-confirm {id}", "recorded; another person confirms it"
    )


@pay.command("share-confirm")
@click.argument("payment_id", type=int)
@by_option
@pass_desk
def share_confirm(desk: Desk, payment_id: int, by: str) -> None:
    """确认镇级分担资金到账 Confirm that a town's share has arrived; by a second person."""
    with desk.acting(by) as act:
        contributions.confirm(act, payment_id)
    desk.say("已确认到账", "confirmed")


def _fen(amount: str) -> int:
    try:
        return parse_yuan(amount)
    except ValueError as error:
        raise click.BadParameter("1234.50", param_hint="--amount") from error
