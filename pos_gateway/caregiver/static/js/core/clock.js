// What time it is, and how long ago something was.
//
// A phone's clock may be wrong: by how much is learnt from the server, and the times on events are corrected by it. Browsers know no time since
// power-on. `performance.now()` counts from when the page was opened, and on some phones stands still while the phone sleeps. So one run of it
// (a "boot" of the event's form) lasts only while it and the clock agree: between two events of one run both have counted the same time, and
// whoever set the clock in between, or slept, is in another run, where the server goes by the times shown and marks the visit so.

import { randomName } from './bytes.js';

const AGREE = 1000; // milliseconds by which clock and counter may part within one run
const WORTH = 2000; // a smaller difference to the server's clock is the way there and back
const LONG = 30_000; // an answer that took longer, as while the phone slept, no longer says what time it is
const BEIJING = 8 * 3_600_000;

export class DoorClock {
  #offset = 0;
  #run = null;

  /** `offset`: milliseconds that the phone's clock was behind the server's when it was last compared. */
  constructor(offset = 0) {
    this.#offset = offset;
  }

  get offset() {
    return this.#offset;
  }

  set offset(milliseconds) {
    this.#offset = milliseconds;
  }

  /** Milliseconds since 1970, by the server's clock as far as we know it. */
  now() {
    return Date.now() + this.#offset;
  }

  /** The server told its time in answer to a request that left at `sent` (by Date.now()). Answers whether the correction changed. */
  compare(serverTime, sent) {
    const [told, got] = [Date.parse(serverTime), Date.now()];
    if (Number.isNaN(told) || Math.abs(got - sent) > LONG) return false;
    const behind = Math.round(told - (sent + got) / 2);
    const wanted = Math.abs(behind) < WORTH ? 0 : behind;
    if (Math.abs(wanted - this.#offset) < WORTH) return false;
    this.#offset = wanted;
    return true;
  }

  /** {occurred_at, boot, mono_ms}: this moment, as an event tells it. */
  moment() {
    const [clock, counter] = [Date.now(), performance.now()];
    if (this.#run === null || Math.abs(clock - counter - this.#run.apart) > AGREE) {
      this.#run = { boot: randomName(12), apart: clock - counter };
    }
    return { occurred_at: written(clock + this.#offset), boot: this.#run.boot, mono_ms: Math.max(0, Math.floor(counter)) };
  }
}

/** The one form of a time that an event may carry: with offset and six decimals. */
export const written = (milliseconds) => `${new Date(milliseconds + BEIJING).toISOString().slice(0, -1)}000+08:00`;
