"""A town's own share (镇级分担资金), put onto the account that pays: who owes how much for a quarter, and what has arrived.

The town's share of a quarter is the sum of its shares in the settlements that are paid (a net below zero pays nothing). What arrived is recorded by
one person and counts once another has confirmed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, insert, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing import payers
from settlement.closing.tables import quarter_closes, settlement_shares, settlements, share_payments
from settlement.outcomes import Reason, Refused
from settlement.periods import Quarter, local_date

s, h, c = settlements.c, settlement_shares.c, share_payments.c


@dataclass(frozen=True)
class Share:
    """Of one town in one quarter, in fen. ``recorded``: entered by one person and not confirmed yet."""

    town: str
    due: int
    arrived: int
    recorded: int

    @property
    def missing(self) -> int:
        return max(0, self.due - self.arrived)


def of_quarter(conn: Connection, scheme_code: str, quarter: str, towns: Iterable[str] | None = None) -> list[Share]:
    """Every town with a share in the quarter, by name; ``towns``: only these."""
    due = select(s.town, cast(func.sum(h.amount_fen), BigInteger).label("fen")).join(
        settlements, s.id == h.settlement_id
    )
    due = due.where(s.scheme_code == scheme_code, s.quarter == quarter, s.net_fen > 0, h.payer == payers.TOWN)
    if towns is not None:
        due = due.where(s.town.in_(list(towns)))
    found = {row.town: int(row.fen) for row in conn.execute(due.group_by(s.town).order_by(s.town))}
    paid = select(
        c.payer, c.confirmed_at.is_not(None).label("sure"), cast(func.sum(c.amount_fen), BigInteger).label("fen")
    )
    paid = paid.where(c.scheme_code == scheme_code, c.quarter == quarter, c.withdrawn_at.is_(None))
    sums = {(row.payer, bool(row.sure)): int(row.fen) for row in conn.execute(paid.group_by(c.payer, "sure"))}
    return [
        Share(town, fen, sums.get((payer, True), 0), sums.get((payer, False), 0))
        for town, fen in found.items()
        if (payer := payers.name_of(payers.TOWN, town))
    ]


def record(
    act: Act, scheme_code: str, quarter: Quarter, town: str, amount_fen: int, paid_on: date, reference: str
) -> int:
    """Record money that a town put up; its id. Raises Refused: NOT_FOUND for a town without a share in the quarter, BAD_INPUT, NEWS_KNOWN for a
    voucher that stands already."""
    officers.require(act, "share.record", town=town)
    if not of_quarter(act.conn, scheme_code, str(quarter), [town]):
        raise Refused(Reason.NOT_FOUND, what=f"{quarter} {town}")
    if amount_fen <= 0:
        raise Refused(Reason.AMOUNT_NOT_POSITIVE)
    if paid_on > local_date(act.now) or not reference:
        raise Refused(Reason.BAD_INPUT, detail="到账日、回单号 | day, reference")
    row: dict[str, Any] = {"scheme_code": scheme_code, "quarter": str(quarter), "amount_fen": amount_fen}
    row |= {"payer": payers.name_of(payers.TOWN, town), "paid_on": paid_on, "reference": reference}
    row |= {"recorded_by": act.actor.id, "recorded_at": act.now}
    # Of two officers with the same voucher the second finds the first one's record.
    _hold(act, scheme_code, str(quarter))
    same = (c.payer == row["payer"], c.quarter == str(quarter), c.scheme_code == scheme_code)
    known = select(c.id).where(*same, c.reference == reference, c.withdrawn_at.is_(None)).limit(1)
    if act.conn.execute(known).first() is not None:
        raise Refused(Reason.NEWS_KNOWN, known=reference)
    id: int = act.conn.execute(insert(share_payments).values(row).returning(c.id)).scalar_one()
    after = {"payment": id, "amount_fen": amount_fen, "paid_on": paid_on, "reference": reference}
    act.audit("share.record", f"quarter:{scheme_code}/{quarter}/{town}", after=after)
    return id


def confirm(act: Act, payment_id: int) -> None:
    """Another person has seen the money on the account. Raises Refused: NOT_FOUND, WRONG_STATE, SAME_PERSON."""
    officers.require(act, "share.confirm")
    row = _standing(act, payment_id)
    if row.confirmed_at is not None:
        raise Refused(Reason.WRONG_STATE, state="confirmed", event="confirm")
    officers.require_other(act, row.recorded_by)
    # Orders that waited for it do not join a file that somebody is just exporting without them.
    _hold(act, row.scheme_code, row.quarter)
    act.conn.execute(
        update(share_payments).where(c.id == payment_id).values(confirmed_by=act.actor.id, confirmed_at=act.now)
    )
    act.audit("share.confirm", _subject(row), after={"payment": payment_id, "amount_fen": row.amount_fen})


def withdraw(act: Act, payment_id: int, why: str) -> None:
    """Take back a record that was wrong, before it is confirmed. Raises Refused: NOT_FOUND, WRONG_STATE."""
    row = _standing(act, payment_id)
    officers.require(act, "share.record", town=row.payer.partition(":")[2])
    if row.confirmed_at is not None:
        raise Refused(Reason.WRONG_STATE, state="confirmed", event="withdraw")
    act.conn.execute(
        update(share_payments).where(c.id == payment_id).values(withdrawn_by=act.actor.id, withdrawn_at=act.now)
    )
    act.audit("share.withdraw", _subject(row), before={"payment": payment_id, "amount_fen": row.amount_fen}, why=why)


def _hold(act: Act, scheme_code: str, quarter: str) -> None:
    k = quarter_closes.c
    held = select(k.stage).where(k.scheme_code == scheme_code, k.quarter == quarter).with_for_update()
    act.conn.execute(held).all()


def _standing(act: Act, payment_id: int) -> Row[Any]:
    query = select(share_payments).where(c.id == payment_id, c.withdrawn_at.is_(None)).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="payment")
    return row


def _subject(row: Row[Any]) -> str:
    return f"quarter:{row.scheme_code}/{row.quarter}/{row.payer.partition(':')[2]}"
