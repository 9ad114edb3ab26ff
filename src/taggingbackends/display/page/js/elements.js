/* Helpers: create elements, format numbers and times, choose axis ticks. */

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const UNDEFINED = "undefined";
const FONT = "system-ui, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"; // as in page.css

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

const counted = (n, one, several = `${one}s`) => `${whole(n)} ${n === 1 ? one : several}`;
const duration = (seconds) => `${Number(seconds.toPrecision(3))} s`;

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

/* Returns about as many ticks as requested, at steps of 1, 2 or 5 times a power of ten. */
function ticks(low, high, about) {
  if (!(high > low)) return [low];
  const least = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= least * 0.999);
  const found = [], first = Math.ceil(low / step - 1e-9);
  // the number of ticks is bounded because first + n may be too large to grow by 1
  for (let n = 0; n <= 2 * about && (first + n) * step <= high * (1 + 1e-12) + 1e-9; n++)
    found.push(Number(((first + n) * step).toPrecision(12)));
  return found;
}

/* Returns the powers of ten in a range; in a small range, also multiples of them. */
function decades(low, high) {
  const steps = high / low < 150 ? (high / low < 30 ? [1, 2, 5] : [1, 3]) : [1];
  const found = [];
  for (let power = -4; power <= 8; power++)
    found.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(1))));
  return found.filter((t) => t >= low && t <= high);
}
