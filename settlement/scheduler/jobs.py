"""The jobs, in one table: what is done for which period and when it falls due, by the clock of the scheme's time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, func, select

from settlement import verify
from settlement.act import Act
from settlement.closing import month as month_close
from settlement.closing import quarter as quarter_close
from settlement.closing.tables import month_closes, quarter_closes
from settlement.fraud.scan import scan
from settlement.ledger import folding, hold, horizon, seal
from settlement.people.tables import entitlements
from settlement.periods import SHANGHAI, Month, Quarter
from settlement.policy import months, store
from settlement.policy.tables import schemes
from settlement.scheduler.calendar import DAY, HOUR, MONTH, QUARTER, QUARTER_HOUR, When
from settlement.scheduler.job import Done, Job, Lease, Outcome, Waiting
from settlement.scheduler.summing import keep_overview
from settlement.scheduler.telling import ring_of, send_messages, warn_of_lapses
from settlement.visits import waiting
from settlement.visits.tables import visits
from settlement.vouchers import issuance, runs
from settlement.vouchers.lapse import lapse
from settlement.vouchers.tables import issuance_runs


# -- where it begins ----------------------------------------------------------------------------------------------------------
def first_issuance(conn: Connection) -> str | None:
    """The month of the first run there is, else the first anybody is entitled to."""
    begun = conn.execute(select(func.min(issuance_runs.c.month))).scalar_one_or_none()
    return begun or conn.execute(select(func.min(entitlements.c.from_month))).scalar_one_or_none()


def first_close(conn: Connection, scheme_code: str | None = None) -> str | None:
    """The first month closed, else the first of the quarter in which the first visit took place: a quarter is paid when all its months are closed."""

    def earliest(table: Table) -> str | None:
        query = select(func.min(table.c.month))
        if scheme_code is not None:
            query = query.where(table.c.scheme_code == scheme_code)
        found: str | None = conn.execute(query).scalar_one_or_none()
        return found

    begun = earliest(month_closes)
    if begun is not None:
        return begun
    served = earliest(visits)
    return None if served is None else str(Quarter.of(Month.parse(served).first_day).months[0])


def first_quarter(conn: Connection) -> str | None:
    begun = conn.execute(select(func.min(quarter_closes.c.quarter))).scalar_one_or_none()
    if begun is not None:
        return str(begun)
    month = first_close(conn)
    return None if month is None else str(Quarter.of(Month.parse(month).first_day))


def codes(conn: Connection, month: Month) -> list[str]:
    """The schemes in force in a month."""
    query = select(schemes.c.code).where(schemes.c.valid_from <= str(month)).distinct().order_by(schemes.c.code)
    return list(conn.execute(query).scalars())


def district_zone(conn: Connection) -> ZoneInfo:
    """The time zone of the newest scheme: a district lies in one."""
    newest = (
        select(schemes.c.code, schemes.c.version).order_by(schemes.c.valid_from.desc(), schemes.c.id.desc()).limit(1)
    )
    row = conn.execute(newest).one_or_none()
    return SHANGHAI if row is None else store.get(conn, row.code, row.version).time_zone


# -- the work -----------------------------------------------------------------------------------------------------------------
def draft_issuance(lease: Lease, period: str) -> Outcome:
    """Draw up the month's issuance of every scheme; the towns approve. A draft or run that is there already is left as it stands."""
    month = Month.parse(period)
    with lease.reading() as conn:
        due = codes(conn, month)
    told: list[str] = []
    for code in due:
        with lease.begin() as act:
            drawn_up = [run for town in _undrafted(act, code, month) for run in issuance.draft(act, code, month, town)]
        if drawn_up:
            told.append(f"{code}: {len(drawn_up)} 镇街 towns, {sum(run.people for run in drawn_up)} 人 people")
    return Done("；".join(told) or NOTHING)


def _undrafted(act: Act, code: str, month: Month) -> list[str]:
    """The towns without a run of the period. Drawing one up anew would change what a town is just looking at."""
    period = months.issued_together(store.in_force(act.conn, code, month), month)
    drafted = {run.town for run in runs.of_period(act.conn, code, period[0])}
    return [town for town in issuance.towns_of(act.conn, code, period) if town not in drafted]


def close_month(lease: Lease, period: str) -> Outcome:
    """The system's stages of the month close, and between them the towns' and the district's turn."""
    month = Month.parse(period)
    with lease.reading() as conn:
        due = [code for code in codes(conn, month) if (first_close(conn, code) or "9999") <= period]
    waiting: list[str] = []
    for code in due:
        _until_it_stays(lease, partial(month_close.advance, scheme_code=code, month=month, checks=scan))
        with lease.reading() as conn:
            progress = month_close.progress(conn, code, month)
        waiting += [f"{code} {who}" for who in progress.waiting_for]
    return Waiting("等待 waiting for: " + ", ".join(waiting)) if waiting else Done(_closed(due))


def close_quarter(lease: Lease, period: str) -> Outcome:
    """The system's stages of the quarter close up to the payment orders; people sign in between, and export and pay afterwards."""
    quarter = Quarter.parse(period)
    with lease.reading() as conn:
        due = [
            code
            for code in codes(conn, quarter.months[-1])
            if (first_close(conn, code) or "9999") <= str(quarter.months[-1])
        ]
        unclosed = [f"{code} {month}" for code in due for month in quarter_close.unclosed(conn, code, quarter)]
    if unclosed:
        return Waiting("等待月结 waiting for the months: " + ", ".join(unclosed))
    waiting: list[str] = []
    for code in due:
        _until_it_stays(lease, partial(quarter_close.advance, scheme_code=code, quarter=quarter))
        with lease.reading() as conn:
            progress = quarter_close.progress(conn, code, quarter)
        waiting += [f"{code} {who}" for who in progress.waiting_for if who not in ("export", "bank")]
    return Waiting("等待 waiting for: " + ", ".join(waiting)) if waiting else Done(_closed(due))


def _until_it_stays(lease: Lease, advance: Callable[[Act], str]) -> None:
    """Stage by stage, each in its own transaction, until the close is done or somebody else's turn has come."""
    before = None
    while True:
        with lease.begin() as act:
            stage = advance(act)
        if stage == before:
            return
        before = stage


def lapse_lots(lease: Lease, period: str) -> Outcome:
    """Take back what is unspent of the lots whose last month is closed. Money of a scheme that carries over has no such lot."""
    told: list[str] = []
    with lease.reading() as conn:
        closed = {code: Month.parse(month) for code, month in conn.execute(_LAST_CLOSED)}
    for code, month in closed.items():
        with lease.begin() as act:
            scheme = store.in_force(act.conn, code, month)
            amount = lapse(act, scheme, date.fromisoformat(period), month.end_day)
        if amount:
            told.append(f"{code}: 收回 taken back {amount} {scheme.unit}")
    return Done("；".join(told) or NOTHING)


_LAST_CLOSED = (
    select(month_closes.c.scheme_code, func.max(month_closes.c.month))
    .where(month_closes.c.stage == "closed")
    .group_by(month_closes.c.scheme_code)
    .order_by(month_closes.c.scheme_code)
)


def expire_holds(lease: Lease, period: str) -> Outcome:
    with lease.begin() as act:
        return Done(f"释放 {hold.expire(act)} 笔 holds released")


def fold_balances(lease: Lease, period: str) -> Outcome:
    """Sum up what shared accounts moved, in pieces, so that nobody who posts waits for long."""
    horizon.reach(lease.engine, lease.clock())
    folded = 0
    while True:
        with lease.begin() as act:
            added = folding.fold(act)
        if not added:
            return Done(f"汇总 {folded} 笔流水 transfers folded" if folded else NOTHING)
        folded += added


def settle_waiting(lease: Lease, period: str, keys_file: Path | None = None) -> Outcome:
    """Decide what devices told of visits that an office has ended meanwhile."""
    ring = ring_of(lease, keys_file)
    with lease.begin() as act:
        ended = waiting.ended(act)
    decided = 0
    for visit_id in ended:
        with lease.begin() as act:
            decided += waiting.settle_ended(act, ring, visit_id)
    return Done(f"{decided} 条记录 events decided" if decided else NOTHING)


def seal_day(lease: Lease, period: str, keys_file: Path | None = None) -> Outcome:
    """Seal what was recorded since the last seal; several when a day brought more than one holds."""
    ring = ring_of(lease, keys_file)
    with lease.reading() as conn:
        zone = district_zone(conn)
    made = seal.make(lease.engine, ring, lease.clock(), zone, lease.begin)
    return Done("；".join(each.short for each in made) or NOTHING)


def verify_books(lease: Lease, period: str) -> Outcome:
    """Recompute everything. Differences are told, not retried: looking again would not mend them."""
    with lease.reading() as conn:
        findings = verify.run(conn)
    if not findings:
        return Done("账目相符 no findings")
    subjects = ", ".join(f"{finding.code} {finding.subject}" for finding in findings[:5])
    return Done(f"发现 {len(findings)} 处不符 findings: {subjects}{' …' if len(findings) > 5 else ''}")


NOTHING = "无需办理 nothing to do"


def _closed(due: list[str]) -> str:
    return "已办结 done: " + ", ".join(due) if due else NOTHING


# Within one tick they run in this order, so that a month closed now settles its quarter at once.
JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        Job(
            "issuance_draft",
            "起草每月发放",
            "draft the month's issuance",
            "当月1日01:00",
            "1st of the month, 01:00",
            MONTH,
            When(at=time(1), day=1),
            draft_issuance,
            first=first_issuance,
        ),
        Job(
            "month_close",
            "月结",
            "close the month",
            "次月5日01:30",
            "5th of the next month, 01:30",
            MONTH,
            When(at=time(1, 30), months=1, day=5),
            close_month,
            first=first_close,
        ),
        Job(
            "quarter_close",
            "季结",
            "close the quarter",
            "下季首月10日02:00",
            "10th after the quarter, 02:00",
            QUARTER,
            When(at=time(2), months=3, day=10),
            close_quarter,
            first=first_quarter,
        ),
        Job(
            "lapse",
            "收回失效补贴",
            "take back lapsed subsidy",
            "每日02:30",
            "daily, 02:30",
            DAY,
            When(at=time(2, 30)),
            lapse_lots,
        ),
        Job(
            "waiting_events",
            "了结等待中的设备记录",
            "decide about events that wait for ended visits",
            "每日02:35",
            "daily, 02:35",
            DAY,
            When(at=time(2, 35)),
            settle_waiting,
        ),
        Job(
            "hold_expiry",
            "释放过期预授权",
            "release expired holds",
            "每小时",
            "every hour",
            HOUR,
            When(),
            expire_holds,
        ),
        Job(
            "balance_fold",
            "汇总账户余额",
            "fold the balances of shared accounts",
            "每小时",
            "every hour",
            HOUR,
            When(),
            fold_balances,
        ),
        Job(
            "overview",
            "汇总总览数字",
            "sum up the overview's figures",
            "每小时",
            "every hour",
            HOUR,
            When(),
            keep_overview,
        ),
        Job(
            "daily_seal",
            "每日封印",
            "seal the day",
            "每日02:45",
            "daily, 02:45",
            DAY,
            When(at=time(2, 45)),
            seal_day,
        ),
        Job(
            "nightly_verify",
            "夜间核对账目",
            "verify the books",
            "每日03:00",
            "daily, 03:00",
            DAY,
            When(at=time(3)),
            verify_books,
        ),
        Job(
            "lapse_notice",
            "提醒补贴到期",
            "warn of subsidy that lapses",
            "每日08:30",
            "daily, 08:30",
            DAY,
            When(at=time(8, 30)),
            warn_of_lapses,
        ),
        Job(
            "messages",
            "通知老人并发送消息",
            "announce debits, send messages",
            "每15分钟",
            "every 15 minutes",
            QUARTER_HOUR,
            When(),
            send_messages,
        ),
    )
}


def with_keys(file: Path) -> dict[str, Job]:
    """The table, for a process that was told where the key ring is."""
    return JOBS | {name: replace(JOBS[name], work=partial(work, keys_file=file)) for name, work in _WITH_KEYS.items()}


_WITH_KEYS: dict[str, Callable[..., Outcome]] = {
    "daily_seal": seal_day,
    "lapse_notice": warn_of_lapses,
    "messages": send_messages,
    "waiting_events": settle_waiting,
}
