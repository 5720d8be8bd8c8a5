// The phone is turned to the senior: what it costs, who pays what, what is left. Then she agrees, in one of the ways the scheme accepts.

import { codeOf, eightDigits } from '../scan/codes.js';
import { both, button, el, fact, field, line, mark } from './dom.js';
import { yuan } from './format.js';
import { pick } from './overlay.js';
import { pinPad } from './pin_pad.js';
import * as records from './records.js';
import { scan } from './scanner.js';
import { sold } from './visit.js';

export function debit(app, id) {
  const one = records.visit(app.door, id);
  if (one?.state !== 'served' || records.debited(one)) return { title: ['不能扣款', 'Nothing to debit'], body: [mark('warn', '这次服务现在不能扣款', 'This visit cannot be debited now')], actions: [[leave(app, id)]] };
  const stage = el('div', { class: 'stack' }, line('正在核对余额…', 'Asking for the balance …', 'big'));
  let shown = false;
  const show = (quote) => {
    if (!shown && stage.isConnected) agreeTo(app, one, quote, stage);
    shown = true;
  };
  quoted(app, one).then(show);
  const wait = button('不等了', 'without the balance', () => show(null), { sign: 'clock' }); // signal may be too weak for an answer
  return { title: ['请老人看', 'For the senior to see'], look: 'senior', still: true, body: [stage], actions: [[leave(app, id), wait]] };
}

const leave = (app, id) => button('返回', 'back', () => app.go('visit', [id]), { sign: 'back', class: 'plain narrow' });

/** The split as the server sees it now, or null without signal. */
async function quoted(app, one) {
  await null; // the screen is up by then
  if (!navigator.onLine) return null;
  try {
    return await app.door.quote({ visit: one.visit_id });
  } catch (error) {
    if (error.code !== 'no_signal') app.tellError(error);
    return null;
  }
}

/** First page: amount, split, new balance; yes or no. */
function agreeTo(app, one, quote, stage) {
  const total = quote?.total_fen ?? one.total_fen;
  const short = quote?.shortfall_fen ?? 0;
  const cash = short > 0 ? cashFields(short) : null;
  const own = quote ? null : ownMoney(records.ownCost(app.door, one), total);
  const agreed = () => {
    const paid = { total_fen: total, personal_fen: quote ? quote.personal_fen : own.chosen(), cash_fen: cash ? short : 0, receipt_no: cash?.receipt() };
    if (cash && !paid.receipt_no) return app.tell('warn', '收了现金要填收据号', 'Cash needs its receipt number');
    app.hush();
    return consent(app, one, paid, stage);
  };
  stage.replaceChildren(
    el('p', { class: 'who' }, `${records.nameOf(app.door, one)}，本次服务：`),
    el('div', { class: 'total' }, both('一共', 'in all'), el('span', { class: 'amount', id: 'total' }, yuan(total))),
    quote ? split(quote) : own.shown,
    cash?.shown ?? '',
    el('dl', {}, one.lines.map((each) => sold(app.door, each))),
    button('把画面倒过来', 'turn it round', () => document.body.classList.toggle('upside-down'), { sign: 'flip' }),
  );
  app.setActions([[button('不同意', 'no', () => refuse(app, one), { kind: 'danger', sign: 'cross', class: 'danger narrow' }), button('我同意', 'I agree', agreed, { kind: 'main', sign: 'check', id: 'agree' })]]);
}

function split(quote) {
  const left = [fact('补贴还剩', 'left', yuan(quote.subsidy_left_fen))];
  if (quote.personal_fen || quote.personal_left_fen) left.push(fact('自己的钱还剩', 'own', yuan(quote.personal_left_fen)));
  if (quote.year_left_fen !== null && quote.year_left_fen !== undefined) left.push(fact('今年还可用', 'this year', yuan(quote.year_left_fen)));
  return el('dl', { class: 'calm split' },
    fact('补贴付', 'subsidy pays', yuan(quote.subsidy_fen)),
    quote.personal_fen ? fact('您自己付', 'you pay', yuan(quote.personal_fen)) : null,
    quote.shortfall_fen ? fact('还差', 'still missing', yuan(quote.shortfall_fen)) : null,
    left);
}

/** Without signal nobody knows the balance. Own money is taken only if she says so here; `must`: what subsidy may not buy. */
function ownMoney(must, total) {
  let chosen = must;
  const options = [
    [must, must ? `自费项目 ${yuan(must)}，其余只用补贴` : '只用补贴，不动我自己的钱', must ? 'own-cost items only, else subsidy' : 'subsidy only, not my own money'],
    [total, `补贴不够时，用我自己的钱补，最多 ${yuan(total)}`, 'own money where the subsidy is short'],
  ].slice(0, must === total ? 1 : 2);
  const buttons = options.map(([fen, zh, en]) => button(zh, en, () => choose(fen), { class: 'plain start', 'aria-pressed': 'false' }));
  const choose = (fen) => {
    chosen = fen;
    buttons.forEach((each, place) => {
      const on = options[place][0] === fen;
      each.setAttribute('aria-pressed', String(on));
      each.classList.toggle('on', on);
    });
  };
  choose(chosen);
  const shown = el('div', { class: 'stack' },
    mark('warn', '现在没有信号，看不到余额。补贴先付，结果会通知您。', 'No signal, the balance is not known. Subsidy pays first; you will be told.'),
    buttons);
  return { shown, chosen: () => chosen };
}

function cashFields(short) {
  const receipt = field('现金收据号', 'number of the cash receipt', { inputmode: 'text', maxlength: 40, id: 'receipt' });
  const shown = el('div', { class: 'stack' }, mark('warn', `卡里不够，另收现金 ${yuan(short)}，开收据`, 'The card does not suffice: the rest in cash, against a receipt'), receipt.row);
  return { shown, receipt: () => receipt.input.value.trim() || undefined };
}

function refuse(app, one) {
  app.go('visit', [one.visit_id], { replace: true });
  app.tell('warn', '没有扣款。金额有疑问请打服务站电话。', 'Nothing was taken. If the amount is in doubt, call the office.');
}

/** Second page: how she confirms. What the scheme does not accept for this amount says so. */
function consent(app, one, paid, stage) {
  const ways = records.consents(app.door).filter(({ code }) => code in HOW);
  const shown = ways.map(({ code, up_to_fen: most }) => {
    const { zh, en, sign, ask } = HOW[code];
    const enough = most === null || most === undefined || paid.total_fen <= most;
    const words = enough ? [zh, en] : [`${zh}：最多 ${yuan(most)}`, `${en}: not for this amount`];
    const take = () => ask(paid).then((proof) => proof && done(app, one, { ...paid, consent: code, ...proof }));
    return button(...words, take, { kind: 'main', sign, disabled: !enough, 'data-consent': code });
  });
  stage.replaceChildren(el('div', { class: 'total' }, both('请老人确认', 'to confirm'), el('span', { class: 'amount' }, yuan(paid.total_fen))), el('div', { class: 'stack' }, shown));
  app.setActions([[button('返回', 'back', () => app.draw(), { sign: 'back', class: 'plain narrow' })]]);
  document.body.classList.remove('upside-down');
}

function byCard() {
  const accept = (text) => {
    const { kind, code } = codeOf(text);
    return kind === 'card_qr' ? { value: { token: code } } : { zh: '请扫老人的卡', en: "Scan the senior's card" };
  };
  return scan({ title: ['老人同意，请扫老人的卡', "She agrees: scan the senior's card"], accept, instead: ['返回，换一种确认方式', 'go back and confirm in another way'] });
}

function byDynamicCode() {
  const accept = (text) => {
    const { kind, code } = codeOf(text);
    return kind === 'dynamic' ? { value: { code } } : { zh: '请扫老人手机上的动态码', en: "Scan the dynamic code on the senior's phone" };
  };
  const eight = (text) => {
    const digits = eightDigits(text);
    return digits ? { value: { code: digits } } : { zh: '动态码是 8 位数字', en: 'A dynamic code has 8 digits' };
  };
  const type = { zh: '输 8 位数字', en: 'type the 8 digits', hint: ['动态码', 'dynamic code'], mode: 'numeric', accept: eight };
  return scan({ title: ['对准动态码（30 秒有效）', 'Aim at the dynamic code (30 seconds)'], accept, type });
}

async function byPin(paid) {
  const pin = await pinPad(['请老人输密码', 'The senior enters the PIN'], yuan(paid.total_fen));
  return pin && { pin };
}

async function byAgent() {
  const sure = await pick(['家属事后确认：会通知登记的代理人', 'The agent confirms later, and is told'], [{ code: 'yes', zh: '由代理人事后确认', en: 'confirmed by the agent later' }]);
  return sure && {};
}

const HOW = {
  card_qr: { zh: '扫老人的卡', en: "the senior's card", sign: 'scan', ask: byCard },
  dynamic: { zh: '动态码', en: 'dynamic code', sign: 'scan', ask: byDynamicCode },
  pin: { zh: '密码', en: 'PIN', sign: 'keys', ask: byPin },
  agent: { zh: '代理人事后确认', en: 'the agent, later', sign: 'people', ask: byAgent },
};

async function done(app, one, agreed) {
  await app.door.debit({ visit: one.visit_id, ...agreed });
  app.go('receipt', [one.visit_id], { replace: true });
}
