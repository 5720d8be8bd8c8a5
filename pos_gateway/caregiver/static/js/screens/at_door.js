// What happens at doors. Each has its words, who to call, and its record; nothing here is a matter of free text.

import { both, button, el, line, mark } from './dom.js';
import { back, checkIn, helpers } from './order.js';
import { pick } from './overlay.js';
import { whereNow } from './place.js';
import * as records from './records.js';
import { breakOff } from './visit.js';

const SAID = {
  nobody_home: [
    ['先敲门、打电话，再问问邻居。', 'Knock, call, then ask the neighbours.'],
    ['确实没人，记下来就可以走，会另外安排。', 'If nobody is there, record it and go on: another time will be planned.'],
  ],
  refused: [
    ['老人今天不愿意，不要勉强。', 'She does not want it today: do not press.'],
    ['说明可以改天，记下来。', 'Say that another day is possible, and record it.'],
  ],
  ill: [
    ['人要紧：先打 120，再通知家属和服务站。', 'The person first: call 120, then the family and the office.'],
    ['陪到有人接手，再回来记录。', 'Stay until somebody takes over, then record it.'],
  ],
  dead: [
    ['不要移动，打 120 和 110，通知服务站。', 'Do not move anything; call 120 and 110 and tell the office.'],
    ['记录之后由村和镇街核实。', 'Village and town verify what you record.'],
  ],
  goods_wanted: [
    ['补贴只能买服务，不能换米面油、现金或药。', 'The subsidy buys service, never goods, cash or medicine.'],
    ['换东西会取消服务商资格。老人坚持，就记下来。', 'Giving goods costs the provider its place. If the senior insists, record it.'],
  ],
};

const CALL_FIRST = new Set(['ill', 'dead']);

/** `visitId`: on a visit that has begun; else before one. */
export function atDoor(app, what, orderId, visitId) {
  const special = { card_missing: cardMissing, couple, second, other }[what];
  const named = records.AT_DOOR.find(({ code }) => code === what);
  if (special) return { title: [named.zh, named.en], ...special(app, orderId) };
  const said = SAID[what].map(([zh, en]) => line(zh, en, 'big'));
  return {
    title: [named.zh, named.en],
    body: [CALL_FIRST.has(what) && helpers(app, orderId), said, !CALL_FIRST.has(what) && helpers(app, orderId, false)],
    actions: [[visitId ? toVisit(app, visitId) : toOrder(app, orderId), answer(app, orderId, visitId, named)].filter(Boolean)],
  };
}

/** What is recorded: on a visit that has begun it ends that visit, before one it ends the order. Without either there is only whom to call. */
function answer(app, orderId, visitId, { code, zh, en }) {
  const begun = records.visit(app.door, visitId);
  if (begun && code === 'goods_wanted') {
    const end = async () => {
      await app.door.voidVisit(begun.visit_id, 'goods');
      app.go('visit', [begun.visit_id], { replace: true });
    };
    return button('这次服务作废', 'the visit does not count', end, { kind: 'main', sign: 'cross' });
  }
  if (begun) return button('签退：突发情况', 'check out: an emergency', () => breakOff(app, begun, 'emergency'), { kind: 'main', sign: 'check' });
  return orderId && button(`记录：${zh}`, `record: ${en}`, () => notServed(app, orderId, code), { kind: 'main', sign: 'check' });
}

const toVisit = (app, visitId) => button('返回', 'back', () => app.go('visit', [visitId]), { sign: 'back', class: 'plain narrow' });
const toOrder = (app, orderId) => (orderId ? button('返回', 'back', () => app.go('order', [orderId]), { sign: 'back', class: 'plain narrow' }) : back(app));

async function notServed(app, orderId, reason) {
  await app.door.notServed({ order_id: orderId, reason, place: await whereNow() });
  app.go('today', [], { replace: true });
  app.tell('good', '已记录', 'Recorded');
}

function cardMissing(app, orderId) {
  const { door } = app;
  return {
    body: [
      line('卡找不到，也可以服务：', 'Service is possible without the card:', 'big'),
      button('扫门牌签到', 'scan the door plate', () => checkIn(app, orderId, 'door_plate'), { sign: 'door' }),
      records.accepts(door, 'typed') && button('输卡号签到', 'type the card number', () => checkIn(app, orderId, 'typed'), { sign: 'keys' }),
      records.accepts(door, 'typed') && mark('warn', '输卡号是较弱的凭据，会被标记、抽查', 'Typing is weaker evidence: marked and looked at'),
      line('扣款时老人要用密码或动态码确认。提醒老人到市民卡网点挂失补卡。', 'For the debit the senior needs the PIN or a dynamic code. Remind her to report the loss at the counter.'),
    ],
    actions: [[toOrder(app, orderId), button('没服务成', 'could not serve', () => notServed(app, orderId, 'card_missing'), { sign: 'cross' })]],
  };
}

function couple(app, orderId) {
  const others = records.sameHome(app.door, orderId);
  return {
    body: [
      line('两位老人，两张卡，两次服务：', 'Two seniors, two cards, two visits:', 'big'),
      el('ol', { class: 'stack steps' }, [
        ['1. 先给一位签到、服务、签退、扣款。', '1. Check in, serve, check out and debit the first.'],
        ['2. 再扫另一位的卡，重新计时。', "2. Then scan the other's card: the time starts anew."],
        ['3. 一个人同一时间只能在一次服务里，重叠的会被拦下核查。', '3. Nobody is on two visits at once: overlaps are stopped and looked at.'],
      ].map(([zh, en]) => el('li', {}, both(zh, en)))),
      others.length > 0 && line('同一户的另一张工单：', 'The other order of this home:', 'big'),
      others.map((one) => button(one.senior, 'open the order', () => app.go('order', [one.order_id]), { sign: 'people' })),
    ],
    actions: [[toOrder(app, orderId)]],
  };
}

function second(app, orderId) {
  const { door } = app;
  const beside = records.prices(door).filter((price) => price.together);
  return {
    body: [
      line('两个人一起上门：各用各的手机，扫同一张卡。', 'Two caregivers: each scans the same card with their own phone.', 'big'),
      line('每人要有自己的工单；只有下面的项目可以同时做。', 'Each needs an order of their own; only these items may be given at the same time.'),
      el('ul', { class: 'stack' }, beside.map((price) => el('li', {}, line(price.name_zh, price.name_en)))),
    ],
    actions: [[toOrder(app, orderId), orderId && button('扫卡签到', 'scan the card, check in', () => checkIn(app, orderId), { kind: 'main', sign: 'scan' })].filter(Boolean)],
  };
}

function other(app, orderId) {
  const shown = new Set(records.AT_DOOR.map(({ code }) => code));
  const rest = records.reasons(app.door, 'not_served').filter(({ code }) => !shown.has(code));
  const choose = async () => {
    const reason = await pick(['为什么没服务成？', 'Why was nothing served?'], rest);
    if (reason) await notServed(app, orderId, reason);
  };
  return {
    body: [line('地址不对、已搬走、现场不安全……选一个原因记下来。', 'Wrong address, moved away, not safe …: choose a reason and record it.', 'big'), helpers(app, orderId)],
    actions: [[toOrder(app, orderId), button('选原因', 'choose a reason', choose, { kind: 'main', sign: 'list' })]],
  };
}
