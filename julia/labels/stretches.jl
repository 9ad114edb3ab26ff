# Gaps between the frames of a larva.

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
    interval = median_of(steps)
    return interval === nothing ? LEAST_MAX_GAP : max(LEAST_MAX_GAP, 5 * interval)
end

"""Return whether a step between successive frames of a track, in seconds, is longer than `max_gap`."""
is_gap(step, max_gap) = step > max_gap + SAME_STEP

check_max_gap(::Nothing) = nothing
check_max_gap(max_gap) =
    max_gap > 0 ? nothing : throw(ArgumentError("expected a max_gap above 0 s, found $max_gap"))

"""Return which states of a run, by number + 1, have the label "edited"."""
edited_states(run::RunLabels) = Bool[EDITED in labels_of(state) for state in run.table.states]
