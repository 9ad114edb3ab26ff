# Tables of bouts and budgets: NamedTuples of vectors, which DataFrames and every other consumer of Tables.jl take.

"""
    tobouts(labels; max_gap=nothing, metadata=TaggingBackends.FACTS)

Return a table with one row per bout, see [`findbouts`](@ref): a `NamedTuple` of vectors. `DataFrame(tobouts(labels))`
of DataFrames.jl makes a DataFrame of it.

# Arguments
- `max_gap`: as for [`findbouts`](@ref).
- `metadata`: facts about the run that become columns: those of the names of tracker files, or any key of the run's
  metadata. By default `date_time`, `genotype`, `effector`, `tracker` and `protocol`.

# Returns
`run`, `larva`, `label`; `start`, `stop` and `duration` in seconds; `frames`; `confidence`: the mean over the frames
that have one and that nobody edited, `NaN` if there are none; and the metadata as text, `missing` if unknown. A fact
with the name of another column gets a prefix: `metadata_run`.

# Errors
[`LabelFileError`](@ref) `bad-time`: a time is so large that no double holds it in milliseconds. `ArgumentError`:
`max_gap` is not above 0.

# Example
```julia
bouts = tobouts(readlabels("predicted.label"))
bouts.duration[bouts.label .== "run"]
```
"""
function tobouts(labels::Labels; max_gap=nothing, metadata=FACTS)
    check_max_gap(max_gap)
    table = (run=String[], larva=Int[], label=String[], start=Float64[], stop=Float64[], duration=Float64[],
             frames=Int[], confidence=Float64[])
    return joined(table, labels, metadata) do run
        bouts, tracks = bouts_of_spans(run, findspans(run; max_gap=max_gap))
        return (run=fill(run.id, length(bouts)), larva=bouts.larvae, label=bouts.names[bouts.labels],
                start=bouts.start, stop=bouts.stop, duration=bouts.durations, frames=bouts.frames,
                confidence=confidence_of_bouts(run, bouts, tracks))
    end
end

"""
    tobudget(labels; max_gap=nothing, metadata=TaggingBackends.FACTS)

Return a table with one row per larva and label of its run, also if it has none of it: a `NamedTuple` of vectors.

# Arguments
As for [`tobouts`](@ref).

# Returns
`run`, `larva`, `label`; `seconds`: the duration of the frames with the label; `share`: of the tracked time; `frames`;
`bouts`; `tracked`: the duration of all frames of the larva, in seconds; and the metadata. `share` is `NaN` for a
larva without frames.

# Errors
As for [`tobouts`](@ref).

# Example
```julia
budget = tobudget(readlabels("predicted.label"))
budget.share[budget.label .== "run"]
```
"""
function tobudget(labels::Labels; max_gap=nothing, metadata=FACTS)
    check_max_gap(max_gap)
    table = (run=String[], larva=Int[], label=String[], seconds=Float64[], share=Float64[], frames=Int[],
             bouts=Int[], tracked=Float64[])
    return joined(run -> budget_of(run, max_gap), table, labels, metadata)
end

function budget_of(run::RunLabels, max_gap)
    spans = findspans(run; max_gap=max_gap)
    bouts, tracks = bouts_of_spans(run, spans)
    names, labels_of_state = all_names(run), label_places(run)
    size = (length(names), length(run))
    seconds, frames, counts = zeros(size), zeros(Int, size), zeros(Int, size)
    tracked = zeros(length(run))
    for span in 1:length(spans)
        larva, duration = spans.tracks[span], spans.stop[span] - spans.start[span]
        tracked[larva] += duration
        for label in labels_of_state[spans.states[span] + 1]
            seconds[label, larva] += duration
            frames[label, larva] += spans.frames[span]
        end
    end
    for (label, larva) in zip(bouts.labels, tracks)
        counts[label, larva] += 1
    end
    return (run=fill(run.id, length(seconds)), larva=repeat(collect(Int, keys(run)); inner=length(names)),
            label=repeat(names, length(run)), seconds=vec(seconds), share=vec(seconds ./ tracked'),
            frames=vec(frames), bouts=vec(counts), tracked=repeat(tracked; inner=length(names)))
end

"""Return the mean over the frames of each bout whose confidence is known, or else NaN."""
function confidence_of_bouts(run::RunLabels, bouts::Bouts, tracks)
    confidence, offsets = known_confidence(run), offsets_of(run)
    means = fill(NaN, length(bouts))
    for bout in eachindex(means)
        first = offsets[tracks[bout]] + bouts.first_frames[bout]
        total, count = 0.0, 0
        for frame in first:(first + bouts.frames[bout] - 1)
            isnan(confidence[frame]) && continue
            total += confidence[frame]
            count += 1
        end
        count == 0 || (means[bout] = total / count)
    end
    return means
end

"""Append the tables of all runs to an empty one; return it with columns of metadata."""
function joined(columns_of_run, table, labels::Labels, metadata)
    taken = Set{String}(map(String, keys(table)))
    names = unique(metadata isa Union{AbstractString,Symbol} ? [string(metadata)] : map(string, collect(metadata)))
    headers = Symbol[]
    for name in names
        header = name
        while header in taken
            header = "metadata_" * header
        end
        push!(taken, header)
        push!(headers, Symbol(header))
    end
    facts = [Union{Missing,String}[] for _ in names]
    for run in values(labels)
        columns = columns_of_run(run)
        foreach(append!, table, columns)
        known, n = run_facts(run), length(columns.run)
        for (column, name) in zip(facts, names)
            append!(column, fill(get(known, name, missing), n))
        end
    end
    return merge(table, NamedTuple{Tuple(headers)}(Tuple(facts)))
end
