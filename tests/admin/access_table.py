"""Who may open what in the console, as docs/console-access.md shows it. ``python -m tests.admin.access_table`` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from flask import Flask
from sqlalchemy import create_engine

from admin.app import create_app
from admin.frame import access
from admin.frame.console import ConsoleConfig
from settlement.clock import system_clock
from settlement.officers import MAY, NO_PERSON, ROLES
from tests.support import RING

DOCUMENT = Path(__file__).parents[2] / "docs" / "console-access.md"
PEOPLE = tuple(role for role in ROLES if role not in NO_PERSON)
SPECIAL = {
    access.ANYBODY: "任何人 anybody",
    access.SIGNED_IN: "登录者本人 whoever is signed in",
    access.HALF_WAY: "登录途中 on the way in",
}


class Route(NamedTuple):
    method: str
    rule: str
    endpoint: str
    may: str


def routes(app: Flask) -> list[Route]:
    """Every address of the console with its method and what it declares."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ())))
    with (
        app.app_context()
    ):  # left before anything is asked of the application: requests inside would share what each keeps for itself
        return [
            Route(method, rule.rule, rule.endpoint, access.declared(rule.endpoint))
            for rule in rules
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]


def roles_of(may: str) -> tuple[str, ...]:
    return PEOPLE if may in SPECIAL else tuple(role for role in PEOPLE if role in MAY[may])


def table(app: Flask) -> str:
    lines = [
        "# 工作台：谁能打开什么 Console: who may open what",
        "",
        "每个地址声明一项权限，权限属于角色（`settlement/officers.py`）；看得到的范围（本镇、本村、本服务商）另由各页限定，范围外的一律答“没有找到”。",
        "Every address declares one permission, permissions belong to roles; what lies outside somebody's town, village or provider is answered like what does not exist.",
        "测试按本表逐一以各角色访问。A test opens every address as every role and compares with this table.",
        "",
        "| 方法 Method | 地址 Address | 权限 Permission | 角色 Roles |",
        "|---|---|---|---|",
    ]
    for route in routes(app):
        who = SPECIAL.get(route.may) or "、".join(ROLES[role][0] for role in roles_of(route.may))
        lines.append(f"| {route.method} | `{route.rule}` | {route.may} | {who} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    app = create_app(create_engine("sqlite://"), system_clock, ConsoleConfig(RING))
    DOCUMENT.write_text(table(app), encoding="utf-8")


if __name__ == "__main__":
    main()
