# A strict JSON parser (RFC 8259) over bytes. It accepts the same texts as orjson, the parser in Python.

"""
    JSONError

A text that is not valid JSON.

# Fields
- `problem::String`: what was expected and found.
- `position::Int`: the 1-based position of the byte; `line::Int`, `column::Int` (in characters): the same
  place.
- `snippet::String`: the line, or the part of it around the place; `caret::Int`: the column in it.
"""
struct JSONError <: Exception
    problem::String
    position::Int
    line::Int
    column::Int
    snippet::String
    caret::Int
end

function Base.showerror(io::IO, error::JSONError)
    print(io, "JSON, line ", error.line, ", column ", error.column, " (byte ", error.position)
    print(io, "): ", error.problem, "\n  ", error.snippet, "\n  ")
    return print(io, " "^(error.caret - 1), "^")
end

mutable struct JSONParser
    text::String
    at::Int  # the next byte
    depth::Int
    # Buffers: a column is read into one of these, and copied when its length is known.
    floats::Vector{Float64}
    integers::Vector{Int64}
    tokens::Vector{Int32}
    lengths::Vector{Int32}
    names::Vector{String}  # keys and names of states: few, each repeated often
    numbers::Dict{String,Int32}  # the index of each name in `names`
    slots::Vector{Int32}  # the indices of the names read last
end

JSONParser(text::String) =
    JSONParser(text, 1, 0, [], [], [], [], [], Dict{String,Int32}(), zeros(Int32, 256))

const MAX_DEPTH = 1024

"""
    parse_json(text; place=:elsewhere)

Read a JSON text.

- Objects become `OrderedDict{String,Any}`.
- Arrays of numbers become `Vector{Int64}` or `Vector{Float64}`; if only some have a point or an exponent,
  `Vector{Union{Int64,Float64}}`. Arrays of strings or of booleans become vectors of these. Other arrays
  become `Vector{Any}`.
- Integers beyond `Int64` become `UInt64`, or `Float64` if they do not fit.

With `place=:file` the text is that of a label file: the `labels` of tracks may become [`Elements`](@ref).

# Errors
`JSONError`.
"""
function parse_json(text::String; place::Symbol=:elsewhere)
    p = JSONParser(text)
    value = parse_value(p, place)
    peek(p) == 0x00 && p.at > ncodeunits(text) || fail(p, "the end of the text")
    return value
end

# A String ends with a zero byte, which JSON never allows, so the end need not be checked.
@inline byte(text::String, at::Int) = GC.@preserve text unsafe_load(pointer(text), at)

is_digit(c::UInt8) = c - UInt8('0') <= 0x09
is_blank(c::UInt8) = c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09

"""Skip blanks; return the byte after them."""
@inline function peek(p::JSONParser)
    c = byte(p.text, p.at)
    while is_blank(c)
        p.at += 1
        c = byte(p.text, p.at)
    end
    return c
end

function parse_value(p::JSONParser, place::Symbol)
    c = peek(p)
    c == UInt8('"') && return parse_string(p)
    c == UInt8('[') && return parse_array(p, place)
    c == UInt8('{') && return parse_object(p, place)
    (is_digit(c) || c == UInt8('-')) && return parse_number(p)
    c == UInt8('t') && return parse_word(p, "true", true)
    c == UInt8('f') && return parse_word(p, "false", false)
    c == UInt8('n') && return parse_word(p, "null", nothing)
    return fail(p, "a value")
end

function parse_word(p::JSONParser, word::String, value)
    for i in 1:ncodeunits(word)
        byte(p.text, p.at) == codeunit(word, i) || fail(p, word)
        p.at += 1
    end
    return value
end

function enter(p::JSONParser)
    p.depth < MAX_DEPTH || fail(p, "at most $MAX_DEPTH levels")
    p.depth += 1
    p.at += 1
    return nothing
end

"""Move past the comma or bracket after an item; return whether it was a comma."""
@inline function another(p::JSONParser, bracket::Char)
    c = peek(p)
    c == UInt8(',') || c == UInt8(bracket) || fail(p, "a comma, or $bracket")
    p.at += 1
    return c == UInt8(',')
end

function parse_object(p::JSONParser, place::Symbol)
    object = OrderedDict{String,Any}()
    enter(p)
    unfinished = peek(p) != UInt8('}') || another(p, '}')
    while unfinished
        peek(p) == UInt8('"') || fail(p, "a key, in quotes")
        key = p.names[parse_name(p)]
        peek(p) == UInt8(':') || fail(p, "a colon")
        p.at += 1
        object[key] = parse_value(p, inside(place, key))
        unfinished = another(p, '}')
    end
    p.depth -= 1
    return object
end

function parse_array(p::JSONParser, place::Symbol)
    if place === :states
        start = p.at
        elements = parse_elements(p)
        elements === nothing || return elements
        p.at = start
    end
    enter(p)
    unfinished = peek(p) != UInt8(']') || another(p, ']')
    numbers = nothing
    if unfinished && at_number(p)
        numbers, unfinished = parse_numbers(p)
        unfinished || (p.depth -= 1; return numbers)
    end
    values = numbers === nothing ? Any[] : Vector{Any}(numbers)  # other values follow
    while unfinished
        push!(values, parse_value(p, place === :data ? :track : :elsewhere))
        unfinished = another(p, ']')
    end
    p.depth -= 1
    isempty(values) && return values
    all(value -> value isa String, values) && return String[value for value in values]
    all(value -> value isa Bool, values) && return Bool[value for value in values]
    return values
end

# Strings

"""Read a string that occurs often; return its index in `p.names`."""
function parse_name(p::JSONParser)
    text = p.text
    start = at = p.at + 1
    c = byte(text, at)
    while c != UInt8('"')
        # parse_string handles escapes, non-ASCII characters and errors
        0x20 <= c < 0x80 && c != UInt8('\\') || return number_of(p, parse_string(p))
        at += 1
        c = byte(text, at)
    end
    n = at - start
    # most names are found by length, first and last byte, without making a string
    slot = (n + 5 * byte(text, start) + 3 * byte(text, at - 1)) % length(p.slots) + 1
    number = p.slots[slot]
    if number == 0 || !stands_at(p.names[number], text, start, n)
        number = p.slots[slot] = number_of(p, bytes_of(text, start, at - 1))
    end
    p.at = at + 1
    return number
end

function stands_at(name::String, text::String, start::Int, n::Int)
    sizeof(name) == n || return false
    for i in 1:n
        byte(name, i) == byte(text, start + i - 1) || return false
    end
    return true
end

function number_of(p::JSONParser, name::String)
    return get!(p.numbers, name) do
        push!(p.names, name)
        Int32(length(p.names))
    end
end

function parse_string(p::JSONParser)
    start = at = p.at + 1
    bytes = nothing  # the decoded string, if it has escapes
    bits = 0x00
    while true
        c = byte(p.text, at)
        c == UInt8('"') && break
        c < 0x20 && fail(p, at > ncodeunits(p.text) ? "the string's end" : "\\ or another character", at)
        bits |= c
        if c == UInt8('\\')
            bytes === nothing && (bytes = codeunits(p.text)[start:(at - 1)])
            at = parse_escape!(bytes, p, at)
        else
            bytes === nothing || push!(bytes, c)
            at += 1
        end
    end
    p.at = at + 1
    bits < 0x80 || check_utf8(p, start, at - 1)
    return bytes === nothing ? bytes_of(p.text, start, at - 1) : String(bytes)
end

bytes_of(text, first, last) =
    GC.@preserve text unsafe_string(pointer(text) + first - 1, last - first + 1)

function parse_escape!(bytes::Vector{UInt8}, p::JSONParser, at::Int)
    c = byte(p.text, at + 1)
    if c == UInt8('u')
        code = hexadecimal(p, at + 2)
        next = at + 6
        if 0xd800 <= code <= 0xdfff
            paired = code < 0xdc00 && byte(p.text, next) == UInt8('\\') &&
                     byte(p.text, next + 1) == UInt8('u')
            low = paired ? hexadecimal(p, next + 2) : UInt32(0)
            0xdc00 <= low <= 0xdfff || fail(p, "both surrogates of a pair", at)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
            next += 6
        end
        append!(bytes, codeunits(string(Char(code))))
        return next
    end
    at_escape = findfirst(isequal(Char(c)), "\"\\/bfnrt")
    at_escape === nothing && fail(p, "an escape: one of \" \\ / b f n r t u", at + 1)
    push!(bytes, codeunit("\"\\/\b\f\n\r\t", at_escape))
    return at + 2
end

function hexadecimal(p::JSONParser, at::Int)
    code = UInt32(0)
    for i in at:(at + 3)
        c = byte(p.text, i)
        digit = is_digit(c) ? c - UInt8('0') :
                UInt8('a') <= c | 0x20 <= UInt8('f') ? (c | 0x20) - UInt8('a') + 0x0a :
                fail(p, "a hexadecimal digit", i)
        code = code << 4 | digit
    end
    return code
end

"""Fail at the first byte of a string that is not UTF-8."""
function check_utf8(p::JSONParser, start::Int, last::Int)
    raw = bytes_of(p.text, start, last)
    isvalid(raw) && return nothing
    wrong = findfirst(!isvalid, raw)
    return fail(p, "UTF-8", start + wrong - 1)
end

# Errors

"""Throw a `JSONError` with what was expected at a position."""
@noinline function fail(p::JSONParser, expected::String, at::Int=p.at)
    bytes = codeunits(p.text)
    start = something(findprev(isequal(0x0a), bytes, min(at, length(bytes) + 1) - 1), 0) + 1
    stop = something(findnext(isequal(0x0a), bytes, min(at, length(bytes) + 1)), length(bytes) + 1) - 1
    line = count(isequal(0x0a), view(bytes, 1:(start - 1))) + 1
    before = visible(p.text, start, at - 1)
    after = visible(p.text, at, min(stop, at + 120))
    found = isempty(after) ? (at > length(bytes) ? "the end of the text" : "the line's end") :
            startswith(p.text, '\ufeff') && at == 1 ? "a byte order mark" : repr(first(after))
    near = last(before, 40)
    return throw(JSONError("expected $expected, found $found", at, line, length(before) + 1,
                           near * first(after, 30), textwidth(near) + 1))
end

visible(text, first, last) =
    map(c -> isvalid(c) && isprint(c) ? c : '\ufffd', bytes_of(text, first, max(last, first - 1)))
