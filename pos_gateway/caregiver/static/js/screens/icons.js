// Signs drawn as lines on a 24 x 24 grid; they stand beside words and are silent to screen readers.

const SVG = 'http://www.w3.org/2000/svg';

const LINES = {
  back: 'M15 4 7 12l8 8',
  bag: 'M5 8h14l-1 13H6zM9 8a3 3 0 0 1 6 0',
  check: 'M4 13l5 5L20 6',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l4 2',
  cross: 'M5 5l14 14M19 5 5 19',
  door: 'M6 21V3h12v18M3 21h18M14 12h1',
  flip: 'M4 9h13l-4-4M20 15H7l4 4',
  heart: 'M12 20 4 12a5 5 0 0 1 8-6 5 5 0 0 1 8 6z',
  home: 'M4 11 12 4l8 7v9H4zM10 20v-6h4v6',
  keys: 'M3 6h18v12H3zM6 10h1M10 10h1M14 10h1M18 10h0M8 14h8',
  list: 'M4 6h16M4 12h16M4 18h16',
  map: 'M12 21s7-7 7-12a7 7 0 0 0-14 0c0 5 7 12 7 12zM12 7a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  month: 'M4 6h16v14H4zM4 10h16M8 3v5M16 3v5',
  people: 'M8 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM16 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM2 20c0-4 2-7 6-7s6 3 6 7M15 13c4 0 7 3 7 7',
  phone: 'M6 3h4l2 5-3 2a12 12 0 0 0 5 5l2-3 5 2v4c0 2-2 3-4 3C9 20 4 13 3 7c0-2 1-4 3-4z',
  print: 'M7 9V3h10v6M4 9h16v8h-3M7 17H4zM7 14h10v7H7z',
  queue: 'M12 20V8M6 13l6-6 6 6M4 3h16',
  scan: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M4 12h16',
  torch: 'M8 3h8v4l-2 3v11h-4V10L8 7zM12 13v2',
  undo: 'M9 5 4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3',
  warn: 'M12 3 2 20h20zM12 9v5M12 17v1',
};

export function icon(name) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', '0 0 24 24');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', LINES[name]);
  drawing.append(path);
  return drawing;
}
