"""``songbai scheduler``: do what is due by the calendar, for ever; or look, or do one run now."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection

from settlement.cli.common import FINDINGS, Desk, json_option, pass_desk
from settlement.outcomes import Reason, Refused
from settlement.scheduler import runs
from settlement.scheduler.jobs import JOBS, district_zone, with_keys
from settlement.scheduler.runs import Ran, Standing

STATES = {
    "later": "未到期 later",
    "due": "已到期 due",
    "running": "执行中 running",
    "waiting": "等待人工 people's turn",
    "retrying": "稍后重试 retrying",
    "failed": "失败 failed",
    "lost": "已由他人接手 taken over",
    "nothing": "无需办理 nothing to do",
    "done": "完成 done",
}


@click.command("scheduler")
@click.option("--list", "listing", is_flag=True, help="列出各任务的状态 how each job stands")
@click.option("--run", "name", metavar="NAME", help="立即执行一项任务 do a job's run now: " + ", ".join(JOBS))
@click.option(
    "--period",
    metavar="PERIOD",
    help="与--run同用：期次，如2026-07 with --run: the period; default: the one that is due",
)
@json_option
@pass_desk
def scheduler(desk: Desk, listing: bool, name: str | None, period: str | None, as_json: bool) -> None:
    """调度：到期的工作按先后顺序各办一次，直到收到停止信号 Do what is due, each once and in order, until told to stop.

    可同时运行多个，同一工作只有一个会办理。退出码1：有任务失败。
    Several may run on one database; each piece of work is done by one of them. Exit code 1: a job has failed.
    """
    if listing and name is not None:
        raise click.UsageError("--list / --run")
    if period is not None and name is None:
        raise click.UsageError("--period needs --run")
    if listing:
        _list(desk, as_json)
    elif name is not None:
        _run(desk, name, period, as_json)
    else:
        from settlement.scheduler.ticking import run_for_ever

        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        desk.say("调度已启动，Ctrl-C停止", "the scheduler runs; Ctrl-C stops it")
        jobs = list(with_keys(desk.keys_path).values())
        run_for_ever(desk.engine, desk.clock, jobs, district_zone, lambda ran: _tell(desk, ran, as_json))
        desk.say("调度已停止", "the scheduler has stopped")


def _run(desk: Desk, name: str, period: str | None, as_json: bool) -> None:
    if name not in JOBS:
        raise Refused(Reason.NOT_FOUND, what=f"job {name} ({', '.join(JOBS)})")
    job = with_keys(desk.keys_path)[name]
    ran = runs.run_now(desk.engine, desk.clock, job, district_zone, runs.new_owner(), period)
    _tell(desk, ran, as_json)
    if ran.state in ("failed", "lost"):
        sys.exit(FINDINGS)


def _tell(desk: Desk, ran: Ran, as_json: bool) -> None:
    if as_json:
        desk.show_json({"job": ran.job, "period": ran.period, "state": ran.state, "told": ran.told})
        return
    job = JOBS[ran.job]
    desk.say(f"{job.zh} {ran.period}：{STATES[ran.state]}。{ran.told}", job.en)


def _list(desk: Desk, as_json: bool) -> None:
    with desk.reading() as conn:
        found = _standings(conn, desk.clock())
        zone = district_zone(conn)

    def local(moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")

    if as_json:
        desk.show_json({"jobs": [_as_data(each, local) for each in found]})
    else:
        rows = [
            (
                f"{each.job.name}\n{each.job.zh} {each.job.en}",
                f"{each.job.due_zh}\n{each.job.due_en}",
                f"{each.period or '—'}\n{local(each.due_at) or ''}",
                _state(each, local),
                f"{each.done or '—'}\n{each.result or ''}",
            )
            for each in found
        ]
        headers = ["任务 job", "到期 due", "期次 period", "状态 state", "最近完成 last done"]
        desk.show_table("调度任务 jobs of the scheduler", headers, rows)
    if any(each.state == "failed" for each in found):
        sys.exit(FINDINGS)


def _standings(conn: Connection, now: datetime) -> list[Standing]:
    zone = district_zone(conn)
    return [runs.standing(conn, job, zone, now) for job in JOBS.values()]


def _state(each: Standing, local: Any) -> str:
    lines = [STATES[each.state]]
    if each.state in ("retrying", "failed"):
        lines += [f"{each.attempts}/{runs.LIMIT}: {each.error}"]
    if each.state == "waiting":
        lines += [each.told or ""]
    if each.state in ("retrying", "waiting"):
        lines += [f"→ {local(each.next_attempt_at)}"]
    return "\n".join(lines)


def _as_data(each: Standing, local: Any) -> dict[str, Any]:
    return {
        "job": each.job.name,
        "zh": each.job.zh,
        "en": each.job.en,
        "due_zh": each.job.due_zh,
        "due_en": each.job.due_en,
        "period": each.period,
        "due_at": local(each.due_at),
        "state": each.state,
        "attempts": each.attempts,
        "next_attempt_at": local(each.next_attempt_at),
        "error": each.error,
        "told": each.told,
        "last_done": each.done,
        "last_done_at": local(each.done_at),
        "last_result": each.result,
    }
