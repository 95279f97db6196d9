'use strict';
// Elements and pictures. Every name of a class or a file goes into the page as text, never as markup.

function put(parent, tag, attributes = {}, text = null) {
  const drawn = ['svg', 'g', 'path', 'rect', 'line', 'text', 'title', 'circle'].includes(tag);
  const node = drawn ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

// A number as people read it: at most `digits` digits that count.
function short(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(Math.min(2, digits - 1)).replace('e+', 'e');
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1))));
}

const percent = value => (Number.isFinite(value) ? value.toFixed(2) + ' %' : '–');

function duration(seconds) {
  if (seconds < 90) return short(seconds, 3) + ' s';
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? minutes + ' min' : Math.floor(minutes / 60) + ' h ' + (minutes % 60) + ' min';
}

// Round values between low and high, ends included where they are round.
function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(m => m * power >= raw * 0.999) * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

const WIDTH = 340, HEIGHT = 170, LEFT = 46, BOTTOM = 22, TOP = 6, RIGHT = 8;

// The axis of some values: which part of the height each has, and its ticks. By powers of ten where a few values
// dwarf all others.
function upwards(values) {
  const sorted = [...values].sort((a, b) => a - b);
  let low = sorted[0], high = sorted[sorted.length - 1];
  if (low > 0 && high > 30 * sorted[sorted.length >> 1]) {
    const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
    const powers = ticks(from, to, 4).filter(Number.isInteger);
    return { part: v => (Math.log10(v) - from) / (to - from), ticks: powers.map(p => 10 ** p) };
  }
  if (low > 0 && low < 0.5 * high) low = 0;
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  return { part: v => (v - low) / (high - low), ticks: ticks(low, high, 5) };
}

// The path of the values that are numbers; a gap where one is not.
function linePath(xs, ys, x, y) {
  let path = '', pen = 'M';
  ys.forEach((value, i) => {
    if (value === null) { pen = 'M'; return; }
    path += pen + x(xs[i]).toFixed(1) + ' ' + y(value).toFixed(1);
    pen = 'L';
  });
  return path.replace(/(M[^ML]*)(?=M|$)/g, '$1m-1.5 0h3');  // a point alone is seen as well
}

function bandPath(xs, line, x, y) {
  const known = xs.map((_, i) => i).filter(i => line.low[i] !== null && line.high[i] !== null);
  if (known.length < 2) return '';
  const at = (i, value) => x(xs[i]).toFixed(1) + ' ' + y(value).toFixed(1);
  return 'M' + known.map(i => at(i, line.high[i])).join('L') + 'L' +
    known.reverse().map(i => at(i, line.low[i])).join('L') + 'Z';
}

// Calls `tell` with the place of a mouse that moves over a picture, or of a finger that touches it.
function onPoint(picture, tell) {
  for (const kind of ['pointermove', 'pointerdown']) picture.addEventListener(kind, tell);
}

const lineClass = i => `curve c${i % 6 + 1}${i % 12 < 6 ? '' : ' dashed'}`;

function legend(parent, names) {
  const box = put(parent, 'div', { class: 'legend' });
  names.forEach((name, i) => {
    const entry = put(box, 'span', { class: 'name' });
    put(put(entry, 'svg', { viewBox: '0 0 14 6', 'aria-hidden': 'true' }), 'path', { d: 'M0 3h14', class: lineClass(i) });
    entry.append(name);
  });
}

// One picture of lines over steps. lines: [{name, steps, mean, low, high}], low and high may be left out.
function curve(parent, title, lines) {
  const box = put(parent, 'figure', { style: 'margin:0' });
  put(box, 'h3', {}, title);
  const values = lines.flatMap(l => [...l.mean, ...(l.low || []), ...(l.high || [])]).filter(v => v !== null);
  const steps = lines.flatMap(l => l.steps);
  if (!values.length) return put(box, 'p', { class: 'quiet' }, 'nothing measured');
  const first = steps.reduce((a, b) => Math.min(a, b)), last = steps.reduce((a, b) => Math.max(a, b));
  const x = s => LEFT + (WIDTH - LEFT - RIGHT) * (last > first ? (s - first) / (last - first) : 0.5);
  const up = upwards(values);
  const y = v => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * up.part(v);
  const picture = put(box, 'svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title, class: 'chart' });
  for (const tick of up.ticks) {
    put(picture, 'line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick), class: 'rule' });
    put(picture, 'text', { x: LEFT - 5, y: y(tick) + 4, 'text-anchor': 'end' }, short(tick, 3));
  }
  for (const tick of ticks(first, last, 5).filter(Number.isInteger)) {
    put(picture, 'text', { x: Math.min(x(tick), WIDTH - 16), y: HEIGHT - 6, 'text-anchor': 'middle' }, short(tick));
  }
  lines.forEach((line, i) => {
    if (line.low) put(picture, 'path', { d: bandPath(line.steps, line, x, y), class: 'band' });
    put(picture, 'path', { d: linePath(line.steps, line.mean, x, y), class: lineClass(i) });
  });
  follow(box, picture, lines, x);
}

// The values under the pointer, in words below the picture.
function follow(box, picture, lines, x) {
  const mark = put(picture, 'line', { y1: TOP, y2: HEIGHT - BOTTOM, class: 'mark', visibility: 'hidden' });
  const words = put(box, 'div', { class: 'readout quiet' });
  const say = near => {
    const parts = lines.map(line => {
      const i = near === null ? line.steps.length - 1 : line.steps.reduce(
        (best, s, j) => (Math.abs(x(s) - near) < Math.abs(x(line.steps[best]) - near) ? j : best), 0);
      if (near !== null) for (const end of ['x1', 'x2']) mark.setAttribute(end, x(line.steps[i]));
      return (line.name ? line.name + ': ' : '') + short(line.mean[i]) + ' at step ' + line.steps[i];
    });
    words.textContent = lines.length > 1 && near === null ? '' : parts.join(', ');
    mark.setAttribute('visibility', near === null ? 'hidden' : 'visible');
  };
  onPoint(picture, event => {
    const place = picture.getBoundingClientRect();
    say((event.clientX - place.left) / place.width * WIDTH);
  });
  picture.addEventListener('pointerleave', () => say(null));
  say(null);
}

const SHADES = 6, NUMBERS_UP_TO = 12, NAMES_UP_TO = 60;

const clipped = (name, length) => (name.length > length ? name.slice(0, length - 1) + '…' : name);

// One path a shade, however many classes: cells: [[label, predicted, count], ...] without zeros.
function shadePaths(picture, cells, rows, side, start) {
  const faintest = side < 4 ? 0.5 : 0.2;  // small cells must be strong to be seen
  const paths = new Map();
  for (const [label, predicted, count] of cells) {
    const shade = Math.max(1, Math.ceil(SHADES * count / rows[label]));
    const key = (label === predicted ? 'right ' : 'wrong ') + shade;
    const cell = `M${start + predicted * side} ${start + label * side}h${side}v${side}h${-side}z`;
    paths.set(key, (paths.get(key) || '') + cell);
  }
  for (const [key, d] of paths) {
    const [kind, shade] = key.split(' ');
    put(picture, 'path', { d, class: kind, opacity: (faintest + (1 - faintest) * shade / SHADES).toFixed(2) });
  }
}

// Labels downwards, predictions to the right; what a cell is, is said under the picture.
function confusionPicture(parent, classes, cells) {
  const n = classes.length, named = n <= NAMES_UP_TO;
  const side = n <= NUMBERS_UP_TO ? 40 : named ? 16 : 2;
  const room = named ? Math.min(130, 7 * Math.max(...classes.map(name => Math.min(18, name.length))) + 8) : 0;
  const size = n * side;
  const rows = new Array(n).fill(0);
  for (const [label, , count] of cells) rows[label] += count;
  const scroll = put(parent, 'div', { class: 'scroll', style: 'max-height:none', tabindex: 0 });
  const width = room + size + 2;
  const style = named ? `width:${width}px;max-width:none` : 'max-width:50rem';
  const picture = put(scroll, 'svg', { viewBox: `0 0 ${width} ${width}`, style, role: 'img', class: 'confusion',
    'aria-label': `Confusion of ${n} classes: labels downwards, predictions to the right` });
  put(picture, 'rect', { x: room, y: room, width: size, height: size, class: 'frame' });
  shadePaths(picture, cells, rows, side, room);
  if (named) classes.forEach((name, i) => {
    const middle = room + (i + 0.5) * side + 4;
    put(picture, 'text', { x: room - 5, y: middle, 'text-anchor': 'end' }, clipped(name, 18));
    put(picture, 'text', { transform: `translate(${middle} ${room - 5}) rotate(-90)` }, clipped(name, 18));
  });
  if (n <= NUMBERS_UP_TO) for (const [label, predicted, count] of cells) {
    put(picture, 'text', { x: room + (predicted + 0.5) * side, y: room + (label + 0.5) * side + 4, class: 'count' }, count);
  }
  const words = put(parent, 'p', { class: 'readout quiet' }, 'Point at a cell.');
  const counts = new Map(cells.map(([label, predicted, count]) => [label * n + predicted, count]));
  onPoint(picture, event => {
    const place = picture.getBoundingClientRect();
    const at = (pixels, extent) => Math.floor((pixels / extent * width - room) / side);
    const predicted = at(event.clientX - place.left, place.width), label = at(event.clientY - place.top, place.height);
    if (predicted < 0 || label < 0 || predicted >= n || label >= n) return;
    words.textContent = `${classes[label]} taken for ${classes[predicted]}: ` +
      `${counts.get(label * n + predicted) || 0} of ${rows[label]}`;
  });
}

// Points of [0, 100] x [0, 100].
function dotPicture(parent, dots) {
  const picture = put(parent, 'svg', { viewBox: '-4 -4 108 108', role: 'img', 'aria-label': 'the cloud', class: 'cloud' });
  put(picture, 'path', { d: dots.map(([a, b]) => `M${a} ${b}h.01`).join(''), class: 'dots' });
}
