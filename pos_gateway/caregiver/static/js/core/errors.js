// Why something was not done, in words for the person who holds the phone. What the server refuses brings its own words; these are the phone's own.

const OWN = {
  not_enrolled: ['这部手机还没有启用', 'This phone is not enrolled', '请先扫启用码', 'Scan an enrolment code first'],
  no_signal: ['现在没有信号，或服务器没有回答', 'No signal, or no answer from the server', '已记录的都在手机里；有信号后再试', 'What was recorded is kept on the phone; try again with signal'],
  no_shift: ['共用手机，请先登记是谁在用', 'A shared phone: say first who works with it', '请扫工作证并输入工作密码', 'Scan the badge and enter the staff PIN'],
  storage_full: ['手机存储已满，这一步没有记录', 'The phone is full; this step was not recorded', '请删除照片或其他应用，然后再做一次', 'Delete photos or other apps, then do it again'],
  storage_failed: ['手机存储出错，这一步没有记录', 'The phone could not store this; the step was not recorded', '请关闭页面重新打开，然后再做一次', 'Close the page, open it again, then do it again'],
  form: ['内容不能记录：{detail}', 'This cannot be recorded: {detail}', '请更正后再做', 'Correct it and try again'],
  unknown_visit: ['手机里没有这次服务', 'No such visit on this phone', '请先签到', 'Check in first'],
  offline_amount: ['没有信号时每笔最多扣 {yuan} 元', 'Without signal a debit is at most {yuan} yuan', '请等有信号再扣', 'Wait for signal'],
  offline_day: ['没有信号时，同一张卡每天最多扣 {yuan} 元', 'Without signal at most {yuan} yuan are debited from one card a day', '请等有信号再扣', 'Wait for signal'],
  offline_queue: ['等待上传的扣款已有 {count} 笔，不能再扣', '{count} debits wait to be sent; no more can be taken', '请到有信号的地方上传', 'Go where there is signal and send them'],
  no_pin_key: ['手机里没有密码的加密钥匙', 'The key that PINs are sealed to is not on this phone', '请在有信号时刷新工单', 'Fetch the orders again with signal'],
  forked: ['这部手机的记录与服务器上的不一致', "This phone's record is not the one the server has", '已记录的都在手机里；请向服务站要新的启用码', 'What was recorded is kept on the phone; ask the office for a new enrolment code'],
};

export class DoorError extends Error {
  constructor({ code, zh, en, action_zh = '', action_en = '', retry = false, status = 0, errors, server_time: serverTime }) {
    super(`${code}: ${zh} | ${en}`);
    Object.assign(this, { code, zh, en, action_zh, action_en, retry, status, errors, serverTime });
  }
}

/** One of the phone's own reasons. `details` fill the places in its words. */
export function own(code, details = {}) {
  const [zh, en, actionZh, actionEn] = OWN[code].map((text) => text.replace(/\{(\w+)\}/g, (place, name) => details[name] ?? place));
  return new DoorError({ code, zh, en, action_zh: actionZh, action_en: actionEn, retry: code === 'no_signal' });
}

/** Of a problem that the gateway answered (RFC 9457); null for an answer that is none of its own, such as a proxy's page. */
export function ofProblem(status, body) {
  if (typeof body?.code !== 'string' || typeof body.zh !== 'string') return null;
  return new DoorError({ ...body, status });
}
