"""ISO 20022: batches as pain.001.001.09 (customer credit transfer), and the bank's answers as pain.002 (payment status report).

The same batch gives the same bytes: the time of creation is the batch's. Payments of one account make one payment information block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from lxml import etree

from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
CURRENCY = "CNY"
LARGEST = 50 * 1024 * 1024
"""Bytes of an answer; what is larger is none."""
_ID, _NAME, _WORDS, _ACCOUNT = 35, 140, 140, 34
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(batch_id: str, made_at: datetime, orders: Sequence[Mapping[str, str]]) -> bytes:
    """``orders``: order, amount (yuan with two decimals), payer_name, payer_account, payee_name, payee_account, payee_bank, purpose."""
    document = etree.Element(_tag("Document"), nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    message = _under(document, "CstmrCdtTrfInitn")
    made = made_at.astimezone(SHANGHAI)
    ordered = sorted(orders, key=lambda order: (order["payer_account"], order["order"]))
    head = _under(message, "GrpHdr")
    _facts(head, MsgId=short(batch_id), CreDtTm=made.replace(microsecond=0).isoformat(), **_counted(ordered))
    _name(_under(head, "InitgPty"), ordered[0]["payer_name"] if ordered else "")
    for number, (_, group) in enumerate(groupby(ordered, key=lambda order: order["payer_account"]), 1):
        _payments(message, f"{batch_id}-{number}", made, list(group))
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def short(id: str) -> str:
    """An id in the 35 characters that the standard allows; a longer one keeps its beginning, with a digest of the whole."""
    return id if len(id) <= _ID else f"{id[:22]}-{sha256(id.encode()).hexdigest()[:12]}"


def _payments(message: etree._Element, id: str, made: datetime, orders: Sequence[Mapping[str, str]]) -> None:
    block = _under(message, "PmtInf")
    _facts(block, PmtInfId=short(id), PmtMtd="TRF", **_counted(orders))
    _under(_under(block, "ReqdExctnDt"), "Dt").text = f"{made:%Y-%m-%d}"
    payer = orders[0]
    _name(_under(block, "Dbtr"), payer["payer_name"])
    _account(_under(block, "DbtrAcct"), payer["payer_account"])
    # Whose account it is, the bank that takes the file knows; the standard wants the element all the same.
    _under(_under(_under(_under(block, "DbtrAgt"), "FinInstnId"), "Othr"), "Id").text = "NOTPROVIDED"
    for order in orders:
        payment = _under(block, "CdtTrfTxInf")
        _under(_under(payment, "PmtId"), "EndToEndId").text = _own(order["order"])
        amount = _under(_under(payment, "Amt"), "InstdAmt")
        amount.set("Ccy", CURRENCY)
        amount.text = order["amount"]
        _under(_under(_under(payment, "CdtrAgt"), "FinInstnId"), "Nm").text = _clean(order["payee_bank"], _NAME)
        _name(_under(payment, "Cdtr"), order["payee_name"])
        _account(_under(payment, "CdtrAcct"), order["payee_account"])
        _under(_under(payment, "RmtInf"), "Ustrd").text = _clean(order["purpose"], _WORDS)


def _own(order_id: str) -> str:
    """The order's number as the bank reports it back, which must be the whole of it."""
    if len(order_id) > _ID:
        raise Refused(
            Reason.BAD_INPUT,
            detail=f"pain.001：付款单号最长{_ID}个字符 | an order's number of at most {_ID} characters",
        )
    return order_id


def _counted(orders: Sequence[Mapping[str, str]]) -> dict[str, str]:
    fen = sum(int(order["amount"].replace(".", "")) for order in orders)
    return {"NbOfTxs": str(len(orders)), "CtrlSum": f"{fen // 100}.{fen % 100:02d}"}


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _under(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _tag(name))


def _facts(parent: etree._Element, **texts: str) -> None:
    for name, text in texts.items():
        _under(parent, name).text = text


def _name(party: etree._Element, name: str) -> None:
    _under(party, "Nm").text = _clean(name, _NAME)


def _account(account: etree._Element, number: str) -> None:
    if len(number) > _ACCOUNT:  # cut off it would be somebody else's
        raise Refused(
            Reason.BAD_INPUT,
            detail=f"pain.001：账号最长{_ACCOUNT}个字符 | an account number of at most {_ACCOUNT} characters",
        )
    _under(_under(_under(account, "Id"), "Othr"), "Id").text = _clean(number, _ACCOUNT)


def _clean(text: str, most: int) -> str:
    """Never empty: the standard asks for a character at least."""
    return _NOT_XML.sub(" ", text)[:most] or "-"


def answers(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """The line and the facts of every payment in a status report, whatever its version: order, amount, status, reference, reason.

    Raises ValueError for what is no such report. A payment that names no amount gets an empty one; entities and document types are refused.
    """
    if len(data) > LARGEST or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("not a status report")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError("not XML") from error
    if root.find("./{*}CstmrPmtStsRpt") is None:
        raise ValueError("not a status report")
    for payment in root.iterfind("./{*}CstmrPmtStsRpt/{*}OrgnlPmtInfAndSts/{*}TxInfAndSts"):
        yield (
            int(str(payment.sourceline or 0)),
            {
                "order": _text(payment, "OrgnlEndToEndId"),
                "amount": _text(payment, "OrgnlTxRef/{*}Amt/{*}InstdAmt"),
                "status": _text(payment, "TxSts"),
                "reference": _text(payment, "AcctSvcrRef"),
                "reason": _text(payment, "StsRsnInf/{*}AddtlInf") or _text(payment, "StsRsnInf/{*}Rsn/{*}Cd"),
            },
        )


def _text(payment: etree._Element, path: str) -> str:
    return (payment.findtext(f"./{{*}}{path}") or "").strip()
