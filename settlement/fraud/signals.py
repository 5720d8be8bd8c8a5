"""Every signal, in one place. Thresholds and what a hit leads to stand in the scheme (``[[fraud.signals]]``), with their clauses."""

from __future__ import annotations

from settlement.fraud.duration import just_over_minimum, late_uploads, under_minimum
from settlement.fraud.payment import (
    debit_above_lines,
    debit_outside_window,
    debit_without_visit,
    idle_burst,
    replaced_card,
)
from settlement.fraud.place import cards_at_one_place, far_from_address, no_location
from settlement.fraud.presence import caregiver_overlap, impossible_travel, long_day, senior_overlap
from settlement.fraud.proof import weak_methods
from settlement.fraud.register import after_death, after_freeze, after_leaving
from settlement.fraud.signal import Signal

SIGNALS: dict[str, Signal] = {
    signal.code: signal
    for signal in (
        Signal(
            "caregiver_overlap",
            "同一服务人员两次服务重叠{minutes}分钟（容许{over_minutes}分钟）",
            "the caregiver's visits overlap by {minutes} min ({over_minutes} allowed)",
            caregiver_overlap,
        ),
        Signal(
            "senior_overlap",
            "同一老人两次服务重叠{minutes}分钟（容许{over_minutes}分钟）",
            "the senior was served twice at once for {minutes} min ({over_minutes} allowed)",
            senior_overlap,
        ),
        Signal(
            "impossible_travel",
            "{seconds}秒内到达{metres}米外（按时速{speed_kmh}公里不可能）",
            "{metres} m in {seconds} s between two visits (impossible at {speed_kmh} km/h)",
            impossible_travel,
        ),
        Signal(
            "under_minimum",
            "服务{seconds}秒，不足{threshold_seconds}秒",
            "lasted {seconds} s, at least {threshold_seconds} s are needed",
            under_minimum,
            rule="visits.duration",
        ),
        Signal(
            "just_over_minimum",
            "该服务人员本月{visits}次服务中{percent}%刚过最低时长（界限{threshold_percent}%）",
            "{percent}% of the caregiver's {visits} visits of the month are just over the minimum (limit {threshold_percent}%)",
            just_over_minimum,
        ),
        Signal(
            "debit_without_visit",
            "扣款{fen}分，但没有完成的服务（服务状态：{visit}）",
            "{fen} fen were debited without a service completed (visit: {visit})",
            debit_without_visit,
        ),
        Signal(
            "debit_outside_window",
            "扣款与服务时间相差{minutes}分钟（容许前{before_minutes}分钟、后{after_minutes}分钟）",
            "debited {minutes} min {side} the visit ({before_minutes} before and {after_minutes} after allowed)",
            debit_outside_window,
        ),
        Signal(
            "debit_above_lines",
            "扣款{fen}分，按价目应为{lines_fen}分",
            "{fen} fen were debited, the lines come to {lines_fen} by the price list",
            debit_above_lines,
        ),
        Signal(
            "after_death",
            "{day}服务，登记去世日期{from_day}",
            "served on {day}, died on {from_day} by the register",
            after_death,
        ),
        Signal(
            "after_leaving",
            "{day}服务，自{from_day}起已不在服务范围",
            "served on {day}, no longer to be served from {from_day}",
            after_leaving,
        ),
        Signal(
            "after_freeze",
            "{check_in}签到，卡自{frozen_from}起冻结",
            "checked in {check_in}, the card is frozen from {frozen_from}",
            after_freeze,
        ),
        Signal(
            "replaced_card",
            "使用第{issue}次发的卡码，当时已挂失或更换",
            "the code of issue {issue} was lost or replaced by then",
            replaced_card,
        ),
        Signal(
            "far_from_address",
            "签到距住址{in_m}米、签退{out_m}米（界限{metres}米）",
            "{in_m} m from the address at check-in, {out_m} m at check-out (limit {metres} m)",
            far_from_address,
        ),
        Signal(
            "no_location",
            "没有可用定位（{ends}；精度须在{accuracy_over_m}米以内）",
            "no usable location ({ends}; accuracy within {accuracy_over_m} m is needed)",
            no_location,
        ),
        Signal(
            "cards_at_one_place",
            "{seconds}秒内同一地点扣款{cards}张卡（界限{threshold_cards}张、{minutes}分钟、{metres}米）",
            "{cards} cards debited at one place in {seconds} s (limit {threshold_cards} in {minutes} min and {metres} m)",
            cards_at_one_place,
        ),
        Signal(
            "long_day",
            "该服务人员当日服务{minutes}分钟（界限{hours}小时）",
            "the caregiver's day adds up to {minutes} min (limit {hours} h)",
            long_day,
        ),
        Signal(
            "idle_burst",
            "闲置{idle_days}天的余额在{within_days}天内用去{percent}%（界限{threshold_percent}%）",
            "a balance idle for {idle_days} days was spent to {percent}% within {within_days} days (limit {threshold_percent}%)",
            idle_burst,
        ),
        Signal(
            "late_uploads",
            "上传迟{hours}小时；同一人员或设备本月{percent}%的记录迟传（界限{threshold_percent}%）",
            "uploaded {hours} h late; {percent}% of the caregiver's or device's month came late (limit {threshold_percent}%)",
            late_uploads,
        ),
        Signal(
            "weak_methods",
            "弱凭据（{methods}）；该服务人员本月{visits}次服务中{percent}%是弱凭据（界限{threshold_percent}%）",
            "weakly proved ({methods}); so are {percent}% of the caregiver's {visits} visits of the month (limit {threshold_percent}%)",
            weak_methods,
        ),
    )
}
