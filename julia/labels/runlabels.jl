# The labels of one run and of one larva: columns that read as dictionaries.

const MAX_LARVA_ID = 65535  # Nyx holds larva identifiers in 16 bits
const TIME_TOLERANCE = 1e-3 + 1e-9  # seconds; label files hold milliseconds

# The entries of a run, and of a track, in a label file; attributes have other names.
const RUN_KEYS = ("metadata", "units", "labels", "secondarylabels", "dependencies", "data")
const TRACK_KEYS = ("id", "t", "labels")

"""
    TrackLabels <: AbstractDict{Float64,State}

The labels of one larva: time -> state.

A time is found within 1 ms (the nearest one; the earlier of two). Iteration gives pairs of time and
state; `time in track` tells whether there is a frame.

# Fields
- `times::Vector{Float64}`: seconds, strictly increasing. Not to be changed; see [`setlabels!`](@ref).
- `states::Vector{State}`: of each frame, a `String` (one label) or a `Vector{String}` (several, or none).
- `codes::Vector{Int32}`: of each frame, the number of its state: `labels[run].states[code + 1]`; 0:
  undefined. Not to be changed.
- `records`: further entries of the track in a label file. What is as long as `times` belongs to the
  frames, the rest to the track.

# Example
```julia
track = labels["20150701_105504"][512]
track[66.755]  # "cast"
track.times[track.states .== "cast"]
```
"""
struct TrackLabels <: AbstractDict{Float64,State}
    table::StateTable
    times::Vector{Float64}
    codes::Vector{Int32}
    records::OrderedDict{String,Any}
end

TrackLabels(table, times, codes) = TrackLabels(table, times, codes, OrderedDict{String,Any}())

function Base.getproperty(track::TrackLabels, name::Symbol)
    name === :states || return getfield(track, name)
    states = map(own, track.table.states)
    return State[states[code + 1] for code in track.codes]
end

Base.propertynames(::TrackLabels, private::Bool=false) =
    private ? (:times, :states, :codes, :records, :table) : (:times, :states, :codes, :records)

"""Return the frame nearest to a time, 0 if none is within 1 ms."""
function nearest(track::TrackLabels, time::Float64)
    times = track.times
    isempty(times) && return 0
    after = min(searchsortedfirst(times, time), length(times))
    before = max(after - 1, 1)
    frame = abs(time - times[before]) <= abs(times[after] - time) ? before : after
    return abs(times[frame] - time) <= TIME_TOLERANCE ? frame : 0
end

"""
Return what [`nearest`](@ref) does of each time, but give each frame to one time only: the nearest to it.

Times are sorted; of two that are as near, the earlier one gets the frame.
"""
function match_times(track::TrackLabels, times)
    frames = Int[nearest(track, time) for time in times]
    best = 0  # which time has the last frame; the times that are near one frame come in a row
    for (i, frame) in enumerate(frames)
        frame == 0 && continue
        if best == 0 || frames[best] != frame
            best = i
        elseif abs(times[i] - track.times[frame]) < abs(times[best] - track.times[frame])
            frames[best] = 0
            best = i
        else
            frames[i] = 0
        end
    end
    return frames
end

nearest(track::TrackLabels, time) = time isa Real ? nearest(track, Float64(time)) : 0

state_at(track::TrackLabels, frame) = track.table.states[track.codes[frame] + 1]

Base.length(track::TrackLabels) = length(track.times)
Base.haskey(track::TrackLabels, time) = nearest(track, time) != 0
Base.in(time::Real, track::TrackLabels) = haskey(track, time)

function Base.get(track::TrackLabels, time, default)
    frame = nearest(track, time)
    return frame == 0 ? default : own(state_at(track, frame))
end

function Base.getindex(track::TrackLabels, time)
    frame = nearest(track, time)
    frame == 0 && throw(KeyError(time))
    return own(state_at(track, frame))
end

function Base.iterate(track::TrackLabels, frame::Int=1)
    frame > length(track) && return nothing
    return Pair{Float64,State}(track.times[frame], own(state_at(track, frame))), frame + 1
end

function Base.:(==)(one::TrackLabels, other::TrackLabels)
    return one.times == other.times && same_states(one, other) &&
           collect(keys(one.records)) == collect(keys(other.records)) && one.records == other.records
end

Base.show(io::IO, track::TrackLabels) = print(io, "TrackLabels: ", length(track), " frames")

"""
    RunLabels <: AbstractDict{Int,TrackLabels}

The labels of one run: larva identifier -> track.

# Fields
- `id::String`: the run's identifier, typically `date_time`. It cannot be changed.
- `metadata`: of the recording, without the identifier; `units`: `"t" => "s"`, and what else the label
  file says; `attributes`: further entries of the run in a label file. Dictionaries that keep the order
  of their keys, and take what JSON can hold.
- `names::Vector{String}`: the label names, in the order of their codes; `colors`: nothing, or a colour
  for each. Copies; see [`declarelabels!`](@ref).
- `secondary_names::Vector{String}`: the names of tags about tags, such as `"edited"`. A copy; assign to
  change them: these names are secondary then, whether they were primary or new.
- `dependencies`: a vector of what [`dependency`](@ref) gives.
- `states`: the distinct states that the tracks' `codes` stand for, by code + 1. A copy.

# Example
```julia
run = labels["20150701_105504"]
run.metadata["tracker"] = "t15"
run.secondary_names = ["edited"]
collect(keys(run))  # larvae
```
"""
mutable struct RunLabels <: AbstractDict{Int,TrackLabels}
    id::String
    metadata::OrderedDict{String,Any}
    units::OrderedDict{String,Any}
    dependencies::Vector{OrderedDict{String,Any}}
    attributes::OrderedDict{String,Any}
    table::StateTable
    tracks::OrderedDict{Int,TrackLabels}
end

function RunLabels(id, table=StateTable())
    return RunLabels(id, OrderedDict{String,Any}(), OrderedDict{String,Any}("t" => "s"), [],
                     OrderedDict{String,Any}(), table, OrderedDict{Int,TrackLabels}())
end

function Base.getproperty(run::RunLabels, name::Symbol)
    name === :names && return copy(run.table.names)
    name === :secondary_names && return copy(run.table.secondary_names)
    name === :colors && return run.table.colors === nothing ? nothing : copy(run.table.colors)
    name === :states && return map(own, run.table.states)
    return getfield(run, name)
end

function Base.setproperty!(run::RunLabels, name::Symbol, value)
    if name === :secondary_names
        # Names may be primary so far: they have been seen in states before they were declared.
        names = located(() -> check_names(value); run=run.id)
        kept = findall(!in(names), run.table.names)
        colors = run.table.colors === nothing ? nothing : run.table.colors[kept]
        redeclare!(run, run.table.names[kept], names, colors)
        return value
    elseif name === :id
        throw(ArgumentError("a run's identifier cannot be changed"))
    elseif name in (:names, :colors)
        throw(ArgumentError("names and colours are changed with declarelabels!(run, names; colors)"))
    end
    return setfield!(run, name, convert(fieldtype(RunLabels, name), value))
end

const CARRIED = (:id, :metadata, :units, :names, :colors, :secondary_names, :dependencies, :attributes)

Base.propertynames(::RunLabels, private::Bool=false) =
    private ? (CARRIED..., :states, :table, :tracks) : (CARRIED..., :states)

"""
    declarelabels!(run::RunLabels, names; colors=nothing)

Fix the order of the label names of a run, and their colours; return the run.

# Arguments
- `names`: all the names in use, and any more.
- `colors`: one for each name, e.g. `"#2ca02c"`. By default names keep the colours that they have, and
  new ones get `"#808080"` where there are colours.

# Errors
[`LabelFileError`](@ref), and nothing is changed: `bad-label` (not strings, empty or repeated, a name in
use left out, colours that are not as many); `overlapping-names` (a secondary name among them).

# Example
```julia
declarelabels!(labels["20150701_105504"], ["run", "cast"]; colors=["#2ca02c", "#d62728"])
```
"""
function declarelabels!(run::RunLabels, names; colors=nothing)
    names = located(() -> check_names(names); run=run.id)
    if colors === nothing && run.table.colors !== nothing
        known = Dict(zip(run.table.names, run.table.colors))
        colors = [get(known, name, NEW_COLOR) for name in names]
    end
    return redeclare!(run, names, run.table.secondary_names, colors)
end

function redeclare!(run::RunLabels, names, secondary_names, colors)
    located(run=run.id) do
        missed = setdiff(used_names(run), names, secondary_names)
        if !isempty(missed)
            problem = "expected all the names in use, found none of $(shown(sort!(missed)))"
            throw(LabelFileError("bad-label", problem))
        end
        redeclare!(run.table, names, secondary_names, colors)
    end
    return run
end

"""Return the numbers of the states that frames have, sorted."""
function used_codes(run::RunLabels)
    used = falses(length(run.table.states))
    for track in values(run.tracks), code in track.codes
        used[code + 1] = true
    end
    return Int32[i - 1 for i in findall(used)]
end

used_names(run::RunLabels) =
    unique(name for code in used_codes(run) for name in labels_of(run.table.states[code + 1]))

Base.length(run::RunLabels) = length(run.tracks)
Base.iterate(run::RunLabels, i::Int=1) = iterate(run.tracks, i)
Base.haskey(run::RunLabels, larva) = haskey(run.tracks, larva)
Base.in(larva::Integer, run::RunLabels) = haskey(run.tracks, larva)
Base.get(run::RunLabels, larva, default) = get(run.tracks, larva, default)
Base.getindex(run::RunLabels, larva) = run.tracks[larva]

function Base.:(==)(one::RunLabels, other::RunLabels)
    return all(name -> getproperty(one, name) == getproperty(other, name), CARRIED) &&
           collect(keys(one)) == collect(keys(other)) &&
           all(larva -> one[larva] == other[larva], keys(one))
end

Base.show(io::IO, run::RunLabels) = print(io, "RunLabels ", run.id, ": ", length(run), " larvae")

"""Return a larva identifier as an Int; `bad-larva-id` unless it is one of 0..65535."""
function check_larva(@nospecialize(larva); run=nothing)
    if !(larva isa Integer && !(larva isa Bool) && 0 <= larva <= MAX_LARVA_ID)
        problem = "expected a larva identifier from 0 to $MAX_LARVA_ID, found $(shown(larva))"
        throw(LabelFileError("bad-larva-id", problem; run=run))
    end
    return Int(larva)
end

"""Return times as they are; `bad-time` unless they are finite and strictly increasing."""
function check_times(times::Vector{Float64})
    previous = -Inf
    for (i, time) in enumerate(times)
        isfinite(time) && time > previous || throw(bad_time(time, previous, i))
        previous = time
    end
    return times
end

function bad_time(time, previous, i)
    expected = isfinite(time) ? "a time after $previous" : "a finite time"
    return LabelFileError("bad-time", "expected $expected, found $time"; index=i)
end

"""Return units with `t`; `bad-units` unless that is "s", or left out."""
function check_units(units)
    if !(units isa AbstractDict)
        throw(LabelFileError("bad-units", "expected an object as units, found $(shown(units))"))
    end
    if get(units, "t", "s") != "s"
        problem = "expected \"s\" as units.t, found $(shown(units["t"]))"
        throw(LabelFileError("bad-units", problem))
    end
    haskey(units, "t") && return units
    return OrderedDict{String,Any}(Iterators.flatten((("t" => "s",), units)))
end

"""Compare the states of two tracks of equal length, whatever their numbers are."""
function same_states(one::TrackLabels, other::TrackLabels)
    numbers = translation(state -> get(other.table.numbers, state, Int32(-1)), one.table)
    return all(codes -> numbers[codes[1] + 1] == codes[2], zip(one.codes, other.codes))
end
