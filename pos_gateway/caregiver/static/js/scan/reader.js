// Reads QR codes off a camera's video, or off one photo: with what the phone brings (BarcodeDetector) or with jsQR in a worker.

const WIDEST = 640; // pixels of the longer side that are searched: enough for a card at arm's length, quick on a cheap phone

export class Reader {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.frames = 0;
    this.detector = null;
  }

  async open() {
    const formats = (await globalThis.BarcodeDetector?.getSupportedFormats?.().catch(() => [])) ?? [];
    if (formats.includes('qr_code')) this.detector = new BarcodeDetector({ formats: ['qr_code'] });
    else this.worker = new Worker(new URL('./worker.js', import.meta.url));
  }

  close() {
    this.worker?.terminate();
  }

  /** The text of a code in `picture` (a video or an image of `width` x `height`), or null. */
  async read(picture, width, height) {
    if (!width || !height) return null;
    if (this.detector) {
      const [found] = await this.detector.detect(picture).catch(() => []);
      return found?.rawValue || null;
    }
    const scale = Math.min(1, WIDEST / Math.max(width, height));
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    Object.assign(this.canvas, { width: w, height: h });
    this.context.drawImage(picture, 0, 0, w, h);
    const pixels = this.context.getImageData(0, 0, w, h).data.buffer;
    this.frames += 1;
    return this.#ask({ pixels, width: w, height: h, inverted: this.frames % 8 === 0 }); // light codes on dark are rare
  }

  #ask(frame) {
    return new Promise((tell) => {
      this.worker.addEventListener('message', ({ data }) => tell(data), { once: true });
      this.worker.postMessage(frame, [frame.pixels]);
    });
  }
}

/** The back camera, as its stream. Throws what getUserMedia throws; TypeError where a page may not use cameras. */
export function camera() {
  const video = { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } };
  if (!navigator.mediaDevices?.getUserMedia) throw new TypeError('no camera here');
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}
