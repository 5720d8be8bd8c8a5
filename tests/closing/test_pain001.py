"""pain.001.001.09 against the official schema, and the bank's pain.002 read back."""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from settlement.closing import bankfile, integrity, pain001, payment
from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.ledger import chart
from settlement.outcomes import Refused
from tests.closing.county import AUGUST, FINANCE, JULY, SCHEME, SEPTEMBER, XIANNV, County
from tests.support import acting, at

SCHEMA = etree.XMLSchema(etree.fromstring((files("sepaxml") / "schemas" / "pain.001.001.09.xsd").read_bytes()))
NS = {"p": pain001.NAMESPACE}
P1, P2, T1 = (f"{SCHEME}-2026-Q3-{number}" for number in ("P001", "P002", "T001"))


def order(id: str, fen: int, payee: str = "安康养老服务中心", **other: Any) -> Any:
    row = {"id": id, "period": "2026-Q3", "kind": "provider", "amount_fen": fen, "payer_name": "仙女镇财政专户"}
    row |= {"payer_account": "3205002", "payee_name": payee, "payee_account": "6228000001", "payee_bank": "江都农商行"}
    return SimpleNamespace(**row | other)


def rendered(*orders: Any, id: str = "jiangdu-2026-Q3-001") -> bytes:
    batch: Any = SimpleNamespace(id=id, exported_at=at("2026-10-12 09:00"), orders=len(orders), total_fen=0)
    return bankfile.render(bankfile.load("pain001"), batch, list(orders))


def status(*payments: str) -> bytes:
    """A status report as banks send it."""
    body = "".join(payments)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>B1</MsgId><CreDtTm>2026-10-13T16:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>x</OrgnlMsgId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>x-1</OrgnlPmtInfId>{body}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def said(id: str, amount: str, state: str = "ACSC", reason: str = "") -> str:
    why = f"<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>{reason}</AddtlInf></StsRsnInf>" if reason else ""
    return (
        f"<TxInfAndSts><OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>{state}</TxSts>{why}<AcctSvcrRef>R-{id[-4:]}</AcctSvcrRef>"
        f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{amount}</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>'
    )


def test_a_batch_of_two_accounts_is_valid_and_says_what_the_orders_say() -> None:
    district = {"payer_name": "江都区财政专户", "payer_account": "3205001", "kind": "transfer"}
    data = rendered(order(P1, 100_000), order(P2, 1001, "=1+1 福寿服务社"), order(T1, 70_701, **district))
    document = etree.fromstring(data)
    SCHEMA.assertValid(document)
    assert document.xpath("//p:GrpHdr/p:NbOfTxs/text() | //p:GrpHdr/p:CtrlSum/text()", namespaces=NS) == [
        "3",
        "1717.02",
    ]
    blocks = document.xpath("//p:PmtInf", namespaces=NS)
    assert [b.xpath("string(p:DbtrAcct//p:Id/p:Othr/p:Id)", namespaces=NS) for b in blocks] == ["3205001", "3205002"]
    assert [b.findtext("p:CtrlSum", namespaces=NS) for b in blocks] == ["707.01", "1010.01"]
    first = blocks[1].find("p:CdtTrfTxInf", NS)
    assert first.findtext("p:PmtId/p:EndToEndId", namespaces=NS) == P1
    assert (first.find("p:Amt/p:InstdAmt", NS).get("Ccy"), first.findtext("p:Amt/p:InstdAmt", namespaces=NS)) == (
        "CNY",
        "1000.00",
    )
    assert first.findtext("p:RmtInf/p:Ustrd", namespaces=NS) == "2026-Q3养老服务补贴结算"
    assert document.xpath("//p:Cdtr/p:Nm/text()", namespaces=NS)[2] == "=1+1 福寿服务社"


@pytest.mark.parametrize("name", ["名" * 300, "甲<乙>&丙", "a\x00b\x0bc", ""])
def test_whatever_a_name_holds_the_message_stays_valid(name: str) -> None:
    SCHEMA.assertValid(etree.fromstring(rendered(order(P1, 1, name), id="c" * 60)))


def test_an_order_number_too_long_to_come_back_whole_is_refused() -> None:
    with pytest.raises(Refused, match="35"):
        rendered(order("x" * 36, 1))


@pytest.mark.parametrize("side", ["payer_account", "payee_account"])
def test_an_account_number_is_never_cut_off(side: str) -> None:
    rendered(order(P1, 1, **{side: "6" * 34}))
    with pytest.raises(Refused, match="34"):
        rendered(order(P1, 1, **{side: "6" * 35}))


def read(data: bytes) -> tuple[list[bankfile.Answer], list[str]]:
    answers, findings = bankfile.read_result(bankfile.load("pain001"), data)
    return answers, [finding.code for finding in findings]


def test_a_report_is_read_payment_by_payment() -> None:
    answers, findings = read(status(said(P1, "1000.00"), said(P2, "10.01", "RJCT", "账户已销户")))
    assert findings == []
    assert [(a.order_id, a.amount_fen, a.paid, a.reference, a.reason) for a in answers] == [
        (P1, 100_000, True, "R-P001", ""),
        (P2, 1001, False, "R-P002", "账户已销户"),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bank_file_encoding"),
        (b"H|x|1", "bank_file_encoding"),
        (b"<Document/>", "bank_file_encoding"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "bank_file_encoding"),
        (status(), "bank_file_empty"),
        (status(said(P1, "1000.00", "PDNG")), "bank_line_unreadable"),
        (status(said(P1, "")), "bank_line_unreadable"),
    ],
)
def test_what_is_no_report_or_no_answer_is_one_finding(data: bytes, code: str) -> None:
    assert read(data)[1] == [code]


def test_orders_go_out_and_come_back_as_messages(county: County) -> None:
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    with acting(county.engine, "2026-10-12 09:00", FINANCE) as act:
        batch = payment.export(act, SCHEME, "2026-Q3", layout="pain001")
    assert batch.bank_file_name == f"{SCHEME}-2026-Q3-001.xml"
    SCHEMA.assertValid(etree.fromstring(batch.bank_file))
    with acting(county.engine, "2026-10-13 09:00", FINANCE) as act:
        done = payment.confirm(act, status(said(P1, "1000.00"), said(T1, "700.00")), layout="pain001")
    assert (done.findings, done.paid) == ((), 2)
    assert {row.bank_reference for row in county.rows(payment_orders)} == {"R-P001", "R-T001"}
    assert county.balance(chart.PAYABLE, f"provider:{county.providers['A']}") == 0
    with reading(county.engine) as conn:
        assert integrity.check(conn) == []
