// A terminal that shares nothing with ours: messages by the npm package iso_8583, MAC and PIN block by node's own AES, the keys unwrapped by OpenSSL.
// Each line on stdin is a message to send ({mti, fields, pin?, account?}), each line on stdout the answer ({mti, fields, genuine}).
'use strict';

const crypto = require('crypto');
const Module = require('module');
const net = require('net');
const readline = require('readline');

// Two libraries the package names and this terminal never calls: XML, and time stamps of its own.
const absent = {jxon: {}, 'date-fns': () => { throw new Error('not here'); }};
const load = Module._load;
Module._load = (name, ...more) => (name in absent ? absent[name] : load(name, ...more));
const Iso8583 = require('./iso_8583/lib/8583.js');

const fixed = (ContentType, MaxLen) => ({ContentType, LenType: 'fixed', MaxLen, Label: ''});
const varying = (ContentType, LenType, MaxLen) => ({ContentType, LenType, MaxLen, MinLen: 0, Label: ''});
// The package has no binary field of varying length: such a one is written with its length in front, as so many bytes.
const prefixed = (bytes) => fixed('b', 2 * (3 + bytes));
const withLength = (hex) => Buffer.from(String(hex.length / 2).padStart(3, '0')).toString('hex') + hex;
const BINARY = [55, 62, 126];

function formats(fields) {
  const size = (number) => (fields[number] ? fields[number].length / 2 : 48);
  const ours = {
    1: fixed('b', 16), 2: varying('n', 'llvar', 19), 3: fixed('n', 6), 4: fixed('n', 12), 7: fixed('n', 10), 11: fixed('n', 6),
    12: fixed('n', 6), 13: fixed('n', 4), 22: fixed('n', 3), 23: fixed('n', 3), 37: fixed('an', 12), 38: fixed('an', 6), 39: fixed('an', 2),
    41: fixed('ans', 8), 42: fixed('ans', 15), 48: varying('ans', 'lllvar', 400), 49: fixed('n', 3), 54: varying('ans', 'lllvar', 120),
    58: varying('ans', 'lllvar', 40), 59: varying('ans', 'lllvar', 40), 60: varying('n', 'lllvar', 6), 61: varying('ans', 'lllvar', 400),
    63: varying('z', 'lllvar', 400), 64: fixed('b', 16), 66: fixed('n', 1), 70: fixed('n', 3), 90: fixed('n', 42), 97: fixed('x+n', 17), 128: fixed('b', 16),
  };
  for (const number of [74, 75, 76, 77]) ours[number] = fixed('n', 10);
  for (const number of [86, 87, 88, 89]) ours[number] = fixed('n', 16);
  for (const number of BINARY) ours[number] = prefixed(size(number));
  return ours;
}

const xor = (one, other) => Buffer.from(one.map((byte, at) => byte ^ other[at]));

function block(key, data) {
  const cipher = crypto.createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function cmac(key, data) {
  const double = (from) => {
    const value = BigInt('0x' + from.toString('hex'));
    const shifted = BigInt.asUintN(128, value << 1n) ^ (value >> 127n ? 0x87n : 0n);
    return Buffer.from(shifted.toString(16).padStart(32, '0'), 'hex');
  };
  const first = double(block(key, Buffer.alloc(16)));
  const whole = data.length > 0 && data.length % 16 === 0;
  const padded = whole ? data : Buffer.concat([data, Buffer.from([0x80]), Buffer.alloc((31 - (data.length % 16)) % 16)]);
  let state = Buffer.alloc(16);
  for (let at = 0; at < padded.length; at += 16) {
    let part = padded.subarray(at, at + 16);
    if (at + 16 === padded.length) part = xor(part, whole ? first : double(first));
    state = block(key, xor(state, part));
  }
  return state;
}

function unwrapped(key, data) {
  const cipher = crypto.createDecipheriv('aes128-wrap', key, Buffer.alloc(8, 0xa6));
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function pinBlock(key, pin, account) {
  const plain = Buffer.concat([Buffer.from(('4' + pin.length.toString(16) + pin).padEnd(16, 'a'), 'hex'), crypto.randomBytes(8)]);
  const digits = account.padStart(12, '0');
  const bound = Buffer.from((String(digits.length - 12) + digits).padEnd(32, '0'), 'hex');
  return block(key, xor(block(key, plain), bound));
}

const [host, port, enrolled] = [process.argv[2], Number(process.argv[3]), Buffer.from(process.argv[4], 'hex')];
const network = cmac(enrolled, Buffer.from('SONGBAI 0800 MAC'));
const working = {mac: Buffer.alloc(16), pin: Buffer.alloc(16)};
const keyFor = (mti) => (mti.startsWith('08') ? network : working.mac);

function packed({mti, fields, pin, account}) {
  const sent = {...fields};
  if (pin) sent[126] = pinBlock(working.pin, pin, account).toString('hex');
  const custom = formats(sent);
  for (const number of BINARY) if (sent[number]) sent[number] = withLength(sent[number]);
  const place = Object.keys(sent).some((number) => Number(number) > 64) ? 128 : 64;
  const message = new Iso8583({0: mti, ...sent, [place]: '0'.repeat(16)}, custom);
  const bytes = message.getRawMessage();
  if (bytes.error) throw new Error(bytes.error);
  const covered = bytes.subarray(0, bytes.length - 8);
  const whole = Buffer.concat([covered, cmac(keyFor(mti), covered).subarray(0, 8)]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(whole.length);
  return Buffer.concat([length, whole]);
}

function unpacked(data) {
  const json = new Iso8583(undefined, formats({})).getIsoJSON(data, {lenHeader: false});
  if (json.error) throw new Error(json.error);
  const {0: mti, 64: low, 128: high, ...fields} = json;
  const key = keyFor(mti);
  const genuine = (high || low) === cmac(key, data.subarray(0, data.length - 8)).subarray(0, 8).toString('hex');
  if (fields[62]) {
    const wrapping = cmac(enrolled, Buffer.from('SONGBAI KEY WRAP'));
    const keys = Buffer.from(fields[62].slice(6), 'hex');
    working.mac = unwrapped(wrapping, keys.subarray(0, 24));
    working.pin = unwrapped(wrapping, keys.subarray(24));
    delete fields[62];
  }
  return {mti, fields, genuine};
}

let heard = Buffer.alloc(0);
const waiting = [];
const socket = net.connect(port, host);
socket.on('data', (data) => {
  heard = Buffer.concat([heard, data]);
  while (heard.length >= 2 && heard.length >= 2 + heard.readUInt16BE()) {
    const end = 2 + heard.readUInt16BE();
    const answer = heard.subarray(2, end);
    heard = heard.subarray(end);
    waiting.shift()(answer);
  }
});

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const bytes = packed(JSON.parse(line));
    const answer = await new Promise((hear) => {
      waiting.push(hear);
      socket.write(bytes);
    });
    process.stdout.write(JSON.stringify(unpacked(answer)) + '\n');
  }
  socket.end();
})();
