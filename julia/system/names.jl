# Identifiers that users choose and that become names of files and folders.

const IDENTIFIER = r"\A[A-Za-z0-9][A-Za-z0-9._@+=-]{0,127}\z"

"""
    check_identifier(what, identifier)

Check an identifier and return it.

# Errors
`BackendError` `bad-identifier`: the identifier is not a safe name for a folder.

# Example
```julia
check_identifier("model instance", "20240611_101500")
```
"""
function check_identifier(what, identifier::AbstractString)
    if !occursin(IDENTIFIER, identifier)
        throw(BackendError("bad-identifier",
            "$what $(shown(identifier)): expected at most 128 characters, a letter or a digit " *
            "first, then letters, digits and . _ @ + = -"))
    end
    return String(identifier)
end

"""
    did_you_mean(name, names)

Return the part of a message that suggests names similar to an unknown one.
"""
function did_you_mean(name, names)
    near = similar_names(name, names)
    isempty(near) || return "did you mean $(join(near, " or "))?"
    isempty(names) && return "there are none"
    return "there are $(join(first_few(sort!(collect(names)), 10), ", "))"
end

"""Return up to three names that an unknown one may stand for, as Python's `similar` does."""
function similar_names(name, names)
    completions = sort!(String[known for known in names if !isempty(name) && startswith(known, name)])
    isempty(completions) || return first_few(completions, 3)
    near = sort!([(likeness(known, name), String(known)) for known in names]; rev=true)
    return last.(first_few(filter(pair -> first(pair) >= 0.6, near), 3))
end

"""Return the similarity of two texts, from 0 to 1: the ratio of Python's difflib.SequenceMatcher."""
function likeness(one, other)
    a, b = collect(one), collect(other)
    isempty(a) && isempty(b) && return 1.0
    return 2 * matching_characters(a, b) / (length(a) + length(b))
end

"""Return the length of the longest common part, the first one, and of those on both sides of it."""
function matching_characters(a, b)
    at = in_b = longest = 0
    lengths = zeros(Int, length(b) + 1)  # of the common part that ends at a character of b, after one more
    for i in eachindex(a)
        for j in length(b):-1:1
            lengths[j + 1] = a[i] == b[j] ? lengths[j] + 1 : 0
        end
        most, j = findmax(lengths)
        if most > longest
            at, in_b, longest = i, j - 1, most
        end
    end
    longest == 0 && return 0
    before = matching_characters(a[1:at - longest], b[1:in_b - longest])
    return longest + before + matching_characters(a[at + 1:end], b[in_b + 1:end])
end

first_few(items, n) = items[1:min(n, length(items))]
