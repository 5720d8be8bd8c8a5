"""From a tender's result to a contract: who won which towns, the contract one person draws up for a town, and another approves.

Only an approved contract stands in ``contracts``; who may serve where (``providers.rights``) asks nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.officers import require, require_other
from settlement.outcomes import Reason, Refused
from settlement.policy import tariff
from settlement.policy.eligibility import months_after
from settlement.policy.scheme import Scheme
from settlement.providers import register
from settlement.providers.tables import contract_proposals, providers, tender_awards, tenders

LONGEST = {"number": 60, "title": 200, "why": 200}


def record(act: Act, scheme: Scheme, number: str, title: str, awarded_on: date) -> int:
    """Enter a tender's result by the number of its award notice; its id. The same again answers the same id.

    Raises Refused: NOT_ALLOWED, BAD_INPUT, DAY_IN_FUTURE, ID_REUSED for a number that has another title or day.
    """
    require(act, "tender.record")
    number, title = number.strip(), title.strip()
    if not 1 <= len(number) <= LONGEST["number"] or not 1 <= len(title) <= LONGEST["title"]:
        raise Refused(Reason.BAD_INPUT, detail="编号、名称 | number, title")
    if awarded_on > act.now.astimezone(scheme.time_zone).date():
        raise Refused(Reason.DAY_IN_FUTURE, day=awarded_on)
    facts = {"scheme_code": scheme.code, "number": number, "title": title, "awarded_on": awarded_on}
    t = tenders.c
    row = facts | {"recorded_by": act.actor.id, "recorded_at": act.now}
    made = act.conn.execute(insert_if_absent(act.conn, tenders).returning(t.id), row).scalar_one_or_none()
    if made is not None:
        act.audit("tender.record", f"tender:{made}", after=facts)
        return int(made)
    known = act.conn.execute(select(tenders).where(t.scheme_code == scheme.code, t.number == number)).one()
    if (known.title, known.awarded_on) != (title, awarded_on):
        raise Refused(Reason.ID_REUSED)
    return int(known.id)


def award(act: Act, tender_id: int, provider_id: int, towns: Iterable[str]) -> int:
    """Enter that a provider won towns; how many are new. Raises Refused: NOT_ALLOWED, NOT_FOUND, BAD_INPUT without a town."""
    require(act, "tender.record")
    wanted = sorted({town.strip() for town in towns if town.strip()})
    if not wanted:
        raise Refused(Reason.BAD_INPUT, detail="镇街 | towns")
    for table, id, what in ((tenders, tender_id, "tender"), (providers, provider_id, "provider")):
        if act.conn.scalar(select(table.c.id).where(table.c.id == id)) is None:
            raise Refused(Reason.NOT_FOUND, what=what)
    fact = {"tender_id": tender_id, "provider_id": provider_id, "awarded_by": act.actor.id}
    add = insert_if_absent(act.conn, tender_awards).returning(tender_awards.c.id)
    new = [town for town in wanted if act.conn.execute(add, fact | {"town": town}).one_or_none() is not None]
    if new:
        act.audit("tender.award", f"tender:{tender_id}", after={"provider": provider_id, "towns": new})
    return len(new)


def propose(act: Act, scheme: Scheme, award_id: int, from_day: date, last_day: date) -> int:
    """Draw up the contract of a town that was won; the proposal's id. The same again by the same person answers the same.

    Raises Refused: NOT_ALLOWED, NOT_FOUND, BAD_INPUT, CONTRACT_TOO_LONG (the scheme says how long one runs), NO_PRICES when nothing could be
    sold on its first day, TOWN_NOT_WON while another proposal for it waits.
    """
    require(act, "contract.propose")
    won = _award(act.conn, award_id)
    if won is None or won.scheme_code != scheme.code:
        raise Refused(Reason.NOT_FOUND, what="award")
    until = last_day + timedelta(days=1)
    if last_day < from_day:
        raise Refused(Reason.BAD_INPUT, detail=f"{from_day} – {last_day}")
    if until > months_after(from_day, scheme.supervision.contract.months):
        raise Refused(Reason.CONTRACT_TOO_LONG, months=scheme.supervision.contract.months)
    if not tariff.prices_in_force(act.conn, scheme.code, won.provider_id, from_day):
        raise Refused(Reason.NO_PRICES, day=from_day)
    p = contract_proposals.c
    row = {"award_id": award_id, "from_day": from_day, "until_day": until, "proposed_by": act.actor.id}
    made = insert_if_absent(act.conn, contract_proposals).returning(p.id)
    id = act.conn.execute(made, row | {"proposed_at": act.now, "status": "proposed"}).scalar_one_or_none()
    if id is None:
        waits = act.conn.execute(select(contract_proposals).where(p.award_id == award_id, p.status == "proposed")).one()
        if (waits.from_day, waits.until_day, waits.proposed_by) != (from_day, until, act.actor.id):
            raise Refused(Reason.TOWN_NOT_WON, town=won.town)
        return int(waits.id)
    after = {"proposal": id, "provider": won.provider_id, "town": won.town, "from_day": from_day, "until_day": until}
    act.audit("contract.propose", f"tender:{won.tender_id}", after=after)
    return int(id)


def approve(act: Act, proposal_id: int) -> int:
    """Another person approves: the contract stands from its first day; its id. Approved already: no change.

    Raises Refused: NOT_ALLOWED, NOT_FOUND, SAME_PERSON, WRONG_STATE, and as ``register.contract`` (PROVIDER_BANNED, CONTRACT_OVERLAPS).
    """
    row = _waiting(act, proposal_id, "approved")
    if row.status == "approved":
        return int(row.contract_id)
    won = _award(act.conn, row.award_id)
    contract_id = register.contract(act, won.provider_id, won.scheme_code, won.town, row.from_day, row.until_day)
    _decide(act, row, "approved", contract_id=contract_id)
    return contract_id


def reject(act: Act, proposal_id: int, why: str) -> None:
    """Another person rejects; a new proposal may follow. Rejected already: no change. Raises Refused as :func:`approve`, BAD_INPUT without a reason."""
    row = _waiting(act, proposal_id, "rejected")
    if not 1 <= len(why.strip()) <= LONGEST["why"]:
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    if row.status == "proposed":
        _decide(act, row, "rejected", decided_why=why.strip())


def _waiting(act: Act, proposal_id: int, becomes: str) -> Row[Any]:
    require(act, "contract.approve")
    query = select(contract_proposals).where(contract_proposals.c.id == proposal_id).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="contract")
    if row.status not in ("proposed", becomes):
        raise Refused(Reason.WRONG_STATE, state=row.status, event=becomes)
    require_other(act, row.proposed_by)
    return row


def _decide(act: Act, row: Row[Any], status: str, **more: Any) -> None:
    change = {"status": status, "decided_by": act.actor.id, "decided_at": act.now} | more
    act.conn.execute(update(contract_proposals).where(contract_proposals.c.id == row.id).values(change))
    act.audit(f"contract.{status}", f"contract_proposal:{row.id}", before={"status": "proposed"}, after=more)


def _award(conn: Connection, award_id: int) -> Any:
    a, t = tender_awards.c, tenders.c
    query = select(a.id, a.tender_id, a.provider_id, a.town, t.scheme_code).join(tenders, t.id == a.tender_id)
    return conn.execute(query.where(a.id == award_id)).one_or_none()
