// Elements and their text. Text is always set as text: nothing that comes from elsewhere is read as markup.

import { icon } from './icons.js';

/** An element. Attributes named on… are listeners; null and false ones are left out; children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Chinese first, English second. */
export function both(zh, en) {
  return [el('span', { class: 'zh' }, zh), el('span', { class: 'en', lang: 'en' }, en)];
}

export const heading = (zh, en) => el('h2', {}, both(zh, en));
export const line = (zh, en, kind = '') => el('p', { class: kind }, both(zh, en));

/** A line that says how something stands: a sign, a colour and words, never a colour alone. `kind`: good, warn, bad or calm. */
export function mark(kind, zh, en) {
  const sign = { good: 'check', warn: 'warn', bad: 'cross', calm: 'clock' }[kind];
  return el('p', { class: `mark ${kind}` }, icon(sign), el('span', {}, both(zh, en)));
}

/** A row of a list of facts. */
export function fact(zh, en, ...value) {
  return el('div', { class: 'fact' }, el('dt', {}, both(zh, en)), el('dd', {}, ...value));
}

/** A button of at least 60 px. While what it does is under way it cannot be pressed again; what goes wrong
    is told by the app (event `fault`). `kind`: main, plain or danger. */
export function button(zh, en, onpress, { kind = 'plain', sign = null, disabled = false, ...more } = {}) {
  const made = el('button', { type: 'button', class: kind, disabled, ...more }, sign && icon(sign), el('span', { class: 'label' }, both(zh, en)));
  made.addEventListener('click', async () => {
    if (made.getAttribute('aria-busy') === 'true') return;
    made.setAttribute('aria-busy', 'true');
    try {
      await onpress();
    } catch (error) {
      made.dispatchEvent(new CustomEvent('fault', { bubbles: true, detail: error }));
    } finally {
      made.removeAttribute('aria-busy');
    }
  });
  return made;
}

/** A field with its label above it. */
export function field(zh, en, attributes) {
  const input = el('input', { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...attributes });
  return { input, row: el('label', { class: 'field' }, el('span', {}, both(zh, en)), input) };
}
