"""Entries for an accounting system: a journal of the ledger with date, account, debit, credit, reference and words, that sums to zero.

Purses of cards appear as one account: whose they are is nobody's business outside. Movements of a day between the same two accounts, of one kind, are
one entry; what has a document of its own (a settlement, a payment) stays by itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from sqlalchemy import BigInteger, Connection, Select, case, cast, func, or_, select

from settlement.closing.bankfile import plain_yuan
from settlement.ledger import chart
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers
from settlement.money import FEN_PER_YUAN
from settlement.people.workbook import harmless

NAMES = {
    chart.VOUCHER_CONTROL: ("补贴额度控制", "vouchers issued and not settled"),
    chart.CARD_SUBSIDY: ("补贴账户", "subsidy on cards"),
    chart.CARD_PERSONAL: ("个人账户", "own money on cards"),
    chart.PROVIDER_CLAIM: ("应结服务商补贴", "providers' claims"),
    chart.PROVIDER_CLAIM_PERSONAL: ("应结服务商个人部分", "providers' claims, own money"),
    chart.OPERATOR_TRUST: ("市民卡备付金", "card operator's trust"),
    chart.PAYABLE: ("应付服务商款", "payable to providers"),
    chart.PAYER: ("补贴支出", "subsidy borne"),
    chart.PAYER_BANK: ("专户存款", "dedicated account"),
    chart.RECEIVABLE: ("应收款", "receivable"),
}
WORDS = {
    "issue": "发放补贴 issued",
    "take_back": "收回未用补贴 taken back",
    "lapse": "补贴过期 lapsed",
    "debit_subsidy": "服务扣款(补贴) service, subsidy",
    "debit_personal": "服务扣款(个人) service, own money",
    "top_up": "充值 topped up",
    "refund": "退款 refunded",
    "settle": "季度结算 settled",
    "share": "出资分担 share borne",
    "pay": "支付服务商 paid",
    "pay_returned": "银行退回 returned by the bank",
    "fund_transfer": "划拨分担资金 share transferred",
    "penalty": "违约金 penalty",
    "clawback": "追回 clawback",
    "correction": "更正 correction",
    "carry": "结转应收 carried",
    "void": "作废退回 taken back of a service",
    "personal_settle": "个人部分支付 own money paid",
}
COLUMNS = (
    "日期 date",
    "科目 account",
    "科目名称 name",
    "辅助核算 of",
    "借方 debit",
    "贷方 credit",
    "凭据 reference",
    "笔数 count",
    "摘要 words",
)
_PURSES = (chart.CARD_SUBSIDY, chart.CARD_PERSONAL)
_DOCUMENTS = ("settlement:%", "order:%")
"""References that stay by themselves; of the others a day has thousands."""


@dataclass(frozen=True)
class Entry:
    """One movement between two accounts (code, owner), in fen."""

    day: date
    debit: tuple[str, str]
    credit: tuple[str, str]
    amount: int
    code: str
    reference: str
    count: int


def entries(conn: Connection, first_day: date, end_day: date) -> Iterator[Entry]:
    """Posted transfers of cash accounts, by effective day; ``end_day`` is the first day after."""
    for row in conn.execution_options(yield_per=5000).execute(_query(first_day, end_day)):
        debit, credit = (row.debit_code, row.debit_owner), (row.credit_code, row.credit_owner)
        yield Entry(row.effective_on, debit, credit, int(row.amount), row.code, row.reference, row.movements)


def _query(first_day: date, end_day: date) -> Select[Any]:
    t, d, c = transfers.c, accounts.alias("d"), accounts.alias("c")
    owners = [case((side.c.code.in_(_PURSES), ""), else_=side.c.owner) for side in (d, c)]
    reference = case((or_(*(t.reference.like(kind) for kind in _DOCUMENTS)), t.reference), else_="")
    keys = [
        t.effective_on,
        d.c.code.label("debit_code"),
        owners[0].label("debit_owner"),
        c.c.code.label("credit_code"),
        owners[1].label("credit_owner"),
        t.code,
        reference.label("reference"),
    ]
    return (
        select(*keys, cast(func.sum(t.amount), BigInteger).label("amount"), func.count().label("movements"))
        .join(d, d.c.id == t.debit_account_id)
        .join(c, c.c.id == t.credit_account_id)
        .where(t.effective_on >= first_day, t.effective_on < end_day, t.kind.in_(POSTED_KINDS), d.c.unit == "fen")
        .group_by(*keys)
        .order_by(*keys)
    )


def rows(found: Iterator[Entry]) -> Iterator[list[Any]]:
    """Two lines per entry, as :data:`COLUMNS`; amounts in fen, the empty side 0."""
    for entry in found:
        for (code, owner), debit, credit in ((entry.debit, entry.amount, 0), (entry.credit, 0, entry.amount)):
            name = NAMES.get(code, (code, code))[0]
            words = WORDS.get(entry.code, entry.code)
            yield [entry.day.isoformat(), code, name, owner, debit, credit, entry.reference, entry.count, words]


def as_csv(found: Iterator[Entry]) -> bytes:
    """In yuan with two decimals; UTF-8 with the mark that spreadsheets look for."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for row in rows(found):
        amounts = [plain_yuan(fen) if fen else "" for fen in row[4:6]]
        writer.writerow([*map(harmless, row[:4]), *amounts, harmless(row[6]), row[7], harmless(row[8])])
    return written.getvalue().encode("utf-8-sig")


def as_workbook(found: Iterator[Entry]) -> bytes:
    """With the sums of both sides in the last line."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("分录 Journal")
    sheet.append(list(COLUMNS))
    debits = credits = 0
    for row in rows(found):
        debits, credits = debits + row[4], credits + row[5]
        amounts = [fen / FEN_PER_YUAN if fen else None for fen in row[4:6]]
        sheet.append([*map(harmless, row[:4]), *amounts, harmless(row[6]), row[7], harmless(row[8])])
    sheet.append(["合计 Total", "", "", "", debits / FEN_PER_YUAN, credits / FEN_PER_YUAN])
    content = BytesIO()
    book.save(content)
    return content.getvalue()


@dataclass(frozen=True)
class Line:
    """Sums of an account's kind over a period, in fen."""

    code: str
    debit: int
    credit: int


def totals(found: Iterator[Entry]) -> list[Line]:
    """By kind of account, in the order of the chart; debits and credits come to the same."""
    sums = {code: [0, 0] for code in NAMES}
    for entry in found:
        sums.setdefault(entry.debit[0], [0, 0])[0] += entry.amount
        sums.setdefault(entry.credit[0], [0, 0])[1] += entry.amount
    return [Line(code, *both) for code, both in sums.items() if any(both)]
