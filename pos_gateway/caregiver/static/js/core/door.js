// What the app can do at the door: everything the screens need, and nothing that they have to know about keys, chains or signal.
//
//     const door = await Door.open();
//     await door.enrol('ABCD-EFGH-JKMN');
//     const { visit_id } = await door.checkIn({ order_id, method: 'card_qr', token });
//
// What is recorded is signed and stored before the call answers, with signal or without; it is sent by itself. Calls throw DoorError, whose `zh`,
// `en`, `action_zh` and `action_en` say why, and what to do.

import { randomName } from './bytes.js';
import { DoorClock } from './clock.js';
import { own } from './errors.js';
import { sealPin } from './hpke.js';
import { BEGINNING, Journal } from './journal.js';
import { generate } from './keys.js';
import { Outbox } from './outbox.js';
import { VISIT_ID_LENGTH } from './signed_event.js';
import { Storage } from './storage.js';
import { derivedKey, Transport } from './transport.js';
import { ordersLeft, visitsOf } from './visits.js';

const EVERY = 30_000; // milliseconds between tries
const LONGEST = 300_000; // after many tries in vain
const FRESH = 600_000; // so old may the bundle be before it is fetched again
const GONE = ['device_revoked', 'device_unknown', 'forked'];

export class Door {
  #storage;
  #clock;
  #transport;
  #journal;
  #outbox;
  #channel;
  #kept = {};
  #events = [];
  #listeners = new Set();
  #syncing = null;
  #wanted = false;
  #silentUntil = 0;
  #failures = 0;

  /** What the phone knows from before; what can be sent is sent in the background. */
  static async open() {
    const door = new Door();
    door.#storage = await Storage.open();
    await door.#begin();
    return door;
  }

  async #begin() {
    await this.#read();
    this.#clock = new DoorClock(this.#kept.clock?.offset_ms);
    this.#transport = new Transport(this.#clock, () => this.#keep({ clock: { offset_ms: this.#clock.offset } }));
    this.#journal = new Journal(this.#storage, this.#clock);
    this.#outbox = new Outbox(this.#storage, this.#transport);
    this.#channel = new BroadcastChannel('songbai-door');
    this.#channel.onmessage = () => this.#read().then(() => this.#tell());
    addEventListener('online', () => this.#again());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#again());
    setInterval(() => this.#tick(), EVERY);
    this.#journal.tidy().catch(() => {}); // room for later; nothing depends on it
    this.#tick();
  }

  // -- what is known --------------------------------------------------------------------------------------------------

  /** {device_id, kind, provider, caregiver (staff number; null when shared), shared}; null while not enrolled. */
  get device() {
    return this.#kept.device ? described(this.#kept.device) : null;
  }

  /** What the server told for the day, orders that were not served left out; null before the first time. */
  get bundle() {
    const { bundle } = this.#kept;
    return bundle ? { ...bundle, caregiver: bundle.caregiver ?? this.shift?.caregiver ?? null, orders: ordersLeft(bundle.orders, this.#events) } : null;
  }

  /** {shift_id, caregiver: {staff_no, name}, opened_at, until} on a shared phone while somebody works with it. */
  get shift() {
    const { shift } = this.#kept;
    return shift && !shift.ended_at && Date.parse(shift.until) > this.#clock.now() ? shift : null;
  }

  get needsShift() {
    return Boolean(this.device?.shared) && this.shift === null;
  }

  /** Why this phone is to be enrolled anew, in words; null when all is well. */
  get trouble() {
    return this.#kept.trouble ?? null;
  }

  /** Now, milliseconds since 1970, by the server's clock as far as it is known. */
  now() {
    return this.#clock.now();
  }

  /** This phone's visits; on a shared phone those of whoever works with it now. */
  visits() {
    const mine = this.device?.shared ? this.#events.filter((one) => one.event.caregiver === this.shift?.caregiver.staff_no) : this.#events;
    return visitsOf(mine, this.#kept.bundle ?? {});
  }

  /** Everything recorded, oldest first: {event_id, kind, counter, occurred_at, state, words}. */
  queue() {
    return this.#events.map(({ event_id, kind, counter, occurred_at, state, words }) => ({ event_id, kind, counter, occurred_at, state, words: words ?? null }));
  }

  /** `fn` is called when anything changed. */
  on(what, fn) {
    if (what === 'change') this.#listeners.add(fn);
  }

  // -- enrolment ------------------------------------------------------------------------------------------------------

  /** Register this phone with a one-time code. The key is stored first: who lost the answer uses the same code again. */
  async enrol(code) {
    await navigator.storage?.persist?.();
    const answer = await this.#register(code);
    const { key } = this.#kept.pending;
    const enrolment = (this.#kept.enrolments ?? 0) + 1;
    const device = { ...key, ...named(answer), shared: answer.caregiver === null, enrolment };
    await this.#keep({ device, enrolments: enrolment, head: BEGINNING, pending: undefined, trouble: undefined, bundle: undefined, shift: undefined });
    await this.refresh().catch(() => {}); // the code is used; orders may come later
    return this.device;
  }

  async #register(code, anew = false) {
    if (anew || !this.#kept.pending) await this.#keep({ pending: { key: await generate() } });
    const { key } = this.#kept.pending;
    const body = { code, public_key: key.public_key };
    try {
      return await this.#transport.call(key, 'POST', '/devices', body, await derivedKey(key, body));
    } catch (error) {
      if (error.code !== 'key_already_enrolled' || anew) throw error;
      return this.#register(code, true); // that key served another code, whose answer was lost
    }
  }

  /** Fetch the day anew. */
  async refresh() {
    const device = this.#enrolled();
    const bundle = await this.#ask('GET', '/shift');
    const head = await this.#storage.get('head');
    const ahead = bundle.head.counter > head.counter; // as after an older copy of this phone's storage was put back
    if (ahead && (await this.#storage.unsent(device.device_id, 1)).length) await this.#retire(own('forked'));
    else await this.#keep({ bundle: { ...bundle, fetched_at: this.now() }, ...(ahead ? { head: { counter: bundle.head.counter, prev: bundle.head.hash } } : {}) });
    if (ahead) return this.bundle;
    if (await this.#outbox.askAgain(device, this.#events).catch(() => false)) await this.#changed();
    return this.bundle;
  }

  // -- shifts of a shared phone ---------------------------------------------------------------------------------------

  /** Say who works with this phone from now on: the code of a badge, or a staff number, and the staff PIN. Needs signal. */
  async openShift(badgeOrStaffNo, pin) {
    this.#enrolled();
    await this.#endShift();
    const who = badgeOrStaffNo.startsWith('SB1B.') ? { badge: badgeOrStaffNo } : { staff_no: badgeOrStaffNo };
    const shift = await this.#ask('POST', '/shifts', { ...who, pin });
    await this.#keep({ shift });
    await this.refresh().catch(() => {});
    return shift;
  }

  /** Nobody works with this phone any more; what it knew of the day is taken away. The server is told when there is signal. */
  async closeShift() {
    const { shift } = this.#kept;
    if (!shift) return;
    await this.#keep({ shift: { ...shift, ended_at: this.#clock.moment().occurred_at }, bundle: undefined });
    await this.#endShift().catch(() => {});
  }

  async #endShift() {
    const { shift } = this.#kept;
    if (!shift?.ended_at) return;
    await this.#ask('POST', '/shift-ends', { shift_id: shift.shift_id, ended_at: shift.ended_at });
    await this.#keep({ shift: undefined });
  }

  // -- what happens at the door ---------------------------------------------------------------------------------------

  /** {event_id, visit_id}. `order_id` is left out for an urgent visit. */
  async checkIn({ order_id, method, token, card_no, place }) {
    const senior = this.#kept.bundle?.orders.find((one) => one.order_id === order_id)?.senior;
    const { event_id } = await this.#record('check_in', { order_id, method, token, card_no, place }, { senior });
    return { event_id, visit_id: event_id.slice(0, VISIT_ID_LENGTH) };
  }

  async checkOut({ visit, lines, method, token, place, reason }) {
    const begun = this.#kept.bundle?.begun_elsewhere?.find((one) => one.visit_id === visit); // the next bundle will not name it any more
    return recorded(await this.#record('check_out', { visit, lines, method, token, place, reason }, { begun }));
  }

  /** The split that a debit would have now, by the server; needs signal, and sends what waits before. */
  async quote({ visit }) {
    await this.sync();
    return this.#ask('POST', '/debit-quotes', { visit });
  }

  /** `pin` is sealed to the server for exactly this debit, and never stored as it was typed. */
  async debit({ visit, consent, token, code, pin, total_fen, personal_fen, cash_fen, receipt_no }) {
    this.#mayDebit(total_fen);
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
    return this.#ask('GET', `/my-month?month=${encodeURIComponent(which)}`);
  }

  // -- sending --------------------------------------------------------------------------------------------------------

  /** Send what waits, in order. Answers when nothing more can be sent now; what goes wrong is tried again by itself. */
  sync() {
    this.#wanted = true; // also for what was recorded after the last look of one that is under way
    this.#syncing ??= this.#sendAll().finally(() => { this.#syncing = null; });
    return this.#syncing;
  }

  async #sendAll() {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#sendOnce();
    }
  }

  async #sendOnce() {
    await alone('songbai-sync', async () => {
      try {
        for (const former of this.#kept.former ?? []) await this.#sendFormer(former);
        if (this.#kept.device) await this.#outbox.send(this.#kept.device, () => this.#changed());
        await this.#endShift();
        this.#failures = 0;
        this.#silentUntil = 0;
      } catch (error) {
        await this.#failed(error);
      }
    });
  }

  /** A device that this phone was before. Its key still signs the way there; what the server does not take is kept here all the same. */
  async #sendFormer(former) {
    try {
      await this.#outbox.send(former, () => this.#changed());
    } catch (error) {
      if (error.code === 'no_signal') throw error;
    }
    if ((await this.#storage.unsent(former.device_id, 1)).length) return;
    await this.#keep({ former: this.#kept.former.filter((one) => one.device_id !== former.device_id) });
  }

  async #failed(error) {
    if (GONE.includes(error.code)) return this.#retire(error);
    this.#failures += 1;
    this.#silentUntil = Date.now() + Math.max(Math.min(LONGEST, EVERY * 2 ** (this.#failures - 1)), (error.after ?? 0) * 1000);
    if (!error.code) console.error(error);
    return undefined;
  }

  /** This phone is no longer the device it was. What it recorded stays, with its key to send it, until the server has it. */
  async #retire(why) {
    const { device, former = [] } = this.#kept;
    if (!device) return;
    const { code, zh, en, action_zh, action_en } = why;
    await this.#keep({ device: undefined, head: undefined, bundle: undefined, shift: undefined, former: [...former, device], trouble: { code, zh, en, action_zh, action_en } });
  }

  #tick() {
    if (!this.#kept.device && !this.#kept.former?.length) return;
    if (Date.now() < this.#silentUntil || navigator.onLine === false) return;
    const { bundle, device } = this.#kept;
    const old = !bundle || Math.abs(this.now() - bundle.fetched_at) > FRESH;
    this.sync().then(() => device && old && !this.needsShift && this.refresh()).catch((error) => this.#failed(error));
  }

  #again() {
    this.#silentUntil = 0;
    this.#tick();
  }

  // -- in between -----------------------------------------------------------------------------------------------------

  #enrolled() {
    if (!this.#kept.device) throw own('not_enrolled');
    return this.#kept.device;
  }

  async #ask(method, path, body) {
    const device = this.#enrolled();
    try {
      return await this.#transport.call(device, method, path, body, body && randomName());
    } catch (error) {
      if (GONE.includes(error.code)) await this.#retire(error);
      throw error;
    }
  }

  async #record(kind, body, about = {}) {
    const device = this.#enrolled();
    if (this.needsShift) throw own('no_shift');
    const record = await this.#journal.record(kind, body, { caregiver: device.caregiver ?? this.shift.caregiver.staff_no, about });
    await this.#changed();
    if (navigator.onLine !== false) this.sync();
    return record;
  }

  /** What is known to be declined later is not taken now: nobody would be at the door to hear of it. */
  #mayDebit(total) {
    const { offline } = this.#kept.bundle?.terms ?? {};
    if (!offline || (navigator.onLine !== false && this.#failures === 0)) return;
    if (total > offline.up_to_fen) throw own('offline_amount', { yuan: offline.up_to_fen / 100 });
    const count = this.#events.filter((one) => one.kind === 'debit' && one.unsent === 1 && one.device_id === this.#kept.device.device_id).length;
    if (offline.queued_debits && count >= offline.queued_debits) throw own('offline_queue', { count });
  }

  #pinKey() {
    const key = this.#kept.bundle?.terms?.pin_key;
    if (!key) throw own('no_pin_key');
    return key;
  }

  async #keep(values) {
    await this.#storage.put(values);
    await this.#changed();
  }

  /** Tell this page and all others what was written. */
  async #changed() {
    await this.#read();
    this.#channel?.postMessage('changed');
    this.#tell();
  }

  async #read() {
    const names = ['device', 'former', 'pending', 'bundle', 'shift', 'clock', 'trouble', 'enrolments'];
    const [kept, events] = await Promise.all([Promise.all(names.map((name) => this.#storage.get(name))), this.#storage.all()]);
    this.#kept = Object.fromEntries(names.map((name, place) => [name, kept[place]]));
    this.#events = events.sort((one, other) => one.enrolment - other.enrolment || one.counter - other.counter || Number(other.undone ?? 0) - Number(one.undone ?? 0));
    if (this.#clock && this.#kept.clock) this.#clock.offset = this.#kept.clock.offset_ms;
  }

  #tell() {
    for (const fn of this.#listeners) fn();
  }
}

const described = ({ device_id, kind, provider, caregiver, shared }) => ({ device_id, kind, provider, caregiver, shared });
const named = ({ device_id, kind, provider, caregiver }) => ({ device_id, kind, provider, caregiver });
const recorded = ({ event_id }) => ({ event_id });

/** One page at a time; a browser without locks has one page. */
const alone = (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());
