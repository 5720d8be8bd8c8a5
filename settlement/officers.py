"""Officers and what each role may do: one table that a reader can check.

An office act names the permission it needs; :func:`require` checks role and scope. A town officer touches their own town, provider staff
their own provider. Maker and checker are compared by person (:func:`require_other`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, ForeignKey, Integer, String, Table, insert, select

from settlement.act import SYSTEM, Act, Actor
from settlement.db import Instant, metadata
from settlement.outcomes import Reason, Refused

officers = Table(
    "officers",
    metadata,
    Column("id", String(80), primary_key=True, comment="sign-in name"),
    Column("name", String(80), nullable=False),
    Column("role", String(40), nullable=False),
    Column("town", String(40), comment="scope of town and village roles"),
    Column("village", String(80), comment="scope of village roles"),
    Column("provider_id", Integer, ForeignKey("providers.id"), comment="scope of provider roles"),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", Instant, nullable=False),
)

ROLES: dict[str, tuple[str, str]] = {
    "village": ("村(社区)", "village"),
    "town": ("镇街", "town"),
    "town_finance": ("镇财政", "town finance"),
    "civil_affairs": ("区民政局", "district civil affairs"),
    "district_finance": ("区财政局", "district finance"),
    "provider": ("服务商", "provider"),
    "assessor": ("评估机构", "assessor"),
    "card_counter": ("市民卡网点", "card operator's counter"),
    "auditor": ("审计", "auditor"),
    "hotline": ("热线坐席", "hotline agent"),
    "admin": ("系统管理员", "administrator"),
    "device": ("终端设备", "device"),
    "holder": ("持卡人或其代理人", "card holder or agent"),
    "system": ("系统", "system"),
}

NO_PERSON = frozenset({"device", "holder", "system"})
SCOPES: dict[str, tuple[str, ...]] = {
    "village": ("town", "village"),
    "town": ("town",),
    "town_finance": ("town",),
    "provider": ("provider_id",),
}
"""Roles that are somebody's only for a part of the district."""
SCOPE_WORDS = {"town": "镇街", "village": "村社区", "provider_id": "服务商"}

# permission -> roles. What is not listed is refused. Who takes a step of an enrolment is the scheme's to say (people.enrolment).
MAY: dict[str, frozenset[str]] = {
    permission: frozenset(roles.split())
    for permission, roles in {
        "scheme.store": "civil_affairs admin system",
        "prices.import": "civil_affairs admin system",
        "prices.approve": "civil_affairs",
        "roster.import": "village town civil_affairs system",
        "places.import": "civil_affairs admin system",
        "days.import": "civil_affairs admin system",
        "enrolment.apply": "village town civil_affairs system",
        "enrolment.object": "village town civil_affairs",
        "senior.change": "village town civil_affairs",
        "senior.find": "village town civil_affairs card_counter hotline",
        # A new level or category may raise what is paid: a village tells the town, which records it.
        "senior.regrade": "town civil_affairs",
        "senior.reinstate": "town civil_affairs",
        "card.issue": "town card_counter system",
        "card.counter": "card_counter",
        "card.activate": "village town card_counter system",
        "card.report_lost": "village town civil_affairs card_counter hotline system",
        "card.freeze": "village town civil_affairs card_counter system",
        "card.unfreeze": "town civil_affairs",
        "card.top_up": "card_counter system",
        "card.dynamic_code": "holder system",
        "issuance.draft": "town civil_affairs system",
        "issuance.approve": "town",
        "issuance.post": "town civil_affairs system",
        "provider.manage": "civil_affairs admin",
        "provider.ban": "civil_affairs",
        "caregiver.manage": "provider civil_affairs",
        "device.enrol": "provider civil_affairs admin",
        "device.revoke": "provider civil_affairs admin",
        "order.plan": "provider system",
        "visit.record": "device provider system",
        "visit.void": "device provider town civil_affairs system",
        "debit.confirm": "holder device system",
        "visit.correct": "provider town",
        "visit.settle_waiting": "town civil_affairs system",
        "visit.correct_decide": "town civil_affairs",
        "debit.take_back": "device provider town civil_affairs system",
        "quarantine.decide": "town civil_affairs",
        "month.draw": "town civil_affairs system",
        "month.verify": "town",
        "month.confirm": "civil_affairs",
        "quarter.draw": "civil_affairs system",
        "quarter.approve_town": "town",
        "quarter.approve_civil_affairs": "civil_affairs",
        "quarter.approve_finance": "district_finance",
        "payment.export": "district_finance town_finance",
        "payment.confirm": "district_finance town_finance",
        "payment.account": "district_finance civil_affairs admin",
        "payment.correct": "district_finance town_finance",
        "fraud.scan": "town civil_affairs auditor system",
        "stop.decide": "town civil_affairs",
        "agent.appoint": "holder village town civil_affairs card_counter",
        "agent.confirm": "village town civil_affairs card_counter",
        "agent.withdraw": "holder hotline village town civil_affairs card_counter",
        "complaint.open": "holder hotline village town civil_affairs",
        "complaint.withdraw": "holder hotline village town civil_affairs",
        "complaint.read": "hotline town civil_affairs provider auditor",
        "complaint.decide": "town civil_affairs",
        "booking.ask": "holder hotline village town civil_affairs",
        "booking.read": "hotline town civil_affairs provider auditor",
        "booking.accept": "provider",
        "booking.decline": "provider hotline town civil_affairs",
        "message.put": "holder hotline village town civil_affairs system",
        "message.retry": "hotline admin civil_affairs",
        "statement.print": "village town civil_affairs",
        "adjustment.propose": "town civil_affairs",
        "adjustment.approve": "civil_affairs",
        # accounts: of whom is settlement.appointing's to say
        "officers.read": "admin civil_affairs town provider auditor",
        "officer.manage": "admin civil_affairs town provider",
        # the enrolment desk; who takes a step is the scheme's to say
        "enrolment.look": "village town civil_affairs card_counter auditor",
        "enrolment.read": "village town civil_affairs auditor",
        "enrolment.step": "village town civil_affairs card_counter",
        "enrolment.paper": "village town civil_affairs",
        "enrolment.objection_decide": "town civil_affairs",
        "assessment.read": "assessor village town civil_affairs auditor",
        "assessment.ask": "village town civil_affairs",
        "assessment.order": "civil_affairs",
        "assessment.find": "assessor",
        "assessment.adopt": "town civil_affairs",
        # the providers' desks
        "providers.read": "provider town civil_affairs district_finance admin auditor",
        "provider_work.read": "provider auditor",
        "provider_work.do": "provider",
        "tender.record": "civil_affairs",
        "contract.propose": "civil_affairs",
        "contract.approve": "civil_affairs",
        "callback.record": "provider",
        "senior.reach": "provider",
        # treasury: budget, payment orders, dedicated accounts, year-end
        "treasury.read": "town town_finance civil_affairs district_finance auditor",
        "accounting.read": "civil_affairs district_finance auditor",
        "budget.propose": "district_finance town_finance",
        "budget.approve": "district_finance town_finance",
        "invoice.register": "town town_finance civil_affairs district_finance",
        "share.record": "town town_finance district_finance",
        "share.confirm": "district_finance",
        "bank_statement.import": "district_finance town_finance",
        "year.prepare": "district_finance civil_affairs",
        "year.close": "district_finance",
        # months and quarters
        "months.read": "town town_finance civil_affairs district_finance auditor",
        "statement.ask": "provider town civil_affairs",
        "statement.answer": "provider town civil_affairs",
        # people: search, a person's page, registers, invitations
        "people.read": "village town civil_affairs card_counter auditor",
        "people.history": "village town civil_affairs auditor",
        "senior.reveal": "village town civil_affairs card_counter auditor",
        "register.read": "village town civil_affairs auditor",
        "register.import": "town civil_affairs system",
        "register.confirm": "village town civil_affairs",
        "invitation.send": "village town civil_affairs system",
        "invitation.answer": "village town civil_affairs",
        # cards, the hotline, voices
        "cards.read": "village town civil_affairs card_counter auditor",
        "cards.serve": "village town civil_affairs card_counter",
        "hotline.read": "hotline civil_affairs auditor",
        "hotline.serve": "hotline",
        "voices.read": "village town civil_affairs auditor",
        "voices.take": "village town civil_affairs",
        "voices.decline": "town civil_affairs",
        "agents.read": "village town civil_affairs card_counter auditor",
        "messages.read": "hotline admin town civil_affairs auditor",
        # the auditor's desk, the overview, what waits for a second person
        "audit.read": "civil_affairs auditor",
        "sign_ins.read": "admin civil_affairs auditor",
        "roles.read": "admin civil_affairs auditor",
        "books.read": "civil_affairs district_finance auditor",
        "books.check": "civil_affairs district_finance auditor",
        "overview.read": "town town_finance civil_affairs district_finance auditor",
        "review.read": "town civil_affairs auditor",
    }.items()
}


def add(
    act: Act,
    id: str,
    name: str,
    role: str,
    *,
    town: str | None = None,
    village: str | None = None,
    provider_id: int | None = None,
) -> None:
    """Register an officer; the same again changes nothing. Raises Refused: BAD_INPUT for a role that no person has, or one whose scope is missing (without it
    :func:`require` would let a town's officer touch every town); ID_REUSED for a sign-in name that is somebody else's."""
    if role not in ROLES or role in NO_PERSON:
        raise Refused(Reason.BAD_INPUT, detail=f"role {role}")
    scope = {"town": town, "village": village, "provider_id": provider_id}
    missing = [name for name in SCOPES.get(role, ()) if not scope[name]]
    if missing:
        zh, en = "、".join(SCOPE_WORDS[name] for name in missing), ", ".join(missing)
        raise Refused(
            Reason.BAD_INPUT, detail=f"{ROLES[role][0]}经办人须写明{zh} | an officer of this role needs: {en}"
        )
    row = {"id": id, "name": name, "role": role, "town": town, "village": village, "provider_id": provider_id}
    taken = act.conn.execute(select(officers).where(officers.c.id == id)).one_or_none()
    if taken is not None and taken.active and all(getattr(taken, key) == value for key, value in row.items()):
        return
    if id == SYSTEM.id or taken is not None:
        raise Refused(Reason.ID_REUSED)
    act.conn.execute(insert(officers), row | {"active": True, "created_at": act.now})
    act.audit("officer.add", f"officer:{id}", after={"role": role, "town": town, "provider_id": provider_id})


def actor(conn: Connection, id: str) -> Actor:
    """The acting person by sign-in name. Raises Refused(NOT_FOUND) when unknown or no longer active."""
    if id == SYSTEM.id:
        return SYSTEM
    row = conn.execute(select(officers).where(officers.c.id == id, officers.c.active)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"officer {id}")
    return Actor(row.id, row.role, row.town, row.provider_id)


def require(act: Act, permission: str, *, town: str | None = None, provider_id: int | None = None) -> None:
    """Raise Refused(NOT_ALLOWED) unless the actor's role has the permission for this town and provider."""
    who = act.actor
    if who.role not in MAY[permission]:
        raise Refused(Reason.NOT_ALLOWED)
    if town is not None and who.town is not None and who.town != town:
        raise Refused(Reason.NOT_ALLOWED)
    if provider_id is not None and who.provider_id is not None and who.provider_id != provider_id:
        raise Refused(Reason.NOT_ALLOWED)


def require_other(act: Act, *makers: str | None) -> None:
    """Raise Refused(SAME_PERSON) when the actor already took one of the earlier steps."""
    if act.actor.id in makers:
        raise Refused(Reason.SAME_PERSON)
