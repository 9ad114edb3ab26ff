/* Page about an evaluation: facts, confusion matrix, bars of figures, recordings. */

function evaluation() {
  const name = [data.backend.name, data.backend.version, data.model_instance].filter(Boolean).join(" ");
  const { training, predicting, total } = data.seconds;
  const took = (time) => `${time.toFixed(1)} s`;
  const known = [
    ["recordings", data.how],
    ["labelled frames", whole(data.frames)],
    ["accuracy", figure(data.accuracy)],
    ["balanced accuracy", figure(data.balanced_accuracy)],
    ["Cohen’s kappa", figure(data.kappa)],
    ["F1 of all bouts", figure(data.bout_f1)],
    ...(training ? [["training", took(training)]] : []),
    ["predicting", took(predicting)],
    ["time in all", took(total)],
  ];
  $("title").textContent = `Evaluation of ${name}`;
  factList($("facts"), known);
  $("intervals").textContent = data.why_no_intervals
    ? `No intervals: ${data.why_no_intervals}.`
    : "In brackets: 95 % intervals, by resampling the recordings.";
  const names = data.names.map((key) => (key === "(undefined)" ? UNDEFINED : key));
  const frames = data.matrix.filter((row) => row.some(Boolean));
  const places = data.matrix.map((row, at) => at).filter((at) => data.matrix[at].some(Boolean));
  const table = $("confusion");
  matrix(table, "true ↓ predicted →", names, (at) => [names[at]], frames);
  table.querySelectorAll("tbody th").forEach((cell, at) => (cell.textContent = names[places[at]]));
  plainTable(
    $("frames"),
    ["label", "frames", "predicted", "right", "precision", "recall", "F1"],
    data.labels.map((one) => [
      one.name, whole(one.true), whole(one.predicted), whole(one.right),
      bar(one.precision), bar(one.recall), bar(one.f1),
    ]),
  );
  plainTable(
    $("bouts"),
    ["label", "bouts", "predicted", "found", "precision", "recall", "F1"],
    data.bouts.map((one) => [
      one.name, whole(one.true), whole(one.predicted), whole(one.right),
      bar(one.precision), bar(one.recall), bar(one.f1),
    ]),
  );
  $("confidence").hidden = !data.reliability.length;
  plainTable(
    $("reliability"),
    ["confidence", "frames", "mean confidence", "accuracy"],
    data.reliability.map((one) => [
      `${one.low} to ${one.high} %`, whole(one.frames),
      bar({ value: one.confidence, interval: null }), bar({ value: one.accuracy, interval: null }),
    ]),
  );
  const folds = data.recordings.some((one) => one.fold !== one.recording);
  plainTable(
    $("recordings"),
    ["recording", ...(folds ? ["left out with"] : []), "frames", "without prediction", "accuracy"],
    data.recordings.map((one) => [
      one.name, ...(folds ? [one.fold] : []), whole(one.frames),
      whole(one.without_prediction), bar({ value: one.accuracy, interval: null }),
    ]),
  );
}

evaluation();
$("footer").textContent = `Made by taggingbackends ${data.version}.`;
requestAnimationFrame(() => (document.documentElement.dataset.ready = String(Math.round(performance.now()))));
