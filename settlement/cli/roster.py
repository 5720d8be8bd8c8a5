"""``songbai import roster`` and ``songbai roster template``: people as offices send them, in Excel or CSV."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click

from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk, write_private
from settlement.people import places, workbook
from settlement.people.faults import Fault
from settlement.people.importing import Imported, import_roster
from settlement.periods import Month
from settlement.policy import store

scheme_option = click.option("--scheme", "scheme_code", default="jiangdu", show_default=True, help="方案代码 scheme")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class OutFile(click.Path):
    """A file to be written: its folder must exist, so that nothing is imported before the answer turns out to have no place."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"文件夹不存在 no such folder: {path.parent}", param, ctx)
        return path


OUT = OutFile()


@click.command("roster")
@click.argument("file", type=FILE)
@scheme_option
@click.option(
    "--accept-valid", is_flag=True, help="只导入没有问题的行 take the rows without a fault; default: all or none"
)
@click.option(
    "--corrected", type=OUT, metavar="OUT.xlsx", help="把标出问题的副本写到此处 write a copy with the faults marked"
)
@by_option
@json_option
@pass_desk
def import_command(
    desk: Desk, file: Path, scheme_code: str, accept_valid: bool, corrected: Path | None, by: str, as_json: bool
) -> None:
    """导入名册：全部无误才导入，问题逐格列出 Register the people of a roster: every fault is listed at its cell; exit code 1 when there are any."""
    if corrected is not None and corrected.absolute() == file.absolute():
        raise click.BadParameter(
            "请另取文件名，不要覆盖原名册 another name, please: not over the roster itself", param_hint="--corrected"
        )
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        done = import_roster(act, desk.ring, scheme, file.read_bytes(), file.name, accept_valid=accept_valid)
    if corrected is not None and done.faults:
        copy = io.BytesIO()
        workbook.corrected_copy(done.roster).save(copy)
        write_private(corrected, copy.getvalue())
    if as_json:
        desk.show_json(_as_json(done))
    else:
        _tell(desk, done, corrected)
    if done.faults:
        sys.exit(FINDINGS)


def _as_json(done: Imported) -> dict[str, Any]:
    counts = {"rows": done.roster.rows, "registered": len(done.senior_ids), "applied": len(done.enrolment_ids)}
    not_read = done.roster.not_read
    return {
        **counts,
        "count": len(done.faults),
        "faults": [fault.as_dict() for fault in done.faults],
        "not_read": not_read,
    }


def _tell(desk: Desk, done: Imported, corrected: Path | None) -> None:
    show_faults(desk, done.faults)
    if done.roster.not_read:
        listed = "、".join(done.roster.not_read)
        desk.say(f"以下各列系统不需要，没有读取：{listed}", "columns that were not read")
    registered, applied = len(done.senior_ids), len(done.enrolment_ids)
    if registered:
        desk.say(
            f"已登记{registered}人，其中{applied}人已受理申请",
            f"{registered} people registered, {applied} applications taken",
        )
    if done.faults:
        desk.say(
            f"名册{done.roster.rows}行，{len(done.faults)}处问题{'' if registered else '，没有导入'}",
            f"{len(done.faults)} faults in {done.roster.rows} rows{'' if registered else '; nothing was imported'}",
        )
        if corrected is not None:
            desk.say(f"已标出问题的副本：{corrected}", "the copy with the faults marked")


def show_faults(desk: Desk, faults: list[Fault]) -> None:
    """One fault below the other: where, what is wrong, how to mend it."""
    for fault in faults:
        finding = fault.finding
        desk.console.print(finding.subject, style="bold", markup=False)
        desk.console.print(f"  {finding.zh}", markup=False)
        desk.console.print(f"  {finding.en}", style="dim", markup=False)


@click.group("roster")
def roster() -> None:
    """名册 Rosters."""


@roster.command("template")
@click.argument("out", type=OUT, metavar="OUT.xlsx")
@scheme_option
@pass_desk
def template(desk: Desk, out: Path, scheme_code: str) -> None:
    """写出空白名册模板（含填写说明和下拉选项） Write an empty roster with notes and lists to choose from."""
    if out.exists():
        raise click.UsageError(
            f"{out} 已存在，不覆盖；请换一个文件名  exists already and may hold people: choose another name"
        )
    with desk.reading() as conn:
        scheme = store.in_force(conn, scheme_code, Month.of(desk.clock()))
        workbook.template(scheme, places.load(conn)).save(out)
    desk.say(f"模板已写到 {out}", "the template is written")
