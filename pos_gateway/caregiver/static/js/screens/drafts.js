// What was ticked during a visit and is not signed yet, so that a closed page loses no tick: visit id -> {item: quantity}.

const NAME = 'songbai items';

function all() {
  try {
    return JSON.parse(localStorage.getItem(NAME)) ?? {};
  } catch {
    return {}; // storage is full or shut: ticks are kept while the page is open, events are kept elsewhere
  }
}

export function draft(visitId, otherwise) {
  return all()[visitId] ?? otherwise;
}

export function keepDraft(visitId, items) {
  try {
    localStorage.setItem(NAME, JSON.stringify({ ...all(), [visitId]: items }));
  } catch { /* see above */ }
}

export function dropDraft(visitId) {
  const { [visitId]: done, ...others } = all();
  if (done) localStorage.setItem(NAME, JSON.stringify(others));
}
