# JSON numbers: single ones, and columns of them as vectors of one type.

const POWERS_OF_TEN = [10.0^n for n in 0:22]  # exact as doubles

@inline at_number(p::JSONParser) = (c = peek(p); is_digit(c) || c == UInt8('-'))

"""
Read the numbers at an array's start into a vector of their type. Return it, and whether the array continues
with a value that is not a number.
"""
function parse_numbers(p::JSONParser)
    start = p.at
    first = parse_number(p)
    p.at = start
    return first isa Int64 ? parse_numbers(p, p.integers) : parse_numbers(p, p.floats)
end

function parse_numbers(p::JSONParser, column::Vector)
    n = column isa Vector{Float64} ? take_decimals!(column, p) : 0
    n, unfinished = take_numbers!(column, n, p)
    unfinished && at_number(p) || return column[1:n], unfinished
    mixed = Vector{Union{Int64,Float64}}(column[1:n])
    n, unfinished = take_numbers!(mixed, n, p)
    return resize!(mixed, n), unfinished
end

"""
Put the following numbers after the first n of a vector, until the array ends or a value of another kind
follows. Return the new n, and whether the array continues.
"""
function take_numbers!(values::Vector{T}, n::Int, p::JSONParser) where {T}
    unfinished = true
    while unfinished && at_number(p)
        start = p.at
        number = parse_number(p)
        number isa T || (p.at = start; break)
        n = put!(values, n, number)
        unfinished = another(p, ']')
    end
    return n, unfinished
end

"""
Put the following decimals like `66.675`, each followed by a comma, into a vector. Return how many there
are. Times, most of a label file, have this form; `take_numbers!` reads the rest.
"""
function take_decimals!(values::Vector{Float64}, p::JSONParser)
    n = 0
    text, at = p.text, p.at  # local variables: fields of the parser would take twice the time
    while true
        whole, point, c = take_digits(text, Int64(0), at)
        c == UInt8('.') || break
        digits, stop, c = take_digits(text, whole, point + 1)
        c == UInt8(',') && at < point && point + 1 < stop <= at + 16 || break
        byte(text, at) != UInt8('0') || point == at + 1 || break  # a leading zero
        n = put!(values, n, digits / @inbounds POWERS_OF_TEN[stop - point])  # exact: at most 15 digits
        at = stop + 1
        at += byte(text, at) == 0x20  # other blanks are rare
    end
    p.at = at
    return n
end

"""Put a value after the first n of a vector, growing it if necessary; return n + 1."""
@inline function put!(values::Vector, n::Int, value)
    n < length(values) || resize!(values, 2 * n + 64)
    @inbounds values[n + 1] = value
    return n + 1
end

"""Read a number: an `Int64`, or a `UInt64` or `Float64` if it does not fit."""
function parse_number(p::JSONParser)
    text, start = p.text, p.at
    first = start + (byte(text, start) == UInt8('-'))
    digits, at, c = take_digits(text, Int64(0), first)
    at > first || fail(p, "a digit", at)
    n = at - first
    n == 1 || byte(text, first) != UInt8('0') || fail(p, "no digit after a leading zero", first + 1)
    exponent = 0
    if c == UInt8('.')
        point = at + 1
        digits, at, c = take_digits(text, digits, point)
        at > point || fail(p, "a digit", at)
        exponent = point - at
        n -= exponent
    elseif c | 0x20 != UInt8('e')
        p.at = at
        return n < 19 ? (first > start ? -digits : digits) : long_integer(p, start)
    end
    p.at = at
    if c | 0x20 == UInt8('e')
        exponent += parse_exponent(p)
    end
    # Both operands are exact, so the single operation rounds correctly (Clinger 1990).
    if n < 19 && digits <= Int64(1) << 53 && -22 <= exponent <= 22
        power = @inbounds POWERS_OF_TEN[1 + abs(exponent)]
        float = exponent < 0 ? digits / power : digits * power
        return first > start ? -float : float
    end
    return long_float(p, start)
end

"""
Append the following digits, if any, to others. Return them, the position after them and the byte there.
More than 18 digits overflow.
"""
@inline function take_digits(text::String, digits::Int64, at::Int)
    c = byte(text, at)
    while is_digit(c)
        digits = 10 * digits + (c - UInt8('0'))
        at += 1
        c = byte(text, at)
    end
    return digits, at, c
end

function parse_exponent(p::JSONParser)
    p.at += 1
    c = byte(p.text, p.at)
    p.at += c == UInt8('-') || c == UInt8('+')
    is_digit(byte(p.text, p.at)) || fail(p, "a digit")
    exponent = 0
    while is_digit(byte(p.text, p.at))
        # larger exponents overflow anyway
        exponent = min(10 * exponent + (byte(p.text, p.at) - UInt8('0')), 10_000)
        p.at += 1
    end
    return c == UInt8('-') ? -exponent : exponent
end

@noinline function long_integer(p::JSONParser, start::Int)
    digits = SubString(p.text, start, p.at - 1)
    integer = tryparse(Int64, digits)
    integer === nothing || return integer
    unsigned = startswith(digits, '-') ? nothing : tryparse(UInt64, digits)
    return unsigned === nothing ? long_float(p, start) : unsigned
end

@noinline function long_float(p::JSONParser, start::Int)
    digits = SubString(p.text, start, p.at - 1)
    float = tryparse(Float64, digits)  # strtod rounds correctly
    float === nothing || isinf(float) || return float
    # out of range: too large, or too small?
    abs(parse(BigFloat, String(digits))) < 1 || fail(p, "a number that a double can hold", start)
    return startswith(digits, '-') ? -0.0 : 0.0
end
