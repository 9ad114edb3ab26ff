# Spines in the frame of reference of the larva: centred, rotated and scaled.

"""
    bodylength(recording)
    bodylength(spines)

Return the median over all frames of the spine's length, the sum of its segments, in mm.

# Arguments
- `recording`: a [`Recording`](@ref). All frames of all larvae count, except those with a value that is not finite.
- `spines`: an array of which the last two dimensions are points and x, y, e.g. `track.spine`.

# Errors
`ArgumentError`: a recording without spines, an array of another size, or no complete spine.

# Example
```julia
bodylength(loadtracks("20240611_101500@g@e@t5@p.spine"; outline=false))
```
"""
bodylength(recording::Recording) = bodylength([track.spine for track in values(recording)])
bodylength(spines::AbstractArray{<:Real}) = bodylength([spines])

function bodylength(parts::AbstractVector)
    lengths = Float64[]
    for spines in parts
        spines === nothing &&
            throw(ArgumentError("expected spines, found a recording that was loaded without them"))
        append!(lengths, spine_lengths(spines))
    end
    filter!(isfinite, lengths)
    isempty(lengths) &&
        throw(ArgumentError("expected a complete spine to measure the body length, found none"))
    return median_of(lengths)
end

function spine_lengths(spines)
    dimensions = size(spines)
    length(dimensions) >= 2 && dimensions[end] == 2 ||
        throw(ArgumentError("expected spines of size (..., points, 2), found $dimensions"))
    flat = reshape(spines, :, dimensions[end - 1], 2)
    lengths = zeros(size(flat, 1))
    for point in 2:size(flat, 2), i in eachindex(lengths)
        step(axis) = Float64(flat[i, point, axis]) - Float64(flat[i, point - 1, axis])
        lengths[i] += hypot(step(1), step(2))
    end
    return lengths
end

"""
    egocentric(spines, lengths=bodylength(spines))

Return windows of spines, each window moved, rotated and scaled as a whole.

The mean position of the middle point over the window becomes the origin. The mean direction from the tail to the
middle point becomes +x: the front half swings in a cast, while the rear half shows the heading. The body length
becomes 1. Nothing is mirrored, and movement within the window is kept. The head is the first point, as trackers
write spines. With an even number of points, the middle is halfway between the two inner points. Frames without a
middle point or a tail are left out of the means.

# Arguments
- `spines`: windows x frames x points x 2 (see [`windows`](@ref)), or frames x points x 2 for one window; mm.
- `lengths`: the body length that becomes 1, mm: `bodylength(recording)`, or one for each window.

# Returns
A `Float64` array of the same size, in body lengths. A window without a direction (all points are equal) is not
rotated. A missing point stays NaN. A window without any spine is all NaN.

# Errors
`ArgumentError`: an array of another size; a body length that is not finite and above 0; lengths that are not one
for each window.

# Example
```julia
train = windows(recording, labels; duration=1.1, framerate=10)
inputs = egocentric(train.spines, train.body_lengths)
```
"""
function egocentric(spines::AbstractArray{<:Real,4}, lengths=bodylength(spines))
    n, frames, points, axes_ = size(spines)
    axes_ == 2 && points >= 2 && frames >= 1 ||
        throw(ArgumentError("expected spines of size (windows, frames, points, 2), found $(size(spines))"))
    lengths isa Real || size(lengths) == (n,) || throw(ArgumentError(
        "expected one body length, or one for each window, $n, found an array of size $(size(lengths))"))
    for length in lengths
        isfinite(length) && length > 0 ||
            throw(ArgumentError("expected a body length above 0 mm, found $length"))
    end
    own = Array{Float64}(undef, size(spines))
    inner, outer = (points + 1) ÷ 2, points ÷ 2 + 1
    at(place...) = complex(Float64(spines[place..., 1]), Float64(spines[place..., 2]))
    for window in 1:n
        known, direction, origin = 0, 0.0im, 0.0im
        for frame in 1:frames
            middle = (at(window, frame, inner) + at(window, frame, outer)) / 2
            rear = middle - at(window, frame, points)
            isfinite(rear) || continue
            known += 1
            direction += rear
            origin += middle
        end
        origin /= known
        size_of = abs(direction / known)
        unit = size_of == 0 ? 1.0 + 0.0im : direction / known / size_of
        scale = conj(unit) / (lengths isa Real ? lengths : lengths[window])
        for point in 1:points, frame in 1:frames
            moved = (at(window, frame, point) - origin) * scale
            own[window, frame, point, 1], own[window, frame, point, 2] = reim(moved)
        end
    end
    return own
end

function egocentric(spines::AbstractArray{<:Real,3}, lengths=bodylength(spines))
    return dropdims(egocentric(reshape(spines, 1, size(spines)...), lengths); dims=1)
end
