// The phone's own record: each event is signed when it happens and stored before anybody is told that it was recorded. Counter, hash of the event
// before, and event are written in one transaction, so that a page closed at any moment, or two pages at once, leave one unbroken chain.

import { own } from './errors.js';
import { bodyOf } from './forms.js';
import { FIRST_PREV, signed } from './signed_event.js';

const TURNS = 20; // more pages than anybody has open at once
const KEPT_DAYS = 62; // twice as long as a server takes events, so that one that was restored from a backup can ask again
const DAY = 86_400_000;

export const BEGINNING = { counter: 0, prev: FIRST_PREV };

export class Journal {
  #storage;
  #clock;

  constructor(storage, clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /**
   * Record an event and answer it as stored. `body`: the event's body, or what makes it from the event's time.
   * `about`: what the screens show beside it; it is not signed. Throws DoorError: not_enrolled, form, storage_full, storage_failed.
   */
  async record(kind, body, { caregiver, about = {} } = {}) {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const [device, head] = [await this.#storage.get('device'), await this.#storage.get('head')];
      if (!device) throw own('not_enrolled');
      const moment = this.#clock.moment();
      const facts = { kind, device_id: device.device_id, counter: head.counter + 1, prev: head.prev, ...moment, caregiver };
      facts.body = bodyOf(kind, typeof body === 'function' ? await body(moment.occurred_at) : body);
      const event = await signed(facts, device);
      const record = { ...event, device_id: device.device_id, enrolment: device.enrolment, counter: facts.counter, kind, occurred_at: moment.occurred_at, state: 'waiting', unsent: 1, about };
      if (await this.#append(record, head)) return record;
    }
    throw own('storage_failed');
  }

  async #append(record, head) {
    const after = { counter: record.counter, prev: record.event_id };
    try {
      return await this.#storage.append(record, head, after);
    } catch (error) {
      // Room is made once by what is not needed any more; never by what is not sent.
      if (error.code !== 'storage_full' || !(await this.tidy(1))) throw error;
      return this.#storage.append(record, head, after);
    }
  }

  /** Take away what the server settled long ago; answers how much. */
  tidy(days = KEPT_DAYS) {
    return this.#storage.forget(new Date(this.#clock.now() - days * DAY).toISOString());
  }
}
