# Read the strings of a TOML file. Julia has a TOML module only since 1.6. The parser in Pkg of Julia 1.5 does
# not support dotted keys, mixed arrays and dates, which pyproject.toml files contain.

"""
    read_toml(path)

Return the values in a TOML file: keys from the top => a string, or a symbol for any other value.

The symbol of a table is how it is defined: `:header`, `:dotted`, `:inline`, or `:implicit` (above a table
with a header). The symbol of an array of tables is `:array`, and that of other values is `:value`. Keys of
items in arrays contain the item's number. A byte order mark is skipped.

# Errors
`BackendError` `not-a-backend`: the file is not TOML, or defines a key twice.
"""
function read_toml(path)
    # normalize line ends as Python does
    text = replace(String(chop_mark(read(path, String))), r"\r\n?" => "\n")
    toml = TomlText(path, text)
    isvalid(text) || toml_fault(toml, "bytes that are not UTF-8")
    table = String[]
    while skip_toml_space!(toml; lines=true)
        if toml_byte(toml) == UInt8('[')
            table = read_toml_header!(toml)
        else
            read_toml_pair!(toml, table)
        end
        skip_toml_space!(toml)
        toml_byte(toml) in (UInt8('\n'), 0x00) || toml_fault(toml)
    end
    return toml.found
end

chop_mark(text) = startswith(text, '\ufeff') ? chop(text; head=1, tail=0) : text

mutable struct TomlText
    path::String
    bytes::Base.CodeUnits{UInt8,String}
    at::Int
    found::Dict{Vector{String},Union{String,Symbol}}
    items::Dict{Vector{String},Int}  # of arrays of tables
end

TomlText(path, text) = TomlText(path, codeunits(text), 1, Dict(), Dict())

"""Return the byte at the current position (plus `ahead`); 0 after the end."""
toml_byte(toml, ahead=0) = get(toml.bytes, toml.at + ahead, 0x00)

function toml_fault(toml, found=nothing)
    line = count(==(UInt8('\n')), view(toml.bytes, 1:min(toml.at, length(toml.bytes) + 1) - 1)) + 1
    if found === nothing
        found = toml.at > length(toml.bytes) ? "the file's end" : repr(Char(toml_byte(toml)))
    end
    throw(BackendError("not-a-backend", "$(toml.path): expected TOML, found: $found in line $line"))
end

toml_twice(toml, key) = toml_fault(toml, "$(join(key, '.')) defined twice")

function expect_toml!(toml, char)
    toml_byte(toml) == UInt8(char) || toml_fault(toml)
    toml.at += 1
    return nothing
end

"""Throw for a control character, which is invalid in comments and strings."""
check_toml_byte(toml, byte) = (byte >= 0x20 && byte != 0x7f) || byte == UInt8('\t') || toml_fault(toml)

"""Skip blanks and a comment (with `lines`, also line ends); return whether text is left."""
function skip_toml_space!(toml; lines=false)
    blanks = lines ? b" \t\n" : b" \t"
    while toml.at <= length(toml.bytes)
        byte = toml_byte(toml)
        if byte == UInt8('#')
            while !(toml_byte(toml) == UInt8('\n') || toml.at > length(toml.bytes))
                check_toml_byte(toml, toml_byte(toml))
                toml.at += 1
            end
        elseif byte in blanks
            toml.at += 1
        else
            return true
        end
    end
    return false
end

"""Read `[a.b]` or `[[a.b]]`, and return the key of the table."""
function read_toml_header!(toml)
    in_array = toml_byte(toml, 1) == UInt8('[')
    toml.at += 1 + in_array
    parts = read_toml_key!(toml)
    foreach(_ -> expect_toml!(toml, ']'), 1:(1 + in_array))
    table = String[]
    for part in parts[1:end - 1]
        push!(table, part)
        kind = get!(toml.found, copy(table), :implicit)
        if kind === :array
            push!(table, "[$(toml.items[table])]")
        elseif !(kind in (:header, :implicit, :dotted))
            toml_twice(toml, table)
        end
    end
    push!(table, parts[end])
    known = get(toml.found, table, nothing)
    known in (nothing, in_array ? :array : :implicit) || toml_twice(toml, table)
    toml.found[table] = in_array ? :array : :header
    in_array || return table
    n = toml.items[table] = get(toml.items, table, 0) + 1
    return [table; "[$n]"]
end

function read_toml_key!(toml)
    key = String[]
    while true
        skip_toml_space!(toml)
        push!(key, toml_byte(toml) in b"\"'" ? read_toml_string!(toml, 1) :
                   read_toml_bare!(toml, byte -> isletter(Char(byte)) || byte in b"0123456789_-"))
        skip_toml_space!(toml)
        toml_byte(toml) == UInt8('.') || return key
        toml.at += 1
    end
end

function read_toml_bare!(toml, fitting)
    start = toml.at
    while toml_byte(toml) < 0x80 && fitting(toml_byte(toml))
        toml.at += 1
    end
    toml.at > start || toml_fault(toml)
    return String(toml.bytes[start:toml.at - 1])
end

function read_toml_pair!(toml, table)
    parts = read_toml_key!(toml)
    key = copy(table)
    for part in parts[1:end - 1]
        push!(key, part)
        get(toml.found, key, :dotted) in (:dotted, :implicit) || toml_twice(toml, key)
        toml.found[copy(key)] = :dotted
    end
    push!(key, parts[end])
    haskey(toml.found, key) && toml_twice(toml, key)
    expect_toml!(toml, '=')
    skip_toml_space!(toml)
    return read_toml_value!(toml, key)
end

# numbers, booleans, dates and times
const TOML_DIGITS = "[0-9](?:_?[0-9])*"
const TOML_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]+)?"
const TOML_VALUE = Regex("\\A(?:" * join((
    "true|false|[+-]?(?:inf|nan)",
    "[+-]?(?:0|[1-9](?:_?[0-9])*)(?:\\.$TOML_DIGITS)?(?:[eE][+-]?$TOML_DIGITS)?",
    "0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*",
    "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ]$TOML_TIME(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)?|$TOML_TIME",
), "|") * ")\\z")

function read_toml_value!(toml, key)
    byte = toml_byte(toml)
    if byte in b"\"'"
        several = toml_byte(toml, 1) == toml_byte(toml, 2) == byte
        toml.found[key] = read_toml_string!(toml, several ? 3 : 1)
    elseif byte == UInt8('[')
        toml.found[key] = :value
        read_toml_items!(n -> read_toml_value!(toml, [key; "[$n]"]), toml, ']')
    elseif byte == UInt8('{')
        toml.found[key] = :inline
        read_toml_items!(_ -> read_toml_pair!(toml, key), toml, '}')
    else
        toml.found[key] = :value
        # a date may have a blank in it
        found = read_toml_bare!(toml, byte -> isletter(Char(byte)) || byte in b"0123456789+-_.: ")
        occursin(TOML_VALUE, rstrip(found)) || toml_fault(toml, shown(found))
    end
    return nothing
end

function read_toml_items!(read_item, toml, close)
    toml.at += 1
    n = 0
    while true
        skip_toml_space!(toml; lines=true)
        toml_byte(toml) == UInt8(close) && break
        read_item(n += 1)
        skip_toml_space!(toml; lines=true)
        toml_byte(toml) == UInt8(close) && break
        expect_toml!(toml, ',')
    end
    toml.at += 1
    return nothing
end

"""Read a string between `width` quotes: with three it may have several lines."""
function read_toml_string!(toml, width)
    quoting = toml_byte(toml)
    toml.at += width
    several = width == 3
    several && toml_byte(toml) == UInt8('\n') && (toml.at += 1)
    text = UInt8[]
    while !all(==(quoting), toml_byte(toml, i) for i in 0:width - 1)
        byte = toml_byte(toml)
        if byte == UInt8('\\') && quoting == UInt8('"')
            toml.at += 1
            read_toml_escape!(text, toml, several)
        else
            several && byte == UInt8('\n') || check_toml_byte(toml, byte)
            push!(text, byte)
            toml.at += 1
        end
    end
    toml.at += width
    for _ in 1:2  # quotes that end the text, before those that close it
        several && toml_byte(toml) == quoting || break
        push!(text, quoting)
        toml.at += 1
    end
    return String(text)
end

const TOML_ESCAPES = Dict(zip(b"btnfr\"\\", b"\b\t\n\f\r\"\\"))

function read_toml_escape!(text, toml, several)
    byte = toml_byte(toml)
    if haskey(TOML_ESCAPES, byte)
        push!(text, TOML_ESCAPES[byte])
        toml.at += 1
    elseif byte in b"uU"
        last = toml.at + (byte == UInt8('u') ? 4 : 8)
        digits = String(toml.bytes[toml.at + 1:min(last, end)])
        code = occursin(r"\A(?:[0-9A-Fa-f]{4}){1,2}\z", digits) ? parse(UInt32, digits; base=16) : 0xd800
        isvalid(Char, code) || toml_fault(toml)
        append!(text, codeunits(string(Char(code))))
        toml.at = last + 1
    elseif several && byte in b" \t\n"  # an escaped line end, with the blanks around it
        blanks = toml.at
        while toml_byte(toml) in b" \t\n"
            toml.at += 1
        end
        UInt8('\n') in view(toml.bytes, blanks:toml.at - 1) || toml_fault(toml)
    else
        toml_fault(toml)
    end
    return nothing
end
