# Smoothing: short bouts get the labels of a neighbour. As in Python, step by step, so that both give the same.

"""
    smoothlabels!(labels, shortest; max_gap=nothing)

Give bouts that are too short the primary labels of a neighbour; return the labels.

A bout is here a longest series of consecutive frames of a larva with the same primary labels; a gap ends
it. The shortest bout comes first. It gets the labels of the bout before or after it: of the one with the
higher mean confidence, if both have one, else of the longer one, else of the one before. Then it is one bout
with that. This is repeated until no bout is too short. Bouts with a frame that has the label "edited" stay,
and so do undefined frames, which are no neighbours. Frames keep their secondary labels. Those that change
lose their confidence.

# Arguments
- `shortest`: seconds. Durations are compared in whole µs.
- `max_gap`: the longest step between successive frames of a bout, in seconds. By default the longer of 1 s
  and 5 median frame intervals of the run's tracks.

# Errors
`ArgumentError`: `shortest` or `max_gap` is not above 0. [`LabelFileError`](@ref) `bad-time`: a time is so
large that no double holds it in milliseconds. The labels are not changed then.

# Example
```julia
smoothlabels!(readlabels("predicted.label"), 0.3)
```
"""
function smoothlabels!(labels::Labels, shortest::Real; max_gap=nothing)
    shortest > 0 || throw(ArgumentError("expected a shortest duration above 0 s, found $shortest"))
    check_max_gap(max_gap)
    # before the first change, because a time may be refused
    found = [primary_bouts(run, max_gap) for run in values(labels)]
    for (run, (bouts, classes, codes)) in zip(values(labels), found)
        smooth_run!(run, bouts, classes, codes, smoothed!(bouts, Float64(shortest)))
    end
    return labels
end

const NO_CLASS = 1  # the class of frames without primary labels

"""
    PrimaryBouts

The bouts of primary labels of a run, as columns that are changed when bouts are united.

# Fields
- `frames`: the frames of each original bout, in those of all tracks.
- `classes`: the number of the primary labels.
- `start`, `stop`: seconds.
- `edited`: whether a frame has the label "edited".
- `known`, `percents`: the number of frames that have a confidence, and its sum in whole percents.
- `before`, `after`: the adjacent bouts in the stretch; 0 if there is none.
- `united`: the bout that represents a bout from then on.
"""
struct PrimaryBouts
    frames::Vector{UnitRange{Int}}
    classes::Vector{Int}
    start::Vector{Float64}
    stop::Vector{Float64}
    edited::Vector{Bool}
    known::Vector{Int}
    percents::Vector{Int}
    before::Vector{Int}
    after::Vector{Int}
    united::Vector{Int}
end

"""Return the bouts of primary labels of a run, the primary labels of each class, and the codes of all frames."""
function primary_bouts(run::RunLabels, max_gap)
    tracks, times, codes = columns_of(run)
    stretches = find_stretches(tracks, times, max_gap)
    classes = OrderedDict{Vector{String},Int}(String[] => NO_CLASS)
    of_state = Int[get!(() -> length(classes) + 1, classes, primary(run.table, code))
                   for code in 0:(length(run.table.states) - 1)]
    class(frame) = of_state[codes[frame] + 1]
    begins(frame) = frame == 1 || class(frame) != class(frame - 1) ||
                    stretches.numbers[frame] != stretches.numbers[frame - 1]
    firsts = filter(begins, eachindex(times))
    frames = [first:last for (first, last) in zip(firsts, [firsts[2:end] .- 1; length(times)])]
    edited, n = edited_states(run), length(frames)
    # whole percents, as in files: sums are exact
    percents = Int[isnan(x) ? -1 : round(Int, 100x) for x in known_confidence(run)]
    near(bout) = stretches.numbers[firsts[bout]] == stretches.numbers[firsts[bout + 1]]
    bouts = PrimaryBouts(frames, map(class, firsts), times[firsts], stretches.ends[last.(frames)],
                         [any(frame -> edited[codes[frame] + 1], part) for part in frames],
                         [count(frame -> percents[frame] >= 0, part) for part in frames],
                         [sum(frame -> max(percents[frame], 0), part) for part in frames],
                         [bout > 1 && near(bout - 1) ? bout - 1 : 0 for bout in 1:n],
                         [bout < n && near(bout) ? bout + 1 : 0 for bout in 1:n], collect(1:n))
    return bouts, collect(keys(classes)), codes
end

"""Give the frames of a run the primary labels of the new class of their bout."""
function smooth_run!(run::RunLabels, bouts::PrimaryBouts, classes, codes::Vector{Int32}, new)
    table, offsets = run.table, offsets_of(run)
    known = Dict{Tuple{Int,Int32},Int32}()
    for bout in findall(new .!= bouts.classes), frame in bouts.frames[bout]
        code = codes[frame]
        codes[frame] = get!(known, (new[bout], code)) do
            own = setdiff(labels_of(table.states[code + 1]), primary(table, code))
            number!(table, [classes[new[bout]]; own])
        end
    end
    for (larva, offset) in zip(collect(keys(run)), offsets)
        replace_codes!(run, larva, codes[offset .+ (1:length(run[larva]))])
    end
    return run
end

"""Return the duration in whole µs, so that rounding errors of times do not decide."""
duration(bouts::PrimaryBouts, bout) = round(1e6 * (bouts.stop[bout] - bouts.start[bout]))

"""Unite short bouts with neighbours; return the class of each of the original bouts."""
function smoothed!(bouts::PrimaryBouts, shortest::Float64)
    least = round(1e6 * shortest)
    short = Tuple{Float64,Int}[]  # a heap: duration and bout
    for bout in eachindex(bouts.classes)
        length_of = duration(bouts, bout)
        length_of < least && push_heap!(short, (length_of, bout))
    end
    while !isempty(short)
        length_of, bout = pop_heap!(short)
        # united with others since then
        bouts.united[bout] == bout && length_of == duration(bouts, bout) || continue
        (bouts.edited[bout] || bouts.classes[bout] == NO_CLASS) && continue
        into = neighbour(bouts, bout)
        into == 0 && continue
        other = into == bouts.after[bout] ? bouts.before[bout] : bouts.after[bout]
        unite!(bouts, bout, into)
        if other != 0 && bouts.classes[other] == bouts.classes[into]
            bouts.known[into] += bouts.known[other]
            bouts.percents[into] += bouts.percents[other]
            bouts.edited[into] |= bouts.edited[other]
            unite!(bouts, other, into)
        end
        length_of = duration(bouts, into)
        length_of < least && push_heap!(short, (length_of, into))
    end
    return [bouts.classes[representative(bouts, bout)] for bout in eachindex(bouts.classes)]
end

"""Return the neighbour whose labels a bout gets; 0 if there is none."""
function neighbour(bouts::PrimaryBouts, bout)
    defined(other) = other != 0 && bouts.classes[other] != NO_CLASS ? other : 0
    before, after = defined(bouts.before[bout]), defined(bouts.after[bout])
    (before == 0 || after == 0) && return max(before, after)
    if bouts.known[before] > 0 && bouts.known[after] > 0
        sure = bouts.percents[before] * bouts.known[after]
        surer = bouts.percents[after] * bouts.known[before]
        sure == surer || return sure > surer ? before : after
    end
    return duration(bouts, after) > duration(bouts, before) ? after : before
end

function unite!(bouts::PrimaryBouts, bout, into)
    bouts.united[bout] = into
    if bouts.start[bout] < bouts.start[into]
        bouts.start[into], bouts.before[into] = bouts.start[bout], bouts.before[bout]
        bouts.before[bout] == 0 || (bouts.after[bouts.before[bout]] = into)
    else
        bouts.stop[into], bouts.after[into] = bouts.stop[bout], bouts.after[bout]
        bouts.after[bout] == 0 || (bouts.before[bouts.after[bout]] = into)
    end
    return bouts
end

function representative(bouts::PrimaryBouts, bout)
    while bouts.united[bout] != bout
        bouts.united[bout] = bouts.united[bouts.united[bout]]  # shorter paths
        bout = bouts.united[bout]
    end
    return bout
end

# A binary heap, the smallest first

function push_heap!(heap::Vector, item)
    push!(heap, item)
    at = length(heap)
    while at > 1 && item < heap[at ÷ 2]
        heap[at] = heap[at ÷ 2]
        at ÷= 2
    end
    heap[at] = item
    return heap
end

function pop_heap!(heap::Vector)
    top, item = heap[1], pop!(heap)
    isempty(heap) && return top
    at = 1
    while 2at <= length(heap)
        child = 2at < length(heap) && heap[2at + 1] < heap[2at] ? 2at + 1 : 2at
        heap[child] < item || break
        heap[at] = heap[child]
        at = child
    end
    heap[at] = item
    return top
end
