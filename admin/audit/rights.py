"""Who may do what: the one table of roles, as the program goes by it, and the officers there are."""

from __future__ import annotations

from flask import Response, render_template
from sqlalchemy import func, select

from admin.audit.parts import asked, desk
from admin.frame import listing
from admin.frame.console import looking
from admin.frame.listing import Column
from settlement.officers import MAY, NO_PERSON, ROLES, SCOPE_WORDS, SCOPES, officers


@desk.page("/rights", may="roles.read", menu=("角色和权限", "Roles and rights"))
def rights() -> Response | str:
    with looking() as conn:
        o = officers.c
        counts = select(o.role, func.count()).where(o.active).group_by(o.role)
        active = {row[0]: row[1] for row in conn.execute(counts)}
        columns = (
            Column("id", "登录名", "sign-in name", o.id),
            Column("name", "姓名", "name", o.name),
            Column("role", "角色", "role", o.role, words=lambda code: ROLES[code][0]),
            Column("town", "镇街", "town", o.town),
            Column("village", "村社区", "village", o.village),
            Column("provider_id", "服务商", "provider", o.provider_id),
            Column("active", "在用", "active", o.active, words=lambda active: "是 yes" if active else "否 no"),
            Column("created_at", "登记于", "since", o.created_at, kind="moment"),
        )
        source = select().select_from(officers)
        source = source.where(o.role == asked("role")) if asked("role") else source
        listed = listing.look(conn, source, columns, sort="id", name="officers")
    roles = [role for role in ROLES if role not in NO_PERSON]
    shown = {
        "roles": roles,
        "names": ROLES,
        "rules": MAY,
        "active": active,
        "scopes": SCOPES,
        "scope_words": SCOPE_WORDS,
    }
    return listed.download or render_template("audit/rights.html", **shown, listed=listed)
