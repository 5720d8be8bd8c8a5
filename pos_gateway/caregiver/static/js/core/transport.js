// Requests to the gateway, each signed with a key of the phone (RFC 9421 over an RFC 9530 digest), as pos_gateway/client.py signs them.

import { base64, hex, randomName, sha256, utf8 } from './bytes.js';
import { ofProblem, own } from './errors.js';
import { sign } from './keys.js';

const API = '/api/v1';
const PATIENCE = 20_000; // milliseconds for one answer
const LIFETIME = 300; // seconds that a signed request may travel

export class Transport {
  #clock;
  #compared;

  /** `compared` is called when the server's time has changed what we think of our own clock. */
  constructor(clock, compared = () => {}) {
    this.#clock = clock;
    this.#compared = compared;
  }

  /** The answer's JSON. Throws DoorError: in the gateway's words where it refused; no_signal where nobody, or nobody of ours, answered. */
  async call(key, method, path, body, idempotencyKey) {
    try {
      return await this.#once(key, method, path, body, idempotencyKey);
    } catch (error) {
      if (error.code !== 'request_stale' || !error.corrected) throw error;
      return this.#once(key, method, path, body, idempotencyKey); // now by the server's clock
    }
  }

  async #once(key, method, path, body, idempotencyKey) {
    const content = body === undefined ? undefined : utf8(JSON.stringify(body));
    const headers = await signedHeaders(key, method, API + path, content, idempotencyKey, Math.floor(this.#clock.now() / 1000));
    const sent = Date.now();
    const [response, answer] = await fetched(API + path, { method, headers, body: content });
    const corrected = typeof answer?.server_time === 'string' && this.#clock.compare(answer.server_time, sent);
    if (corrected) await this.#compared();
    if (response.ok && answer !== null) return answer;
    const problem = ofProblem(response.status, answer);
    if (problem === null) throw Object.assign(own('no_signal'), { status: response.status });
    throw Object.assign(problem, { corrected, after: Number(response.headers.get('Retry-After')) || 0 });
  }
}

async function fetched(path, request) {
  let response;
  try {
    response = await fetch(path, { ...request, signal: AbortSignal.timeout(PATIENCE), cache: 'no-store', credentials: 'omit', redirect: 'error' });
    const text = await response.text();
    try {
      return [response, JSON.parse(text)];
    } catch {
      return [response, null]; // some proxy's page
    }
  } catch (error) {
    throw Object.assign(own('no_signal'), { cause: error });
  }
}

/** The headers of a signed request. `created`: whole seconds since 1970. */
export async function signedHeaders(key, method, target, content, idempotencyKey, created, nonce = randomName()) {
  const { host, pathname, search } = new URL(target, globalThis.location?.href);
  const covered = { '@method': method, '@authority': host, '@path': pathname, '@query': search || '?' };
  const headers = {};
  if (content !== undefined) {
    headers['Content-Type'] = covered['content-type'] = 'application/json';
    headers['Content-Digest'] = covered['content-digest'] = `sha-256=:${base64(await sha256(content))}:`;
  }
  if (idempotencyKey !== undefined) headers['Idempotency-Key'] = covered['idempotency-key'] = idempotencyKey;
  const names = Object.keys(covered).map((name) => `"${name}"`).join(' ');
  const stated = `(${names});created=${created};keyid="${key.key_id}";alg="${key.alg}";nonce="${nonce}";expires=${created + LIFETIME}`;
  const base = [...Object.entries(covered).map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${stated}`].join('\n');
  headers['Signature-Input'] = `sig1=${stated}`;
  headers.Signature = `sig1=:${base64(await sign(key, utf8(base)))}:`;
  return headers;
}

/** The same content gets the same key, however often and after whatever crash it is sent. */
export const derivedKey = async (key, body) => hex(await sha256(utf8(`${key.key_id} ${JSON.stringify(body)}`))).slice(0, 40);
