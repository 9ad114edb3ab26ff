# The labels of one larva: columns that read as a dictionary.

const TIME_TOLERANCE = 1e-3 + 1e-9  # seconds; label files hold milliseconds

"""
    TrackLabels <: AbstractDict{Float64,State}

The labels of one larva: time => state.

A time matches the nearest frame within 1 ms, or the earlier of two frames that are equally near.
`haskey(track, time)` returns whether a frame matches. Iteration gives pairs of time and state.

# Fields
- `times::Vector{Float64}`: seconds, strictly increasing. Read only; see [`setlabels!`](@ref).
- `states::Vector{State}`: the state of each frame, a `String` (one label) or a `Vector{String}` (several
  labels, or none).
- `codes::Vector{Int32}`: the number of each frame's state, `labels[run].states[code + 1]`; 0 is undefined.
  Read only.
- `confidence`: the probability that a model gives to each state, 0 to 1 (`NaN`: unknown), or `nothing`.
- `second`: the model's second choice for each frame, a `String`, or an empty `Vector{String}` for none; or
  `nothing`. `second_codes` has their numbers, as `codes`.
- `records`: further entries of the track in a label file. A vector as long as `times` holds one value per
  frame; anything else belongs to the track as a whole.

# Example
```julia
track = labels["20150701_105504"][512]
track[66.755]  # "cast"
track.times[track.states .== "cast"]
```
"""
struct TrackLabels <: AbstractDict{Float64,State}
    table::StateTable
    times::Vector{Float64}
    codes::Vector{Int32}
    records::OrderedDict{String,Any}
    confidence::Union{Vector{Float64},Nothing}
    second_codes::Union{Vector{Int32},Nothing}
end

TrackLabels(table, times, codes, records=OrderedDict{String,Any}()) =
    TrackLabels(table, times, codes, records, nothing, nothing)

function Base.getproperty(track::TrackLabels, name::Symbol)
    name === :states && return states_of(track.table, track.codes)
    name === :second || return getfield(track, name)
    return track.second_codes === nothing ? nothing : states_of(track.table, track.second_codes)
end

function states_of(table::StateTable, codes::Vector{Int32})
    # copies of the states in use only: there may be many more
    states = Dict{Int32,State}()
    return State[get!(() -> own(table.states[code + 1]), states, code) for code in codes]
end

const TRACK_PROPERTIES = (:times, :states, :codes, :confidence, :second, :second_codes, :records)

Base.propertynames(::TrackLabels, private::Bool=false) =
    private ? (TRACK_PROPERTIES..., :table) : TRACK_PROPERTIES

"""Return a copy of a track with the numbers of another table."""
function copied_on(table::StateTable, track::TrackLabels, codes, second)
    return TrackLabels(table, copy(track.times), codes, deepcopy(track.records),
                       copied_column(track.confidence), second)
end

copied_column(column) = column === nothing ? nothing : copy(column)

"""
    findframes(track::TrackLabels, times)

Return the index of the frame nearest to each time: a vector of 1-based `Int`, 0 where no frame is within 1 ms.
Of two equally near frames, it is the earlier one. `times` are in seconds, in any order.

# Example
```julia
frames = findframes(labels["20240611_101500"][1], recording[1].times)
```
"""
findframes(track::TrackLabels, times) = Int[frame_at(track, time) for time in times]

function frame_at(track::TrackLabels, time::Float64)
    times = track.times
    isempty(times) && return 0
    after = min(searchsortedfirst(times, time), length(times))
    before = max(after - 1, 1)
    frame = abs(time - times[before]) <= abs(times[after] - time) ? before : after
    return abs(times[frame] - time) <= TIME_TOLERANCE ? frame : 0
end

frame_at(track::TrackLabels, time) = time isa Real ? frame_at(track, Float64(time)) : 0

"""
Return what [`findframes`](@ref) returns, but assign each frame to one time only, the nearest.

Times are sorted; of two that are equally near, the earlier one gets the frame.
"""
function match_times(track::TrackLabels, times)
    frames = findframes(track, times)
    best = 0  # the time that has the last frame; times near the same frame follow each other
    for (i, frame) in enumerate(frames)
        frame == 0 && continue
        if best == 0 || frames[best] != frame
            best = i
        elseif abs(times[i] - track.times[frame]) < abs(times[best] - track.times[frame])
            frames[best] = 0
            best = i
        else
            frames[i] = 0
        end
    end
    return frames
end

state_at(track::TrackLabels, frame) = track.table.states[track.codes[frame] + 1]

Base.length(track::TrackLabels) = length(track.times)
Base.haskey(track::TrackLabels, time) = frame_at(track, time) != 0

function Base.get(track::TrackLabels, time, default)
    frame = frame_at(track, time)
    return frame == 0 ? default : own(state_at(track, frame))
end

function Base.getindex(track::TrackLabels, time)
    frame = frame_at(track, time)
    frame == 0 && throw(KeyError(time))
    return own(state_at(track, frame))
end

function Base.iterate(track::TrackLabels, frame::Int=1)
    frame > length(track) && return nothing
    return Pair{Float64,State}(track.times[frame], own(state_at(track, frame))), frame + 1
end

function Base.:(==)(one::TrackLabels, other::TrackLabels)
    return one.times == other.times && same_states(one.table, one.codes, other.table, other.codes) &&
           isequal(one.confidence, other.confidence) &&
           same_states(one.table, one.second_codes, other.table, other.second_codes) &&
           collect(keys(one.records)) == collect(keys(other.records)) && one.records == other.records
end

Base.show(io::IO, track::TrackLabels) = print(io, "TrackLabels: ", counted(length(track), "frame"))

function Base.show(io::IO, ::MIME"text/plain", track::TrackLabels)
    show(io, track)
    isempty(track) || print(io, " from ", first(track.times), " s to ", last(track.times), " s")
    isempty(track.records) || print(io, "\n  records: ", join(keys(track.records), ", "))
    return nothing
end

"""Compare the states of two tracks of equal length; their state numbers may differ."""
function same_states(table::StateTable, codes, other::StateTable, others)
    (codes === nothing || others === nothing) && return codes === others
    pairs = Set{Tuple{Int32,Int32}}(zip(codes, others))
    return all(pair -> table.states[pair[1] + 1] == other.states[pair[2] + 1], pairs)
end
