"""What terminals and we say to each other: one message, the table of fields, the table of messages.

ISO 8583:1987 over TCP: two bytes of length (big-endian, not counting themselves), then ASCII fields, binary bitmaps. The MAC is the last
field: 128 when any field above 64 is present, else 64. Times are Beijing time. ``docs/terminals.md`` tells the same to integrators; a test
compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

Fields = dict[int, str | bytes]


@dataclass(frozen=True)
class Message:
    """``mti``: four digits. ``fields``: by number; text as str, binary fields as bytes; bitmaps (1) and the MAC (64, 128) are the codec's."""

    mti: str
    fields: Mapping[int, str | bytes]

    def text(self, number: int) -> str:
        """A text field; "" where it is absent."""
        value = self.fields.get(number, "")
        if isinstance(value, bytes):
            raise TypeError(f"field {number} is binary")
        return value

    def data(self, number: int) -> bytes:
        """A binary field; b"" where it is absent."""
        value = self.fields.get(number, b"")
        if isinstance(value, str):
            raise TypeError(f"field {number} is text")
        return value


MAC_FIELDS = (64, 128)


class Field(NamedTuple):
    """``kind``: n digits, an letters and digits, ans printable ASCII, xn C or D and digits, u UTF-8 text, b bytes. ``prefix``: digits of length in
    front (0: the length is fixed). ``size``: the length or, with a prefix, the greatest; in bytes."""

    kind: str
    prefix: int
    size: int
    zh: str
    en: str


# fmt: off
FIELDS: dict[int, Field] = {
    2: Field("n", 2, 19, "卡号", "card number"),
    3: Field("n", 0, 6, "处理码", "processing code"),
    4: Field("n", 0, 12, "总金额（分）", "amount in all, fen"),
    7: Field("n", 0, 10, "发送日期时间 MMDDhhmmss", "sent at, MMDDhhmmss"),
    11: Field("n", 0, 6, "终端流水号", "trace number of the terminal"),
    12: Field("n", 0, 6, "交易时间 hhmmss", "time it happened, hhmmss"),
    13: Field("n", 0, 4, "交易日期 MMDD", "day it happened, MMDD"),
    22: Field("n", 0, 3, "读卡方式", "how the card was read"),
    23: Field("n", 0, 3, "卡片序号（第几次发卡）", "which piece of the card: its issue"),
    37: Field("an", 0, 12, "平台流水号", "our reference"),
    38: Field("an", 0, 6, "授权码", "authorisation code"),
    39: Field("an", 0, 2, "应答码", "response code"),
    41: Field("ans", 0, 8, "终端号", "terminal"),
    42: Field("ans", 0, 15, "商户号", "merchant"),
    48: Field("ans", 3, 400, "项目 代码*数量,…", "items CODE*QUANTITY,…"),
    49: Field("n", 0, 3, "币种 156", "currency 156"),
    52: Field("b", 0, 8, "（不接受 DES 密码块）", "(PIN blocks of DES are not taken)"),
    54: Field("ans", 3, 120, "分项金额", "amounts in parts"),
    55: Field("b", 3, 255, "芯片数据 TLV", "chip data, TLV"),
    58: Field("ans", 3, 40, "现金收据号", "receipt number of cash"),
    59: Field("ans", 3, 40, "服务人员工号", "staff number of who serves"),
    60: Field("n", 3, 6, "批次号", "batch number"),
    61: Field("ans", 3, 400, "卡面二维码，或动态码", "text of the card's QR code, or a dynamic code"),
    62: Field("b", 3, 48, "工作密钥（已加密）", "working keys, wrapped"),
    63: Field("u", 3, 400, "说明文字 UTF-8", "words to show, UTF-8"),
    64: Field("b", 0, 8, "报文鉴别码", "MAC"),
    66: Field("n", 0, 1, "对账结果 1 相符 2 不符", "totals: 1 agree, 2 differ"),
    70: Field("n", 0, 3, "管理功能码", "network management code"),
    74: Field("n", 0, 10, "退款笔数", "number of credits: refunds"),
    75: Field("n", 0, 10, "（总为零）", "(always zero)"),
    76: Field("n", 0, 10, "消费笔数", "number of debits: purchases"),
    77: Field("n", 0, 10, "消费撤销笔数", "number of debits voided"),
    86: Field("n", 0, 16, "退款金额（分）", "amount of credits, fen"),
    87: Field("n", 0, 16, "（总为零）", "(always zero)"),
    88: Field("n", 0, 16, "消费金额（分）", "amount of debits, fen"),
    89: Field("n", 0, 16, "消费撤销金额（分）", "amount of debits voided, fen"),
    90: Field("n", 0, 42, "原交易", "the original transaction"),
    97: Field("xn", 0, 17, "净额（D 应收，C 应付）", "net amount (D: due to the merchant)"),
    126: Field("b", 3, 16, "密码块（ISO 9564 格式 4，AES）", "PIN block, ISO 9564 format 4, AES"),
    128: Field("b", 0, 8, "报文鉴别码", "MAC"),
}
# fmt: on

SIGN_ON, SIGN_OFF, KEY_EXCHANGE, ECHO = "001", "002", "101", "301"
"""Field 70 of an 0800."""
PURCHASE, VOID, REFUND, BALANCE = "000000", "020000", "200000", "310000"
SETTLE, SETTLE_AFTER_UPLOAD = "920000", "960000"
"""Field 3."""

CHIP, SCANNED, TYPED = "05", "03", "01"
"""The first two digits of field 22; the third is 1 where the terminal can take a PIN, else 0."""


class Layout(NamedTuple):
    """One message of a terminal. ``code``: of field 3, or field 70 for an 0800; "" where any may stand. ``card``: a card is presented, by its number
    (2) or a code (61). ``needs`` and ``may``: fields; others are ignored. ``answer``: fields of the answer when approved, besides those of
    :data:`ECHOED`; 39 and 63 stand in every answer."""

    mti: str
    code: str
    zh: str
    en: str
    needs: tuple[int, ...]
    may: tuple[int, ...] = ()
    answer: tuple[int, ...] = ()
    card: bool = False


ECHOED = (3, 4, 7, 11, 12, 13, 41, 42, 49, 60, 70, 90)
"""Fields an answer repeats from the request as they came. A sign-on's answer gives our own time (12, 13) and the open batch (60)."""

_HEAD = (7, 11, 41, 42)
_DONE = (3, 4, *_HEAD, 12, 13, 49, 60)
_CARD = (2, 23, 55, 61, 126)
_SALE = (*_DONE, 22, 48, 59)
_TOTALS = (74, 75, 76, 77, 86, 87, 88, 89, 97)

# fmt: off
LAYOUTS: tuple[Layout, ...] = (
    Layout("0800", SIGN_ON, "签到", "sign-on", (*_HEAD, 70), answer=(12, 13, 60)),
    Layout("0800", SIGN_OFF, "签退", "sign-off", (*_HEAD, 70)),
    Layout("0800", KEY_EXCHANGE, "换密钥", "key exchange", (*_HEAD, 70), answer=(62,)),
    Layout("0800", ECHO, "线路测试", "echo", (*_HEAD, 70)),
    Layout("0200", BALANCE, "查余额", "balance", (3, *_HEAD, 12, 13, 22), _CARD, (37, 54), card=True),
    Layout("0200", PURCHASE, "消费", "purchase", _SALE, (*_CARD, 54, 58), (37, 38, 54), card=True),
    Layout("0200", VOID, "消费撤销", "void", (*_DONE, 37), answer=(37, 38, 54)),
    Layout("0200", REFUND, "退款", "refund", (*_DONE, 37), answer=(37, 38, 54)),
    Layout("0220", PURCHASE, "离线消费通知", "advice of an offline purchase", _SALE, (*_CARD, 54, 58), (37, 38, 54), card=True),
    Layout("0400", "", "冲正", "reversal", (*_DONE, 90), answer=(37,)),
    Layout("0420", "", "冲正通知", "advice of a reversal", (*_DONE, 90), answer=(37,)),
    Layout("0320", "", "批上送", "upload of one transaction", (*_DONE, 90), (37,), (37,)),
    Layout("0500", SETTLE, "批结算", "batch settlement", (3, *_HEAD, 60, *_TOTALS), answer=(37, 66)),
    Layout("0500", SETTLE_AFTER_UPLOAD, "上送后批结算", "settlement after the upload", (3, *_HEAD, 60, *_TOTALS), answer=(37, 66)),
)
# fmt: on

ADVICES = frozenset({"0220", "0320", "0420"})
"""What has happened already: recorded whatever we think of it."""


def first_sent(mti: str) -> str:
    """A repeat (0201, 0221 …) as it was first sent (0200, 0220 …). A repeat keeps every field, 7 and 11 above all."""
    return mti[:3] + "0" if mti.endswith("1") else mti


def answering(mti: str) -> str:
    """The MTI of the answer: 0200 and 0201 -> 0210, 0220 -> 0230."""
    return f"{mti[:2]}{int(mti[2]) + 1}0"


def layout_of(message: Message) -> Layout | None:
    """The row of :data:`LAYOUTS` a message of a terminal is; None: we do not take it."""
    mti = first_sent(message.mti)
    code = message.text(70 if mti == "0800" else 3)
    return next((each for each in LAYOUTS if each.mti == mti and each.code in ("", code)), None)


def missing(message: Message, layout: Layout) -> list[int]:
    """Fields a message must have and has not; 2 where it presents no card at all."""
    lacking = [number for number in layout.needs if number not in message.fields]
    return [2, *lacking] if layout.card and not message.fields.keys() & {2, 61} else lacking
