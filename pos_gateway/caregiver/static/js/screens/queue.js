// What this phone recorded, newest first: what waits for signal, what counts, and why something does not.

import { both, button, el, line, mark } from './dom.js';
import { clockTime, dayOf } from './format.js';
import * as records from './records.js';

const SHOWN = 100;

const STATE = {
  waiting: ['calm', '等信号', 'waiting for signal'],
  accepted: ['good', '已接受', 'accepted'],
  kept: ['calm', '已收到，待核定', 'received, to be decided'],
  refused: ['bad', '未接受', 'not accepted'],
};

export function queue(app) {
  const all = app.door.queue().map(records.eventOf);
  const found = all.slice(-SHOWN).toReversed();
  const waiting = all.filter((one) => one.state === 'waiting').length;
  const send = async () => {
    await app.door.sync();
    const left = app.door.queue().filter((one) => one.state === 'waiting').length;
    if (left) app.tell('warn', `还有 ${left} 条没传出去，会自动再试`, `${left} not sent yet; it is tried again by itself`);
    else app.tell('good', '全部传完', 'Everything is sent');
  };
  return {
    title: ['待传和结果', 'Waiting, and answers'],
    tab: 'queue',
    body: [
      waiting ? mark('calm', `${waiting} 条等信号，会按顺序自动上传，关机也不会丢`, `${waiting} waiting: sent in order by themselves, and never lost`) : mark('good', '没有等待的记录', 'Nothing waits'),
      waiting ? button('现在上传', 'send now', send, { sign: 'queue' }) : null,
      el('ul', { class: 'stack', id: 'events' }, found.map((one) => el('li', { class: 'card', 'data-state': one.state }, recorded(one)))),
      found.length === 0 && line('这部手机还没有记录。', 'Nothing recorded on this phone yet.', 'soft'),
    ],
  };
}

function recorded(one) {
  const [kind, zh, en] = STATE[one.state];
  const named = records.EVENTS[one.kind];
  return [
    el('h2', {}, `${named.zh} ${clockTime(one.occurred_at)}`, el('span', { class: 'soft' }, `${dayOf(one.occurred_at)} · #${one.counter}`)),
    mark(kind, one.words ? `${zh}：${one.words.zh}` : zh, one.words?.en ?? en),
    one.words?.action_zh && el('p', {}, both(`怎么办：${one.words.action_zh}`, one.words.action_en)),
  ];
}
