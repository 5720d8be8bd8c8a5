// The frame: which screen is shown, the bar above it, the buttons and tabs below, and what is told in between.
// Addresses (#/visit/…) hold ids only, and stay on the phone.

import { Door } from '../core/door.js';
import { both, button, el, mark } from './dom.js';
import { icon } from './icons.js';
import * as screens from './all.js';

const TABS = [
  ['today', 'home', '今日', 'today'],
  ['queue', 'queue', '待传', 'queue'],
  ['month', 'month', '本月', 'month'],
];
const place = (id) => document.getElementById(id);

class App {
  constructor(door) {
    this.door = door;
    this.online = navigator.onLine;
    this.shown = null;
    door.on('change', () => this.changed());
    addEventListener('hashchange', () => this.draw());
    for (const name of ['online', 'offline']) addEventListener(name, () => this.#signal());
    document.addEventListener('fault', ({ detail }) => this.tellError(detail));
    setInterval(() => this.shown?.tick?.(), 1000);
    this.pressed = false;
    addEventListener('pointerdown', () => { this.pressed = true; }, true);
    for (const name of ['pointerup', 'pointercancel']) addEventListener(name, () => setTimeout(() => this.#released()), true);
  }

  /** What changed while a finger was on the screen is drawn when it has left: a press must not meet a button that has just gone. */
  #released() {
    this.pressed = false;
    if (this.late) this.changed();
  }

  /** Show a screen; `replace`: the one before is not to be come back to. */
  go(name, params = [], { replace = false } = {}) {
    this.hush();
    const hash = `#/${[name, ...params].map(encodeURIComponent).join('/')}`;
    if (location.hash === hash) this.draw();
    else if (replace) location.replace(hash);
    else location.hash = hash;
  }

  /** The screen that the address names, or the one that has to come first. */
  #wanted() {
    const [name, ...params] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
    if (!this.door.device) return ['enrol', [location.hash]];
    if (name === 'queue') return [name, params]; // what waits can always be seen
    if (this.door.needsShift) return ['signIn', []];
    return Object.hasOwn(screens, name) && !['enrol', 'signIn'].includes(name) ? [name, params] : ['today', []];
  }

  draw() {
    const [name, params] = this.#wanted();
    const key = [name, ...params].join('/');
    const again = this.shown?.key === key;
    this.shown?.leave?.();
    const screen = screens[name](this, ...params);
    this.shown = { ...screen, key };
    document.title = `${screen.title[0]} · 松柏上门`;
    place('bar').replaceChildren(el('h1', {}, both(...screen.title)), this.#chip());
    place('screen').className = screen.look ?? '';
    place('screen').replaceChildren(...screen.body.flat(Infinity).filter(Boolean));
    this.setActions(screen.actions ?? []);
    place('tabs').replaceChildren(...(screen.tab ? TABS.map((tab) => this.#tab(tab, screen.tab)) : []));
    document.body.classList.remove('upside-down');
    if (again) return;
    place('screen').scrollTop = 0;
    place('screen').focus({ preventScroll: true });
  }

  /** The buttons near the thumb, in rows. */
  setActions(rows) {
    place('actions').replaceChildren(...rows.map((row) => el('div', { class: 'row' }, row)));
  }

  /** Something was recorded, sent or answered. A screen where somebody is choosing or typing is left as it is, unless it says that it is `stale`. */
  changed() {
    this.late = this.pressed;
    if (this.late) return;
    if (this.shown?.still && !this.shown.stale?.()) place('bar').lastElementChild.replaceWith(this.#chip());
    else this.draw();
  }

  #signal() {
    this.online = navigator.onLine;
    this.changed();
  }

  /** Whether there is signal, and how much waits; pressing it shows what waits. */
  #chip() {
    const waiting = this.door.device ? this.door.queue().filter((one) => one.state === 'waiting').length : 0;
    const [zh, en] = waiting ? [`待传 ${waiting}`, 'waiting'] : this.online ? ['已连线', 'online'] : ['无信号', 'no signal'];
    const kind = `chip${waiting || !this.online ? ' waits' : ''}`;
    const open = () => this.door.device && this.go('queue');
    return el('button', { type: 'button', class: kind, onclick: open, id: 'signal' }, icon(waiting || !this.online ? 'queue' : 'check'), el('span', {}, both(zh, en)));
  }

  #tab([name, sign, zh, en], current) {
    return el('button', { type: 'button', 'aria-current': name === current ? 'page' : null, onclick: () => this.go(name) }, icon(sign), both(zh, en));
  }

  /** Tell something until it is closed or the screen changes. `kind`: good, warn, bad or calm. */
  tell(kind, zh, en) {
    const sign = { good: 'check', warn: 'warn', bad: 'cross', calm: 'clock' }[kind];
    const close = button('好', 'OK', () => this.hush(), { class: 'plain narrow close' });
    place('notice').replaceChildren(el('div', { class: `notice ${kind}` }, icon(sign), el('div', { class: 'grow' }, both(zh, en)), close));
  }

  /** Tell why something was not done, in the words of the one who refused. */
  tellError(error) {
    if (error?.zh) this.tell('bad', `${error.zh}。${error.action_zh ?? ''}`, `${error.en}. ${error.action_en ?? ''}`);
    else if (error instanceof TypeError && !navigator.onLine) this.tell('warn', '现在没有信号，请稍后再试', 'No signal now; try again later');
    else {
      console.error(error);
      this.tell('bad', '没有办成，请再试一次', `It did not work, please try again (${error?.message ?? error})`);
    }
  }

  hush() {
    place('notice').replaceChildren();
  }
}

/** The app on the phone: kept whole by the service worker; a new version takes over when the caregiver says so. */
async function keepOnPhone(app) {
  if (!('serviceWorker' in navigator)) return;
  const worker = await navigator.serviceWorker.register('/caregiver/sw.js');
  const offer = (waiting) => {
    if (!navigator.serviceWorker.controller) return; // the first one: nothing older is open
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    app.update = () => waiting.postMessage('take over');
    app.changed();
  };
  if (worker.waiting) offer(worker.waiting);
  worker.addEventListener('updatefound', () => {
    const found = worker.installing;
    found.addEventListener('statechange', () => found.state === 'installed' && offer(found));
  });
}

/** Without a place to keep what is recorded nothing may be begun: say so instead of an empty page. */
function cannotKeep(error) {
  console.error(error);
  const said = ['这个浏览器存不了记录，不能用来上门。请关掉无痕模式，换用 Chrome 或系统自带浏览器，再打开本页。', 'This browser cannot keep records, so it cannot be used at a door. Leave private browsing, or open this page in another browser.'];
  place('screen').replaceChildren(mark('bad', ...said));
}

const door = await Door.open().catch(cannotKeep);
if (door) {
  const app = new App(door);
  app.draw();
  await keepOnPhone(app).catch((error) => console.warn('not kept for use without signal', error));
}
