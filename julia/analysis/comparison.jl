# Comparison of two labellings of a run: confusion matrix, agreement, kappa, differences.

const UNDEFINED = "(undefined)"
const NOT_THERE = 0  # class of a frame that is missing from one labelling

"""
    Comparison

Agreement and differences of two labellings of a run; made by [`comparelabels`](@ref).

# Fields
- `run::String`: the run's identifier.
- `names::Vector{String}`: the classes that occur. The class of a frame is its primary labels, several joined by "+",
  or "(undefined)".
- `pairs::Matrix{Int}`: a row for each pair of classes that occurs: the class in one, the class in the other, and the
  number of frames. Classes are 1-based indices into `names`.
- `matrix::Matrix{Int}`: the confusion matrix: frames in both labellings, by class in one (row) and in the other
  (column).
- `frames`, `only_one`, `only_other`: the numbers of frames in both labellings, and in one of them only.
- `agreement`: the share of the frames in both that have the same class; `NaN` without frames.
- `kappa`: Cohen's kappa, 1 if all frames agree, 0 if they agree as often as by chance. It is (p - e) / (1 - e), where
  p is the agreement and e the agreement expected by chance: the sum over classes of the product of the class's shares
  in the two labellings (Cohen, 1960, Educational and Psychological Measurement 20:37). `NaN` if there are no frames,
  or if all frames have the same class in both.
- `is_same`: whether no frame differs.
- `differences`: a table, as a `NamedTuple` of vectors. A difference is a longest series of consecutive frames of a
  larva with the same pair of different classes. A gap ends it. `larvae`: identifiers; `start`, `stop`: seconds, as for
  bouts; `frames`: their number; `one`, `other`: the classes, 0 if the frames are missing from that labelling.
"""
struct Comparison
    run::String
    names::Vector{String}
    pairs::Matrix{Int}
    differences::NamedTuple{(:larvae, :start, :stop, :frames, :one, :other),
                            Tuple{Vector{Int},Vector{Float64},Vector{Float64},Vector{Int},Vector{Int},Vector{Int}}}
    only_one::Int
    only_other::Int
end

const COMPUTED = (:matrix, :frames, :agreement, :kappa, :is_same)

Base.propertynames(::Comparison, private::Bool=false) = (fieldnames(Comparison)..., COMPUTED...)

function Base.getproperty(found::Comparison, name::Symbol)
    name === :matrix && return matrix_of(found)
    name === :frames && return sum(found.pairs[:, 3])
    name === :agreement && return found.frames == 0 ? NaN : agreeing(found) / found.frames
    name === :kappa && return kappa_of(found)
    name === :is_same && return isempty(found.differences.larvae)
    return getfield(found, name)
end

function Base.show(io::IO, found::Comparison)
    print(io, "Comparison of ", printable(found.run), ": ", counted(found.frames, "frame"))
    found.frames == 0 || print(io, ", agreement ", round(found.agreement; digits=3), ", kappa ",
                               round(found.kappa; digits=3))
    return nothing
end

function matrix_of(found::Comparison)
    matrix = zeros(Int, length(found.names), length(found.names))
    for (one, other, frames) in eachrow(found.pairs)
        matrix[one, other] = frames
    end
    return matrix
end

"""Return the number of frames that have the same class in both labellings."""
agreeing(found::Comparison) = sum(Int[frames for (one, other, frames) in eachrow(found.pairs) if one == other])

function kappa_of(found::Comparison)
    n = found.frames
    of_one, of_other = zeros(Int, length(found.names)), zeros(Int, length(found.names))
    for (one, other, frames) in eachrow(found.pairs)
        of_one[one] += frames
        of_other[other] += frames
    end
    n == 0 && return NaN
    expected = sum(of_one ./ n .* of_other) / n
    return expected < 1 ? (agreeing(found) / n - expected) / (1 - expected) : NaN
end

"""
    comparelabels(one, other; max_gap=nothing, force=false)

Compare two labellings of a run, frame by frame; return a [`Comparison`](@ref TaggingBackends.Comparison).

Frames are matched one to one by larva and time, within 1 ms. Primary labels count, in any order. Secondary labels,
such as "edited", are ignored.

# Arguments
- `one`, `other`: e.g. the predictions and an expert's labels of a run.
- `max_gap`: the longest step between successive frames of a difference, in seconds, as for [`findbouts`](@ref).
  Steps are between the frames of both labellings together.
- `force`: also compare labels whose dependencies are the files of different recordings.

# Errors
- [`LabelFileError`](@ref) `bad-dependency`: the two depend on different files and share none, and `force` is false;
  `bad-time`: a time is so large that no double holds it in milliseconds.
- `ArgumentError`: `max_gap` is not above 0.

# Example
```julia
found = comparelabels(readlabels("predicted.label")[run], readlabels("truth.label")[run])
found.kappa
found.names, found.matrix
```
"""
function comparelabels(one::RunLabels, other::RunLabels; max_gap=nothing, force::Bool=false)
    foreach(columns_of, (one, other))  # throws the errors about the labels
    force || check_same_recording(one, other)
    classes = class_names(one, other)
    of_one, of_other = classes_of_states(one, classes), classes_of_states(other, classes)
    larvae, times, first, second = Int[], Float64[], Int[], Int[]
    for larva in sort!(collect(Int, union(keys(one), keys(other))))
        merged, codes, others = aligned(get(one, larva, nothing), get(other, larva, nothing))
        append!(larvae, fill(larva, length(merged)))
        append!(times, merged)
        append!(first, (code < 0 ? NOT_THERE : of_one[code + 1] for code in codes))
        append!(second, (code < 0 ? NOT_THERE : of_other[code + 1] for code in others))
    end
    # only the classes that occur
    kept = filter!(!=(NOT_THERE), sort!(unique([first; second])))
    place = zeros(Int, length(classes))
    place[kept] = eachindex(kept)
    for column in (first, second)
        map!(class -> class == NOT_THERE ? NOT_THERE : place[class], column, column)
    end
    return Comparison(one.id, collect(String, values(classes))[kept], counted_pairs(first, second),
                      differences(larvae, times, first, second, max_gap), count(==(NOT_THERE), second),
                      count(==(NOT_THERE), first))
end

"""
    comparefiles(one, other; force=false)

Compare the runs of two label files; return a vector of [`Comparison`](@ref TaggingBackends.Comparison), one for each
run, in the order of the first file.

# Errors
`BackendError` `no-input`: the files have different runs. [`LabelFileError`](@ref): a file is invalid, or as for
[`comparelabels`](@ref).

# Example
```julia
for found in comparefiles("predicted.label", "truth.label")
    println(found.run, ": ", found.kappa)
end
```
"""
function comparefiles(one, other; force::Bool=false)
    first, second = readlabels(one), readlabels(other)
    if Set(keys(first)) != Set(keys(second))
        expected, found = (isempty(runs) ? "none" : join(Iterators.take(keys(runs), 10), ", ")
                           for runs in (first, second))
        throw(BackendError("no-input", "$other: expected the runs of $one, $expected; found $found"))
    end
    return located(file=other) do
        return [comparelabels(run, second[run.id]; force=force) for run in values(first)]
    end
end

"""
Return the names of the classes of two labellings, by their sorted labels: first single labels, then several,
undefined last.
"""
function class_names(one::RunLabels, other::RunLabels)
    names = unique([one.table.names; other.table.names])
    place = Dict(name => index for (index, name) in enumerate(names))
    # more plus signs than any name has in a row keep class names unique
    found = Int[length(signs.match) for name in names for signs in eachmatch(r"\++", name)]
    plus = "+"^(reduce(max, found; init=0) + 1)
    classes = OrderedDict{Vector{String},String}([name] => name for name in names)
    for run in (one, other), labels in primary_labels(run)
        length(labels) > 1 && (classes[labels] = join(sort(labels; by=name -> place[name]), plus))
    end
    classes[String[]] = UNDEFINED
    return classes
end

"""Return the sorted primary labels of each state of a run."""
function primary_labels(run::RunLabels)
    names = Set(run.table.names)
    return [sort!(filter(in(names), labels_of(state))) for state in run.table.states]
end

function classes_of_states(run::RunLabels, classes)
    place = Dict(labels => class for (class, labels) in enumerate(keys(classes)))
    return Int[place[labels] for labels in primary_labels(run)]
end

"""Return the merged times of two tracks, and the state codes in each, -1 for no frame."""
function aligned(one::TrackLabels, other::TrackLabels)
    at = match_times(other, one.times)
    left = trues(length(other))
    left[filter(!=(0), at)] .= false
    times = [one.times; other.times[left]]
    codes = [one.codes; fill(Int32(-1), count(left))]
    others = [Int32[frame == 0 ? -1 : other.codes[frame] for frame in at]; other.codes[left]]
    order = sortperm(times)
    return times[order], codes[order], others[order]
end

aligned(one::TrackLabels, ::Nothing) = one.times, one.codes, fill(Int32(-1), length(one))
aligned(::Nothing, other::TrackLabels) = other.times, fill(Int32(-1), length(other)), other.codes

"""Return the rows of `pairs` of a [`Comparison`](@ref), sorted."""
function counted_pairs(one::Vector{Int}, other::Vector{Int})
    counts = Dict{Tuple{Int,Int},Int}()
    for pair in zip(one, other)
        NOT_THERE in pair || (counts[pair] = get(counts, pair, 0) + 1)
    end
    rows = sort!([(pair..., frames) for (pair, frames) in counts])
    return Int[row[column] for row in rows, column in 1:3]
end

function differences(larvae::Vector{Int}, times::Vector{Float64}, one::Vector{Int}, other::Vector{Int}, max_gap)
    stretches = find_stretches(larvae, times, max_gap)
    found = (larvae=Int[], start=Float64[], stop=Float64[], frames=Int[], one=Int[], other=Int[])
    for i in eachindex(times)
        one[i] == other[i] && continue
        if i > 1 && (stretches.numbers[i], one[i], other[i]) == (stretches.numbers[i - 1], one[i - 1], other[i - 1])
            found.stop[end] = stretches.ends[i]
            found.frames[end] += 1
        else
            foreach(push!, found, (larvae[i], times[i], stretches.ends[i], 1, one[i], other[i]))
        end
    end
    return found
end
