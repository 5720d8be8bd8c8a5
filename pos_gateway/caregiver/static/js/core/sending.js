// When what was recorded is sent: at once, when signal comes back, when the page is looked at again, and every half minute; less often while nobody
// answers. And what becomes of a phone that is not the device any more that it was.

import { randomName } from './bytes.js';
import { own } from './errors.js';

const EVERY = 30_000; // milliseconds between tries
const LONGEST = 300_000; // after many tries in vain
const GONE = ['device_revoked', 'device_unknown', 'forked'];

export class Sending {
  #storage;
  #memory;
  #transport;
  #outbox;
  #syncing = null;
  #wanted = false;
  #silentUntil = 0;
  #failures = 0;

  /** Whether the last try reached the server. */
  answered = true;

  constructor(storage, memory, transport, outbox) {
    this.#storage = storage;
    this.#memory = memory;
    this.#transport = transport;
    this.#outbox = outbox;
  }

  /** Try by itself from now on; `besides` is done after each time that went well. */
  begin(besides) {
    const tick = () => this.#tick(besides).catch((error) => console.error(error));
    const again = () => { this.#silentUntil = 0; tick(); };
    addEventListener('online', again);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && again());
    setInterval(tick, EVERY);
    tick();
  }

  async #tick(besides) {
    const { device, former } = this.#memory.kept;
    if ((!device && !former?.length) || Date.now() < this.#silentUntil) return;
    await this.sync();
    if (this.#failures === 0) await besides();
  }

  /** Send what waits, in order. Answers when nothing more can be sent now; what goes wrong is tried again by itself. */
  sync() {
    this.#wanted = true; // also for what was recorded after the last look of one that is under way
    this.#syncing ??= this.#sendAll().finally(() => { this.#syncing = null; });
    return this.#syncing;
  }

  async #sendAll() {
    while (this.#wanted) {
      this.#wanted = false;
      await alone('songbai-sync', () => this.#sendOnce());
    }
  }

  async #sendOnce() {
    try {
      for (const former of this.#memory.kept.former ?? []) await this.#sendFormer(former);
      if (this.#memory.kept.device) await this.#outbox.send(this.#memory.kept.device, () => this.#memory.changed());
      await this.endShift();
      this.#failures = 0;
      this.answered = true;
      this.#silentUntil = 0;
    } catch (error) {
      await this.failed(error);
    }
  }

  /** A device that this phone was before. Its key still signs the way there; what the server does not take is kept here all the same. */
  async #sendFormer(former) {
    try {
      await this.#outbox.send(former, () => this.#memory.changed());
    } catch (error) {
      if (error.code === 'no_signal') throw error;
    }
    if ((await this.#storage.unsent(former.device_id, 1)).length) return;
    await this.#memory.keep({ former: this.#memory.kept.former.filter((one) => one.device_id !== former.device_id) });
  }

  async failed(error) {
    if (GONE.includes(error.code)) {
      await this.retire(error);
      return;
    }
    this.#failures += 1;
    this.answered = error.code !== 'no_signal';
    this.#silentUntil = Date.now() + Math.max(Math.min(LONGEST, EVERY * 2 ** (this.#failures - 1)), (error.after ?? 0) * 1000);
    if (!error.code) console.error(error);
  }

  /** Something that the server is asked now. Throws DoorError. */
  async ask(method, path, body) {
    const { device } = this.#memory.kept;
    if (!device) throw own('not_enrolled');
    try {
      return await this.#transport.call(device, method, path, body, body && randomName());
    } catch (error) {
      if (GONE.includes(error.code)) await this.retire(error);
      throw error;
    }
  }

  /** Tell the server that a shift is over, which may have been said without signal. */
  async endShift() {
    const { shift } = this.#memory.kept;
    if (!shift?.ended_at) return;
    try {
      await this.ask('POST', '/shift-ends', { shift_id: shift.shift_id, ended_at: shift.ended_at });
    } catch (error) {
      if (error.code !== 'shift_unknown') throw error; // a server put back from a backup: it is over in any case
    }
    await this.#memory.keep({ shift: undefined });
  }

  /** This phone is no longer the device it was. What it recorded stays, with its key to send it, until the server has it. */
  async retire(why) {
    const { device, former = [] } = this.#memory.kept;
    if (!device) return;
    const { code, zh, en, action_zh, action_en } = why;
    await this.#memory.keep({ device: undefined, head: undefined, bundle: undefined, shift: undefined, former: [...former, device], trouble: { code, zh, en, action_zh, action_en } });
  }
}

/** One page at a time; a browser without locks has one page. */
const alone = (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());
