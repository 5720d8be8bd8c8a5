// A visit: the running clock against the minimum, what is being done, and the check-out; then what it came to.

import { codeOf } from '../scan/codes.js';
import { both, button, el, fact, heading, line, mark } from './dom.js';
import { draft, dropDraft, keepDraft } from './drafts.js';
import { minutes, running, yuan } from './format.js';
import { icon } from './icons.js';
import { back } from './order.js';
import { pick } from './overlay.js';
import { lookAround, lookAway, whereNow } from './place.js';
import * as records from './records.js';
import { scan } from './scanner.js';

const TICK_FIRST = ['先勾选做了哪些，再签退', 'Tick what was done, then check out'];

export function visit(app, id) {
  const one = records.visit(app.door, id);
  if (!one) return { title: ['没有这次服务', 'No such visit'], body: [], actions: [[back(app)]] };
  return one.state === 'open' ? underWay(app, one) : ended(app, one);
}

function underWay(app, one) {
  const { door } = app;
  const planned = plannedItems(door, one);
  const picked = ticked(door, one);
  const clock = face(door, one, () => Object.keys(picked));
  const changed = () => { keepDraft(one.visit_id, picked); clock.tick(); };
  return {
    title: [records.nameOf(door, one), '服务中 under way'],
    tick: clock.tick,
    leave: lookAway,
    still: true,
    stale: () => { const now = records.visit(door, one.visit_id); return now?.state !== one.state || now.waiting !== one.waiting; },
    body: [
      waits(one),
      one.elsewhere && mark('warn', '这次服务是在另一部手机上签到的，签退要选原因', 'Checked in on another phone: checking out needs a reason'),
      one.words && mark('bad', `未被接受：${one.words.zh}。${one.words.action_zh}`, `${one.words.en}. ${one.words.action_en}`),
      clock.shown,
      heading('做了哪些？', 'What was done?'),
      el('div', { class: 'stack', id: 'items' }, offered(door, planned).map((price) => itemRow(price, picked, changed))),
      heading('有情况？', 'Something else?'),
      el('div', { class: 'pair' },
        !one.elsewhere && button('签到有误', 'take the check-in back', () => takeBack(app, one), { sign: 'undo', class: 'danger start' }),
        button('不能扫码签退', 'cannot scan to check out', () => outWithout(app, one, picked), { sign: 'keys', class: 'plain start' }),
        button('老人突发疾病', 'found ill', () => app.go('atDoor', ['ill', one.order_id ?? '', one.visit_id]), { sign: 'heart', class: 'plain start' }),
        button('要求换东西', 'wants goods', () => app.go('atDoor', ['goods_wanted', one.order_id ?? '', one.visit_id]), { sign: 'bag', class: 'plain start' })),
    ],
    actions: [[back(app), button('扫卡签退', 'scan the card, check out', () => outByScan(app, one, picked), { kind: 'main', sign: 'scan', id: 'out' })]],
  };
}

const plannedItems = (door, one) => one.items ?? records.order(door, one.order_id)?.items ?? [];

/** What is ticked so far: {item: quantity}; at first what was planned. */
function ticked(door, one) {
  return draft(one.visit_id, Object.fromEntries(plannedItems(door, one).map((code) => [code, 1])));
}

/** The clock: minutes and seconds so far, and how much of the least time they are. */
function face(door, one, codes) {
  const time = el('div', { class: 'time', role: 'timer' });
  const bar = el('progress', { 'aria-label': '已服务时间 time served' });
  const said = el('div', {});
  const shown = el('div', { class: 'clock' }, time, bar, said);
  let told = null;
  let full = records.elapsed(door, one) >= records.minimumSeconds(door, codes());
  const tick = () => {
    const [seconds, least] = [records.elapsed(door, one), records.minimumSeconds(door, codes())];
    time.textContent = running(seconds);
    bar.max = least || 1;
    bar.value = Math.min(seconds, least);
    shown.classList.toggle('enough', seconds >= least);
    if (!full && seconds >= least) navigator.vibrate?.([200, 100, 200]); // felt in a pocket
    full = seconds >= least;
    const left = Math.ceil((least - seconds) / 60);
    const words = left > 0 ? [`至少 ${minutes(least)} 分钟，还差 ${left} 分钟`, `at least ${minutes(least)} minutes, ${left} to go`] : [`已满 ${minutes(least)} 分钟，可以签退`, `${minutes(least)} minutes are full: you may check out`];
    if (told === words[0]) return; // written when it changes: a reader says it once a minute
    told = words[0];
    said.replaceChildren(el('p', { class: 'big' }, left > 0 ? null : icon('check'), both(...words)));
  };
  tick();
  return { shown, tick };
}

/** What is planned first, then the rest of what a home visit may have. */
function offered(door, planned) {
  const rest = records.prices(door).filter((price) => price.evidence_kind === 'home_visit' && !planned.includes(price.item_code));
  return [...planned.map((code) => records.price(door, code)).filter(Boolean), ...rest];
}

function itemRow(price, picked, changed) {
  const { item_code: code } = price;
  const count = el('output', { 'aria-label': `${price.name_zh} 数量 quantity` });
  const more = (by) => () => { picked[code] = Math.min(99, Math.max(1, picked[code] + by)); show(); };
  const step = (sign, zh, by) => el('button', { type: 'button', 'aria-label': `${price.name_zh}${zh}`, onclick: more(by) }, sign);
  const steps = el('div', { class: 'count' }, step('−', ' 减一 one less', -1), count, step('+', ' 加一 one more', 1));
  const toggle = () => { if (code in picked) delete picked[code]; else picked[code] = 1; show(); };
  const least = price.min_minutes ? el('span', { class: 'price' }, `至少 ${price.min_minutes} 分钟`) : null;
  const own = price.subsidised ? '' : '，自费';
  const name = el('span', {}, both(price.name_zh, price.name_en), el('span', { class: 'price' }, `${yuan(price.price_fen)}/${price.unit_zh}${own}`), least);
  const choose = el('button', { type: 'button', class: 'pick', onclick: toggle, 'data-item': code }, el('span', { class: 'box' }, icon('check')), name);
  const row = el('div', { class: 'item' }, choose, steps);
  function show(first = false) {
    const on = code in picked;
    row.classList.toggle('on', on);
    choose.setAttribute('aria-pressed', String(on));
    steps.hidden = !on;
    count.textContent = picked[code] ?? '';
    if (!first) changed();
  }
  show(true);
  return row;
}

/** Reasons that cannot be given by who has just scanned the card. */
const NOT_SCANNED = new Set(['code_unreadable', 'card_missing', 'forgotten']);

async function outByScan(app, one, picked) {
  if (!(await mayGoNow(app, one, picked))) return;
  lookAround();
  const accept = (text) => {
    const { kind, code } = codeOf(text);
    return kind ? { value: { method: kind, token: code } } : { zh: '这不是老人卡或门牌的码', en: "Neither a senior's card nor a door plate" };
  };
  const read = await scan({ title: ['再扫一次老人卡', "Scan the senior's card again"], accept, instead: ['返回，点“不能扫码签退”', 'go back and press “cannot scan to check out”'] });
  const reason = read && one.elsewhere ? await pick(['为什么换了手机？', 'Why another phone?'], records.reasons(app.door, 'out').filter(({ code }) => !NOT_SCANNED.has(code))) : undefined;
  if (read && reason !== null) await checkOut(app, one, picked, { ...read, reason });
}

async function outWithout(app, one, picked) {
  if (!(await mayGoNow(app, one, picked))) return;
  lookAround();
  const reason = await pick(['为什么不能扫码？', 'Why can it not be scanned?'], records.reasons(app.door, 'out'));
  if (reason) await checkOut(app, one, picked, { method: 'typed', reason });
}

/** Something was ticked, and the least time is full, or the caregiver breaks off all the same. */
async function mayGoNow(app, one, picked) {
  const codes = Object.keys(picked);
  if (!codes.length) {
    app.tell('warn', ...TICK_FIRST);
    return false;
  }
  const [seconds, least] = [records.elapsed(app.door, one), records.minimumSeconds(app.door, codes)];
  if (seconds >= least) return true;
  const left = Math.ceil((least - seconds) / 60);
  const answer = await pick([`还差 ${left} 分钟。现在签退是废单，不付款，要重新服务。`, `${left} minutes short: leaving now makes the visit void, unpaid, to be served again.`], [
    { code: 'stay', zh: '继续服务', en: 'go on serving' },
    { code: 'leave', zh: '仍要签退（废单）', en: 'check out all the same (void)' },
  ]);
  return answer === 'leave';
}

async function checkOut(app, one, picked, how) {
  const lines = Object.entries(picked).map(([item, quantity]) => ({ item, quantity, amount_fen: records.price(app.door, item).price_fen * quantity }));
  await app.door.checkOut({ visit: one.visit_id, lines, place: await whereNow(), ...how });
  dropDraft(one.visit_id);
  app.draw();
}

/** Check out at once, for a reason and without a scan: somebody was found ill. */
export async function breakOff(app, one, reason) {
  const picked = ticked(app.door, one);
  if (Object.keys(picked).length) await checkOut(app, one, picked, { method: 'typed', reason });
  app.go('visit', [one.visit_id], { replace: true });
  if (!Object.keys(picked).length) app.tell('warn', ...TICK_FIRST);
}

async function doesNotCount(app, one) {
  const reason = await pick(['为什么这次服务不算？', 'Why does this visit not count?'], records.reasons(app.door, 'void'));
  if (!reason) return;
  await app.door.voidVisit(one.visit_id, reason);
  app.draw();
}

async function takeBack(app, one) {
  const reason = await pick(['为什么撤销签到？', 'Why is the check-in taken back?'], records.reasons(app.door, 'take_back'));
  if (!reason) return;
  await app.door.cancel(one.event_id, reason);
  dropDraft(one.visit_id);
  app.go('today', [], { replace: true });
  app.tell('good', '签到已撤销', 'The check-in was taken back');
}

const ENDED = {
  served: ['已签退', 'checked out'],
  void: ['废单', 'void'],
  cancelled: ['已撤销', 'taken back'],
  refused: ['签到未接受', 'check-in not accepted'],
};

function ended(app, one) {
  const { door } = app;
  const done = one.state === 'served';
  const next = {
    served: records.debited(one)
      ? button('看收据', 'the receipt', () => app.go('receipt', [one.visit_id]), { kind: 'main', sign: 'list' })
      : button('给老人看，扣款', 'show the senior, debit', () => app.go('debit', [one.visit_id]), { kind: 'main', sign: 'check' }),
    refused: one.order_id && button('重新扫卡', 'scan again', () => app.go('order', [one.order_id]), { kind: 'main', sign: 'scan' }),
  }[one.state];
  return {
    title: [records.nameOf(door, one), ENDED[one.state].join(' ')],
    body: [
      waits(one),
      done ? mark('good', `服务 ${minutes(one.seconds)} 分钟，已签退`, `served ${minutes(one.seconds)} minutes`) : mark('bad', ...records.visitWords(one)),
      one.state === 'refused' && line(`怎么办：${one.words.action_zh}`, one.words.action_en, 'big'),
      one.lines.length > 0 && el('dl', {}, one.lines.map((each) => sold(door, each)), fact('合计', 'total', yuan(one.total_fen))),
      one.state === 'void' && line('废单不付款；已扣的会退回。', 'A void visit is not paid; what was taken goes back.'),
      one.again_order_id && line('系统已安排重新服务的工单。', 'An order to serve again was made.'),
      done && button('这次服务不算（废单）', 'this visit does not count', () => doesNotCount(app, one), { kind: 'danger', sign: 'undo' }),
    ],
    actions: [[back(app), next].filter(Boolean)],
  };
}

export function sold(door, each) {
  const { zh, en } = records.itemName(door, each.item);
  return fact(`${zh} × ${each.quantity}`, en, yuan(each.amount_fen));
}

/** Whether the server has heard of it. */
export function waits(one) {
  return one.waiting ? mark('calm', '已存在手机里，等信号', 'kept on the phone, waiting for signal') : null;
}
