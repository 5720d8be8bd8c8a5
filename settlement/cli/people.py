"""``songbai import places|days`` and ``songbai enrol``: the district's lists, and people on their way through the scheme's steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from settlement.act import Act
from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk
from settlement.cli.roster import FILE, scheme_option, show_faults
from settlement.people import enrolment, lists, objections, places, workdays
from settlement.people.lists import ListFaults
from settlement.people.scope import village_of
from settlement.periods import Month
from settlement.policy import store


@click.command("places")
@click.argument("file", type=FILE)
@by_option
@pass_desk
def import_places(desk: Desk, file: Path, by: str) -> None:
    """导入镇街和村社区（表头：镇街、村社区，可加经度、纬度） Import the district's towns and villages."""
    with _faults_told(desk), desk.acting(by) as act:
        count = places.add_many(act, lists.read_places(file.read_bytes(), file.name))
    desk.say(f"已导入{count}个村社区", f"{count} villages imported")


@click.command("days")
@click.argument("file", type=FILE)
@by_option
@pass_desk
def import_days(desk: Desk, file: Path, by: str) -> None:
    """导入放假调休安排（表头：日期、类型（休/班）、名称） Import a year's official days off and make-up days."""
    with _faults_told(desk), desk.acting(by) as act:
        years = workdays.import_days(act, lists.read_days(file.read_bytes(), file.name))
    listed = "、".join(map(str, years))
    desk.say(f"已导入{listed}年的放假调休安排", "official days imported")


@click.group("enrol")
def enrol() -> None:
    """申请审批 Enrolment, by the scheme's steps."""


town_option = click.option("--town", help="只办该镇街 only this town's")
village_option = click.option("--village", help="只办该村社区 only this village's")
ids_option = click.option(
    "--id",
    "ids",
    type=int,
    multiple=True,
    help="申请编号，可多次；不写则为全部应办 enrolments by number; default: all that are due",
)
why_option = click.option("--why", required=True, help="理由 the reason")


@enrol.command("list")
@scheme_option
@town_option
@village_option
@json_option
@pass_desk
def list_command(desk: Desk, scheme_code: str, town: str | None, village: str | None, as_json: bool) -> None:
    """列出各步骤应办人数 How many people each step is due for."""
    with desk.reading() as conn:
        scheme = store.in_force(conn, scheme_code, Month.of(desk.clock()))
        steps = {step.code: enrolment.due(conn, scheme, step.code, town, village) for step in scheme.enrolment.steps}
    if as_json:
        desk.show_json({"steps": steps})
        return
    rows = [
        [step.code, step.name_zh, step.name_en, step.role, len(steps[step.code])] for step in scheme.enrolment.steps
    ]
    desk.show_table("应办 due", ["步骤 step", "名称", "name", "角色 role", "人数 people"], rows)


@enrol.command("pass")
@click.argument("step")
@scheme_option
@town_option
@village_option
@ids_option
@by_option
@pass_desk
def pass_command(
    desk: Desk, step: str, scheme_code: str, town: str | None, village: str | None, ids: tuple[int, ...], by: str
) -> None:
    """办理一个步骤 Pass one step for everybody it is due for (publicise: whose names were posted long enough)."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        chosen = list(ids) or enrolment.due(act.conn, scheme, step, *_scope(act, town, village), over_by=act.now)
        passed = enrolment.pass_step(act, scheme, chosen, step) if chosen else []
    refused = len(chosen) - len(passed)
    desk.say(f"已通过{len(passed)}人，未通过{refused}人", f"{len(passed)} passed, {refused} refused")


@enrol.command("post")
@scheme_option
@town_option
@village_option
@ids_option
@by_option
@pass_desk
def post(desk: Desk, scheme_code: str, town: str | None, village: str | None, ids: tuple[int, ...], by: str) -> None:
    """张榜公示 Post the names; publicity runs for the scheme's working days from tomorrow."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        chosen = list(ids) or enrolment.due(
            act.conn, scheme, enrolment.PUBLICISE, *_scope(act, town, village), posted=False
        )
        until = enrolment.publicise(act, scheme, chosen) if chosen else None
    if until is None:
        desk.say("没有待公示人员", "nobody's names are to be posted")
    else:
        desk.say(f"{len(chosen)}人公示至{until}", f"{len(chosen)} names posted until {until}")


@enrol.command("object")
@click.argument("enrolment_id", type=int)
@scheme_option
@why_option
@by_option
@pass_desk
def object_command(desk: Desk, enrolment_id: int, scheme_code: str, why: str, by: str) -> None:
    """登记公示异议，由另一人处理后才能继续 Take down an objection during publicity; nothing goes on until somebody else has decided it."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        number = objections.raise_objection(act, scheme, enrolment_id, why)
    desk.say(f"已登记异议，编号{number}", f"the objection is on record as number {number}")


@enrol.command("objection")
@click.argument("number", type=int)
@click.argument("outcome", type=click.Choice(list(objections.OUTCOMES)))
@scheme_option
@why_option
@by_option
@pass_desk
def objection_command(desk: Desk, number: int, outcome: str, scheme_code: str, why: str, by: str) -> None:
    """处理异议 Decide an objection: dismissed 不成立 (goes on), upheld 成立 (refused), recheck 退回审核 (checked again)."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        objections.decide(act, scheme, number, outcome, why)
    desk.say("已处理", "decided")


@enrol.command("refuse")
@click.argument("step")
@click.argument("enrolment_ids", type=int, nargs=-1, required=True)
@scheme_option
@why_option
@by_option
@pass_desk
def refuse(desk: Desk, step: str, enrolment_ids: tuple[int, ...], scheme_code: str, why: str, by: str) -> None:
    """不予通过（须说明理由） Refuse people at the step that is due, with the reason."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        enrolment.refuse(act, scheme, enrolment_ids, step, why)
    desk.say(f"{len(enrolment_ids)}人未通过", f"{len(enrolment_ids)} refused")


def _scope(act: Act, town: str | None, village: str | None) -> tuple[str | None, str | None]:
    """An officer of a town or village acts on their own people unless told to take fewer."""
    return town or act.actor.town, village or village_of(act)


@contextmanager
def _faults_told(desk: Desk) -> Iterator[None]:
    try:
        yield
    except ListFaults as faulty:
        show_faults(desk, faulty.faults)
        desk.say(f"{len(faulty.faults)}处问题，没有导入", f"{len(faulty.faults)} faults; nothing was imported")
        sys.exit(FINDINGS)
