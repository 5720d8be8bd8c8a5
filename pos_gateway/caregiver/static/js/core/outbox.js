// What was recorded goes to the server in the phone's order, in batches; what the server said of each event is stored beside it. An answer that is
// lost is asked for again with the same key; the server knows every event by its hash, so nothing counts twice.

import { randomName, utf8 } from './bytes.js';
import { own } from './errors.js';
import { derivedKey } from './transport.js';

const BATCH = 500;
const BYTES = 900_000; // of one request; the server takes 1 MiB
const LAST = Symbol('nothing more can be sent now');

const envelope = ({ event, signature }) => ({ event, signature });
const words = ({ code, zh, en, action_zh, action_en }) => (zh === undefined ? null : { code, zh, en, action_zh, action_en });
const UNDECIDED = ['held', 'quarantined'];

export class Outbox {
  #storage;
  #transport;

  constructor(storage, transport) {
    this.#storage = storage;
    this.#transport = transport;
  }

  /** Send what a device (with its key) has unsent; `told` is called after each answer. Throws DoorError, the rest stays unsent. */
  async send(device, told) {
    for (let most = BATCH; ;) {
      const batch = fitting(await this.#storage.unsent(device.device_id, most));
      if (!batch.length) return;
      let outcomes;
      try {
        outcomes = await this.#post(device, batch, (body) => derivedKey(device, body));
      } catch (error) {
        if (error.code !== 'body_too_large' || batch.length === 1) throw error;
        most = Math.ceil(batch.length / 2);
        continue;
      }
      const going = await this.#settle(device, batch, outcomes);
      await told();
      if (going === LAST) return;
    }
  }

  /** Ask again what became of events that waited for another one, or for a person's decision. Answers whether anything is new. */
  async askAgain(device, events) {
    const undecided = fitting(events.filter((one) => one.device_id === device.device_id && UNDECIDED.includes(one.state)).slice(-BATCH));
    if (!undecided.length) return false;
    const outcomes = await this.#post(device, undecided, () => randomName()); // with the same key it would be the same answer
    const changed = undecided.map((one, place) => judged(one, outcomes[place])).filter((one, place) => outcomes[place].kept && one.state !== undecided[place].state);
    await this.#storage.settle(changed);
    return changed.length > 0;
  }

  async #post(device, batch, keyOf) {
    const body = { events: batch.map(envelope) };
    const { outcomes } = await this.#transport.call(device, 'POST', '/events', body, await keyOf(body));
    if (!Array.isArray(outcomes) || outcomes.length !== batch.length) throw own('no_signal');
    return outcomes;
  }

  async #settle(device, batch, outcomes) {
    const kept = batch.flatMap((one, place) => (outcomes[place].kept ? [judged(one, outcomes[place])] : []));
    const place = outcomes.findIndex((outcome) => !outcome.kept);
    await this.#storage.settle(kept);
    if (place < 0) return null;
    return this.#notKept(device, batch, place, outcomes[place]);
  }

  /** The first event of a batch that the server did not take. */
  async #notKept(device, batch, place, outcome) {
    const one = batch[place];
    if (outcome.code === 'event_conflict') throw own('forked');
    if (outcome.code === 'event_gap') return this.#sendAgain(device, one, outcome.result?.expected);
    if (outcome.retry) return LAST;
    // Refused for good. The newest one is as if it had never been signed; before others it has to stay, for their chain leads through it.
    if (await this.#storage.settle([], { ...judged(one, outcome), undone: true })) return null;
    if (place > 0 && place === batch.length - 1) return null; // sent once more at the head of those that follow it, it may be kept
    await this.#storage.settle([{ ...one, words: words(outcome) }]);
    return LAST;
  }

  /** The server is missing events that it once had: it was restored from a backup. What we still hold is sent again. */
  async #sendAgain(device, one, expected) {
    const again = (await this.#storage.from(device.device_id, expected)).filter((each) => each.counter < one.counter);
    if (again.length === 0 || again.length !== one.counter - expected) throw own('forked');
    if (again.every((each) => each.unsent === 1)) return LAST; // they are on their way
    await this.#storage.settle(again.map((each) => ({ ...each, unsent: 1 })));
    return null;
  }
}

/** As many as one request may hold. */
function fitting(events) {
  let bytes = 0;
  const past = events.findIndex((one) => (bytes += utf8(JSON.stringify(envelope(one))).length + 1) > BYTES);
  return past < 0 ? events : events.slice(0, Math.max(1, past));
}

/** An event with what the server made of it. Waiting at the server is not waiting to be sent. */
function judged(one, outcome) {
  const { unsent, ...settled } = one;
  const state = outcome.status === 'waiting' ? 'held' : outcome.status;
  return { ...settled, state, result: outcome.result ?? {}, words: words(outcome) };
}
