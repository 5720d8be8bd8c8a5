// What the phone knows, at hand without waiting: read from storage when it is opened and whenever this page or another one wrote.

const NAMES = ['device', 'former', 'pending', 'bundle', 'shift', 'clock', 'trouble', 'enrolments'];

/** In the order of signing. Of two with one number the first was undone. */
const inOrder = (one, other) => one.enrolment - other.enrolment || one.counter - other.counter || Number(other.undone ?? 0) - Number(one.undone ?? 0);

export class Memory {
  #storage;
  #channel = new BroadcastChannel('songbai-door');
  #listeners = new Set();
  #turns = 0;
  #newest = 0;
  kept = {};
  events = [];

  static async of(storage) {
    const memory = new Memory();
    memory.#storage = storage;
    await memory.#read();
    memory.#channel.onmessage = () => memory.#read().then(() => memory.#tell(), (error) => console.error(error));
    return memory;
  }

  on(fn) {
    this.#listeners.add(fn);
  }

  /** Write values by name, all or none; undefined takes one away. */
  async keep(values) {
    await this.#storage.put(values);
    await this.changed();
  }

  /** Something was written: this page and all others are told. */
  async changed() {
    await this.#read();
    this.#channel.postMessage('changed');
    this.#tell();
  }

  async #read() {
    const turn = ++this.#turns;
    const [kept, events] = await Promise.all([Promise.all(NAMES.map((name) => this.#storage.get(name))), this.#storage.all()]);
    if (turn < this.#newest) return; // one that began later has been quicker
    this.#newest = turn;
    this.kept = Object.fromEntries(NAMES.map((name, place) => [name, kept[place]]));
    this.events = events.sort(inOrder);
  }

  #tell() {
    for (const fn of this.#listeners) fn();
  }
}
