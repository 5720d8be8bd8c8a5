"""``songbai caregiver badge`` and ``caregiver pin``: what opens a shift on a shared phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import click
from sqlalchemy import select

from settlement.cards.sheet import qr_svg
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.cli.providers import caregiver_id, provider_id, provider_option
from settlement.providers import badges
from settlement.providers.tables import caregivers, providers

WIDTH, HEIGHT, CODE = 86, 54, 44  # millimetres: as a bank card, and the side of its code with quiet zone
_SVG = "http://www.w3.org/2000/svg"


class Badge(NamedTuple):
    name: str
    staff_no: str
    organisation: str
    code: str


@click.command("badge")
@click.argument("staff_no")
@provider_option
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="写到哪个SVG文件 the SVG file"
)
@by_option
@json_option
@pass_desk
def badge_command(desk: Desk, staff_no: str, code: str, out: Path, by: str, as_json: bool) -> None:
    """印工作证；以前的随即失效 Make a badge; the one before counts no longer."""
    with desk.acting(by) as act:
        id = caregiver_id(act.conn, provider_id(act.conn, code), staff_no)
        token = badges.make(act, desk.ring, id)
        c, p = caregivers.c, providers.c
        who = act.conn.execute(
            select(c.name, p.name.label("org")).join(providers, p.id == c.provider_id).where(c.id == id)
        )
        name, organisation = who.one()
        out.write_text(drawn(Badge(name, staff_no, organisation, token)), encoding="utf-8")
    if as_json:
        desk.show_json({"staff_no": staff_no, "file": str(out)})
    else:
        desk.say(f"{staff_no} 的工作证：{out}", "the badge, to be printed; the one before counts no longer")


@click.command("pin")
@click.argument("staff_no")
@provider_option
@by_option
@json_option
@pass_desk
def pin_command(desk: Desk, staff_no: str, code: str, by: str, as_json: bool) -> None:
    """设工作密码：由本人输入两遍，6至12位数字；锁定的随即解锁 Set the staff PIN, typed twice by its owner; it is unlocked with that."""
    typed = click.prompt("工作密码 staff PIN", hide_input=True, confirmation_prompt="再输一遍 again", err=True)
    with desk.acting(by) as act:
        badges.set_pin(act, desk.ring, caregiver_id(act.conn, provider_id(act.conn, code), staff_no), typed)
    if as_json:
        desk.show_json({"staff_no": staff_no, "pin": "set"})
    else:
        desk.say(f"{staff_no} 已设工作密码", "the staff PIN is set")


def drawn(badge: Badge) -> str:
    """The badge as one SVG at its true size: organisation, room for a photograph, name, staff number, and the code that a phone reads."""
    root = ElementTree.Element(
        "svg", xmlns=_SVG, width=f"{WIDTH}mm", height=f"{HEIGHT}mm", viewBox=f"0 0 {WIDTH} {HEIGHT}"
    )
    frame = {"fill": "none", "stroke": "#000", "stroke-width": "0.3"}
    around = {"x": "0.5", "y": "0.5", "width": str(WIDTH - 1), "height": str(HEIGHT - 1), "rx": "3"}
    ElementTree.SubElement(root, "rect", around | frame)
    ElementTree.SubElement(root, "rect", {"x": "5", "y": "13", "width": "22", "height": "27"} | frame)
    lines = [
        (badge.organisation, 5, 9, min(4.5, 76 / len(badge.organisation))),
        ("照片 photo", 8, 28, 3.2),
        (badge.name, 5, 46, min(4.5, 33 / len(badge.name))),
        (badge.staff_no, 5, 51, 4),
    ]
    for text, x, y, size in lines:
        place = {"x": str(x), "y": str(y), "font-size": str(size), "font-family": "sans-serif"}
        ElementTree.SubElement(root, "text", place).text = text
    code = qr_svg(badge.code)
    side, path = _found(r'viewBox="0 0 ([0-9.]+) ', code), _found(r'<path d="([^"]+)"', code)
    group = ElementTree.SubElement(root, "g", transform=f"translate(38 8) scale({CODE / float(side):.5f})")
    ElementTree.SubElement(group, "path", d=path, fill="#000")
    return ElementTree.tostring(root, encoding="unicode")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(pattern)
    return found[1]
