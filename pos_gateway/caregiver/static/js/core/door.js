// What the app can do at the door: everything the screens need, and nothing that they have to know about keys, chains or signal.
//
//     const door = await Door.open();
//     await door.enrol('ABCD-EFGH-JKMN');
//     const { visit_id } = await door.checkIn({ order_id, method: 'card_qr', token });
//
// What is recorded is signed and stored before the call answers, with signal or without; it is sent by itself. Calls throw DoorError, whose `zh`,
// `en`, `action_zh` and `action_en` say why, and what to do.

import { DoorClock, written } from './clock.js';
import { own } from './errors.js';
import { sealPin } from './hpke.js';
import { BEGINNING, Journal } from './journal.js';
import { generate } from './keys.js';
import { mayWait } from './limits.js';
import { Memory } from './memory.js';
import { Outbox } from './outbox.js';
import { Sending } from './sending.js';
import { VISIT_ID_LENGTH } from './signed_event.js';
import { Storage } from './storage.js';
import { derivedKey, Transport } from './transport.js';
import { ordersLeft, visitsOf } from './visits.js';

const FRESH = 600_000; // milliseconds: so old may the bundle be before it is fetched again
const ASKED = 3_600_000; // so often undecided events are asked for by itself
const PATIENCE = 8000; // so long a senior waits for a balance

export class Door {
  #storage;
  #memory;
  #clock;
  #transport;
  #journal;
  #outbox;
  #sending;
  #askedAt = 0;

  /** What the phone knows from before; what can be sent is sent in the background. */
  static async open() {
    const door = new Door();
    door.#storage = await Storage.open();
    door.#memory = await Memory.of(door.#storage);
    door.#begin();
    return door;
  }

  #begin() {
    const [storage, memory] = [this.#storage, this.#memory];
    this.#clock = new DoorClock(memory.kept.clock?.offset_ms);
    memory.on(() => { this.#clock.offset = memory.kept.clock?.offset_ms ?? 0; }); // another page may have learnt it
    this.#transport = new Transport(this.#clock, () => memory.keep({ clock: { offset_ms: this.#clock.offset } }));
    this.#journal = new Journal(storage, this.#clock);
    this.#outbox = new Outbox(storage, this.#transport);
    this.#sending = new Sending(storage, memory, this.#transport, this.#outbox);
    this.#sending.begin(() => this.#keepFresh());
    this.#journal.tidy().catch(() => {}); // room for later; nothing depends on it
    this.#forgetDay().catch(() => {});
  }

  // -- what is known --------------------------------------------------------------------------------------------------

  /** {device_id, kind, provider, caregiver (staff number; null when shared), shared}; null while not enrolled. */
  get device() {
    return this.#memory.kept.device ? described(this.#memory.kept.device) : null;
  }

  /** What the server told for the day, orders that were not served left out; null before the first time. */
  get bundle() {
    const { bundle } = this.#memory.kept;
    return bundle && !this.#leftBehind ? { ...bundle, caregiver: bundle.caregiver ?? this.shift?.caregiver ?? null, orders: ordersLeft(bundle.orders, this.#memory.events) } : null;
  }

  /** {shift_id, caregiver: {staff_no, name}, opened_at, until} on a shared phone while somebody works with it. */
  get shift() {
    const { shift } = this.#memory.kept;
    return shift && !shift.ended_at && Date.parse(shift.until) > this.#clock.now() ? shift : null;
  }

  get needsShift() {
    return Boolean(this.device?.shared) && this.shift === null;
  }

  /** Why this phone is to be enrolled anew, in words; null when all is well. */
  get trouble() {
    return this.#memory.kept.trouble ?? null;
  }

  /** Now, milliseconds since 1970, by the server's clock as far as it is known. */
  now() {
    return this.#clock.now();
  }

  /** This phone's visits; on a shared phone those of whoever works with it now. */
  visits() {
    const mine = this.device?.shared ? this.#memory.events.filter((one) => one.event.caregiver === this.shift?.caregiver.staff_no) : this.#memory.events;
    return visitsOf(mine, this.#memory.kept.bundle ?? {});
  }

  /** Everything recorded, oldest first: {event_id, kind, counter, occurred_at, state, words}. */
  queue() {
    return this.#memory.events.map(({ event_id, kind, counter, occurred_at, state, words }) => ({ event_id, kind, counter, occurred_at, state, words: words ?? null }));
  }

  /** `fn` is called when anything changed. */
  on(what, fn) {
    if (what === 'change') this.#memory.on(fn);
  }

  // -- enrolment ------------------------------------------------------------------------------------------------------

  /** Register this phone with a one-time code. The key is stored first: who lost the answer uses the same code again. */
  async enrol(code) {
    await navigator.storage?.persist?.();
    const answer = await this.#register(code);
    if (typeof answer.device_id !== 'string') throw own('no_signal'); // somebody else's answer
    const { key } = this.#memory.kept.pending;
    const enrolment = (this.#memory.kept.enrolments ?? 0) + 1;
    const device = { ...key, ...named(answer), shared: answer.caregiver === null, enrolment };
    await this.#memory.keep({ device, enrolments: enrolment, head: BEGINNING, pending: undefined, trouble: undefined, bundle: undefined, shift: undefined });
    await this.refresh().catch(() => {}); // the code is used; orders may come later
    return this.device;
  }

  async #register(code, anew = false) {
    if (anew || !this.#memory.kept.pending) await this.#memory.keep({ pending: { key: await generate() } });
    const { key } = this.#memory.kept.pending;
    const body = { code, public_key: key.public_key };
    try {
      return await this.#transport.call(key, 'POST', '/devices', body, await derivedKey(key, body));
    } catch (error) {
      if (error.code !== 'key_already_enrolled' || anew) throw error;
      return this.#register(code, true); // that key served another code, whose answer was lost
    }
  }

  /** Fetch the day anew, and ask again what became of events that were not decided. */
  async refresh() {
    const device = this.#enrolled();
    await this.#fetchDay(device);
    this.#askedAt = Date.now();
    if (await this.#outbox.askAgain(device, this.#memory.events).catch(() => false)) await this.#memory.changed();
    return this.bundle;
  }

  async #fetchDay(device) {
    const bundle = await this.#sending.ask('GET', '/shift');
    if (!Number.isInteger(bundle.head?.counter)) throw own('no_signal'); // somebody else's answer
    const head = await this.#storage.get('head');
    const ahead = bundle.head.counter > head.counter; // as after an older copy of this phone's storage was put back
    if (ahead && (await this.#storage.unsent(device.device_id, 1)).length) {
      await this.#sending.retire(own('forked'));
      throw own('forked');
    }
    const moved = ahead ? { head: { counter: bundle.head.counter, prev: bundle.head.hash } } : {};
    await this.#memory.keep({ bundle: { ...bundle, fetched_at: this.now() }, ...moved });
  }

  /** Whether the day on the phone, with its names and addresses, is of somebody whose shift has run out. */
  get #leftBehind() {
    return this.needsShift && Boolean(this.#memory.kept.bundle?.caregiver);
  }

  async #forgetDay() {
    if (this.#leftBehind) await this.#memory.keep({ bundle: undefined });
  }

  /** Now and then, by itself. */
  async #keepFresh() {
    await this.#forgetDay();
    const { bundle, device } = this.#memory.kept;
    if (!device || this.needsShift || (bundle && Math.abs(this.now() - bundle.fetched_at) < FRESH)) return;
    try {
      await (Date.now() - this.#askedAt < ASKED ? this.#fetchDay(device) : this.refresh());
    } catch (error) {
      await this.#sending.failed(error);
    }
  }

  // -- shifts of a shared phone ---------------------------------------------------------------------------------------

  /** Say who works with this phone from now on: the code of a badge, or a staff number, and the staff PIN. Needs signal. */
  async openShift(badgeOrStaffNo, pin) {
    this.#enrolled();
    await this.#sending.endShift();
    const who = badgeOrStaffNo.startsWith('SB1B.') ? { badge: badgeOrStaffNo } : { staff_no: badgeOrStaffNo };
    const shift = await this.#sending.ask('POST', '/shifts', { ...who, pin });
    const before = this.#memory.kept.bundle?.caregiver?.staff_no ?? shift.caregiver.staff_no;
    // Nobody is shown another one's day, whether or not a new one can be fetched.
    await this.#memory.keep(before === shift.caregiver.staff_no ? { shift } : { shift, bundle: undefined });
    await this.refresh().catch(() => {});
    return shift;
  }

  /** Nobody works with this phone any more; what it knew of the day is taken away. The server is told when there is signal. */
  async closeShift() {
    const { shift } = this.#memory.kept;
    if (!shift) return;
    await this.#memory.keep({ shift: { ...shift, ended_at: this.#clock.moment().occurred_at }, bundle: undefined });
    await this.#sending.endShift().catch(() => {});
  }

  // -- what happens at the door ---------------------------------------------------------------------------------------

  /** {event_id, visit_id}. `order_id` is left out for an urgent visit. */
  async checkIn({ order_id, method, token, card_no, place }) {
    const senior = this.#memory.kept.bundle?.orders.find((one) => one.order_id === order_id)?.senior;
    const { event_id } = await this.#record('check_in', { order_id, method, token, card_no, place }, { senior });
    return { event_id, visit_id: event_id.slice(0, VISIT_ID_LENGTH) };
  }

  async checkOut({ visit, lines, method, token, place, reason }) {
    const begun = this.#memory.kept.bundle?.begun_elsewhere?.find((one) => one.visit_id === visit); // the next bundle will not name it any more
    return recorded(await this.#record('check_out', { visit, lines, method, token, place, reason }, { begun }));
  }

  /** The split that a debit would have now, by the server; needs signal, and sends what waits before. */
  quote({ visit }) {
    const late = new Promise((_, fail) => { setTimeout(() => fail(own('no_signal')), PATIENCE); });
    return Promise.race([late, this.sync().then(() => this.#sending.ask('POST', '/debit-quotes', { visit }))]);
  }

  /** `pin` is sealed to the server for exactly this debit, and never stored as it was typed. */
  async debit({ visit, consent, token, code, pin, total_fen, personal_fen, cash_fen, receipt_no }) {
    this.#mayDebit(visit, total_fen);
    const body = { visit, consent, token, code, total_fen, personal_fen, cash_fen, receipt_no };
    const sealed = async (at) => ({ ...body, pin_sealed: await sealPin(this.#pinKey(), pin, `${visit}|${total_fen}|${personal_fen}|${at}`) });
    return recorded(await this.#record('debit', pin === undefined ? body : sealed));
  }

  async cancel(eventId, reason) {
    return recorded(await this.#record('cancel', { event: eventId, reason }));
  }

  async notServed({ order_id, reason, place }) {
    return recorded(await this.#record('not_served', { order_id, reason, place }));
  }

  async voidVisit(visit, reason) {
    return recorded(await this.#record('void', { visit, reason }));
  }

  /** One's own month, "2026-07": {month, orders, visits, seconds, void, total_fen, list}. Needs signal. */
  async month(which) {
    return this.#sending.ask('GET', `/my-month?month=${encodeURIComponent(which)}`);
  }

  // -- sending --------------------------------------------------------------------------------------------------------

  /** Send what waits, in order. Answers when nothing more can be sent now; what goes wrong is tried again by itself. */
  sync() {
    return this.#sending.sync();
  }

  // -- in between -----------------------------------------------------------------------------------------------------

  #enrolled() {
    if (!this.#memory.kept.device) throw own('not_enrolled');
    return this.#memory.kept.device;
  }

  async #record(kind, body, about = {}) {
    const device = this.#enrolled();
    if (this.needsShift) throw own('no_shift');
    const record = await this.#journal.record(kind, body, { caregiver: device.caregiver ?? this.shift.caregiver.staff_no, about });
    await this.#memory.changed();
    this.sync().catch((error) => console.error(error)); // it is tried again by itself
    return record;
  }

  #mayDebit(visit, total) {
    const { bundle, device } = this.#memory.kept;
    const limits = bundle?.terms?.offline;
    if (!limits || (navigator.onLine !== false && this.#sending.answered)) return;
    const ours = this.#memory.events.filter((one) => one.device_id === device?.device_id);
    mayWait(limits, ours, { visit, total, today: written(this.now()).slice(0, 10) });
  }

  #pinKey() {
    const key = this.#memory.kept.bundle?.terms?.pin_key;
    if (!key) throw own('no_pin_key');
    return key;
  }
}

const described = ({ device_id, kind, provider, caregiver, shared }) => ({ device_id, kind, provider, caregiver, shared });
const named = ({ device_id, kind, provider, caregiver }) => ({ device_id, kind, provider, caregiver });
const recorded = ({ event_id }) => ({ event_id });
