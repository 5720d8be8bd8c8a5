// What the phone must never lose, in IndexedDB: who it is, how far it has counted, every event, and what it needs to work without signal.
//
// keep:   device (with its key), former (devices it was before, as long as something of theirs is unsent), pending (an enrolment under way),
//         enrolments (how many there were), head ({counter, prev}), bundle, shift, clock, trouble
// events: as they were signed, with what became of them. `unsent` is 1 until the server has said what it made of one, and gone afterwards.

import { own } from './errors.js';

const NAME = 'songbai-door';
const VERSION = 1;

export class Storage {
  #database;

  static async open() {
    const storage = new Storage();
    await storage.#connect();
    return storage;
  }

  async #connect() {
    this.#database = await opened();
    // A browser under pressure closes what it opened; it is opened again when it is needed.
    this.#database.onclose = () => { this.#database = null; };
  }

  get(name) {
    return this.#run(['keep'], 'readonly', ({ keep }) => answer(keep.get(name)));
  }

  /** Values by name, written all or none; undefined takes one away. */
  put(values) {
    return this.#run(['keep'], 'readwrite', ({ keep }) => putAll(keep, values));
  }

  /** Add an event and move the head, if the head still is where it was read; answers whether. */
  append(record, before, after) {
    return this.#run(['keep', 'events'], 'readwrite', async ({ keep, events }) => {
      if (!same(await answer(keep.get('head')), before) || (await answer(keep.get('device')))?.device_id !== record.device_id) return false;
      events.add(record);
      keep.put(after, 'head');
      return true;
    });
  }

  /** Write what became of events. One that was `undone` frees its number, if nothing was signed after it; answers whether it did. */
  settle(records, undone = null) {
    return this.#run(['keep', 'events'], 'readwrite', async ({ keep, events }) => {
      for (const record of records) events.put(record);
      if (undone === null) return false;
      const head = await answer(keep.get('head'));
      const newest = head.counter === undone.counter && head.prev === undone.event_id;
      if (!newest) return false;
      keep.put({ counter: undone.counter - 1, prev: undone.event.prev }, 'head');
      events.put(undone);
      return true;
    });
  }

  /** Events of a device that the server has not answered for, oldest first. */
  unsent(deviceId, most) {
    const range = IDBKeyRange.bound([1, deviceId, 0], [1, deviceId, Infinity]);
    return this.#run(['events'], 'readonly', ({ events }) => answer(events.index('unsent').getAll(range, most)));
  }

  /** Events of a device from a number on, those that were undone left out. */
  async from(deviceId, counter) {
    const range = IDBKeyRange.bound([deviceId, counter], [deviceId, Infinity]);
    const found = await this.#run(['events'], 'readonly', ({ events }) => answer(events.index('order').getAll(range)));
    return found.filter((one) => !one.undone);
  }

  all() {
    return this.#run(['events'], 'readonly', ({ events }) => answer(events.getAll()));
  }

  /** Take away what was settled and signed before a time ("2026-07-03T…"). */
  forget(before) {
    return this.#run(['events'], 'readwrite', async ({ events }) => {
      const old = (await answer(events.index('occurred_at').getAll(IDBKeyRange.upperBound(before)))).filter((one) => one.unsent !== 1);
      for (const { event_id: id } of old) events.delete(id);
      return old.length;
    });
  }

  async #begin(stores, mode) {
    const begin = () => this.#database.transaction(stores, mode, { durability: 'strict' });
    try {
      if (this.#database) return begin();
    } catch (error) {
      if (error.name !== 'InvalidStateError') throw told(error);
    }
    await this.#connect();
    return begin();
  }

  /** `work` may await nothing but the requests of its own stores, or the transaction would end under it. */
  async #run(stores, mode, work) {
    const transaction = await this.#begin(stores, mode);
    const ended = new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onabort = () => failed(transaction.error ?? new DOMException('aborted', 'AbortError'));
    });
    try {
      const result = await work(Object.fromEntries(stores.map((name) => [name, transaction.objectStore(name)])));
      await ended;
      return result;
    } catch (error) {
      try { transaction.abort(); } catch { /* it has ended already */ }
      throw told(await ended.then(() => error, () => transaction.error ?? error));
    }
  }
}

function opened() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore('keep');
      const events = database.createObjectStore('events', { keyPath: 'event_id' });
      events.createIndex('order', ['device_id', 'counter']);
      events.createIndex('unsent', ['unsent', 'device_id', 'counter']);
      events.createIndex('occurred_at', 'occurred_at');
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(told(request.error));
  });
}

function answer(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

function putAll(keep, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) keep.delete(name);
    else keep.put(value, name);
  }
}

const same = (one, other) => one?.counter === other?.counter && one?.prev === other?.prev;

/** In words for the caregiver: nothing was stored, and what was before still stands. */
function told(error) {
  if (!(error instanceof DOMException)) return error;
  return Object.assign(own(error.name === 'QuotaExceededError' ? 'storage_full' : 'storage_failed'), { cause: error });
}
