"""The quarter: issue, live, close month by month; decide what was stopped; settle, pay, and take in the bank's answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from settlement.closing import adjusting, approving, month, payment, quarter
from settlement.closing.bankfile import plain_yuan
from settlement.closing.tables import payment_orders
from settlement.demo import offices
from settlement.demo.accounts import TOWN
from settlement.demo.founding import World, moment
from settlement.demo.living import Life
from settlement.fraud import deciding, scan
from settlement.people.tables import seniors
from settlement.periods import Month, Quarter
from settlement.treasury import budgets, dedicated, matching
from settlement.visits.tables import payment_stops
from settlement.vouchers import issuance

QUARTER = Quarter(2026, 3)
CLOSE_ON_DAY = 3
DECIDE_ON_DAY = 8
SETTLE_ON_DAY = 15
DISTRICT_FEN, TOWN_FEN = 42_000, 18_000
"""Granted for 2026, for each senior: 7 to 3, as the scheme shares."""
OPENING_FEN, INTEREST_FEN = 200_000_000, 4_217
"""On a dedicated account before the quarter's payments, and what the bank pays on it."""

Step = Callable[[str, str], None]
"""Told in Chinese and English what begins."""


@dataclass
class Decisions:
    """What became of the visits that were stopped: rightly, and by mistake."""

    upheld: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)


def issue(world: World, due: Month) -> int:
    """Drafted by the system, approved by each town, posted by its second officer; fen issued in all."""
    early = moment(due.first_day, 1)
    with world.acting("system", early) as act:
        runs = issuance.draft(act, world.scheme.code, due)
    for run in runs:
        with world.acting(offices.town_officer(run.town), early + timedelta(hours=7)) as act:
            issuance.approve(act, run.id)
        with world.acting(offices.town_officer(run.town, second=True), early + timedelta(hours=8)) as act:
            issuance.post(act, run.id)
    return sum(run.amount for run in runs)


def live_and_close(world: World, life: Life, tick: Callable[[], None], step: Step) -> Decisions:
    """Three months, each closed on the third of the next, when the late queues have come in."""
    decisions = Decisions()
    for due in QUARTER.months:
        step(f"{due} 发放补贴", f"issuing {due}")
        issue(world, due)
        life.plan_month(due)
        if due != QUARTER.months[0]:
            _end_month(world, life, due.previous(), tick, decisions, step)
        step(f"{due} 上门服务", f"visits of {due}")
        life.agenda.live_until(world, due.end(), tick)
    _end_month(world, life, QUARTER.months[-1], tick, decisions, step)
    return decisions


def _end_month(
    world: World, life: Life, ended: Month, tick: Callable[[], None], decisions: Decisions, step: Step
) -> None:
    after = ended.end_day
    life.agenda.live_until(world, moment(after.replace(day=CLOSE_ON_DAY), 0), tick)
    step(f"{ended} 月结", f"closing {ended}")
    close_month(world, ended, moment(after.replace(day=CLOSE_ON_DAY), 2))
    life.agenda.live_until(world, moment(after.replace(day=DECIDE_ON_DAY), 9), tick)
    decide_stops(world, life, moment(after.replace(day=DECIDE_ON_DAY), 9), decisions)


def close_month(world: World, ended: Month, now: datetime) -> None:
    """The system draws up, every town verifies its statements, the district confirms, the system closes."""
    code = world.scheme.code
    for _ in month.STAGES[:3]:
        with world.acting("system", now) as act:
            month.advance(act, code, ended, checks=scan.scan)
    for town in world.county.towns:
        with world.acting(offices.town_officer(town), now + timedelta(days=1)) as act:
            month.verify_town(act, code, ended, town)
    with world.acting("ca.zhou", now + timedelta(days=2)) as act:
        month.confirm(act, code, ended)
    with world.acting("system", now + timedelta(days=2, hours=1)) as act:
        month.advance(act, code, ended, checks=scan.scan)
    pay(world, str(ended), "fin.gu", "fin.xu", now + timedelta(days=3), returned=None)


def decide_stops(world: World, life: Life, now: datetime, decisions: Decisions) -> None:
    """An officer of the town looks at each stopped visit. In this story they always see the truth, because we know it."""
    with world.acting("ca.lin", now) as act:
        stop = payment_stops.c
        open_visits = act.conn.scalars(
            select(stop.visit_id).where(stop.status == "open").order_by(stop.visit_id).distinct()
        ).all()
        for visit_id in open_visits:
            if visit_id in life.tally.tricks:
                deciding.uphold(act, visit_id, "回访与核查确认未按规定服务")
                decisions.upheld.append(visit_id)
            else:
                deciding.release(act, visit_id, "核查属实，准予结算")
                decisions.released.append(visit_id)


def penalise(world: World) -> str:
    """A contract penalty, proposed by a town and approved by the district: an adjustment of the quarter, on no statement."""
    town, provider_id = world.county.towns[0], sorted(world.providers)[0]
    with world.acting(offices.town_officer(town), moment(date(2026, 9, 20))) as act:
        id = adjusting.propose(
            act,
            "penalty",
            scheme_code=world.scheme.code,
            provider_id=provider_id,
            town=town,
            origin_month=Month(2026, 8),
            amount_fen=-50_000,
            reason="合同违约金：回访率未达100%",
        )
    with world.acting("ca.zhou", moment(date(2026, 9, 21))) as act:
        adjusting.approve(act, id)
    return id


def grant_budgets(world: World) -> None:
    """The year's appropriation of every payer: recorded by one officer of the district's finance, approved by another."""
    code, now = world.scheme.code, moment(date(2026, 6, 26))
    s = seniors.c
    with world.acting("fin.xu", now) as act:
        people = act.conn.execute(select(s.town, func.count()).group_by(s.town).order_by(s.town)).all()
        heads = {"district": sum(count for _, count in people)} | {f"town:{town}": count for town, count in people}
        granted = [
            budgets.propose(
                act,
                code,
                QUARTER.year,
                payer,
                count * (DISTRICT_FEN if payer == "district" else TOWN_FEN),
                "2026年度预算批复（示例）",
                date(2026, 6, 26),
            )
            for payer, count in heads.items()
        ]
    with world.acting("fin.gu", now + timedelta(hours=2)) as act:
        for id in granted:
            budgets.approve(act, id)


def settle(world: World) -> None:
    """Gathered and shared by the system; signed by every town, by civil affairs, by finance; then posted and ordered."""
    code, now = world.scheme.code, moment(date(2026, 10, SETTLE_ON_DAY))
    for _ in range(2):
        with world.acting("system", now) as act:
            quarter.advance(act, code, QUARTER)
    with world.acting("system", now) as act:
        towns = approving.towns(act.conn, code, QUARTER)
    for town in towns:
        with world.acting(offices.town_officer(town), now + timedelta(days=1)) as act:
            total, _ = approving.content(act.conn, code, QUARTER, town)
            approving.approve(act, code, QUARTER, "town", total, town)
    for day, (by, step) in enumerate((("ca.zhou", "civil_affairs"), ("fin.gu", "finance")), 2):
        with world.acting(by, now + timedelta(days=day)) as act:
            total, _ = approving.content(act.conn, code, QUARTER)
            approving.approve(act, code, QUARTER, step, total)
    for _ in range(2):
        with world.acting("system", now + timedelta(days=4)) as act:
            quarter.advance(act, code, QUARTER)


def pay_quarter(world: World) -> None:
    """The bank file goes out, one payment comes back because of a wrong account, and is repeated to the corrected one."""
    now = moment(date(2026, 10, SETTLE_ON_DAY + 5))
    with world.acting("fin.gu", now) as act:
        o = payment_orders.c
        query = select(o.id).where(o.period == str(QUARTER), o.kind == "provider").order_by(o.id).limit(1)
        unlucky = act.conn.scalar(query)
    pay(world, str(QUARTER), "fin.gu", "fin.xu", now, returned=unlucky)
    if unlucky is None:
        return
    with world.acting("fin.gu", now + timedelta(days=2)) as act:
        order = act.conn.execute(select(payment_orders).where(payment_orders.c.id == unlucky)).one()
        payment.propose_account(
            act, unlucky, payee_name=order.payee_name, payee_account="6217009999999999999", payee_bank=order.payee_bank
        )
    with world.acting("fin.xu", now + timedelta(days=2, hours=1)) as act:
        payment.reissue(act, unlucky)
    pay(world, str(QUARTER), "fin.gu", "fin.xu", now + timedelta(days=3), returned=None)


def pay(world: World, period: str, sender: str, receiver: str, now: datetime, returned: str | None) -> None:
    """Export, and the bank's answer a day later. The bank is simulated: its file has the form of a real one."""
    code = world.scheme.code
    with world.acting("system", now) as act:
        if not any(order.status == "drafted" for order in payment.listed(act.conn, code, period)):
            return
    with world.acting(sender, now) as act:
        batch = payment.export(act, code, period)
        (world.out / batch.bank_file_name).write_bytes(batch.bank_file)
        workbook = world.out / ("payments.xlsx" if period == str(QUARTER) else f"payments-{period}.xlsx")
        if not workbook.exists():
            workbook.write_bytes(batch.workbook)
        orders = [order for order in payment.listed(act.conn, code, period) if order.batch_id == batch.batch_id]
    lines = [f"H|{batch.batch_id}|{len(orders)}"]
    for number, order in enumerate(orders, 1):
        bad = order.id == returned
        lines.append(
            f"D|{order.id}|{plain_yuan(order.amount_fen)}|{'退票' if bad else '成功'}|BK{now:%Y%m%d}{number:04d}|{'账号户名不符' if bad else ''}"
        )
    answer = ("\r\n".join([*lines, f"T|{len(orders)}"]) + "\r\n").encode("gb18030")
    (world.out / f"{batch.batch_id}-result.txt").write_bytes(answer)
    with world.acting(receiver, now + timedelta(days=1)) as act:
        confirmation = payment.confirm(act, answer)
    if confirmation.findings:
        raise RuntimeError(f"the bank's answer does not fit: {confirmation.findings[0]}")


def reconcile(world: World) -> None:
    """The bank's statements of two dedicated accounts: the district's interest is explained, the town's waits for somebody to do so."""
    now = moment(date(2026, 10, SETTLE_ON_DAY + 11))
    for payer in ("district", f"town:{TOWN}"):
        with world.acting("fin.gu", now) as act:
            content = _bank_statement(matching.documents(act.conn, payer))
        name = f"account-{payer.replace(':', '-')}.csv"
        (world.out / name).write_bytes(content)
        with world.acting("fin.xu", now) as act:
            taken = dedicated.take_in(act, payer, content, name)
            found = dedicated.reconcile(act.conn, payer)
            if payer == "district" and found is not None:
                for line in found.unknown:
                    dedicated.explain(act, line.id, "活期结息，转作本专户资金")
        if taken.findings:
            raise RuntimeError(f"the bank's statement does not fit: {taken.findings[0]}")


def _bank_statement(documents: list[matching.Document]) -> bytes:
    """As the simulated bank writes it: everything of ours on the day it was sent, and the interest of the quarter before."""
    rows = [(date(2026, 9, 21), INTEREST_FEN, 0, "", "", "活期结息")]
    for one in sorted(documents, key=lambda one: (one.since, one.id, one.in_fen)):
        rows.append((one.since, one.in_fen, one.out_fen, one.name, one.reference, f"养老服务补贴 {one.id}"))
    text, balance = io.StringIO(), OPENING_FEN
    sheet = csv.writer(text)
    sheet.writerow(("交易日期", "收入", "支出", "余额", "对方户名", "流水号", "摘要"))
    for day, came, went, *words in rows:
        balance += came - went
        sheet.writerow((day, *(plain_yuan(fen) for fen in (came, went, balance)), *words))
    return text.getvalue().encode("gb18030")
