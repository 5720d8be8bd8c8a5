"""``songbai senior find``: the number by which every other command names a person."""

from __future__ import annotations

import click
from sqlalchemy import select

from settlement import officers
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.people import register, scope
from settlement.people.tables import seniors


@click.command("find")
@click.option("--last4", help="身份证号末四位 last four of the identity number")
@click.option("--phone", help="电话 telephone")
@click.option("--surname", help="姓（与 --village 同用） surname, with --village")
@click.option("--village", help="村社区 village")
@by_option
@json_option
@pass_desk
def find(
    desk: Desk, last4: str | None, phone: str | None, surname: str | None, village: str | None, by: str, as_json: bool
) -> None:
    """查老人编号（只查本村、本镇街的人） Find people's numbers, among your own people."""
    with desk.acting(by) as act:
        officers.require(act, "senior.find")
        ids = register.find(act.conn, desk.ring, last4=last4, phone=phone, surname=surname, village=village)
        s = seniors.c
        rows = act.conn.execute(select(s.id, s.name, s.town, s.village, s.status).where(s.id.in_(ids)).order_by(s.id))
        people = [
            dict(row._mapping) | {"id_no": register.masked(act.conn, desk.ring, row.id)["id_no"]}
            for row in scope.among_theirs(act, rows.all())
        ]
    if as_json:
        desk.show_json({"count": len(people), "seniors": people})
    elif people:
        headers = ["编号 no", "姓名 name", "身份证号 identity number", "镇街 town", "村社区 village", "状态 status"]
        columns = ("id", "name", "id_no", "town", "village", "status")
        desk.show_table("老人 seniors", headers, [[one[name] for name in columns] for one in people])
    else:
        desk.say("本单位没有符合的老人", "nobody of yours fits")
