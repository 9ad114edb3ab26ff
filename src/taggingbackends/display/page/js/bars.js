/* Figures from 0 to 1, as bars with intervals. */

const BAR = 120;

function figure({ value, interval }) {
  if (value === null) return "–";
  const limits = interval ? ` (${interval[0].toFixed(2)}–${interval[1].toFixed(2)})` : "";
  return value.toFixed(3) + limits;
}

/* Returns a cell with a bar from 0 to 1, and a line for the interval. */
function bar(estimate, width = BAR) {
  const { value, interval } = estimate;
  const made = svg("svg", { width: width + 2, height: 14, role: "img", "aria-label": figure(estimate) });
  made.append(svg("rect", { class: "empty", x: 1, y: 2, width, height: 10 }));
  made.append(svg("rect", { class: "bar", x: 1, y: 2, width: width * (value ?? 0), height: 10 }));
  if (interval) {
    const [low, high] = interval.map((limit) => 1 + width * clamp(limit, 0, 1));
    made.append(svg("path", { class: "interval", d: `M${low},3V11M${low},7H${high}M${high},3V11` }));
  }
  return element("td", { className: "figure" }, made, ` ${figure(estimate)}`);
}
