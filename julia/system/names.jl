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

Return the part of a message that suggests the known names nearest to an unknown one.
"""
function did_you_mean(name, names)
    isempty(names) && return "there are none"
    near = [(-likeness(name, known), known) for known in names]
    near = filter(pair -> -first(pair) >= 0.6, sort!(near))
    isempty(near) && return "there are $(join(first_few(sort(collect(names)), 10), ", "))"
    return "did you mean $(join(last.(first_few(near, 3)), " or "))?"
end

"""Return the similarity of two texts, from 0 to 1: the share of characters in their longest common subsequence."""
function likeness(one, other)
    a, b = collect(one), collect(other)
    isempty(a) && isempty(b) && return 1.0
    row = zeros(Int, length(b) + 1)  # lengths of the longest common subsequences
    for x in a
        diagonal = 0
        for (j, y) in enumerate(b)
            above = row[j + 1]
            row[j + 1] = x == y ? diagonal + 1 : max(above, row[j])
            diagonal = above
        end
    end
    return 2 * row[end] / (length(a) + length(b))
end

first_few(items, n) = items[1:min(n, length(items))]
