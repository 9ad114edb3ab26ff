# Training sets: windows around labelled frames.

"""
    Windows

A training set, made by [`windows`](@ref); `length(set)` is the number of windows m. Numbers and indices are those of
Python's `Windows`.

# Fields
- `spines`: m x frames x points x 2 array, margins included, mm.
- `labels::Vector{Int32}`: the class of each window: `names[label + 1]`.
- `recordings::Vector{Int32}`: the recording of each window: `runs[recording + 1]`.
- `larvae::Vector{Int32}`: larva identifiers.
- `times::Vector{Float64}`: the times of the labelled frames, in seconds.
- `edited::Vector{Bool}`: whether a person edited the labels of the frame: it has the label "edited".
- `body_lengths::Vector{Float64}`: the body length of each window's recording, mm, to scale windows by. NaN if the
  recording has no complete spine.
- `names::Vector{String}`: the classes.
- `runs::Vector{String}`: the run of each recording.
- `about`: how the set was made: the parameters, and counts by class. `observed` are the labelled frames, `fitting`
  those around which a window fits, `selected` the windows in the set. `ambiguous` is the number of frames that were
  left out because several of their labels are selected.
"""
struct Windows{T<:AbstractFloat}
    spines::Array{T,4}
    labels::Vector{Int32}
    recordings::Vector{Int32}
    larvae::Vector{Int32}
    times::Vector{Float64}
    edited::Vector{Bool}
    body_lengths::Vector{Float64}
    names::Vector{String}
    runs::Vector{String}
    about::OrderedDict{String,Any}
end

Base.length(set::Windows) = length(set.labels)

function Base.show(io::IO, set::Windows)
    counts = join(("$(printable(name)) $n" for (name, n) in set.about["selected"]), ", ")
    return print(io, "Windows: ", counted(length(set), "window"), " of ", counted(size(set.spines, 2), "frame"),
                 " (", counts, ")")
end

"""
    windows(recording, labels=recordinglabels(recording); duration, framerate, margin=0, options...)
    windows(recordings; duration, framerate, margin=0, options...)

Cut one window of spines around each selected labelled frame, as Python's `plan_dataset(...).load()` does. The arrays
are the same to the last bit, in the order of the recordings; body lengths are the same within 1e-12 of their value.

# Arguments
- `recording`: a [`Recording`](@ref) with spines. `recordings` has several of these, loaded from label files, or pairs
  `recording => labels`.
- `labels`: [`Labels`](@ref) of this recording: those of its run, or of the only run.
- `duration`: of a window, in seconds.
- `framerate`: frames/s of the windows. `duration * framerate`, the number of frames of a window, must be a whole
  number. The frame at the time of the labelled frame has the 0-based index `frames ÷ 2`, not counting the margin.
- `margin`: seconds added on both sides, or `(before, after)`.

# Options
- `labels="*"`: the classes: names and patterns of names (`*`, `?`, `[seq]`, `[!seq]`), in the order of the classes.
  Names that a pattern matches come in the order of their declaration. It does not select names without frames.
- `exclude=()`: names and patterns. Frames with one of these labels are left out.
- `balance=nothing`: the number of windows per class. `nothing`: all windows. `"minority"`: as many as the smallest
  class has. `"majority"`: as many as the largest class has; windows of smaller classes are repeated. A number, 1 or
  more: at most this multiple of the smallest class.
- `seed=0`: a whole number from 0, of the random choice by `balance`.
- `max_gap=nothing`: seconds. Windows with a longer step between two frames that have a spine are left out. By
  default, for each recording, the longer of 1 s and 5 median frame intervals of its tracks.
- `edited_only=false`: leave out the frames without the label "edited" of runs that a model predicted and a person
  edited: they are the model's own labels.
- `type=Float32`: of the spines, `Float32` or `Float64`.

Only primary labels count. A frame belongs to a class if exactly one of its labels is selected and none is excluded.
Frames without a spine are interpolated across, up to `max_gap`. Nothing is extrapolated.

# Returns
[`Windows`](@ref TaggingBackends.Windows).

# Errors
- `BackendError`: `no-input` without a recording; `unknown-label` if a name or pattern fits no label; `no-window` if no
  selected window fits.
- `TrackFileError`: tracks without spines, spines of different numbers of points, or labels of several runs of which
  none is the recording's.
- `ArgumentError`: an invalid parameter.

# Example
```julia
recording = loadtracks("groundtruth.label"; outline=false)
train = windows(recording; duration=1.1, framerate=10, balance=3)
train.names[train.labels .+ 1]
```
"""
windows(recording::Recording, labels=recordinglabels(recording); options...) =
    windows([recording => labels]; options...)

function windows(recordings; duration::Real, framerate::Real, margin=0, labels="*", exclude=(), balance=nothing,
                 seed::Integer=0, max_gap=nothing, edited_only::Bool=false, type::Type=Float32)
    shape = WindowShape(duration, framerate, margin, max_gap)
    wanted, unwanted = as_patterns(labels), as_patterns(exclude)
    (seed isa Bool || seed < 0) && throw(ArgumentError("expected a whole number from 0 as seed, found $seed"))
    class_sizes(Int[], balance)
    type in (Float32, Float64) || throw(ArgumentError("expected Float32 or Float64 as type, found $type"))
    about = OrderedDict{String,Any}(
        "duration" => Float64(duration), "framerate" => Float64(framerate),
        "margin" => collect(Float64, both_margins(margin)), "max_gap" => shape.max_gap, "labels" => wanted,
        "exclude" => unwanted, "balance" => balance isa Real ? Float64(balance) : balance, "seed" => seed,
        "edited_only" => edited_only, "frames" => shape.frames, "margin_frames" => collect(shape.margin_frames),
        "anchor_frame" => shape.anchor_frame)
    recordings isa AbstractString && (recordings = [recordings])  # refused as one
    given = Pair{Recording,Any}[with_labels(item) for item in recordings]
    isempty(given) && throw(BackendError("no-input", "expected recordings, found none"))
    runs = RunLabels[run_of_recording(recording, labels) for (recording, labels) in given]
    return windows_of(type, first.(given), runs, shape, about)
end

"""Return the windows of the runs of recordings. `about` has the checked parameters, and gets the counts."""
function windows_of(type, recordings, runs, shape::WindowShape, about)
    found = Candidate[]
    for (at, (recording, run)) in enumerate(zip(recordings, runs))
        warn_of_predicted(run)
        append!(found, candidates_of(recording, run, at, shape, about["edited_only"]))
    end
    names, excluded = selected_names(about["labels"], about["exclude"], runs, found)
    check_points(found, runs)
    classify!(found, names, excluded)
    counts(part) = counted_classes(Iterators.flatten(part(one) for one in found), length(names))
    observed, fitting = counts(one -> one.classes), counts(one -> one.classes[one.fits])
    ambiguous = sum(Int[count(==(-2), one.classes) for one in found])
    any(>(0), fitting) || throw(no_window(sum(observed), ambiguous, shape))
    selected = class_sizes(fitting, about["balance"])
    about["names"], about["excluded"], about["ambiguous"] = names, excluded, ambiguous
    for (key, numbers) in (("observed", observed), ("fitting", fitting), ("selected", selected))
        about[key] = OrderedDict{String,Any}(zip(names, numbers))
    end
    note = OrderedDict{String,Any}("total" => sum(selected), (key => about[key] for key in NOTED)...)
    leave_note("windows", sprint(write_json, note, 0))
    taken = chosen_frames(found, fitting, selected, about["seed"])
    return cut_windows(type, shape, found, taken, map(length_or_nan, recordings), [run.id for run in runs], about)
end

# what the record of a training says of its set
const NOTED = ("selected", "fitting", "observed", "ambiguous", "duration", "framerate", "margin", "seed")

"""The labelled frames of one larva."""
mutable struct Candidate{S}
    recording::Int
    larva::Int
    times::Vector{Float64}  # of the track's frames that have a spine, s
    spine::S  # of these; nothing if the larva has no track
    labelled::Vector{Float64}  # times of the labels, s
    anchors::Vector{Float64}  # times of the track's frames that have these labels, s
    codes::Vector{Int32}
    table::Vector{Vector{String}}  # primary labels of each state, none if it is left out
    edited::Vector{Bool}  # whether each state has the label "edited"
    fits::Vector{Bool}  # whether the track covers the window
    classes::Vector{Int}  # 0-based; -1: not selected; -2: ambiguous
end

function candidates_of(recording::Recording, run::RunLabels, at, shape::WindowShape, edited_only)
    edited = edited_states(run)
    table = [primary(run.table, code) for code in 0:length(run.table.states) - 1]
    if edited_only && is_edited(run) && model_instance(run) !== nothing
        foreach(empty!, table[.!edited])
    end
    max_gap = max_gap_of(shape, values(recording))
    return map(collect(run)) do (larva, labels)
        times, spine = Float64[], nothing
        if haskey(recording, larva)
            recording[larva].spine === nothing && throw(TrackFileError("expected a spine of larva $larva, found none " *
                "in this recording; leave the recording out"; file=source_of(recording), key="spine"))
            times, spine = complete_frames(recording[larva])
        end
        anchors = Float64[time_of_frame(times, time) for time in labels.times]
        return Candidate(at, larva, times, spine, labels.times, anchors, labels.codes, table, edited,
                         fits(shape, times, anchors, max_gap), Int[])
    end
end

"""
Return the time of a label as that of the frame that it is rounded from, if there is one. Around a rounded time, a
window may begin before the track's first frame, and it is interpolated between frames.
"""
function time_of_frame(times, time)
    isempty(times) && return time
    after = min(searchsortedfirst(times, time), length(times))
    before = max(after - 1, 1)
    frame = times[time - times[before] < abs(times[after] - time) ? before : after]
    return abs(frame - time) <= ROUNDING ? frame : time
end

const ROUNDING = 0.5e-3 + SAME_TIME  # seconds, of times in label files

source_of(recording) = isempty(recording.sources) ? nothing : last(recording.sources)

with_labels(recording::Recording) = recording => recordinglabels(recording)
with_labels(pair::Pair{<:Recording}) = pair
with_labels(other) = throw(ArgumentError("expected recordings or pairs recording => labels, found $(shown(other)); " *
                                         "load files with loadtracks"))

function run_of_recording(recording::Recording, labels)
    labels isa RunLabels && return labels
    length(labels) == 1 && return first(values(labels))
    haskey(labels, recording.run) && return labels[recording.run]
    throw(TrackFileError("expected labels of run $(recording.run), found those of $(counted(length(labels), "run"))";
                         file=source_of(recording)))
end

function warn_of_predicted(run::RunLabels)
    instance = model_instance(run)
    instance === nothing || is_edited(run) ||
        @warn "run $(run.id): training on labels that $instance predicted and nobody edited"
end

function check_points(found, runs)
    first_run = Dict{Int,String}()
    for one in found
        any(one.fits) && get!(first_run, size(one.spine, 2), runs[one.recording].id)
    end
    length(first_run) <= 1 && return nothing
    points = sort!(collect(keys(first_run)))[1:2]
    throw(TrackFileError("expected spines with one number of points, found $(join(points, " and ")); make a set for " *
                         "each, of runs such as $(first_run[points[1]]) and $(first_run[points[2]])"; key="spine"))
end

function selected_names(wanted, unwanted, runs, found)
    declared = unique!(reduce(vcat, [run.table.names for run in runs]))
    occurring = Set{String}()
    for one in found, code in unique(one.codes)
        union!(occurring, one.table[code + 1])
    end
    excluded = matching_names(unwanted, declared, declared)
    names = matching_names(wanted, declared, filter(in(occurring), declared))
    return setdiff(names, excluded), excluded
end

function classify!(found, names, excluded)
    classes = Dict{String,Int}(name => class - 1 for (class, name) in enumerate(names))
    left_out = Set{String}(excluded)
    of_table = IdDict{Any,Vector{Int}}()  # the larvae of a run share one
    for one in found
        of_state = get!(of_table, one.table) do
            return Int[class_of(labels, classes, left_out) for labels in one.table]
        end
        one.classes = of_state[one.codes .+ 1]
    end
    return found
end

"""Return the number of frames of each of n classes."""
function counted_classes(classes, n)
    counts = zeros(Int, n)
    for class in classes
        class >= 0 && (counts[class + 1] += 1)
    end
    return counts
end

"""Return the labelled frames of each candidate around which windows are cut; repeated ones are there several times."""
function chosen_frames(found, fitting, selected, seed)
    times = [repeats(fitting[class], selected[class], seed, class - 1) for class in eachindex(fitting)]
    used = zeros(Int, length(fitting))  # of these
    return map(found) do one
        frames = Int[]
        for frame in findall(one.fits)
            class = one.classes[frame] + 1
            class > 0 || continue
            used[class] += 1
            append!(frames, fill(frame, times[class][used[class]]))
        end
        return frames
    end
end

function cut_windows(type, shape, found, taken, lengths, runs, about)
    m = sum(length, taken)
    points = maximum(size(one.spine, 2) for (one, frames) in zip(found, taken) if !isempty(frames))
    spines = Array{type}(undef, m, length(shape.offsets), points, 2)
    set = Windows(spines, Int32[], Int32[], Int32[], Float64[], Bool[], Float64[], about["names"], runs, about)
    for (one, frames) in zip(found, taken)
        isempty(frames) && continue
        rows = length(set) .+ eachindex(frames)
        spines[rows, :, :, :] = cut(type, shape, one.times, one.spine, one.anchors[frames])
        append!(set.labels, one.classes[frames])
        append!(set.recordings, fill(one.recording - 1, length(frames)))
        append!(set.larvae, fill(one.larva, length(frames)))
        append!(set.times, one.labelled[frames])
        append!(set.edited, one.edited[one.codes[frames] .+ 1])
        append!(set.body_lengths, fill(lengths[one.recording], length(frames)))
    end
    return set
end

function length_or_nan(recording)
    has_any = any(track -> any(hasspine(track)), values(recording))
    return has_any ? bodylength(recording) : NaN
end

function no_window(observed, ambiguous, shape)
    if observed > 0
        above = shape.max_gap === nothing ? "" : " above $(round(shape.max_gap; sigdigits=6)) s"
        seconds = round(shape.offsets[end] - shape.offsets[1]; sigdigits=6)
        problem = "expected a track of $seconds s around one of the $observed selected frames, " *
                  "without a gap$above, found none; try a shorter duration or margin, or a longer max_gap"
    elseif ambiguous > 0
        problem = "expected frames with one of the selected labels, found $ambiguous with several; select fewer labels"
    else
        problem = "expected frames with a selected label, found none; select other labels"
    end
    return BackendError("no-window", problem)
end
