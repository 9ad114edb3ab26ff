/* Downloads: tables as CSV, charts as CSV and PNG, made by the browser. */

const SHARP = 2; // pixels of a picture per pixel of the page

function download(name, blob) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name.replace(/[^\w.-]+/g, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/* Returns the cell of a value. A text that a spreadsheet would take for a formula gets an apostrophe
   in front, as in the tables of the package. */
function csvCell(value) {
  if (typeof value === "number") return String(Number(value.toPrecision(12)));
  let text = String(value ?? "");
  if (/^'*[=+\-@\t\r\n]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(names, rows) {
  return [names, ...rows].map((row) => `${row.map(csvCell).join(",")}\n`).join("");
}

/* Returns the CSV of a table of `dataTable`. */
function tableCsv(columns, rows, ...before) {
  const names = [...before.map(([name]) => name), ...columns.map(({ name, key }) => key ?? name.replaceAll(" ", "_"))];
  return csv(names, rows.map((row) => [
    ...before.map(([, value]) => value(row)),
    ...columns.map(({ value }) => value(row)),
  ]));
}

const OF_VIEW = [["run", () => view.run], ["file", () => view.file]];
const viewed = (columns, rows) => tableCsv(columns, rows, ...OF_VIEW);
const column = (name) => ({ name, value: (row) => row[name] });

function matrixCsv(one, other, names, counts, n) {
  const rows = counts.flatMap((row, i) => row.map((value, j) => ({ [one]: names[i], [other]: names[j], [n]: value })));
  return viewed([one, other, n].map(column), rows);
}

function sharesCsv() {
  const { edges, shares: parts, larvae } = view.shares;
  const names = [...view.names.slice(0, view.primary), UNDEFINED];
  const rows = parts.flatMap((row, bin) => row.map((share, label) => ({
    label: names[label], start: edges[bin], stop: edges[bin + 1], larvae: larvae[bin], share,
  })));
  return viewed(["label", "start", "stop", "larvae", "share"].map(column), rows);
}

function lengthsCsv() {
  const { edges, counts } = view.lengths;
  const rows = counts.flatMap((row, label) => row.map((bouts, bin) => ({
    label: view.names[label], shortest: edges[bin], longest: edges[bin + 1], bouts,
  })));
  return viewed(["label", "shortest", "longest", "bouts"].map(column), rows);
}

function filesCsv() {
  const [, run, ...others] = fileColumns();
  return tableCsv([run, { name: "file", value: (one) => one.file }, ...others], byRun());
}

/* Returns the labels in legends of pictures: those that occur and are not switched off. */
function legendEntries(besides = true) {
  const entries = view.labels
    .map((row, at) => ({ row, at }))
    .filter(({ row, at }) => row.frames > 0 && (at < view.primary || at === view.names.length || besides))
    .map(({ at }) => ({ text: view.names[at] ?? UNDEFINED, fill: view.colors[at] ?? color("--undefined") }))
    .filter(({ text }) => !besides || !hidden.has(text));
  if (view.stimulus.length) entries.push({ text: "stimulus", fill: color("--stimulus") });
  return entries;
}

/* Returns a canvas with a title, pictures from left to right, and a legend. A picture is
   { image, width, height, title }. */
function composed(title, pictures, entries) {
  const PAD = 12, LINE = 20, font = `12px ${FONT}`;
  const made = element("canvas");
  const context = made.getContext("2d");
  context.font = font;
  const across = Math.min(pictures.length, 4);
  const [wide, high] = ["width", "height"].map((side) => Math.max(...pictures.map((one) => one[side]), 1));
  const head = pictures.some((one) => one.title) ? LINE : 0;
  const width = Math.max(across * (wide + PAD) + PAD, 300);
  const places = [];
  let [x, y] = [PAD, 0];
  for (const entry of entries) {
    const long = context.measureText(entry.text).width + 30;
    if (x + long > width && x > PAD) [x, y] = [PAD, y + LINE];
    places.push([x, y]);
    x += long;
  }
  const top = PAD + LINE + 4, bottom = top + Math.ceil(pictures.length / across) * (high + head + PAD);
  const height = bottom + (entries.length ? y + LINE : 0) + PAD;
  made.width = Math.round(width * SHARP);
  made.height = Math.round(height * SHARP);
  context.scale(SHARP, SHARP);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.fillStyle = "#1c1c1c";
  context.font = font.replace("12px", "600 14px");
  context.fillText(title, PAD, PAD + LINE / 2, width - 2 * PAD);
  context.font = font;
  pictures.forEach((one, at) => {
    const [left, above] = [PAD + (at % across) * (wide + PAD), top + Math.floor(at / across) * (high + head + PAD)];
    if (one.title) context.fillText(one.title, left, above + head / 2, wide);
    context.drawImage(one.image, left, above + head, one.width, one.height);
  });
  entries.forEach(({ text, fill }, at) => {
    const [left, above] = [places[at][0], bottom + places[at][1] + LINE / 2];
    context.fillStyle = fill;
    context.fillRect(left, above - 6, 12, 12);
    context.fillStyle = "#1c1c1c";
    context.fillText(text, left + 17, above);
  });
  return made;
}

/* Returns a drawing as an image; the page's style is copied into it. */
async function imageOf(drawing) {
  const { width, height } = drawing.getBoundingClientRect();
  const copy = drawing.cloneNode(true);
  const [own, copies] = [drawing, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  own.forEach((one, at) => {
    const style = getComputedStyle(one);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "font-weight"])
      copies[at].setAttribute(name, style.getPropertyValue(name));
    copies[at].removeAttribute("class");
  });
  copy.setAttribute("xmlns", copy.namespaceURI);
  if (!copy.hasAttribute("viewBox")) copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("width", width * SHARP);
  copy.setAttribute("height", height * SHARP);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return { image, width, height };
}

const heading = (what) => `${what}: ${view.run}, ${view.short}`;

function ethogramPicture() {
  drawAt(SHARP);
  const { clientWidth: width, clientHeight: height } = canvas;
  const [one, other] = view.comparison ? comparedNames() : [];
  const title = {
    own: heading("Ethogram"),
    both: `Ethogram: ${view.run}, above ${one}, below ${other}`,
    differences: `Ethogram: ${view.run}, where ${other} differs from ${one}`,
  }[mode];
  const made = composed(title, [{ image: canvas, width, height }], legendEntries());
  drawNow();
  return made;
}

async function chartPicture(what, drawings, entries, titles = []) {
  const images = await Promise.all(drawings.map(imageOf));
  return composed(heading(what), images.map((one, at) => ({ ...one, title: titles[at] })), entries);
}

/* Makes a picture in the light colours of prints. */
async function savePicture(name, make) {
  document.documentElement.dataset.print = "";
  redraw();
  try {
    const made = await make();
    download(`${name}.png`, await new Promise((done) => made.toBlob(done, "image/png")));
  } finally {
    delete document.documentElement.dataset.print;
    redraw();
  }
}

/* Puts buttons beside the headings of sections. */
function offerDownloads() {
  const all = (name) => [...$(name).querySelectorAll("svg")];
  const panels = () => [...$("lengths").querySelectorAll("h3")].map((one) => one.textContent.trim());
  const labels = (of) => of.names.map((name) => name || UNDEFINED);
  const offers = {
    files: { csv: filesCsv },
    groups: { csv: () => tableCsv(groupColumns(), groups()) },
    ethogram: { png: ethogramPicture },
    scores: { csv: () => viewed(scoreColumns(), scoreRows()) },
    confusion: {
      csv: () => {
        const { names, counts } = view.comparison;
        return matrixCsv("reference", "label", labels({ names }), counts, "frames");
      },
    },
    labels: { csv: () => viewed(labelColumns(), labelRows()) },
    larvae: { csv: () => viewed(larvaColumns(view), larvae(view)) },
    shares: {
      csv: sharesCsv,
      png: () => chartPicture("Shares over time", all("shares"), legendEntries(false)),
    },
    lengths: {
      csv: lengthsCsv,
      png: () => chartPicture("Lengths of bouts", all("lengths"), [], panels()),
    },
    transitions: {
      csv: () => matrixCsv("before", "after", view.names.slice(0, view.primary), view.transitions, "count"),
    },
  };
  for (const [part, { csv, png }] of Object.entries(offers)) {
    const title = $(`${part}-title`);
    const place = element("div", { className: "heading" });
    const buttons = element("span");
    const ofAll = part === "files" || part === "groups";
    const name = () => (ofAll ? part : `${view.run}.${part}`);
    const add = (kind, act) => {
      const button = element("button", { type: "button", id: `${part}-${kind.toLowerCase()}` }, kind);
      button.setAttribute("aria-label", `Download ${title.textContent} as ${kind}`);
      button.addEventListener("click", act);
      buttons.append(button);
    };
    if (csv) add("CSV", () => download(`${name()}.csv`, new Blob([csv()], { type: "text/csv" })));
    if (png) add("PNG", () => savePicture(name(), png));
    title.replaceWith(place);
    place.append(title, buttons);
  }
}
