# Labels: run => larva => time => state. They read as nested dictionaries and are stored in columns.

"""
    Labels() <: AbstractDict{String,RunLabels}
    Labels(dict::Dict)

Discrete behavioural states of larvae: run => larva => time => state.

A state is a `String` (one label), or a `Vector{String}` (several labels; empty: undefined). Labels are
used like any dictionary: `haskey(labels, run)`, `keys(labels)`, `delete!(labels, run)`, iteration over
pairs. `labels[run] = other[run]` stores a copy.

`Dict(labels)` converts labels to plain nested dictionaries, and `Labels(dict)` converts these to labels;
runs, larvae and times are sorted.

# Fields
- `attributes`: further entries of a label file with several runs.

# Errors
[`LabelFileError`](@ref): see [`setlabels!`](@ref).

# Example
```julia
labels = Labels()
setlabels!(labels, "20150701_105504", 512, [66.675, 66.755], ["run", "cast"])
labels["20150701_105504"][512][66.755]  # "cast"
countlabels(labels)  # "run" => 1, "cast" => 1
Labels(Dict("r" => Dict(1 => Dict(0.1 => "run"))))
```

See also [`readlabels`](@ref), [`writelabels`](@ref), [`mergelabels!`](@ref), [`croplabels`](@ref),
[`filllabels!`](@ref), [`taglabels!`](@ref), [`checkdependencies`](@ref).
"""
mutable struct Labels <: AbstractDict{String,RunLabels}
    attributes::OrderedDict{String,Any}
    runs::OrderedDict{String,RunLabels}
end

Labels() = Labels(OrderedDict{String,Any}(), OrderedDict{String,RunLabels}())

function Labels(dict::Dict)
    labels = Labels()
    for run in sort!(collect(keys(dict)))
        addrun!(labels, run)
        for larva in sort!(collect(keys(dict[run])))
            track = sort!(collect(dict[run][larva]); by=first)
            setlabels!(labels, run, larva, first.(track), last.(track))
        end
    end
    return labels
end

Base.propertynames(::Labels, private::Bool=false) = private ? (:attributes, :runs) : (:attributes,)

Base.length(labels::Labels) = length(labels.runs)
Base.iterate(labels::Labels, i::Int=1) = iterate(labels.runs, i)
Base.haskey(labels::Labels, run) = haskey(labels.runs, run)
Base.get(labels::Labels, run, default) = get(labels.runs, run, default)
Base.getindex(labels::Labels, run) = labels.runs[run]
Base.delete!(labels::Labels, run) = (delete!(labels.runs, run); labels)

function Base.setindex!(labels::Labels, run::RunLabels, id::AbstractString)
    check_run(id)
    labels.runs[id] = copied(run, String(id))
    return labels
end

function Base.:(==)(one::Labels, other::Labels)
    return one.attributes == other.attributes && collect(keys(one)) == collect(keys(other)) &&
           all(run -> one[run] == other[run], keys(one))
end

function Base.show(io::IO, labels::Labels)
    larvae = sum(Int[length(run) for run in values(labels)])
    frames = sum(Int[frames_in(run) for run in values(labels)])
    return print(io, "Labels: ", counted(length(labels), "run"), ", ", counted(larvae, "larva", "larvae"),
                 ", ", counted(frames, "frame"))
end

const SHOWN_RUNS = 10

function Base.show(io::IO, ::MIME"text/plain", labels::Labels)
    show(io, labels)
    for (i, run) in enumerate(values(labels))
        i > SHOWN_RUNS && return print(io, "\n  ...")
        print(io, "\n  ", printable(run.id), ": ", contents(run))
    end
    return nothing
end

"""
    Dict(labels::Labels)
    Dict(run::RunLabels)
    Dict(track::TrackLabels)

Return plain (nested) dictionaries: run => larva => time => state.
"""
Base.Dict(labels::Labels) =
    Dict{String,Dict{Int,Dict{Float64,State}}}(id => Dict(run) for (id, run) in labels)
Base.Dict(run::RunLabels) =
    Dict{Int,Dict{Float64,State}}(larva => Dict(track) for (larva, track) in run)
Base.Dict(track::TrackLabels) = Dict{Float64,State}(track)

"""
    addrun!(labels, run)

Return the [`RunLabels`](@ref) of a run. The run is added, empty, if it does not exist.

# Errors
[`LabelFileError`](@ref) `not-a-label-file`: the identifier is empty.

# Example
```julia
addrun!(labels, "20150701_105504").metadata["tracker"] = "t15"
```
"""
function addrun!(labels::Labels, run::AbstractString)
    check_run(run)
    haskey(labels, run) || (labels.runs[run] = RunLabels(run))
    return labels[run]
end

"""
    setlabels!(labels, run, larva, times, states; confidence=nothing, second=nothing)

Set the whole track of one larva; return the labels.

# Arguments
- `run`: identifier; the run is added if it does not exist.
- `larva`: identifier, 0 to 65535; an existing track is replaced.
- `times`: seconds, finite, strictly increasing.
- `states`: one for each time. A state is a string, or a vector or tuple of strings; an empty one is
  undefined. New names are declared in order of appearance.
- `confidence`: the probability that a model gives to each state, 0 to 1; `NaN` if it is unknown. Label
  files hold whole percents.
- `second`: the model's second choice for each frame, a string, or an empty vector for none.

# Errors
[`LabelFileError`](@ref) `bad-larva-id`, `bad-time`, `bad-code`, `bad-label`, `length-mismatch` or
`bad-confidence`. The labels are not changed then.

# Example
```julia
setlabels!(labels, "20150701_105504", 512, [0.1, 0.2, 0.3], ["run", ["cast", "small"], []])
```
"""
function setlabels!(labels::Labels, run::AbstractString, larva, times, states; confidence=nothing,
                    second=nothing)
    id = check_larva(larva; run=run)
    known = get(labels, run, nothing)
    table = known === nothing ? StateTable() : known.table
    column, codes, sure, second_codes = located(; run=run, track=id) do
        column = check_times(times_column(times))
        if states isa AbstractString
            problem = "expected one state for each frame, found one string, $(shown(states))"
            throw(LabelFileError("bad-code", problem))
        end
        items = states isa AbstractVector ? states : collect(Any, states)
        if length(items) != length(column)
            problem = "expected $(length(column)) states, as many as times, found $(length(items))"
            throw(LabelFileError("length-mismatch", problem))
        end
        sure, choices = check_confidence(confidence, length(column)), check_second(second, length(column))
        codes = encode!(table, items)
        return column, codes, sure, choices === nothing ? nothing : encode!(table, choices)
    end
    of_run = addrun!(labels, run)
    of_run.table = table
    of_run.tracks[id] = TrackLabels(table, column, codes, OrderedDict{String,Any}(), sure, second_codes)
    return labels
end

"""Return times as a new column; `bad-time` unless they are numbers in one dimension."""
function times_column(times)
    times isa AbstractVector{<:Real} && return collect(Float64, times)
    if times isa Union{AbstractArray,Number} && ndims(times) != 1
        problem = "expected times in one dimension, found $(ndims(times)) dimensions"
        throw(LabelFileError("bad-time", problem))
    end
    if times isa AbstractString || !applicable(iterate, times)
        throw(LabelFileError("bad-time", "expected numbers, found $(shown(times))"))
    end
    column = Float64[]
    for (i, time) in enumerate(times)
        if !(time isa Real)
            check_times(column)  # an earlier violation is reported first
            problem = "expected a number, found $(shown(time))"
            throw(LabelFileError("bad-time", problem; index=i))
        end
        push!(column, time)
    end
    return column
end

"""
    countlabels(labels)
    countlabels(run::RunLabels)

Count the frames of each label that occurs, over all runs or in one run. The result is a dictionary in the
order of the names.

A frame with several labels counts for each of them. Undefined frames are counted under `""`, last.

# Example
```julia
countlabels(labels)["run"]
countlabels(labels["20150701_105504"])
```
"""
function countlabels(labels::Labels)
    counts = OrderedDict{String,Int}()
    for run in values(labels), (name, n) in countlabels(run)
        counts[name] = get(counts, name, 0) + n
    end
    haskey(counts, "") && (counts[""] = pop!(counts, ""))
    return counts
end
