"""Officers are looked after by the level above: who may appoint whom, take somebody's account away, give it back, move it to another place.

Nobody looks after their own account, so that the last administrator cannot be lost. A role is never changed: who takes another post gets another
account, for maker and checker are compared by account.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, select, true, update

from settlement import officers as register
from settlement.act import Act, Actor
from settlement.officers import SCOPES, officers
from settlement.outcomes import Reason, Refused

ABOVE: dict[str, frozenset[str]] = {
    role: frozenset(above.split())
    for role, above in {
        "admin": "admin",
        "civil_affairs": "admin",
        "district_finance": "admin",
        "auditor": "admin",
        "town": "civil_affairs",
        "town_finance": "civil_affairs",
        "assessor": "civil_affairs",
        "hotline": "civil_affairs",
        "card_counter": "civil_affairs",
        "village": "town",
        "provider": "civil_affairs provider",
    }.items()
}
"""role -> the roles that look after it; a town does so in its own villages, a provider among its own staff."""
EVERYBODY = frozenset({"admin", "auditor"})
"""Roles that see all accounts, whoever looks after them."""
SIGN_IN_NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
LONGEST_NAME = 40


def below(role: str) -> tuple[str, ...]:
    """The roles that somebody of this role looks after."""
    return tuple(each for each, above in ABOVE.items() if role in above)


def seen_by(who: Actor) -> ColumnElement[bool]:
    """Which officers somebody may look up, as a condition: those below in their own part of the district, or all."""
    if who.role in EVERYBODY:
        return true()
    roles = below(who.role)
    if not roles:
        return false()
    o = officers.c
    town = true() if who.town is None else o.town == who.town
    provider = true() if who.provider_id is None else o.provider_id == who.provider_id
    return and_(o.role.in_(roles), town, provider)


def may_manage(who: Actor, officer: Row[Any]) -> bool:
    """Whether somebody who may look this officer up may also change the account."""
    return who.role in ABOVE[officer.role] and who.id != officer.id


def appoint(
    act: Act,
    id: str,
    name: str,
    role: str,
    *,
    town: str | None = None,
    village: str | None = None,
    provider_id: int | None = None,
) -> None:
    """A new officer one level below. Raises Refused: BAD_INPUT for a sign-in name of other characters or a missing scope, NOT_ALLOWED,
    ID_REUSED for a name that was ever somebody's."""
    if not SIGN_IN_NAME.fullmatch(id) or len(id) > LONGEST_NAME:
        raise Refused(
            Reason.BAD_INPUT,
            detail="登录名用小写字母开头，可含数字和 . _ - | a sign-in name begins with a small letter and has small letters, digits and . _ -",
        )
    _require_above(act, role, town, provider_id)
    if act.conn.execute(select(officers.c.id).where(officers.c.id == id)).first() is not None:
        raise Refused(Reason.ID_REUSED)
    register.add(act, id, name, role, town=town, village=village, provider_id=provider_id)


def move(
    act: Act, id: str, *, town: str | None = None, village: str | None = None, provider_id: int | None = None
) -> None:
    """Another place for the same role, from the next request on. Raises Refused: NOT_FOUND, NOT_ALLOWED for there or here, BAD_INPUT for a missing one."""
    row = one_below(act, id)
    needs = SCOPES.get(row.role, ())
    asked: dict[str, Any] = {"town": town, "village": village, "provider_id": provider_id}
    scope = {key: value if key in needs else None for key, value in asked.items()}
    if not all(scope[key] for key in needs):
        raise Refused(Reason.BAD_INPUT, detail="范围 | scope")
    _require_above(act, row.role, scope["town"], scope["provider_id"])
    before = {key: getattr(row, key) for key in scope}
    if before == scope:
        return
    act.conn.execute(update(officers).where(officers.c.id == id).values(scope))
    act.audit("officer.move", f"officer:{id}", before=before, after=scope)


def leave(act: Act, id: str, why: str) -> None:
    """The account counts no longer, at once; the name stays with what was done under it. Raises Refused: NOT_FOUND, NOT_ALLOWED, WRONG_STATE."""
    _set_active(act, id, False, why)


def come_back(act: Act, id: str, why: str) -> None:
    """The account counts again; a password has to be given anew. Raises like :func:`leave`."""
    _set_active(act, id, True, why)


def one_below(act: Act, id: str) -> Row[Any]:
    """The row, locked, of an officer whose account the actor may change. Raises Refused: NOT_FOUND for one they may not even look up, SAME_PERSON
    for their own, NOT_ALLOWED."""
    query = select(officers).where(officers.c.id == id, seen_by(act.actor)).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="officer")
    register.require_other(act, id)
    _require_above(act, row.role, row.town, row.provider_id)
    return row


def _set_active(act: Act, id: str, active: bool, why: str) -> None:
    row = one_below(act, id)
    event = "officer.come_back" if active else "officer.leave"
    if row.active == active:
        states = ("已停用 ended", "在用 in use")
        raise Refused(Reason.WRONG_STATE, state=states[active], event="恢复 restore" if active else "停用 end")
    act.conn.execute(update(officers).where(officers.c.id == id).values(active=active))
    act.audit(event, f"officer:{id}", before={"active": row.active}, after={"active": active}, why=why)


def _require_above(act: Act, role: str, town: str | None, provider_id: int | None) -> None:
    register.require(act, "officer.manage", town=town, provider_id=provider_id)
    if act.actor.role not in ABOVE.get(role, frozenset()):
        raise Refused(Reason.NOT_ALLOWED)
    if act.actor.role == "provider" and provider_id is None:
        raise Refused(Reason.NOT_ALLOWED)
