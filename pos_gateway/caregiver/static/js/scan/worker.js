// Looks for a QR code in one frame, away from the thread that draws.

importScripts('../vendor/jsqr/jsQR-1.4.0.js');

self.addEventListener('message', ({ data: frame }) => {
  self.postMessage(textIn(frame));
});

/** The text of the code in a frame, or null; also where the search trips over what it sees: the next frame differs. */
function textIn({ pixels, width, height, inverted }) {
  try {
    // 'onlyInvert' of jsQR 1.4.0 looks at a picture it never made.
    return self.jsQR(new Uint8ClampedArray(pixels), width, height, { inversionAttempts: inverted ? 'invertFirst' : 'dontInvert' })?.data || null;
  } catch {
    return null;
  }
}
