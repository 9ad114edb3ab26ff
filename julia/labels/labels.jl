# Labels: run -> larva -> time -> state, read as nested dictionaries, stored by column.

"""
    Labels() <: AbstractDict{String,RunLabels}

Discrete behavioural states of larvae: run -> larva -> time -> state.

A state is a `String` (one label), or a `Vector{String}` (several at once; empty: looked at, undefined).
Iteration gives pairs, as of any dictionary; `run in labels` tells whether there is a run. `Dict(labels)`
is a copy in plain dictionaries.

# Fields
- `attributes`: what a label file with several runs carries besides the runs.

# Example
```julia
labels = Labels()
setlabels!(labels, "20150701_105504", 512, [66.675, 66.755], ["run", "cast"])
labels["20150701_105504"][512][66.755]  # "cast"
countlabels(labels)  # "run" => 1, "cast" => 1
```

See also [`readlabels`](@ref), [`writelabels`](@ref), [`mergelabels!`](@ref), [`croplabels`](@ref),
[`filllabels!`](@ref), [`taglabels!`](@ref), [`checkdependencies`](@ref).
"""
mutable struct Labels <: AbstractDict{String,RunLabels}
    attributes::OrderedDict{String,Any}
    runs::OrderedDict{String,RunLabels}
end

Labels() = Labels(OrderedDict{String,Any}(), OrderedDict{String,RunLabels}())

Base.propertynames(::Labels, private::Bool=false) = private ? (:attributes, :runs) : (:attributes,)

Base.length(labels::Labels) = length(labels.runs)
Base.iterate(labels::Labels, i::Int=1) = iterate(labels.runs, i)
Base.haskey(labels::Labels, run) = haskey(labels.runs, run)
Base.in(run::AbstractString, labels::Labels) = haskey(labels.runs, run)
Base.get(labels::Labels, run, default) = get(labels.runs, run, default)
Base.getindex(labels::Labels, run) = labels.runs[run]

function Base.:(==)(one::Labels, other::Labels)
    return one.attributes == other.attributes && collect(keys(one)) == collect(keys(other)) &&
           all(run -> one[run] == other[run], keys(one))
end

function Base.show(io::IO, labels::Labels)
    larvae = sum(Int[length(run) for run in values(labels)])
    frames = sum(Int[length(track) for run in values(labels) for track in values(run)])
    return print(io, "Labels: ", length(labels), " runs, ", larvae, " larvae, ", frames, " frames")
end

"""
    Dict(labels::Labels)
    Dict(run::RunLabels)
    Dict(track::TrackLabels)

Return plain (nested) dictionaries: run -> larva -> time -> state.
"""
Base.Dict(labels::Labels) =
    Dict{String,Dict{Int,Dict{Float64,State}}}(id => Dict(run) for (id, run) in labels)
Base.Dict(run::RunLabels) =
    Dict{Int,Dict{Float64,State}}(larva => Dict(track) for (larva, track) in run)
Base.Dict(track::TrackLabels) = Dict{Float64,State}(track)

"""
    addrun!(labels, run)

Return the [`RunLabels`](@ref) of a run, made empty if there is none of this identifier.

# Errors
[`LabelFileError`](@ref) `not-a-label-file`: the identifier is empty.

# Example
```julia
addrun!(labels, "20150701_105504").metadata["tracker"] = "t15"
```
"""
function addrun!(labels::Labels, run::AbstractString)
    if isempty(run)
        problem = "expected a run identifier that is a string and not empty, found \"\""
        throw(LabelFileError("not-a-label-file", problem))
    end
    haskey(labels, run) || (labels.runs[run] = RunLabels(run))
    return labels[run]
end

"""
    setlabels!(labels, run, larva, times, states)

Set the whole track of one larva; return the labels.

# Arguments
- `run`: identifier; the run is made if there is none.
- `larva`: identifier, 0..65535; an old track is replaced.
- `times`: seconds, finite, strictly increasing.
- `states`: as many. A state is a string, or a vector (or a tuple, or a set) of strings; an empty one is
  undefined. New names are declared in order of appearance.

# Errors
[`LabelFileError`](@ref) `bad-larva-id`, `bad-time`, `bad-code`, `bad-label` or `length-mismatch`;
nothing is changed then.

# Example
```julia
setlabels!(labels, "20150701_105504", 512, [0.1, 0.2, 0.3], ["run", ["cast", "small"], []])
```
"""
function setlabels!(labels::Labels, run::AbstractString, larva, times, states)
    id = check_larva(larva; run=run)
    known = get(labels, run, nothing)
    table = known === nothing ? StateTable() : known.table
    column, codes = located(; run=run, track=id) do
        column = check_times(times_column(times))
        if states isa AbstractString
            problem = "expected states, one a frame, found one string, $(shown(states))"
            throw(LabelFileError("bad-code", problem))
        end
        items = states isa AbstractVector ? states : collect(Any, states)
        if length(items) != length(column)
            problem = "expected $(length(column)) states, as many as times, found $(length(items))"
            throw(LabelFileError("length-mismatch", problem))
        end
        return column, encode!(table, items)
    end
    of_run = addrun!(labels, run)
    of_run.table = table
    of_run.tracks[id] = TrackLabels(table, column, codes)
    return labels
end

"""Return times as a column of their own; `bad-time` if they are no numbers in one dimension."""
function times_column(times)
    times isa AbstractVector{<:Real} && return collect(Float64, times)
    if times isa Union{AbstractArray,Number} && ndims(times) != 1
        problem = "expected times in one dimension, found $(ndims(times)) of them"
        throw(LabelFileError("bad-time", problem))
    end
    if times isa AbstractString || !applicable(iterate, times)
        throw(LabelFileError("bad-time", "expected numbers, found $(shown(times))"))
    end
    column = Float64[]
    for (i, time) in enumerate(times)
        if !(time isa Real)
            check_times(column)  # what stands before counts first
            problem = "expected a number, found $(shown(time))"
            throw(LabelFileError("bad-time", problem; index=i))
        end
        push!(column, time)
    end
    return column
end

"""
    countlabels(labels)

Count the frames of each label that occurs, over all runs, in a dictionary in the order of the names.

A frame counts for each of its labels; undefined ones are counted under `""`, last.

# Example
```julia
countlabels(labels)["run"]
```
"""
function countlabels(labels::Labels)
    counts = OrderedDict{String,Int}()
    undefined = 0
    for run in values(labels)
        frames = zeros(Int, length(run.table.states))
        for track in values(run), code in track.codes
            frames[code + 1] += 1
        end
        undefined += frames[1]
        of_names = OrderedDict{String,Int}()
        for name in Iterators.flatten((run.table.names, run.table.secondary_names))
            of_names[name] = 0
        end
        for (state, n) in zip(run.table.states, frames), name in labels_of(state)
            n == 0 || (of_names[name] += n)
        end
        for (name, n) in of_names
            n == 0 || (counts[name] = get(counts, name, 0) + n)
        end
    end
    undefined == 0 || (counts[""] = undefined)
    return counts
end
