# Shape of windows, and prediction from windows. A window holds the spines of a larva at evenly spaced times around an
# anchor.

"""
    WindowShape(duration, framerate, margin, max_gap)

Shape of windows. Its parameters are those of [`windows`](@ref).

# Fields
- `frames`: the number of frames of the duration.
- `margin_frames`: those of the margins before and after.
- `anchor_frame`: 0-based index of the anchor's frame in a window, margins included.
- `offsets`: the time of each frame relative to the anchor, in seconds.
- `max_gap`: seconds; `nothing` for the default.
"""
struct WindowShape
    frames::Int
    margin_frames::Tuple{Int,Int}
    anchor_frame::Int
    offsets::Vector{Float64}
    max_gap::Union{Float64,Nothing}
end

function WindowShape(duration::Real, framerate::Real, margin, max_gap)
    isfinite(framerate) && framerate > 0 ||
        throw(ArgumentError("expected a framerate above 0 frames/s, found $framerate"))
    check_max_gap(max_gap)
    frames = whole_frames("duration", duration, framerate, 1)
    before, after = whole_frames.("margin", both_margins(margin), framerate, 0)
    anchor = before + frames ÷ 2
    # from integers, to avoid accumulating rounding errors
    offsets = (collect(0:before + frames + after - 1) .- anchor) ./ Float64(framerate)
    return WindowShape(frames, (before, after), anchor, offsets, max_gap)
end

function both_margins(margin)
    margin isa Real && return (margin, margin)
    length(margin) == 2 || throw(ArgumentError("expected one margin or (before, after), found $margin"))
    return Tuple(margin)
end

function whole_frames(name, seconds, framerate, least)
    frames = Float64(seconds) * Float64(framerate)
    countable = abs(frames) < 2.0^53  # doubles beyond are all whole numbers
    countable && abs(frames - round(frames)) < 1e-6 && frames > least - 0.5 && return round(Int, frames)
    fix = countable ? "; try $name=$(max(round(frames), least) / framerate)" : ""
    throw(ArgumentError("expected $name * framerate to be a whole number of frames from $least, found " *
                        "$seconds s * $framerate frames/s$fix"))
end

"""Return the largest gap in a window: that of the shape, or the default of these tracks."""
max_gap_of(shape::WindowShape, tracks) = shape.max_gap === nothing ? defaultmaxgap(tracks) : shape.max_gap

"""Return around which anchors a track covers the whole window."""
fits(shape::WindowShape, times, anchors, max_gap) =
    are_covered(times, anchors .+ shape.offsets[1], anchors .+ shape.offsets[end], max_gap)

"""Cut windows of spines around anchors, at which they must fit: anchors x frames x points x 2 values of type `T`."""
function cut(T::Type, shape::WindowShape, times, spine, anchors)
    values = interpolate(T, times, spine, vec(anchors .+ shape.offsets'))
    return reshape(values, length(anchors), length(shape.offsets), size(spine, 2), 2)
end

"""
    predictframes(predict, track; duration, framerate, margin=0, max_gap=nothing, batch=1024, undefined=nothing,
                  confidence=false)

Predict a value for every frame of a track from the window around the frame, as Python's `predict_frames` does.

The windows are cut as those of [`windows`](@ref), around the frames that have a spine. Frames without a window get
the prediction for the nearest frame with one, or for the earlier of two equally near ones. If the nearest frame with
a window is further away than `max_gap`, the result is undefined.

# Arguments
- `predict`: a function of windows (m x frames x points x 2, mm) that returns a vector of m names, codes or floats, or
  an array of m rows. The result for a window must not depend on the others.
- `track`: a track with spines.
- `duration`, `framerate`, `margin`: as for [`windows`](@ref).
- `max_gap`: seconds. By default the longer of 1 s and 5 median frame intervals of the track;
  `defaultmaxgap(values(recording))` is that of the recording.
- `batch`: the number of windows per call of `predict`.
- `undefined`: the value of undefined rows. By default no label for names, -1 for integers, and NaN for floats.
- `confidence`: whether `predict` returns a tuple of names, the confidence in each (0 to 1), and the second choices.

# Returns
The times of all frames of the track, and an array of one row for each. With `confidence`: times, names, confidence
(NaN where undefined) and second choices. If no window fits in the track, `predict` is not called.

# Errors
`ArgumentError`: the track has no spine, a parameter is invalid, `predict` does not return one row per window, or it
returns values of a type that has no default of `undefined`.

# Example
```julia
times, states = predictframes(track; duration=1.1, framerate=10) do spines
    classify(egocentric(spines, bodylength(recording)))
end
setlabels!(labels, recording.run, larva, times, states)
```
"""
function predictframes(predict, track::Track; duration, framerate, margin=0, max_gap=nothing, batch::Integer=1024,
                       undefined=nothing, confidence::Bool=false)
    batch >= 1 || throw(ArgumentError("expected a batch of 1 window or more, found $batch"))
    shape = WindowShape(duration, framerate, margin, max_gap)
    times, spine = complete_frames(track)
    longest = max_gap_of(shape, [track])
    anchors = times[fits(shape, times, times, longest)]
    n = length(track)
    if isempty(anchors)
        names = fill!(Vector{Any}(undef, n), undefined === nothing ? String[] : undefined)
        confidence || return track.times, names
        return track.times, names, fill(NaN, n), State[String[] for _ in 1:n]
    end
    parts = map(Iterators.partition(anchors, batch)) do part
        rows = predict(cut(Float64, shape, times, spine, part))
        if confidence && !(rows isa Tuple && length(rows) == 3)
            problem = "expected a tuple of names, confidence and second choices from predict"
            throw(ArgumentError("$problem, found $(typeof(rows))"))
        end
        foreach(column -> check_rows(column, length(part)), confidence ? rows : (rows,))
        return rows
    end
    frames = [nearest_frame(anchors, clamp(time, anchors[1], anchors[end])) for time in track.times]
    without = is_gap.(abs.(anchors[frames] .- track.times), longest)
    of_frames(columns, value) = taken_rows(reduce(vcat, columns), frames, without, value)
    confidence || return track.times, of_frames(parts, undefined)
    return (track.times, of_frames(map(first, parts), undefined), of_frames(map(part -> part[2], parts), NaN),
            of_frames(map(last, parts), String[]))
end

function check_rows(rows, n)
    rows isa AbstractArray && ndims(rows) >= 1 && size(rows, 1) == n && return nothing
    found = rows isa AbstractArray ? "an array of size $(size(rows))" : string(typeof(rows))
    throw(ArgumentError("expected $n rows from predict, one per window, found $found"))
end

function taken_rows(rows, frames, without, undefined)
    taken = copy(selectdim(rows, 1, frames))
    any(without) || return taken
    value = undefined === nothing ? undefined_value(eltype(rows)) : undefined
    taken = Array{promote_type(eltype(taken), typeof(value))}(taken)
    selectdim(taken, 1, findall(without)) .= Ref(value)
    return taken
end

undefined_value(::Type{T}) where {T<:AbstractFloat} = T(NaN)
undefined_value(::Type{T}) where {T<:Signed} = T(-1)
undefined_value(::Type{<:Unsigned}) = -1
undefined_value(::Type{<:Union{AbstractString,AbstractVector}}) = String[]
undefined_value(type) = type === Any ? String[] : throw(ArgumentError("expected names, codes or floats from predict, " *
    "found $type; give `undefined`, the value of frames without a window"))
