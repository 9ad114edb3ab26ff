# The border to Python within one process. Values cross it as a JSON text; arrays are not copied.
#
# In the text an array is [address, type, shape, order]: NumPy's name of the type ("f8"), and the memory order, "C"
# if the last index changes fastest, "F" if the first one does. Who owns memory that the other one uses keeps it
# under a number, until that number comes back. The Python half is src/taggingbackends/julia/border.py.

const ELEMENTS = Dict("f8" => Float64, "f4" => Float32, "f2" => Float16, "b1" => Bool,
                      "c16" => ComplexF64, "c8" => ComplexF32,
                      "i8" => Int64, "i4" => Int32, "i2" => Int16, "i1" => Int8,
                      "u8" => UInt64, "u4" => UInt32, "u2" => UInt16, "u1" => UInt8)
const ELEMENT_NAMES = Dict(type => name for (name, type) in ELEMENTS)

"""
    call_from_python(f, text, others...)

Call a function with the arguments in a text from Python; return the [`answer`](@ref).
"""
function call_from_python(@nospecialize(f), text, @nospecialize(others...))
    arguments, keywords = arguments_from(text, others)
    return answer(f(arguments...; keywords...))
end

"""
    answer(x)

Return a JSON text for Python with a value, followed by what is in it of types that do not cross as JSON.

Arrays are copied only if they are views, ranges or similar.

# Errors
[`LabelFileError`](@ref): labels that could not be written as a label file.
"""
function answer(@nospecialize(x))
    out = Outgoing([], [])
    value = sprint(write_json, content_of(x, out), 0)
    number = isempty(out.arrays) ? nothing : (LAST_KEPT[] += 1)
    number === nothing || (KEPT[number] = out.arrays)
    HANDED_OVER[] += sizeof(value) + total_size(out.arrays)
    kept, returned = something(number, "null"), join(returned!(), ',')
    return """{"value":$value,"kept":$kept,"returned":[$returned]}""", out.others...
end

"""A value that is not converted for Python."""
struct AsIs
    value::Any
end

struct Outgoing
    arrays::Vector{Any}
    others::Vector{Any}
end

function arguments_from(text, others)
    request = parse_json(String(text))
    foreach(number -> delete!(KEPT, number), request["released"])
    collect_garbage()
    loan = Loan(request["loan"], 0, Threads.Atomic{Int}(1))  # one user is this function
    push!(LOANS, loan)
    try
        arguments, keywords = request["values"]
        return Any[from_content(x, loan, others) for x in arguments],
               Pair{Symbol,Any}[Symbol(name) => from_content(x, loan, others) for (name, x) in keywords]
    finally
        HANDED_OVER[] += sizeof(text) + loan.bytes
        Release(loan)(nothing)
    end
end

object(pairs::Pair...) = OrderedDict{String,Any}(pairs)

# -- memory

"""Memory of Python's that arrays use."""
mutable struct Loan
    number::Int
    bytes::Int
    users::Threads.Atomic{Int}
end

const LOANS = Loan[]
const UNUSED_LOANS = Threads.Atomic{Int}(0)

const KEPT = Dict{Int,Vector{Any}}()  # arrays that Python uses
const LAST_KEPT = Ref(0)

struct Release
    loan::Loan
end

# As a finalizer, it may run in the middle of anything that allocates.
function (release::Release)(memory)
    Threads.atomic_sub!(release.loan.users, 1) == 1 && Threads.atomic_add!(UNUSED_LOANS, 1)
    return nothing
end

"""Return the numbers of the loans that are no longer used, and forget these loans."""
function returned!()
    used, numbers = Loan[], Int[]
    UNUSED_LOANS[] == 0 && return numbers
    for loan in LOANS
        loan.users[] == 0 ? push!(numbers, loan.number) : push!(used, loan)
    end
    copy!(LOANS, used)
    Threads.atomic_sub!(UNUSED_LOANS, length(numbers))
    return numbers
end

total_size(arrays) = mapreduce(sizeof, +, arrays; init=0)

# Julia counts neither memory of Python's, nor what Python will let go. So it is made to collect garbage after this
# many bytes, and all garbage after so many bytes that one collection has spared.
const COLLECT_AFTER, COLLECT_ALL_AFTER = 2^26, 2^28
const HANDED_OVER, SPARED = Ref(0), Ref(0)

function collect_garbage()
    HANDED_OVER[] < COLLECT_AFTER && return
    all = SPARED[] > COLLECT_ALL_AFTER
    GC.gc(all)
    used = mapreduce(loan -> loan.users[] == 0 ? 0 : loan.bytes, +, LOANS; init=0)
    spared = min(HANDED_OVER[], used + mapreduce(total_size, +, values(KEPT); init=0))
    SPARED[] = all ? 0 : SPARED[] + spared
    HANDED_OVER[] = 0
    return
end

# -- arrays

"""Return the place of an array, and add it to the arrays to keep alive."""
function place!(out, array::AbstractArray)
    laid, order = laid_out(array)
    push!(out.arrays, laid)
    return Any[Int(pointer(laid)), ELEMENT_NAMES[eltype(array)], collect(size(array)), order]
end

place!(out, ::Nothing) = nothing

is_placeable(x) = x isa AbstractArray && ndims(x) > 0 && haskey(ELEMENT_NAMES, eltype(x))

"""Return an array in contiguous memory, and its memory order."""
laid_out(array::Array) = array, "F"
laid_out(array::AbstractArray) = Array(array), "F"

function laid_out(array::PermutedDimsArray{T,N,P,Q,<:Array}) where {T,N,P,Q}
    return P == ntuple(i -> N + 1 - i, N) ? (parent(array), "C") : (Array(array), "F")
end

"""Return the array at a place: an `Array`, or a `PermutedDimsArray` with reversed dimensions."""
function array_from(place, loan)
    address, name, lengths, order = place
    type, shape = ELEMENTS[name], Tuple{Vararg{Int}}(lengths)
    order == "C" && length(shape) > 1 || return array_at(address, type, shape, loan)
    reversed = array_at(address, type, reverse(shape), loan)
    return PermutedDimsArray(reversed, ntuple(i -> length(shape) + 1 - i, length(shape)))
end

array_from(::Nothing, loan) = nothing

function array_at(address, type, shape, loan)
    any(isequal(0), shape) && return Array{type}(undef, shape)
    array = unsafe_wrap(Array, Ptr{type}(UInt(address)), shape)
    loan.bytes += sizeof(array)
    Threads.atomic_add!(loan.users, 1)
    # From Julia 1.11 on, memory is an object that arrays may share; it may outlive this array.
    finalizer(Release(loan), isdefined(Core, :Memory) ? array.ref.mem : array)
    return array
end

# -- values: labels, recordings, tracks, arrays, states, and tuples of them

function content_of(labels::Labels, out)
    runs = Any[]
    for run in values(labels)
        located(() -> push!(runs, run_content(run, out)); run=run.id)
    end
    return object("type" => "labels", "attributes" => labels.attributes, "runs" => runs)
end

function run_content(run::RunLabels, out)
    table = run.table
    record(value) = is_placeable(value) && !(eltype(value) <: Complex) ? (place!(out, value), nothing) :
                    (nothing, value)
    tracks = Any[object("id" => larva, "times" => place!(out, track.times), "codes" => place!(out, track.codes),
                        "records" => Any[(key, record(value)...) for (key, value) in track.records],
                        "confidence" => place!(out, track.confidence),
                        "second_codes" => place!(out, track.second_codes)) for (larva, track) in run]
    return object("id" => run.id, "metadata" => run.metadata, "units" => check_units(run.units),
                  "names" => table.names, "secondary_names" => table.secondary_names,
                  "colors" => table.colors, "states" => table.states,
                  "dependencies" => validate_dependencies(run.dependencies),
                  "attributes" => run.attributes, "tracks" => tracks)
end

function content_of(recording::Recording, out)
    tracks = Any[merge!(object("id" => larva), content_of(track, out)) for (larva, track) in recording]
    return object("type" => "recording", "run" => recording.run, "metadata" => recording.metadata,
                  "format" => recording.format, "sources" => recording.sources, "tracks" => tracks,
                  "labels" => content_of(recording.own_labels, out), "left_out" => recording.left_out)
end

function content_of(track::Track, out)
    columns = (string(name) => place!(out, getfield(track, name))
               for name in (:times, :spine, :outline, :outline_offsets))
    indicators = Any[(name, place!(out, values)) for (name, values) in track.indicators]
    return object("type" => "track", columns..., "indicators" => indicators)
end

content_of(x::Tuple, out) = object("type" => "tuple", "items" => Any[content_of(item, out) for item in x])

function content_of(x, out)
    is_placeable(x) && return object("type" => "array", "array" => place!(out, x))
    is_state(state) = state isa AbstractString || state isa AbstractVector{<:AbstractString}
    x isa AbstractVector && all(is_state, x) && return object("type" => "states", "states" => x)
    return content_of(AsIs(x), out)
end

function content_of(x::AsIs, out)
    push!(out.others, x.value)
    return object("type" => "other", "index" => length(out.others) - 1)
end

function from_content(content, loan, others)
    type = content["type"]
    type == "labels" && return labels_from(content, loan)
    type == "recording" && return recording_from(content, loan)
    type == "track" && return track_from(content, loan)
    type == "states" && return states_from(content["states"])
    type == "array" && return array_from(content["array"], loan)
    type == "tuple" && return Tuple(from_content(item, loan, others) for item in content["items"])
    return others[content["index"] + 1]
end

function labels_from(content, loan)
    labels = Labels()
    labels.attributes = content["attributes"]
    for run in content["runs"]
        labels.runs[run["id"]] = run_from(run, loan)
    end
    return labels
end

function run_from(content, loan)
    colors = content["colors"]
    table = StateTable(String[content["names"]...], String[content["secondary_names"]...],
                       colors === nothing ? nothing : String[colors...],
                       Vector{State}(states_from(content["states"])))
    run = RunLabels(content["id"], table)
    run.metadata, run.units, run.attributes = content["metadata"], content["units"], content["attributes"]
    run.dependencies = content["dependencies"]
    for track in content["tracks"]
        records = OrderedDict{String,Any}(key => place === nothing ? value : array_from(place, loan)
                                          for (key, place, value) in track["records"])
        times, codes, confidence, second =
            (array_from(track[name], loan) for name in ("times", "codes", "confidence", "second_codes"))
        run.tracks[track["id"]] = TrackLabels(table, times, codes, records, confidence, second)
    end
    return run
end

function states_from(states)
    all(state -> state isa String, states) && return String[states...]
    return State[state isa String ? state : String[state...] for state in states]
end

function recording_from(content, loan)
    larvae = Int[track["id"] for track in content["tracks"]]
    tracks = Dict{Int,Track}(track["id"] => track_from(track, loan) for track in content["tracks"])
    return Recording(content["run"], larvae, tracks, content["metadata"], content["format"],
                     String[content["sources"]...], labels_from(content["labels"], loan),
                     String[content["left_out"]...])
end

function track_from(content, loan)
    times, spine, outline, outline_offsets =
        (array_from(content[name], loan) for name in ("times", "spine", "outline", "outline_offsets"))
    indicators = [name => array_from(place, loan) for (name, place) in content["indicators"]]
    return Track(times; spine, outline, outline_offsets, indicators)
end

# -- modules

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

"""Return the names in a module that [`entry`](@ref) finds."""
function entries(parent::Module)
    found = filter(name -> isdefined(parent, name), names(parent; all=true, imported=true))
    return [replace(string(name), r"!$" => "_b") for name in found if Base.isidentifier(name)]
end

# -- errors

"""
    described(error, f)

Return a JSON text with the Python exception that corresponds to an error of a call of `f`, and its fields, or nothing
if there is none.
"""
function described(error, f)
    inner = cause(error)
    inner === nothing || return described(inner, f)
    content = is_refused_call(error, f) ? ("type" => "TypeError", "problem" => message(error)) : python_error(error)
    return content === nothing ? nothing : sprint(write_json, object(content...), 0)
end

"""Return the error that another one wraps, or nothing."""
cause(error) = nothing
cause(error::LoadError) = error.error
cause(error::CapturedException) = error.ex
cause(error::TaskFailedException) = error.task.exception
cause(error::CompositeException) = isempty(error.exceptions) ? nothing : first(error.exceptions)

# With keywords, a function of Julia's own is called with the keywords, the function, and the other arguments.
is_refused_call(error, f) = false
function is_refused_call(error::MethodError, f)
    error.f === f && return true
    return error.args isa Tuple{NamedTuple,Any,Vararg} && error.args[2] === f
end

python_error(error) = nothing

python_error(e::Union{LabelFileError,TrackFileError,BackendError,ScriptError}) =
    ("type" => string(nameof(typeof(e))), (string(name) => getfield(e, name) for name in fieldnames(typeof(e)))...)
python_error(e::CommandError) =
    ("type" => "TaggingBackendsError", "problem" => e.problem, "exit_code" => e.exit_code)
python_error(e::SystemError) = ("type" => "OSError", "errno" => Int(e.errnum), "problem" => e.prefix)
python_error(e::Base.IOError) = ("type" => "OSError", "errno" => -Int(e.code), "problem" => e.msg)
python_error(e::Union{ArgumentError,DomainError}) = ("type" => "ValueError", "problem" => message(e))
python_error(e::BoundsError) = ("type" => "IndexError", "problem" => message(e))
python_error(e::KeyError) = ("type" => "KeyError", "problem" => shown(e.key))
python_error(::InterruptException) = ("type" => "KeyboardInterrupt", "problem" => "")

message(error) = sprint(showerror, error)

# -- the first call

"""Send each kind of value to Python and back."""
function cross_once()
    labels = setlabels!(Labels(), "r", 1, [0.1], ["run"])
    track = Track([0.1]; spine=ones(1, 11, 2), outline=ones(2, 2), outline_offsets=[0, 2])
    recording = Recording("r", [1], Dict(1 => track), OrderedDict{String,Any}(), "", String[], labels, String[])
    for x in (labels, recording, [1.0], PermutedDimsArray(ones(2, 2), (2, 1)), [1], [true], ["run"], ("run", 1))
        text, others = Iterators.peel(answer(x))
        request = """{"values":[[$(sprint(write_json, parse_json(text)["value"], 0))],{}],"loan":0,"released":[]}"""
        call_from_python(AsIs, request, others...)
    end
    described(ArgumentError("x"), sum)
    foreach(empty!, (KEPT, LOANS))
    GC.gc()  # runs the finalizers, which count
    HANDED_OVER[] = UNUSED_LOANS[] = 0
    return
end

# Where Julia keeps compiled code (from 1.9 on), the first call in Python then takes no time to compile.
VERSION >= v"1.9" && ccall(:jl_generating_output, Cint, ()) == 1 && cross_once()
