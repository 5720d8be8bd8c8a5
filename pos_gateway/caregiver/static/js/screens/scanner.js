// The camera over the whole screen: a frame to aim with, a torch, a tone and a buzz when a code was read, and a way to type instead.

import { camera, Reader } from '../scan/reader.js';
import { both, button, el, field, mark } from './dom.js';
import { cover } from './overlay.js';

const TYPE = ['手工输入', 'type instead'];
const CALL = ['返回，打服务站电话', 'go back and call the office'];

/**
 * Read one code. `title`: [zh, en]; `accept(text)` answers {value} for what is wanted, or {zh, en} saying why it is not;
 * `type`: {zh, en, mode, weak, accept}, what may be typed instead; `instead`: [zh, en], what else can be done where nothing may be typed;
 * `typing`: without the camera. Answers the value, or null when the caregiver went back.
 */
export function scan(request) {
  return new Promise((tell) => new Scanner(request, tell).open());
}

class Scanner {
  constructor({ title, accept, type = null, instead = type ? TYPE : CALL, typing = false }, tell) {
    Object.assign(this, { title, accept, type, instead, typing, tell, stream: null, closed: false });
    this.reader = new Reader();
    this.sound = globalThis.AudioContext ? new AudioContext() : null; // made by the press that opened us, so it may sound
    this.over = el('section', { class: 'scanner', role: 'dialog', 'aria-modal': 'true', 'aria-label': title.join(' '), tabindex: '-1' });
  }

  async open() {
    this.#look();
    this.uncover = cover(this.over, () => this.#close(null));
    if (this.typing) return this.#typing();
    try {
      await this.reader.open();
      this.stream = await camera();
      if (this.closed) this.#stop();
      else await this.#watch();
    } catch (error) {
      this.#say('warn', ...whyNoCamera(error, this.instead));
    }
    return undefined;
  }

  #look() {
    this.video = el('video', { playsinline: true, muted: true, autoplay: true, 'aria-hidden': 'true' });
    this.frame = el('div', { class: 'frame' });
    this.said = el('div', { class: 'said', role: 'status', 'aria-live': 'assertive' });
    this.torch = button('手电', 'torch', () => this.#light(), { sign: 'torch', 'aria-pressed': 'false', hidden: true });
    const tools = [this.torch, this.type && button(this.type.zh, this.type.en, () => this.#typing(), { sign: 'keys' })];
    this.over.classList.remove('typing');
    this.over.replaceChildren(
      el('div', { class: 'hint' }, both(...this.title)),
      el('div', { class: 'view' }, this.video, this.frame, this.said),
      el('div', { class: 'tools' }, button('返回', 'back', () => this.#close(null), { sign: 'back' }), tools.filter(Boolean)),
    );
  }

  async #watch() {
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    const [track] = this.stream.getVideoTracks();
    this.torch.hidden = !track.getCapabilities?.().torch;
    while (!this.closed) {
      const text = await this.reader.read(this.video, this.video.videoWidth, this.video.videoHeight);
      if (text && !this.closed) this.#found(text);
      await new Promise((done) => setTimeout(done, 60));
    }
  }

  #found(text) {
    const answer = this.accept(text);
    if (answer.value !== undefined) {
      this.frame.classList.add('found');
      this.#signal(true);
      this.#close(answer.value);
    } else if (this.refused !== text) {
      this.refused = text; // told once, not at every frame
      this.#signal(false);
      this.#say('warn', answer.zh, answer.en);
    }
  }

  /** A high tone and one buzz: read. A low one and two: read, but not what is wanted. */
  #signal(good) {
    navigator.vibrate?.(good ? 120 : [90, 90, 90]);
    if (this.sound?.state !== 'running') return;
    const tone = new OscillatorNode(this.sound, { frequency: good ? 1320 : 330 });
    const loud = new GainNode(this.sound, { gain: 0.25 });
    tone.connect(loud).connect(this.sound.destination);
    tone.start();
    tone.stop(this.sound.currentTime + 0.16);
  }

  async #light() {
    const on = this.torch.getAttribute('aria-pressed') !== 'true';
    const [track] = this.stream.getVideoTracks();
    await track.applyConstraints({ advanced: [{ torch: on }] });
    this.torch.setAttribute('aria-pressed', String(on));
  }

  #say(kind, zh, en) {
    this.said.replaceChildren(mark(kind, zh, en));
  }

  /** Type what cannot be scanned. A weaker method says so. */
  #typing() {
    this.#stop();
    const { zh, en, mode, weak, hint } = this.type;
    const { input, row } = field(hint?.[0] ?? zh, hint?.[1] ?? en, { inputmode: mode, enterkeyhint: 'done', maxlength: 60 });
    const said = el('div', { role: 'status' });
    const done = () => {
      const answer = this.type.accept(input.value);
      if (answer.value !== undefined) this.#close(answer.value);
      else said.replaceChildren(mark('bad', answer.zh, answer.en));
    };
    const form = el('form', { onsubmit: (sent) => { sent.preventDefault(); done(); } }, weak && mark('warn', ...weak), row, said, button('确定', 'OK', done, { kind: 'main', sign: 'check' }));
    this.over.classList.add('typing');
    this.over.replaceChildren(el('div', { class: 'hint' }, both(zh, en)), form, el('div', { class: 'tools' }, button('返回', 'back', () => this.#close(null), { sign: 'back' })));
    input.focus();
  }

  #stop() {
    this.closed = true;
    this.stream?.getTracks().forEach((track) => track.stop());
  }

  #close(value) {
    this.#stop();
    this.reader.close();
    setTimeout(() => this.sound?.close(), 400); // let the tone end
    this.uncover();
    this.tell(value);
  }
}

function whyNoCamera(error, [zh, en]) {
  if (error.name === 'NotAllowedError') return [`相机未获允许：请在浏览器设置里允许相机，或${zh}`, `The camera is not allowed: allow it in the settings, or ${en}`];
  if (error instanceof TypeError) return [`此地址不能用相机（需要 https），请${zh}`, `No camera at this address (https is needed): ${en}`];
  return [`相机打不开，请${zh}`, `The camera cannot be opened: ${en}`];
}
