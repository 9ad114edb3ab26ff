/* Budgets: of files, of groups, of larvae, and of two files side by side; scores of labels. */

const first = data.views.filter((one) => !one.comparison); // a run that is compared counts once
const isGrouped = data.views.some((one) => one.group);

/* Returns { name: color } of the labels of all views, in the order of legends. */
function allLabels() {
  const found = new Map();
  const occur = (one, at) => one.labels[at].frames > 0;
  for (const primary of [true, false])
    for (const one of data.views)
      one.names.forEach((name, at) => {
        if (at < one.primary === primary && occur(one, at)) found.set(name, one.colors[at]);
      });
  const place = new Map(data.order.map((name, at) => [name, at]));
  return [...found].sort(([one], [other]) => place.get(one) - place.get(other));
}

const timeOf = (one, name) => one.labels[one.names.indexOf(name)]?.seconds ?? 0;
const shareOf = (one, name) => (one.tracked ? timeOf(one, name) / one.tracked : null);

function fileColumns() {
  return [
    {
      name: "file",
      value: (one) => one.short,
      cell: (one) => {
        const button = element("button", { type: "button", className: "link", title: one.file }, one.short);
        button.addEventListener("click", () => {
          $("view").value = String(data.views.indexOf(one));
          show(data.views.indexOf(one));
          $("run").scrollIntoView({ behavior: "smooth" });
        });
        return [button];
      },
    },
    { name: "run", value: (one) => one.run },
    ...(isGrouped ? [{ name: "group", value: (one) => one.group }] : []),
    { name: "larvae", value: (one) => one.larvae.length, cell: (one) => whole(one.larvae.length) },
    { name: "tracked", value: (one) => one.tracked, cell: (one) => seconds(one.tracked) },
    ...allLabels().map(([name, tint]) => ({
      name, key: `share_${name}`, value: (one) => shareOf(one, name), cell: (one) => shareCell(shareOf(one, name), tint),
    })),
    ...(data.views.length > first.length
      ? [{
          name: "agreement",
          value: (one) => one.comparison?.agreement ?? null,
          cell: (one) => (one.comparison?.agreement == null ? "" : percent(one.comparison.agreement)),
        }]
      : []),
  ];
}

function groups() {
  const found = new Map();
  for (const one of first) found.set(one.group, [...(found.get(one.group) ?? []), one]);
  return [...found].map(([name, views]) => ({
    name,
    recordings: new Set(views.map((one) => one.run)).size,
    larvae: views.reduce((sum, one) => sum + one.larvae.length, 0),
    tracked: views.reduce((sum, one) => sum + one.tracked, 0),
    seconds: (label) => views.reduce((sum, one) => sum + timeOf(one, label), 0),
  }));
}

const groupShare = (group, label) => (group.tracked ? group.seconds(label) / group.tracked : null);

function groupColumns() {
  return [
    { name: "group", value: (group) => group.name },
    { name: "recordings", value: (group) => group.recordings, cell: (group) => whole(group.recordings) },
    { name: "larvae", value: (group) => group.larvae, cell: (group) => whole(group.larvae) },
    { name: "tracked", value: (group) => group.tracked, cell: (group) => seconds(group.tracked) },
    ...allLabels().map(([name, tint]) => ({
      name,
      key: `share_${name}`,
      value: (group) => groupShare(group, name),
      cell: (group) => shareCell(groupShare(group, name), tint),
    })),
  ];
}

/* Returns the views; those of the same run follow each other. */
function byRun() {
  const found = new Map();
  for (const one of data.views) found.set(one.run, [...(found.get(one.run) ?? []), one]);
  return [...found.values()].flat();
}

function overview() {
  $("overview").hidden = first.length < 2;
  if (first.length < 2) return;
  const runs = new Set(data.views.map((one) => one.run)).size;
  const files = new Set(data.views.map((one) => one.file)).size;
  $("overview-title").textContent = `${counted(files, "file")}, ${counted(runs, "run")}`;
  dataTable($("files"), fileColumns(), byRun());
  $("groups-part").hidden = !isGrouped;
  if (isGrouped) dataTable($("groups"), groupColumns(), groups());
}

/* Returns a row for each larva of a view, with the seconds of its labels and its bouts. */
function larvae(of) {
  const { begins, start, stop, states, stretches, frames } = of.columns;
  return of.larvae.map((larva, row) => {
    const found = { larva, frames: 0, tracked: 0, bouts: 0, seconds: new Float64Array(of.names.length + 1) };
    let before = [];
    for (let span = begins[row]; span < begins[row + 1]; span++) {
      const long = (stop[span] - start[span]) * of.unit;
      const labels = labelsOf(of, span);
      if (span > begins[row] && stretches[span] !== stretches[span - 1]) before = [];
      for (const label of labels) {
        found.seconds[label] += long;
        if (label < of.primary && !before.includes(label)) found.bouts++;
      }
      if (!labels.length) found.seconds[of.names.length] += long;
      found.frames += frames[span];
      found.tracked += long;
      before = labels;
    }
    return found;
  });
}

function larvaColumns(of) {
  const share = (row, label) => (row.tracked ? row.seconds[label] / row.tracked : null);
  const labels = of.labels.map((row, at) => at).filter((at) => of.labels[at].frames > 0);
  return [
    { name: "larva", value: (row) => row.larva },
    { name: "frames", value: (row) => row.frames, cell: (row) => whole(row.frames) },
    { name: "tracked", value: (row) => row.tracked, cell: (row) => seconds(row.tracked) },
    { name: "bouts", value: (row) => row.bouts, cell: (row) => whole(row.bouts) },
    ...labels.map((label) => {
      const name = of.names[label] ?? UNDEFINED;
      return {
        name,
        key: `share_${name}`,
        value: (row) => share(row, label),
        cell: (row) => shareCell(share(row, label), of.colors[label] ?? "var(--hatch)"),
      };
    }),
  ];
}

function larvaTable() {
  const rows = larvae(view);
  dataTable($("larvae"), larvaColumns(view), rows);
  $("larvae-note").textContent =
    "Shares are of the time in which the larva is tracked. Bouts are those of primary labels. " +
    "Click a heading to sort." +
    (rows.length > MOST_ROWS ? ` Only ${whole(MOST_ROWS)} of ${whole(rows.length)} larvae are listed.` : "");
}

/* Returns the names of the two files that are compared, without the folders they have in common. */
function comparedNames() {
  const [one, other] = [view.reference.short, view.short].map((name) => name.split(/(?<=[/\\])/));
  while (one.length > 1 && other.length > 1 && one[0] === other[0]) {
    one.shift();
    other.shift();
  }
  return [one.join(""), other.join("")];
}

/* The scores of labels, and the shares of time in both files. */
function scoreRows() {
  const { scores } = view.comparison;
  const bouts = new Map(scores.bouts.map((one) => [one.name, one]));
  const rows = scores.frames.map((one) => ({ name: one.name, frames: one, bouts: bouts.get(one.name) }));
  const named = new Set(rows.map((row) => row.name));
  for (const one of scores.bouts) if (!named.has(one.name)) rows.push({ name: one.name, bouts: one });
  // as in legends; several labels at once come last
  const place = ({ name }) => (data.order.includes(name) ? data.order.indexOf(name) : data.order.length);
  return rows.sort((one, other) => place(one) - place(other));
}

function scoreColumns() {
  const [truth, other] = [view.reference, view];
  const [trueName, otherName] = comparedNames();
  const of = (kind, key) => ({
    value: (row) => row[kind]?.[key].value ?? null,
    cell: (row) => (row[kind] ? bar(row[kind][key], 60) : ""),
  });
  const part = (one) => ({
    value: (row) => (one.names.includes(row.name) ? shareOf(one, row.name) : null),
    cell: (row) => {
      const label = one.names.indexOf(row.name);
      return label < 0 ? "" : shareCell(shareOf(one, row.name), one.colors[label]);
    },
  });
  return [
    {
      name: "label", value: (row) => row.name,
      cell: (row) => {
        const label = view.names.indexOf(row.name), there = truth.names.indexOf(row.name);
        const mark = label >= 0 ? [swatch(view, label)] : there >= 0 ? [swatch(truth, there)] : [];
        return [...mark, ` ${row.name}`];
      },
    },
    { name: "precision", ...of("frames", "precision") },
    { name: "recall", ...of("frames", "recall") },
    { name: "F1", key: "f1", ...of("frames", "f1") },
    { name: "F1 of bouts", key: "bouts_f1", ...of("bouts", "f1") },
    { name: `share in ${trueName}`, key: "share_reference", ...part(truth) },
    { name: `share in ${otherName}`, key: "share", ...part(other) },
  ];
}
