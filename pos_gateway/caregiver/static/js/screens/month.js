// One's own month: orders, minutes, what was void and why.

import { button, el, fact, line, mark } from './dom.js';
import { clockTime, dayOf, minutes, monthOf, yuan } from './format.js';

export function month(app, which = monthOf(Date.now())) {
  const stage = el('div', { class: 'stack', id: 'month' }, line('正在读取…', 'Reading …'));
  app.door.month(which).then((told) => stage.replaceChildren(...shown(told)), (error) => stage.replaceChildren(unread(error)));
  return {
    title: [`${Number(which.slice(5))} 月的工作`, `My month ${which}`],
    tab: 'month',
    still: true,
    body: [
      el('div', { class: 'pair' }, button('上个月', 'month before', () => app.go('month', [shift(which, -1)]), { sign: 'back' }), button('本月', 'this month', () => app.go('month', [monthOf(Date.now())]), { sign: 'month' })),
      stage,
    ],
  };
}

function shift(which, by) {
  const [year, number] = which.split('-').map(Number);
  const moved = new Date(Date.UTC(year, number - 1 + by, 1));
  return moved.toISOString().slice(0, 7);
}

function unread(error) {
  return mark('warn', error?.zh ?? '没有信号，看不到本月', error?.en ?? 'No signal: your month cannot be read');
}

function shown(told) {
  return [
    el('dl', { class: 'calm split' },
      fact('工单', 'orders', String(told.orders)),
      fact('服务', 'visits', String(told.visits)),
      fact('合计时间', 'time in all', `${minutes(told.seconds)} 分钟`),
      fact('废单', 'void', String(told.void))),
    el('ul', { class: 'stack' }, told.list.toReversed().map((one) => el('li', { class: 'card' }, visited(one)))),
  ];
}

function visited(one) {
  return [
    el('h2', {}, `${dayOf(one.check_in_at)} ${clockTime(one.check_in_at)}`, el('span', {}, one.senior)),
    one.status === 'void' ? mark('bad', `废单：${one.void_zh}`, `void: ${one.void_en}`) : line(`${minutes(one.seconds ?? 0)} 分钟 · ${yuan(one.total_fen)} · ${one.status_zh}`, one.status_en),
  ];
}
