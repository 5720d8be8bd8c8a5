// What the phone knows, in the form the screens ask for it. Everything comes from core/door.js; nothing is kept here.

import { isoDay } from './format.js';

export const AT_DOOR = [
  { code: 'nobody_home', zh: '家中无人', en: 'nobody home', sign: 'home' },
  { code: 'refused', zh: '老人拒绝', en: 'refused', sign: 'cross' },
  { code: 'card_missing', zh: '找不到卡', en: 'card missing', sign: 'scan' },
  { code: 'couple', zh: '老两口', en: 'a couple', sign: 'people' },
  { code: 'second', zh: '两人上门', en: 'two caregivers', sign: 'people' },
  { code: 'goods_wanted', zh: '要求换东西', en: 'wants goods', sign: 'bag' },
  { code: 'ill', zh: '突发疾病', en: 'found ill', sign: 'heart' },
  { code: 'dead', zh: '老人已去世', en: 'found dead', sign: 'warn' },
  { code: 'other', zh: '其他原因', en: 'another reason', sign: 'list' },
];

export const EVENTS = {
  check_in: { zh: '签到', en: 'check-in' },
  check_out: { zh: '签退', en: 'check-out' },
  debit: { zh: '扣款', en: 'debit' },
  confirm: { zh: '老人确认', en: 'confirmation' },
  cancel: { zh: '撤销', en: 'taken back' },
  void: { zh: '废单', en: 'void' },
  not_served: { zh: '未能服务', en: 'not served' },
};

const AMBULANCE = { zh: '120 急救', en: 'ambulance', phone: '120' };

const bundle = (door) => door.bundle ?? {};
const listed = (door, list) => bundle(door).terms?.reasons?.[list] ?? [];

export const prices = (door) => bundle(door).prices ?? [];
export const price = (door, code) => prices(door).find((one) => one.item_code === code);
export const order = (door, id) => (bundle(door).orders ?? []).find((one) => one.order_id === id);
export const visit = (door, id) => door.visits().find((one) => one.visit_id === id);
export const reasons = (door, list) => listed(door, list);
export const accepts = (door, method) => (bundle(door).terms?.methods ?? []).some((one) => one.code === method && one.accepted !== 'refused');
export const consents = (door) => bundle(door).terms?.consents ?? [];
export const shared = (door) => Boolean(door.device?.shared);
export const provider = (door) => door.device?.provider ?? '';
export const myName = (door) => bundle(door).caregiver?.name ?? bundle(door).caregiver?.staff_no ?? '';

/** Who to call: [{zh, en, phone}]; for an order also the senior's own contact. */
export function helpers(door, orderId) {
  const { emergency_name: name, emergency_phone: phone } = order(door, orderId) ?? {};
  const family = phone ? [{ zh: `家属 ${name ?? ''}`, en: 'family', phone }] : [];
  return [AMBULANCE, ...family, ...(bundle(door).terms?.call ?? [])];
}

export function itemName(door, code) {
  const found = price(door, code);
  return found ? { zh: found.name_zh, en: found.name_en } : { zh: code, en: '' };
}

/** The visit that this phone is on. One begun on another phone may be over long ago. */
export const underWay = (door) => door.visits().find((one) => one.state === 'open' && !one.elsewhere);

/** Whether a debit stands, or may yet: one that was refused or taken back does not. */
export const debited = (one) => one.debit !== null && !['refused', 'reversed'].includes(one.debit.state);

/** Visits that still want something from the caregiver: under way, or served and not debited. */
export const unfinished = (door) => door.visits().filter((one) => one.state === 'open' || (one.state === 'served' && !debited(one)));

/** Today's visits that want nothing more, newest first. A check-in that was refused stands with its order. */
export function finished(door) {
  const today = isoDay(door.now());
  return door.visits().filter((one) => !['open', 'cancelled', 'refused'].includes(one.state) && !(one.state === 'served' && !debited(one)) && isoDay(one.check_in_at) === today).toReversed();
}

/** Today's orders nobody on this phone has begun or given up. */
export function ordersLeft(door) {
  const begun = new Set(door.visits().filter((one) => !['cancelled', 'refused'].includes(one.state)).map((one) => one.order_id));
  return (bundle(door).orders ?? []).filter((one) => !begun.has(one.order_id));
}

/** Other orders of today at the same address. */
export function sameHome(door, orderId) {
  const here = order(door, orderId);
  if (!here?.address) return [];
  return ordersLeft(door).filter((one) => one.address === here.address && one.order_id !== orderId);
}

export function nameOf(door, one) {
  return order(door, one.order_id)?.senior ?? one.senior ?? '老人';
}

/** Whole seconds since the check-in, or how long it took. */
export function elapsed(door, one) {
  if (one.seconds !== undefined && one.seconds !== null) return one.seconds;
  return Math.floor((door.now() - Date.parse(one.check_in_at)) / 1000);
}

/** What a home visit with these items must last: the scheme's least time, or the longest an item needs for itself. */
export function minimumSeconds(door, codes) {
  const least = bundle(door).terms?.minimum_minutes ?? 0;
  const own = codes.map((code) => price(door, code)?.min_minutes ?? 0);
  return Math.max(least, ...own) * 60;
}

/** What of a visit subsidy may not pay, fen. */
export function ownCost(door, one) {
  return one.lines.filter((each) => price(door, each.item)?.subsidised === false).reduce((sum, each) => sum + each.amount_fen, 0);
}

/** Why the newest check-in for an order did not count, as an event; null when it did, or there was none. */
export function refusedCheckIn(door, orderId) {
  const newest = door.visits().filter((one) => one.order_id === orderId).at(-1);
  return newest?.state === 'refused' ? newest : null;
}

export function visitWords(one) {
  if (one.state === 'open') return ['服务中，点此继续', 'under way: go on'];
  if (one.state === 'served' && debited(one)) return ['已服务，已扣款', 'served and debited'];
  if (one.state === 'served') return ['已签退，还没扣款', 'checked out, not debited yet'];
  if (one.state === 'void') return [`废单：${one.void_zh ?? '时长不足'}`, `void: ${one.void_en ?? 'shorter than the minimum'}`];
  if (one.state === 'cancelled') return ['签到已撤销', 'taken back'];
  return [`未被接受：${one.words?.zh ?? ''}`, one.words?.en ?? ''];
}

/** An event of the queue, its state in one of four words: waiting, accepted, kept, refused. */
export function eventOf(event) {
  const state = { waiting: 'waiting', accepted: 'accepted', released: 'accepted', quarantined: 'kept', held: 'kept' }[event.state] ?? 'refused';
  return { ...event, state };
}
