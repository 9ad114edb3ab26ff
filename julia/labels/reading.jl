# Label files, read strictly into columns.

"""
    readlabels(path)

Read a label file strictly; return [`Labels`](@ref).

# Errors
- [`LabelFileError`](@ref): the first violation in the order of the file, with `kind`, `file`, `run`,
  `track` and `index`.
- `SystemError` or `Base.IOError`: the file cannot be read, or it is a pipe or a device.

# Example
```julia
labels = readlabels("predicted.label")
```
"""
readlabels(path) = parselabels(read(check_regular(path), String); file=path)

"""
    writelabels(path, labels)

Write a label file atomically, as canonical text. Times are rounded to whole milliseconds. An existing file
is replaced, even if it has changed since it was read.

# Errors
- [`LabelFileError`](@ref): `bad-time` for times that become equal in milliseconds; any kind for invalid
  values of fields. Nothing is written then.
- `SystemError` or `Base.IOError`: the file cannot be written; an existing file is not changed.

# Example
```julia
writelabels("predicted.label", labels)
```
"""
writelabels(path, labels::Labels) = put_labels(path, labels, :anything)

put_labels(path, labels, expected) =
    write_file(path, located(() -> text(labels); file=path); expected=expected)

"""
    parselabels(content; file=nothing)

Read the text of a label file.

# Arguments
- `content`: a string or bytes; UTF-8 JSON, as in docs/contract.md, section 6.
- `file`: the name in errors.

# Errors
[`LabelFileError`](@ref): the first violation in the order of the text.
"""
function parselabels(content::AbstractString; file=nothing)
    return located(file=file) do
        document = load_json(String(content))
        labels = Labels()
        if !(document isa OrderedDict)
            throw(not_a_label_file("expected an object, found $(shown(document))"))
        elseif haskey(document, "data") && haskey(document, "runs")
            throw(not_a_label_file("expected either \"data\" or \"runs\", found both"))
        elseif haskey(document, "data")
            run = parse_run(document)
            labels.runs[run.id] = run
        elseif haskey(document, "runs")
            parse_runs!(labels, pop!(document, "runs"))
            labels.attributes = document
        else
            throw(not_a_label_file("expected \"data\" (or \"runs\"), found neither"))
        end
        return labels
    end
end

parselabels(content::AbstractVector{UInt8}; file=nothing) =
    parselabels(String(copy(content)); file=file)

function load_json(content::String)
    try
        return parse_json(content; place=:file)
    catch error
        error isa JSONError || rethrow()
        problem = "$(error.problem), at line $(error.line), column $(error.column): $(error.snippet)"
        throw(LabelFileError("invalid-json", problem))
    end
end

not_a_label_file(problem; index=nothing) = LabelFileError("not-a-label-file", problem; index=index)

function parse_runs!(labels::Labels, runs)
    runs isa OrderedDict ||
        throw(not_a_label_file("expected an object as \"runs\", found $(shown(runs))"))
    for (id, document) in runs
        located(run=id) do
            document isa OrderedDict && haskey(document, "data") ||
                throw(not_a_label_file("expected a run with \"data\", found $(shown(document))"))
            haskey(document, "runs") &&
                throw(not_a_label_file("expected a run without \"runs\", found \"data\" and \"runs\""))
            run = parse_run(document)
            run.id == id || throw(not_a_label_file("expected metadata.id to be the run's key, " *
                                                   "found $(shown(run.id))"))
            labels.runs[id] = run
        end
    end
    return labels
end

function parse_run(document::OrderedDict{String,Any})
    normalize_run!(document)
    metadata = get(document, "metadata", nothing)
    id = metadata isa OrderedDict ? get(metadata, "id", nothing) : nothing
    id isa String && !isempty(id) ||
        throw(not_a_label_file("expected metadata.id, a string that is not empty, found $(shown(id))"))
    run = RunLabels(id)
    located(() -> parse_entries!(run, document); run=id)
    return run
end

"""Check and store a run's entries in their order, so that the first violation is reported."""
function parse_entries!(run::RunLabels, document::OrderedDict{String,Any})
    run.table, faults = parse_declarations(document)
    for (key, value) in document
        haskey(faults, key) && throw(faults[key])
        if key == "metadata"
            run.metadata = delete!(copy(value), "id")
        elseif key == "units"
            run.units = check_units(value)
        elseif key == "dependencies"
            run.dependencies = validate_dependencies(value)
        elseif key == "data"
            parse_data!(run, value, Decoder(run.table, isempty(faults)))
        elseif !(key in RUN_KEYS)
            run.attributes[key] = value
        end
    end
    return run
end

"""
Return the declared names, and their violations by key.

Codes need the declarations, which may follow the data. Their violations are still reported in the order of
the file.
"""
function parse_declarations(document::OrderedDict{String,Any})
    names = Dict("labels" => String[], "secondarylabels" => String[])
    colors = nothing
    faults = Dict{String,LabelFileError}()
    for (key, value) in document
        haskey(names, key) || continue
        try
            names[key], found = parse_names(value)
            key == "labels" && (colors = found)
            check_overlap(names["labels"], names["secondarylabels"])
        catch error
            error isa LabelFileError || rethrow()
            faults[key] = error
        end
    end
    isempty(faults) || return StateTable(), faults
    return StateTable(names["labels"], names["secondarylabels"], colors), faults
end

function parse_names(@nospecialize(value))
    value isa AbstractVector && return check_names(value), nothing
    if !(value isa OrderedDict && get(value, "names", nothing) isa AbstractVector)
        problem = "expected a list, or {\"names\": [...], \"colors\": [...]}, found $(shown(value))"
        throw(LabelFileError("bad-label", problem))
    end
    unknown = setdiff(keys(value), ("names", "colors"))
    if !isempty(unknown)
        problem = "expected names and colors only, found $(shown(minimum(unknown))) among the keys"
        throw(LabelFileError("bad-label", problem))
    end
    names = check_names(value["names"])
    haskey(value, "colors") || return names, nothing
    colors = value["colors"]
    if !(colors isa AbstractVector)
        throw(LabelFileError("bad-label", "expected a list, found $(shown(colors))"))
    end
    return names, check_colors(colors, length(names))
end

function parse_data!(run::RunLabels, data, decoder)
    data isa AbstractVector ||
        throw(not_a_label_file("expected a list as \"data\", found $(shown(data))"))
    for (position, document) in enumerate(data)
        document isa OrderedDict{String,Any} ||
            throw(not_a_label_file("expected an object, found $(shown(document))"; index=position))
        parse_track!(run, document, position, decoder)
    end
    return run
end

function parse_track!(run::RunLabels, document::OrderedDict{String,Any}, position::Int, decoder)
    for key in TRACK_KEYS
        haskey(document, key) ||
            throw(not_a_label_file("expected a track with \"$key\", found none"; index=position))
    end
    larva = parse_larva(document["id"], position)
    if haskey(run, larva)
        problem = "expected a larva once in a run, found it again"
        throw(LabelFileError("duplicate-larva", problem; track=larva, index=position))
    end
    run.tracks[larva] = located(() -> parse_track(document, run.table, decoder); track=larva)
    return run
end

function parse_larva(@nospecialize(value), position::Int)::Int
    digits = value isa String && all(c -> c in '0':'9', value)
    number = digits ? tryparse(Int, value) : nothing
    number !== nothing && number <= MAX_LARVA_ID && return number
    id = larva_of(value)
    id === value || return parse_larva(id, position)
    larva = number === nothing || number > 99_999 ? value : number
    return located(() -> check_larva(larva); index=position)
end

function parse_track(document::OrderedDict{String,Any}, table::StateTable, decoder)
    local times::Vector{Float64}, codes::Vector{Int32}
    for (key, value) in document
        key in ("t", "labels") || continue
        value isa Union{AbstractVector,Elements} || is_one(value, key) ||
            throw(not_a_label_file("expected a list as \"$key\", found $(shown(value))"))
        if key == "t"
            times = parse_times(value)
        else
            codes = decode!(decoder, value)
        end
    end
    if length(times) != length(codes)
        problem = "expected $(length(times)) labels, as many as times, found $(length(codes))"
        throw(LabelFileError("length-mismatch", problem))
    end
    for key in TRACK_KEYS
        delete!(document, key)
    end
    confidence = second = nothing
    for (key, value) in document
        if key == "confidence"
            percents = parse_integers(value, length(times), key, -1, 100)
            confidence = Float64[percent < 0 ? NaN : percent / 100 for percent in percents]
        elseif key == "second"
            largest = decoder.declared ? length(decoder.names) : typemax(Int32)
            second = parse_integers(value, length(times), key, 0, largest)
        else
            document[key] = parse_record(value, length(times))
        end
    end
    for key in COLUMN_KEYS
        delete!(document, key)
    end
    # the remaining entries are the records
    return TrackLabels(table, times, codes, document, confidence, second)
end

"""Return n integers in a range; `bad-confidence` otherwise."""
function parse_integers(values::Vector{Int64}, n, key, least, largest)
    for (i, value) in enumerate(values)
        least <= value <= largest || throw(bad_integer(key, least, largest, value, i))
    end
    if length(values) != n
        problem = "expected $n integers as \"$key\", as many as times, found $(length(values))"
        throw(LabelFileError("bad-confidence", problem))
    end
    return Vector{Int32}(values)
end

function parse_integers(@nospecialize(value), n, key, least, largest)
    listed = value isa Number && !(value isa Bool) ? Any[value] : value
    listed isa AbstractVector ||
        throw(LabelFileError("bad-confidence", "expected a list as \"$key\", found $(shown(value))"))
    items = elements_of(Vector{Any}(listed), Number)
    integers = Int64[]
    for (i, item) in enumerate(items)
        integer = item isa Float64 ? whole(item) : item  # MATLAB's numbers are doubles
        integer isa Int64 && least <= integer <= largest ||
            throw(bad_integer(key, least, largest, item, i))
        push!(integers, integer)
    end
    return parse_integers(integers, n, key, least, largest)
end

function bad_integer(key, least, largest, found, i)
    problem = "expected integers from $least to $largest as \"$key\", found $(shown(found))"
    return LabelFileError("bad-confidence", problem; index=i)
end

parse_times(values::Vector{Float64}) = check_times(values)
parse_times(values::Vector{Int64}) = check_times(Vector{Float64}(values))
parse_times(values::Vector{Union{Int64,Float64}}) = check_times(Vector{Float64}(values))

parse_times(value::Number) = parse_times(Any[value])

function parse_times(listed::AbstractVector)
    values = elements_of(listed, Number)
    numbers = something(findfirst(value -> value isa Bool || !(value isa Real), values),
                        length(values) + 1) - 1
    times = check_times(Float64[values[i] for i in 1:numbers])  # an earlier violation is reported first
    numbers == length(values) && return times
    problem = "expected a number, found $(shown(values[numbers + 1]))"
    throw(LabelFileError("bad-time", problem; index=numbers + 1))
end

"""Convert per-frame numbers to doubles if one of them is a double and the others stay exact."""
function parse_record(@nospecialize(value), n::Int)
    if value isa Vector{Union{Int64,Float64}} && length(value) == n
        exact = all(x -> x isa Float64 || -maxintfloat() <= x <= maxintfloat(), value)
        return exact ? Vector{Float64}(value) : value
    end
    return value
end

# Precompilation makes reading a script's first file faster.
precompile(readlabels, (String,))
precompile(writelabels, (String, Labels))
