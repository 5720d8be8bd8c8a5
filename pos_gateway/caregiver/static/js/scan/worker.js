// Looks for a QR code in one frame, away from the thread that draws.

importScripts('../vendor/jsqr/jsQR-1.4.0.js');

self.addEventListener('message', ({ data: frame }) => {
  const pixels = new Uint8ClampedArray(frame.pixels);
  const found = self.jsQR(pixels, frame.width, frame.height, { inversionAttempts: frame.inverted ? 'onlyInvert' : 'dontInvert' });
  self.postMessage(found?.data || null);
});
