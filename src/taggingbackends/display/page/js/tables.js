/* Facts and tables of a view. */

function facts() {
  $("run").textContent = view.run;
  factList($("facts"), view.facts.map(([name, value]) => [name, name === "file" ? fileName(view) : value]));
}

function factList(place, facts) {
  const line = ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value));
  place.replaceChildren(...facts.map(line));
}

function head(names) {
  const cells = names.map((name, at) => element("th", { scope: at ? "col" : "row" }, name));
  return element("thead", {}, element("tr", {}, ...cells));
}

/* Shows a table of texts and cells. The first columns, as many as `left`, are texts. */
function plainTable(place, names, lines, left = 1) {
  const rows = lines.map(([name, ...cells]) => {
    const made = cells.map((cell, at) =>
      typeof cell === "string" ? element("td", { className: at + 1 < left ? "text" : "" }, cell) : cell,
    );
    return element("tr", {}, element("th", { scope: "row" }, name), ...made);
  });
  const table = element("table", { className: "ruled" }, head(names), element("tbody", {}, ...rows));
  const heads = [...table.tHead.rows[0].cells];
  heads.slice(1, left).forEach((cell) => cell.classList.add("text"));
  table.querySelectorAll("tbody tr:first-child .figure").forEach(({ cellIndex }) => heads[cellIndex].classList.add("figure"));
  place.replaceChildren(table);
}

function labelColumns() {
  const rated = view.labels.some((row) => row.confidence != null);
  const number = (name, key, cell = whole) => ({
    name, value: ({ row }) => row[key] ?? null,
    cell: ({ row }) => (row[key] == null ? "" : cell(row[key])),
  });
  const share = ({ row }) => (view.tracked ? row.seconds / view.tracked : null);
  return [
    { name: "label", value: ({ name }) => name, cell: ({ name, label }) => [swatch(view, label), ` ${name}`] },
    number("frames", "frames"),
    { ...number("time", "seconds", seconds), key: "seconds" },
    { name: "share", value: share, cell: (row) => (share(row) == null ? "" : percent(share(row))) },
    number("larvae", "larvae"),
    number("bouts", "bouts"),
    number("median length", "median", duration),
    ...(rated ? [number("confidence", "confidence", percent)] : []),
  ];
}

function labelRows() {
  return view.labels
    .map((row, at) => ({ row, label: at < view.names.length ? at : -1, name: view.names[at] ?? UNDEFINED }))
    .filter(({ row, label }) => label >= 0 || row.frames);
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
  const [one, other] = comparedNames();
  const total = found.counts.flat().reduce((sum, n) => sum + n, 0);
  factList($("agreement"), [
    ["compared with", fileName(view.reference)],
    ["frames in both", whole(total)],
    ["agreement", found.agreement == null ? "–" : percent(found.agreement)],
    ["Cohen’s kappa", found.kappa == null ? "–" : found.kappa.toFixed(3)],
    [`frames only in ${one}`, whole(found.only[0])],
    [`frames only in ${other}`, whole(found.only[1])],
  ]);
  dataTable($("scores"), scoreColumns(), scoreRows());
  $("scores-note").textContent =
    `Precision, recall and F1 of the frames that have a label in ${one}, which is taken as true. ` +
    "A bout is found if a bout of each file share at least half of the time that they cover together. " +
    "Shares are of the time in which larvae are tracked in the file." +
    (found.scores.left_out ? ` Not listed: ${counted(found.scores.left_out, "class", "classes")}.` : "");
  const marks = (at) => {
    const label = view.names.indexOf(found.names[at]);
    return [...(label < 0 ? [] : [swatch(view, label), " "]), found.names[at] || UNDEFINED];
  };
  matrix($("confusion"), "", found.names, marks, found.counts);
  $("confusion-note").textContent =
    `Number of frames in both files, by label in ${one} (rows) and in ${other} ` +
    `(columns), and their share of the row.`;
}
