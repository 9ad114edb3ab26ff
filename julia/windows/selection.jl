# Selection of the labelled frames that become windows: by label, and balanced by class. The random choice is the
# same as in Python.

function as_patterns(patterns)
    texts = patterns isa Union{AbstractString,Symbol} ? [patterns] : collect(patterns)
    wrong = findfirst(text -> !(text isa AbstractString), texts)
    wrong === nothing ||
        throw(ArgumentError("expected names or patterns of labels, found $(shown(texts[wrong]))"))
    return unique!(String[texts...])
end

"""
Return the names that match patterns, in the order of the patterns, without repetitions.

A name stands for itself, even if it looks like a pattern. A pattern stands for all names in `used` that it matches.
`unknown-label`: a name is not among `names`, or a pattern matches none of them.
"""
function matching_names(patterns, names, used)
    found = String[]
    for pattern in patterns
        if pattern in names
            push!(found, pattern)
            continue
        end
        glob = glob_regex(pattern)
        any(name -> occursin(glob, name), names) || throw(BackendError("unknown-label",
            "expected a label in the files, found $(shown(pattern)): $(did_you_mean(pattern, names))"))
        append!(found, filter(name -> occursin(glob, name), used))
    end
    return unique!(found)
end

"""Return the regular expression of a pattern with `*`, `?`, `[seq]` and `[!seq]`, as in Python's fnmatch."""
function glob_regex(pattern)
    characters, regex, at = collect(pattern), "", 1
    escaped(c) = isascii(c) && !(isletter(c) || isdigit(c)) ? "\\$c" : string(c)
    while at <= length(characters)
        c = characters[at]
        # a bracket at the start of a set belongs to it
        start = at + 1 + (get(characters, at + 1, ' ') == '!')
        close = c == '[' ? findnext(==(']'), characters, min(start + 1, length(characters) + 1)) : nothing
        if close === nothing
            regex *= c == '*' ? ".*" : c == '?' ? "." : escaped(c)
            at += 1
            continue
        end
        set = ""
        while start < close
            is_range = start + 2 < close && characters[start + 1] == '-'
            first, last = characters[start], characters[is_range ? start + 2 : start]
            first <= last && (set *= escaped(first) * "-" * escaped(last))
            start += is_range ? 3 : 1
        end
        is_negated = characters[at + 1] == '!'
        regex *= isempty(set) ? (is_negated ? "." : "(?!)") : "[$(is_negated ? "^" : "")$set]"
        at = close + 1
    end
    return Regex("\\A(?:$regex)\\z", "s")
end

"""
Return the class of a frame, the 0-based one of its label in `classes`, -1 (not selected) or -2 (ambiguous).

A frame belongs to a class if exactly one of its labels is selected and none is excluded.
"""
function class_of(labels, classes::Dict{String,Int}, excluded::Set{String})
    found = filter(name -> haskey(classes, name), labels)
    (isempty(found) || any(in(excluded), labels)) && return -1
    return length(found) == 1 ? classes[found[1]] : -2
end

"""Return how many windows of each class to take, of those that there are. Empty classes are ignored."""
function class_sizes(counts, balance)
    balance === nothing && return copy(counts)
    present = filter(>(0), counts)
    if balance == "majority"
        most = reduce(max, present; init=0)
        return [count > 0 ? most : 0 for count in counts]
    end
    ratio = balance == "minority" ? 1.0 : balance
    if !(ratio isa Real) || ratio isa Bool || !(isfinite(ratio) && ratio >= 1)
        expected = "nothing, \"minority\", \"majority\" or a ratio of 1 or more"
        throw(ArgumentError("expected $expected as balance, found $(shown(balance))"))
    end
    most = isempty(present) ? 0.0 : floor(ratio * minimum(present))
    return [count <= most ? count : Int(most) for count in counts]
end

"""
Return how many times to take each of n windows to get `size` windows in total: each `size ÷ n` times, and a random
choice of them once more, which depends only on the key.
"""
function repeats(n, size, key...)
    each, more = n == 0 ? (0, 0) : divrem(size, n)
    times = fill(each, n)
    more > 0 && (times[sortperm(random_numbers(n, key))[1:more]] .+= 1)
    return times
end

# PCG64 of NumPy, seeded by its SeedSequence (O'Neill's seed_seq_fe): both are the same in all versions.

function random_numbers(n, key)
    words = seed_words(key)
    state = (UInt128(words[1]) << 64 | words[2])
    increment = (UInt128(words[3]) << 64 | words[4]) << 1 | 1
    multiplier = UInt128(2549297995355413924) << 64 | 4865540595714422341
    state = (increment + state) * multiplier + increment
    return map(1:n) do _
        state = state * multiplier + increment
        folded = ((state >> 64) ⊻ state) % UInt64
        turn = (state >> 122) % Int
        return folded >> turn | folded << ((64 - turn) & 63)
    end
end

"""Return 4 words of 64 bits, mixed of whole numbers."""
function seed_words(key)
    entropy = reduce(vcat, map(words_of, key))
    constant = 0x43b0d7e5
    function hashed(value)
        value ⊻= constant
        constant *= 0x931e8875
        value *= constant
        return value ⊻ value >> 16
    end
    function mixed(one, other)
        value = 0xca01f9dd * one - 0x4973f715 * other
        return value ⊻ value >> 16
    end
    pool = [hashed(get(entropy, i, 0x00000000)) for i in 1:4]
    for from in 1:4, to in 1:4
        from == to || (pool[to] = mixed(pool[to], hashed(pool[from])))
    end
    for from in 5:length(entropy), to in 1:4
        pool[to] = mixed(pool[to], hashed(entropy[from]))
    end
    constant = 0x8b51f9dd
    words = map(1:8) do i
        value = pool[mod1(i, 4)] ⊻ constant
        constant *= 0x58f38ded
        value *= constant
        return value ⊻ value >> 16
    end
    return [UInt64(words[i + 1]) << 32 | words[i] for i in 1:2:8]
end

"""Return the words of 32 bits of a whole number from 0, the lowest first."""
words_of(number) = UInt32.(digits(number; base=big(2)^32))
