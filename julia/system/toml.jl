# As much of TOML as it takes to find a few strings: Julia has a TOML module from 1.6 only.

"""
    read_toml(path)

Return the values of a TOML file that are not in arrays: keys from the top -> the value if it is a string,
else `nothing`. Tables are not among them.

# Errors
`BackendError` `not-a-backend`: the file is not TOML.
"""
function read_toml(path)
    text = read(path, String)
    found = Dict{Vector{String},Union{String,Nothing}}()
    toml = TomlText(path, codeunits(text), 1)
    isvalid(text) || toml_fault(toml, "bytes that are not UTF-8")
    table = String[]
    while skip_toml_space!(toml; lines=true)
        if toml_byte(toml) == UInt8('[')
            brackets = toml_byte(toml, 1) == UInt8('[') ? 2 : 1
            toml.at += brackets
            table = read_toml_key!(toml)
            foreach(_ -> expect_toml!(toml, ']'), 1:brackets)
            if brackets == 2
                found[table] = nothing
                table = [table; "[]"]  # what is in arrays is not for us
            end
        else
            read_toml_pair!(found, toml, table)
        end
        skip_toml_space!(toml)
        toml_byte(toml) in (UInt8('\n'), UInt8('\r'), 0x00) || toml_fault(toml)
    end
    return found
end

mutable struct TomlText
    path::String
    bytes::Base.CodeUnits{UInt8,String}
    at::Int
end

"""Return a byte from the present place on, 0 behind the end."""
toml_byte(toml, ahead=0) = get(toml.bytes, toml.at + ahead, 0x00)

function toml_fault(toml, found=nothing)
    line = count(==(UInt8('\n')), view(toml.bytes, 1:min(toml.at, length(toml.bytes) + 1) - 1)) + 1
    if found === nothing
        byte = toml_byte(toml)
        found = toml.at > length(toml.bytes) ? "the file's end" : repr(Char(byte))
    end
    throw(BackendError("not-a-backend", "$(toml.path): expected TOML, found: $found in line $line"))
end

function expect_toml!(toml, char)
    toml_byte(toml) == UInt8(char) || toml_fault(toml)
    toml.at += 1
    return nothing
end

"""Skip blanks and a comment (and lines); tell whether there is something left."""
function skip_toml_space!(toml; lines=false)
    blanks = lines ? b" \t\r\n" : b" \t"
    while toml.at <= length(toml.bytes)
        byte = toml_byte(toml)
        if byte == UInt8('#')
            while !(toml_byte(toml) in (UInt8('\n'), 0x00))
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

function read_toml_key!(toml)
    key = String[]
    while true
        skip_toml_space!(toml)
        push!(key, toml_byte(toml) in b"\"'" ? read_toml_string!(toml) :
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

function read_toml_pair!(found, toml, table)
    key = [table; read_toml_key!(toml)]
    expect_toml!(toml, '=')
    skip_toml_space!(toml)
    return read_toml_value!(found, toml, key)
end

function read_toml_value!(found, toml, key)
    byte = toml_byte(toml)
    if byte in b"\"'"
        found[key] = read_toml_string!(toml)
    elseif byte == UInt8('[')
        found[key] = nothing
        read_toml_items!(() -> read_toml_value!(found, toml, [key; "[]"]), toml, ']')
    elseif byte == UInt8('{')
        read_toml_items!(() -> read_toml_pair!(found, toml, key), toml, '}')
    else  # a number, a boolean, or a date, which may have a blank in it
        found[key] = nothing
        read_toml_bare!(toml, byte -> isletter(Char(byte)) || byte in b"0123456789+-_.: ")
    end
    return nothing
end

function read_toml_items!(read_item, toml, close)
    toml.at += 1
    while true
        skip_toml_space!(toml; lines=true)
        toml_byte(toml) == UInt8(close) && break
        read_item()
        skip_toml_space!(toml; lines=true)
        toml_byte(toml) == UInt8(close) && break
        expect_toml!(toml, ',')
    end
    toml.at += 1
    return nothing
end

function read_toml_string!(toml)
    quoting = toml_byte(toml)
    several = toml_byte(toml, 1) == quoting && toml_byte(toml, 2) == quoting
    width = several ? 3 : 1
    toml.at += width
    if several && toml_byte(toml) == UInt8('\r') && toml_byte(toml, 1) == UInt8('\n')
        toml.at += 2
    elseif several && toml_byte(toml) == UInt8('\n')
        toml.at += 1
    end
    text = UInt8[]
    while !all(==(quoting), toml_byte(toml, i) for i in 0:width - 1)
        byte = toml_byte(toml)
        if toml.at > length(toml.bytes) || (byte == UInt8('\n') && !several)
            toml_fault(toml)
        elseif byte == UInt8('\\') && quoting == UInt8('"')
            toml.at += 1
            read_toml_escape!(text, toml, several)
        else
            push!(text, byte)
            toml.at += 1
        end
    end
    toml.at += width
    while several && toml_byte(toml) == quoting  # quotes that are the last of the text
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
        digits = toml.bytes[toml.at + 1:min(toml.at + (byte == UInt8('u') ? 4 : 8), end)]
        code = tryparse(UInt32, String(digits); base=16)
        (code === nothing || !isvalid(Char, code)) && toml_fault(toml)
        append!(text, codeunits(string(Char(code))))
        toml.at += 1 + length(digits)
    elseif several && byte in b" \t\r\n"  # a line's end that does not count, and what is blank behind
        while toml_byte(toml) in b" \t\r\n"
            toml.at += 1
        end
    else
        toml_fault(toml)
    end
    return nothing
end
