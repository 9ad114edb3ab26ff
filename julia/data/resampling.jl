# Tracks at other times than those of their frames. As in Python, operation by operation, so that both give the same
# doubles.

"""Seconds; times with 3 decimals, and their sums, that differ by less are taken as equal."""
const SAME_TIME = 1e-9

"""
Return the frames of a track that have a spine: their times, and their spines.

`ArgumentError`: the track was loaded without spines.
"""
function complete_frames(track::Track)
    track.spine === nothing &&
        throw(ArgumentError("expected a track with a spine, found one that was loaded without"))
    complete = hasspine(track)
    all(complete) && return track.times, track.spine
    return track.times[complete], track.spine[complete, :, :]
end

"""
Return which intervals are between the first and the last frame and overlap no gap.

`start` and `stop` are the ends of each interval in seconds, with a tolerance of 1 ns.
"""
function are_covered(times::Vector{Float64}, start, stop, max_gap)
    isempty(times) && return fill(false, length(start))
    gaps = [frame for frame in 1:length(times) - 1 if is_gap(times[frame + 1] - times[frame], max_gap)]
    opens, closes = push!(times[gaps], Inf), times[gaps .+ 1]
    return map(start, stop) do first_time, last_time
        first_time >= times[1] - SAME_TIME && last_time <= times[end] + SAME_TIME || return false
        gap = searchsortedlast(closes, first_time + SAME_TIME) + 1  # the first that ends after the start
        return opens[gap] >= last_time - SAME_TIME
    end
end

"""Return the index of the frame nearest to a time, the earlier of two. The time is not outside of the track."""
function nearest_frame(times::Vector{Float64}, time)
    after = min(searchsortedfirst(times, time), length(times))
    before = max(after - 1, 1)
    # differences of rounded times: a tie is one within twice the tolerance
    return time - times[before] <= times[after] - time + 2 * SAME_TIME ? before : after
end

"""Interpolate spines linearly, at times inside of the track; return `times` x points x 2 values of type `T`."""
function interpolate(::Type{T}, times::Vector{Float64}, spine, at) where {T}
    before, after, weight = zeros(Int, length(at)), zeros(Int, length(at)), zeros(length(at))
    for (i, time) in enumerate(at)
        after[i] = min(searchsortedfirst(times, time - SAME_TIME), length(times))
        # at a frame, both are that frame: its neighbours, which may lack values, are not used
        before[i] = abs(times[after[i]] - time) <= SAME_TIME ? after[i] : max(after[i] - 1, 1)
        span = before[i] == after[i] ? 1.0 : times[after[i]] - times[before[i]]
        weight[i] = (time - times[before[i]]) / span
    end
    found = Array{T}(undef, length(at), size(spine, 2), 2)
    for axis in 1:2, point in axes(spine, 2), i in eachindex(before)
        start = spine[before[i], point, axis]
        found[i, point, axis] = (spine[after[i], point, axis] - start) * weight[i] + start
    end
    return found
end
