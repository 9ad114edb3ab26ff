/* Selection of the view, and start of the page. */

function note() {
  const [one, other] = view.comparison ? comparedNames() : [];
  const what = {
    both: () => `Upper half of each row: ${one}. Lower half: ${other}. The bar between them marks differences.`,
    differences: () => `Frames where ${other} differs from ${one} are in full colour.`,
  }[mode];
  $("mode-note").hidden = !what;
  $("mode-note").textContent = what ? what() : "";
}

function show(index) {
  view = data.views[index];
  hidden = new Set();
  // rows that are too small for two halves can still show differences
  mode = !view.comparison ? "own" : view.larvae.length > innerHeight / 12 ? "differences" : "both";
  $("mode").value = mode;
  document.title = `${view.run} – ${view.short}`;
  canvas.setAttribute("aria-label", `Ethogram of ${counted(view.larvae.length, "larva", "larvae")}, run ${view.run}`);
  $("several-note").hidden = !view.states.some(([primary, secondary]) => primary.length + secondary.length > 1);
  $("faint-note").hidden = !view.columns.confidence;
  facts();
  note();
  legend();
  comparison();
  dataTable($("labels"), labelColumns(), labelRows());
  larvaTable();
  shares();
  lengths();
  transitionTable();
  all();
  for (const act of after.show) act();
}

function redraw() {
  shares();
  drawNow();
}

if (!data.views.length) {
  $("main").hidden = true;
  $("run").textContent = "no runs";
} else {
  const options = data.views.map(({ run, short }, at) => element("option", { value: String(at) }, `${run}, ${short}`));
  $("view").replaceChildren(...options);
  $("choice").hidden = data.views.length < 2;
  $("view").addEventListener("change", () => show(Number($("view").value)));
  $("mode").addEventListener("change", () => {
    mode = $("mode").value;
    note();
    all();
  });
  const opened = Math.max(data.views.findIndex((candidate) => candidate.comparison), 0);
  $("view").value = String(opened);
  overview();
  offerDownloads();
  show(opened);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // on phones, scrolling changes the height
    width = innerWidth;
    shares();
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    redraw();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    redraw();
  });
}
$("footer").textContent = `Made by taggingbackends ${data.version}.`;
requestAnimationFrame(() => (document.documentElement.dataset.ready = String(Math.round(performance.now()))));
