# Functions that the tests of the bridge call.

using TaggingBackends

const LIMIT = 7

larvae_of(labels::Labels, run) = collect(keys(labels[run]))
is_labels(x) = x isa Labels
sizes(track) = (size(track.spine), size(track.outline), length(track.outline_offsets))
point(track, frame, k, axis) = track.spine[frame, k, axis]
contour(track, i) = track.outline[track.outline_offsets[i] + 1:track.outline_offsets[i + 1], :]
speed(track; scale=1) = scale .* [0.0; diff(track.spine[:, 6, 1])]
classify(track) = [x > 0 ? "run" : "stop" for x in speed(track)]
several(track) = ["run", ["run", "cast"], String[]]
both(track) = (speed(track), classify(track))
kind(x) = string(typeof(x))
at(x, indices...) = x[indices...]
double!(x) = (x .*= 2)
half_b(x; self=1, text=1) = x / 2 / self / text
same(x) = x
total(x) = sum(x)
filled(n) = ones(n)
second_half(x) = view(x, length(x) ÷ 2 + 1:length(x))
swapped(x) = permutedims(x)
rows(x) = sum(length, x)
first_of(x::Tuple) = x[1]
numbers() = 1:3
only_labels(x::Labels) = 1
doubled(f, x) = f(f(x))

module Inner
count_runs(labels) = length(labels)
end

struct Model
    weight::Float64
end
(model::Model)(x) = model.weight * x
const MODEL = Model(2.5)
seval(x) = -x

made() = setlabels!(Labels(), "r", 1, [0.1, 0.2], ["run", "cast"])
recorded(labels) = (labels["r"][1].records["b"] = trues(2); labels)
collect_garbage() = (GC.gc(); GC.gc())

function fail(with)
    with == "file" && open("/nowhere/at/all")
    with == "io" && readdir("/nowhere/at/all")
    with == "argument" && throw(ArgumentError("no such argument"))
    with == "encoding" && throw(ArgumentError("no file caf\xe9"))
    with == "key" && Dict("a" => 1)["b"]
    with == "index" && [1][2]
    with == "label" && setlabels!(Labels(), "r", 9, [2.0, 1.0], ["a", "b"])
    with == "larva" && setlabels!(Labels(), "r", 65536, [], [])
    with == "track" && loadtracks("x.doc")
    with == "backend" && BackendExplorer("/nowhere/at/all")
    with == "instance" && throw(BackendError("no-model-instance", "model_dir needs a model instance";
                                             fix="name it with model_instance=..."))
    with == "script" && throw(ScriptError("predict_model", "scripts/predict_model.jl", 5))
    with == "thread" && fetch(@async throw(ArgumentError("no such argument")))
    with == "command" && throw(CommandError("no such model", 3))
    error("something else")
end
