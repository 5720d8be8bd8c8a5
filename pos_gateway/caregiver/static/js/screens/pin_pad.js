// Large keys for six digits. What is entered is never shown, and kept nowhere but in here.

import { both, button, el } from './dom.js';
import { cover } from './overlay.js';

const LENGTH = 6;

/** The six digits, or null when the caregiver went back. `amount`: what they confirm, shown above. */
export function pinPad(title, amount) {
  return new Promise((tell) => {
    let entered = '';
    const dots = el('div', { class: 'dots', role: 'status' });
    const show = () => {
      dots.replaceChildren(...Array.from({ length: LENGTH }, (_, place) => el('span', { class: place < entered.length ? 'set' : '' })));
      dots.setAttribute('aria-label', `已输 ${entered.length} 位 ${entered.length} digits`);
      ready.disabled = entered.length !== LENGTH;
    };
    const press = (digit) => { if (entered.length < LENGTH) entered += digit; show(); };
    const key = (digit) => el('button', { type: 'button', onclick: () => press(digit) }, digit);
    const rub = el('button', { type: 'button', 'aria-label': '删除 delete', onclick: () => { entered = entered.slice(0, -1); show(); } }, '⌫');
    const answer = (value) => { entered = ''; uncover(); tell(value); };
    const ready = button('确认', 'confirm', () => answer(entered), { kind: 'main', sign: 'check', id: 'pin-ready' });
    const over = el('section', { class: 'scanner typing', role: 'dialog', 'aria-modal': 'true', 'aria-label': title.join(' '), tabindex: '-1' },
      el('div', { class: 'hint' }, both(...title)),
      el('div', { class: 'choices stack' }, el('p', { class: 'big num', id: 'pin-amount' }, amount), dots, el('div', { class: 'pad' }, ...'123456789'.split('').map(key), el('span', {}), key('0'), rub)),
      el('div', { class: 'tools' }, button('返回', 'back', () => answer(null), { sign: 'back', class: 'plain narrow' }), ready));
    over.addEventListener('keydown', (pressed) => {
      if (/^\d$/.test(pressed.key)) press(pressed.key);
      else if (pressed.key === 'Backspace') rub.click();
    });
    show();
    const uncover = cover(over, () => answer(null));
  });
}
