"""How this desk's pages say what the register holds as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admin.frame.console import here
from settlement.cards import lifecycle
from settlement.money import format_yuan
from settlement.people import register
from settlement.people.identity import mask
from settlement.policy.scheme import Scheme

STATUS: Mapping[str, tuple[str, str]] = {
    "registered": ("在册未享受", "registered"),
    "entitled": ("享受中", "entitled"),
    "removed": ("已退出", "removed"),
}
REASONS: Mapping[str, tuple[str, str]] = {
    "enrolled": ("申请通过", "enrolled"),
    "level_changed": ("能力等级变化", "ability level changed"),
    "category_changed": ("类别变化", "category changed"),
    "age_band": ("到龄调整", "reached an age"),
    "reinstated": ("恢复", "reinstated"),
    "died": ("去世", "died"),
    "left": ("迁出或退出", "left"),
}
ACTS: Mapping[str, tuple[str, str]] = {
    "issue": ("发放", "issued"),
    "debit_subsidy": ("扣款", "debit"),
    "debit_personal": ("扣款", "debit"),
    "take_back": ("收回", "taken back"),
    "lapse": ("到期清零", "lapsed"),
    "top_up": ("充值", "top-up"),
    "refund": ("退款", "refund"),
}
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "passed": ("通过", "passed"),
    "refused": ("不通过", "refused"),
    "objected": ("有异议", "objected to"),
    "returned": ("退回", "returned"),
}
LEVELS = ("0 能力完好 able", "1 轻度失能 mild", "2 中度失能 moderate", "3 重度失能 severe", "4 完全失能 complete")
SOURCES: Mapping[str, tuple[str, str]] = {
    "household": ("户籍注销", "household register"),
    "funeral": ("殡葬火化", "funeral register"),
}
HISTORY: Mapping[str, str] = {
    "amount_fen": "金额",
    "applied_on": "申请日期",
    "categories": "类别",
    "category": "类别",
    "died_on": "去世日期",
    "from_month": "从月份",
    "left_on": "迁出或退出日期",
    "on": "日期",
    "operator_no": "运营方流水号",
    "status": "状态",
    "town": "镇街",
    "village": "村社区",
}
"""What an audit row's facts are called in a person's history; others say nothing to its reader."""
ANSWERS: Mapping[str, tuple[str, str]] = {"yes": ("同意", "yes"), "no": ("不申请", "no")}


def pair(words: tuple[str, str]) -> str:
    """Both languages in one line, for a cell or an option."""
    return f"{words[0]} {words[1]}"


def state(code: str) -> str:
    return pair(STATUS[code])


def card_state(code: str) -> str:
    return pair(lifecycle.WORDS[code])


def reason(code: str) -> str:
    return pair(REASONS[code]) if code in REASONS else code


def masked_number(cipher: str) -> str:
    """An identity number as a list may show it."""
    return mask(here().ring.decrypt(cipher, register.ID_NO))


def benefits(scheme: Scheme, codes: str | list[str]) -> str:
    """The names of benefits by their codes, ``a+b`` or a list."""
    listed = codes.split("+") if isinstance(codes, str) else codes
    names = {each.code: each.name_zh for each in scheme.benefits}
    return "、".join(names.get(code, code) for code in listed)


def group(scheme: Scheme, row: Any) -> str:
    """What an entitlement gives: the benefit's name and, where there are tiers, the tier's."""
    if row.benefit == row.group_code:
        return benefits(scheme, row.benefit)
    tier = row.group_code.removeprefix(f"{row.benefit}_")
    names = {each.code: each.name_zh for benefit in scheme.benefits for each in benefit.tiers}
    return f"{benefits(scheme, row.benefit)}（{names.get(tier, tier)}）"


def category(scheme: Scheme | None, code: str) -> str:
    names = {} if scheme is None else {each.code: each.name_zh for each in scheme.categories}
    return names.get(code, code)


def changed(scheme: Scheme | None, after: Mapping[str, Any] | None) -> str:
    """What an audit row says became of it, as far as it has words."""
    said: list[str] = []
    for key, value in (after or {}).items():
        if key not in HISTORY or value in (None, ""):
            continue
        many = value if isinstance(value, list) else [value]
        if key in ("category", "categories"):
            many = [category(scheme, one) for one in many]
        elif key == "status":
            many = [lifecycle.WORDS[one][0] if one in lifecycle.WORDS else one for one in many]
        elif key == "amount_fen":
            many = [f"{format_yuan(one)}元" for one in many]
        said.append(f"{HISTORY[key]}：{'、'.join(map(str, many))}")
    return "；".join(said)


def step(scheme: Scheme | None, code: str) -> str:
    """A step of an enrolment, or how it ended."""
    names = {} if scheme is None else {each.code: each.name_zh for each in scheme.enrolment.steps}
    return {"done": "已办结", "refused": "未通过"}.get(code) or names.get(code, code)


def outcome(code: str) -> str:
    return pair(OUTCOMES[code]) if code in OUTCOMES else code


def act(code: str) -> str:
    """What moved money on a card, by the chart's code."""
    return pair(ACTS[code]) if code in ACTS else code
