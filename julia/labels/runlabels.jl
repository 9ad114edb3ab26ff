# The labels of one run: larva => track.

"""
    RunLabels <: AbstractDict{Int,TrackLabels}

The labels of one run: larva identifier => track.

`run[larva] = track` stores a copy of a track and declares its new names; `delete!(run, larva)` removes one.

# Fields
- `id::String`: the run's identifier, typically `date_time`. Read only.
- `metadata`: of the recording, without the identifier.
- `units`: `"t" => "s"`, and any other unit in the label file.
- `attributes`: further entries of the run in a label file.
- `names::Vector{String}`: the label names, in the order of their codes. A copy; see
  [`declarelabels!`](@ref).
- `colors`: `nothing`, or a colour for each name. A copy.
- `secondary_names::Vector{String}`: the names of tags on labels, such as `"edited"`. A copy; assign to
  change them. The assigned names become secondary, whether they were primary or new.
- `dependencies`: a vector of entries made by [`dependency`](@ref).
- `states`: the distinct states, which the tracks' `codes` refer to: `states[code + 1]`. A copy.

`metadata`, `units` and `attributes` are dictionaries that keep the order of their keys. Their values may
be any JSON values.

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
        # A name may be primary because a state had it before it was declared.
        names = located(() -> check_names(value); run=run.id)
        kept = findall(!in(Set{String}(names)), run.table.names)
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

Set the order of a run's label names, and their colours; return the run.

# Arguments
- `names`: must include all names in use; may include others.
- `colors`: one for each name, e.g. `"#2ca02c"`. By default, or where it is `nothing`, names keep their
  colours, and new names get `"#808080"`. If no name has a colour, none are added.

# Errors
[`LabelFileError`](@ref); the run is not changed then.
- `bad-label`: names that are not strings, are empty or repeated; a name in use that is missing; a wrong
  number of colours.
- `overlapping-names`: a name is already a secondary name.

# Example
```julia
declarelabels!(labels["20150701_105504"], ["run", "cast"]; colors=["#2ca02c", "#d62728"])
```
"""
function declarelabels!(run::RunLabels, names; colors=nothing)
    names = located(() -> check_names(names); run=run.id)
    none = fill(nothing, length(names))
    given = colors === nothing ? none : colors isa AbstractString ? [colors] : collect(colors)
    if run.table.colors === nothing && given == none
        return redeclare!(run, names, run.table.secondary_names, nothing)
    end
    if length(given) == length(names)
        known = Dict(zip(run.table.names, something(run.table.colors, String[])))
        given = [something(color, get(known, name, NEW_COLOR)) for (name, color) in zip(names, given)]
    end
    return redeclare!(run, names, run.table.secondary_names, given)
end

function redeclare!(run::RunLabels, names, secondary_names, colors)
    located(run=run.id) do
        missed = setdiff(used_names(run), names, secondary_names)
        if !isempty(missed)
            problem = "expected all the names in use, found these missing: $(shown(sort!(missed)))"
            throw(LabelFileError("bad-label", problem))
        end
        redeclare!(run.table, names, secondary_names, colors)
    end
    return run
end

"""Return the sorted numbers of the states in use."""
function used_codes(run::RunLabels)
    used = falses(length(run.table.states))
    for track in values(run.tracks), code in track.codes
        used[code + 1] = true
    end
    return Int32[i - 1 for i in findall(used)]
end

function used_names(run::RunLabels)
    used = Set{Int32}(used_codes(run))
    for track in values(run.tracks)
        track.second_codes === nothing || union!(used, track.second_codes)
    end
    return unique(name for code in used for name in labels_of(run.table.states[code + 1]))
end

Base.length(run::RunLabels) = length(run.tracks)
Base.iterate(run::RunLabels, i::Int=1) = iterate(run.tracks, i)
Base.haskey(run::RunLabels, larva) = haskey(run.tracks, larva)
Base.get(run::RunLabels, larva, default) = get(run.tracks, larva, default)
Base.getindex(run::RunLabels, larva) = run.tracks[larva]
Base.delete!(run::RunLabels, larva) = (delete!(run.tracks, larva); run)

function Base.setindex!(run::RunLabels, track::TrackLabels, larva)
    id = check_larva(larva; run=run.id)
    codes = adopt!(run.table, track.table, track.codes)
    run.tracks[id] = copied_on(run.table, track, codes, adopt!(run.table, track.table, track.second_codes))
    return run
end

function Base.:(==)(one::RunLabels, other::RunLabels)
    return all(name -> getproperty(one, name) == getproperty(other, name), CARRIED) &&
           collect(keys(one)) == collect(keys(other)) &&
           all(larva -> one[larva] == other[larva], keys(one))
end

function Base.show(io::IO, run::RunLabels)
    return print(io, "RunLabels ", printable(run.id), ": ", counted(length(run), "larva", "larvae"))
end

function Base.show(io::IO, ::MIME"text/plain", run::RunLabels)
    print(io, "RunLabels ", printable(run.id), ": ", contents(run))
    names, secondary = run.table.names, run.table.secondary_names
    isempty(names) || print(io, "\n  names: ", join(map(printable, names), ", "))
    isempty(secondary) || print(io, "\n  secondary names: ", join(map(printable, secondary), ", "))
    return nothing
end

frames_in(run::RunLabels) = sum(Int[length(track) for track in values(run)])

contents(run::RunLabels) =
    string(counted(length(run), "larva", "larvae"), ", ", counted(frames_in(run), "frame"))

function countlabels(run::RunLabels)
    frames = zeros(Int, length(run.table.states))
    for track in values(run), code in track.codes
        frames[code + 1] += 1
    end
    of_name = Dict{String,Int}()
    for (state, n) in zip(run.table.states, frames), name in (n == 0 ? String[] : labels_of(state))
        of_name[name] = get(of_name, name, 0) + n
    end
    counts = OrderedDict{String,Int}()
    for name in Iterators.flatten((run.table.names, run.table.secondary_names))
        haskey(of_name, name) && (counts[name] = of_name[name])
    end
    frames[1] == 0 || (counts[""] = frames[1])
    return counts
end

"""Return a deep copy of a run's labels, under another identifier if one is given."""
function copied(run::RunLabels, id=run.id)
    copied = copied_without_tracks(run, id)
    for (larva, track) in run
        copied.tracks[larva] = copied_on(copied.table, track, copy(track.codes),
                                         copied_column(track.second_codes))
    end
    return copied
end

function copied_without_tracks(run::RunLabels, id=run.id)
    copied = RunLabels(id, copy(run.table))
    for name in (:metadata, :units, :attributes, :dependencies)
        setproperty!(copied, name, deepcopy(getproperty(run, name)))
    end
    return copied
end
