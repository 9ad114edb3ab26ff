# The states of tracks in a label file, read from JSON without making an object for each frame.

"""
    Elements

The elements of a track's `labels`: codes, names, and arrays of these.

# Fields
- `tokens`: codes as they are; a name as -n if it is `names[n]`.
- `lengths`: the length of each element, -1 if it is not an array. Empty if none is an array.
- `names`: the names in the whole text.
"""
struct Elements
    tokens::Vector{Int32}
    lengths::Vector{Int32}
    names::Vector{String}
end

Base.length(e::Elements) = isempty(e.lengths) ? length(e.tokens) : length(e.lengths)

const NO_LENGTHS = Int32[]

"""Return the place of a key's value in a label file, if it decides how the value is read."""
function inside(place::Symbol, key::String)
    (place === :file || place === :run) && key == "data" && return :data
    place === :file && key == "runs" && return :runs
    place === :runs && return :run
    place === :track && key == "labels" && return :states
    return :elsewhere
end

"""
Read the `labels` of a track. Return nothing if they are invalid. They are then read like any other array,
which reports the error.
"""
function parse_elements(p::JSONParser)
    p.depth + 2 <= MAX_DEPTH || return nothing
    n = n_tokens = 0
    arrays = false
    p.at += 1
    c = peek(p)
    while c != UInt8(']')
        before = n_tokens
        if c == UInt8('[')
            n_tokens = parse_list!(p, before)
            arrays = true
        else
            n_tokens = parse_token!(p, before, c)
        end
        n_tokens < 0 && return nothing
        n = put!(p.lengths, n, c == UInt8('[') ? n_tokens - before : -1)
        c = next_in_array(p)
        c == 0x00 && return nothing
    end
    p.at += 1
    return Elements(p.tokens[1:n_tokens], arrays ? p.lengths[1:n] : NO_LENGTHS, p.names)
end

"""
Read an array of codes and names after n others. Return the new n, or -1 if there is any other value.
"""
function parse_list!(p::JSONParser, n::Int)
    p.at += 1
    c = peek(p)
    while c != UInt8(']')
        n = parse_token!(p, n, c)
        n < 0 && return -1
        c = next_in_array(p)
        c == 0x00 && return -1
    end
    p.at += 1
    return n
end

"""Move to an array's next element; return its first byte, `]` at the end, or 0 for an error."""
@inline function next_in_array(p::JSONParser)
    c = peek(p)
    c == UInt8(']') && return c
    c == UInt8(',') || return 0x00
    p.at += 1
    c = peek(p)
    return c == UInt8(']') ? 0x00 : c
end

"""Read a code or a name behind n others; return n + 1, or -1 if it is anything else."""
@inline function parse_token!(p::JSONParser, n::Int, c::UInt8)
    c == UInt8('"') && return put!(p.tokens, n, -parse_name(p))
    token, at, c = take_digits(p.text, Int64(0), p.at)
    # at most 9 digits, without leading zero, point or exponent
    1 <= at - p.at <= 9 && c != UInt8('.') && c | 0x20 != UInt8('e') || return -1
    at == p.at + 1 || byte(p.text, p.at) != UInt8('0') || return -1
    p.at = at
    return put!(p.tokens, n, token % Int32)
end
