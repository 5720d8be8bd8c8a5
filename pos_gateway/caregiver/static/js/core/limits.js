// The scheme's limits of debits without signal. What is known to go beyond them is not taken: later nobody would be at the door to hear of it.

import { own } from './errors.js';
import { VISIT_ID_LENGTH } from './signed_event.js';

const yuan = (fen) => fen / 100;

/** Throws DoorError for a debit that may not wait. `events`: all of this device; `today`: "2026-07-03". */
export function mayWait(offline, events, { visit, total, today }) {
  if (total > offline.up_to_fen) throw own('offline_amount', { yuan: yuan(offline.up_to_fen) });
  const debits = events.filter((one) => one.kind === 'debit' && one.unsent === 1);
  if (offline.queued_debits && debits.length >= offline.queued_debits) throw own('offline_queue', { count: debits.length });
  const who = whose(events, visit);
  if (!offline.card_day_fen || who === undefined) return;
  const same = debits.filter((one) => one.occurred_at.startsWith(today) && whose(events, one.event.body.visit) === who);
  const taken = same.reduce((sum, one) => sum + one.event.body.total_fen, 0);
  if (taken + total > offline.card_day_fen) throw own('offline_day', { yuan: yuan(offline.card_day_fen) });
}

/** Whom a visit was for, as far as the phone can tell: by the order's name, else by what was read. */
function whose(events, visit) {
  const begun = events.find((one) => one.kind === 'check_in' && one.event_id.startsWith(visit.slice(0, VISIT_ID_LENGTH)));
  return begun?.about.senior ?? begun?.event.body.token ?? begun?.event.body.card_no;
}
