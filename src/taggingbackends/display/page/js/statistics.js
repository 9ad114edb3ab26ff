/* Page about a comparison of groups: facts, figures, responses, comparisons, methods. */

const p = (value) => (value === null ? "–" : value < 0.001 ? value.toExponential(1) : value.toFixed(3));
const part = (value, digits = 3) => (value === null ? "–" : value.toFixed(digits));

const EFFECTS = { "Cohen's h": "h", "rank-biserial": "r" };

function figures() {
  const made = data.figures.map(({ title, source, note }) =>
    element(
      "section",
      {},
      element("h2", {}, title),
      element("div", { className: "scroll" }, element("img", { className: "paper", src: source, alt: note })),
      element("p", { className: "note" }, note),
    ),
  );
  $("figures").replaceChildren(...made);
}

function responses() {
  $("response").hidden = !data.responses.length;
  plainTable(
    $("responses"),
    ["group", "label", "responding", "of larvae", "excluded", "proportion", "95 % interval", "median latency"],
    data.responses.map((one) => [
      one.group, one.label, whole(one.responded), whole(one.tracked - one.excluded), whole(one.excluded), part(one.proportion),
      one.low === null ? "–" : `${part(one.low)} to ${part(one.high)}`,
      one.median_latency === null ? "–" : `${part(one.median_latency, 2)} s`,
    ]),
    2,
  );
}

function comparisons() {
  $("comparison").hidden = !data.comparisons.length;
  const shown = data.comparisons.filter(
    (one) => !$("significant").checked || (one.p_adjusted !== null && one.p_adjusted < 0.05),
  );
  $("count").value = `${shown.length} of ${data.comparisons.length}`;
  plainTable(
    $("comparisons"),
    ["measure", "label", "group", "n", "mean", "compared with", "n", "mean", "test", "p", "p corrected", "effect"],
    shown.map((one) => [
      one.measure, one.label, one.group, whole(one.n), part(one.value), one.control, whole(one.n_control),
      part(one.value_control), one.test, p(one.p), p(one.p_adjusted),
      one.effect_size === null ? "–" : `${EFFECTS[one.effect] ?? one.effect} ${part(one.effect_size, 2)}`,
    ]),
    3,
  );
}

$("title").textContent = data.title;
factList($("facts"), data.facts);
plainTable(
  $("groups"),
  ["group", "recordings", "larvae", "frames"],
  data.groups.map((one) => [one.group, whole(one.recordings), whole(one.larvae), whole(one.frames)]),
);
figures();
responses();
$("significant").addEventListener("change", comparisons);
comparisons();
$("methods").textContent = data.methods;
$("footer").textContent = `Made by taggingbackends ${data.version}.`;
Promise.all([...document.images].map((image) => image.decode())).then(() =>
  requestAnimationFrame(() => (document.documentElement.dataset.ready = String(Math.round(performance.now())))),
);
