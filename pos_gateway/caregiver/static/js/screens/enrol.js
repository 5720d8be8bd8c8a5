// The phone's first minute: an enrolment code, scanned or typed; and, on a shared phone, who works with it now.

import { enrolmentCode } from '../scan/codes.js';
import { both, button, el, field, line, mark } from './dom.js';
import { scan } from './scanner.js';

const NO_CODE = { zh: '这不是启用码', en: 'This is no enrolment code' };
const MISTYPED = { zh: '启用码是 12 位字母和数字，请对照再输', en: 'A code has 12 letters and digits: compare it and type again' };

export function enrol(app, hash = '') {
  const brought = enrolmentCode(hash);
  const use = async (code) => {
    await app.door.enrol(code);
    app.go('today', [], { replace: true });
    app.tell('good', '手机已启用', 'This phone is enrolled');
  };
  const accept = (text, wrong = NO_CODE) => {
    const code = enrolmentCode(text);
    return code ? { value: code } : wrong;
  };
  const type = { zh: '手工输入', en: 'type the code', hint: ['12 位启用码', 'the code of 12 letters and digits'], mode: 'text', accept: (text) => accept(text, MISTYPED) };
  const read = async () => {
    const code = await scan({ title: ['对准启用码', 'Aim at the enrolment code'], accept, type });
    if (code) await use(code);
  };
  return {
    title: ['启用这部手机', 'Enrol this phone'],
    still: true,
    body: [
      app.door.trouble && mark('bad', `${app.door.trouble.zh}。${app.door.trouble.action_zh}`, `${app.door.trouble.en}. ${app.door.trouble.action_en}`),
      el('p', { class: 'big' }, both('只做一次', 'Only once')),
      line('请向服务站要一张启用码，扫一下就好。以后没有信号也能用。', 'Ask your office for an enrolment code and scan it. From then on the app works without signal, too.'),
      brought && mark('calm', `已读到启用码 ${brought}`, 'the code was read'),
      !isSecureContext && mark('bad', '此地址不安全，不能使用密钥和相机。请用 https 地址打开。', 'Not a secure address: keys and camera need https.'),
    ],
    actions: [
      [brought ? button('启用', 'enrol', () => use(brought), { kind: 'main', sign: 'check' }) : button('扫启用码', 'scan the code', read, { kind: 'main', sign: 'scan' })],
    ],
  };
}

/** A shared phone: badge or staff number, and the staff PIN. */
export function signIn(app) {
  const staff = field('工号', 'staff number', { inputmode: 'text', maxlength: 40, id: 'staff' });
  const pin = field('工作密码', 'staff PIN', { type: 'password', inputmode: 'numeric', maxlength: 12, id: 'pin', autocomplete: 'off' });
  let badge = null;
  const read = async () => {
    const accept = (text) => ({ value: text.slice(text.indexOf('#') + 1).trim() });
    badge = await scan({ title: ['对准工作证', 'Aim at the badge'], accept, instead: ['返回，输入工号', 'go back and type the staff number'] });
    if (!badge) return;
    staff.row.hidden = true;
    seen.hidden = false;
    pin.input.focus();
  };
  const seen = el('div', { hidden: true }, mark('good', '已读到工作证', 'badge read'));
  const open = async () => {
    await app.door.openShift(badge ?? staff.input.value.trim(), pin.input.value);
    app.go('today', [], { replace: true });
  };
  return {
    title: ['上班登记', 'Start the shift'],
    still: true,
    body: [
      line('这部手机大家共用。请登记是谁在用，12 小时内有效。', 'This phone is shared: say who works with it now. It holds for 12 hours.'),
      button('扫工作证', 'scan the badge', read, { sign: 'scan' }),
      staff.row,
      seen,
      pin.row,
    ],
    actions: [[button('开始上班', 'start', open, { kind: 'main', sign: 'check' })]],
  };
}
