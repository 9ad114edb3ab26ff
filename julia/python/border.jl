# The border to Python within one process. A value crosses it in a message, a JSON text; arrays stay where they are:
#
#     {"value": ..., "arrays": [[number, address, type, shape, order], ...], "released": [number, ...]}
#
# In the value, an array is its number. Its type is NumPy's name ("f8"), its order that of the memory: "C" if the last
# index changes fastest, "F" if the first one does. Who owns an array that the other one uses keeps it under its number,
# until the other one releases it. The Python half is src/taggingbackends/julia/border.py.

const ELEMENTS = Dict("f8" => Float64, "f4" => Float32, "f2" => Float16, "b1" => Bool,
                      "c16" => ComplexF64, "c8" => ComplexF32,
                      "i8" => Int64, "i4" => Int32, "i2" => Int16, "i1" => Int8,
                      "u8" => UInt64, "u4" => UInt32, "u2" => UInt16, "u1" => UInt8)
const ELEMENT_NAMES = Dict(type => name for (name, type) in ELEMENTS)

"""Call a function with the arguments, and the keywords' names and values, in a message; return one with the result."""
function call_from_python(@nospecialize(f), text, @nospecialize(others...))
    arguments, names, values = received(text, others...)
    return sent(f(arguments...; zip(map(Symbol, names), values)...))
end

"""
    sent(x)

Return a message for Python with a value, followed by what is in it of types that do not cross as JSON.

Arrays are copied only if they are views, ranges or similar.

# Errors
[`LabelFileError`](@ref): labels that could not be written as a label file.
"""
function sent(@nospecialize(x))
    out = Outgoing(Dict(), [], [])
    value = sprint(write_json, content_of(x, out), 1)
    arrays = sprint(write_json, out.places, 1)
    merge!(KEPT, out.arrays)
    HANDED_OVER[] += sizeof(value) + total_size(values(out.arrays))
    return """{"value":$value,"arrays":$arrays,"released":[$(join(unused_loans!(), ','))]}""", out.others...
end

"""Return the value in a message from Python."""
function received(text, @nospecialize(others...))
    message = parse_json(String(text))
    foreach(number -> delete!(KEPT, number), message["released"])
    collect_garbage()
    HANDED_OVER[] += sizeof(text)
    arrays = Dict{Any,Any}(nothing => nothing)  # by number; nothing stands for a column that is missing
    foreach(place -> arrays[place[1]] = array_from(place...), message["arrays"])
    return value_from(message["value"], arrays, others)
end

struct Outgoing
    arrays::Dict{Int,Any}  # by number
    places::Vector{Any}
    others::Vector{Any}
end

"""A value that is not converted for Python."""
struct AsIs
    value::Any
end

object(pairs::Pair...) = OrderedDict{String,Any}(pairs)

# -- memory

const KEPT = Dict{Int,Any}()  # arrays that Python uses
const LAST_KEPT = Ref(0)
const LOANS = Dict{Int,WeakRef}()  # memory of Python's that is used here
const COLLECTED = Ref(WeakRef())  # to nothing, if garbage was collected since the loans were looked through

"""Return the numbers of the loans that nothing uses any more, and forget them."""
function unused_loans!()
    COLLECTED[].value === nothing || return Int[]
    COLLECTED[] = WeakRef(Ref(0))
    unused = Int[number for (number, memory) in LOANS if memory.value === nothing]
    foreach(number -> delete!(LOANS, number), unused)
    return unused
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
    used = total_size(values(KEPT)) + total_size(memory.value for memory in values(LOANS))
    SPARED[] = all ? 0 : SPARED[] + min(HANDED_OVER[], used)
    HANDED_OVER[] = 0
    return
end

# -- arrays

is_placeable(x) = x isa AbstractArray && ndims(x) > 0 && haskey(ELEMENT_NAMES, eltype(x))

"""Add an array to a message; return its number."""
function number!(out, array)
    memory, order = laid_out(array)
    number = LAST_KEPT[] += 1
    out.arrays[number] = memory
    push!(out.places, (number, Int(pointer(memory)), ELEMENT_NAMES[eltype(array)], size(array), order))
    return number
end

number!(out, ::Nothing) = nothing

"""Return an array in contiguous memory, and its memory order."""
laid_out(array::Array) = array, "F"
laid_out(array::AbstractArray) = Array(array), "F"

function laid_out(array::PermutedDimsArray{T,N,P,Q,<:Array}) where {T,N,P,Q}
    return P == ntuple(i -> N + 1 - i, N) ? (parent(array), "C") : (Array(array), "F")
end

"""Return an array of Python's: an `Array`, or a `PermutedDimsArray` with reversed dimensions."""
function array_from(number, address, name, lengths, order)
    type, shape = ELEMENTS[name], Tuple{Vararg{Int}}(order == "C" ? reverse(lengths) : lengths)
    LOANS[number] = WeakRef()
    if 0 in shape
        array = Array{type}(undef, shape)
    else
        array = unsafe_wrap(Array, Ptr{type}(UInt(address)), shape)
        # From Julia 1.11 on, memory is an object that arrays may share; it may outlive this array.
        LOANS[number] = WeakRef(isdefined(Core, :Memory) ? array.ref.mem : array)
    end
    HANDED_OVER[] += sizeof(array)
    order == "C" && length(shape) > 1 || return array
    return PermutedDimsArray(array, ntuple(i -> length(shape) + 1 - i, length(shape)))
end

# -- values: each crosses as its kind and its content, which is a list of parts for a type

content_of(labels::Labels, out) = "labels", labels_content(labels, out)
content_of(recording::Recording, out) = "recording", recording_content(recording, out)
content_of(track::Track, out) = "track", track_content(track, out)
content_of(x::Tuple, out) = "tuple", [content_of(item, out) for item in x]
content_of(x::AsIs, out) = "other", length(push!(out.others, x.value)) - 1

function content_of(x, out)
    is_placeable(x) && return "array", number!(out, x)
    is_state(state) = state isa AbstractString || state isa AbstractVector{<:AbstractString}
    x isa AbstractVector && all(is_state, x) && return "states", x
    return content_of(AsIs(x), out)
end

function value_from((kind, content), arrays, others)
    kind == "labels" && return labels_from(content, arrays)
    kind == "recording" && return recording_from(content, arrays)
    kind == "track" && return track_from(content, arrays)
    kind == "array" && return arrays[content]
    kind == "states" && return states_from(content)
    kind == "tuple" && return Tuple(value_from(item, arrays, others) for item in content)
    return others[content + 1]
end

function states_from(states)
    all(state -> state isa String, states) && return Vector{String}(states)
    return State[state isa String ? state : Vector{String}(state) for state in states]
end

labels_content(labels, out) =
    labels.attributes, [located(() -> run_content(run, out); run=run.id) for run in values(labels)]

function labels_from((attributes, runs), arrays)
    return Labels(attributes, OrderedDict{String,RunLabels}(run[1] => run_from(run, arrays) for run in runs))
end

function run_content(run, out)
    table = run.table
    names = (table.names, table.secondary_names, table.colors, table.states)
    tracks = [(larva, columns(track, out)...) for (larva, track) in run]
    return run.id, names, tracks, run.metadata, check_units(run.units), validate_dependencies(run.dependencies),
           run.attributes
end

function columns(track, out)
    is_column(x) = is_placeable(x) && !(eltype(x) <: Complex)
    records = [is_column(x) ? (key, number!(out, x), nothing) : (key, nothing, x) for (key, x) in track.records]
    parts = (track.times, track.codes, track.confidence, track.second_codes)
    return (records, (number!(out, part) for part in parts)...)
end

function run_from((id, names, tracks, metadata, units, dependencies, attributes), arrays)
    primary, secondary, colors, states = names
    table = StateTable(Vector{String}(primary), Vector{String}(secondary),
                       colors === nothing ? nothing : Vector{String}(colors), Vector{State}(states_from(states)))
    labels = OrderedDict{Int,TrackLabels}()
    for (larva, records, times, codes, confidence, second_codes) in tracks
        records = OrderedDict{String,Any}(key => number === nothing ? value : arrays[number]
                                          for (key, number, value) in records)
        labels[larva] = TrackLabels(table, arrays[times], arrays[codes], records, arrays[confidence],
                                    arrays[second_codes])
    end
    return RunLabels(id, metadata, units, dependencies, attributes, table, labels)
end

function recording_content(recording, out)
    tracks = [(larva, track_content(track, out)) for (larva, track) in recording]
    return recording.run, tracks, recording.metadata, recording.format, recording.sources,
           labels_content(recording.own_labels, out), recording.left_out, recording.run_is_derived
end

function recording_from((run, tracks, metadata, format, sources, labels, left_out, is_derived), arrays)
    read = Dict{Int,Track}(larva => track_from(track, arrays) for (larva, track) in tracks)
    return Recording(run, first.(tracks), read, metadata, format, sources, labels_from(labels, arrays), left_out,
                     is_derived)
end

function track_content(track, out)
    parts = (track.times, track.spine, track.outline, track.outline_offsets)
    indicators = object((name => number!(out, values) for (name, values) in track.indicators)...)
    return ((number!(out, part) for part in parts)..., indicators)
end

function track_from((times, spine, outline, offsets, indicators), arrays)
    indicators = Dict{String,Vector{Bool}}(name => arrays[number] for (name, number) in indicators)
    return Track(arrays[times], arrays[spine], arrays[outline], arrays[offsets], indicators)
end

# -- modules

"""
    entry(parent, name)

Return the kind and value of a name in a module: `("function", f)` for anything callable, `("module", m)`,
`("value", x)`, or `("none", nothing)`. A `_b` at the end of a name stands for `!`, if that is a name.
"""
function entry(parent::Module, name)
    symbol = Symbol(replace(name, r"_b$" => "!"))
    isdefined(parent, symbol) || (symbol = Symbol(name))
    isdefined(parent, symbol) || return "none", nothing
    value = getfield(parent, symbol)
    value isa Module && return "module", value
    callable = value isa Union{Function,Type} || !isempty(methods(value))
    return callable ? "function" : "value", value
end

"""Return the names in a module that [`entry`](@ref) finds, except those that Python keeps for itself."""
function entries(parent::Module)
    found = filter(name -> isdefined(parent, name), names(parent; all=true, imported=true))
    found = [replace(string(name), r"!$" => "_b") for name in found if Base.isidentifier(name)]
    return filter(name -> !startswith(name, "__"), found)
end

# -- errors

"""
    described(error, f)

Return a JSON text with the type, arguments and fields of the Python exception that corresponds to an error of a call
of `f`, or nothing if there is none.
"""
function described(error, f)
    inner = cause(error)
    inner === nothing || return described(inner, f)
    found = is_refused_call(error, f) ? exception("TypeError", message(error)) : python_error(error)
    return found === nothing ? nothing : sprint(write_json, found, 0)
end

exception(type, arguments...; fields...) =
    object("type" => type, "arguments" => map(utf8, arguments), (string(name) => utf8(x) for (name, x) in fields)...)

utf8(x) = x
utf8(x::AbstractString) = replace(x, !isvalid => '\ufffd')  # names of files may have another encoding

"""Return the error that another one wraps, or nothing."""
cause(error) = nothing
cause(error::LoadError) = error.error
cause(error::CapturedException) = error.ex
cause(error::TaskFailedException) = error.task.exception
cause(error::CompositeException) = isempty(error.exceptions) ? nothing : first(error.exceptions)

# With keywords, a function of Julia's own is called with the keywords, the function, and the other arguments.
is_refused_call(error, f) = false
is_refused_call(error::MethodError, f) =
    error.f === f || (error.args isa Tuple{NamedTuple,Any,Vararg} && error.args[2] === f)

python_error(error) = nothing
python_error(e::Union{LabelFileError,TrackFileError,BackendError,ScriptError}) =
    exception(string(nameof(typeof(e))); (name => getfield(e, name) for name in fieldnames(typeof(e)))...)
python_error(e::CommandError) = exception("TaggingBackendsError", e.problem; exit_code=e.exit_code)
python_error(e::SystemError) = exception("OSError", e.errnum, "$(Libc.strerror(e.errnum)) ($(e.prefix))")
python_error(e::Base.IOError) = exception("OSError", -e.code, "$(Libc.strerror(-e.code)) ($(e.msg))")
python_error(e::Union{ArgumentError,DomainError}) = exception("ValueError", message(e))
python_error(e::BoundsError) = exception("IndexError", message(e))
python_error(e::KeyError) = exception("KeyError", shown(e.key))
python_error(::InterruptException) = exception("KeyboardInterrupt")

message(error) = sprint(showerror, error)

# -- the first call

"""Send each kind of value to Python and back."""
function cross_once()
    labels = setlabels!(Labels(), "r", 1, [0.1], ["run"])
    track = Track([0.1]; spine=ones(1, 11, 2), outline=ones(2, 2), outline_offsets=[0, 2])
    recording = Recording("r", [1], Dict(1 => track), OrderedDict{String,Any}(), "", [], labels)
    for x in (labels, recording, [1.0], PermutedDimsArray(ones(2, 2), (2, 1)), [1], [true], ["run"], 1)
        call_from_python(AsIs, sent(((x,), String[], ()))...)
    end
    described(ArgumentError("x"), sum)
    foreach(empty!, (KEPT, LOANS))
    COLLECTED[] = WeakRef()
    HANDED_OVER[] = 0
    return
end

# Where Julia keeps compiled code (from 1.9 on), the first call in Python then takes no time to compile.
VERSION >= v"1.9" && ccall(:jl_generating_output, Cint, ()) == 1 && cross_once()
