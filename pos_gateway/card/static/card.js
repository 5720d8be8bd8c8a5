// What the pages cannot do without a script: read the card's code behind the #, warn before they are left, speak, print.
// Everything else is plain forms.
'use strict';

const WARN = 150; // seconds before the end

const byId = (id) => document.getElementById(id);

// -- the card's code -----------------------------------------------------------------------------------------------------
// Browsers send nothing of what stands behind the #. It goes into the form, and out of the address and the history.
function readCode() {
  const form = byId('scan');
  const code = location.hash.slice(1);
  if (!form || !code) return;
  history.replaceState(null, '', location.pathname);
  byId('code').value = code;
  byId('how').hidden = true;
  form.hidden = false;
  form.submit();
}
readCode();
addEventListener('hashchange', readCode);

// -- the end of a session ------------------------------------------------------------------------------------------------
const seconds = Number(document.body.dataset.seconds || 0);
if (seconds) {
  let ends = Date.now() + seconds * 1000;
  const bar = byId('ending');
  const tick = () => {
    const left = (ends - Date.now()) / 1000;
    if (left <= 0) location.replace(document.body.dataset.over); // what was shown is gone from the screen too
    else bar.hidden = left > WARN;
  };
  setInterval(tick, 1000);
  byId('stay').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const answer = await fetch(event.target.action, { method: 'POST', body: new FormData(event.target) });
      if (answer.redirected) throw new Error('over');
      ends = Date.now() + (await answer.json()).seconds * 1000;
      tick();
      byId('main').focus();
    } catch {
      location.replace(document.body.dataset.over);
    }
  });
}
// A page that the browser kept from before somebody left is asked for again.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

// -- the size of the text ------------------------------------------------------------------------------------------------
// Without leaving the page: what was typed stays.
for (const button of document.querySelectorAll('.sizes button')) {
  button.addEventListener('click', (event) => {
    event.preventDefault();
    document.documentElement.className = `size-${button.value}`;
    for (const each of button.form.querySelectorAll('button')) each.setAttribute('aria-pressed', String(each === button));
    const chosen = new FormData(button.form);
    chosen.set('size', button.value);
    fetch(button.form.action, { method: 'POST', body: chosen, redirect: 'manual' }).catch(() => {});
  });
}

// -- reading aloud -------------------------------------------------------------------------------------------------------
const speak = byId('speak');
if (speak && 'speechSynthesis' in window) {
  speak.hidden = false;
  const words = speak.innerHTML;
  const silent = () => { speak.innerHTML = words; };
  speak.addEventListener('click', () => {
    if (speechSynthesis.speaking) {
      speechSynthesis.cancel();
      silent();
      return;
    }
    const said = new SpeechSynthesisUtterance(spoken());
    said.lang = 'zh-CN';
    said.rate = 0.85;
    said.onend = silent;
    said.onerror = silent;
    speak.textContent = speak.dataset.stop;
    speechSynthesis.speak(said);
  });
}

// The Chinese of what is marked, without buttons.
function spoken() {
  return [...document.querySelectorAll('[data-speak]')].map((part) => {
    const copy = part.cloneNode(true);
    for (const silent of copy.querySelectorAll('.en, .no-print, form, del')) silent.remove();
    return copy.textContent.replace(/[↩✎]/g, '').replace(/\s+/g, ' ');
  }).join('。');
}

// -- printing ------------------------------------------------------------------------------------------------------------
const printer = byId('print');
if (printer) {
  printer.hidden = false;
  printer.addEventListener('click', () => window.print());
}

// -- a code's 30 seconds -------------------------------------------------------------------------------------------------
const live = byId('live');
if (live) {
  const over = Date.now() + Number(live.dataset.lives) * 1000;
  const count = () => {
    const left = Math.max(0, Math.ceil((over - Date.now()) / 1000));
    for (const place of document.querySelectorAll('.seconds')) place.textContent = left;
    live.hidden = left === 0;
    byId('dead').hidden = left > 0;
  };
  setInterval(count, 500);
  count();
}
