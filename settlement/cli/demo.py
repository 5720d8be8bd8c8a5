"""``songbai demo``: a synthetic county lives a quarter on the real machinery."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import click
from rich.progress import Progress, TaskID

from settlement.cli.common import Desk, pass_desk, progress
from settlement.db import make_engine, reading
from settlement.demo import quarter, report
from settlement.demo.story import Told, tell
from settlement.money import format_yuan

MARK = "songbai-demo.txt"
OURS = ("songbai.db", "songbai.db-wal", "songbai.db-shm", "keys.json", "walk.html", MARK)


def clear(folder: Path) -> None:
    """Make room for a new county. Refuses a folder that holds something else: nothing of anybody's is ever removed."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise click.UsageError(
            f"{folder} 不是演示目录，请换一个空目录 | is no folder of a demo; name an empty one with --out"
        )
    for name in OURS:
        (folder / name).unlink(missing_ok=True)
    for made in ("out", "tls"):
        shutil.rmtree(folder / made, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(
        "松柏演示数据，可随时重建 | demo data, made anew at any time: songbai demo\n", encoding="utf-8"
    )


class Teller:
    """Says what begins: a bar that moves on a terminal, a line with the time taken elsewhere."""

    def __init__(self, desk: Desk, bar: Progress) -> None:
        self._desk, self._bar = desk, bar
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._open: tuple[str, str] | None = None

    def step(self, zh: str, en: str) -> None:
        self.finish()
        self._open = (zh, en)
        self._began = time.monotonic()
        self._task = self._bar.add_task(f"{zh} {en}", total=None)

    def tick(self) -> None:
        if self._task is not None:
            self._bar.advance(self._task)

    def finish(self) -> None:
        if self._open is not None:
            zh, en = self._open
            self._desk.say(f"✓ {zh}", f"{en} ({time.monotonic() - self._began:.1f} s)")
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._open = self._task = None


@click.command("demo")
@click.option(
    "--seniors", type=click.IntRange(50, 200_000), default=2_000, show_default=True, help="老人数 how many seniors"
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="同一种子，同一个县 the same seed gives the same county"
)
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True, help="目录 folder"
)
@pass_desk
def demo(desk: Desk, seniors: int, seed: int, folder: Path) -> None:
    """演示：一个虚构的县，从公告到付款跑完一个季度 A synthetic county's quarter, from the notice to the payment files."""
    clear(folder)
    began = time.monotonic()
    engine = make_engine(f"sqlite:///{(folder / 'songbai.db').absolute()}")
    with progress() as bar:
        teller = Teller(desk, bar)
        told = tell(engine, folder, seniors, seed, step=teller.step, tick=teller.tick)
        teller.finish()
    show(desk, told)
    desk.say(f"用时 {time.monotonic() - began:.0f} 秒", f"{time.monotonic() - began:.0f} seconds")
    engine.dispose()
    if told.findings:
        desk.show_findings(told.findings, as_json=False)
    desk.say(
        "核对无误：每一个余额、扣款、结算单、分担都能由流水重算得出，分毫不差",
        "verified: every balance, debit, statement and share follows from the rows, to the fen",
    )
    desk.say(
        f"已封印：{told.seal.transfers.count}笔流水、{told.seal.audit.count}条审计记录，改动一行即可指出。公布行：{told.seal.short}",
        "sealed: whoever changes a row is found out, and the row is named; this line is what would be published",
    )


# field of a line -> its header
QUARTER_COLUMNS = {
    "visits": "次数 visits",
    "subsidy_fen": "补贴 subsidy",
    "adjustments_fen": "调整 adjusted",
    "personal_fen": "个人 personal",
    "voided": "废单 voided",
    "held_back": "暂缓 held back",
    "district_fen": "区承担 district",
    "town_fen": "镇承担 town",
}


def show(desk: Desk, told: Told) -> None:
    with reading(told.world.engine) as conn:
        lines = report.quarter_table(conn, told.world)
        caught = report.catches(conn, told.tally)
        cash, shortfall = report.cash_paid(conn)
    _show_quarter(desk, lines)
    _show_checks(desk, told, caught)
    desk.say(
        f"现金 {format_yuan(cash)} 元（只登记），服务商承担 {format_yuan(shortfall)} 元",
        f"cash at the door {format_yuan(cash)} (recorded only), borne by providers {format_yuan(shortfall)}",
    )
    out = told.world.out
    desk.say(f"文件在 {out}：CSV、payments.xlsx、银行文件、cards.pdf、roster.xlsx", f"the files are in {out}")
    desk.say(
        "接着看：make serve；songbai --db … explain 付款单号；songbai --db … verify",
        "go on with: make serve; songbai explain ORDER; songbai verify",
    )


def _show_quarter(desk: Desk, lines: list[report.Line]) -> None:
    def cells(values: Mapping[str, int]) -> list[int | str]:
        return [format_yuan(values[name]) if name.endswith("_fen") else values[name] for name in QUARTER_COLUMNS]

    body = [[line.town, line.provider, *cells(asdict(line))] for line in lines]
    sums = {name: sum(getattr(line, name) for line in lines) for name in QUARTER_COLUMNS}
    body.append(["合计 total", "", *cells(sums)])
    headers = ("镇 town", "服务商 provider", *QUARTER_COLUMNS.values())
    desk.show_table(f"{quarter.QUARTER} 结算（元） settlement (yuan)", headers, body)
    difference = Decimal(sums["district_fen"] * 3 - sums["town_fen"] * 7) / 10
    desk.say(
        f"合计与 7:3 的差：{difference:+.1f} 分（每家每镇各自取整，最大余数法）",
        f"the totals differ from 7:3 by {difference:+.1f} fen: each provider and town is split by itself, largest remainder",
    )


def _show_checks(desk: Desk, told: Told, caught: report.Caught) -> None:
    tally, released = told.tally, len(told.decisions.released)
    names = {signal.code: signal.name_zh for signal in told.world.scheme.fraud.signals}
    desk.show_table(
        "付款前核查 checks before payment",
        ("作假 trick", "", "作假数 played", "已拦 stopped", "仅提示 flagged"),
        [[names.get(x.trick, x.trick), x.trick, x.played, x.stopped, x.flagged] for x in caught.tricks],
    )
    played, stopped = (sum(getattr(x, name) for x in caught.tricks) for name in ("played", "stopped"))
    desk.say(
        f"作假{played}次，拦下{stopped}次。误拦诚实服务{caught.honest_stopped}次，其中{caught.paired}次与作假成对、无法自行分辨；"
        f"经第二人复核放行{released}次。误提示{caught.honest_flagged}次",
        f"{stopped} of {played} tricks stopped; {caught.honest_stopped} honest visits stopped too, {caught.paired} of them one half of a pair "
        f"with a trick ({released} released by a second person); {caught.honest_flagged} flagged only",
    )
    learnt_late = sum(x.played - x.stopped - x.flagged for x in caught.tricks if x.trick == "after_death")
    if learnt_late:
        desk.say(
            f"其中{learnt_late}次去世后服务在关账后才得知，下月核查会查到，认定后以调整追回",
            f"{learnt_late} visits after a death were learnt of after the last close: the next month's checks find them; once upheld, an adjustment takes the money back",
        )
    at_once = "、".join(f"{what} {count}" for what, count in sorted(tally.tricks_refused.items())) or "0"
    desk.say(f"另有作假当场被拒：{at_once}", f"further tricks refused at the door: {at_once}")
    refused = "、".join(f"{code} {count}" for code, count in tally.refused.most_common()) or "0"
    desk.say(
        f"诚实服务当场被拒：{refused}；经真实HTTP {tally.over_http} 次；重复上传 {tally.repeats} 次，均未重复记账",
        f"honest visits refused at the door: {refused}; {tally.over_http} visits over real HTTP; {tally.repeats} sent twice, booked once",
    )
