# Stretches (frames of a larva without a gap) and spans (consecutive frames in one state). Gaps and the duration of
# frames are defined here for all code that counts labels.

const LEAST_MAX_GAP = 1.0  # seconds
const GAP_INTERVALS = 5  # median frame intervals
const LARGEST_TIME = 2.0^53 / 1000  # seconds; doubles beyond do not hold milliseconds
const SAME_STEP = 1e-6  # seconds; below the milliseconds of label files, above the rounding errors of times

"""
    defaultmaxgap(tracks)

Return the largest gap within a stretch, in seconds: the longer of 1 s and 5 median frame intervals; 1 if no track
has two frames.

# Arguments
- `tracks`: all tracks of a recording, or of the labels of a run.

# Example
```julia
defaultmaxgap(values(loadtracks("20240611_101500@g@e@t5@p.spine")))
```
"""
function defaultmaxgap(tracks)
    steps = Float64[]
    foreach(track -> append!(steps, diff(track.times)), tracks)
    return gap_rule(median_of(steps))
end

gap_rule(interval) = interval === nothing ? LEAST_MAX_GAP : max(LEAST_MAX_GAP, GAP_INTERVALS * interval)

"""Return the median of some steps, which are reordered; `nothing` if there are none."""
function median_of(steps::Vector{Float64})
    isempty(steps) && return nothing
    half = (length(steps) + 1) ÷ 2
    isodd(length(steps)) && return partialsort!(steps, half)
    return sum(partialsort!(steps, half:(half + 1))) / 2
end

"""Return whether a step between successive frames of a track, in seconds, is longer than `max_gap`."""
is_gap(step, max_gap) = step > max_gap + SAME_STEP

check_max_gap(::Nothing) = nothing
check_max_gap(max_gap) =
    max_gap > 0 ? nothing : throw(ArgumentError("expected a max_gap above 0 s, found $max_gap"))

"""
    find_stretches(tracks, times, max_gap=nothing)

Find the stretches in concatenated tracks.

# Arguments
- `tracks`, `times`: the track of each frame, and its time in seconds.

# Returns
- `numbers`: the 1-based number of each frame's stretch.
- `ends`: the end of each frame, in seconds. A frame lasts until the larva's next frame. The last frame of a stretch
  lasts for the frame interval, but not beyond the larva's next frame.
- `interval`: the median frame interval over all tracks; 1 if no track has two frames.

# Errors
`ArgumentError`: `max_gap` is not above 0.
"""
function find_stretches(tracks::Vector{Int}, times::Vector{Float64}, max_gap=nothing)
    check_max_gap(max_gap)
    n = length(times)
    median = median_of(Float64[times[i + 1] - times[i] for i in 1:(n - 1) if tracks[i] == tracks[i + 1]])
    longest = max_gap === nothing ? gap_rule(median) : Float64(max_gap)
    interval = something(median, 1.0)
    numbers, ends = ones(Int, n), times .+ interval
    for i in 1:(n - 1)
        same = tracks[i] == tracks[i + 1]
        begins = !same || is_gap(times[i + 1] - times[i], longest)
        numbers[i + 1] = numbers[i] + begins
        same && (ends[i] = begins ? min(ends[i], times[i + 1]) : times[i + 1])
    end
    return (numbers=numbers, ends=ends, interval=interval)
end

"""
    Spans

The spans of a run, as columns; made by [`findspans`](@ref). `length(spans)` is their number n.

A span is a longest series of consecutive frames of a stretch in one state. Unlike bouts, spans of a larva do not
overlap. Within a stretch, each span begins where the span before ends. Spans are sorted by larva (in the order of
the run), then by time.

# Fields
- `tracks::Vector{Int}`: the 1-based index of the larva in the run.
- `stretches::Vector{Int}`: the 1-based number of the stretch in the run.
- `states::Vector{Int32}`: the number of the state, as in the `codes` of a track; 0 is undefined.
- `frames::Vector{Int}`: the number of frames.
- `start`, `last`, `stop`: seconds. The times of the first and the last frame, and the end of the last frame.
- `interval::Float64`: the median frame interval in seconds; 1 if no track has two frames.
"""
struct Spans
    tracks::Vector{Int}
    stretches::Vector{Int}
    states::Vector{Int32}
    frames::Vector{Int}
    start::Vector{Float64}
    last::Vector{Float64}
    stop::Vector{Float64}
    interval::Float64
end

Base.length(spans::Spans) = length(spans.tracks)

Base.show(io::IO, spans::Spans) = print(io, "Spans: ", counted(length(spans), "span"))

"""
    findspans(run; max_gap=nothing)

Return the [`Spans`](@ref TaggingBackends.Spans) of a run.

# Arguments
- `run`: `labels[run]`.
- `max_gap`: the longest step between successive frames of a stretch, in seconds. By default the longer of 1 s and 5
  median frame intervals of the run's tracks.

# Errors
[`LabelFileError`](@ref) `bad-time`: a time is so large that no double holds it in milliseconds. `ArgumentError`:
`max_gap` is not above 0.

# Example
```julia
spans = findspans(labels["20240611_101500"])
sum((spans.stop - spans.start)[spans.states .== 0])  # seconds without a label
```
"""
function findspans(run::RunLabels; max_gap=nothing)
    tracks, times, codes = columns_of(run)
    stretches = find_stretches(tracks, times, max_gap)
    first = Int[i for i in eachindex(times) if i == 1 || codes[i] != codes[i - 1] ||
                stretches.numbers[i] != stretches.numbers[i - 1]]
    last = isempty(first) ? Int[] : [first[2:end] .- 1; length(times)]
    return Spans(tracks[first], stretches.numbers[first], codes[first], last .- first .+ 1, times[first],
                 times[last], stretches.ends[last], stretches.interval)
end

"""
Return the frames of all tracks, concatenated: the 1-based index of the larva in the run, the time in seconds, and
the number of the state.

`bad-time`: a time is so large that no double holds it in milliseconds. It can be read, but durations have no
meaning.
"""
function columns_of(run::RunLabels)
    tracks, times, codes = Int[], Float64[], Int32[]
    for (place, (larva, track)) in enumerate(run)
        index = findfirst(time -> abs(time) > LARGEST_TIME, track.times)
        if index !== nothing
            limit = round(LARGEST_TIME; sigdigits=3)
            problem = "expected a time within $limit s of 0, found $(track.times[index])"
            throw(LabelFileError("bad-time", problem; run=run.id, track=larva, index=index))
        end
        append!(tracks, fill(place, length(track)))
        append!(times, track.times)
        append!(codes, track.codes)
    end
    return tracks, times, codes
end

"""Return the primary and the secondary names of a run."""
all_names(run::RunLabels) = [run.table.names; run.table.secondary_names]

"""Return for each state of a run, by number + 1, the sorted places of its labels in `all_names`."""
function label_places(run::RunLabels)
    place = Dict(name => label for (label, name) in enumerate(all_names(run)))
    # a state that is no longer used may have names that are no longer declared
    return [sort!(Int[place[name] for name in labels_of(state) if haskey(place, name)])
            for state in run.table.states]
end
