"""Codes as people say them in Chinese: stages, states, whose turn it is, kinds of things. In JSON and in English the code itself stands."""

from __future__ import annotations

THINGS = {
    "account": "账户",
    "adjustment": "调整",
    "agent": "代理人",
    "appropriation": "预算记录",
    "assessment": "评估",
    "award": "中标结果",
    "batch": "付款批次",
    "booking": "预约",
    "card": "卡片",
    "call": "来电",
    "caregiver": "服务人员",
    "change": "这项变化",
    "check": "核对",
    "complaint": "投诉",
    "contract": "合同",
    "copy": "副本",
    "correction": "时间更正",
    "death": "死亡登记",
    "debit": "扣款",
    "device": "设备",
    "enrolment": "申请",
    "event": "记录",
    "invitation": "邀请",
    "invoice": "发票",
    "job": "任务",
    "letter": "告知书",
    "line": "银行收支",
    "message": "消息",
    "notice": "公示",
    "objection": "异议",
    "officer": "经办人",
    "order": "付款单",
    "paper": "材料",
    "payer": "付款人",
    "payment": "款项",
    "price list": "价目表",
    "provider": "服务商",
    "question": "疑问",
    "record": "记录",
    "return": "退回的付款单",
    "roster": "名册",
    "sale": "柜台消费",
    "scheme": "方案",
    "seal": "封印",
    "senior": "老人",
    "session": "登录",
    "settlement": "季度结算",
    "share": "到位的镇级资金",
    "statement": "结算单",
    "step": "步骤",
    "task": "任务",
    "tender": "招标",
    "terminal": "终端",
    "town": "镇街",
    "transfer": "分录",
    "visit": "服务",
    "work order": "工单",
}

ACCOUNTS = {
    "card_personal": "个人账户",
    "card_subsidy": "补贴账户",
    "operator_trust": "备付金",
    "payable": "应付服务商",
    "payer_bank": "付款专户",
    "provider_claim": "服务商待结补贴",
    "provider_claim_personal": "服务商待结个人部分",
    "voucher_control": "补贴资金",
}
"""An account's code stands before whose it is."""

CODES = {
    # whose turn it is, who pays
    "bank": "登记银行回盘",
    "card_operator": "市民卡公司",
    "civil_affairs": "区民政局",
    "district": "区",
    "export": "导出付款文件",
    "finance": "区财政局",
    "months": "各月关账",
    "payment.propose_account": "更正账号（songbai pay correct）",
    "system": "系统",
    # stages of a close, states of what it makes
    "approved": "已签批",
    "checked": "已核查",
    "closed": "已关账",
    "collected": "已收集",
    "confirmed": "区已确认",
    "drafted": "待导出",
    "drawn": "已出单",
    "exported": "已导出",
    "gathered": "已汇总",
    "ordered": "已出付款单",
    "paid": "已付",
    "posted": "已入账",
    "reissued": "已重发",
    "returned": "已退回",
    "shared": "已分担",
    "verified": "镇已核实",
    # what becomes of complaints, bookings, messages
    "accepted": "已安排",
    "asked": "待答复",
    "declined": "已谢绝",
    "given_up": "未能送达",
    "open": "处理中",
    "printed": "已打印",
    "rejected": "不属实",
    "sent": "已发送",
    "answer": "答复",
    "answered": "已答复",
    "upheld": "属实",
    "waiting": "等待中",
    "withdrawn": "已撤回",
    # what became of a death on a list, what an invitation was answered
    "dismissed": "已排除",
    "no": "不申请",
    "yes": "同意申请",
    # what becomes of a purchase at a counter
    "refused": "已拒绝",
    "sold": "已扣款",
    # what evidence and transfers are
    "card_qr": "卡面二维码",
    "check_in": "签到",
    "check_out": "签退",
    "debit_personal": "个人账户扣款",
    "debit_subsidy": "补贴扣款",
    "personal_settle": "个人部分结算",
    "reversed": "已撤销",
    # what somebody wants to do
    "approve": "批准",
    "confirm": "确认",
    "redraw": "重新汇总",
    "reissue": "更正或重发",
    "release": "认可",
    "retry": "重新发送",
    "revoke": "停用",
    "revoked": "已停用",
    "void": "作废",
    "withdraw": "撤回",
}


def chinese(code: object) -> str:
    """A code, ``kind:name`` or ``kind name``, or several with commas, in Chinese; what is not known stays as it is."""
    return "、".join(_one(part) for part in str(code).split(", "))


def _one(code: str) -> str:
    if code in CODES:
        return CODES[code]
    for kind, name in (THINGS | ACCOUNTS).items():
        if code == kind:
            return name
        if code.startswith((f"{kind} ", f"{kind}:")):
            return f"{name} {_one(code[len(kind) + 1 :])}"
    return code
