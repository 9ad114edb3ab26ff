# Label files of other JSON writers, such as MATLAB's jsonencode and R's jsonlite. They write an array of one
# element as the element, or an element as an array of one. Where only one of the two is valid, both have the
# same meaning. Tracks are changed where they are read, so that this takes no time for usual tracks.

"""Normalize the entries of a run in place, except the tracks' own."""
function normalize_run!(run::OrderedDict{String,Any})
    for key in ("metadata", "units")
        value = change!(value -> only_of(value, OrderedDict), run, key)
        value isa OrderedDict || continue
        for name in (key == "units" ? collect(keys(value)) : ["id"])
            change!(value -> only_of(value, String), value, name)
        end
    end
    for key in ("labels", "secondarylabels")
        value = change!(value -> only_of(value, OrderedDict), run, key)
        if value isa OrderedDict
            foreach(name -> change!(texts_of, value, name), ("names", "colors"))
        else
            change!(texts_of, run, key)
        end
    end
    entries = get(run, "dependencies", nothing)
    for entry in (entries isa AbstractVector ? entries : [entries])
        entry isa OrderedDict || continue
        foreach(key -> change!(value -> only_of(value, String), entry, key), ("filename", "sha1"))
    end
    data = get(run, "data", nothing)
    if data isa OrderedDict && all(key -> haskey(data, key), TRACK_KEYS)
        run["data"] = Any[data]
    end
    return run
end

"""Return a larva identifier out of an array of one, and a whole number as an integer."""
function larva_of(@nospecialize(value))
    id = only_of(value, Union{String,Number})
    return id isa Float64 ? whole(id) : id
end

"""Return whether the value of a key is the one time or state of a track, in no array."""
is_one(@nospecialize(value), key) =
    value isa (key == "t" ? Number : Union{String,Number}) && !(value isa Bool)

"""Return a whole number as an integer, and any other as it is."""
whole(number::Float64) = isinteger(number) && abs(number) < maxintfloat() ? Int64(number) : number

function change!(change, entries, key)
    haskey(entries, key) || return nothing
    return entries[key] = change(entries[key])
end

"""Take one value of a type out of an array of one element."""
only_of(@nospecialize(value), type) = is_box(value, type) ? value[1] : value

texts_of(@nospecialize(value)) = value isa String ? [value] : elements_of(value, String)

"""Take the elements of an array out of arrays of one element, if each is in one."""
function elements_of(@nospecialize(value), type)
    value isa Vector{Any} && !isempty(value) && all(item -> is_box(item, type), value) || return value
    return Any[item[1] for item in value]
end

is_box(@nospecialize(value), type) =
    value isa AbstractVector && length(value) == 1 && value[1] isa type && !(value[1] isa Bool)
