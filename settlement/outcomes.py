"""The closed list of answers: why something was declined or refused, in both languages, with what to do about it.

* A decline that is a fact worth keeping (a debit without funds, an event out of order) is **returned** as :class:`Declined` and committed.
* A call that must leave nothing behind (a wrong form, a person without the right) **raises** :class:`Refused`; the transaction rolls back.
* A broken invariant is neither: see ``errors.py``.

Codes are stable: clients and terminals depend on them. ``retry`` says whether sending the same thing again can help.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, NamedTuple


class Words(NamedTuple):
    """``http``: status of the HTTP answer; ``iso``: ISO 8583 response code (field 39); the do-texts say what the person can do."""

    http: int
    iso: str
    retry: bool
    zh: str
    en: str
    do_zh: str
    do_en: str


# A table, one row per reason:
# fmt: off
@unique
class Reason(Enum):
    """Member name in lower case is the stable code. One block per package; texts may hold ``{placeholders}`` filled from details."""

    # --- general -----------------------------------------------------------------------------------------------------------
    NOT_ALLOWED = Words(403, "57", False, "无权进行此操作", "You may not do this", "请由有权限的人员办理", "Ask someone whose role allows it")
    SAME_PERSON = Words(403, "57", False, "经办人与审批人不能是同一人", "Maker and checker must be different people", "请由另一人审批", "Have another person approve it")
    NOT_FOUND = Words(404, "25", False, "没有找到{what}", "Not found: {what}", "请核对编号", "Check the number")
    BAD_INPUT = Words(422, "30", False, "填写有误：{detail}", "Not valid: {detail}", "请按提示更正后重新提交", "Correct it as shown and send it again")
    WRONG_STATE = Words(409, "57", False, "当前状态“{state}”不能进行“{event}”", "“{event}” is not possible in state “{state}”", "请先查看当前状态和应办步骤", "Look at the present state and the step that is due")
    ID_REUSED = Words(409, "94", False, "同一编号已用于不同内容", "This id was already used with other content", "请使用新编号；若是重发，内容须完全一致", "Use a new id; a retry must have the same content")

    # --- ledger ------------------------------------------------------------------------------------------------------------
    ACCOUNT_NOT_FOUND = Words(404, "14", False, "账户不存在", "No such account", "请核对账户", "Check the account")
    ACCOUNTS_MUST_DIFFER = Words(422, "12", False, "转出和转入不能是同一账户", "Debit and credit account must differ", "请核对账户", "Check the accounts")
    UNITS_DIFFER = Words(422, "12", False, "两个账户的计量单位不同", "The two accounts have different units", "请核对账户", "Check the accounts")
    AMOUNT_NOT_POSITIVE = Words(422, "13", False, "金额必须大于零", "The amount must be above zero", "请核对金额", "Check the amount")
    ACCOUNT_FROZEN = Words(409, "62", False, "账户自{since}起冻结", "The account is frozen since {since}", "请联系所在村(社区)或市民卡网点", "Ask the village office or the card counter")
    INSUFFICIENT_FUNDS = Words(409, "51", False, "余额不足", "Not enough balance", "请减少项目或充值个人账户", "Choose less, or top up the personal account")
    HOLD_NOT_FOUND = Words(404, "25", False, "没有找到该笔预授权", "No such hold", "请核对编号", "Check the id")
    HOLD_RESOLVED = Words(409, "94", False, "该笔预授权已处理", "The hold was already posted, voided or expired", "无需再次处理", "Nothing more to do")
    HOLD_EXPIRED = Words(409, "54", False, "该笔预授权已过期", "The hold has expired", "请重新发起", "Start again")
    EXCEEDS_HOLD = Words(422, "13", False, "金额超过预授权", "The amount exceeds the hold", "请核对金额", "Check the amount")
    ALREADY_REVERSED = Words(409, "94", False, "该笔交易已冲正", "This transfer was already reversed", "无需再次处理", "Nothing more to do")

    # --- policy ------------------------------------------------------------------------------------------------------------
    SCHEME_CHANGED = Words(409, "94", False, "方案{code} {version}已入库，内容不同", "Scheme {code} {version} is already stored with other content", "修改方案须使用新版本号", "Give a changed scheme a new version")
    NO_SCHEME_IN_FORCE = Words(409, "58", False, "{month}没有生效的方案{code}", "No scheme {code} is in force in {month}", "请先导入方案", "Import the scheme first")

    # --- people ------------------------------------------------------------------------------------------------------------

    # --- providers ---------------------------------------------------------------------------------------------------------

    # --- cards -------------------------------------------------------------------------------------------------------------

    # --- vouchers ----------------------------------------------------------------------------------------------------------

    # --- visits ------------------------------------------------------------------------------------------------------------

    # --- gateway -----------------------------------------------------------------------------------------------------------

    # --- closing -----------------------------------------------------------------------------------------------------------

    # --- fraud -------------------------------------------------------------------------------------------------------------

    # --- jobs --------------------------------------------------------------------------------------------------------------

    # fmt: on
    @property
    def code(self) -> str:
        return self.name.lower()

    @property
    def words(self) -> Words:
        value: Words = self.value
        return value


@dataclass(frozen=True)
class Declined:
    """A refusal that is itself a fact to keep."""

    reason: Reason
    details: dict[str, Any]

    @property
    def zh(self) -> str:
        return fill(self.reason.words.zh, self.details)

    @property
    def en(self) -> str:
        return fill(self.reason.words.en, self.details)


def declined(reason: Reason, **details: Any) -> Declined:
    return Declined(reason, details)


class Refused(Exception):
    """Nothing of this act is kept. ``details`` fill the placeholders of the words; never put personal data there."""

    def __init__(self, reason: Reason, **details: Any) -> None:
        self.reason = reason
        self.details = details
        super().__init__(f"{self.zh} | {self.en}")

    @property
    def zh(self) -> str:
        return fill(self.reason.words.zh, self.details)

    @property
    def en(self) -> str:
        return fill(self.reason.words.en, self.details)


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def fill(text: str, details: dict[str, Any]) -> str:
    """Fill ``{placeholders}``; one without a value reads as a dash rather than failing while an error is being told."""
    return text.format_map(_Blank(details))
