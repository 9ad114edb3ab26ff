# A dictionary that keeps the order of its keys, as JSON objects do.

"""
    OrderedDict{K,V}()
    OrderedDict{K,V}(pairs)

A dictionary that keeps the order in which keys were added. A key that gets a new value keeps its place.
The metadata and attributes of labels are of this type.

# Example
```julia
labels[run].metadata["tracker"] = "t5"
first(labels[run].metadata)  # "tracker" => "t5", unless another key was added before
```
"""
mutable struct OrderedDict{K,V} <: AbstractDict{K,V}
    keys::Vector{K}
    values::Vector{V}
    index::Union{Dict{K,Int},Nothing}  # the position of each key; made when there are many
    OrderedDict{K,V}() where {K,V} = new{K,V}(empty_vector(K), empty_vector(V), nothing)
end

# Room for the keys of most objects saves a later allocation.
empty_vector(T) = resize!(Vector{T}(undef, 4), 0)

function OrderedDict{K,V}(pairs) where {K,V}
    dict = OrderedDict{K,V}()
    for (key, value) in pairs
        dict[key] = value
    end
    return dict
end

OrderedDict{K,V}(pairs::Pair...) where {K,V} = OrderedDict{K,V}(pairs)

const FEW_KEYS = 8  # up to this many keys, a search is faster than a hash table

"""Return the position of a key, 0 if it is missing."""
function place_of(dict::OrderedDict{K}, key) where {K}
    n = length(dict.keys)
    if n <= FEW_KEYS
        for i in 1:n
            @inbounds isequal(dict.keys[i], key) && return i
        end
        return 0
    end
    if dict.index === nothing
        dict.index = Dict{K,Int}(dict.keys[i] => i for i in 1:n)
    end
    return get(dict.index::Dict{K,Int}, key, 0)
end

Base.length(dict::OrderedDict) = length(dict.keys)
Base.isempty(dict::OrderedDict) = isempty(dict.keys)
Base.empty(::OrderedDict, ::Type{K}, ::Type{V}) where {K,V} = OrderedDict{K,V}()
Base.haskey(dict::OrderedDict, key) = place_of(dict, key) != 0

@inline function Base.iterate(dict::OrderedDict{K,V}, i::Int=1) where {K,V}
    i > length(dict.keys) && return nothing
    return Pair{K,V}(dict.keys[i], dict.values[i]), i + 1
end

# One line, as in a label file. text/plain shows it like other dictionaries.
function Base.show(io::IO, dict::OrderedDict)
    print(io, "{")
    for (i, (key, value)) in enumerate(dict)
        i == 1 || print(io, ", ")
        show(io, key)
        print(io, ": ")
        show(io, value)
    end
    return print(io, "}")
end

function Base.get(dict::OrderedDict, key, default)
    i = place_of(dict, key)
    return i == 0 ? default : dict.values[i]
end

function Base.get(f::Base.Callable, dict::OrderedDict, key)
    i = place_of(dict, key)
    return i == 0 ? f() : dict.values[i]
end

function Base.get!(f::Base.Callable, dict::OrderedDict, key)
    haskey(dict, key) || (dict[key] = f())
    return dict[key]
end

Base.get!(dict::OrderedDict, key, default) = get!(() -> default, dict, key)

function Base.getindex(dict::OrderedDict, key)
    i = place_of(dict, key)
    i == 0 && throw(KeyError(key))
    return dict.values[i]
end

function Base.setindex!(dict::OrderedDict{K,V}, @nospecialize(value), key) where {K,V}
    item = convert(V, value)
    i = place_of(dict, key)
    if i != 0
        dict.values[i] = item
        return dict
    end
    push!(dict.keys, key)  # throws for a key of the wrong type
    push!(dict.values, item)
    index = dict.index
    index === nothing || (index[last(dict.keys)] = length(dict.keys))
    return dict
end

function Base.delete!(dict::OrderedDict, key)
    i = place_of(dict, key)
    if i != 0
        deleteat!(dict.keys, i)
        deleteat!(dict.values, i)
        dict.index = nothing
    end
    return dict
end

function Base.pop!(dict::OrderedDict, key)
    value = dict[key]
    delete!(dict, key)
    return value
end

function Base.pop!(dict::OrderedDict, key, default)
    return haskey(dict, key) ? pop!(dict, key) : default
end

function Base.empty!(dict::OrderedDict)
    empty!(dict.keys)
    empty!(dict.values)
    dict.index = nothing
    return dict
end

"""Return a function that calls `f` only once for each argument."""
function remembered(f)
    results = Dict()
    return x -> get!(() -> f(x), results, x)
end
