// The visits that this phone's events tell of, as the screens show them: what was recorded here, corrected by what the server said of it.

import { VISIT_ID_LENGTH } from './signed_event.js';

const REFUSED = ['declined', 'rejected'];
const HOME_VISIT = 'home_visit';

const visitId = (event) => (event.kind === 'check_in' ? event.event_id : event.event.body.visit).slice(0, VISIT_ID_LENGTH);
export const refused = (record) => REFUSED.includes(record.state);
const waiting = (record) => record.state === 'waiting';

/** Visits in the order of their check-ins, last those begun on another phone. `events`: in the order in which they were signed; the rest: of the bundle. */
export function visitsOf(events, { prices = [], terms = {}, begun_elsewhere: elsewhere = [] } = {}) {
  const found = { byId: new Map(), byEvent: new Map(), prices: new Map(prices.map((price) => [price.item_code, price])), terms };
  for (const record of events) TELL[record.kind]?.(found, record);
  for (const begun of elsewhere) takenOver(found, begun);
  return [...found.byId.values()];
}

/** A visit that another phone began: this one has no event of its check-in, so it cannot take it back, and knows the times shown only. */
function takenOver(found, { visit_id, order_id, senior, check_in_at, items }) {
  const blank = { check_out_at: null, seconds: null, lines: [], total_fen: 0, waiting: false, words: null, debit: null };
  if (!found.byId.has(visit_id)) found.byId.set(visit_id, { visit_id, event_id: null, order_id, senior, check_in_at, items, ...blank, state: 'open', elsewhere: true });
}

const TELL = {
  check_in(found, record) {
    const { event, about } = record;
    const visit = {
      visit_id: visitId(record),
      event_id: record.event_id,
      order_id: event.body.order_id ?? null,
      senior: about.senior ?? null,
      caregiver: event.caregiver,
      check_in_at: record.occurred_at,
      check_out_at: null,
      seconds: null,
      lines: [],
      total_fen: 0,
      state: refused(record) ? 'refused' : 'open',
      waiting: waiting(record),
      words: record.words ?? null,
      debit: null,
    };
    found.byId.set(visit.visit_id, visit);
    found.byEvent.set(record.event_id, { visit, record });
  },

  check_out(found, record) {
    if (record.about?.begun) takenOver(found, record.about.begun);
    const visit = found.byId.get(visitId(record));
    if (!visit) return;
    visit.waiting ||= waiting(record);
    if (refused(record)) {
      visit.words = record.words;
      return;
    }
    const begun = found.byEvent.get(visit.event_id)?.record ?? { event: { occurred_at: visit.check_in_at } };
    const { lines } = record.event.body;
    const seconds = lasted(begun, record);
    const short = seconds < minimumSeconds(lines.map((line) => found.prices.get(line.item)), found.terms);
    const total = lines.reduce((sum, line) => sum + (line.amount_fen ?? 0), 0);
    const known = record.state === 'accepted' || record.state === 'released' ? record.result : {};
    Object.assign(visit, { check_out_at: record.occurred_at, lines, seconds, total_fen: total, state: short ? 'void' : 'served' });
    if (known.status !== undefined) Object.assign(visit, { state: known.status === 'void' ? 'void' : 'served', seconds: known.seconds, total_fen: known.total_fen, lines: known.lines, again_order_id: known.again_order_id });
    if (visit.state === 'void') Object.assign(visit, voidWords(found.terms, known.void_reason ?? 'too_short'));
  },

  debit(found, record) {
    const visit = found.byId.get(visitId(record));
    if (!visit) return;
    visit.waiting ||= waiting(record);
    const { body } = record.event;
    const taken = record.state === 'accepted' || record.state === 'released';
    const state = refused(record) ? 'refused' : waiting(record) ? 'waiting' : taken ? 'accepted' : 'kept';
    visit.debit = {
      event_id: record.event_id,
      state,
      total_fen: taken ? record.result.total_fen : body.total_fen,
      consent: body.consent,
      result: taken ? record.result : null,
      words: record.words ?? null,
    };
    found.byEvent.set(record.event_id, { visit, record });
  },

  cancel(found, record) {
    const target = found.byEvent.get(record.event.body.event);
    if (!target || refused(record)) return;
    const { visit } = target;
    visit.waiting ||= waiting(record);
    if (target.record.kind === 'check_in') visit.state = 'cancelled';
    else if (visit.debit?.event_id === target.record.event_id) visit.debit.state = 'reversed';
  },

  void(found, record) {
    const visit = found.byId.get(visitId(record));
    if (!visit || refused(record)) return;
    visit.waiting ||= waiting(record);
    Object.assign(visit, { state: 'void', ...voidWords(found.terms, record.event.body.reason) });
  },
};

function voidWords(terms, reason) {
  const listed = terms.reasons?.void?.find((one) => one.code === reason);
  return { void_reason: reason, void_zh: listed?.zh, void_en: listed?.en };
}

/** Whole seconds between two events: by the counter of one run, which nobody can set, else by the times shown. */
function lasted(begun, ended) {
  const [one, other] = [begun.event, ended.event];
  if (one.boot === other.boot) return Math.floor((other.mono_ms - one.mono_ms) / 1000);
  return Math.floor((Date.parse(other.occurred_at) - Date.parse(one.occurred_at)) / 1000);
}

/** What a visit with these items must last; an hour may cover several, so times are not added up. */
function minimumSeconds(items, terms) {
  const times = items.map((item) => Math.max(item?.min_minutes ?? 0, item?.evidence_kind === HOME_VISIT ? (terms.minimum_minutes ?? 0) : 0));
  return Math.max(0, ...times) * 60;
}

/** Orders that are still to be served, as far as this phone knows: not those it has just recorded as not served. */
export function ordersLeft(orders, events) {
  const given = new Set(events.filter((record) => record.kind === 'not_served' && !refused(record)).map((record) => record.event.body.order_id));
  return orders.filter((order) => !given.has(order.order_id));
}
