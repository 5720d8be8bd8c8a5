// The day: what is under way first, then the orders in their order of time.

import { both, button, el, heading, line, mark } from './dom.js';
import { clockTime, dayOf, isoDay, running } from './format.js';
import { icon } from './icons.js';
import * as records from './records.js';

export function today(app) {
  const { door } = app;
  const clocks = [];
  const under = records.unfinished(door).map((one) => underWay(app, one, clocks));
  const left = records.ordersLeft(door);
  const done = records.finished(door);
  return {
    title: ['今日工单', `${dayOf(door.now())} · ${records.myName(door)}`],
    tab: 'today',
    tick: () => clocks.forEach((refresh) => refresh()),
    body: [
      app.update && button('有新版本，点此更新', 'a new version: update now', () => app.update(), { sign: 'undo' }),
      under,
      !app.online && mark('warn', '没有信号：照常服务，记录先存在手机里', 'No signal: work as usual, everything is kept on the phone'),
      howOld(door),
      left.length ? el('ul', { class: 'stack', id: 'orders' }, left.map((one) => el('li', {}, planned(app, one)))) : door.bundle && line('没有待服务的工单', 'No orders left', 'soft'),
      done.length > 0 && heading('今天做完的', 'Done today'),
      done.map((one) => over(door, app, one)),
      el('div', { class: 'stack' },
        button('急事：没有工单', 'urgent, without an order', () => app.go('urgent'), { sign: 'heart' }),
        button('刷新工单', 'fetch the orders again', () => fetchAgain(app), { sign: 'undo' }),
        records.shared(door) && button('下班', 'end the shift', () => door.closeShift(), { sign: 'door' })),
    ],
  };
}

/** Orders of another day, or none fetched yet, are said to be so. */
function howOld(door) {
  if (!door.bundle) return mark('warn', '还没取到工单，有信号时点“刷新工单”', 'No orders fetched yet: do so when there is signal');
  if (door.bundle.day === isoDay(door.now())) return null;
  return mark('warn', `这是 ${door.bundle.day} 的工单，有信号时会更新`, 'Orders of that day; they are fetched anew when there is signal');
}

async function fetchAgain(app) {
  await app.door.refresh();
  app.tell('good', '工单已更新', 'The orders are up to date');
}

function underWay(app, one, clocks) {
  const time = el('span', { class: 'num' });
  const refresh = () => { time.textContent = running(records.elapsed(app.door, one)); };
  const state = records.visitWords(one);
  if (one.state === 'open') {
    refresh();
    clocks.push(refresh);
  }
  return el('button', { type: 'button', class: 'card open', onclick: () => app.go('visit', [one.visit_id]) },
    el('h2', {}, records.nameOf(app.door, one), one.state === 'open' && time),
    el('p', {}, both(...state)));
}

function over(door, app, one) {
  const [zh, en] = records.visitWords(one);
  const open = () => app.go(one.debit ? 'receipt' : 'visit', [one.visit_id]);
  return el('button', { type: 'button', class: 'card', onclick: open },
    el('h2', {}, el('span', { class: 'when' }, clockTime(one.check_in_at)), records.nameOf(door, one)),
    mark(one.state === 'served' ? 'good' : 'bad', zh, en));
}

function planned(app, one) {
  const items = one.items.map((code) => records.itemName(app.door, code).zh).join('、');
  return el('button', { type: 'button', class: 'card', onclick: () => app.go('order', [one.order_id]) },
    el('h2', {}, el('span', { class: 'when' }, clockTime(one.planned_start)), one.senior),
    el('p', {}, icon('map'), ` ${one.address ?? one.village}`),
    el('p', { class: 'soft' }, `${items} · ${one.planned_minutes} 分钟`));
}
