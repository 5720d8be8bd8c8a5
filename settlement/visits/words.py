"""The closed lists of the door: reasons that people choose from, each with its words. What is not listed is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from settlement.outcomes import Declined, Reason, declined


class Listed(NamedTuple):
    zh: str
    en: str


class VoidReason(NamedTuple):
    """``again``: the service is to be given again (notice 5(3)1), so the provider gets an order for it."""

    zh: str
    en: str
    again: bool


VOID_REASONS: Mapping[str, VoidReason] = {
    "too_short": VoidReason("时长不足", "shorter than the minimum", True),
    "substandard": VoidReason("质量不达标", "quality below the standard", True),
    "not_as_agreed": VoidReason("项目与约定不符", "not the items agreed", True),
    "unfinished": VoidReason("中途终止", "broken off", True),
    "no_check_out": VoidReason("未签退", "never checked out", True),
    "cancelled": VoidReason("签到撤销", "check-in taken back", False),
    "duplicate": VoidReason("重复记录", "recorded twice", False),
    "wrong_person": VoidReason("扫错卡", "another person's card was read", False),
    "overlap": VoidReason("与另一次服务时间重叠", "overlaps another visit", False),
    "goods": VoidReason("以实物代替服务", "goods instead of service", False),
    "not_served": VoidReason("未提供服务", "nothing was served", False),
    "fraud": VoidReason("虚假服务", "fraud", False),
    "dead": VoidReason("老人已去世", "the senior had died", False),
    "left": VoidReason("老人已迁出", "the senior had left", False),
}

NOT_SERVED_REASONS: Mapping[str, Listed] = {
    "nobody_home": Listed("家中无人", "nobody home"),
    "refused": Listed("老人拒绝服务", "refused"),
    "card_missing": Listed("找不到卡", "card missing"),
    "ill": Listed("老人突发疾病", "found ill"),
    "dead": Listed("老人已去世", "found dead"),
    "moved": Listed("老人已搬离", "moved away"),
    "goods_wanted": Listed("要求以实物代替服务", "goods wanted instead of service"),
    "wrong_address": Listed("地址有误", "wrong address"),
    "unsafe": Listed("现场不安全", "not safe"),
    "no_caregiver": Listed("服务人员无法到达", "no caregiver could come"),
}

ORDER_CANCEL_REASONS: Mapping[str, Listed] = {
    "senior_asked": Listed("老人或代理人取消", "the senior or agent asked"),
    "provider": Listed("服务商取消", "the provider cannot"),
    "rescheduled": Listed("改期", "another time was agreed"),
    "duplicate": Listed("重复工单", "planned twice"),
    "removed": Listed("老人已退出", "the senior is no longer entitled"),
}

OUT_REASONS: Mapping[str, Listed] = {
    "battery_empty": Listed("原设备没电", "the first device's battery was empty"),
    "device_broken": Listed("原设备故障", "the first device broke"),
    "device_lost": Listed("原设备丢失", "the first device was lost"),
    "code_unreadable": Listed("二维码无法识读", "the code could not be read"),
    "card_missing": Listed("签退时找不到卡", "the card was not at hand"),
    "forgotten": Listed("离开后补签退", "forgotten at the door"),
    "emergency": Listed("突发情况", "an emergency"),
}

TAKE_BACK_REASONS: Mapping[str, Listed] = {
    "mistake": Listed("操作有误", "a mistake"),
    "wrong_card": Listed("扫错卡", "another person's card was read"),
    "wrong_amount": Listed("金额有误", "a wrong amount"),
    "senior_disagrees": Listed("老人不同意", "the senior disagrees"),
}

ORDER_STATUS: Mapping[str, Listed] = {
    "planned": Listed("待服务", "planned"),
    "done": Listed("已服务", "done"),
    "cancelled": Listed("已取消", "cancelled"),
    "not_served": Listed("未能服务", "not served"),
}

VISIT_STATUS: Mapping[str, Listed] = {
    "open": Listed("服务中", "open"),
    "served": Listed("已服务", "served"),
    "paid": Listed("已结算", "on a statement"),
    "void": Listed("废单", "void"),
}

METHODS: Mapping[str, Listed] = {
    "chip": Listed("芯片", "chip"),
    "dynamic": Listed("动态码", "dynamic code"),
    "card_qr": Listed("卡面二维码", "the card's QR"),
    "door_plate": Listed("门牌二维码", "door plate"),
    "typed": Listed("手工输入卡号", "typed number"),
}

CONSENTS: Mapping[str, str] = {
    "chip": "card_chip",
    "dynamic": "dynamic_code",
    "pin": "pin",
    "card_qr": "static_code",
    "agent": "agent_later",
}
"""How a debit was agreed to -> the scheme's word for it."""


def unlisted(word: str, known: Mapping[str, Any]) -> Declined | None:
    """The decline for a word that is not on its list."""
    return None if word in known else declined(Reason.BAD_INPUT, detail=f"{word[:40]}: {', '.join(known)}")
