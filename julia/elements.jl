# The states of tracks as a label file tells them, read from its JSON without an object a frame.

"""
    Elements

The elements of a track's `labels`: codes, names, or arrays of these.

# Fields
- `tokens`: codes as they are; a name as -n, when it is the nth of `names`.
- `lengths`: of each element, -1 if it is no array; empty if none is.
- `names`: those in the whole text.
"""
struct Elements
    tokens::Vector{Int32}
    lengths::Vector{Int32}
    names::Vector{String}
end

Base.length(e::Elements) = isempty(e.lengths) ? length(e.tokens) : length(e.lengths)

"""Return where in a label file the value of a key is, if that matters to how it is read."""
function inside(place::Symbol, key::String)
    (place === :file || place === :run) && key == "data" && return :data
    place === :file && key == "runs" && return :runs
    place === :runs && return :run
    place === :track && key == "labels" && return :states
    return :elsewhere
end

"""
Read the `labels` of a track if they are what they should be, and return nothing if not: then they are
read as any other array, and what is wrong is found.
"""
function parse_elements(p::JSONParser)
    p.depth + 2 <= MAX_DEPTH || return nothing
    tokens, lengths = sizehint!(Int32[], p.guess), Int32[]
    p.at += 1
    c = peek(p)
    while c != UInt8(']')
        if c == UInt8('[')
            if isempty(lengths)
                lengths = sizehint!(fill(Int32(-1), length(tokens)), p.guess)
            end
            n = parse_list!(tokens, p)
            n < 0 && return nothing
            push!(lengths, n)
        else
            parse_token!(tokens, p, c) || return nothing
            isempty(lengths) || push!(lengths, -1)
        end
        c = next_in_array(p)
        c == 0x00 && return nothing
    end
    p.at += 1
    return Elements(tokens, lengths, p.names)
end

"""Read an array of codes and names, and return how many there are; -1 if there is anything else."""
function parse_list!(tokens::Vector{Int32}, p::JSONParser)
    p.at += 1
    n = 0
    c = peek(p)
    while c != UInt8(']')
        parse_token!(tokens, p, c) || return -1
        n += 1
        c = next_in_array(p)
        c == 0x00 && return -1
    end
    p.at += 1
    return n
end

"""Go to an array's next element, and return its first byte; the end of the array; or 0 for an error."""
@inline function next_in_array(p::JSONParser)
    c = peek(p)
    c == UInt8(']') && return c
    c == UInt8(',') || return 0x00
    p.at += 1
    c = peek(p)
    return c == UInt8(']') ? 0x00 : c
end

"""Read a code or a name; return false, and read nothing, if it is anything else."""
@inline function parse_token!(tokens::Vector{Int32}, p::JSONParser, c::UInt8)
    if c == UInt8('"')
        push!(tokens, -parse_name(p))
        return true
    end
    at = p.at
    token = Int32(0)
    while is_digit(c)
        token = Int32(10) * token + Int32(c - UInt8('0'))
        at += 1
        c = byte(p.text, at)
    end
    # at most 9 digits, no zero before them, no point or exponent after them
    1 <= at - p.at <= 9 && c != UInt8('.') && c | 0x20 != UInt8('e') || return false
    at == p.at + 1 || byte(p.text, p.at) != UInt8('0') || return false
    push!(tokens, token)
    p.at = at
    return true
end
