/* Facts and tables of a view. */

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
  const { start, stop } = view.columns;
  const tracked = start.reduce((sum, from, at) => sum + stop[at] - from, 0) * view.unit;
  const rated = view.labels.some((row) => row.confidence != null);
  const rows = view.labels.map((row, at) => {
    const label = at < view.names.length ? at : -1;
    if (label < 0 && !row.frames) return null;
    const name = label < 0 ? UNDEFINED : view.names[label];
    const cells = [
      whole(row.frames),
      `${row.seconds.toLocaleString("en", { maximumFractionDigits: 1 })} s`,
      tracked ? percent(row.seconds / tracked) : "",
      row.larvae === undefined ? "" : whole(row.larvae),
      row.bouts === undefined ? "" : whole(row.bouts),
      row.median == null ? "" : duration(row.median),
    ];
    if (rated) cells.push(row.confidence == null ? "" : percent(row.confidence));
    const first = element("th", { scope: "row" }, swatch(view, label), ` ${name}`);
    return element("tr", {}, first, ...cells.map((text) => element("td", {}, text)));
  });
  $("labels").replaceChildren(
    head(["label", "frames", "time", "share", "larvae", "bouts", "median length", ...(rated ? ["confidence"] : [])]),
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
    `Number of frames in both files, by label in ${view.reference.file} (rows) and in ${view.file} ` +
    `(columns), and their share of the row.`;
}
