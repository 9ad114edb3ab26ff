# The border to Python within one process. Values cross it as a JSON text; arrays are not copied.
#
# The text has [address, type, shape, order] for an array: NumPy's name of the type ("f8"), and the memory
# order, "C" if the last index changes fastest, "F" if the first one does. The Python half is
# src/taggingbackends/julia/border.py.

const ELEMENTS = Dict("f8" => Float64, "f4" => Float32, "b1" => Bool,
                      "i8" => Int64, "i4" => Int32, "i2" => Int16, "i1" => Int8,
                      "u8" => UInt64, "u4" => UInt32, "u2" => UInt16, "u1" => UInt8)
const ELEMENT_NAMES = Dict(type => name for (name, type) in ELEMENTS)

"""
    Parcel

The result of [`pack`](@ref).

# Fields
- `text::String`: JSON, with the places of the arrays.
- `arrays::Vector{Any}`: the arrays, which are kept alive as long as the parcel.
"""
struct Parcel
    text::String
    arrays::Vector{Any}
end

"""
    pack(x)

Return a [`Parcel`](@ref) for Python if `x` is labels, a recording, a track, an array of numbers or booleans,
or a vector of states; otherwise nothing.

Arrays are copied only if they are views, ranges or similar.

# Errors
[`LabelFileError`](@ref): the labels could not be written as a label file.
"""
function pack(x)
    arrays = Any[]
    content = content_of(x, arrays)
    content === nothing && return nothing
    return Parcel(sprint(write_json, content, 0), arrays)
end

"""
    unpack(text, owner)

Return the [`Labels`](@ref), [`Recording`](@ref), [`Track`](@ref), array or vector of states in a text from
Python. `owner` owns the arrays' memory; it is kept alive as long as one of them is in use.
"""
function unpack(text::AbstractString, owner)
    content = parse_json(String(text))
    return owned_by(owner -> from_content(content, owner), owner)
end

function from_content(content, owner)
    type = content["type"]
    type == "labels" && return labels_from(content, owner)
    type == "recording" && return recording_from(content, owner)
    type == "track" && return track_from(content, owner)
    type == "states" && return states_from(content["states"])
    return array_from(content["array"], owner)
end

object(pairs::Pair...) = OrderedDict{String,Any}(pairs)

# -- arrays

"""Return the place of an array, and add it to the arrays to keep alive."""
function place!(arrays, array::AbstractArray)
    laid, order = laid_out(array)
    push!(arrays, laid)
    return Any[Int(pointer(laid)), ELEMENT_NAMES[eltype(array)], collect(size(array)), order]
end

place!(arrays, ::Nothing) = nothing

is_placeable(x) = x isa AbstractArray && ndims(x) > 0 && haskey(ELEMENT_NAMES, eltype(x))

"""Return an array in contiguous memory, and its memory order."""
laid_out(array::Array) = array, "F"
laid_out(array::AbstractArray) = Array(array), "F"

function laid_out(array::PermutedDimsArray{T,N,P,Q,<:Array}) where {T,N,P,Q}
    return P == ntuple(i -> N + 1 - i, N) ? (parent(array), "C") : (Array(array), "F")
end

"""Return the array at a place: an `Array`, or a `PermutedDimsArray` with reversed dimensions."""
function array_from(place, owner)
    address, name, lengths, order = place
    type, shape = ELEMENTS[name], Tuple{Vararg{Int}}(lengths)
    order == "C" && length(shape) > 1 || return array_at(address, type, shape, owner)
    reversed = array_at(address, type, reverse(shape), owner)
    return PermutedDimsArray(reversed, ntuple(i -> length(shape) + 1 - i, length(shape)))
end

array_from(::Nothing, owner) = nothing

function array_at(address, type, shape, owner)
    any(isequal(0), shape) && return Array{type}(undef, shape)
    array = unsafe_wrap(Array, Ptr{type}(UInt(address)), shape)
    Threads.atomic_add!(owner.users, 1)
    finalizer(Release(owner), memory_of(array))
    return array
end

# From Julia 1.11 on, memory is an object that arrays may share; it may outlive this array.
memory_of(array) = isdefined(Core, :Memory) ? array.ref.mem : array

# -- what owns arrays

mutable struct Owner
    object::Any
    users::Threads.Atomic{Int}
end

# A global keeps them alive: an object that only a finalizer refers to would be finalized itself.
const OWNERS = Owner[]
const MANY_OWNERS = Ref(64)

struct Release
    owner::Owner
end

function (release::Release)(memory)
    owner = release.owner
    Threads.atomic_sub!(owner.users, 1) == 1 && (owner.object = nothing)
    return nothing
end

"""Call `f` with an [`Owner`](@ref), which keeps the object alive as long as arrays use it."""
function owned_by(f, object)
    owner = Owner(object, Threads.Atomic{Int}(1))  # one user is this function
    push!(OWNERS, owner)
    if length(OWNERS) > MANY_OWNERS[]
        filter!(other -> other.users[] > 0, OWNERS)
        MANY_OWNERS[] = max(64, 2 * length(OWNERS))
    end
    try
        return f(owner)
    finally
        Release(owner)(nothing)
    end
end

# -- labels

function content_of(labels::Labels, arrays)
    runs = Any[]
    for run in values(labels)
        located(() -> push!(runs, run_content(run, arrays)); run=run.id)
    end
    return object("type" => "labels", "attributes" => labels.attributes, "runs" => runs)
end

function run_content(run::RunLabels, arrays)
    table = run.table
    tracks = Any[]
    for (larva, track) in run
        records = Any[is_placeable(value) ? Any[key, place!(arrays, value), nothing] :
                      Any[key, nothing, value] for (key, value) in track.records]
        push!(tracks, object("id" => larva, "times" => place!(arrays, track.times),
                             "codes" => place!(arrays, track.codes), "records" => records,
                             "confidence" => placed(arrays, track.confidence),
                             "second_codes" => placed(arrays, track.second_codes)))
    end
    return object("id" => run.id, "metadata" => run.metadata, "units" => check_units(run.units),
                  "names" => table.names, "secondary_names" => table.secondary_names,
                  "colors" => table.colors, "states" => table.states,
                  "dependencies" => validate_dependencies(run.dependencies),
                  "attributes" => run.attributes, "tracks" => tracks)
end

placed(arrays, column) = column === nothing ? nothing : place!(arrays, column)
column_from(place, owner) = place === nothing ? nothing : array_from(place, owner)

function labels_from(content, owner)
    labels = Labels()
    labels.attributes = content["attributes"]
    for run in content["runs"]
        labels.runs[run["id"]] = run_from(run, owner)
    end
    return labels
end

function run_from(content, owner)
    colors = content["colors"]
    table = StateTable(String[content["names"]...], String[content["secondary_names"]...],
                       colors === nothing ? nothing : String[colors...],
                       Vector{State}(states_from(content["states"])))
    run = RunLabels(content["id"], table)
    run.metadata, run.units, run.attributes = content["metadata"], content["units"], content["attributes"]
    run.dependencies = content["dependencies"]
    for track in content["tracks"]
        records = OrderedDict{String,Any}()
        for (key, place, value) in track["records"]
            records[key] = place === nothing ? value : array_from(place, owner)
        end
        times, codes, confidence, second =
            (column_from(track[name], owner) for name in ("times", "codes", "confidence", "second_codes"))
        run.tracks[track["id"]] = TrackLabels(table, times, codes, records, confidence, second)
    end
    return run
end

function states_from(states)
    all(state -> state isa String, states) && return String[states...]
    return State[state isa String ? state : String[state...] for state in states]
end

# -- tracks

function content_of(recording::Recording, arrays)
    tracks = Any[merge!(object("id" => larva), content_of(track, arrays)) for (larva, track) in recording]
    return object("type" => "recording", "run" => recording.run, "metadata" => recording.metadata,
                  "format" => recording.format, "sources" => recording.sources, "tracks" => tracks,
                  "labels" => content_of(recording.own_labels, arrays), "left_out" => recording.left_out)
end

function content_of(track::Track, arrays)
    indicators = Any[Any[name, place!(arrays, values)] for (name, values) in track.indicators]
    return object("type" => "track", "times" => place!(arrays, track.times),
                  "spine" => place!(arrays, track.spine), "outline" => place!(arrays, track.outline),
                  "outline_offsets" => place!(arrays, track.outline_offsets),
                  "indicators" => indicators)
end

function recording_from(content, owner)
    larvae = Int[track["id"] for track in content["tracks"]]
    tracks = Dict{Int,Track}(track["id"] => track_from(track, owner) for track in content["tracks"])
    return Recording(content["run"], larvae, tracks, content["metadata"], content["format"],
                     String[content["sources"]...], labels_from(content["labels"], owner),
                     String[content["left_out"]...])
end

function track_from(content, owner)
    indicators = [name => array_from(place, owner) for (name, place) in content["indicators"]]
    return Track(array_from(content["times"], owner); spine=array_from(content["spine"], owner),
                 outline=array_from(content["outline"], owner),
                 outline_offsets=array_from(content["outline_offsets"], owner), indicators=indicators)
end

# -- arrays and states

function content_of(x, arrays)
    is_placeable(x) && return object("type" => "array", "array" => place!(arrays, x))
    is_state(state) = state isa AbstractString || state isa AbstractVector{<:AbstractString}
    x isa AbstractVector && (all(is_state, x) || isempty(x)) || return nothing
    return object("type" => "states", "states" => x)
end

"""
    entry(parent, name)

Return the kind and value of a name in a module: `("function", f)` for anything callable, `("module", m)`,
`("value", x)`, or `("none", nothing)`. A `_b` at the end of a name stands for `!`.
"""
function entry(parent::Module, name)
    symbol = Symbol(replace(String(name), r"_b$" => "!"))
    isdefined(parent, symbol) || return "none", nothing
    value = getfield(parent, symbol)
    value isa Module && return "module", value
    callable = value isa Union{Function,Type} || !isempty(methods(value))
    return callable ? "function" : "value", value
end

"""
    described(error)

Return a JSON text with the corresponding Python exception and its fields, or nothing if there is none.
Indices in it are 0-based.
"""
function described(error)
    inner = cause(error)
    inner === nothing || return described(inner)
    content = python_error(error)
    return content === nothing ? nothing : sprint(write_json, object(content...), 0)
end

"""Return the error that another one wraps, or nothing."""
cause(error) = nothing
cause(error::LoadError) = error.error
cause(error::CapturedException) = error.ex
cause(error::TaskFailedException) = error.task.exception
cause(error::CompositeException) = isempty(error.exceptions) ? nothing : first(error.exceptions)

python_error(error) = nothing

function python_error(e::LabelFileError)
    return ("type" => "LabelFileError", "kind" => e.kind, "problem" => e.problem, "file" => e.file,
            "run" => e.run, "track" => e.track, "index" => e.index === nothing ? nothing : e.index - 1)
end

python_error(e::TrackFileError) = ("type" => "TrackFileError", "problem" => e.problem, "file" => e.file,
                                   "line" => e.line, "key" => e.key)
python_error(e::BackendError) =
    ("type" => "BackendError", "kind" => e.kind, "problem" => e.problem, "fix" => e.fix)
python_error(e::ScriptError) =
    ("type" => "ScriptError", "step" => e.step, "script" => e.script, "exit_code" => e.exit_code)
python_error(e::CommandError) =
    ("type" => "TaggingBackendsError", "problem" => e.problem, "exit_code" => e.exit_code)
python_error(e::SystemError) = ("type" => "OSError", "errno" => Int(e.errnum), "problem" => e.prefix)
python_error(e::Base.IOError) = ("type" => "OSError", "errno" => -Int(e.code), "problem" => e.msg)
python_error(e::Union{ArgumentError,DomainError}) = ("type" => "ValueError", "problem" => message(e))
python_error(e::BoundsError) = ("type" => "IndexError", "problem" => message(e))
python_error(e::KeyError) = ("type" => "KeyError", "problem" => shown(e.key))
python_error(::InterruptException) = ("type" => "KeyboardInterrupt", "problem" => "")

message(error) = sprint(showerror, error)
