# Bouts: consecutive frames of a larva with the same label.

"""
    Bouts

The bouts of a run, as columns; made by [`findbouts`](@ref). `length(bouts)` is their number n.

A bout is a longest series of consecutive frames of a larva that have a label. Other labels of these frames do not
matter, so bouts of different labels may overlap. A gap ends a bout. Undefined frames are in no bout. Bouts are
sorted by larva (in the order of the run), then by first frame.

# Fields
- `names::Vector{String}`: the primary names, then the secondary names.
- `larvae::Vector{Int}`: identifiers.
- `labels::Vector{Int}`: 1-based indices into `names`.
- `first_frames::Vector{Int}`: the 1-based index of the first frame in the track.
- `frames::Vector{Int}`: the number of frames.
- `start`, `last`, `stop`: seconds. The times of the first and the last frame, and the end of the last frame. A frame
  lasts until the larva's next frame. At a gap, and at the end of the track, it lasts for the median frame interval
  of the run's tracks, but not beyond the larva's next frame.
- `durations`: `stop - start`, in seconds.
"""
struct Bouts
    names::Vector{String}
    larvae::Vector{Int}
    labels::Vector{Int}
    first_frames::Vector{Int}
    frames::Vector{Int}
    start::Vector{Float64}
    last::Vector{Float64}
    stop::Vector{Float64}
end

Base.getproperty(bouts::Bouts, name::Symbol) =
    name === :durations ? bouts.stop - bouts.start : getfield(bouts, name)

Base.propertynames(::Bouts, private::Bool=false) = (fieldnames(Bouts)..., :durations)

Base.length(bouts::Bouts) = length(bouts.larvae)

Base.show(io::IO, bouts::Bouts) = print(io, "Bouts: ", counted(length(bouts), "bout"))

"""
    findbouts(run; max_gap=nothing)

Return the [`Bouts`](@ref TaggingBackends.Bouts) of all labels of a run. [`tobouts`](@ref) returns a table of them.

# Arguments
- `run`: `labels[run]`.
- `max_gap`: the longest step between successive frames of a bout, in seconds. By default the longer of 1 s and 5
  median frame intervals of the run's tracks.

# Errors
As for [`findspans`](@ref).

# Example
```julia
bouts = findbouts(labels["20240611_101500"])
runs = bouts.labels .== findfirst(==("run"), bouts.names)
sum(bouts.durations[runs])  # seconds
```
"""
findbouts(run::RunLabels; max_gap=nothing) = first(bouts_of_spans(run, findspans(run; max_gap=max_gap)))

"""Return the bouts that all spans of a run consist of, and the 1-based index of their larva."""
function bouts_of_spans(run::RunLabels, spans::Spans)
    names, labels_of_state = all_names(run), label_places(run)
    labels, first, last = Int[], Int[], Int[]  # the label of each bout, and its spans
    latest = zeros(Int, length(names))  # the bout of each label that was found last
    for span in 1:length(spans), label in labels_of_state[spans.states[span] + 1]
        bout = latest[label]
        if bout != 0 && last[bout] == span - 1 && spans.stretches[span] == spans.stretches[span - 1]
            last[bout] = span
        else
            push!(labels, label)
            push!(first, span)
            push!(last, span)
            latest[label] = length(labels)
        end
    end
    ends = cumsum(spans.frames)  # in the frames of all tracks
    before = ends .- spans.frames
    tracks = spans.tracks[first]
    first_frames = before[first] .- offsets_of(run)[tracks] .+ 1
    bouts = Bouts(names, collect(Int, keys(run))[tracks], labels, first_frames, ends[last] .- before[first],
                  spans.start[first], spans.last[last], spans.stop[last])
    return bouts, tracks
end

"""Return the number of frames before each track of a run."""
function offsets_of(run::RunLabels)
    sizes = Int[length(track) for track in values(run)]
    return cumsum(sizes) .- sizes
end
