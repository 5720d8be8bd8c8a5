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

from settlement.spoken import chinese


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
    BOOKS_BUSY = Words(409, "91", True, "账簿正在使用(发放或备份)，此刻不能结账", "The books are in use (an issuance, a backup) and cannot be closed right now", "请过几分钟再办", "Try again in a few minutes")
    NO_SEAL_KEY = Words(409, "57", False, "密钥文件里没有封印密钥", "The key ring has no key for seals", "请补上：songbai init", "Have one added: songbai init")
    NOT_SEALED = Words(409, "57", True, "{what}尚未封印", "{what} is not sealed yet", "等每日封印，或现在封印：songbai seal make", "Wait for the daily seal, or seal now: songbai seal make")

    # --- policy ------------------------------------------------------------------------------------------------------------
    SCHEME_CHANGED = Words(409, "94", False, "方案{code} {version}已入库，内容不同", "Scheme {code} {version} is already stored with other content", "修改方案须使用新版本号", "Give a changed scheme a new version")
    NO_SCHEME_IN_FORCE = Words(409, "58", False, "{month}没有生效的方案{code}", "No scheme {code} is in force in {month}", "请先导入方案", "Import the scheme first")
    SCHEME_BACKDATED = Words(409, "58", False, "方案{code} {version}自{month}起生效，会改动已经开始的月份", "Scheme {code} {version} would begin in {month} and change months that have begun", "生效月份须晚于本月和已入库的各版本", "Let it begin after this month and after every stored version")
    PRICES_CHANGED = Words(409, "94", False, "价目表{version}已入库，内容不同", "Price list {version} is already stored with other content", "修改价目表须使用新版本号", "Give a changed price list a new version")
    PRICES_OVERLAP = Words(409, "58", False, "{day}或之后已有批准的价目表", "A price list from {day} or later is already approved", "请改用更晚的生效日期", "Choose a later first day")
    PRICES_BACKDATED = Words(409, "58", False, "价目表自{day}起生效，会改动已过日期的价格", "The price list would begin on {day} and change prices of days that have passed", "生效日期不得早于今天", "Let it begin today or later")

    # --- people ------------------------------------------------------------------------------------------------------------
    NOT_ELIGIBLE = Words(422, "57", False, "不符合条件：{why}", "Not eligible: {why}", "请核对类别、年龄、居住时间和能力评估", "Check categories, age, residence and assessment")
    OUTSIDE_INTAKE = Words(409, "57", False, "{day}不在集中申报期内，下一次从{next}开始", "{day} lies outside the intake windows; the next opens on {next}", "请在申报期内办理", "Apply while an intake is open")
    ALREADY_APPLIED = Words(409, "94", False, "已有正在办理的申请，或已在享受：{who}", "An application is under way, or the entitlement runs already: {who}", "无需再次申请", "There is no need to apply again")
    STEP_NOT_DUE = Words(409, "57", False, "应办步骤是“{due}”，不能办理“{step}”：{who}", "Step “{due}” is due, not “{step}”: {who}", "请按顺序办理", "Take the steps in their order")
    PUBLICITY_NOT_OVER = Words(409, "57", False, "公示至{until}止，期满前不能通过", "The names are posted until {until}; the step passes afterwards", "请在公示期满后办理", "Come back after that day")
    PUBLICITY_NOT_RUNNING = Words(409, "57", False, "不在公示期内", "The names are not posted at present", "公示期外的情况请按信息变更办理", "Outside publicity report it as a change")
    NOT_ASSESSED = Words(409, "57", False, "尚未登记能力评估：{who}", "No ability assessment on record: {who}", "请先登记评估结果", "Record the assessment first")
    CALENDAR_ENDS = Words(409, "57", False, "系统中没有{year}年的放假调休安排，无法计算工作日", "The days off of {year} are not on record, so working days cannot be counted", "请导入国务院办公厅公布的安排：songbai import days 文件.csv", "Import the published days: songbai import days FILE.csv")
    NEWS_KNOWN = Words(409, "94", False, "已经登记过：{known}", "Already on record: {known}", "无需再次登记", "Nothing more to do")
    NEWS_CONTRADICTS = Words(409, "57", False, "与已登记的情况不一致：{known}", "Contradicts what is on record: {known}", "请核实；原登记有误的，先由镇街恢复后重新登记", "Verify it; if the record is wrong, have the town reinstate the person first")
    NEWS_OUTDATED = Words(409, "57", False, "已有更新的登记（{known}）", "Something newer is on record ({known})", "请核对日期", "Check the date")
    DAY_IN_FUTURE = Words(422, "30", False, "{day}还没有到", "{day} has not come yet", "请核对日期", "Check the date")
    DAY_BEFORE_BIRTH = Words(422, "30", False, "{day}早于出生日期", "{day} is before the day of birth", "请核对日期和人员", "Check the date and the person")
    SENIOR_DEAD = Words(409, "57", False, "该老人已登记去世（{died_on}）", "The senior is recorded as deceased ({died_on})", "登记有误的，由镇街恢复", "If that is wrong, the town can reinstate the person")
    SENIOR_LEFT = Words(409, "57", False, "该老人已登记迁出或退出（{left_on}）", "The senior is recorded as having left ({left_on})", "重新符合条件的，由镇街恢复或重新申请", "The town can reinstate the person, or the person applies again")

    # --- providers ---------------------------------------------------------------------------------------------------------
    ENROLMENT_CODE_INVALID = Words(403, "58", False, "设备启用码不存在、已使用或已过期", "The enrolment code is unknown, used or expired", "请向服务商管理员索取新的启用码", "Ask the provider's office for a new code")
    KEY_ALREADY_ENROLLED = Words(409, "94", False, "该密钥已登记在一台设备上", "This key already belongs to a device", "请在设备上生成新密钥后再启用", "Make a new key on the device and enrol again")
    PROVIDER_BANNED = Words(403, "57", False, "服务商已被取消资格，{until}前不得回到本区", "The provider is banned from the district until {until}", "请另选服务商", "Choose another provider")
    NO_CONTRACT = Words(403, "57", False, "服务商在该镇街没有有效合同", "The provider has no contract in force in this town", "请核对合同的镇街和日期", "Check the contract's town and dates")
    CONTRACT_OVERLAPS = Words(409, "94", False, "与已有合同（{known}）日期重叠", "Overlaps the contract of {known}", "请核对合同日期", "Check the dates of the contract")
    CAREGIVER_NOT_EMPLOYED = Words(403, "57", False, "服务人员当日不在岗", "The caregiver is not employed by the provider on that day", "请由在岗人员服务", "Send somebody who is employed")
    CAREGIVER_UNTRAINED = Words(403, "57", False, "服务人员未通过培训，不得上岗", "The caregiver has not passed the training and may not work", "请先登记培训合格", "Record the training first")
    CERTIFICATE_EXPIRED = Words(403, "57", False, "服务人员证书已过期", "The caregiver's certificate has expired", "请换证后登记", "Renew the certificate and record it")
    BADGE_UNKNOWN = Words(403, "58", False, "这张工作证不存在、不属于本单位或已换发", "The badge is unknown, another provider's, or was replaced", "请扫现在有效的工作证，或输入工号", "Read the badge that counts now, or enter the staff number")
    STAFF_PIN_NOT_SET = Words(409, "57", False, "还没有设工作密码", "No staff PIN is set", "请由服务商管理员设置：songbai caregiver pin", "Have the provider's office set one: songbai caregiver pin")
    STAFF_PIN_WRONG = Words(403, "55", False, "工作密码不对，还可以试{left}次", "Wrong staff PIN; {left} tries left", "请重新输入", "Enter it again")
    STAFF_PIN_LOCKED = Words(403, "75", False, "工作密码已锁定", "The staff PIN is locked", "请由服务商管理员重新设置：songbai caregiver pin", "Have the provider's office set it anew: songbai caregiver pin")
    STAFF_PIN_TOO_SIMPLE = Words(422, "30", False, "工作密码应为6至12位数字，不能全是同一个数字或连号", "A staff PIN is 6 to 12 digits, not all the same and no plain row", "请换一个", "Choose another")
    DEVICE_NOT_SHARED = Words(409, "57", False, "这台设备已归一名服务人员专用，不需要登记上班", "The device is one caregiver's own; it needs no shift", "直接使用即可", "Just use it")
    SHIFT_UNKNOWN = Words(404, "25", False, "本设备没有这个班次", "The device has no such shift", "请重新登记上班", "Open a shift anew")
    SHIFT_NOT_OPEN = Words(409, "57", False, "记录时该服务人员没有在这台共用设备上登记上班", "The caregiver had no shift on this shared device when it was recorded", "请先扫工作证登记上班再服务", "Open a shift with the badge before serving")

    # --- cards -------------------------------------------------------------------------------------------------------------
    CARD_STATE = Words(409, "57", False, "卡片“{state_zh}”时不能{event_zh}", "“{event_en}” is not possible while the card is {state_en}", "请先查看卡片状态", "Look at the card's state first")
    CARD_EXISTS = Words(409, "94", False, "该老人已有卡片", "This person already has a card", "补换卡请用“补换卡”", "Use replace for a new medium")
    CARD_NUMBER_TAKEN = Words(409, "94", False, "卡号已被使用", "This card number is taken", "请核对卡号", "Check the card number")
    CARD_HELD = Words(409, "57", True, "卡上还有未完成的预授权", "The card still has a pending hold", "请待预授权完成或过期后再销户", "Close it once the hold is resolved or has expired")
    CODE_FORGED = Words(401, "63", False, "二维码无效", "This code is not genuine", "请扫描本人的服务卡", "Scan the person's own card")
    CODE_UNKNOWN = Words(404, "14", False, "二维码不属于本区", "This code belongs to no card here", "请核对卡片", "Check the card")
    CODE_DEAD = Words(409, "41", False, "此卡已挂失或已更换", "This card was reported lost or replaced", "请使用新卡；拾获旧卡请交回网点", "Use the new card; hand an old one in")
    CARD_NOT_ACTIVE = Words(409, "62", False, "此卡尚未启用", "This card is not active yet", "请先在村(社区)或网点启用", "Have it activated first")
    CARD_CLOSED = Words(409, "14", False, "此卡已销户", "This card is closed", "请联系村(社区)", "Ask the village office")

    PIN_NOT_SET = Words(409, "55", False, "此卡还没有设密码", "No PIN is set for this card", "请到市民卡网点或村(社区)设密码，或改用其他方式", "Have one set at the counter, or use another way")
    PIN_WRONG = Words(403, "55", False, "密码不对，还可试{left}次", "Wrong PIN; {left} tries left", "请重新输入", "Enter it again")
    PIN_LOCKED = Words(403, "75", False, "密码输错次数过多，已锁定", "Too many wrong PINs: locked", "请带证件到市民卡网点重设密码", "Have it reset at the counter")
    PIN_TOO_SIMPLE = Words(422, "30", False, "密码须为6位数字，且不能太简单", "A PIN has 6 digits and is not too simple", "请另选密码", "Choose another PIN")
    DYNAMIC_CODE_WRONG = Words(403, "55", False, "动态码不对，或不是为这一项生成的", "The dynamic code is wrong or was made for something else", "请老人重新生成动态码", "Have the senior make a new code")
    DYNAMIC_CODE_EXPIRED = Words(403, "54", False, "动态码已过期", "The dynamic code has expired", "请老人重新生成动态码", "Have the senior make a new code")
    DYNAMIC_CODE_USED = Words(409, "94", False, "动态码已用过", "The dynamic code was used already", "请老人重新生成动态码", "Have the senior make a new code")
    CHIP_WRONG = Words(403, "63", False, "芯片校验不符", "The chip's cryptogram is wrong", "请重新插卡；仍不行请到网点检查卡片", "Insert the card again; if it fails have the card checked")
    CHIP_REPLAYED = Words(403, "94", False, "芯片交易计数已用过", "The chip's counter was used already", "请重新插卡", "Insert the card again")

    # --- vouchers ----------------------------------------------------------------------------------------------------------
    ISSUANCE_TOO_EARLY = Words(409, "58", True, "{month}的发放最早可在{day}起草", "The issuance of {month} may be drafted from {day} on", "到时再起草；名单届时才准", "Draft it then; only then is the list right")
    ISSUANCE_STATE = Words(409, "57", False, "{month}发放单“{state}”时不能{event}", "The run of {month} is {state}: cannot {event}", "请按 起草、审批、入账 的顺序办理", "Draft, approve, post: in this order")
    ISSUANCE_GAP = Words(409, "57", False, "{month}之前还有未入账的发放单：{missing}", "{missing} must be posted before {month}", "请先完成较早月份", "Finish the earlier month first")

    # --- visits ------------------------------------------------------------------------------------------------------------
    CLOCK_AHEAD = Words(422, "12", False, "设备时间比服务器快{minutes}分钟以上", "The device's clock is more than {minutes} minutes ahead", "请校准设备时间后重新操作", "Set the device's clock and do it again")
    EVENT_TOO_OLD = Words(409, "12", False, "记录已超过{days}天，需人工核定", "The record is older than {days} days and needs a decision", "请联系镇街核定", "Ask the town to decide on it")
    ORDER_UNKNOWN = Words(404, "25", False, "没有这个工单", "No such work order", "请刷新工单", "Refresh the orders")
    ORDER_NOT_PLANNED = Words(409, "57", False, "工单已是“{state_zh}”", "The work order is {state_en}", "请刷新工单", "Refresh the orders")
    ORDER_OF_OTHER_SENIOR = Words(409, "57", False, "卡片不是工单上的老人的", "The card is not of the senior on the work order", "请核对老人和工单", "Check the senior and the order")
    ORDER_TAKEN = Words(409, "94", False, "该工单已有一次服务", "A visit for this work order exists already", "请先结束或撤销那次服务", "Finish or cancel that visit first")
    CAREGIVER_UNKNOWN = Words(404, "25", False, "没有这个工号的服务人员", "The provider has no caregiver with this staff number", "请核对工牌", "Check the badge")
    DEVICE_OF_OTHER = Words(403, "57", False, "设备不属于该服务人员或其服务商", "The device belongs to another caregiver or provider", "请使用本人或本单位共用的设备", "Use your own device or a shared one of your provider")
    NOT_ENTITLED = Words(409, "57", False, "该老人{month}不在享受期内", "The senior is not entitled in {month}", "请与村(社区)核对", "Check with the village office")
    CAREGIVER_ELSEWHERE = Words(409, "57", False, "服务人员此时正在另一次服务中（{visit}）", "The caregiver is on another visit at that time ({visit})", "请先签退或撤销那次服务", "Check out of that visit, or cancel it, first")
    SENIOR_BEING_SERVED = Words(409, "57", False, "该老人此时正在接受另一次服务（{visit}）", "The senior is being served by another visit at that time ({visit})", "请等那次服务结束", "Wait until that visit has ended")
    VISIT_UNKNOWN = Words(404, "25", True, "没有这次服务", "No such visit", "请先上传签到", "Send its check-in first")
    VISIT_NOT_OPEN = Words(409, "57", False, "这次服务已是“{state_zh}”", "The visit is {state_en} already", "无需再次办理", "Nothing more to do")
    VISIT_NOT_OUT = Words(409, "57", True, "这次服务还没有签退", "The visit is not checked out yet", "请先签退", "Check out first")
    VISIT_VOID = Words(409, "57", False, "这次服务是废单：{why}", "The visit is void: {why}", "请重新安排服务", "Serve again")
    VISIT_ON_STATEMENT = Words(409, "57", False, "这次服务已列入结算单", "The visit is on a statement", "请由镇街按结算后调整办理", "Have the town book it as an adjustment")
    OTHER_CAREGIVER = Words(403, "57", False, "签到的是另一名服务人员", "Another caregiver checked in", "请由签到人员签退", "Whoever checked in checks out")
    OUT_BEFORE_IN = Words(422, "30", False, "签退早于签到", "The check-out is before the check-in", "请校准设备时间", "Set the device's clock")
    OUT_REASON_MISSING = Words(422, "30", False, "换设备或未扫码签退须选择原因", "Checking out on another device or without a scan needs a reason", "请选择原因：{known}", "Choose one: {known}")
    OTHER_CARD = Words(409, "57", False, "不是签到时的卡片", "Not the card that was read at check-in", "请扫描同一位老人的卡", "Scan the same senior's card")
    ITEM_NOT_SOLD = Words(422, "57", False, "当日价目表中没有：{items}", "Not on the price list of that day: {items}", "请从价目表中选择", "Choose from the price list")
    ALREADY_DEBITED = Words(409, "94", False, "这次服务已扣款", "The visit is debited already", "无需再次扣款", "Nothing more to do")
    TOTAL_DIFFERS = Words(409, "13", False, "应扣{total_fen}分，与老人确认的金额不同", "The total is {total_fen} fen, not what the senior agreed to", "请按服务器计算的金额请老人重新确认", "Have the senior agree to the server's total")
    CONSENT_NOT_ENOUGH = Words(409, "61", False, "这种确认方式最多可扣{up_to_fen}分", "This consent is enough for {up_to_fen} fen at most", "请改用更强的确认方式", "Use a stronger consent")
    CONSENT_NOT_PROVED = Words(409, "55", False, "未能核实老人的确认", "The senior's consent could not be verified", "请扫描老人的卡或改用其他方式", "Scan the senior's card, or use another way")
    DEBIT_OUTSIDE_WINDOW = Words(409, "57", False, "扣款时间不在服务之后的允许时间内", "The debit is not within the time allowed after the visit", "请联系镇街", "Ask the town")
    OFFLINE_LIMIT = Words(409, "61", False, "离线扣款每笔最多{up_to_fen}分", "A debit without signal is at most {up_to_fen} fen", "请联系镇街核定", "Ask the town to decide on it")
    CASH_NOT_ACCEPTED = Words(409, "57", False, "不接受现金，或现金没有收据、超过应付", "Cash is not accepted, has no receipt, or exceeds what is due", "请核对现金金额和收据号", "Check the cash and its receipt")
    PERSONAL_NOT_CONFIRMED = Words(409, "51", False, "补贴不足，还需从个人账户扣{missing_fen}分，老人未确认", "The subsidy does not suffice; {missing_fen} fen more of own money need the senior's consent", "请老人确认个人账户支付的金额", "Have the senior agree to the amount from own money")
    NOTHING_TO_TAKE_BACK = Words(409, "25", False, "这条记录不能撤销", "This record cannot be taken back", "请由镇街按废单办理", "Have the town void the visit")
    EVENT_GAP = Words(409, "94", True, "缺少第{expected}条记录", "Event number {expected} is missing", "请先上传缺少的记录", "Send the missing events first")
    EVENT_CONFLICT = Words(409, "94", False, "同一序号已有不同内容的记录", "Another event with this number is on record", "设备记录已分叉，请停用该设备并重新登记", "The device's record has forked: revoke it and enrol it anew")
    EVENT_WAITS = Words(202, "00", False, "已保存，等待该次服务的前一条记录", "Kept; it waits for an earlier event of the visit", "无需重发", "No need to send it again")
    SIGNED_BEFORE_REVOCATION = Words(202, "00", False, "设备停用前的记录，已保存待核定", "Signed before the device was revoked: kept for a decision", "请联系镇街核定", "Ask the town to decide on it")
    SIGNED_AFTER_REVOCATION = Words(202, "00", False, "设备停用后的记录，已保存待核定", "Signed after the device was revoked: kept for a decision", "请联系镇街核定", "Ask the town to decide on it")
    METHOD_NOT_ACCEPTED = Words(409, "57", False, "本方案不认可这种签到签退方式", "The scheme does not accept this way of checking in or out", "请扫描卡片或门牌", "Scan the card or the door plate")
    CHECK_IN_NOT_ACCEPTED = Words(409, "57", False, "这次服务的签到未被认可", "The visit's check-in was not accepted", "请查看签到的原因", "See why the check-in was not")
    OFFLINE_DAY_LIMIT = Words(409, "61", False, "该卡当日离线扣款合计最多{up_to_fen}分", "Debits without signal are at most {up_to_fen} fen per card and day", "请联系镇街核定", "Ask the town to decide on it")
    OFFLINE_QUEUE_LIMIT = Words(409, "61", False, "设备上待上传的离线扣款最多{debits}笔", "A device may hold at most {debits} debits that wait for signal", "请联系镇街核定", "Ask the town to decide on it")
    CORRECTION_LATE = Words(409, "57", False, "签到已超过{days}天，不能再更正时间", "More than {days} days have passed since the check-in: its times can no longer be corrected", "请由镇街按废单或调整办理", "Have the town void it or book an adjustment")
    CORRECTION_ENDS = Words(422, "30", False, "“{reason_zh}”不能更正这一端的时间", "“{reason_en}” does not correct that time", "请换一个原因", "Choose another reason")
    CORRECTION_TIMES = Words(422, "30", False, "更正后的时间不成立：{detail}", "The corrected times cannot be: {detail}", "签退须晚于签到，不晚于现在，签到须在同一天", "The end comes after the beginning and not after now; the beginning stays on its day")
    CORRECTION_OPEN = Words(409, "94", False, "这次服务已有待批准的更正（{id}）", "A correction of this visit waits for approval already ({id})", "请先批准或驳回那一条", "Decide about that one first")
    REJECTED_ON_REVIEW = Words(409, "57", False, "核定为不予认可", "Rejected on review", "如有异议请联系镇街", "Ask the town if you disagree")

    # --- counters and terminals ---------------------------------------------------------------------------------------------
    ITEM_NOT_AT_COUNTER = Words(422, "57", False, "须上门服务的项目不能在柜台消费：{items}", "Served at home, not sold at a counter: {items}", "请只选柜台提供的项目", "Choose what the counter offers")
    CORRECTION_AT_COUNTER = Words(409, "57", False, "柜台消费没有起止时间，不能更正", "A purchase at a counter has no times to correct", "记错的请撤销或退款后重新消费", "If it is wrong, take it back and sell again")
    SALE_UNKNOWN = Words(404, "25", False, "没有找到原交易", "The original transaction was not found", "请核对原交易的平台流水号", "Check the reference of the original")
    SALE_NOT_TODAY = Words(409, "57", False, "不是当日的交易，不能撤销", "Not of today: it cannot be voided", "请按退款办理", "Make a refund instead")
    REFUND_NOT_WHOLE = Words(422, "13", False, "只能整笔退回{total_fen}分", "Only the whole {total_fen} fen can be given back", "请按原交易的金额办理", "Give the amount of the original")
    TERMINAL_UNKNOWN = Words(401, "58", False, "终端没有登记", "No such terminal is registered", "请核对终端号；新终端请先登记", "Check the terminal's number; register a new one first")
    MAC_WRONG = Words(401, "63", False, "报文鉴别码不符", "The message's MAC is wrong", "请重新签到并换密钥后再发", "Sign on, exchange keys, then send it again")
    MERCHANT_WRONG = Words(403, "03", False, "商户号与终端不符", "The merchant is not the terminal's", "请核对终端的商户号设置", "Check the terminal's merchant number")
    MESSAGE_UNKNOWN = Words(400, "12", False, "不支持这种交易", "This kind of message is not taken", "请按终端接口说明办理", "See the terminals' guide")
    MESSAGE_INCOMPLETE = Words(400, "30", False, "报文有误：{fields}", "The message lacks fields or they are malformed: {fields}", "请按终端接口说明更正", "Correct it as the terminals' guide says")
    REVERSED_BEFORE = Words(409, "17", False, "终端已冲正这笔交易", "The terminal reversed this transaction before it came", "请重新消费", "Make a new purchase")
    BATCH_NOT_OPEN = Words(409, "77", False, "批次{batch}不是当前批次", "Batch {batch} is not the open one", "请重新签到，取当前批次号", "Sign on again for the open batch")
    NOT_REVERSIBLE = Words(409, "57", False, "撤销和退款不能冲正", "A void or a refund cannot be reversed", "请重发原报文直至得到应答", "Repeat the message itself until it is answered")
    CLOCK_BEHIND = Words(422, "12", False, "终端时间比平台慢{minutes}分钟以上", "The terminal's clock is more than {minutes} minutes behind", "请重新签到校准时间后再办", "Sign on to set the clock, then do it again")
    PIN_UNREADABLE = Words(422, "55", False, "密码块无法解开", "The PIN block could not be opened", "请换密钥后重新输入密码", "Exchange keys, then have the PIN entered again")
    TOTALS_DIFFER = Words(409, "95", True, "批次{batch}的合计与平台不符", "The totals of batch {batch} differ from ours", "请上送明细后再结算", "Upload the transactions, then settle again")

    # --- gateway -----------------------------------------------------------------------------------------------------------
    REQUEST_UNSIGNED = Words(401, "58", False, "请求没有签名", "The request is not signed", "请按接口说明对请求签名", "Sign the request as docs/api.md says")
    DEVICE_UNKNOWN = Words(401, "58", False, "签名密钥未登记", "No enrolled device has this key", "请先用启用码登记设备", "Enrol the device with a one-time code first")
    REQUEST_SIGNATURE_WRONG = Words(401, "58", False, "请求签名无效", "The request's signature is not valid", "请核对签名范围、密钥和内容摘要后重新签名", "Check what is covered, the key and the content digest, then sign again")
    REQUEST_STALE = Words(401, "58", True, "请求签名时间与服务器相差过大", "The request was signed too long ago or too far ahead", "请校准设备时间后重新签名发送", "Set the device's clock and send it signed anew")
    NONCE_REUSED = Words(409, "94", False, "随机数已用于其他内容的请求", "This nonce was already used for a request with other content", "请换新随机数重新签名", "Sign again with a new nonce")
    IDEMPOTENCY_KEY_MISSING = Words(400, "30", False, "缺少有效的 Idempotency-Key", "A usable Idempotency-Key is missing", "每次写操作须带 8 至 64 位的唯一键", "Send a key of 8 to 64 letters, digits, - or _ with every write")
    IDEMPOTENCY_KEY_REUSED = Words(422, "94", False, "该 Idempotency-Key 已用于不同内容", "This Idempotency-Key was already used with other content", "重发须内容一致；新操作请用新键", "A retry must have the same content; use a new key for something new")
    DEVICE_REVOKED = Words(403, "57", False, "设备已停用", "The device was revoked", "请联系服务商管理员", "Ask the provider's office")
    OTHER_PROVIDERS_ORDER = Words(403, "57", False, "该工单或服务属于其他服务商", "This order or visit belongs to another provider", "请核对工单", "Check the order")
    EVENT_MALFORMED = Words(422, "30", False, "事件格式有误：{detail}", "The event is malformed: {detail}", "请按接口说明更正", "Correct it as docs/api.md says")
    EVENT_SIGNATURE_WRONG = Words(422, "58", False, "事件签名无效", "The event's signature is not valid", "请用登记的设备密钥对原事件签名", "Sign the event with the enrolled key")
    EVENT_OF_OTHER_DEVICE = Words(403, "57", False, "事件不是本设备产生的", "The event was made by another device", "请由产生事件的设备上传", "Upload it from the device that made it")
    EVENT_KIND_WRONG = Words(422, "30", False, "此接口不接受{kind}事件", "This address does not take {kind} events", "请改用对应接口或批量上传", "Use the address for this kind, or the batch upload")
    TOO_MANY_ATTEMPTS = Words(429, "91", True, "尝试过于频繁", "Too many attempts", "请{minutes}分钟后再试", "Try again in {minutes} minutes")
    JSON_MALFORMED = Words(400, "30", False, "内容不是有效的 JSON：{detail}", "The body is not acceptable JSON: {detail}", "请更正后重新发送", "Correct it and send it again")
    NOT_JSON = Words(415, "30", False, "只接受 application/json", "Only application/json is taken", "请设置 Content-Type", "Set the Content-Type")
    BODY_TOO_LARGE = Words(413, "30", False, "请求内容超过上限", "The request is too large", "请分批发送（每批不超过 500 条、1 MiB）", "Send it in parts of at most 500 events and 1 MiB")
    METHOD_NOT_ALLOWED = Words(405, "12", False, "此地址不支持该方法", "This address does not take that method", "见响应头 Allow", "See the Allow header")
    HOST_UNKNOWN = Words(421, "12", False, "此服务器不以这个主机名提供服务", "This server does not serve under that host name", "请用网关公布的地址", "Use the address the gateway is published under")
    ADDRESS_UNKNOWN = Words(404, "12", False, "没有这个地址", "No such address", "请核对地址；接口列表见网关的 /docs", "Check the address; operations are listed at the gateway's /docs")
    SERVER_FAULT = Words(500, "96", True, "系统内部错误，未作任何记录", "An internal fault; nothing was recorded", "请稍后原样重发；仍有问题请联系管理员", "Send the same again later; if it persists, tell an operator")

    # --- closing -----------------------------------------------------------------------------------------------------------
    PERIOD_NOT_OVER = Words(409, "57", True, "{period}尚未结束", "{period} is not over yet", "请在期末之后办理", "Come back after its last day")
    CLOSE_IN_ORDER = Words(409, "57", False, "应先办理{due}的关账", "{due} must be closed first", "请按先后顺序关账", "Close the periods in their order")
    MONTHS_NOT_CLOSED = Words(409, "57", True, "{months}尚未关账", "Not closed yet: {months}", "请先完成各月关账", "Finish closing these months first")
    OUT_OF_TURN = Words(409, "57", True, "应先由{who}办理", "It is the turn of {who}", "请按审批顺序办理", "Follow the order of approvals")
    TOTAL_CHANGED = Words(409, "57", False, "合计现为{total}元，与所签金额不同", "The total is {total} yuan now, not what was signed for", "请核对后按现在的合计重新签批", "Look at it again and sign the present total")
    ADJUSTMENT_SIGN = Words(422, "13", False, "{kind}的金额应小于零", "A {kind} is below zero", "请核对金额的正负", "Check the sign of the amount")
    PAYER_ACCOUNT_MISSING = Words(409, "57", False, "未登记付款专户：{payer}", "No dedicated account on record for {payer}", "请登记：songbai pay account", "Record it: songbai pay account")
    NOTHING_TO_EXPORT = Words(404, "25", False, "{period}没有付款单", "There are no payment orders for {period}", "请先完成关账和审批", "Finish closing and approval first")
    LAYOUT_UNKNOWN = Words(404, "25", False, "没有名为{layout}的文件格式", "No file layout named {layout}", "可用格式：{known}", "Known layouts: {known}")

    # --- fraud -------------------------------------------------------------------------------------------------------------

    # --- agents, complaints, bookings, messages ----------------------------------------------------------------------------
    AGENT_KNOWN = Words(409, "94", False, "这个电话已登记为该老人的代理人", "This telephone already belongs to an agent of the senior", "无需再次登记；有变化的先撤销原登记", "Nothing more to do; withdraw the old entry first if something changed")
    AGENTS_FULL = Words(409, "57", False, "代理人最多{most}位", "There are {most} agents already, which is the most", "请先撤销一位", "Withdraw one first")
    TOO_MANY_OPEN = Words(409, "57", False, "未办结的已有{most}件", "{most} are open already", "请等先提出的办结，或请村(社区)协助", "Wait until earlier ones are dealt with, or ask the village office")
    CONCERNED = Words(403, "57", False, "与此事有关的人不能决定", "Nobody who is concerned may decide", "请由另一人办理", "Have another person decide")
    DAY_PAST = Words(422, "30", False, "{day}已经过去", "{day} has passed", "请另选日期", "Choose another day")
    SENDER_MISSING = Words(503, "96", True, "没有配置短信通道，消息仍在等待发送", "No message carrier is configured; the messages wait", "请设置 SONGBAI_SMS_URL（测试可用 console:）", "Set SONGBAI_SMS_URL (console: for trying out)")

    # --- the senior's page -------------------------------------------------------------------------------------------------
    SESSION_OVER = Words(401, "58", False, "页面已退出", "The page was left", "请重新扫一下卡", "Scan the card again")
    FORM_STALE = Words(403, "58", False, "页面放得太久，或不是从这里打开的", "The page was open too long, or was not opened from here", "请返回重新打开页面", "Go back and open the page again")
    ONE_TIME_CODE_WRONG = Words(403, "55", False, "验证码不对，还可试{left}次", "Wrong code; {left} tries left", "请看清短信后重新输入", "Look at the message and enter it again")
    ONE_TIME_CODE_OVER = Words(403, "54", False, "验证码已失效", "The code counts no longer", "请重新获取验证码", "Ask for another code")
    NO_PHONE = Words(409, "57", False, "没有可以收验证码的电话", "There is no telephone for the code", "请用密码；没有密码的，请到市民卡网点设置", "Use the PIN; if there is none, have one set at the counter")

    # --- the console -------------------------------------------------------------------------------------------------------
    PAPER_TOO_LARGE = Words(413, "30", False, "文件超过{megabytes}MB", "The file is larger than {megabytes} MB", "请压缩或分开扫描后再上传", "Scan it smaller or in parts, then upload it again")
    PAPER_KIND = Words(422, "30", False, "只收PDF、JPG和PNG文件", "Only PDF, JPG and PNG files are taken", "请另存为PDF或拍照后上传", "Save it as PDF or take a photograph, then upload that")
    PAPERS_FULL = Words(409, "57", False, "附件最多{most}个", "There are {most} files already, which is the most", "请先移除不需要的附件", "Remove one that is not needed first")
    SIGN_IN_WRONG = Words(403, "55", False, "登录名、密码或验证码不对", "Sign-in name, password or code is wrong", "请核对后重试；多次输错会暂时锁定", "Check them and try again; several wrong tries lock the account for a while")
    SIGN_IN_LOCKED = Words(429, "75", True, "登录已暂时锁定", "Signing in is locked for a while", "请{minutes}分钟后再试，或请上级重置密码", "Try again in {minutes} minutes, or have the password reset by the office above")
    SIGNED_OUT = Words(401, "58", False, "登录已过期，您填写的内容已保留", "You were signed out; what you had filled in is kept", "请重新登录后继续", "Sign in again and go on")
    SECOND_FACTOR_DUE = Words(403, "58", False, "这个岗位要用手机验证码登录", "This role signs in with a code from the phone as well", "请先绑定验证器", "Set up the authenticator first")
    PASSWORD_WEAK = Words(422, "30", False, "密码不符合要求：{detail}", "The password will not do: {detail}", "请另设密码", "Choose another password")
    CHANGED_MEANWHILE = Words(409, "57", False, "您打开页面以后，这条记录已被他人修改", "Somebody changed this record since you opened the page", "请核对现在的内容后重新提交", "Look at what it says now, then submit again")
    TASK_RUNNING = Words(409, "57", True, "同样的任务正在执行", "The same task is running already", "请等它完成", "Wait until it is done")
    TOWN_NOT_WON = Words(409, "57", False, "{town}不在中标结果内，或该合同正在审批", "{town} was not won in this tender, or its contract is being approved", "请核对中标结果", "Check the result of the tender")
    CONTRACT_TOO_LONG = Words(422, "30", False, "合同期最长{months}个月", "A contract runs {months} months at most", "请核对起止日期", "Check its first and last day")
    NO_PRICES = Words(409, "57", False, "{day}没有适用于该服务商的已批准价目表", "No approved price list holds for the provider on {day}", "请先导入并批准价目表", "Import a price list and have it approved first")
    PHOTO_UNFIT = Words(422, "30", False, "照片无法使用：{detail}", "The photograph cannot be used: {detail}", "请上传JPG或PNG免冠照，边长200至4000像素", "Upload a JPG or PNG portrait, 200 to 4000 pixels a side")
    CALLED_BACK = Words(409, "94", False, "这次服务已回访", "This visit was called back already", "无需再次回访", "Nothing more to do")
    CALLBACK_NOT_DUE = Words(409, "57", False, "这次服务还不能回访：{why}", "This visit is not to be called back: {why}", "请先查看服务状态", "Look at the visit's state first")
    NOT_THEIR_SENIOR = Words(404, "25", False, "没有可以派单的老人（编号{senior}）", "No senior to plan for under number {senior}", "请核对编号；只能为合同镇街内在享受期的老人派单", "Check the number; orders are planned for entitled seniors of towns under contract")
    ORDERS_WAIT = Words(409, "57", True, "付款单都在等待：{why_zh}", "Every order waits: {why_en}", "请先登记发票或镇级到位资金，再导出", "Register the invoice, or the town's money, then export")
    INVOICE_TAKEN = Words(409, "94", False, "发票号{number}已登记在付款单{order}", "Invoice {number} is registered with order {order} already", "一张发票只登记一次，请核对号码", "An invoice counts once; check its number")
    INVOICE_EXCEEDS = Words(422, "13", False, "发票合计{sum}元，超过付款单{amount}元", "The invoices come to {sum} yuan, more than the order's {amount}", "请核对金额；开错的发票先作废登记", "Check the amount; withdraw a wrong one first")
    BUDGET_NEGATIVE = Words(422, "13", False, "调减后预算为{left}元，不能低于零", "The budget would be {left} yuan; it cannot fall below zero", "请核对调减金额", "Check the reduction")
    STATEMENT_FILE = Words(422, "30", False, "对账单有问题，未导入任何内容：{detail}", "The bank statement has faults; nothing was taken in: {detail}", "请按提示改好后重新上传", "Mend it as shown and upload it again")
    YEAR_NOT_READY = Words(409, "57", True, "{year}年还不能结转：{why_zh}", "{year} cannot be closed yet: {why_en}", "请先完成列出的事项", "Finish what is listed first")
    YEAR_CLOSED = Words(409, "57", False, "{year}年已结转", "{year} is closed", "请记入新的年度", "Book it in the new year")
    OBJECTION_OPEN = Words(409, "57", False, "还有未处理的异议：{who}", "Objections are not decided yet: {who}", "请先处理异议", "Decide them first")
    REGISTERED_ALREADY = Words(409, "94", False, "该身份证号已在册", "This identity number is on the register already", "请先查找本人再申请；在别处登记的，由原登记的村(社区)或镇街办理", "Find the person first, then apply; where another village or town registered them, that office applies")
    SIGNED_TEXT_WRONG = Words(422, "30", False, "这段文字没有本区的签名，或已被改动", "This text does not carry the district's signature, or was altered", "请扫二维码，或逐字照抄全部各行后再试", "Scan the code, or copy every line exactly, and try again")
    QUESTION_OPEN = Words(409, "57", True, "结算单{statement}上还有未了结的疑问", "A question on statement {statement} is still open", "请等服务商答复后了结疑问，再核实或确认", "Close the question, once it is answered, then sign")
    CALLER_WRONG = Words(403, "55", False, "有回答与登记不符，还可试{left}次", "An answer does not fit what is on record; {left} tries left", "不要告诉对方哪一项不对；请对方再想想", "Do not say which one it is; let the caller think again")
    CALLER_LOCKED = Words(403, "75", False, "回答不符次数已满，{hours}小时内不能再核对", "Too many wrong answers; no more questions for {hours} hours", "请对方带身份证到村(社区)或市民卡网点", "Send the caller to the village office or the card counter, with the identity card")
    CALL_NOT_OPEN = Words(403, "58", False, "来电人尚未核对身份，或通话已结束", "The caller was not identified, or the call is over", "请重新核对身份", "Begin again with the questions")
    SINGLE_SIGN_ON_REFUSED = Words(403, "58", False, "统一身份认证没有通过，或这个身份没有对应的账号", "The single sign-on refused, or its identity has no account here", "请重试；没有账号的，请上级先开设", "Try again; without an account, have the office above open one")
    SINGLE_SIGN_ON_DOWN = Words(503, "96", True, "统一身份认证没有应答", "The single sign-on does not answer", "请稍后再试，或用密码登录", "Try again later, or sign in with your password")
    CODE_WRONG = Words(422, "55", False, "验证器的验证码不对", "The authenticator's code is wrong", "请输入手机上现在显示的六位数字；仍不对的，请核对手机时间", "Enter the six digits shown now; if they are refused, set the phone's clock right")

    # --- jobs --------------------------------------------------------------------------------------------------------------
    JOB_NOT_DUE = Words(409, "57", True, "任务{job}尚未到期（{due}）", "Job {job} is not due yet ({due})", "到期后会自动执行", "It runs by itself when its time has come")
    JOB_EARLIER_FIRST = Words(409, "57", False, "任务{job}应先完成{due}", "Job {job}: {due} must be done first", "请先办理较早的一期", "Run the earlier period first")
    JOB_RUNNING = Words(409, "57", True, "任务{job}（{period}）正在执行", "Job {job} ({period}) is running", "请稍后查看：songbai scheduler --list", "Look again later: songbai scheduler --list")

    # --- backups -----------------------------------------------------------------------------------------------------------
    BACKUP_KEY_UNREADABLE = Words(422, "30", False, "{what}不是备份密钥，或抄写有误", "Not a backup key, or a slip in copying it: {what}", "用 songbai backup-key 生成；公钥以 sbpub- 开头，私钥以 sbkey- 开头", "Make one with songbai backup-key; a public key begins with sbpub-, a private one with sbkey-")
    BACKUP_KEY_WRONG = Words(403, "63", False, "此备份是为另一把密钥加密的", "This backup was encrypted for another key", "请换用与文件头所写公钥配对的私钥", "Use the private key that belongs to the public key in its header")
    BACKUP_DAMAGED = Words(422, "30", False, "备份文件不完整或被改动（{where_zh}），未写入任何内容", "The backup is incomplete or was altered ({where_en}); nothing was written", "请换用另一份备份", "Take another copy")
    BACKUP_FILE_EXISTS = Words(409, "94", False, "{file}已存在，不覆盖", "{file} is there already and is not written over", "请换一个文件名", "Choose another name")
    BACKUP_RUNNING = Words(409, "57", True, "另一个进程正在写{file}", "Another process is writing {file}", "请等它结束", "Wait until it has ended")
    BACKUP_NOT_WRITTEN = Words(507, "96", True, "无法写入{where}（{detail}）", "Cannot write {where} ({detail})", "请检查磁盘空间和目录权限后重试；没有留下半截文件", "Check the free space and who may write there, then try again; nothing half-made was left")
    BACKUP_CHECK_FAILED = Words(500, "96", True, "试恢复的副本与原库不符，备份未保留：{detail}", "The copy restored beside differs from the database; the backup was not kept: {detail}", "请重试；再次不符请报告开发者", "Try again; report it when it happens twice")
    BACKUP_TARGET_NOT_EMPTY = Words(409, "57", False, "{target}里已有内容，不覆盖", "{target} is not empty and is not written over", "请恢复到空的数据库、模式或新文件", "Restore into an empty database or schema, or a new file")
    BACKUP_OTHER_ENGINE = Words(422, "30", False, "备份来自{was}，不能恢复到{into}", "A backup of {was} cannot be restored into {into}", "请恢复到同一种数据库", "Restore it into the same kind of database")
    BACKUP_TOOLS_MISSING = Words(503, "96", False, "没有找到PostgreSQL程序{program}", "The PostgreSQL program {program} was not found", "请安装与服务器同版本的客户端程序，或用 SONGBAI_PG_BIN 指明所在目录", "Install the client programs of the server's version, or name their folder in SONGBAI_PG_BIN")
    BACKUP_TOOLS_OLD = Words(503, "96", False, "{program}的版本是{version}，比服务器（{server}）旧", "{program} is of version {version}, older than the server ({server})", "请安装与服务器同版本的客户端程序，或用 SONGBAI_PG_BIN 指明所在目录", "Install the client programs of the server's version, or name their folder in SONGBAI_PG_BIN")
    BACKUP_TOOL_FAILED = Words(503, "96", True, "{program}出错：{detail}", "{program} failed: {detail}", "请按提示排除原因后重试", "Mend the cause and try again")
    RING_UNREADABLE = Words(503, "96", False, "密钥文件{file}残缺或不是密钥文件", "The key ring {file} is damaged, or is none", "请从离线备份放回，不要另外生成", "Put your off-line copy there; make no new one")
    RING_DIFFERS = Words(409, "57", False, "{file}与备份中的密钥文件不同，不覆盖", "{file} differs from the key ring in the backup and is not written over", "请用 --keys 指明另一个文件", "Name another file with --keys")

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
        return fill(self.reason.words.zh, _halves(self.details, 0))

    @property
    def en(self) -> str:
        return fill(self.reason.words.en, _halves(self.details, -1))


def declined(reason: Reason, **details: Any) -> Declined:
    return Declined(reason, details)


NAMED_BY_CODE = ("what", "who", "state", "event")
"""Details whose value is a code that has a Chinese name."""


class Refused(Exception):
    """Nothing of this act is kept. ``details`` fill the placeholders of the words; never put personal data there.

    A detail that is words itself is written "中文 | English": each language tells its own half."""

    def __init__(self, reason: Reason, **details: Any) -> None:
        self.reason = reason
        self.details = details
        super().__init__(f"{self.zh} | {self.en}")

    @property
    def zh(self) -> str:
        said = {name: chinese(self.details[name]) for name in NAMED_BY_CODE if name in self.details}
        return fill(self.reason.words.zh, _halves(self.details | said, 0))

    @property
    def en(self) -> str:
        return fill(self.reason.words.en, _halves(self.details, -1))


def _halves(details: dict[str, Any], which: int) -> dict[str, Any]:
    return {name: said.split(" | ")[which] if isinstance(said, str) else said for name, said in details.items()}


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def fill(text: str, details: dict[str, Any]) -> str:
    """Fill ``{placeholders}``; one without a value reads as a dash rather than failing while an error is being told."""
    return text.format_map(_Blank(details))
