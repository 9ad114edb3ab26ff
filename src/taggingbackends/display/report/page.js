"use strict";
/* Draws what the data element holds; all numbers come from there. See views.py. */
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const UNDEFINED = "undefined";

  // ---- elements, numbers

  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in made) made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const whole = (n) => n.toLocaleString("en");
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function duration(seconds) {
    return seconds > 0 ? `${Number(seconds.toPrecision(3))} s` : "1 frame";
  }

  function swatch(view, label) {
    const made = element("span", { className: "swatch" });
    if (label < 0) made.classList.add("undefined");
    else made.style.background = view.colors[label];
    if (label >= view.primary) made.classList.add("line");
    return made;
  }

  function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Uint32Array(bytes.buffer);
  }

  /* Steps of 1, 2, 5 times a power of ten, about as many as asked for. */
  function ticks(low, high, about) {
    if (!(high > low)) return [low];
    const least = (high - low) / about;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= least * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-12) + 1e-9; n++)
      found.push(Number((n * step).toPrecision(12)));
    return found;
  }

  /* Powers of ten, and 2 and 5 times these where there are few. */
  function decades(low, high) {
    const steps = high / low < 150 ? (high / low < 30 ? [1, 2, 5] : [1, 3]) : [1];
    const found = [];
    for (let power = -4; power <= 8; power++)
      found.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(1))));
    return found.filter((t) => t >= low && t <= high);
  }

  // ---- spans: the columns of a view, and what is under a point

  for (const view of data.views) {
    const columns = {};
    for (const [name, text] of Object.entries(view.spans)) columns[name] = unpack(text);
    columns.begins = new Uint32Array(view.larvae.length + 1);
    columns.counts.forEach((n, row) => (columns.begins[row + 1] = columns.begins[row] + n));
    view.columns = columns;
    view.rows = new Map(view.larvae.map((larva, row) => [larva, row]));
    view.length = (view.stop - view.start) / view.unit;
    view.seconds = (x) => view.start + x * view.unit;
    if (view.comparison) {
      view.reference = data.views[view.comparison.reference];
      if (!view.stimulus.length) view.stimulus = view.reference.stimulus; // of the same run
      const parts = Object.entries(view.comparison.differences);
      view.differences = Object.fromEntries(parts.map(([name, text]) => [name, unpack(text)]));
    }
  }

  /* The last span of a row that begins at or before x; -1 if none does. */
  function spanBefore(view, row, x) {
    const { begins, first } = view.columns;
    let low = begins[row], high = begins[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (first[middle] <= x) low = middle + 1;
      else high = middle;
    }
    return low > begins[row] ? low - 1 : -1;
  }

  function labelsOf(view, span) {
    const [primary, secondary] = view.states[view.columns.states[span]];
    return [...primary, ...secondary];
  }

  /* The bout of a label around a span: as many consecutive frames as have it (-1: undefined). */
  function bout(view, row, span, label) {
    const { begins, first, last, frames } = view.columns;
    const has = (at) => (label < 0 ? !labelsOf(view, at).length : labelsOf(view, at).includes(label));
    let from = span, to = span;
    while (from > begins[row] && has(from - 1)) from--;
    while (to + 1 < begins[row + 1] && has(to + 1)) to++;
    let n = 0;
    for (let at = from; at <= to; at++) n += frames[at];
    return { start: view.seconds(first[from]), stop: view.seconds(last[to]), frames: n };
  }

  function describe(view, row, x) {
    const { begins, stop } = view.columns;
    const span = spanBefore(view, row, x);
    if (span < 0) return null;
    if (x > stop[span]) {
      return span + 1 < begins[row + 1] ? { span: -1, lines: [{ text: "not tracked" }] } : null;
    }
    const labels = labelsOf(view, span);
    const lines = (labels.length ? labels : [-1]).map((label) => {
      const { start, stop: end, frames } = bout(view, row, span, label);
      const times = frames > 1 ? `${start.toFixed(2)}–${end.toFixed(2)} s` : `${start.toFixed(2)} s`;
      const long = frames > 1 ? `${(end - start).toFixed(2)} s, ${whole(frames)} frames` : "1 frame";
      return { label, text: label < 0 ? UNDEFINED : view.names[label], times, long };
    });
    return { span, lines };
  }

  // ---- the tooltip

  const tip = $("tip");

  function showTip(x, y, title, lines) {
    tip.replaceChildren(element("p", { className: "title" }, title));
    for (const { mark, text, rest } of lines) {
      const line = element("p", {}, ...(mark ? [mark, " "] : []), text);
      if (rest) line.append(" ", element("span", { className: "rest" }, rest));
      tip.append(line);
    }
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${clamp(x + 14, 4, Math.max(innerWidth - width - 4, 4))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? Math.max(y - height - 10, 4) : y + 18}px`;
  }

  const hideTip = () => (tip.hidden = true);

  // ---- the ethogram

  const LEFT = 52, RIGHT = 14, TOP = 16, BOTTOM = 40; // px around the rows
  const canvas = $("canvas");
  const mark = $("mark");
  let view = data.views[0]; // what is shown
  let hidden = new Set(); // labels, by name
  let range = null; // { from, to } units of time, { row, height } first row, px a row
  let cursor = null; // { row, x } chosen by keys
  let mode = "own";

  const room = () => Math.max(canvas.clientWidth - LEFT - RIGHT, 50);
  const tall = () => canvas.clientHeight - TOP - BOTTOM;

  function lowest() {
    return tall() / Math.max(view.larvae.length, 1);
  }

  function all() {
    const rows = Math.max(view.larvae.length, 1);
    const most = Math.max(innerHeight * 0.7, 260);
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

  /* The colours of each state, pixel by pixel down a row of some height. */
  function stripes(shown, height, background, faded) {
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

  /* Of each pixel along a row the state that takes up most of it, plus one; 0: not tracked. */
  function along(shown, row, from, scale, width, line, share) {
    const { begins, first, stop, states } = shown.columns;
    line.fill(0);
    share.fill(0);
    const put = (x, part, value) => {
      if (x >= 0 && x < width && part > share[x]) {
        share[x] = part;
        line[x] = value;
      }
    };
    for (let span = Math.max(spanBefore(shown, row, from), begins[row]); span < begins[row + 1]; span++) {
      const x0 = (first[span] - from) * scale, x1 = (stop[span] - from) * scale;
      if (x0 >= width) break;
      if (x1 <= 0) continue;
      const value = states[span] + 1;
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
    const between = mode === "both" ? each / 5 : ratio; // wider than what is between two halves
    const gap = each >= 8 ? Math.max(Math.round(between), 1) : 0;
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
      const bare = shown.states.map(([a, b]) => !a.length && !b.length && !hidden.has(UNDEFINED) && !faded);
      for (let y = Math.max(top, 0); y < Math.min(bottom, height); y++) {
        for (let x = 0, at = y * width; x < width; x++, at++) {
          if (!line[x]) continue;
          const state = line[x] - 1;
          pixels[at] = bare[state] && (x + y) % 5 === 0 ? hatch : (wrong[x] ? clear : columns)[state][y - top];
        }
      }
    };
    const rows = view.larvae.length;
    for (let row = Math.max(Math.floor(range.row), 0); row < rows; row++) {
      const top = Math.round((row - range.row) * each), next = Math.round((row + 1 - range.row) * each);
      if (top >= height) break;
      const bottom = next - gap;
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

  /* Marks the pixels along a row in which the two files differ. */
  function markWrong(row, width, wrong) {
    const { rows, first, stop } = view.differences;
    const scale = width / (range.to - range.from);
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle] < row) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < rows.length && rows[at] === row; at++) {
      const x0 = Math.floor((first[at] - range.from) * scale), x1 = Math.ceil((stop[at] - range.from) * scale);
      if (x1 > 0 && x0 < width) wrong.fill(1, Math.max(x0, 0), Math.min(Math.max(x1, x0 + 1), width));
    }
  }

  function drawAxes(context) {
    const width = room(), height = tall();
    context.font = "12px system-ui, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif";
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

  /* At most once a frame of the screen, however many events there are. */
  function draw() {
    restrain();
    const [low, high] = [range.from, range.to].map((t) => view.seconds(t).toFixed(2));
    const from = Math.floor(range.row + 1e-6);
    const to = Math.min(Math.ceil(range.row + tall() / range.height - 1e-6), view.larvae.length);
    $("range").textContent = view.larvae.length
      ? `${low}–${high} s, ${to - from} of ${view.larvae.length} larvae`
      : "no larvae";
    mark.hidden = true;
    if (!waiting) waiting = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    cancelAnimationFrame(waiting);
    waiting = 0;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    drawRows(context, ratio);
    context.scale(ratio, ratio);
    drawAxes(context);
    if (cursor) point(cursor.row, cursor.x, null);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  }

  /* Names what is at a time of a row; at a place of the window, or where the keys are. */
  function point(row, x, place) {
    const found = row >= 0 && row < view.larvae.length ? describe(view, row, x) : null;
    if (!found) {
      mark.hidden = true;
      hideTip();
      return;
    }
    const lines = found.lines.map(({ label, text, times, long }) => ({
      mark: label === undefined ? null : swatch(view, label),
      text,
      rest: times ? `${times} (${long})` : "",
      spoken: times ? `${text}, ${times}, ${long}` : text,
    }));
    if (view.reference && mode !== "own") {
      const other = view.reference.rows.get(view.larvae[row]);
      const t = (view.seconds(x) - view.reference.start) / view.reference.unit;
      const there = other === undefined ? null : describe(view.reference, other, t);
      const others = (there?.lines ?? [{ text: "no frame" }]).map(({ label, text, times, long }) => ({
        mark: label === undefined ? null : swatch(view.reference, label),
        text,
        rest: `${times ? `${times} (${long}) ` : ""}in ${view.reference.file}`,
        spoken: `in ${view.reference.file} ${text}`,
      }));
      lines.unshift(...others); // above, as in the row
    }
    if (found.span >= 0) {
      const { first, stop } = view.columns;
      const left = clamp(toX(first[found.span]), LEFT, LEFT + room());
      const right = clamp(toX(stop[found.span]), LEFT, LEFT + room());
      const top = clamp(TOP + (row - range.row) * range.height, TOP, TOP + tall());
      const bottom = clamp(TOP + (row + 1 - range.row) * range.height, TOP, TOP + tall());
      Object.assign(mark.style, {
        left: `${left - 1}px`, top: `${top - 1}px`,
        width: `${Math.max(right - left, 1) + 2}px`, height: `${Math.max(bottom - top, 1) + 2}px`,
      });
    }
    mark.hidden = found.span < 0;
    const box = canvas.getBoundingClientRect();
    const [left, top] = place ?? [
      box.left + clamp(toX(x), LEFT, LEFT + room()),
      box.top + TOP + (row + 1 - range.row) * range.height - 14,
    ];
    showTip(left, top, `larva ${view.larvae[row]}`, lines);
    if (!place) $("live").textContent = `larva ${view.larvae[row]}: ${lines.map((l) => l.spoken).join("; ")}`;
  }

  let drag = null;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => (drag = null));
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => {
    mark.hidden = true;
    hideTip();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      drag = { x: event.clientX, y: event.clientY };
      hideTip();
      pan(-dx / room(), event.pointerType === "touch" ? 0 : -dy / range.height);
      return;
    }
    const { offsetX: x, offsetY: y } = event;
    const inside = x >= LEFT && x <= LEFT + room() && y >= TOP && y <= TOP + tall();
    cursor = null;
    point(inside ? atRow(y) : -1, atX(x), [event.clientX, event.clientY]);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      const turn = event.deltaY || event.deltaX; // with Shift, some browsers turn sideways
      const factor = Math.exp(clamp(turn * (event.deltaMode ? 0.05 : 0.0016), -0.5, 0.5));
      const rows = event.shiftKey || event.offsetX < LEFT;
      const whole = rows
        ? range.height <= lowest() * 1.001
        : range.to - range.from >= Math.max(view.length, 1) * 0.999;
      if (factor > 1 && whole) return; // nothing to zoom out of: the page scrolls
      event.preventDefault();
      hideTip();
      if (rows) zoomRows(1 / factor, range.row + (event.offsetY - TOP) / range.height);
      else zoomTime(factor, atX(clamp(event.offsetX, LEFT, LEFT + room())));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", all);

  /* Moves to another larva, or to the bout before or after. */
  function choose(rows, spans) {
    if (!view.columns.first.length) return;
    const { begins, first, stop } = view.columns;
    const middle = (at) => (first[at] + stop[at]) / 2;
    if (!cursor) {
      const row = clamp(Math.floor(range.row), 0, view.larvae.length - 1);
      cursor = { row, x: begins[row] < begins[row + 1] ? middle(begins[row]) : 0 };
    } else if (rows) {
      cursor.row = clamp(cursor.row + rows, 0, view.larvae.length - 1);
    }
    const [low, high] = [begins[cursor.row], begins[cursor.row + 1] - 1];
    if (high >= low) {
      const at = clamp(spanBefore(view, cursor.row, cursor.x) + spans, low, high);
      if (spans || cursor.x < first[at] || cursor.x > stop[at]) cursor.x = middle(at);
    }
    const width = range.to - range.from;
    if (cursor.x < range.from || cursor.x > range.to) {
      range.from = cursor.x - width / 2;
      range.to = range.from + width;
    }
    const visible = tall() / range.height;
    range.row = clamp(range.row, cursor.row + 1 - visible, cursor.row);
    draw();
  }

  const keys = {
    ArrowUp: () => choose(-1, 0),
    ArrowDown: () => choose(1, 0),
    ArrowLeft: () => choose(0, -1),
    ArrowRight: () => choose(0, 1),
    PageUp: () => choose(-10, 0),
    PageDown: () => choose(10, 0),
    0: all,
    Escape: () => {
      cursor = null;
      mark.hidden = true;
      hideTip();
    },
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zoom = { "+": 0.7, "=": 0.7, "-": 1 / 0.7 }[event.key];
    if (zoom) zoomTime(zoom, cursor?.x);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", keys.Escape);

  for (const [id, act] of Object.entries({
    "time-in": () => zoomTime(0.5),
    "time-out": () => zoomTime(2),
    left: () => pan(-0.25, 0),
    right: () => pan(0.25, 0),
    "rows-in": () => zoomRows(1.5),
    "rows-out": () => zoomRows(1 / 1.5),
    up: () => pan(0, -0.25 * (tall() / range.height)),
    down: () => pan(0, 0.25 * (tall() / range.height)),
    reset: all,
  }))
    $(id).addEventListener("click", act);

  function legend() {
    const occurs = view.labels.map((row, at) => [at < view.names.length ? at : -1, row.frames]);
    $("legend").replaceChildren(
      ...occurs
        .filter(([label, frames]) => frames > 0 || (view.reference && label >= 0))
        .map(([label]) => {
          const name = label < 0 ? UNDEFINED : view.names[label];
          const made = element("button", { type: "button", "aria-pressed": String(!hidden.has(name)) });
          made.append(swatch(view, label), name);
          made.addEventListener("click", () => {
            if (!hidden.delete(name)) hidden.add(name);
            made.setAttribute("aria-pressed", String(!hidden.has(name)));
            draw();
          });
          return made;
        }),
    );
    if (view.stimulus.length) {
      const bar = element("span", { className: "swatch line" });
      bar.style.background = "var(--stimulus)";
      const text = element("span", { className: "note" }, bar, " stimulus");
      $("legend").append(text);
    }
  }

  // ---- tables

  function facts() {
    $("run").textContent = view.run;
    $("facts").replaceChildren(
      ...view.facts.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
  }

  function head(names) {
    const cells = names.map((name, at) => element("th", { scope: at ? "col" : "row" }, name));
    return element("thead", {}, element("tr", {}, ...cells));
  }

  function labelTable() {
    const frames = view.columns.frames.reduce((sum, n) => sum + n, 0);
    const rows = view.labels.map((row, at) => {
      const label = at < view.names.length ? at : -1;
      if (label < 0 && !row.frames) return null;
      const name = label < 0 ? UNDEFINED : view.names[label];
      const cells = [
        whole(row.frames),
        frames ? percent(row.frames / frames) : "",
        row.larvae === undefined ? "" : whole(row.larvae),
        row.bouts === undefined ? "" : whole(row.bouts),
        row.median == null ? "" : duration(row.median),
      ];
      const first = element("th", { scope: "row" }, swatch(view, label), ` ${name}`);
      return element("tr", {}, first, ...cells.map((text) => element("td", {}, text)));
    });
    $("labels").replaceChildren(
      head(["label", "frames", "share", "larvae", "bouts", "median length"]),
      element("tbody", {}, ...rows.filter(Boolean)),
    );
  }

  function matrix(table, corner, names, marks, counts) {
    const rows = counts.map((row, from) => {
      const total = row.reduce((sum, n) => sum + n, 0);
      const cells = row.map((n) => {
        if (!n) return element("td", { className: "none" }, "0");
        const cell = element("td", {}, percent(n / total), element("small", {}, whole(n)));
        cell.style.setProperty("--part", n / total);
        return cell;
      });
      return element("tr", {}, element("th", { scope: "row" }, ...marks(from)), ...cells);
    });
    const top = names.map((_, at) => element("th", { scope: "col" }, ...marks(at)));
    const first = element("th", { scope: "row" }, corner);
    table.replaceChildren(
      element("thead", {}, element("tr", {}, first, ...top)),
      element("tbody", {}, ...rows),
    );
  }

  function transitionTable() {
    const kept = view.names
      .map((_, at) => at)
      .filter((at) => at < view.primary && view.labels[at].frames > 0);
    const marks = (at) => [swatch(view, kept[at]), ` ${view.names[kept[at]]}`];
    const counts = kept.map((from) => kept.map((to) => view.transitions[from][to]));
    matrix($("transitions"), "from ↓ to →", kept, marks, counts);
  }

  function comparison() {
    const found = view.comparison;
    $("comparison").hidden = $("mode-choice").hidden = !found;
    if (!found) return;
    const total = found.counts.flat().reduce((sum, n) => sum + n, 0);
    const facts = [
      ["compared with", view.reference.file],
      ["frames in both", whole(total)],
      ["agreement", found.agreement == null ? "–" : percent(found.agreement)],
      ["Cohen’s kappa", found.kappa == null ? "–" : found.kappa.toFixed(3)],
      [`frames only in ${view.reference.file}`, whole(found.only[0])],
      [`frames only in ${view.file}`, whole(found.only[1])],
    ];
    $("agreement").replaceChildren(
      ...facts.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
    const marks = (at) => {
      const label = view.names.indexOf(found.names[at]);
      return [...(label < 0 ? [] : [swatch(view, label), " "]), found.names[at] || UNDEFINED];
    };
    matrix($("confusion"), "", found.names, marks, found.counts);
    $("confusion-note").textContent =
      `Frames that both files have, by their label in ${view.reference.file} (rows) and in ${view.file} ` +
      `(columns), with shares of the row.`;
  }

  // ---- charts

  function shares() {
    const place = $("shares");
    const { edges, shares: parts, larvae } = view.shares;
    const primary = view.primary;
    if (!larvae.length) {
      place.replaceChildren("no frames");
      return;
    }
    const width = Math.max(place.clientWidth, 200), body = width - LEFT - RIGHT;
    const top = 14, high = 220, between = 26, low = 60, height = top + high + between + low + 40;
    const [begin, end] = [view.start, view.stop];
    const x = (t) => LEFT + ((clamp(t, begin, end) - begin) / (end - begin || 1)) * body;
    const y = (share) => top + high * (1 - share);
    const made = svg("svg", { width, height, role: "img", "aria-label": "Shares of the labels over time" });
    const sums = new Float64Array(larvae.length);
    const step = (upper, lower) => {
      const there = [], back = [];
      for (let i = 0; i < larvae.length; i++) {
        there.push(`${x(edges[i]).toFixed(1)},${upper(i)}`, `${x(edges[i + 1]).toFixed(1)},${upper(i)}`);
        back.push(`${x(edges[i]).toFixed(1)},${lower(i)}`, `${x(edges[i + 1]).toFixed(1)},${lower(i)}`);
      }
      // each bin's corners came left to right: the way back takes them right to left
      return `M${there.join("L")}L${back.reverse().join("L")}Z`;
    };
    for (let label = 0; label <= primary; label++) {
      const below = Float64Array.from(sums);
      for (let i = 0; i < larvae.length; i++) sums[i] += parts[i][label];
      if (!parts.some((row) => row[label] > 0)) continue;
      const above = Float64Array.from(sums);
      const path = svg("path", { d: step((i) => y(above[i]).toFixed(1), (i) => y(below[i]).toFixed(1)) });
      if (label < primary) path.setAttribute("fill", view.colors[label]);
      else path.setAttribute("class", "undefined");
      made.append(path);
    }
    for (const share of [0, 0.5, 1])
      made.append(svg("text", { x: LEFT - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
    const base = top + high + between + low;
    const most = Math.max(...larvae);
    const line = larvae.map((n, i) => {
      const level = (base - (n / most) * low).toFixed(1);
      return `${x(edges[i]).toFixed(1)},${level}L${x(edges[i + 1]).toFixed(1)},${level}`;
    });
    made.append(
      svg("path", { class: "larvae", d: `M${line.join("L")}` }),
      svg("text", { x: LEFT - 8, y: base - low + 8, "text-anchor": "end" }, whole(most)),
      svg("text", { x: LEFT - 8, y: base + 2, "text-anchor": "end" }, "0"),
      svg("text", { x: LEFT, y: base - low - 8 }, "larvae tracked"),
      svg("path", { class: "axis", d: `M${LEFT},${base}H${LEFT + body}` }),
    );
    for (const t of ticks(begin, end, clamp(body / 90, 2, 12))) {
      made.append(
        svg("path", { class: "axis", d: `M${x(t)},${base}v4` }),
        svg("text", { x: x(t), y: base + 17, "text-anchor": "middle" }, String(t)),
      );
    }
    made.append(svg("text", { x: LEFT + body / 2, y: base + 33, "text-anchor": "middle" }, "time (s)"));
    for (const [from, to] of view.stimulus) {
      made.append(svg("rect", { class: "stimulus", x: x(from), y: top - 9, width: x(to) - x(from), height: 5 }));
      for (const t of [from, to])
        if (t > begin && t < end)
          made.append(svg("path", { class: "edge", d: `M${x(t)},${top - 9}V${base}` }));
    }
    const at = svg("path", { class: "cursor", visibility: "hidden" });
    made.append(at);
    made.addEventListener("pointermove", (event) => {
      const t = begin + ((event.clientX - made.getBoundingClientRect().left - LEFT) / body) * (end - begin);
      const bin = edges.findIndex((edge, i) => edge <= t && t < (edges[i + 1] ?? edge));
      if (bin < 0 || t < begin || t > end) {
        hideTip();
        at.setAttribute("visibility", "hidden");
        return;
      }
      at.setAttribute("d", `M${x(t)},${top}V${base}`);
      at.setAttribute("visibility", "visible");
      const lines = parts[bin]
        .map((share, label) => ({ share, label: label < primary ? label : -1 }))
        .filter(({ share }) => share > 0)
        .reverse() // as they are stacked
        .map(({ share, label }) => ({
          mark: swatch(view, label),
          text: label < 0 ? UNDEFINED : view.names[label],
          rest: percent(share),
        }));
      const title = `${edges[bin]}–${edges[bin + 1]} s, ${whole(larvae[bin])} larvae`;
      showTip(event.clientX, event.clientY, title, lines);
    });
    made.addEventListener("pointerleave", () => {
      hideTip();
      at.setAttribute("visibility", "hidden");
    });
    place.replaceChildren(made);
    const wide = Number((edges[1] - edges[0]).toPrecision(6));
    $("shares-note").textContent =
      `Shares of the frames in bins of ${wide} s. A frame of several labels is divided equally among them.`;
  }

  function lengths() {
    const place = $("lengths");
    const { edges, counts } = view.lengths;
    const shown = counts.map((_, label) => label).filter((label) => view.labels[label].bouts > 0);
    const width = 210, height = 110, left = 34, right = 8, bottom = 36, top = 8;
    const body = width - left - right, tall = height - bottom - top;
    const bins = edges.length - 1;
    // the first bin, from 0, is as wide as the others on the logarithmic axis
    const ratio = bins > 1 ? (edges[bins] / edges[1]) ** (1 / (bins - 1)) : 2;
    const start = Math.log(edges[1] / ratio), step = Math.log(ratio);
    const x = (seconds) =>
      left + (seconds > 0 ? clamp((Math.log(seconds) - start) / step, 0, bins) / bins : 0.5 / bins) * body;
    const panels = shown.map((label) => {
      const most = Math.max(...counts[label]);
      const { bouts, median } = view.labels[label];
      const made = svg("svg", {
        viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img",
        "aria-label": `Lengths of ${view.names[label]}: ${bouts} bouts, median ${duration(median)}`,
      });
      counts[label].forEach((n, bin) => {
        const slot = body / bins;
        const area = svg("rect", { x: left + bin * slot, y: top, width: slot, height: tall, fill: "transparent" });
        const bar = svg("rect", {
          x: left + bin * slot + 0.5, width: Math.max(slot - 1, 0.5), fill: view.colors[label],
          y: top + tall * (1 - n / most), height: (tall * n) / most,
        });
        const between = bin ? `${duration(edges[bin])} to ${duration(edges[bin + 1])}` : `up to ${duration(edges[1])}`;
        area.addEventListener("pointermove", (event) =>
          showTip(event.clientX, event.clientY, between, [
            { mark: swatch(view, label), text: view.names[label], rest: `${whole(n)} bouts` },
          ]),
        );
        area.addEventListener("pointerleave", hideTip);
        made.append(bar, area);
      });
      const base = top + tall;
      made.append(
        svg("path", { class: "axis", d: `M${left},${base}H${left + body}` }),
        svg("path", { class: "median", d: `M${x(median)},${top}V${base}` }),
        svg("text", { x: left - 4, y: top + 9, "text-anchor": "end" }, whole(most)),
        svg("text", { x: left - 4, y: base, "text-anchor": "end" }, "0"),
        svg("text", { x: left + body / 2, y: height - 5, "text-anchor": "middle" }, "length (s)"),
      );
      for (const t of decades(Math.exp(start), edges[bins])) {
        made.append(
          svg("path", { class: "axis", d: `M${x(t)},${base}v4` }),
          svg("text", { x: x(t), y: base + 16, "text-anchor": "middle" }, String(t)),
        );
      }
      return element(
        "div", {},
        element("h3", {}, swatch(view, label), ` ${view.names[label]}`),
        element("p", {}, `${whole(bouts)} ${bouts === 1 ? "bout" : "bouts"}, median ${duration(median)}`),
        made,
      );
    });
    place.replaceChildren(...(panels.length ? panels : ["no bouts"]));
  }

  // ---- the page

  function note() {
    const what = {
      both: () => `Upper half of a row: ${view.reference.file}. Lower half: ${view.file}. Between them: where they differ.`,
      differences: () => `In full colour: where ${view.file} differs from ${view.reference.file}.`,
    }[mode];
    $("mode-note").hidden = !what;
    $("mode-note").textContent = what ? what() : "";
  }

  function show(index) {
    view = data.views[index];
    hidden = new Set();
    // where a row is too low for two halves, what differs can still be seen
    mode = !view.comparison ? "own" : view.larvae.length > innerHeight / 12 ? "differences" : "both";
    $("mode").value = mode;
    document.title = `${view.run} – ${view.file}`;
    canvas.setAttribute("aria-label", `Ethogram of ${view.larvae.length} larvae, run ${view.run}`);
    $("several-note").hidden = !view.states.some(([primary, secondary]) => primary.length + secondary.length > 1);
    facts();
    note();
    legend();
    comparison();
    labelTable();
    shares();
    lengths();
    transitionTable();
    all();
  }

  function redraw() {
    shares();
    drawNow();
  }

  if (!data.views.length) {
    $("main").hidden = true;
    $("run").textContent = "no runs";
  } else {
    const options = data.views.map(({ run, file }, at) => element("option", { value: String(at) }, `${run}, ${file}`));
    $("view").replaceChildren(...options);
    $("choice").hidden = data.views.length < 2;
    $("view").addEventListener("change", () => show(Number($("view").value)));
    $("mode").addEventListener("change", () => {
      mode = $("mode").value;
      note();
      all();
    });
    const compared = data.views.findIndex((candidate) => candidate.comparison);
    const first = Math.max(compared, 0);
    $("view").value = String(first);
    show(first);
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth === width) return; // on phones, scrolling changes the height
      width = innerWidth;
      shares();
      draw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("beforeprint", () => {
      document.documentElement.dataset.print = "";
      redraw();
    });
    addEventListener("afterprint", () => {
      delete document.documentElement.dataset.print;
      redraw();
    });
  }
  $("footer").textContent = `Made by taggingbackends ${data.version}.`;
  requestAnimationFrame(() => (document.documentElement.dataset.ready = String(Math.round(performance.now()))));
})();
