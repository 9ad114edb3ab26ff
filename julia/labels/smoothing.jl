# Smoothing: short bouts get the labels of a neighbour. As in Python, step by step, so that both give the same.

const LEAST_MAX_GAP = 1.0  # seconds
const SAME_STEP = 1e-6  # seconds; below the milliseconds of label files
const LARGEST_TIME = 2.0^53 / 1000  # seconds; doubles beyond do not hold milliseconds

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
    for (name, seconds) in (("shortest", shortest), ("max_gap", max_gap))
        seconds === nothing || seconds > 0 ||
            throw(ArgumentError("expected $name above 0 s, found $seconds"))
    end
    for run in values(labels)
        located(() -> foreach(larva -> check_size(run[larva].times, larva), keys(run)); run=run.id)
    end
    for run in values(labels)
        smooth_run!(run, Float64(shortest), max_gap)
    end
    return labels
end

function check_size(times::Vector{Float64}, larva)
    i = findfirst(time -> abs(time) > LARGEST_TIME, times)
    i === nothing && return nothing
    problem = "expected a time within $LARGEST_TIME s of 0, found $(times[i])"
    throw(LabelFileError("bad-time", problem; track=larva, index=i))
end

function smooth_run!(run::RunLabels, shortest::Float64, max_gap)
    interval = median_of(reduce(vcat, [diff(track.times) for track in values(run)]; init=Float64[]))
    if max_gap === nothing
        max_gap = interval === nothing ? LEAST_MAX_GAP : max(LEAST_MAX_GAP, 5 * interval)
    end
    interval = interval === nothing ? 1.0 : interval
    table = run.table
    classes = [primary(table, code) for code in 0:(length(table.states) - 1)]
    edited = [EDITED in labels_of(state) for state in table.states]
    known = Dict{Tuple{Vector{String},Int32},Int32}()
    for (larva, track) in run
        bouts = bouts_of(track, classes, edited, Float64(max_gap), interval)
        new = smoothed!(bouts, shortest)
        codes = copy(track.codes)
        for (bout, class) in enumerate(new), frame in bouts.frames[bout]
            code = codes[frame]
            class == classes[code + 1] && continue
            codes[frame] = get!(known, (class, code)) do
                own = setdiff(labels_of(table.states[code + 1]), classes[code + 1])
                number!(table, [class; own])
            end
        end
        replace_codes!(run, larva, codes)
    end
    return run
end

function median_of(steps::Vector{Float64})
    isempty(steps) && return nothing
    sort!(steps)
    n = length(steps)
    return isodd(n) ? steps[(n + 1) ÷ 2] : (steps[n ÷ 2] + steps[n ÷ 2 + 1]) / 2
end

"""
    Bouts

The bouts of primary labels of a track, as columns that are changed when bouts are united.

# Fields
- `frames`: the frames of each original bout.
- `classes`: the primary labels; none if undefined.
- `start`, `stop`: seconds.
- `edited`: whether a frame has the label "edited".
- `known`, `percents`: the number of frames that have a confidence, and its sum in whole percents.
- `before`, `after`: the adjacent bouts in the stretch; 0 if there is none.
- `united`: the bout that represents a bout from then on.
"""
struct Bouts
    frames::Vector{UnitRange{Int}}
    classes::Vector{Vector{String}}
    start::Vector{Float64}
    stop::Vector{Float64}
    edited::Vector{Bool}
    known::Vector{Int}
    percents::Vector{Int}
    before::Vector{Int}
    after::Vector{Int}
    united::Vector{Int}
end

function bouts_of(track::TrackLabels, classes, edited, max_gap::Float64, interval::Float64)
    bouts = Bouts([], [], [], [], [], [], [], [], [], [])
    times, n = track.times, length(track)
    for (frame, code) in enumerate(track.codes)
        gap = frame == 1 || times[frame] - times[frame - 1] > max_gap + SAME_STEP
        if gap || classes[code + 1] != bouts.classes[end]
            push!(bouts.frames, frame:frame)
            push!(bouts.classes, classes[code + 1])
            push!(bouts.start, times[frame])
            push!(bouts.stop, 0.0)
            push!(bouts.edited, false)
            foreach(column -> push!(column, 0), (bouts.known, bouts.percents, bouts.after))
            bout = length(bouts.classes)
            push!(bouts.before, gap ? 0 : bout - 1)
            gap || (bouts.after[bout - 1] = bout)
            push!(bouts.united, bout)
        end
        bouts.frames[end] = first(bouts.frames[end]):frame
        bouts.stop[end] = frame == n ? times[frame] + interval :
                          times[frame + 1] - times[frame] > max_gap + SAME_STEP ?
                          min(times[frame] + interval, times[frame + 1]) : times[frame + 1]
        bouts.edited[end] |= edited[code + 1]
        if track.confidence !== nothing && !isnan(track.confidence[frame]) && !edited[code + 1]
            bouts.known[end] += 1
            bouts.percents[end] += round(Int, 100 * track.confidence[frame])
        end
    end
    return bouts
end

"""Return the duration in whole µs, so that rounding errors of times do not decide."""
duration(bouts::Bouts, bout) = round(Int, 1e6 * (bouts.stop[bout] - bouts.start[bout]))

"""Unite short bouts with neighbours; return the class of each of the original bouts."""
function smoothed!(bouts::Bouts, shortest::Float64)
    least = round(1e6 * shortest)
    short = Tuple{Int,Int}[]  # a heap: duration and bout
    for bout in eachindex(bouts.classes)
        length_of = duration(bouts, bout)
        length_of < least && push_heap!(short, (length_of, bout))
    end
    while !isempty(short)
        length_of, bout = pop_heap!(short)
        # united with others since then
        bouts.united[bout] == bout && length_of == duration(bouts, bout) || continue
        (bouts.edited[bout] || isempty(bouts.classes[bout])) && continue
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
function neighbour(bouts::Bouts, bout)
    defined(other) = other != 0 && !isempty(bouts.classes[other]) ? other : 0
    before, after = defined(bouts.before[bout]), defined(bouts.after[bout])
    (before == 0 || after == 0) && return max(before, after)
    if bouts.known[before] > 0 && bouts.known[after] > 0
        sure = bouts.percents[before] * bouts.known[after]
        surer = bouts.percents[after] * bouts.known[before]
        sure == surer || return sure > surer ? before : after
    end
    return duration(bouts, after) > duration(bouts, before) ? after : before
end

function unite!(bouts::Bouts, bout, into)
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

function representative(bouts::Bouts, bout)
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
