// How amounts, times and durations are written. Amounts are fen, durations whole seconds, times of the county (UTC+8).

const AT = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hour12: false });
const DAY = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', month: 'numeric', day: 'numeric', weekday: 'short' });
const YMD = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', year: 'numeric', month: '2-digit', day: '2-digit' });

/** 12345 -> "123.45 元"; no thousands separator, as on a receipt. */
export function yuan(fen) {
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${fen < 0 ? '−' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}\u00a0元`; // never broken before its unit
}

export const clockTime = (moment) => AT.format(new Date(moment));
export const dayOf = (moment) => DAY.format(new Date(moment));
export const isoDay = (moment) => YMD.format(new Date(moment));
export const monthOf = (moment) => isoDay(moment).slice(0, 7);

/** 3725 -> "62:05": minutes and seconds, as the minimum is told in minutes. */
export function running(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}

/** Whole minutes, rounded down: 59:59 is not 60 minutes. */
export const minutes = (seconds) => Math.floor(seconds / 60);
