/* Ethogram: pointer, wheel, keys and legend. */

/* Describes the labels at a time of a row, in a tooltip. The tooltip appears at `place`, or at the
   cursor of the keys if `place` is null. */
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
      rest: `${times ? `${times} (${long}) ` : ""}in ${comparedNames()[0]}`,
      spoken: `in ${comparedNames()[0]} ${text}`,
    }));
    lines.unshift(...others); // the reference comes first, as in the row
  }
  if (found.span >= 0) {
    const { start, stop } = view.columns;
    const left = clamp(toX(start[found.span]), LEFT, LEFT + room());
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
  cursor = null;
  point(onRows(x, y) ? atRow(y) : -1, atX(x), [event.clientX, event.clientY]);
});
canvas.addEventListener(
  "wheel",
  (event) => {
    const turn = event.deltaY || event.deltaX; // with Shift, some browsers report horizontal scrolling
    const factor = Math.exp(clamp(turn * (event.deltaMode ? 0.05 : 0.0016), -0.5, 0.5));
    const rows = event.shiftKey || event.offsetX < LEFT;
    const whole = rows
      ? range.height <= lowest() * 1.001
      : range.to - range.from >= Math.max(view.length, 1) * 0.999;
    if (factor > 1 && whole) return; // nothing to zoom out of: let the page scroll
    event.preventDefault();
    hideTip();
    if (rows) zoomRows(1 / factor, range.row + (event.offsetY - TOP) / range.height);
    else zoomTime(factor, atX(clamp(event.offsetX, LEFT, LEFT + room())));
  },
  { passive: false },
);
canvas.addEventListener("dblclick", all);

/* Moves the cursor by rows (larvae) or by spans. */
function choose(rows, spans) {
  if (!view.columns.start.length) return;
  const { begins, start, stop } = view.columns;
  const middle = (at) => (start[at] + stop[at]) / 2;
  if (!cursor) {
    const row = clamp(Math.floor(range.row), 0, view.larvae.length - 1);
    cursor = { row, x: begins[row] < begins[row + 1] ? middle(begins[row]) : 0 };
  } else if (rows) {
    cursor.row = clamp(cursor.row + rows, 0, view.larvae.length - 1);
  }
  const [low, high] = [begins[cursor.row], begins[cursor.row + 1] - 1];
  if (high >= low) {
    const at = clamp(spanBefore(view, cursor.row, cursor.x) + spans, low, high);
    if (spans || cursor.x < start[at] || cursor.x > stop[at]) cursor.x = middle(at);
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
