"""
    TaggingBackendsError

An error that the user can fix. Its text names the place, what was expected and found, and how to fix it.
"""
abstract type TaggingBackendsError <: Exception end

"""
    LabelFileError(kind, problem; file, run, track, index)

Labels, or a label file, that violate the contract.

# Fields
- `kind::String`: one of the kinds in docs/contract.md, section 6, e.g. `"bad-code"`.
- `problem::String`: what was expected and found, and how to fix it.
- `file::String`, `run::String`, `track::Int`, `index::Int`: the place; each may be `nothing`. `index` is the
  1-based index of a frame in a track, of a track in `data`, or of a name or dependency in its list.
"""
mutable struct LabelFileError <: TaggingBackendsError
    kind::String
    problem::String
    file::Union{String,Nothing}
    run::Union{String,Nothing}
    track::Union{Int,Nothing}
    index::Union{Int,Nothing}
end

function LabelFileError(kind, problem; file=nothing, run=nothing, track=nothing, index=nothing)
    return LabelFileError(kind, problem, file, run, track, index)
end

function Base.showerror(io::IO, error::LabelFileError)
    error.file === nothing || print(io, error.file, ": ")
    where = String[]
    error.run === nothing || push!(where, "run $(error.run)")
    error.track === nothing || push!(where, "larva $(error.track)")
    error.index === nothing || push!(where, "index $(error.index)")
    isempty(where) || print(io, join(where, ", "), ": ")
    return print(io, error.kind, ": ", error.problem)
end

"""
    TrackFileError(problem; file, line, key)

A tracker file that cannot be read. `line` is a 1-based line number, or `nothing`. `file` is `nothing` for
tracks that are not in a file.
"""
struct TrackFileError <: TaggingBackendsError
    problem::String
    file::Union{String,Nothing}
    line::Union{Int,Nothing}
    key::Union{String,Nothing}
end

TrackFileError(problem; file=nothing, line=nothing, key=nothing) =
    TrackFileError(problem, file, line, key)

function Base.showerror(io::IO, error::TrackFileError)
    print(io, something(error.file, "tracks"))
    error.line === nothing || print(io, ", line ", error.line)
    error.key === nothing || print(io, ", ", error.key)
    return print(io, ": ", error.problem)
end

"""
    BackendError(kind, problem; fix="")

A request that cannot be served with the backend's folder. The kinds are those of the Python package.

# Fields
- `kind::String`
- `problem::String`: what is wrong, and where.
- `fix::String`: how to fix it, in terms of this API; empty if `problem` already says so.
"""
struct BackendError <: TaggingBackendsError
    kind::String
    problem::String
    fix::String
end

BackendError(kind, problem; fix="") = BackendError(kind, problem, fix)

function Base.showerror(io::IO, error::BackendError)
    print(io, error.problem)
    isempty(error.fix) || print(io, "; ", error.fix)
    return nothing
end

"""
    ScriptError(step, script, exit_code)

A backend's script that failed. `exit_code` is the script's, or 128 + n if signal n ended it.
"""
struct ScriptError <: TaggingBackendsError
    step::String
    script::String
    exit_code::Int
end

function Base.showerror(io::IO, error::ScriptError)
    return print(io, error.step, " failed with exit code ", error.exit_code, " (", error.script, ")")
end

"""
    located(f; file, run, track, index)

Call `f`. If it throws a `LabelFileError`, add those parts of the place that the error lacks.
"""
function located(f; file=nothing, run=nothing, track=nothing, index=nothing)
    try
        return f()
    catch error
        error isa LabelFileError || rethrow()
        error.file === nothing && file !== nothing && (error.file = string(file))
        error.run === nothing && (error.run = run)
        error.track === nothing && (error.track = track)
        error.index === nothing && (error.index = index)
        rethrow()
    end
end

"""Return the repr of a value for a message, shortened."""
function shown(@nospecialize(value), limit=60)
    text = sprint(show_start, value, 3; context=:limit => true)
    return length(text) <= limit ? text : first(text, limit - 3) * "..."
end

const SHOWN_ITEMS = 8

"""Show the first items of a value down to some depth: the value may be a whole file."""
function show_start(io::IO, @nospecialize(value), depth::Int)
    value === nothing && return print(io, "null")
    value isa Unsigned && return print(io, value)  # not in hexadecimal digits
    value isa Union{AbstractDict,AbstractVector} || return show(io, value)
    of_keys = value isa AbstractDict
    print(io, of_keys ? '{' : '[')
    for (position, item) in enumerate(value)
        position == 1 || print(io, ", ")
        (depth == 0 || position > SHOWN_ITEMS) && (print(io, "..."); break)
        if of_keys
            show(io, first(item))
            print(io, ": ")
        end
        show_start(io, of_keys ? last(item) : item, depth - 1)
    end
    return print(io, of_keys ? '}' : ']')
end

"""Return a number of things for a message, in the singular or the plural."""
counted(n, one, several=one * "s") = "$n $(n == 1 ? one : several)"

"""Return the first items for a message: `1, 2, 3, ...`."""
listed(items, most=3) = join(Iterators.take(items, most), ", ") * (length(items) > most ? ", ..." : "")
