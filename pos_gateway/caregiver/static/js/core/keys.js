// The phone's own key: made here, never to leave it (not extractable), kept in IndexedDB as it is. Ed25519, or ECDSA P-256 where that is missing.

import { b64url, sha256, utf8 } from './bytes.js';

export const ED25519 = 'ed25519';
export const ECDSA_P256 = 'ecdsa-p256-sha256';
// Names as in the RFC 9421 registry, used for events and requests alike.

const MAKES = {
  [ED25519]: { name: 'Ed25519' },
  [ECDSA_P256]: { name: 'ECDSA', namedCurve: 'P-256' },
};
const SIGNS = {
  [ED25519]: { name: 'Ed25519' },
  [ECDSA_P256]: { name: 'ECDSA', hash: 'SHA-256' },
};

/** {alg, key_id, public_key (a JSON Web Key), secret (a CryptoKey)}. `among`: algorithms, the first that this browser has is taken. */
export async function generate(among = [ED25519, ECDSA_P256]) {
  const [alg, ...others] = among;
  let pair;
  try {
    pair = await crypto.subtle.generateKey(MAKES[alg], false, ['sign', 'verify']);
  } catch (error) {
    if (others.length && error.name === 'NotSupportedError') return generate(others);
    throw error;
  }
  const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const named = Object.fromEntries(['crv', 'kty', 'x', 'y'].filter((name) => name in jwk).map((name) => [name, jwk[name]]));
  return { alg, key_id: await thumbprint(named), public_key: named, secret: pair.privateKey };
}

/** RFC 7638: of the members that make the key, in alphabetical order. */
export const thumbprint = async (jwk) => b64url(await sha256(utf8(JSON.stringify(Object.fromEntries(Object.keys(jwk).sort().map((name) => [name, jwk[name]]))))));

/** The 64 signature bytes (ECDSA as r || s, which is how WebCrypto has them). */
export const sign = async ({ alg, secret }, bytes) => new Uint8Array(await crypto.subtle.sign(SIGNS[alg], secret, bytes));
