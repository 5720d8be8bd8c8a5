"""``songbai senior``: what happens to people once they are enrolled, and what it does to their money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import click
from sqlalchemy import Connection, func, select

from settlement.act import Act
from settlement.cards import lifecycle
from settlement.cli.close import MONTH
from settlement.cli.common import Desk, by_option, day_option, json_option, pass_desk
from settlement.cli.roster import scheme_option
from settlement.money import format_yuan
from settlement.people import changes
from settlement.people.entitling import Decided
from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.vouchers import life


@click.group("senior")
def senior() -> None:
    """老人情况变化：等级、类别、去世、迁出、恢复 What happens to people: levels, categories, deaths, moves."""


on_option = day_option("--on", "on", "日期 the day it happened")


# -- what ends an entitlement -------------------------------------------------------------------------------------------------


@senior.command("died")
@click.argument("senior_id", type=int)
@on_option
@by_option
@json_option
@pass_desk
def died(desk: Desk, senior_id: int, on: date, by: str, as_json: bool) -> None:
    """登记去世：卡片自当日零时冻结，以后月份的补贴收回 Record a death: the card stops from that day, later months are taken back."""
    _end(desk, life.learn_of_death, senior_id, on, by, as_json)


@senior.command("left")
@click.argument("senior_id", type=int)
@on_option
@by_option
@json_option
@pass_desk
def left(desk: Desk, senior_id: int, on: date, by: str, as_json: bool) -> None:
    """登记迁出或退出（日期为不再服务的第一天） Record a move or leaving; the date is the first day no longer served."""
    _end(desk, life.learn_of_leaving, senior_id, on, by, as_json)


def _end(desk: Desk, learn: Any, senior_id: int, on: date, by: str, as_json: bool) -> None:
    with desk.acting(by) as act:
        ended: life.Ended = learn(act, senior_id, on)
    if as_json:
        figures = {"taken_back": ended.taken_back, "receivable": ended.receivable}
        desk.show_json(vars(ended) | {"months_back": [vars(back) for back in ended.months_back]} | figures)
        return
    if ended.frozen_from is not None:
        desk.say(f"卡片自 {ended.frozen_from:%Y-%m-%d %H:%M} 起冻结", "the card is frozen from then on")
    for back in ended.months_back:
        desk.say(
            f"{back.month} 已发 {format_yuan(back.issued)}：收回 {format_yuan(back.taken_back)}，应追回 {format_yuan(back.receivable)}",
            f"{back.month}: issued, taken back, still owed",
        )
    if ended.spent_since_subsidy or ended.spent_since_personal:
        desk.say(
            f"此后已扣补贴 {format_yuan(ended.spent_since_subsidy)}、个人 {format_yuan(ended.spent_since_personal)}，请核查这些服务",
            "was debited for later moments: check these visits",
        )
    if ended.last_month is not None and not ended.months_back:
        desk.say(f"补贴发至 {ended.last_month}，无需收回", f"issued until {ended.last_month}; nothing to take back")


# -- what changes one ---------------------------------------------------------------------------------------------------------


@senior.command("reassess")
@click.argument("senior_id", type=int)
@click.option(
    "--level", required=True, type=click.IntRange(0, 4), help="能力等级 ability level (GB/T 42195-2022), 0 able … 4"
)
@on_option
@click.option("--assessor", required=True, help="评估机构 who assessed")
@scheme_option
@by_option
@json_option
@pass_desk
def reassess(
    desk: Desk, senior_id: int, level: int, on: date, assessor: str, scheme_code: str, by: str, as_json: bool
) -> None:
    """登记新的能力评估，次月起按新等级 Record a new assessment; it counts from the next month."""
    news = changes.Assessment(senior_id, level, on, assessor)
    _change(desk, senior_id, scheme_code, by, as_json, lambda act, scheme: changes.reassess(act, scheme, [news]))


@senior.group("category")
def category() -> None:
    """类别：认定、取消 Categories gained and lost."""


@category.command("gain")
@click.argument("senior_id", type=int)
@click.argument("code")
@on_option
@scheme_option
@by_option
@json_option
@pass_desk
def gain(desk: Desk, senior_id: int, code: str, on: date, scheme_code: str, by: str, as_json: bool) -> None:
    """登记属于某类别（如 low_income） Record that somebody belongs to a category from a day on."""

    def news(act: Act, scheme: Scheme) -> Decided:
        return changes.gain_category(act, scheme, senior_id, code, on)

    _change(desk, senior_id, scheme_code, by, as_json, news)


@category.command("lose")
@click.argument("senior_id", type=int)
@click.argument("code")
@on_option
@scheme_option
@by_option
@json_option
@pass_desk
def lose(desk: Desk, senior_id: int, code: str, on: date, scheme_code: str, by: str, as_json: bool) -> None:
    """登记不再属于某类别的第一天 Record the first day a category no longer holds."""

    def news(act: Act, scheme: Scheme) -> Decided:
        return changes.lose_category(act, scheme, senior_id, code, on)

    _change(desk, senior_id, scheme_code, by, as_json, news)


@senior.command("reinstate")
@click.argument("senior_id", type=int)
@click.option("--why", required=True, help="理由 the reason")
@click.option(
    "--from-month",
    type=MONTH,
    help="从哪个月恢复；默认：误登去世的从停发之月，其余从次月 from which month; default: after a death the first one lost, else the next",
)
@scheme_option
@by_option
@json_option
@pass_desk
def reinstate(
    desk: Desk, senior_id: int, why: str, from_month: Month | None, scheme_code: str, by: str, as_json: bool
) -> None:
    """恢复误登记去世、迁出的老人：收回的补贴退回卡上，应收款冲销，卡片解冻

    Take back a death or leaving recorded by mistake: what was taken back is on the card again, what was owed is not, the card works.
    """
    with desk.acting(by) as act:
        done = life.reinstate(act, scheme_code, senior_id, why, from_month)
        first = Month.parse(done.first_month)
        scheme = store.in_force(act.conn, scheme_code, first)
        after = _running(act.conn, scheme_code, senior_id, first)
    if not as_json:
        _show_change(desk, senior_id, scheme, first, None, after, done.decided, as_json)
        _show_reinstated(desk, done, scheme)
        return
    money: dict[str, Any] = {
        "given_back": done.given_back,
        "no_longer_owed": done.no_longer_owed,
        "reopened": done.reopened,
    }
    money |= {"months_again": [vars(each) for each in done.months_again]}
    money |= {"months_back": [vars(each) for each in done.months_back], "card_status": done.card_status}
    _show_change(desk, senior_id, scheme, first, None, after, done.decided, as_json, money)


def _show_reinstated(desk: Desk, done: life.Reinstated, scheme: Scheme) -> None:
    for each in done.months_again:
        desk.say(
            f"{each.month}：退回卡上 {_amount(each.taken_back, scheme)}，应收冲销 {_amount(each.receivable, scheme)}",
            f"{each.month}: on the card again, no longer owed",
        )
    for each in done.months_back:
        desk.say(
            f"{each.month} 不在恢复之列：已收回 {_amount(each.taken_back, scheme)}，应收 {_amount(each.receivable, scheme)}",
            f"{each.month} stays away: taken back, owed",
        )
    if done.reopened:
        desk.say(f"销户时上交的 {_amount(done.reopened, scheme)} 已退回", "what the closing had returned is back")
    if done.card_status == lifecycle.CLOSED:
        desk.say("卡片已销户，请重新办卡", "the card is closed: issue it anew")
    elif done.card_status is not None:
        zh, en = lifecycle.WORDS[done.card_status]
        desk.say(f"卡片状态：{zh}", f"the card is {en}")


def _change(
    desk: Desk,
    senior_id: int,
    scheme_code: str,
    by: str,
    as_json: bool,
    news: Callable[[Act, Scheme], Decided],
) -> None:
    """Put the news on record and answer what the person gets before and after, from the month it counts."""
    with desk.acting(by) as act:
        month = Month.of(act.now).next()
        scheme = store.in_force(act.conn, scheme_code, month)
        before = _running(act.conn, scheme_code, senior_id, month)
        decided = news(act, scheme)
        after = _running(act.conn, scheme_code, senior_id, month)
    _show_change(desk, senior_id, scheme, month, before, after, decided, as_json)


def _show_change(
    desk: Desk,
    senior_id: int,
    scheme: Scheme,
    month: Month,
    before: Any,
    after: Any,
    decided: Decided,
    as_json: bool,
    more: dict[str, Any] | None = None,
) -> None:
    denials = decided.without.get(senior_id, ())
    if as_json:
        told = {"senior_id": senior_id, "scheme": scheme.code, "from_month": str(month), "unit": scheme.unit}
        told |= {"before": _as_data(before), "after": _as_data(after)}
        told |= {"why_not": [{"benefit": d.benefit, "zh": d.zh, "en": d.en} for d in denials]}
        desk.show_json(told | (more or {}))
        return
    if _as_data(before) == _as_data(after):
        desk.say(f"已登记；补贴不变：{_words(after, scheme)}", "on record; the entitlement stays as it is")
    else:
        desk.say(f"{month} 起：{_words(before, scheme)} → {_words(after, scheme)}", f"from {month}: before → after")
    for denial in denials:
        desk.say(f"· {denial.zh}", denial.en)


def _running(conn: Connection, scheme_code: str, senior_id: int, month: Month) -> Any:
    """The entitlement of a month."""
    e = entitlements.c
    held = select(e.group_code, e.amount, e.clause).where(
        e.senior_id == senior_id,
        e.scheme_code == scheme_code,
        e.from_month <= str(month),
        func.coalesce(e.to_month, str(month)) >= str(month),
    )
    return conn.execute(held).one_or_none()


def _as_data(row: Any) -> dict[str, Any] | None:
    return None if row is None else {"group": row.group_code, "amount": row.amount, "clause": row.clause}


def _words(row: Any, scheme: Scheme) -> str:
    if row is None:
        return "没有补贴 none"
    return f"每月 {_amount(row.amount, scheme)}（{row.group_code}，{row.clause}）"


def _amount(amount: int, scheme: Scheme) -> str:
    return format_yuan(amount) if scheme.unit == "fen" else f"{amount} {scheme.unit}"
