/* Spans: columns of a view, and the labels at a point. */

const FADES = [0, 0.18, 0.36, 0.54, 0.72]; // part of the background in the colour of unsure labels

/* Sets a property that is computed when it is first used: most views of many are never shown. */
function lazily(object, name, make) {
  Object.defineProperty(object, name, {
    configurable: true,
    get: () => {
      const value = make();
      Object.defineProperty(object, name, { value });
      return value;
    },
  });
}

const unpackAll = (texts) => Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, unpack(text)]));

for (const view of data.views) {
  lazily(view, "columns", () => {
    const columns = unpackAll(view.spans);
    columns.begins = new Uint32Array(view.larvae.length + 1);
    columns.counts.forEach((n, row) => (columns.begins[row + 1] = columns.begins[row] + n));
    return columns;
  });
  lazily(view, "rows", () => new Map(view.larvae.map((larva, row) => [larva, row])));
  view.length = (view.stop - view.start) / view.unit;
  view.seconds = (x) => view.start + x * view.unit;
  if (view.comparison) {
    view.reference = data.views[view.comparison.reference];
    if (!view.stimulus.length) view.stimulus = view.reference.stimulus; // of the same run
    lazily(view, "differences", () => unpackAll(view.comparison.differences));
  }
}

/* Returns the last span of a row that begins at or before x; -1 if none does. */
function spanBefore(view, row, x) {
  const { begins, start } = view.columns;
  let low = begins[row], high = begins[row + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (start[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low > begins[row] ? low - 1 : -1;
}

/* Returns how faint a span is drawn: an index into FADES. */
function faintness(view, span) {
  const known = view.columns.confidence?.[span]; // percent, plus 1; 0 is unknown
  return known ? Math.min(Math.floor((101 - known) / 10), FADES.length - 1) : 0;
}

function labelsOf(view, span) {
  const [primary, secondary] = view.states[view.columns.states[span]];
  return [...primary, ...secondary];
}

/* Returns the bout of a label around a span: the adjacent spans of its stretch with the label
   (-1 is undefined). */
function bout(view, span, label) {
  const { stretches, start, stop, frames, confidence } = view.columns;
  const has = (at) => {
    if (stretches[at] !== stretches[span]) return false; // also true beyond the first and last span
    return label < 0 ? !labelsOf(view, at).length : labelsOf(view, at).includes(label);
  };
  let from = span, to = span;
  while (has(from - 1)) from--;
  while (has(to + 1)) to++;
  let n = 0, known = 0, percents = 0;
  for (let at = from; at <= to; at++) {
    n += frames[at];
    if (!confidence?.[at]) continue;
    known += frames[at];
    percents += frames[at] * (confidence[at] - 1);
  }
  const sure = known ? percents / known : null;
  return { start: view.seconds(start[from]), stop: view.seconds(stop[to]), frames: n, sure };
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
    const { start, stop: end, frames, sure } = bout(view, span, label);
    const times = `${start.toFixed(2)}–${end.toFixed(2)} s`;
    const confidence = sure === null ? "" : `, confidence ${Math.round(sure)} %`;
    const long = `${(end - start).toFixed(2)} s, ${counted(frames, "frame")}${confidence}`;
    return { label, text: label < 0 ? UNDEFINED : view.names[label], times, long };
  });
  return { span, lines };
}
