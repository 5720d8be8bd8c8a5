// What a scanned or typed text is. Nothing is verified here: codes are signed, and the server says whether they count.

const KINDS = [
  ['door_plate', /^SB1D\./],
  ['dynamic', /^SB1T/],
  ['card_qr', /^SB1\./],
];

/** {kind, code}: the code behind the # of an address, or as it stands; kind is null for what is none of ours. */
export function codeOf(text) {
  const code = text.slice(text.indexOf('#') + 1).trim();
  const [kind] = KINDS.find(([, form]) => form.test(code)) ?? [null];
  return { kind, code };
}

/** What people type, whatever keyboard and spacing they have: no blanks, no dashes, no wide letters. */
const bare = (text) => text.normalize('NFKC').replace(/[\s\p{Pd}]/gu, '').toUpperCase();

/** The one-time code of an enrolment: bare, or in an address as #enrol=CODE. Null for anything else. */
export function enrolmentCode(text) {
  const code = bare(text.slice(text.indexOf('#') + 1).trim().replace(/^enrol=/, ''));
  return /^[0-9A-Z]{12}$/.test(code) ? code.match(/.{4}/g).join('-') : null;
}

/** A card number as printed: digits, which may stand in groups. Null for anything else. */
export function cardNumber(text) {
  const digits = bare(text);
  return /^[0-9]{8,19}$/.test(digits) ? digits : null;
}

/** The eight digits of a dynamic code, read out or typed in groups. Null for anything else. */
export function eightDigits(text) {
  const digits = bare(text);
  return /^[0-9]{8}$/.test(digits) ? digits : null;
}
