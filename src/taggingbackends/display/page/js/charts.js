/* Charts of shares over time and lengths of bouts. */

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
    // the lower edge is drawn backwards to close the area
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
      .reverse() // from top to bottom, as stacked
      .map(({ share, label }) => ({
        mark: swatch(view, label),
        text: label < 0 ? UNDEFINED : view.names[label],
        rest: percent(share),
      }));
    const title = `${edges[bin]}–${edges[bin + 1]} s, ${counted(larvae[bin], "larva", "larvae")}`;
    showTip(event.clientX, event.clientY, title, lines);
  });
  made.addEventListener("pointerleave", () => {
    hideTip();
    at.setAttribute("visibility", "hidden");
  });
  place.replaceChildren(made);
  const wide = Number((edges[1] - edges[0]).toPrecision(6));
  $("shares-note").textContent =
    `Shares of the time in which larvae are tracked, in bins of ${wide} s. ` +
    `A frame with several labels is divided equally among them.`;
}

function lengths() {
  const place = $("lengths");
  const { edges, counts } = view.lengths;
  const shown = counts.map((_, label) => label).filter((label) => view.labels[label].bouts > 0);
  const width = 210, height = 110, left = 34, right = 8, bottom = 36, top = 8;
  const body = width - left - right, tall = height - bottom - top;
  const bins = edges.length - 1;
  const start = Math.log(edges[0]), extent = Math.log(edges[bins]) - start;
  const x = (seconds) => left + clamp((Math.log(seconds) - start) / extent, 0, 1) * body;
  const panels = shown.map((label) => {
    const most = Math.max(...counts[label]);
    const { bouts, median } = view.labels[label];
    const made = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img",
      "aria-label": `Lengths of ${view.names[label]}: ${counted(bouts, "bout")}, median ${duration(median)}`,
    });
    counts[label].forEach((n, bin) => {
      const slot = body / bins;
      const area = svg("rect", { x: left + bin * slot, y: top, width: slot, height: tall, fill: "transparent" });
      const bar = svg("rect", {
        x: left + bin * slot + 0.5, width: Math.max(slot - 1, 0.5), fill: view.colors[label],
        y: top + tall * (1 - n / most), height: (tall * n) / most,
      });
      const between = `${duration(edges[bin])} to ${duration(edges[bin + 1])}`;
      area.addEventListener("pointermove", (event) =>
        showTip(event.clientX, event.clientY, between, [
          { mark: swatch(view, label), text: view.names[label], rest: counted(n, "bout") },
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
    for (const t of decades(edges[0], edges[bins])) {
      made.append(
        svg("path", { class: "axis", d: `M${x(t)},${base}v4` }),
        svg("text", { x: x(t), y: base + 16, "text-anchor": "middle" }, String(t)),
      );
    }
    return element(
      "div", {},
      element("h3", {}, swatch(view, label), ` ${view.names[label]}`),
      element("p", {}, `${counted(bouts, "bout")}, median ${duration(median)}`),
      made,
    );
  });
  place.replaceChildren(...(panels.length ? panels : ["no bouts"]));
}
