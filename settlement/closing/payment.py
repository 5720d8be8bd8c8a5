"""Payment orders out to the bank and its answers back: export, confirm, returned payments and their re-issue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing import bankfile, ordering, payers, waiting, workbook
from settlement.closing.bankfile import Answer
from settlement.closing.tables import (
    bank_batches,
    bank_results,
    month_closes,
    order_corrections,
    payment_orders,
    quarter_closes,
    settlement_shares,
    settlements,
)
from settlement.errors import BrokenInvariant
from settlement.findings import Finding
from settlement.ledger import accounts, chart
from settlement.ledger.transfer import Transfer, post, reverse_group
from settlement.money import format_yuan
from settlement.outcomes import Declined, Reason, Refused
from settlement.providers.register import require_account
from settlement.providers.tables import providers

o = payment_orders.c


# -- out ----------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Export:
    """``again``: nothing new was drafted, these are the last batch's very bytes. Names end as the layout says."""

    batch_id: str
    orders: int
    total_fen: int
    bank_file: bytes
    bank_file_name: str
    workbook: bytes
    again: bool


def export(
    act: Act, scheme_code: str, period: str, *, layout: str = bankfile.DEFAULT_LAYOUT, payer: str | None = None
) -> Export:
    """Put the drafted orders of a quarter, or of a month's personal part, into a batch for the bank.

    ``payer``: only that payer's (an officer of a town has no choice). Raises Refused(NOTHING_TO_EXPORT),
    Refused(ORDERS_WAIT) when every one waits for an invoice or a town's share (those that do stay drafted),
    Refused(PAYER_ACCOUNT_MISSING) naming who has no account on record; then nothing leaves. Refused(SAME_PERSON) for who recorded one of
    the dedicated accounts that the money leaves or goes to.
    """
    officers.require(act, "payment.export")
    if act.actor.town is not None:
        own = payers.name_of(payers.TOWN, act.actor.town)
        if payer not in (None, own):
            raise Refused(Reason.NOT_ALLOWED)
        payer = own
    form = bankfile.load(layout)
    wanted = [o.scheme_code == scheme_code, o.period == period]
    if payer is not None:
        wanted.append(o.payer == payer)
    hold(act.conn, scheme_code, period)
    drafted = act.conn.execute(
        select(payment_orders).where(*wanted, o.status == "drafted").order_by(o.id).with_for_update()
    ).all()
    drafted = waiting.ready(act.conn, drafted)
    if drafted:
        officers.require_other(act, *payers.recorded_by(act.conn, drafted))
        _complete(act, drafted)
        batch_id = _new_batch(act, scheme_code, period, layout, drafted)
    else:
        latest = select(o.batch_id).where(*wanted, o.batch_id.is_not(None)).order_by(o.batch_id.desc()).limit(1)
        found = act.conn.execute(latest).scalar_one_or_none()
        if found is None:
            raise Refused(Reason.NOTHING_TO_EXPORT, period=period)
        batch_id = found
    ordering.follow(act, scheme_code, period)
    return _rendered(act.conn, batch_id, form if drafted else None, again=not drafted)


def hold(conn: Connection, scheme_code: str, period: str) -> None:
    """Until the act ends no order of a period leaves, is answered or repeated. Its payers take turns, too: batches are numbered, and the last one out
    moves the quarter on."""
    q, m = quarter_closes.c, month_closes.c
    conn.execute(select(q.stage).where(q.scheme_code == scheme_code, q.quarter == period).with_for_update()).all()
    conn.execute(select(m.stage).where(m.scheme_code == scheme_code, m.month == period).with_for_update()).all()


def _complete(act: Act, drafted: Sequence[Row[Any]]) -> None:
    """Copy accounts that were not on record yet when the order was drawn up."""
    for order in drafted:
        details: dict[str, str | None] = {}
        if order.payer_account is None:
            details |= payers.payer_details(act.conn, order.payer)
        if order.payee_account is None:
            details |= payers.payee_details(act.conn, order.payee)
        if any(details.get(f"{side}_account", "") is None for side in ("payer", "payee")):
            missing = order.payer if details.get("payer_account", "") is None else order.payee
            raise Refused(Reason.PAYER_ACCOUNT_MISSING, payer=missing)
        if details:
            act.conn.execute(update(payment_orders).where(o.id == order.id).values(**details))


def _new_batch(act: Act, scheme_code: str, period: str, layout: str, drafted: Sequence[Row[Any]]) -> str:
    b = bank_batches.c
    count = select(func.count()).where(b.scheme_code == scheme_code, b.period == period)
    batch_id = f"{scheme_code}-{period}-{act.conn.execute(count).scalar_one() + 1:03d}"
    batch = {"id": batch_id, "scheme_code": scheme_code, "period": period, "layout": layout, "orders": len(drafted)}
    batch |= {"total_fen": sum(order.amount_fen for order in drafted), "exported_by": act.actor.id}
    ids = [order.id for order in drafted]
    sent = {"status": "exported", "batch_id": batch_id, "status_at": act.now}
    act.conn.execute(update(payment_orders).where(o.id.in_(ids)).values(**sent))
    as_row: Any = SimpleNamespace(**batch, exported_at=act.now)
    orders = act.conn.execute(select(payment_orders).where(o.batch_id == batch_id).order_by(o.id)).all()
    digest = sha256(bankfile.render(bankfile.load(layout), as_row, orders)).hexdigest()
    act.conn.execute(insert(bank_batches), batch | {"exported_at": act.now, "sha256": digest})
    act.audit(
        "payment.export",
        f"batch:{batch_id}",
        after={"orders": len(ids), "total_fen": batch["total_fen"], "sha256": digest},
    )
    return batch_id


def batch(act: Act, batch_id: str) -> Export:
    """The files of a batch, the very bytes that were exported. Raises Refused(NOT_FOUND), for a town also when it holds other payers' orders."""
    officers.require(act, "payment.export")
    own = payers.name_of(payers.TOWN, act.actor.town) if act.actor.town else None
    owners = set(act.conn.execute(select(o.payer).where(o.batch_id == batch_id)).scalars())
    if not owners or (own is not None and owners != {own}):
        raise Refused(Reason.NOT_FOUND, what=f"batch {batch_id}")
    act.audit("payment.download", f"batch:{batch_id}")
    return _rendered(act.conn, batch_id, None, again=True)


def _rendered(conn: Connection, batch_id: str, form: bankfile.Layout | None, *, again: bool) -> Export:
    batch = conn.execute(select(bank_batches).where(bank_batches.c.id == batch_id)).one()
    form = form or bankfile.load(batch.layout)
    orders = conn.execute(select(payment_orders).where(o.batch_id == batch_id).order_by(o.id)).all()
    data = bankfile.render(form, batch, orders)
    if sha256(data).hexdigest() != batch.sha256:
        raise BrokenInvariant(f"the orders of batch {batch_id} are no longer those that were exported")
    name = f"{batch_id}.{form.extension}"
    book = workbook.render(batch, orders, _settlements_of(conn, orders))
    return Export(batch_id, batch.orders, batch.total_fen, data, name, book, again)


def _settlements_of(conn: Connection, orders: Sequence[Row[Any]]) -> list[Any]:
    ids = {order.settlement_id for order in orders if order.settlement_id}
    s, h = settlements.c, settlement_shares.c
    query = select(settlements, providers.c.name.label("provider_name")).join(
        providers, providers.c.id == s.provider_id
    )
    shares: dict[str, dict[str, int]] = {}
    of_these = select(settlement_shares).where(h.settlement_id.in_(ids)).order_by(h.settlement_id, h.position)
    for row in conn.execute(of_these):
        shares.setdefault(row.settlement_id, {})[row.payer] = row.amount_fen
    rows = conn.execute(query.where(s.id.in_(ids)).order_by(s.town, s.provider_id))
    return [SimpleNamespace(**row._mapping, shares=shares.get(row.id, {})) for row in rows]


# -- back ---------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Confirmation:
    """With any finding nothing was written. ``again``: this very file was taken in before."""

    findings: tuple[Finding, ...]
    paid: int = 0
    returned: int = 0
    again: bool = False


def confirm(act: Act, result_file: bytes, *, layout: str = bankfile.DEFAULT_LAYOUT) -> Confirmation:
    """Take in the bank's result file: all of it or, with any finding, nothing.

    Paid: the ledger posts it. Returned: the order waits to be issued again (:func:`propose_account`, :func:`reissue`); if it had been paid,
    the contra is posted. An officer of a town confirms only its own payments.
    """
    officers.require(act, "payment.confirm")
    digest = sha256(result_file).hexdigest()
    known = act.conn.execute(select(bank_results).where(bank_results.c.sha256 == digest)).one_or_none()
    if known is not None:
        return Confirmation((), known.paid, known.returned, again=True)
    answers, findings = bankfile.read_result(bankfile.load(layout), result_file)
    ids = [answer.order_id for answer in answers]
    rows = act.conn.execute(select(payment_orders).where(o.id.in_(ids)).order_by(o.id).with_for_update())
    orders = {row.id: row for row in rows}
    findings += _faults(act, answers, orders)
    if findings:
        return Confirmation(tuple(findings))
    for answer in answers:
        order = orders[answer.order_id]
        if answer.paid:
            _paid(act, order, answer)
        else:
            _returned(act, order, answer)
    paid = sum(answer.paid for answer in answers)
    row = {"sha256": digest, "layout": layout, "paid": paid, "returned": len(answers) - paid}
    act.conn.execute(insert(bank_results), row | {"confirmed_by": act.actor.id, "confirmed_at": act.now})
    for scheme_code, period in sorted({(order.scheme_code, order.period) for order in orders.values()}):
        ordering.follow(act, scheme_code, period)
    return Confirmation((), paid, len(answers) - paid)


def _faults(act: Act, answers: Sequence[Answer], orders: dict[str, Row[Any]]) -> list[Finding]:
    findings: list[Finding] = []
    seen: set[str] = set()
    own = payers.name_of(payers.TOWN, act.actor.town) if act.actor.town else None

    def found(code: str, answer: Answer, zh: str, en: str) -> None:
        line = f"line {answer.line}"
        records = (line, f"order:{answer.order_id}")
        findings.append(Finding(code, f"order:{answer.order_id}", f"第{answer.line}行：{zh}", f"{line}: {en}", records))

    for answer in answers:
        order = orders.get(answer.order_id)
        if order is None or (own is not None and order.payer != own):
            found("bank_order_unknown", answer, "没有这张付款单", "no such order")
        elif answer.order_id in seen:
            found("bank_line_twice", answer, "同一付款单出现多次", "the order appears more than once")
        elif answer.amount_fen != order.amount_fen:
            said, ours = format_yuan(answer.amount_fen), format_yuan(order.amount_fen)
            zh = f"金额不符：文件{said}元，付款单{ours}元"
            found("bank_amount_differs", answer, zh, f"the file says {said} yuan, the order {ours}")
        elif answer.paid and order.status == "paid":
            found("bank_already_paid", answer, "此付款单已确认付款", "the order is confirmed as paid already")
        elif order.status not in (("exported",) if answer.paid else ("exported", "paid")):
            found("bank_not_sent", answer, f"付款单状态为{order.status}", f"the order is {order.status}")
        seen.add(answer.order_id)
    return findings


def _paid(act: Act, order: Row[Any], answer: Answer) -> None:
    debit, credit, code = _movement(order)
    group = f"order:{order.id}"
    transfer = Transfer(
        id=f"{group}/1",
        debit=accounts.open_account(act, *debit),
        credit=accounts.open_account(act, *credit),
        amount=order.amount_fen,
        code=code,
        reference=group,
        occurred_at=act.now,
    )
    _must(post(act, group, [transfer]), group)
    _becomes(act, order, "paid", bank_reference=answer.reference or None)


def _movement(order: Row[Any]) -> tuple[tuple[str, str], tuple[str, str], str]:
    """Debited account, credited account and code of a payment."""
    if order.kind == "personal":
        return (chart.PROVIDER_CLAIM_PERSONAL, order.payee), (chart.OPERATOR_TRUST, chart.OPERATOR), "personal_settle"
    bank = (chart.PAYER_BANK, payers.ledger_owner(order.payer))
    if order.kind == "transfer":
        return (chart.PAYER_BANK, payers.ledger_owner(order.payee)), bank, "fund_transfer"
    return (chart.PAYABLE, order.payee), bank, "pay"


def _returned(act: Act, order: Row[Any], answer: Answer) -> None:
    if order.status == "paid":
        group = f"order:{order.id}"
        _must(reverse_group(act, group, f"{group}/returned", group, act.now, code="pay_returned"), group)
    _becomes(act, order, "returned", return_reason=answer.reason or "—", bank_reference=answer.reference or None)


def _must(answer: Any, group: str) -> None:
    if isinstance(answer, Declined):
        raise BrokenInvariant(f"{group} does not post: {answer.en}")


def _becomes(act: Act, order: Row[Any], status: str, **values: Any) -> None:
    act.conn.execute(update(payment_orders).where(o.id == order.id).values(status=status, status_at=act.now, **values))
    act.audit(f"payment.{status}", f"order:{order.id}", before={"status": order.status}, after={"status": status})


# -- again --------------------------------------------------------------------------------------------------------------------
def propose_account(act: Act, order_id: str, *, payee_name: str, payee_account: str, payee_bank: str) -> None:
    """Propose the account to which a returned order shall be paid instead; a proposal not yet taken up is replaced."""
    officers.require(act, "payment.correct")
    order = _returned_order(act, order_id)
    if not (payee_name and payee_account and payee_bank):
        raise Refused(Reason.BAD_INPUT, detail="户名、账号、开户行 | name, account, bank")
    require_account(payee_account)
    c = order_corrections.c
    row: dict[str, Any] = {"payee_name": payee_name, "payee_account": payee_account, "payee_bank": payee_bank}
    row |= {"proposed_by": act.actor.id, "proposed_at": act.now}
    standing = act.conn.execute(select(order_corrections).where(c.order_id == order_id)).one_or_none()
    if standing is None:
        act.conn.execute(insert(order_corrections), row | {"order_id": order_id})
    else:
        act.conn.execute(update(order_corrections).where(c.order_id == order_id).values(**row))
    before = {"account": order.payee_account, "bank": order.payee_bank}
    after = {"account": payee_account, "bank": payee_bank}
    act.audit("payment.propose_account", f"order:{order_id}", before=before, after=after)


def reissue(act: Act, order_id: str) -> str:
    """A second person approves the proposed account: the returned order is repeated as a new one, whose id is returned.

    Raises Refused(OUT_OF_TURN) without a proposal, Refused(SAME_PERSON) for who proposed.
    """
    officers.require(act, "payment.correct")
    order = _returned_order(act, order_id)
    c = order_corrections.c
    proposal = act.conn.execute(select(order_corrections).where(c.order_id == order_id)).one_or_none()
    if proposal is None:
        raise Refused(Reason.OUT_OF_TURN, who="payment.propose_account")
    officers.require_other(act, proposal.proposed_by)
    attempt = order.attempt + 1
    new_id = f"{order_id.removesuffix(f'-{order.attempt}') if order.attempt > 1 else order_id}-{attempt}"
    kept = {
        name: value
        for name, value in order._mapping.items()
        if name not in ("bank_reference", "return_reason", "batch_id")
    }
    kept |= {"id": new_id, "attempt": attempt, "replaces_id": order_id, "status": "drafted", "status_at": act.now}
    kept |= {name: getattr(proposal, name) for name in ("payee_name", "payee_account", "payee_bank")}
    _becomes(act, order, "reissued")
    act.conn.execute(insert(payment_orders), kept)
    approved = {"approved_by": act.actor.id, "approved_at": act.now}
    act.conn.execute(update(order_corrections).where(c.order_id == order_id).values(**approved))
    ordering.follow(act, order.scheme_code, order.period)
    return new_id


def _returned_order(act: Act, order_id: str) -> Row[Any]:
    order = act.conn.execute(select(payment_orders).where(o.id == order_id).with_for_update()).one_or_none()
    if order is None:
        raise Refused(Reason.NOT_FOUND, what=order_id)
    own = payers.name_of(payers.TOWN, act.actor.town) if act.actor.town else order.payer
    if order.payer != own:
        raise Refused(Reason.NOT_ALLOWED)
    if order.status != "returned":
        raise Refused(Reason.WRONG_STATE, state=order.status, event="reissue")
    return order


def listed(conn: Connection, scheme_code: str, period: str | None = None) -> list[Row[Any]]:
    """Orders in the order of their ids; of one period or all."""
    query = select(payment_orders).where(o.scheme_code == scheme_code)
    if period is not None:
        query = query.where(o.period == period)
    return list(conn.execute(query.order_by(o.period, o.id)))
