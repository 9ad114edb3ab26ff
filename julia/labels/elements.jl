# The states of tracks in a label file: read from JSON without making an object for each frame, then turned into
# columns.

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

"""
    Decoder(table, declared)

Turns the elements of `labels` into a column of state numbers.

If `declared` is false, the declarations are invalid: codes cannot be checked, and the result is not used.
"""
mutable struct Decoder  # mutable, so that it is passed by reference and not boxed for each track
    table::StateTable
    names::Vector{String}  # by code
    declared::Bool
    known::Dict{Vector{Int32},Int32}  # the tokens of an element => its state's number
    # The same for recent elements, by a hash of their tokens; enough for most frames.
    recent::Vector{Vector{Int32}}
    numbers::Vector{Int32}
end

const RECENT = 1024  # a power of two; any pair of 31 codes has its own slot

function Decoder(table::StateTable, declared::Bool)
    return Decoder(table, [table.names; table.secondary_names], declared, Dict{Vector{Int32},Int32}(),
                   fill(Int32[], RECENT), zeros(Int32, RECENT))  # no tokens: state 0
end

function decode!(decoder::Decoder, elements::Elements)
    tokens, lengths = elements.tokens, elements.lengths
    largest = decoder.declared ? length(decoder.names) : 0
    if isempty(lengths) && all(token -> 1 <= token <= largest, tokens)
        return tokens  # codes are state numbers
    end
    codes = Vector{Int32}(undef, length(elements))
    last = 0
    for i in eachindex(codes)
        first = last + 1
        last += isempty(lengths) ? 1 : abs(lengths[i])  # -1: one token, not an array
        if first == last && 1 <= tokens[first] <= largest
            codes[i] = tokens[first]
            continue
        end
        slot = 0
        for at in first:last
            slot = (31 * slot + tokens[at]) & (RECENT - 1)
        end
        slot += 1
        if !is_at(decoder.recent[slot], tokens, first, last)
            key = tokens[first:last]
            decoder.numbers[slot] = get!(decoder.known, key) do
                parts = Any[token < 0 ? elements.names[-token] : Int64(token) for token in key]
                located(() -> number!(decoder.table, resolve(decoder, parts)); index=i)
            end
            decoder.recent[slot] = key
        end
        codes[i] = decoder.numbers[slot]
    end
    return codes
end

function is_at(list::Vector{Int32}, tokens::Vector{Int32}, first::Int, last::Int)
    length(list) == last - first + 1 || return false
    for i in eachindex(list)
        list[i] == tokens[first + i - 1] || return false
    end
    return true
end

decode!(decoder::Decoder, element::Union{String,Number}) = decode!(decoder, Any[element])

function decode!(decoder::Decoder, elements::AbstractVector)
    codes = Vector{Int32}(undef, length(elements))
    for (i, element) in enumerate(elements)
        codes[i] = located(() -> number!(decoder.table, resolve(decoder, element)); index=i)
    end
    return codes
end

"""Return the state of an element."""
function resolve(decoder::Decoder, element)
    parts = element isa AbstractVector ? element : [element]
    return checked_state([name_of(decoder, part, element) for part in parts])
end

function name_of(decoder::Decoder, part, element)
    part isa String && return part
    part isa Float64 && (part = whole(part))  # MATLAB's numbers are doubles
    if !(part isa Union{Int64,UInt64})
        problem = "expected a code, a name or an array of these, found $(shown(element))"
        throw(LabelFileError("bad-code", problem))
    end
    decoder.declared || return "\0code $part"  # not a name in any data
    if !(1 <= part <= length(decoder.names))
        problem = isempty(decoder.names) ? "expected a name, since no names are declared, found code $part" :
                  "expected a code from 1 to $(length(decoder.names)), found $part"
        throw(LabelFileError("bad-code", problem))
    end
    return decoder.names[part]
end
