# The canonical text of labels: the same labels give the same bytes in every language.

"""
    text(labels)

Return the canonical text of labels (docs/contract.md, section 6) as a vector of bytes.

# Errors
[`LabelFileError`](@ref); see [`writelabels`](@ref).
"""
function text(labels::Labels)
    io = IOBuffer()
    if length(labels) == 1 && isempty(labels.attributes)
        write_run(io, first(values(labels)), 1)
    else
        write(io, '{')
        for (key, value) in labels.attributes
            if key in ("data", "runs")
                throw(reserved("expected no attribute named \"$key\", which is reserved for the runs"))
            end
            write_entry(io, key, value, 1)
            write(io, ",\n")
        end
        write(io, "\"runs\":{")
        for (position, run) in enumerate(values(labels))
            write(io, position == 1 ? "\n" : ",\n")
            write_json(io, run.id, 0)
            write(io, ':')
            write_run(io, run, 3)
        end
        write(io, "\n}}")
    end
    write(io, '\n')
    return take!(io)
end

function write_run(io::IO, run::RunLabels, depth::Int)
    located(run=run.id) do
        entries = OrderedDict{String,Any}("units" => check_units(run.units))
        names, colors = run.names, run.colors
        if !isempty(names)
            entries["labels"] = colors === nothing ? names :
                                OrderedDict{String,Any}("names" => names, "colors" => colors)
        end
        if !isempty(run.secondary_names)
            entries["secondarylabels"] = run.secondary_names
        end
        dependencies = validate_dependencies(run.dependencies)
        if !isempty(dependencies)
            entries["dependencies"] = length(dependencies) == 1 ? dependencies[1] : dependencies
        end
        for (field, given, taken) in (("metadata", run.metadata, ("id",)),
                                      ("attributes", run.attributes, (RUN_KEYS..., "runs")))
            for key in taken
                haskey(given, key) &&
                    throw(reserved("expected no \"$key\" in $field: the key is reserved"))
            end
        end
        metadata = OrderedDict{String,Any}(Iterators.flatten((("id" => run.id,), run.metadata)))
        write(io, '{')
        write_entry(io, "metadata", metadata, depth)
        for (key, value) in Iterators.flatten((entries, run.attributes))
            write(io, ",\n")
            write_entry(io, key, value, depth)
        end
        write(io, ",\n\"data\":[")
        texts = state_texts(run)
        choices = [state isa String ? code : "0" for (state, code) in zip(run.table.states, texts)]
        bytes = UInt8[]  # a buffer for columns, shared by all tracks because it is large
        for (position, (larva, track)) in enumerate(run)
            write(io, position == 1 ? "\n" : ",\n")
            located(() -> write_track(io, larva, track, texts, choices, bytes, depth + 2); track=larva)
        end
        write(io, isempty(run) ? "]}" : "\n]}")
    end
    return nothing
end

reserved(problem) = LabelFileError("not-a-label-file", problem)

const PERCENTS = string.(-1:100)  # -1: unknown

place_of_percent(x::Float64) = isnan(x) ? Int32(0) : round(Int32, 100x) + Int32(1)

function write_track(io::IO, larva::Int, track::TrackLabels, texts::Vector{String},
                     choices::Vector{String}, bytes::Vector{UInt8}, depth::Int)
    print(io, "{\"id\":\"", larva, "\",\"t\":")
    write(io, view(bytes, 1:put_times!(bytes, track.times)))
    write(io, ",\"labels\":")
    write(io, view(bytes, 1:put_codes!(bytes, track.codes, texts)))
    if track.confidence !== nothing
        places = place_of_percent.(check_confidence(track.confidence, length(track)))
        write(io, ",\"confidence\":")
        write(io, view(bytes, 1:put_codes!(bytes, places, PERCENTS)))
    end
    if track.second_codes !== nothing
        write(io, ",\"second\":")
        write(io, view(bytes, 1:put_codes!(bytes, track.second_codes, choices)))
    end
    for (key, value) in track.records
        key in (TRACK_KEYS..., COLUMN_KEYS...) &&
            throw(reserved("expected no record named \"$key\": the key is reserved"))
        write(io, ',')
        write_entry(io, key, value, depth)
    end
    write(io, '}')
    return nothing
end

"""Return the text of each state of a run: a code, or an array of codes."""
function state_texts(run::RunLabels)
    codes = Dict(name => code for (code, name) in enumerate([run.names; run.secondary_names]))
    # 0: a state that is no longer in use may have a name that is no longer declared
    code(name) = string(get(codes, name, 0))
    texts = String[]
    for state in run.table.states
        push!(texts, state isa String ? code(state) : string("[", join(map(code, state), ","), "]"))
    end
    return texts
end

"""Put the text of a column at the start of `bytes`; return how many bytes it has."""
function put_codes!(bytes::Vector{UInt8}, codes::Vector{Int32}, texts::Vector{String})
    room = 0
    for code in codes
        room += sizeof(texts[code + 1]) + 1
    end
    make_room!(bytes, room)
    n = 0
    for code in codes
        text = texts[code + 1]
        @inbounds bytes[n += 1] = UInt8(',')
        for i in 1:sizeof(text)
            @inbounds bytes[n += 1] = codeunit(text, i)
        end
    end
    return bracket!(bytes, n)
end

const LONGEST_FLOAT = 24  # -2.2250738585072014e-308

function put_times!(bytes::Vector{UInt8}, times::Vector{Float64})
    make_room!(bytes, length(times) * (LONGEST_FLOAT + 1))
    n = 0
    previous = -Inf
    for (i, time) in enumerate(times)
        milliseconds = round(1000.0 * time)
        rounded = milliseconds / 1000.0
        isfinite(rounded) && rounded > previous || throw(bad_milliseconds(times, i, rounded))
        previous = rounded
        @inbounds bytes[n += 1] = UInt8(',')
        # A decimal of at most 15 digits is the shortest that reads back to the same double.
        if abs(milliseconds) < 1e15
            n = put_milliseconds!(bytes, n, unsafe_trunc(Int64, milliseconds))
        else
            text = float_text(rounded)
            copyto!(bytes, n + 1, codeunits(text), 1, sizeof(text))
            n += sizeof(text)
        end
    end
    return bracket!(bytes, n)
end

"""Make room for n bytes and two brackets."""
function make_room!(bytes::Vector{UInt8}, n::Int)
    length(bytes) < n + 2 && resize!(bytes, n + 2)
    return bytes
end

"""Make an array of n bytes that hold elements with a comma before each."""
function bracket!(bytes::Vector{UInt8}, n::Int)
    n = max(n, 1)
    bytes[1] = UInt8('[')
    bytes[n + 1] = UInt8(']')
    return n + 1
end

function bad_milliseconds(times, i, rounded)
    problem = isfinite(rounded) ?
              "expected times that differ in milliseconds, found $(times[i]) after $(times[i - 1])" :
              "expected a time that can be written in milliseconds, found $(times[i])"
    return LabelFileError("bad-time", problem; index=i)
end

"""
Write milliseconds as seconds, with at least one decimal, after the `n`th byte; return the index of the last
byte. The buffer must be large enough.
"""
@inline function put_milliseconds!(bytes::Vector{UInt8}, n::Int, milliseconds::Int64)
    @inbounds begin
        milliseconds < 0 && (bytes[n += 1] = UInt8('-'))
        seconds, rest = divrem(abs(milliseconds) % UInt64, UInt64(1000))
        digits, beyond = 1, UInt64(10)
        while seconds >= beyond
            digits += 1
            beyond *= 10
        end
        for i in digits:-1:1
            seconds, digit = divrem(seconds, UInt64(10))
            bytes[n + i] = UInt8('0') + digit % UInt8
        end
        n += digits
        tenths, rest = divrem(rest, UInt64(100))
        hundredths, thousandths = divrem(rest, UInt64(10))
        bytes[n += 1] = UInt8('.')
        bytes[n += 1] = UInt8('0') + tenths % UInt8
        rest == 0 && return n
        bytes[n += 1] = UInt8('0') + hundredths % UInt8
        thousandths == 0 && return n
        bytes[n += 1] = UInt8('0') + thousandths % UInt8
    end
    return n
end

# Any value that JSON can represent

function write_entry(io::IO, key, @nospecialize(value), depth::Int)
    key isa AbstractString || throw(unwritable("keys that are strings", key))
    write_string(io, key)
    write(io, ':')
    write_json(io, value, depth)
    return nothing
end

unwritable(expected, value) =
    LabelFileError("invalid-json", "expected $expected, found $(shown(value))")

"""Write the canonical text of a value that is nested in `depth` objects and arrays."""
function write_json(io::IO, @nospecialize(value), depth::Int)
    if value isa AbstractString
        write_string(io, value)
    elseif value isa Union{AbstractDict,AbstractVector,Tuple}
        depth < MAX_DEPTH || throw(unwritable("at most $MAX_DEPTH levels", value))
        write_nested(io, value, depth + 1)
    elseif value isa Bool || value === nothing
        print(io, value === nothing ? "null" : value)
    elseif value isa Integer
        typemin(Int64) <= value <= typemax(UInt64) ||
            throw(unwritable("integers of 64 bits", value))
        print(io, value)
    elseif value isa AbstractFloat
        float = Float64(value)
        isfinite(float) || throw(unwritable("finite numbers", value))
        write(io, float_text(float))
    else
        throw(unwritable("a value that JSON can hold", value))
    end
    return nothing
end

function write_nested(io::IO, entries::AbstractDict, depth::Int)
    write(io, '{')
    for (position, (key, value)) in enumerate(entries)
        position == 1 || write(io, ',')
        write_entry(io, key, value, depth)
    end
    write(io, '}')
    return nothing
end

function write_nested(io::IO, values, depth::Int)
    write(io, '[')
    for (position, value) in enumerate(values)
        position == 1 || write(io, ',')
        write_json(io, value, depth)
    end
    write(io, ']')
    return nothing
end

function write_string(io::IO, string::AbstractString)
    isvalid(string) || throw(unwritable("a string in UTF-8", string))
    write(io, '"')
    for c in string
        if c == '"' || c == '\\'
            write(io, '\\', c)
        elseif c >= ' '
            write(io, c)
        else
            short = findfirst(isequal(c), "\b\t\n\f\r")
            if short === nothing
                print(io, "\\u", Base.string(UInt16(c); base=16, pad=4))
            else
                write(io, '\\', "btnfr"[short])
            end
        end
    end
    write(io, '"')
    return nothing
end

"""
Return the shortest digits that read back to the same double: positional for 1e-5 <= |x| < 1e16,
otherwise with an exponent.
"""
function float_text(x::Float64)
    text = string(x)  # the shortest digits, but positional in another range
    if 1e-5 <= abs(x) < 1e16 || x == 0
        return occursin('e', text) ? positional(text) : text
    end
    text = replace(text, ".0e" => "e")
    return abs(x) < 1 ? text : replace(text, "e" => "e+")
end

"""Turn `-1.25e7` into `-12500000.0`, and `1.25e-5` into `0.0000125`."""
function positional(text::String)
    mantissa, exponent = split(text, 'e')
    sign = startswith(mantissa, '-') ? "-" : ""
    whole, fraction = split(lstrip(mantissa, '-'), '.')
    digits = fraction == "0" ? whole : whole * fraction
    point = 1 + parse(Int, exponent)  # the number of digits before the point
    point <= 0 && return string(sign, "0.", "0"^(-point), digits)
    n = length(digits)
    return n <= point ? string(sign, digits, "0"^(point - n), ".0") :
           string(sign, digits[1:point], ".", digits[(point + 1):n])
end
