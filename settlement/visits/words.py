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
    "taken_back": VoidReason("柜台撤销或退款", "taken back at the counter", False),
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

BOOKING_DECLINES: Mapping[str, Listed] = {
    "no_caregiver": Listed("当日没有服务人员", "no caregiver is free"),
    "not_offered": Listed("不提供这项服务", "the service is not offered"),
    "goods": Listed("不能以实物代替服务", "goods may not replace service"),
    "not_entitled": Listed("不在享受期内", "not entitled"),
    "unclear": Listed("说明不清，已联系老人", "unclear; the senior was called"),
    "duplicate": Listed("已有同样的预约", "asked for twice"),
    "unsafe": Listed("不宜由服务人员办理", "not for a caregiver to do"),
}

BOOKING_STATUS: Mapping[str, Listed] = {
    "asked": Listed("待答复", "waiting for an answer"),
    "accepted": Listed("已安排", "planned"),
    "declined": Listed("不能安排", "declined"),
    "withdrawn": Listed("已撤回", "withdrawn"),
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

EVIDENCE_FLAGS: Mapping[str, Listed] = {
    "method_flagged": Listed("签到签退方式须留意", "a method to look at"),
    "not_scanned": Listed("未扫码，以理由代替", "nothing was scanned, a reason was given"),
    "no_place": Listed("没有定位", "no place"),
    "inaccurate": Listed("定位不准", "an inaccurate place"),
    "far": Listed("远离登记住址", "far from the registered address"),
    "address_unknown": Listed("登记住址没有坐标", "the registered address has no coordinates"),
    "other_device": Listed("签到签退不是同一设备", "checked out on another device"),
    "clock_times": Listed("时长按设备时间计算", "the duration is by the times the devices showed"),
    "corrected": Listed("时间经过更正", "its times were corrected"),
    "late": Listed("记录迟到", "told late"),
}
"""What a checker should look at in the evidence of a visit."""


class CorrectionReason(NamedTuple):
    """``ends``: which times it may correct."""

    zh: str
    en: str
    ends: frozenset[str]


_OUT, _BOTH = frozenset({"out"}), frozenset({"in", "out"})

CORRECTION_REASONS: Mapping[str, CorrectionReason] = {
    "forgot_out": CorrectionReason("忘记签退", "forgot to check out", _OUT),
    "early_out": CorrectionReason("服务未完误签退", "checked out by mistake before the end", _OUT),
    "late_out": CorrectionReason("离开后才签退", "left earlier than checked out", _OUT),
    "late_in": CorrectionReason("开始服务后才签到", "checked in after the service had begun", frozenset({"in"})),
    "clock_wrong": CorrectionReason("设备时间不准", "the device's clock was wrong", _BOTH),
    "device_failed": CorrectionReason("设备故障或没电", "the device failed or its battery was empty", _BOTH),
    "emergency": CorrectionReason("突发情况", "an emergency", _BOTH),
}
"""Why a visit's times may be corrected; the recorded ones stay as they are."""

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
