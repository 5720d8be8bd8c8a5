// What lies over the whole screen until it is answered: the rest cannot be reached meanwhile, and gets the focus back afterwards.

import { both, button, el } from './dom.js';

/** Put `over` on top; answers the function that takes it away again. */
export function cover(over, onescape) {
  const before = document.activeElement;
  for (const part of document.body.children) part.inert = true;
  over.addEventListener('keydown', (pressed) => pressed.key === 'Escape' && onescape());
  addEventListener('hashchange', onescape); // the phone's own key for going back
  document.body.append(over);
  over.focus();
  return () => {
    removeEventListener('hashchange', onescape);
    over.remove();
    for (const part of document.body.children) part.inert = false;
    before?.focus?.();
  };
}

/** Choose one of a closed list. `options`: [{code, zh, en}]. Answers the code, or null when the caregiver went back. */
export function pick(title, options) {
  return new Promise((tell) => {
    const over = el('section', { class: 'scanner typing', role: 'dialog', 'aria-modal': 'true', 'aria-label': title.join(' '), tabindex: '-1' });
    const answer = (code) => { uncover(); tell(code); };
    over.append(
      el('div', { class: 'hint' }, both(...title)),
      el('div', { class: 'choices stack' }, options.map(({ code, zh, en }) => button(zh, en, () => answer(code), { 'data-code': code }))),
      el('div', { class: 'tools' }, button('返回', 'back', () => answer(null), { sign: 'back' })),
    );
    const uncover = cover(over, () => answer(null));
  });
}
