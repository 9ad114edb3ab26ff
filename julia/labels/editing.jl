# Merge, crop, fill and tag whole labels. These work on columns, and check all arguments before any change.

const EDGE = 1e-9  # seconds; the ends of a segment are decimals, which doubles only approximate

"""
    mergelabels!(labels, other; when=nothing, force=false)

Overwrite states at matching times with those of other labels; return the labels.

Times match one to one within 1 ms, the nearest first.

# Arguments
- `other`: its runs, larvae and times that are not in `labels` are added unchanged.
- `when`: called with the labels of a state, always as a vector; only states for which it returns true
  overwrite. By default all defined states do. Nothing is changed if it throws.
- `force`: also merge runs whose dependencies are the files of different recordings.

# Errors
[`LabelFileError`](@ref); nothing is changed then.
- `bad-dependency`: a run depends on other files in each of them, which share none.
- `overlapping-names`: a name is primary in one and secondary in the other.
- `length-mismatch`: a time would be added to a track with further per-frame records.

# Example
```julia
mergelabels!(labels, predicted)
mergelabels!(labels, readlabels("edited.label"); when=names -> "edited" in names)
```
"""
function mergelabels!(labels::Labels, other::Labels; when=nothing, force::Bool=false)
    for run in values(other)
        known = get(labels, run.id, nothing)
        known === nothing && continue
        force || check_same_recording(known, run)
        located(run=run.id) do
            check_overlap(known.table.names, run.table.secondary_names)
            check_overlap(run.table.names, known.table.secondary_names)
            for (larva, track) in run
                haskey(known, larva) && check_addable(known[larva], track.times, larva)
            end
        end
    end
    # before any change, since `when` may throw
    overwrites = Dict(run.id => codes_for(when === nothing ? !isempty : when, run)
                      for run in values(other) if haskey(labels, run.id))
    for run in values(other)
        if haskey(labels, run.id)
            merge_run!(labels[run.id], run, overwrites[run.id])
        else
            copy_run!(labels, run)
        end
    end
    return labels
end

"""
    croplabels(labels, start, stop)

Return new labels with the frames for which start - 1 ns <= time <= stop + 1 ns (in seconds).

Larvae without such a frame are left out. Everything else in the runs is kept.

# Example
```julia
first_minute = croplabels(labels, 0, 60)
```
"""
function croplabels(labels::Labels, start::Real, stop::Real)
    cropped = Labels()
    cropped.attributes = deepcopy(labels.attributes)
    for run in values(labels)
        copied = cropped.runs[run.id] = copied_without_tracks(run)
        for (larva, track) in run
            segment = searchsortedfirst(track.times, start - EDGE):searchsortedlast(track.times, stop + EDGE)
            isempty(segment) && continue
            records = OrderedDict{String,Any}()
            for (key, value) in track.records
                records[key] = deepcopy(is_record(value, length(track)) ? value[segment] : value)
            end
            copied.tracks[larva] = TrackLabels(copied.table, track.times[segment],
                                               track.codes[segment], records)
        end
    end
    return cropped
end

"""
    filllabels!(labels, default; like=nothing, force=false)

Give undefined frames a label; return the labels.

# Arguments
- `default`: the label; declared if it is new.
- `like`: labels or a recording; frames that only `like` has are added with the default label.
- `force`: also add frames of another recording.

# Errors
[`LabelFileError`](@ref); nothing is changed then.
- `bad-dependency`: the labels depend on files, and `like` depends on others or is a recording of others.
- `bad-label`: the label is empty.
- `length-mismatch`: a time would be added to a track with further per-frame records.

# Example
```julia
filllabels!(labels, "stop"; like=loadtracks("20150701_105504@x@y@t15@z.spine"))
```
"""
function filllabels!(labels::Labels, default::AbstractString; like=nothing, force::Bool=false)
    check_names([default])
    like === nothing || force || check_like(labels, like)
    frames = like === nothing ? () : frames_of(like)
    for (id, tracks) in frames, (larva, track) in tracks
        if haskey(labels, id) && haskey(labels[id], larva)
            located(() -> check_addable(labels[id][larva], track.times, larva); run=id)
        end
    end
    for (id, tracks) in frames
        run = addrun!(labels, id)
        for (larva, track) in tracks
            undefined = zeros(Int32, length(track.times))
            if haskey(run, larva)
                add!(run, larva, track.times, undefined, match_times(run[larva], track.times))
            else
                run.tracks[larva] = TrackLabels(run.table, copy(track.times), undefined)
            end
        end
    end
    for run in values(labels)
        # declare the label only where it is needed
        any(track -> 0 in track.codes, values(run)) || continue
        number = number!(run.table, String(default))
        for (larva, track) in run
            replace_codes!(run, larva, replace(track.codes, 0 => number))
        end
    end
    return labels
end

"""
    taglabels!(labels, name; unless=())

Append a secondary label to every defined state; return the labels.

# Arguments
- `name`: the secondary label, e.g. `"edited"`; states that already have it are not changed.
- `unless`: a label or several; states with one of these are not changed either.

# Errors
[`LabelFileError`](@ref) `bad-label`: the name is empty; `overlapping-names`: it is a primary name. Nothing
is changed then.

# Example
```julia
taglabels!(labels, "edited"; unless="automatic")
```
"""
function taglabels!(labels::Labels, name::AbstractString; unless=())
    check_names([name])
    exceptions = Set{String}(unless isa AbstractString ? (name, unless) : (name, unless...))
    for run in values(labels)
        located(() -> check_overlap(run.table.names, [name]); run=run.id)
    end
    for run in values(labels)
        table = run.table
        if !(name in table.secondary_names)
            redeclare!(table, table.names, [table.secondary_names; name], table.colors)
        end
        # Only states in use, so that no unused states are added to the table.
        numbers = collect(Int32, 0:(length(table.states) - 1))
        for code in used_codes(run)
            names = labels_of(table.states[code + 1])
            isempty(names) || any(in(exceptions), names) ||
                (numbers[code + 1] = number!(table, [names; name]))
        end
        for (larva, track) in run
            replace_codes!(run, larva, Int32[numbers[code + 1] for code in track.codes])
        end
    end
    return labels
end

"""Return whether an entry of a track with n frames holds one value per frame."""
is_record(value, n) = value isa AbstractVector && length(value) == n

copy_run!(labels::Labels, run::RunLabels) = labels.runs[run.id] = copied(run)

"""Return for which states in use a condition holds, indexed by code + 1."""
function codes_for(when, run::RunLabels)
    holds = falses(length(run.table.states))
    for code in used_codes(run)
        holds[code + 1] = when(copy(labels_of(run.table.states[code + 1])))
    end
    return holds
end

function merge_run!(known::RunLabels, run::RunLabels, overwrites)
    table = known.table
    if isempty(table.names) && run.table.colors !== nothing
        redeclare!(table, run.table.names, table.secondary_names, run.table.colors)
    end
    new = setdiff(run.table.secondary_names, table.secondary_names)
    redeclare!(table, table.names, [table.secondary_names; new], table.colors)
    for name in run.table.names
        declare!(table, name)
    end
    numbers = zeros(Int32, length(run.table.states))
    for code in used_codes(run)
        numbers[code + 1] = number!(table, run.table.states[code + 1])
    end
    for (larva, track) in run
        codes = Int32[numbers[code + 1] for code in track.codes]
        if !haskey(known, larva)
            known.tracks[larva] = TrackLabels(table, copy(track.times), codes, deepcopy(track.records))
            continue
        end
        matched = match_times(known[larva], track.times)
        merged = copy(known[larva].codes)
        for (frame, at) in enumerate(matched)
            at != 0 && overwrites[track.codes[frame] + 1] && (merged[at] = codes[frame])
        end
        replace_codes!(known, larva, merged)
        add!(known, larva, track.times, codes, matched)
    end
    return known
end

function replace_codes!(run::RunLabels, larva, codes::Vector{Int32})
    track = run[larva]
    run.tracks[larva] = TrackLabels(run.table, track.times, codes, track.records)
    return run
end

"""Add to a track the frames that match none of its own (`matched` is 0)."""
function add!(run::RunLabels, larva, times, codes, matched)
    track = run[larva]
    new = matched .== 0
    any(new) || return run
    all_times, all_codes = [track.times; times[new]], [track.codes; codes[new]]
    order = sortperm(all_times)
    run.tracks[larva] = TrackLabels(run.table, all_times[order], all_codes[order], track.records)
    return run
end

function check_addable(track::TrackLabels, times, larva)
    records = [key for (key, value) in track.records if is_record(value, length(track))]
    isempty(records) && return nothing
    i = findfirst(isequal(0), match_times(track, times))
    i === nothing && return nothing
    problem = "expected no new time in a track with per-frame records ($(join(records, ", "))), " *
              "found $(times[i])"
    throw(LabelFileError("length-mismatch", problem; track=larva, index=i))
end

"""Return pairs of a run and its tracks by larva, of labels or a recording."""
frames_of(like) = like isa Labels ? like : (like.run => like,)
