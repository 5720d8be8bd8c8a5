// The forms of events, as the server reads them (settlement/visits/signed_event.py). What has not its kind's form must never be signed: it would
// stand in the way of everything recorded after it.

import { own } from './errors.js';

const METHODS = ['chip', 'dynamic', 'card_qr', 'door_plate', 'typed'];
const CONSENTS = ['chip', 'dynamic', 'pin', 'card_qr', 'agent'];
const LARGEST = 100_000_000;

const storable = (value) => !value.includes('\u0000') && value.isWellFormed();
const length = (value) => Array.from(value).length; // in characters, as the server counts
const text = (longest) => (value) => typeof value === 'string' && length(value) >= 1 && length(value) <= longest && storable(value);
const whole = (lowest, highest) => (value) => Number.isInteger(value) && value >= lowest && value <= highest;
const oneOf = (words) => (value) => words.includes(value);
const hash = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const form = (required, optional = {}) => (value) => fits(value, required, optional);
const list = (each, most) => (value) => Array.isArray(value) && value.length >= 1 && value.length <= most && value.every(each);

function fits(value, required, optional) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const known = { ...required, ...optional };
  return Object.keys(required).every((name) => name in value) && Object.entries(value).every(([name, part]) => Object.hasOwn(known, name) && known[name](part));
}

const place = form({
  latitude_e7: whole(-900_000_000, 900_000_000),
  longitude_e7: whole(-1_800_000_000, 1_800_000_000),
  accuracy_m: whole(0, 100_000),
});
const line = form({ item: text(40), quantity: whole(1, 1000) }, { amount_fen: whole(0, LARGEST) });

const BODIES = {
  check_in: [{ method: oneOf(METHODS) }, { order_id: text(48), token: text(400), card_no: text(32), place: place }],
  check_out: [{ visit: text(64), lines: list(line, 20), method: oneOf(METHODS) }, { token: text(400), place: place, reason: text(40) }],
  debit: [
    { visit: text(64), consent: oneOf(CONSENTS), total_fen: whole(1, LARGEST), personal_fen: whole(0, LARGEST), cash_fen: whole(0, LARGEST) },
    { token: text(400), code: text(400), pin_sealed: text(600), receipt_no: text(40) },
  ],
  confirm: [{ debit: hash, consent: oneOf(CONSENTS) }, { token: text(400), code: text(400) }],
  cancel: [{ event: hash, reason: text(40) }, {}],
  void: [{ visit: text(64), reason: text(40) }, {}],
  not_served: [{ order_id: text(48), reason: text(40) }, { place: place }],
};

/** The body without what is undefined or null. Throws DoorError(form) naming the field that is missing, unknown or not as it should be. */
export function bodyOf(kind, given) {
  const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null));
  const [required, optional] = BODIES[kind];
  const known = { ...required, ...optional };
  const missing = Object.keys(required).find((name) => !(name in body));
  const wrong = missing ?? Object.keys(body).find((name) => !Object.hasOwn(known, name) || !known[name](body[name]));
  if (wrong) throw own('form', { detail: `${kind}.${wrong}` });
  return body;
}
