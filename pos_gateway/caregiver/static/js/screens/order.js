// One order: who, where, what; then the card is read at the door.

import { cardNumber, codeOf } from '../scan/codes.js';
import { both, button, el, fact, heading, line, mark } from './dom.js';
import { clockTime, yuan } from './format.js';
import { icon } from './icons.js';
import { lookAround, lookAway, whereNow } from './place.js';
import * as records from './records.js';
import { scan } from './scanner.js';

export function order(app, id) {
  const { door } = app;
  const one = records.order(door, id);
  if (!one) return gone(app);
  lookAround();
  return {
    title: [one.senior, `${clockTime(one.planned_start)} · ${one.planned_minutes} min`],
    leave: lookAway,
    body: [
      refusedBefore(app, id),
      el('p', { class: 'big' }, one.address ?? `${one.town} ${one.village}`),
      el('div', { class: 'pair' }, call(one), map(one)),
      el('dl', {}, one.items.map((code) => item(door, code))),
      heading('门口有情况？', 'Something else at the door?'),
      el('div', { class: 'pair' }, records.AT_DOOR.map(({ code, zh, en, sign }) => button(zh, en, () => app.go('atDoor', [code, id]), { sign, class: 'plain start' }))),
    ],
    actions: [[back(app), button('扫卡签到', 'scan the card, check in', () => checkIn(app, id), { kind: 'main', sign: 'scan' })]],
  };
}

/** A visit nobody planned. */
export function urgent(app) {
  lookAround();
  return {
    title: ['急事上门', 'Urgent, without an order'],
    leave: lookAway,
    body: [
      line('老人临时求助、没有工单时用这里。先帮人，再扫卡。', 'For a call for help without an order. Help first, then scan the card.', 'big'),
      mark('calm', '事后服务站会核对这次服务', 'The office looks at such visits afterwards'),
      helpers(app),
    ],
    actions: [[back(app), button('扫卡签到', 'scan the card, check in', () => checkIn(app), { kind: 'main', sign: 'scan' })]],
  };
}

export const back = (app) => button('返回', 'back', () => app.go('today'), { sign: 'back', class: 'plain narrow' });

/** Who to call, each a button that dials. `emergency`: ambulance and police among them. */
export function helpers(app, orderId, emergency = true) {
  const found = records.helpers(app.door, orderId).filter(({ phone }) => emergency || phone.length > 3);
  return el('div', { class: 'stack' }, found.map(({ zh, en, phone }) => dial(zh, `${en} ${phone}`, phone)));
}

function dial(zh, en, phone) {
  return el('a', { class: 'plain', href: `tel:${phone}` }, icon('phone'), el('span', {}, both(zh, en)));
}

const call = (one) => (one.phone ? dial('打电话', 'call', one.phone) : el('p', { class: 'soft' }, both('没有电话', 'no telephone')));

function map(one) {
  if (one.latitude_e7 === null || one.latitude_e7 === undefined) return el('p', { class: 'soft' }, both('没有定位', 'no place on record'));
  const place = `${one.latitude_e7 / 1e7},${one.longitude_e7 / 1e7}`;
  const own = /iPhone|iPad/.test(navigator.userAgent) ? `maps:?q=${place}` : `geo:${place}?q=${place}`; // the phone's own map: no address goes elsewhere
  return el('a', { class: 'plain', href: own, rel: 'noreferrer' }, icon('map'), el('span', {}, both('看地图', 'map')));
}

function item(door, code) {
  const price = records.price(door, code);
  const { zh, en } = records.itemName(door, code);
  return fact(zh, en, price ? yuan(price.price_fen) : '—');
}

/** Read the card or the door plate and begin the visit. `only`: one of the methods, where another was chosen not to be used. */
export async function checkIn(app, orderId, only = null) {
  const open = records.underWay(app.door);
  if (open) {
    app.go('visit', [open.visit_id]);
    app.tell('warn', '这次服务还没签退，先签退再开始下一次', 'This visit is not checked out yet: check out before the next');
    return;
  }
  lookAround();
  const read = only === 'typed' ? await typedNumber() : await scanned(app.door, only);
  if (!read) return;
  const begun = await app.door.checkIn({ order_id: orderId, ...read, place: await whereNow() });
  app.go('visit', [begun.visit_id], { replace: true });
}

function scanned(door, only) {
  const accept = (text) => {
    const { kind, code } = codeOf(text);
    if (kind && (!only || kind === only)) return { value: { method: kind, token: code } };
    return { zh: '这不是老人卡或门牌的码', en: "Neither a senior's card nor a door plate" };
  };
  const title = only === 'door_plate' ? ['对准门牌上的码', 'Aim at the code of the door plate'] : ['对准老人卡上的码', "Aim at the code on the senior's card"];
  return scan({ title, accept, type: records.accepts(door, 'typed') ? TYPED : null });
}

const TYPED = {
  zh: '输卡号',
  en: 'type the number',
  hint: ['卡面号码', 'the number printed on the card'],
  mode: 'numeric',
  weak: ['手工输入是较弱的凭据，会被标记、抽查。能扫就扫。', 'Typing is weaker evidence: it is marked and looked at. Scan if you can.'],
  accept: (text) => {
    const number = cardNumber(text);
    return number ? { value: { method: 'typed', card_no: number } } : { zh: '卡号应为 8 至 19 位数字', en: 'A card number has 8 to 19 digits' };
  },
};

const typedNumber = () => scan({ title: ['输入卡号', 'Type the card number'], accept: () => ({}), type: TYPED, typing: true });

/** Why the last check-in for this order did not count. */
function refusedBefore(app, orderId) {
  const event = records.refusedCheckIn(app.door, orderId);
  return event && mark('bad', `上次签到未被接受：${event.words.zh}`, event.words.en);
}

function gone(app) {
  return {
    title: ['工单已不在', 'Order not here'],
    body: [line('这张工单已完成、取消或改派。', 'This order is done, cancelled or given to somebody else.')],
    actions: [[back(app)]],
  };
}
