/* Ethogram: visible range and drawing. */

const LEFT = 52, RIGHT = 14, TOP = 16, BOTTOM = 40; // px around the rows
const canvas = $("canvas");
const mark = $("mark");
let view = data.views[0]; // the run and file shown
let hidden = new Set(); // names of the labels that are switched off
let range = null; // { from, to } units of time, { row } first row, { height } px per row
let cursor = null; // { row, x } selected by keys
let mode = "own";
const after = { show: [], draw: [] }; // functions of other parts: a view is shown, the ethogram drawn

const room = () => Math.max(canvas.clientWidth - LEFT - RIGHT, 50);
const tall = () => canvas.clientHeight - TOP - BOTTOM;

function lowest() {
  return tall() / Math.max(view.larvae.length, 1);
}

function all() {
  const rows = Math.max(view.larvae.length, 1);
  const most = Math.max(innerHeight * (data.tracks ? 0.45 : 0.7), 260); // leaves room for the larvae
  const each = mode === "both" ? 40 : 22;
  const height = clamp(rows * each, 40, Math.max(most, rows)) + TOP + BOTTOM;
  canvas.style.height = `${Math.round(height)}px`;
  range = { from: 0, to: Math.max(view.length, 1), row: 0, height: lowest() };
  cursor = null;
  draw();
}

function restrain() {
  const length = Math.max(view.length, 1);
  const least = Math.min(length, Math.max((4 * view.interval) / view.unit, 1));
  const width = clamp(range.to - range.from, least, length);
  range.from = clamp(range.from, 0, length - width);
  range.to = range.from + width;
  range.height = clamp(range.height, lowest(), Math.max(lowest(), 60));
  range.row = clamp(range.row, 0, Math.max(view.larvae.length - tall() / range.height, 0));
}

const atX = (x) => range.from + ((x - LEFT) / room()) * (range.to - range.from);
const toX = (t) => LEFT + ((t - range.from) / (range.to - range.from)) * room();
const atRow = (y) => Math.floor(range.row + (y - TOP) / range.height);

/* Returns whether a place of the canvas is in the row of a larva, not in an axis. */
const onRows = (x, y) => x >= LEFT && x <= LEFT + room() && y >= TOP && y < TOP + tall() && atRow(y) < view.larvae.length;

function zoomTime(factor, around = (range.from + range.to) / 2) {
  range.from = around + (range.from - around) * factor;
  range.to = around + (range.to - around) * factor;
  draw();
}

function zoomRows(factor, around = range.row + tall() / range.height / 2) {
  const height = clamp(range.height * factor, lowest(), Math.max(lowest(), 60));
  range.row = around + (range.row - around) * (range.height / height);
  range.height = height;
  draw();
}

function pan(widths, rows) {
  const by = widths * (range.to - range.from);
  const length = Math.max(view.length, 1);
  const move = clamp(by, -range.from, length - range.to); // keeps the width
  range.from += move;
  range.to += move;
  range.row += rows;
  draw();
}

function rgb(text, towards, part = 0) {
  const [a, b] = [text, towards ?? text].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  return a.map((value, i) => Math.round(value + (b[i] - value) * part));
}

const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/* Returns the colours of the pixels from top to bottom of a row: for each state, and again for each
   further faintness if there is any confidence. */
function stripes(shown, height, background, faded) {
  const fades = shown.columns.confidence ? FADES : [0];
  return fades.flatMap((fade) => stripesOf(shown, height, background, Math.max(fade, faded)));
}

function stripesOf(shown, height, background, faded) {
  const undefinedColor = pixel(rgb(color("--undefined"), background, faded));
  const [off, blank] = [color("--off"), background].map((text) => pixel(rgb(text)));
  const paint = (label) =>
    hidden.has(shown.names[label]) ? off : pixel(rgb(shown.colors[label], background, faded));
  return shown.states.map(([primary, secondary]) => {
    const column = new Uint32Array(height);
    const labels = [...primary, ...secondary];
    if (!labels.length) return column.fill(hidden.has(UNDEFINED) ? off : undefinedColor);
    const line = secondary.length && height > 1 ? Math.max(Math.round(height * 0.2), 1) : 0;
    const body = height - line;
    for (let y = 0; y < height; y++) {
      const [group, at, size] = y < body ? [primary, y, body] : [secondary, y - body, line];
      column[y] = group.length ? paint(group[Math.floor((at * group.length) / size)]) : blank;
    }
    return column;
  });
}

/* Sets, for each pixel along a row, the index into its stripes of the span that covers most of it, plus 1;
   0 is not tracked. */
function along(shown, row, from, scale, width, line, share) {
  const { begins, start, stop, states } = shown.columns;
  line.fill(0);
  share.fill(0);
  const put = (x, part, value) => {
    if (x >= 0 && x < width && part > share[x]) {
      share[x] = part;
      line[x] = value;
    }
  };
  for (let span = Math.max(spanBefore(shown, row, from), begins[row]); span < begins[row + 1]; span++) {
    const x0 = (start[span] - from) * scale, x1 = (stop[span] - from) * scale;
    if (x0 >= width) break;
    if (x1 <= 0) continue;
    const value = faintness(shown, span) * shown.states.length + states[span] + 1;
    const i0 = Math.floor(x0), i1 = Math.floor(x1);
    if (i0 === i1) {
      put(i0, x1 - x0, value);
      continue;
    }
    put(i0, i0 + 1 - x0, value);
    line.fill(value, Math.max(i0 + 1, 0), Math.min(i1, width));
    share.fill(1, Math.max(i0 + 1, 0), Math.min(i1, width));
    put(i1, x1 - i1, value);
  }
}

function drawRows(context, ratio) {
  const width = Math.round(room() * ratio), height = Math.round(tall() * ratio);
  if (width < 1 || height < 1) return;
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const background = color("--plot");
  const blank = pixel(rgb(background)), hatch = pixel(rgb(color("--hatch"))), ink = pixel(rgb(color("--ink")));
  pixels.fill(blank);
  const line = new Uint32Array(width), share = new Float32Array(width);
  const wrong = new Uint8Array(width);
  const each = range.height * ratio;
  const between = mode === "both" ? each / 5 : ratio; // wider than the bar between two halves
  const margin = each >= 8 ? Math.max(Math.round(between), 1) : 0;
  const known = new Map(); // stripes by height
  const striped = (shown, tall, faded) => {
    const key = `${shown === view} ${tall} ${faded}`;
    if (!known.has(key)) known.set(key, stripes(shown, tall, background, faded));
    return known.get(key);
  };
  const paint = (shown, row, top, bottom, faded) => {
    if (bottom <= top) return;
    const from = range.from + (view.start - shown.start) / view.unit;
    const scale = width / (range.to - range.from);
    const rescaled = shown.unit / view.unit;
    along(shown, row, from / rescaled, scale * rescaled, width, line, share);
    const columns = striped(shown, bottom - top, faded);
    const clear = faded ? striped(shown, bottom - top, 0) : columns;
    const hatching = !hidden.has(UNDEFINED) && !faded;
    const hatched = columns.map((_, stripe) => hatching && !shown.states[stripe % shown.states.length].flat().length);
    for (let y = Math.max(top, 0); y < Math.min(bottom, height); y++) {
      for (let x = 0, at = y * width; x < width; x++, at++) {
        if (!line[x]) continue;
        const stripe = line[x] - 1;
        pixels[at] = hatched[stripe] && (x + y) % 5 === 0 ? hatch : (wrong[x] ? clear : columns)[stripe][y - top];
      }
    }
  };
  const rows = view.larvae.length;
  for (let row = Math.max(Math.floor(range.row), 0); row < rows; row++) {
    const top = Math.round((row - range.row) * each), next = Math.round((row + 1 - range.row) * each);
    if (top >= height) break;
    const bottom = next - margin;
    wrong.fill(0);
    if (mode === "own") {
      paint(view, row, top, bottom, 0);
      continue;
    }
    markWrong(row, width, wrong);
    if (mode === "differences") {
      paint(view, row, top, bottom, 0.85);
      continue;
    }
    const bar = bottom - top >= 6 ? Math.max(Math.round((bottom - top) * 0.14), 1) : 0;
    const middle = top + Math.floor((bottom - top - bar) / 2);
    const other = view.reference.rows.get(view.larvae[row]);
    if (other !== undefined) paint(view.reference, other, top, middle, 0);
    paint(view, row, middle + bar, bottom, 0);
    for (let y = Math.max(middle, 0); y < Math.min(middle + bar, height); y++)
      for (let x = 0; x < width; x++) if (wrong[x]) pixels[y * width + x] = ink;
  }
  context.putImageData(picture, Math.round(LEFT * ratio), Math.round(TOP * ratio));
}

/* Marks the pixels along a row where the two files differ. */
function markWrong(row, width, wrong) {
  const { rows, start, stop } = view.differences;
  const scale = width / (range.to - range.from);
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < rows.length && rows[at] === row; at++) {
    const x0 = Math.floor((start[at] - range.from) * scale), x1 = Math.ceil((stop[at] - range.from) * scale);
    if (x1 > 0 && x0 < width) wrong.fill(1, Math.max(x0, 0), Math.min(Math.max(x1, x0 + 1), width));
  }
}

function drawAxes(context) {
  const width = room(), height = tall();
  context.font = `12px ${FONT}`;
  context.fillStyle = color("--muted");
  context.strokeStyle = color("--rule");
  context.lineWidth = 1;
  const bottom = TOP + height;
  context.textAlign = "center";
  context.textBaseline = "top";
  const low = view.seconds(range.from), high = view.seconds(range.to);
  for (const t of ticks(low, high, clamp(width / 90, 2, 12))) {
    const x = toX((t - view.start) / view.unit);
    context.beginPath();
    context.moveTo(x, bottom);
    context.lineTo(x, bottom + 4);
    context.stroke();
    context.fillText(String(t), x, bottom + 7);
  }
  context.fillText("time (s)", LEFT + width / 2, bottom + 23);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 65536].find(
    (n) => n * range.height >= 14,
  );
  for (let row = Math.max(Math.floor(range.row), 0); row < view.larvae.length; row++) {
    const y = TOP + (row + 0.5 - range.row) * range.height;
    if (y > bottom) break;
    if (row % every === 0 && y >= TOP) context.fillText(String(view.larvae[row]), LEFT - 8, y);
  }
  context.save();
  context.translate(11, TOP + height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  if (height >= 60) context.fillText("larva", 0, 0);
  context.restore();
  context.strokeStyle = context.fillStyle = color("--stimulus");
  context.setLineDash([3, 3]);
  for (const [start, stop] of view.stimulus) {
    const [x0, x1] = [start, stop].map((t) => toX((t - view.start) / view.unit));
    const [left, right] = [Math.max(x0, LEFT), Math.min(x1, LEFT + width)];
    if (right > left) context.fillRect(left, TOP - 8, right - left, 5);
    for (const x of [x0, x1]) {
      if (x <= LEFT || x >= LEFT + width) continue;
      context.beginPath();
      context.moveTo(x, TOP - 8);
      context.lineTo(x, bottom);
      context.stroke();
    }
  }
  context.setLineDash([]);
}

let waiting = 0;

/* Schedules a drawing, at most one per frame of the screen. */
function draw() {
  restrain();
  const [low, high] = [range.from, range.to].map((t) => view.seconds(t).toFixed(2));
  const from = Math.floor(range.row + 1e-6);
  const to = Math.min(Math.ceil(range.row + tall() / range.height - 1e-6), view.larvae.length);
  $("range").textContent = view.larvae.length
    ? `${low}–${high} s, ${to - from} of ${counted(view.larvae.length, "larva", "larvae")}`
    : "no larvae";
  mark.hidden = true;
  if (!waiting) waiting = requestAnimationFrame(drawNow);
}

function drawNow() {
  cancelAnimationFrame(waiting);
  waiting = 0;
  drawAt(devicePixelRatio || 1);
  if (cursor) point(cursor.row, cursor.x, null);
  canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  for (const act of after.draw) act();
}

/* Draws with a number of pixels of the picture per pixel of the page. */
function drawAt(ratio) {
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d");
  drawRows(context, ratio);
  context.scale(ratio, ratio);
  drawAxes(context);
}
