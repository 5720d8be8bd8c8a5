// What was taken, by which purse, what is left; to be shown or printed. The last place where a debit can be taken back.

import { both, button, el, fact, line, mark } from './dom.js';
import { clockTime, isoDay, minutes, yuan } from './format.js';
import { back } from './order.js';
import { pick } from './overlay.js';
import * as records from './records.js';
import { sold } from './visit.js';

const TAKEN = {
  accepted: ['已扣', 'taken'],
  waiting: ['待扣', 'to be taken'],
  kept: ['待核定', 'to be decided'],
  reversed: ['已退回', 'given back'],
  refused: ['没有扣', 'not taken'],
};

export function receipt(app, id) {
  const { door } = app;
  const one = records.visit(door, id);
  const paid = one?.debit;
  if (!paid) return { title: ['没有扣款', 'No debit'], body: [line('这次服务还没有扣款。', 'Nothing was taken for this visit yet.')], actions: [[back(app)]] };
  const refused = paid.state === 'refused';
  const [zh, en] = TAKEN[paid.state];
  return {
    title: refused ? ['没有扣款', 'Not debited'] : ['收据', 'Receipt'],
    look: 'senior',
    body: [
      state(paid),
      el('div', { class: 'total' }, both(zh, en), el('span', { class: 'amount', id: 'taken' }, yuan(paid.total_fen))),
      paid.result && el('dl', { class: 'calm split', id: 'split' }, parts(paid.result)),
      el('dl', {},
        (one.lines ?? []).map((each) => sold(door, each)),
        fact('老人', 'senior', records.nameOf(door, one)),
        fact('时间', 'when', `${isoDay(one.check_in_at)} ${clockTime(one.check_in_at)}–${clockTime(one.check_out_at)}`),
        fact('时长', 'minutes', `${minutes(one.seconds)} 分钟`),
        fact('服务人员', 'caregiver', records.myName(door)),
        fact('服务商', 'provider', records.provider(door)),
        fact('编号', 'number', paid.event_id.slice(0, 12))),
      paid.state !== 'reversed' && button('打印', 'print', () => print(), { sign: 'print' }),
      ['accepted', 'waiting'].includes(paid.state) && button('扣错了，撤销', 'take the debit back', () => takeBack(app, one), { sign: 'undo', kind: 'danger' }),
    ],
    actions: [refused ? [back(app), button('重新扣款', 'debit again', () => app.go('debit', [id]), { kind: 'main', sign: 'check' })] : [button('完成，下一家', 'done, next', () => app.go('today'), { kind: 'main', sign: 'check' })]],
  };
}

function state(paid) {
  if (paid.state === 'accepted') return mark('good', '扣款成功', 'the debit was made');
  if (paid.state === 'waiting') return mark('calm', '已存在手机里，有信号后自动扣款，结果会通知老人', 'kept on the phone; debited when there is signal, and the senior is told');
  if (paid.state === 'kept') return mark('calm', '已收到，待核定，结果会通知老人', 'received, to be decided; the senior is told');
  if (paid.state === 'reversed') return mark('warn', '扣款已撤销，钱退回原账户', 'taken back; the money is where it was');
  return mark('bad', `${paid.words.zh}。${paid.words.action_zh ?? ''}`, `${paid.words.en}. ${paid.words.action_en ?? ''}`);
}

function parts(result) {
  return [
    fact('补贴付', 'subsidy paid', yuan(result.subsidy_fen)),
    result.personal_fen ? fact('老人自己付', 'own money', yuan(result.personal_fen)) : null,
    result.cash_fen ? fact('现金', 'cash', yuan(result.cash_fen)) : null,
    result.shortfall_fen ? fact('服务商承担', 'borne by the provider', yuan(result.shortfall_fen)) : null,
    fact('补贴还剩', 'left', yuan(result.subsidy_left_fen)),
    result.personal_left_fen ? fact('自己的钱还剩', 'own', yuan(result.personal_left_fen)) : null,
    typeof result.year_left_fen === 'number' ? fact('今年还可用', 'this year', yuan(result.year_left_fen)) : null,
  ];
}

async function takeBack(app, one) {
  const reason = await pick(['为什么撤销扣款？', 'Why is the debit taken back?'], records.reasons(app.door, 'take_back'));
  if (!reason) return;
  await app.door.cancel(one.debit.event_id, reason);
  app.draw();
}
