"""``songbai card …``: what a card counter does; ``songbai cards sheet|plates``: what is printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select

from settlement.act import Act
from settlement.cards import book, lifecycle, media, money, operator_file, registry, sheet
from settlement.cards.tables import cards as cards_table
from settlement.cli.common import Desk, F, by_option, json_option, pass_desk, write_private
from settlement.cli.roster import FILE, OUT, scheme_option
from settlement.ledger import balance
from settlement.money import format_yuan, parse_yuan
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI, Month
from settlement.policy import store
from settlement.vouchers import cap

DEFAULT_HOST = "https://localhost:8443"


@click.group("card")
def card() -> None:
    """卡片：发卡、启用、挂失、补换、冻结、销户、充值 What a card counter does. CARD is a card's number or id."""


def moment_option(name: str, help: str, *, required: bool = False) -> Callable[[F], F]:
    formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]
    return click.option(name, type=click.DateTime(formats), metavar="'YYYY-MM-DD HH:MM'", required=required, help=help)


def local(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=SHANGHAI)


def card_named(conn: Connection, text: str) -> int:
    """A card by its id (up to nine digits) or any number printed on it. Raises Refused(NOT_FOUND)."""
    if text.isdecimal() and len(text) < 10:
        return book.get(conn, int(text)).id
    return book.by_number(conn, text).id


def _told(desk: Desk, card_id: int, as_json: bool) -> None:
    """The card as it stands now."""
    with desk.reading() as conn:
        found = book.get(conn, card_id)
        medium = book.live_medium(conn, card_id)
        year = desk.clock().astimezone(SHANGHAI).year
        of_year = cap.year_view(conn, card_id, year)
        purses = {
            "subsidy": sum(
                balance.balance(conn, id) for id in book.account_ids(conn, card_id) if id != found.personal_account_id
            ),
            "personal_fen": balance.balance(conn, found.personal_account_id),
        }
    number = None if medium is None else media.masked(medium.card_no)
    if as_json:
        told: dict[str, Any] = {
            "card_id": card_id,
            "senior_id": found.senior_id,
            "status": found.status,
            "number": number,
            **purses,
        }
        told |= {
            "frozen_from": found.frozen_from,
            "freeze_reason": found.freeze_reason,
            "issue": medium and medium.issue,
        }
        desk.show_json(told | {"year": year, "can_still_be_spent": of_year.left})
        return
    zh, en = lifecycle.WORDS[found.status]
    desk.say(f"卡 {card_id}（{number or '无有效卡'}）：{zh}", en)
    desk.say(
        f"补贴账户 {format_yuan(purses['subsidy'])}，{year} 年还可使用 {format_yuan(of_year.left)}；个人账户 {format_yuan(purses['personal_fen'])}",
        "subsidy, what can still be spent this year, own money",
    )


@card.command("show")
@click.argument("card")
@json_option
@pass_desk
def show(desk: Desk, card: str, as_json: bool) -> None:
    """查看状态和余额 State and balances."""
    with desk.reading() as conn:
        card_id = card_named(conn, card)
    _told(desk, card_id, as_json)


@card.command("issue")
@click.option("--town", help="给该镇街所有有补贴而无卡的人制卡 everybody of the town who is entitled and has no card")
@click.option("--senior", "senior_ids", type=int, multiple=True, help="老人编号，可多次 these people")
@scheme_option
@by_option
@json_option
@pass_desk
def issue(desk: Desk, town: str | None, senior_ids: tuple[int, ...], scheme_code: str, by: str, as_json: bool) -> None:
    """制卡；已有卡的人不变 Make cards; who has one keeps it."""
    if (town is None) == (not senior_ids):
        raise click.UsageError("--town 或 --senior 二选一 one of --town and --senior")
    with desk.acting(by) as act:
        wanted = list(senior_ids) if town is None else _without_card(act, town)
        unit = store.in_force(act.conn, scheme_code, Month.of(act.now)).unit
        made = registry.issue_many(act, desk.ring, scheme_code, wanted, unit=unit)
    if as_json:
        desk.show_json([{"senior_id": senior, "card_id": id} for senior, id in made.items()])
    else:
        desk.say(f"共 {len(made)} 张卡", f"{len(made)} cards")


def _without_card(act: Act, town: str) -> list[int]:
    s = seniors.c
    query = select(s.id).outerjoin(cards_table, cards_table.c.senior_id == s.id)
    query = query.where(s.town == town, s.status == "entitled", cards_table.c.id.is_(None))
    return list(act.conn.execute(query.order_by(s.id)).scalars())


@card.command("bind")
@click.argument("senior_id", type=int)
@click.argument("number")
@scheme_option
@by_option
@json_option
@pass_desk
def bind(desk: Desk, senior_id: int, number: str, scheme_code: str, by: str, as_json: bool) -> None:
    """绑定已有市民卡 Take the citizen card the person already has; NUMBER is printed on it."""
    with desk.acting(by) as act:
        unit = store.in_force(act.conn, scheme_code, Month.of(act.now)).unit
        card_id = registry.bind(act, desk.ring, scheme_code, senior_id, number, unit=unit)
    _told(desk, card_id, as_json)


@card.command("activate")
@click.argument("cards", nargs=-1, required=True)
@by_option
@pass_desk
def activate(desk: Desk, cards: tuple[str, ...], by: str) -> None:
    """启用（已交到本人手中） The cards were handed over."""
    with desk.acting(by) as act:
        registry.activate_many(act, [card_named(act.conn, text) for text in cards])
    desk.say(f"已启用 {len(cards)} 张", f"{len(cards)} active")


@card.command("lost")
@click.argument("card")
@moment_option("--at", "挂失时间，默认现在 when it was reported; default: now")
@by_option
@json_option
@pass_desk
def lost(desk: Desk, card: str, at: datetime | None, by: str, as_json: bool) -> None:
    """挂失：立即停止消费，旧码作废 Report lost: spending stops, the old code is dead."""
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        registry.report_lost(act, card_id, at=local(at))
    _told(desk, card_id, as_json)


@card.command("replace")
@click.argument("card")
@click.option("--number", help="新卡卡号，默认自编 the new medium's printed number")
@by_option
@json_option
@pass_desk
def replace(desk: Desk, card: str, number: str | None, by: str, as_json: bool) -> None:
    """补卡、换卡：账户不变 A new medium on the same accounts."""
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        registry.replace(act, desk.ring, card_id, number)
    _told(desk, card_id, as_json)


@card.command("freeze")
@click.argument("card")
@moment_option("--since", "自何时起，默认现在 from when; default: now")
@click.option("--reason", type=click.Choice(registry.FREEZE_REASONS), default="order", show_default=True)
@by_option
@json_option
@pass_desk
def freeze(desk: Desk, card: str, since: datetime | None, reason: str, by: str, as_json: bool) -> None:
    """冻结（去世、迁出请用 songbai senior） Freeze by order; deaths and moves go through songbai senior."""
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        registry.freeze(act, card_id, since=local(since) or act.now, reason=reason)
    _told(desk, card_id, as_json)


@card.command("unfreeze")
@click.argument("card")
@click.option("--why", required=True, help="理由 the reason")
@by_option
@json_option
@pass_desk
def unfreeze(desk: Desk, card: str, why: str, by: str, as_json: bool) -> None:
    """解冻 End a freeze."""
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        registry.unfreeze(act, card_id, why=why)
    _told(desk, card_id, as_json)


@card.command("close")
@click.argument("card")
@click.option(
    "--payee", type=click.Choice(["senior", "agent"]), required=True, help="个人余额退给谁 who gets the own money"
)
@click.option("--refund-no", help="运营方退款流水号 the operator's number of the pay-out")
@click.option("--why", required=True, help="理由 the reason")
@by_option
@json_option
@pass_desk
def close(desk: Desk, card: str, payee: Any, refund_no: str | None, why: str, by: str, as_json: bool) -> None:
    """销户：个人余额退还，未用补贴退回 Close: own money is paid back, unspent subsidy returns to the funds."""
    with desk.acting(by) as act:
        done = money.close(act, card_named(act.conn, card), payee=payee, refund_no=refund_no, why=why)
    if as_json:
        desk.show_json(vars(done))
    else:
        desk.say(
            f"退还个人余额 {format_yuan(done.refunded_fen)}，补贴退回 {format_yuan(done.returned)}",
            "paid back, returned",
        )


@card.command("top-up")
@click.argument("card")
@click.argument("yuan")
@click.option("--no", "number", required=True, help="运营方交易流水号 the operator's transaction number")
@click.option("--refund", is_flag=True, help="退款而不是充值 pay back instead")
@moment_option("--at", "交易时间，默认现在 when; default: now")
@by_option
@json_option
@pass_desk
def top_up(
    desk: Desk, card: str, yuan: str, number: str, refund: bool, at: datetime | None, by: str, as_json: bool
) -> None:
    """个人账户充值或退款；同一流水号重复提交无妨 Load own money (or pay it back); the same number again changes nothing."""
    try:
        fen = parse_yuan(yuan)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="YUAN") from error
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        move = money.refund if refund else money.top_up
        move(act, number, card_id, fen, local(at) or act.now)
    _told(desk, card_id, as_json)


@card.command("operator-file")
@click.argument("file", type=FILE)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="YYYY-MM-DD", help="交易日 the day")
@by_option
@json_option
@pass_desk
def operator(desk: Desk, file: Path, day: datetime, by: str, as_json: bool) -> None:
    """核对运营方日终文件，不符则退出码1 Compare the operator's daily file; exit code 1 when anything differs."""
    with desk.acting(by) as act:
        done = operator_file.reconcile(act, day.date(), file.read_bytes())
    if not as_json:
        desk.say(
            f"{done.rows} 笔，相符 {done.matched} 笔，净额 {format_yuan(done.total_fen)}", "lines, of which alike, net"
        )
    desk.show_findings(done.findings, as_json)


# -- printing -----------------------------------------------------------------------------------------------------------------


@click.group("cards")
def cards() -> None:
    """打印卡片和门牌码 Print QR cards and door plates."""


def _printing(command: F) -> F:
    for option in (
        json_option,
        by_option,
        click.option(
            "--host",
            envvar="SONGBAI_HOST",
            default=DEFAULT_HOST,
            show_default=True,
            help="二维码打开的地址 the address that the codes open (SONGBAI_HOST)",
        ),
        click.option("--out", type=OUT, required=True, metavar="OUT.pdf"),
        click.option("--village", help="村社区 this village only"),
        click.option("--town", required=True, help="镇街 town"),
    ):
        command = option(command)
    return command


@cards.command("sheet")
@click.option("--new", "only_new", is_flag=True, help="只打印未启用的 only those not handed over yet")
@_printing
@pass_desk
def sheet_command(
    desk: Desk, town: str, village: str | None, out: Path, host: str, only_new: bool, by: str, as_json: bool
) -> None:
    """服务卡（A4，每页八张） QR cards, eight to a page."""
    with desk.acting(by) as act:
        made = sheet.card_sheet(act, desk.ring, town, host, village=village, only_new=only_new)
    _written(desk, made, out, as_json)


@cards.command("plates")
@_printing
@pass_desk
def plates(desk: Desk, town: str, village: str | None, out: Path, host: str, by: str, as_json: bool) -> None:
    """门牌码（A4，每页四张），缺的先生成 Door plates, four to a page; missing ones are made."""
    with desk.acting(by) as act:
        s = seniors.c
        query = select(s.id).where(s.town == town, s.status == "entitled").order_by(s.id)
        query = query if village is None else query.where(s.village == village)
        media.ensure_plates(act, desk.ring, act.conn.execute(query).scalars().all())
        made = sheet.plate_sheet(act, desk.ring, town, host, village=village)
    _written(desk, made, out, as_json)


def _written(desk: Desk, made: sheet.Sheet, out: Path, as_json: bool) -> None:
    write_private(out, made.pdf)
    if as_json:
        desk.show_json({"file": str(out), "count": made.count, "by_hand": made.by_hand})
        return
    desk.say(f"已写到 {out}：{made.count} 张", f"{made.count} written")
    if made.by_hand:
        listed = "、".join(map(str, made.by_hand))
        desk.say(f"姓名有生僻字，请手写补上，老人编号：{listed}", "rare characters: write these names in by hand")
