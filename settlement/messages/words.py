"""The closed lists of messages: what they are about, and what becomes of one."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, tuple[str, str]] = {
    "debit": ("扣款通知", "a debit"),
    "debit_back": ("扣款退回", "a debit taken back"),
    "lapse": ("补贴到期提醒", "subsidy about to lapse"),
    "complaint": ("投诉结果", "a complaint is decided"),
    "booking": ("预约答复", "a booking is answered"),
    "agent": ("代理人登记", "an agent was appointed"),
    "invitation": ("申请邀请", "an invitation to apply"),
    "code": ("验证码", "a one-time code"),
}
"""``code`` is of use for minutes only, and its text is forgotten as soon as it is sent."""

STATUS: Mapping[str, tuple[str, str]] = {
    "waiting": ("待发送", "waiting"),
    "sending": ("发送中", "being sent"),
    "sent": ("已发送", "sent"),
    "given_up": ("未能送达", "given up"),
    "paper": ("待纸质对账单", "for the paper statement"),
    "printed": ("已打印", "printed"),
}

CHANNELS: Mapping[str, tuple[str, str]] = {
    "sms": ("短信", "SMS"),
    "voice": ("语音电话", "voice call"),
    "paper": ("纸质对账单", "paper statement"),
}
