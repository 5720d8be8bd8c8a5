// A PIN sealed to the server: HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; one message, no further `aad`.
// The other end is settlement/cards/sealed_pin.py. WebCrypto has all parts of it but puts them together differently, hence the steps here.

import { b64url, joined, utf8 } from './bytes.js';

const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const HASH_BYTES = 32;
const KEM = joined(utf8('KEM'), number(0x0010, 2));
const SUITE = joined(utf8('HPKE'), number(0x0010, 2), number(0x0001, 2), number(0x0002, 2));
const USE = 'songbai pin 1|';

/** What a device does with a PIN before it keeps or sends it. `bound`: what it was typed for, as text; it opens for nothing else. */
export async function sealPin(jwk, pin, bound) {
  const theirs = await crypto.subtle.importKey('jwk', { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, CURVE, true, []);
  const ours = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
  return b64url(await seal(theirs, ours, utf8(USE + bound), utf8(pin)));
}

/** enc || ciphertext. `ours`: an ephemeral key pair, used once. */
export async function seal(theirs, ours, info, plain) {
  const [enc, theirPoint] = await Promise.all([ours.publicKey, theirs].map(point));
  const shared = await sharedSecret(theirs, ours, joined(enc, theirPoint));
  const [secret, context] = [await extract(SUITE, shared, 'secret', new Uint8Array()), await keySchedule(info)];
  const [key, nonce] = await Promise.all([expand(SUITE, secret, 'key', context, 32), expand(SUITE, secret, 'base_nonce', context, 12)]);
  const cipher = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  return joined(enc, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, cipher, plain)));
}

/** RFC 9180 §4.1, Encap. */
async function sharedSecret(theirs, ours, context) {
  const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: theirs }, ours.privateKey, 256));
  const prk = await extract(KEM, new Uint8Array(), 'eae_prk', dh);
  return expand(KEM, prk, 'shared_secret', context, HASH_BYTES);
}

/** RFC 9180 §5.1, for mode 0: neither a pre-shared key nor a sender's. */
async function keySchedule(info) {
  const empty = new Uint8Array();
  return joined(number(0, 1), await extract(SUITE, empty, 'psk_id_hash', empty), await extract(SUITE, empty, 'info_hash', info));
}

const extract = (suite, salt, label, ikm) => hmac(salt, joined(utf8('HPKE-v1'), suite, utf8(label), ikm));

/** One block of HKDF-Expand, for at most 32 bytes. */
async function expand(suite, prk, label, info, length) {
  const block = await hmac(prk, joined(number(length, 2), utf8('HPKE-v1'), suite, utf8(label), info, number(1, 1)));
  return block.slice(0, length);
}

async function hmac(key, data) {
  // An empty key is the same as one of zeros (RFC 2104), which every browser takes.
  const raw = key.length ? key : new Uint8Array(HASH_BYTES);
  const imported = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data));
}

const point = async (key) => new Uint8Array(await crypto.subtle.exportKey('raw', key));

function number(value, bytes) {
  return Uint8Array.from({ length: bytes }, (_, place) => (value >> (8 * (bytes - 1 - place))) & 0xff);
}
