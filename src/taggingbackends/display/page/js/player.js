/* Player: a larva through a bout, and all larvae in the arena. The data-* attributes of the two canvases say
   what is drawn: the time (s), the larva, its frame (from 0), spine and outline (x and y of each point in turn, mm),
   the number of larvae, the camera (x and y of the centre in mm, px per mm), and a text. */

{ // a block, so that its names are its own
const AROUND = 1; // s played before and after a bout
const SLACK = 0.001; // s; frames of labels and of tracks match within it
const TRAIL = 5; // s
const larvaCanvas = $("larva"), arenaCanvas = $("arena");
const nowMark = element("div", { className: "now", hidden: true });
const boutMark = element("div", { className: "mark playing", hidden: true });
$("ethogram").append(nowMark, boutMark);

const unpacked = new Map(); // by index of the recording
const listed = new WeakMap(); // bouts by view
let recording = null; // of the view; with `tracks` when it is unpacked
let time = 0; // s
let larva = null; // the one that is followed
// its bout: { of, row, label, start, stop, sure, kind }; `of` is the view or its reference, `kind` that of nextBout
let chosen = null;
let playing = 0; // the request of the next picture
let played = 0; // time of the last picture, ms
let colors = {};

const low = () => Math.min(view.start, recording.start);
const high = () => Math.max(view.stop, recording.stop);
const inUnits = (seconds) => (seconds + SLACK - recording.start) / recording.unit;
const secondsOf = (track, frame) => recording.start + track.times[frame] * recording.unit;
const nameOf = (of, label) => (label < 0 ? UNDEFINED : of.names[label]);
const whereIs = (of) => (of === view ? "" : ` in ${comparedNames()[0]}`);
const seen = (track, seconds = time) => frameAt(recording, track, inUnits(seconds));

/* Returns the first and the last time to play. A larva that is not tracked yet, or any more, is not waited for. */
function limits() {
  if (!chosen) return [low(), high()];
  const track = recording.tracks.get(larva);
  const [first, last] = track?.frames ? [secondsOf(track, 0), secondsOf(track, track.frames - 1)] : [low(), high()];
  const from = Math.max(chosen.start - AROUND, Math.min(first, chosen.start));
  return [from, Math.min(chosen.stop + AROUND, Math.max(last + recording.interval * recording.unit, chosen.stop))];
}

/* Returns the labels of a larva at a time; null if it is not labelled then. */
function labelsAt(shown, larva, seconds) {
  const row = shown.rows.get(larva);
  if (row === undefined) return null;
  const x = (seconds + SLACK - shown.start) / shown.unit;
  const span = spanBefore(shown, row, x);
  return span < 0 || x >= shown.columns.stop[span] + SLACK / shown.unit ? null : labelsOf(shown, span);
}

function paint(labels, shown = view) {
  if (!labels?.length) return labels && hidden.has(UNDEFINED) ? colors.off : colors.hatch;
  const label = labels.find((label) => !hidden.has(shown.names[label]));
  return label === undefined ? colors.off : shown.colors[label];
}

// -- pictures

function start(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colors.plot;
  context.fillRect(0, 0, width, height);
  context.lineJoin = context.lineCap = "round";
  return { context, width, height };
}

/* Adds a line through points of x and y in turn to the path. */
function line(context, points, from, to, camera) {
  for (let i = from; i < to; i += 2) {
    const x = camera.left + points[i] * camera.quantum, y = camera.top - points[i + 1] * camera.quantum;
    if (i === from) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
}

/* Returns how to get from quanta to px. */
function cameraAt(x, y, scale, width, height) {
  const { quantum } = data.tracks;
  return { left: width / 2 - x * scale, top: height / 2 + y * scale, quantum: quantum * scale, scale, x, y };
}

function drawLarva(context, track, frame, camera, paint, large) {
  const { at, points, spine, sizes, outline } = track;
  const body = Math.max(0.13 * track.length * camera.scale, 3);
  const outlined = outline && sizes[frame + 1] > sizes[frame] && large;
  context.fillStyle = context.strokeStyle = paint;
  if (outlined) {
    context.beginPath();
    line(context, outline, 2 * sizes[frame], 2 * sizes[frame + 1], camera);
    context.closePath();
    context.globalAlpha = 0.45;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.stroke();
  }
  if (at[frame] < 0) return;
  const from = 2 * points * at[frame];
  context.beginPath();
  line(context, spine, from, from + 2 * points, camera);
  if (!outlined) {
    context.lineWidth = body;
    context.globalAlpha = large ? 0.45 : 1;
    context.stroke();
    context.globalAlpha = 1;
  }
  if (large) {
    context.strokeStyle = colors.ink;
    context.lineWidth = 1.5;
    context.stroke();
  }
  if (track.length * camera.scale < 16) return; // a dot would cover the larva
  context.fillStyle = colors.ink;
  context.beginPath();
  const x = camera.left + spine[from] * camera.quantum, y = camera.top - spine[from + 1] * camera.quantum;
  context.arc(x, y, large ? 5 : body * 0.45, 0, 7);
  context.fill();
}

/* Returns the middle of a larva in a frame, mm; null without a spine. */
function middle(track, frame) {
  if (track.at[frame] < 0) return null;
  const i = 2 * (track.points * track.at[frame] + (track.points >> 1));
  return [track.spine[i] * data.tracks.quantum, track.spine[i + 1] * data.tracks.quantum];
}

/* Draws the path of a larva's middle, in up to some thousand steps. */
function path(context, track, from, to, camera) {
  context.beginPath();
  let gap = true;
  const step = Math.ceil((to - from + 1) / 4000);
  for (let frame = from; frame <= to; frame += step) {
    const place = middle(track, frame);
    if (place) {
      const x = camera.left + place[0] * camera.scale, y = camera.top - place[1] * camera.scale;
      if (gap) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    gap = !place;
  }
  context.stroke();
}

/* Draws a bar of a round number of mm at the bottom left. */
function scaleBar(context, height, scale) {
  const most = 100 / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((n) => n * power).find((l) => l <= most) ?? power;
  context.fillStyle = colors.ink;
  context.fillRect(12, height - 14, length * scale, 3);
  context.font = `12px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.fillText(`${Number(length.toPrecision(1))} mm`, 12, height - 17);
}

function say(context, width, text) {
  context.canvas.dataset.says = text;
  context.fillStyle = colors.muted;
  context.font = `14px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(text, width / 2, 44, width - 20);
}

/* Draws the labels of the larva around the time: those of the bout, with 1 s before and after, or of 10 s. */
function strip(context, width, shown, top) {
  const row = shown.rows.get(larva);
  if (row === undefined) return;
  const { begins, start, stop } = shown.columns;
  const [from, to] = chosen ? [chosen.start - AROUND, chosen.stop + AROUND] : [time - 5, time + 5];
  const x = (seconds) => ((seconds - from) / (to - from)) * width;
  const first = Math.max(spanBefore(shown, row, (from - shown.start) / shown.unit), begins[row]);
  for (let span = first; span < begins[row + 1] && shown.seconds(start[span]) < to; span++) {
    const [left, right] = [start[span], stop[span]].map((t) => x(shown.seconds(t)));
    context.fillStyle = paint(labelsOf(shown, span), shown);
    context.fillRect(left, top, Math.max(right - left, 1), 11);
  }
  context.fillStyle = colors.ink;
  if (chosen?.of === shown) {
    for (const edge of [chosen.start, chosen.stop]) context.fillRect(x(edge) - 0.5, top - 3, 1, 17);
    context.fillRect(x(chosen.start), top + 13, x(chosen.stop) - x(chosen.start), 1);
  }
  context.fillStyle = colors.accent;
  context.fillRect(x(time) - 1.5, top - 4, 3, 19);
}

function strips(context, width) {
  if (view.reference) strip(context, width, view.reference, 5); // the reference comes first, as in the row
  strip(context, width, view, view.reference ? 22 : 5);
}

/* Returns the mean place of a larva within 1 s of a frame, mm, so that the picture does not shake. */
function around(track, frame) {
  let x = 0, y = 0, n = 0;
  for (const step of [-1, 1]) {
    for (let i = frame + (step > 0); i >= 0 && i < track.frames; i += step) {
      if (Math.abs(track.times[i] - track.times[frame]) * recording.unit > 1) break;
      const place = middle(track, i);
      if (place) [x, y, n] = [x + place[0], y + place[1], n + 1];
    }
  }
  return n ? [x / n, y / n] : null;
}

function drawFollowed() {
  const { context, width, height } = start(larvaCanvas);
  const track = recording.tracks.get(larva);
  const frame = track ? seen(track) : -1;
  const found = frame < 0 ? null : around(track, frame) ?? outlineCentre(track, frame);
  const { dataset } = larvaCanvas;
  Object.assign(dataset, { time: time.toFixed(3), larva: larva ?? "", frame, spine: "", outline: "", camera: "", says: "" });
  caption(track, frame);
  if (!found) {
    strips(context, width);
    const why = !track ? "no track" : frame < 0 ? "not tracked" : "no spine in this frame";
    say(context, width, larva === null ? "Click a bout in the ethogram, or a larva in the arena." : why);
    return;
  }
  const camera = cameraAt(...found, Math.min(width, height) / (1.9 * track.length), width, height);
  const { scale } = camera;
  context.strokeStyle = colors.rule;
  context.lineWidth = 1;
  context.beginPath();
  const every = [1, 2, 5, 10, 20, 50, 100].find((n) => n * scale >= 24) ?? 1e3;
  const reach = [width / 2 / scale, height / 2 / scale];
  for (let x = Math.ceil((found[0] - reach[0]) / every) * every; x < found[0] + reach[0]; x += every) {
    context.moveTo(camera.left + x * scale, 0);
    context.lineTo(camera.left + x * scale, height);
  }
  for (let y = Math.ceil((found[1] - reach[1]) / every) * every; y < found[1] + reach[1]; y += every) {
    context.moveTo(0, camera.top - y * scale);
    context.lineTo(width, camera.top - y * scale);
  }
  context.stroke();
  for (const other of recording.tracks.values()) {
    const there = other === track ? -1 : seen(other);
    const place = there < 0 ? null : middle(other, there);
    if (!place || place.some((p, axis) => Math.abs(p - found[axis]) > reach[axis] + other.length)) continue;
    context.globalAlpha = 0.5;
    drawLarva(context, other, there, camera, colors.hatch, false);
    context.globalAlpha = 1;
  }
  let from = frame;
  while (from > 0 && (track.times[frame] - track.times[from - 1]) * recording.unit <= TRAIL) from--;
  context.strokeStyle = colors.muted;
  context.lineWidth = 1.2;
  context.setLineDash([2, 4]);
  path(context, track, from, frame, camera);
  context.setLineDash([]);
  drawLarva(context, track, frame, camera, paint(labelsAt(view, larva, secondsOf(track, frame))), true);
  scaleBar(context, height, scale);
  strips(context, width);
  const inText = (points, from, to) => Array.from(points.subarray(from, to), (n) => (n * data.tracks.quantum).toFixed(2)).join(" ");
  const begin = 2 * track.points * track.at[frame];
  if (begin >= 0) dataset.spine = inText(track.spine, begin, begin + 2 * track.points);
  else say(context, width, "no spine in this frame");
  if (track.outline) dataset.outline = inText(track.outline, 2 * track.sizes[frame], 2 * track.sizes[frame + 1]);
  dataset.camera = `${camera.x} ${camera.y} ${scale}`;
}

function outlineCentre(track, frame) {
  const { outline, sizes } = track, { quantum } = data.tracks;
  const n = outline ? sizes[frame + 1] - sizes[frame] : 0;
  if (!n) return null;
  let x = 0, y = 0;
  for (let point = sizes[frame]; point < sizes[frame + 1]; point++) {
    x += outline[2 * point];
    y += outline[2 * point + 1];
  }
  return [(x / n) * quantum, (y / n) * quantum];
}

/* Says beside the picture which larva it is and what it does. */
function caption(track, frame) {
  const parts = [];
  if (larva !== null) {
    parts.push(element("strong", {}, `larva ${larva}`));
    const seconds = frame < 0 ? time : secondsOf(track, frame);
    for (const shown of view.reference ? [view, view.reference] : [view]) {
      const where = whereIs(shown);
      const labels = labelsAt(shown, larva, seconds);
      if (!labels) parts.push(`no label${where}`);
      for (const label of labels?.length === 0 ? [-1] : labels ?? [])
        parts.push(element("span", {}, swatch(shown, label), ` ${nameOf(shown, label)}${where}`));
    }
    if (frame >= 0) parts.push(element("span", { className: "rest" }, `frame ${whole(frame + 1)} of ${whole(track.frames)}`));
  } else parts.push("One larva");
  if (chosen) {
    const sure = chosen.sure === null ? "" : `, confidence ${Math.round(chosen.sure)} %`;
    const text = `bout of ${nameOf(chosen.of, chosen.label)}${whereIs(chosen.of)}, ${chosen.start.toFixed(2)}–${chosen.stop.toFixed(2)} s${sure}`;
    parts.push(element("span", { className: "rest" }, text));
  }
  $("larva-caption").replaceChildren(...parts.map((part) => (typeof part === "string" ? element("span", {}, part) : part)));
  larvaCanvas.setAttribute("aria-label", parts.map((part) => part.textContent ?? part).join(", "));
}

function arenaCamera(width, height) {
  const [x0, x1, y0, y1] = recording.bounds;
  const scale = Math.min(width / (x1 - x0), (height - 20) / (y1 - y0));
  return cameraAt((x0 + x1) / 2, (y0 + y1) / 2 - 10 / scale, scale, width, height);
}

function drawArena() {
  const { context, width, height } = start(arenaCanvas);
  const camera = arenaCamera(width, height);
  const followed = recording.tracks.get(larva);
  if (followed) {
    context.strokeStyle = colors.hatch;
    context.lineWidth = 1;
    path(context, followed, 0, followed.frames - 1, camera);
  }
  let n = 0;
  for (const [id, track] of recording.tracks) {
    const frame = seen(track);
    if (frame < 0) continue;
    n++;
    drawLarva(context, track, frame, camera, paint(labelsAt(view, id, secondsOf(track, frame))), false);
    const place = id === larva ? middle(track, frame) : null;
    if (!place) continue;
    const x = camera.left + place[0] * camera.scale, y = camera.top - place[1] * camera.scale;
    context.strokeStyle = context.fillStyle = colors.ink;
    context.lineWidth = 1.2;
    context.beginPath();
    const radius = Math.max(0.75 * track.length * camera.scale, 9);
    context.arc(x, y, radius, 0, 7);
    context.stroke();
    context.font = `12px ${FONT}`;
    context.textBaseline = "middle";
    context.textAlign = x > width - 60 ? "right" : "left";
    context.fillText(String(id), x + (x > width - 60 ? -1 : 1) * (radius + 4), y);
  }
  scaleBar(context, height, camera.scale);
  const tracked = `${counted(n, "larva", "larvae")} tracked at ${time.toFixed(2)} s`;
  $("arena-caption").replaceChildren(element("strong", {}, "Arena"), element("span", { className: "rest" }, tracked));
  arenaCanvas.setAttribute("aria-label", `Arena, ${tracked}`);
  Object.assign(arenaCanvas.dataset, { time: time.toFixed(3), larvae: n, camera: `${camera.x} ${camera.y} ${camera.scale}` });
}

function markTime() {
  const x = recording?.tracks ? toX((time - view.start) / view.unit) : -1;
  nowMark.hidden = !(x >= LEFT - 0.5 && x <= LEFT + room() + 0.5);
  Object.assign(nowMark.style, { left: `${x - 1}px`, top: `${TOP - 6}px`, height: `${tall() + 12}px` });
  boutMark.hidden = true;
  const row = view.rows.get(larva);
  if (!chosen || row === undefined) return;
  const [left, right] = [chosen.start, chosen.stop].map((t) => clamp(toX((t - view.start) / view.unit), LEFT, LEFT + room()));
  const [top, bottom] = [row, row + 1].map((edge) => clamp(TOP + (edge - range.row) * range.height, TOP, TOP + tall()));
  boutMark.hidden = bottom - top < 1 || right - left <= 0;
  Object.assign(boutMark.style, {
    left: `${left - 2}px`, top: `${top - 2}px`, width: `${right - left + 4}px`, height: `${bottom - top + 3}px`,
  });
}

function picture() {
  if (!recording?.tracks) return;
  colors = Object.fromEntries(["plot", "ink", "muted", "rule", "hatch", "off", "accent"].map((name) => [name, color(`--${name}`)]));
  drawFollowed();
  drawArena();
  markTime();
  $("clock").textContent = `${time.toFixed(2)} s`;
  $("scrub").value = String(time);
}

// -- time

function go(seconds) {
  time = clamp(seconds, low(), high());
  picture();
}

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  $("play").textContent = "▶";
  $("play").setAttribute("aria-label", "Play");
}

function play() {
  if (!recording?.tracks) return;
  const [from, to] = limits();
  if (time < from || time >= to - 1e-6) time = from;
  played = performance.now();
  $("play").textContent = "❚❚"; // more fonts have it than a sign for a pause
  $("play").setAttribute("aria-label", "Stop");
  if (!playing) playing = requestAnimationFrame(tick);
  picture();
}

function tick() {
  const now = performance.now(), [, to] = limits();
  time = Math.min(time + ((now - played) / 1000) * Number($("speed").value), to);
  played = now;
  playing = requestAnimationFrame(tick);
  if (time >= to) stop();
  picture();
}

function step(by) {
  stop();
  const track = recording.tracks.get(larva);
  const frame = track ? seen(track) : -1;
  if (frame < 0 || !(frame + by in track.times)) go(time + by * recording.interval * recording.unit);
  else go(secondsOf(track, frame + by));
}

function faster(by) {
  const { options, selectedIndex } = $("speed");
  $("speed").selectedIndex = clamp(selectedIndex + by, 0, options.length - 1);
}

// -- bouts

/* Returns all bouts of a view, in the order of the rows and of time. */
function boutsOf(view) {
  if (listed.has(view)) return listed.get(view);
  const { begins, stretches } = view.columns;
  const found = [];
  for (let row = 0; row < view.larvae.length; row++) {
    for (let span = begins[row]; span < begins[row + 1]; span++) {
      const labels = labelsOf(view, span);
      const before = span > begins[row] && stretches[span - 1] === stretches[span] ? labelsOf(view, span - 1) : null;
      for (const label of labels.length ? labels : [-1]) {
        const goes = before && (label < 0 ? !before.length : before.includes(label));
        if (!goes) found.push({ of: view, row, label, ...bout(view, span, label) });
      }
    }
  }
  listed.set(view, found);
  return found;
}

const isChosen = ({ of, row, label, start }) => of === chosen?.of && row === chosen.row && label === chosen.label && start === chosen.start;

/* Plays a bout, and brings it into the visible part of the ethogram. */
function playBout(next) {
  if (!next || !recording?.tracks) return;
  chosen = next;
  larva = next.of.larvae[next.row];
  const row = view.rows.get(larva);
  const [from, to] = [next.start, next.stop].map((t) => (t - view.start) / view.unit);
  const width = range.to - range.from;
  if (from < range.from || to > range.to) {
    range.from = (from + to) / 2 - width / 2;
    range.to = range.from + width;
  }
  if (row !== undefined) range.row = clamp(range.row, row + 1 - tall() / range.height, row);
  draw();
  $("live").textContent = `larva ${larva}: ${nameOf(next.of, next.label)}, ${next.start.toFixed(2)}–${next.stop.toFixed(2)} s`;
  $("larva").scrollIntoView({ block: "nearest" });
  time = -Infinity; // from its start
  play();
}

/* Plays the next bout of a kind (by = 1) or the one before (by = -1). The last is followed by the first. */
function nextBout(kind, by) {
  const of = chosen?.of ?? view;
  const row = of.rows.get(larva) ?? 0;
  const label = chosen?.label ?? labelsAt(view, larva, time)?.[0] ?? 0;
  const among = {
    label: (bouts) => bouts.filter((b) => b.label === label),
    larva: (bouts) => bouts.filter((b) => b.label >= 0 && b.row === row),
    unsure: (bouts) => bouts.filter((b) => b.label >= 0 && b.sure !== null).sort((a, b) => a.sure - b.sure),
  }[kind](boutsOf(of));
  if (!among.length) return;
  // the least sure one comes first, whatever is chosen; more of them follow it
  let at = kind === "unsure" && chosen?.kind !== kind ? -1 : among.findIndex(isChosen);
  if (at < 0) {
    // from the time shown; the bouts up to it come first
    const past = among.filter((b) => b.row < row || (b.row === row && b.start <= time + SLACK)).length;
    at = (kind === "unsure" ? 0 : past) - (by > 0 ? 1 : 0);
  }
  playBout({ ...among[(at + by + among.length) % among.length], kind });
}

/* Returns the bout of a larva at a time; of several labels, the one at a part of the row's height. */
function boutAt(of, larva, seconds, part) {
  const row = of.rows.get(larva), x = (seconds - of.start) / of.unit;
  const span = row === undefined ? -1 : spanBefore(of, row, x);
  if (span < 0 || x >= of.columns.stop[span]) return null;
  const [primary, secondary] = of.states[of.columns.states[span]];
  const body = secondary.length ? 0.8 : 1;
  const [group, at] = part < body && primary.length ? [primary, part / body] : secondary.length ? [secondary, (part - body) / (1 - body)] : [[-1], 0];
  const label = group[clamp(Math.floor(at * group.length), 0, group.length - 1)];
  return { of, row, label, ...bout(of, span, label) };
}

function wholeRecording() {
  chosen = null;
  picture();
}

// -- what people do

let pressed = null;
canvas.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
canvas.addEventListener("click", (event) => {
  const moved = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 5;
  const { offsetX, offsetY } = event, row = atRow(offsetY), seconds = view.seconds(atX(offsetX));
  if (moved || !onRows(offsetX, offsetY) || !recording?.tracks || event.detail > 1) return;
  let of = view, part = range.row + (offsetY - TOP) / range.height - row;
  if (mode === "both") {
    part /= range.height < 8 ? 1 : 0.8; // without the space between rows, see drawRows
    if (part < 0.5) of = view.reference;
    part = (2 * part) % 1;
  }
  const found = boutAt(of, view.larvae[row], seconds, part);
  if (found) {
    playBout(found);
    return;
  }
  larva = view.larvae[row];
  chosen = null;
  go(seconds);
});

/* Returns the larva at a place of the arena; null if none is near. */
function larvaAt({ offsetX, offsetY }) {
  if (!recording?.tracks) return null;
  const camera = arenaCamera(arenaCanvas.clientWidth, arenaCanvas.clientHeight);
  let found = null, least = 20; // px
  for (const [id, track] of recording.tracks) {
    const frame = seen(track);
    const place = frame < 0 ? null : middle(track, frame);
    if (!place) continue;
    const far = Math.hypot(camera.left + place[0] * camera.scale - offsetX, camera.top - place[1] * camera.scale - offsetY);
    if (far < least) [found, least] = [id, far];
  }
  return found;
}

arenaCanvas.addEventListener("click", (event) => {
  const found = larvaAt(event);
  if (found === null) return;
  [larva, chosen] = [found, null];
  picture();
});
arenaCanvas.addEventListener("pointermove", (event) => {
  const found = event.pointerType === "touch" ? null : larvaAt(event);
  hideTip();
  if (found === null) return;
  const row = view.rows.get(found);
  const there = row === undefined ? null : describe(view, row, (time + SLACK - view.start) / view.unit);
  const lines = (there?.lines ?? [{ text: "no label" }]).map(({ label, text, times, long }) => ({
    mark: label === undefined ? null : swatch(view, label), text, rest: times ? `${times} (${long})` : "",
  }));
  showTip(event.clientX, event.clientY, `larva ${found}`, lines);
});
arenaCanvas.addEventListener("pointerleave", hideTip);

const playerKeys = {
  " ": () => (playing ? stop() : play()),
  ",": () => step(-1),
  ".": () => step(1),
  "<": () => faster(-1),
  ">": () => faster(1),
  n: () => nextBout("label", 1),
  N: () => nextBout("label", -1),
  b: () => nextBout("larva", 1),
  B: () => nextBout("larva", -1),
  u: () => nextBout("unsure", 1),
  U: () => nextBout("unsure", -1),
  w: wholeRecording,
  Enter: () => cursor && playBout(boutAt(view, view.larvae[cursor.row], view.seconds(cursor.x), 0)),
};
for (const place of [canvas, $("player")]) {
  place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !recording?.tracks) return;
    const own = event.target.closest("button, select") ? [" ", "Enter"].includes(event.key) || event.target.matches("select") : false;
    if (own || !playerKeys[event.key]) return; // the control's own key
    event.preventDefault();
    playerKeys[event.key]();
  });
}

for (const [id, act] of Object.entries({
  play: playerKeys[" "],
  "frame-back": () => step(-1),
  "frame-on": () => step(1),
  "next-label": () => nextBout("label", 1),
  "next-larva": () => nextBout("larva", 1),
  "next-unsure": () => nextBout("unsure", 1),
  whole: wholeRecording,
}))
  $(id).addEventListener("click", act);
$("scrub").addEventListener("input", () => {
  const seconds = Number($("scrub").value), [from, to] = limits();
  if (seconds < from || seconds > to) chosen = null;
  go(seconds);
});

// -- the view

/* Completes the tracks: the length of each larva, and the arena. */
function measure(recording) {
  const { quantum } = data.tracks;
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity], last = 0;
  const typical = [];
  for (const track of recording.tracks.values()) {
    const { spine, points, times } = track, columns = 2 * points, lengths = [];
    const every = Math.max(Math.floor(spine.length / columns / 100), 1) * columns;
    for (let i = 0; i < spine.length; i += columns) {
      x0 = Math.min(x0, spine[i]);
      x1 = Math.max(x1, spine[i]);
      y0 = Math.min(y0, spine[i + 1]);
      y1 = Math.max(y1, spine[i + 1]);
      if (i % every) continue;
      let length = 0;
      for (let j = i + 2; j < i + columns; j += 2) length += Math.hypot(spine[j] - spine[j - 2], spine[j + 1] - spine[j - 1]);
      lengths.push(length * quantum);
    }
    track.length = lengths.sort((a, b) => a - b)[lengths.length >> 1] || 0;
    if (track.length) typical.push(track.length);
    last = Math.max(last, times[times.length - 1] ?? 0);
  }
  const length = typical.sort((a, b) => a - b)[typical.length >> 1] ?? 1;
  for (const track of recording.tracks.values()) track.length ||= length;
  const edge = 1.2 * length;
  recording.bounds = x1 < x0 ? [-1, 1, -1, 1] : [x0 * quantum - edge, x1 * quantum + edge, y0 * quantum - edge, y1 * quantum + edge];
  recording.stop = recording.start + (last + recording.interval) * recording.unit;
}

async function unpackOf(index) {
  const recording = data.tracks.recordings[index];
  recording.tracks = await unpackTracks(recording);
  recording.packed = "";
  measure(recording);
}

function inform(text) {
  $("player-note").hidden = !text;
  $("player-note").textContent = text;
  $("player-panel").hidden = Boolean(text);
}

after.show.push(async () => {
  const shown = view;
  if (playing) stop();
  [recording, larva, chosen] = [null, null, null];
  markTime();
  if (view.tracks === null) {
    inform("The labels of this run do not name the tracker files of their recording, so there are no tracks.");
    return;
  }
  if (!("DecompressionStream" in window)) {
    inform("This browser cannot unpack the tracks. Chrome and Edge since 80, Firefox since 113 and Safari since 16.4 can.");
    return;
  }
  inform("The tracks are being unpacked.");
  if (!unpacked.has(view.tracks)) unpacked.set(view.tracks, unpackOf(view.tracks));
  try {
    await unpacked.get(shown.tracks);
  } catch (error) {
    inform(`The tracks cannot be unpacked: ${error.message}`);
    return;
  }
  if (view !== shown) return;
  inform("");
  recording = data.tracks.recordings[view.tracks];
  Object.assign($("scrub"), { min: String(low()), max: String(high()), step: "0.001" });
  const sure = Boolean(view.columns.confidence);
  $("next-unsure").hidden = $("unsure-note").hidden = !sure;
  $("tracks-note").textContent = `This page carries ${recording.form}.`;
  larva = view.larvae.find((id) => recording.tracks.has(id)) ?? null;
  const track = recording.tracks.get(larva);
  time = track?.frames ? secondsOf(track, 0) : low();
  picture();
  $("player").dataset.ready = String(Math.round(performance.now()));
});
after.draw.push(() => {
  if (!playing) picture();
});
new ResizeObserver(picture).observe(larvaCanvas);
}
