// An event as this phone signs it: canonical bytes, hash, signature; the same as settlement/visits/signed_event.py.

import { b64url, hex, sha256, utf8 } from './bytes.js';
import { own } from './errors.js';
import { sign } from './keys.js';

export const VERSION = 1;
export const FIRST_PREV = '0'.repeat(64);
export const VISIT_ID_LENGTH = 32; // a visit's id is this much of its check-in's hash

/** RFC 8785 narrowed to what no two programs can read differently: text, whole numbers, objects with plain lower-case names, lists. */
export function canonical(value) {
  if (typeof value === 'string' && value.isWellFormed()) return JSON.stringify(value);
  if (Number.isSafeInteger(value)) return String(value === 0 ? 0 : value); // -0 is 0
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).sort();
    const odd = names.find((name) => !/^[a-z][a-z0-9_]{0,39}$/.test(name));
    if (odd !== undefined) throw own('form', { detail: odd.slice(0, 40) });
    return `{${names.map((name) => `"${name}":${canonical(value[name])}`).join(',')}}`;
  }
  throw own('form', { detail: String(value).slice(0, 40) });
}

/** SHA-256 of the canonical bytes: the event's id, and the next one's `prev`. */
export const eventHash = async (event) => hex(await sha256(utf8(canonical(event))));

/** {event_id, event, signature}; version, algorithm and key id are filled in. */
export async function signed(facts, key) {
  const event = { v: VERSION, ...facts, alg: key.alg, key_id: key.key_id };
  const bytes = utf8(canonical(event));
  return { event_id: hex(await sha256(bytes)), event, signature: b64url(await sign(key, bytes)) };
}
