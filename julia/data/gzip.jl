# Data compressed with gzip (RFC 1952 and 1951). Julia's standard library has no zlib.

const GZIP = UInt8[0x1f, 0x8b]
const GZIP_RATIO = 64  # largest size of the content, relative to the data's
const GZIP_SMALL = 64 << 20  # bytes of content that are never too large

is_gzip(data) = length(data) >= 2 && data[1] == GZIP[1] && data[2] == GZIP[2]

"""Compressed data cannot be read. `found` says why."""
struct DamagedGzip <: Exception
    found::String
end

"""The bits of some data, lowest first."""
mutable struct BitReader
    data::Vector{UInt8}
    at::Int  # the next byte
    hold::UInt64  # bits that were taken from the data
    n::Int  # how many
end

@inline function refill!(bits::BitReader)
    @inbounds while bits.n <= 56 && bits.at <= length(bits.data)
        bits.hold |= UInt64(bits.data[bits.at]) << bits.n
        bits.at += 1
        bits.n += 8
    end
    return nothing
end

@inline function take_bits!(bits::BitReader, n::Int)
    bits.n < n && refill!(bits)
    bits.n < n && throw(DamagedGzip("data that end early"))
    value = bits.hold & ((UInt64(1) << n) - 1)
    bits.hold >>= n
    bits.n -= n
    return Int(value)
end

byte!(bits) = UInt8(take_bits!(bits, 8))

"""
Return the table of a Huffman code, given the length of each symbol's code. The next bits are the index, an entry
is 16 times the symbol, plus the length. An entry of 0 has no symbol.
"""
function code_table(lengths)
    longest = maximum(lengths)
    table = zeros(UInt16, 1 << longest)
    code = 0
    for n in 1:longest
        for (i, length_) in enumerate(lengths)
            length_ == n || continue
            code < 1 << n || throw(DamagedGzip("an invalid code"))
            reversed = parse(Int, reverse(string(code; base=2, pad=n)); base=2)
            for at in reversed:1 << n:length(table) - 1
                table[at + 1] = UInt16((i - 1) << 4 | n)
            end
            code += 1
        end
        code <<= 1
    end
    return table
end

@inline function symbol!(bits::BitReader, table::Vector{UInt16})
    bits.n < 15 && refill!(bits)
    @inbounds entry = table[Int(bits.hold & UInt64(length(table) - 1)) + 1]
    entry == 0 && throw(DamagedGzip("an invalid code"))
    take_bits!(bits, Int(entry & 0x000f))
    return Int(entry >> 4)
end

const FIXED_CODES = (code_table([fill(8, 144); fill(9, 112); fill(7, 24); fill(8, 8)]), code_table(fill(5, 30)))
const LENGTH_BASES = [3:10; 11:2:17; 19:4:31; 35:8:59; 67:16:115; 131:32:227; 258]
const LENGTH_BITS = [zeros(Int, 8); repeat(1:5; inner=4); 0]
const DISTANCE_BITS = [0; 0; repeat(0:13; inner=2)]
const DISTANCE_BASES = cumsum([1; 1 .<< DISTANCE_BITS[1:end - 1]])
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] .+ 1

function dynamic_codes(bits)
    n_lengths, n_distances, n_codes = take_bits!(bits, 5) + 257, take_bits!(bits, 5) + 1, take_bits!(bits, 4) + 4
    n_lengths <= 286 && n_distances <= 30 || throw(DamagedGzip("an invalid block"))
    of_codes = zeros(Int, 19)
    for i in 1:n_codes
        of_codes[CODE_LENGTH_ORDER[i]] = take_bits!(bits, 3)
    end
    table = code_table(of_codes)
    lengths = Int[]
    while length(lengths) < n_lengths + n_distances
        symbol = symbol!(bits, table)
        if symbol < 16
            push!(lengths, symbol)
        elseif symbol == 16
            isempty(lengths) && throw(DamagedGzip("an invalid block"))
            append!(lengths, fill(lengths[end], 3 + take_bits!(bits, 2)))
        else
            append!(lengths, zeros(Int, symbol == 17 ? 3 + take_bits!(bits, 3) : 11 + take_bits!(bits, 7)))
        end
    end
    length(lengths) == n_lengths + n_distances || throw(DamagedGzip("an invalid block"))
    return code_table(lengths[1:n_lengths]), code_table(lengths[n_lengths + 1:end])
end

"""Append the content of a stream of deflate, up to `largest` bytes."""
function inflate!(out::Vector{UInt8}, bits::BitReader, largest::Int)
    start, is_last = length(out), false
    check() = length(out) <= largest || throw(DamagedGzip("more than $largest bytes"))
    while !is_last
        is_last, kind = take_bits!(bits, 1) == 1, take_bits!(bits, 2)
        if kind == 0
            take_bits!(bits, bits.n % 8)
            n, complement = take_bits!(bits, 16), take_bits!(bits, 16)
            n == xor(complement, 0xffff) || throw(DamagedGzip("an invalid block"))
            for _ in 1:n
                push!(out, byte!(bits))
            end
            check()
        elseif kind == 3
            throw(DamagedGzip("an invalid block"))
        else
            inflate_block!(out, bits, (kind == 1 ? FIXED_CODES : dynamic_codes(bits))..., start, check)
        end
    end
    return out
end

function inflate_block!(out, bits, lengths, distances, start, check)
    while true
        symbol = symbol!(bits, lengths)
        if symbol < 256
            push!(out, UInt8(symbol))
        elseif symbol == 256
            return check()
        else
            symbol <= 285 || throw(DamagedGzip("an invalid code"))
            n = LENGTH_BASES[symbol - 256] + take_bits!(bits, LENGTH_BITS[symbol - 256])
            code = symbol!(bits, distances) + 1
            distance = DISTANCE_BASES[code] + take_bits!(bits, DISTANCE_BITS[code])
            distance <= length(out) - start || throw(DamagedGzip("an invalid distance"))
            for _ in 1:n
                @inbounds push!(out, out[end + 1 - distance])
            end
            check()
        end
    end
end

const CRC32_TABLE = UInt32[foldl((c, _) -> isodd(c) ? xor(c >> 1, 0xedb88320) : c >> 1, 1:8; init=UInt32(i))
                           for i in 0:255]

function crc32(data, from)
    crc = 0xffffffff
    @inbounds for i in from:length(data)
        crc = xor(crc >> 8, CRC32_TABLE[Int(xor(crc, data[i]) & 0xff) + 1])
    end
    return ~crc
end

"""Read the header of a member; throw if there is none."""
function gzip_header!(bits)
    (byte!(bits), byte!(bits), byte!(bits)) == (GZIP..., 0x08) || throw(DamagedGzip("other data"))
    flags = byte!(bits)
    foreach(_ -> byte!(bits), 1:6)
    flags & 0x04 == 0 || foreach(_ -> byte!(bits), 1:take_bits!(bits, 16))
    for flag in (0x08, 0x10)  # a name, a comment
        while flags & flag != 0 && byte!(bits) != 0
        end
    end
    return flags & 0x02 == 0 ? nothing : take_bits!(bits, 16)
end

"""
Return the content of data compressed with gzip. Throw if they are damaged, or if the content exceeds 64 times
the data and 64 MiB.
"""
function gunzip(data; largest=max(GZIP_RATIO * length(data), GZIP_SMALL))
    bits, out = BitReader(data, 1, 0, 0), UInt8[]
    while true
        gzip_header!(bits)
        start = length(out)
        inflate!(out, bits, largest)
        take_bits!(bits, bits.n % 8)
        crc32(out, start + 1) == take_bits!(bits, 32) || throw(DamagedGzip("another checksum"))
        take_bits!(bits, 32) == (length(out) - start) % 2^32 || throw(DamagedGzip("another length"))
        rest = bits.at - bits.n ÷ 8
        next = findnext(!iszero, data, rest)  # zeros may follow
        next === nothing && return out
        bits.at, bits.hold, bits.n = next, 0, 0
    end
end

"""Return the first bytes of the content, at most `n`, given the first bytes of the data."""
function gunzip_head(head, n)
    bits, out = BitReader(head, 1, 0, 0), UInt8[]
    try
        gzip_header!(bits)
        inflate!(out, bits, n)
    catch error
        error isa DamagedGzip || rethrow()
    end
    return out[1:min(n, end)]
end
