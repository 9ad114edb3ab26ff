# The confidence of a run's frames, as far as it is known.

"""
Return the confidence of the frames of all tracks, concatenated. It is NaN if it is unknown, and in frames with the
label "edited": they are no longer as the model predicted them.
"""
function known_confidence(run::RunLabels)
    edited = edited_states(run)
    confidence = Float64[]
    for track in values(run)
        known = track.confidence === nothing ? fill(NaN, length(track)) : copy(track.confidence)
        known[edited[track.codes .+ 1]] .= NaN
        append!(confidence, known)
    end
    return confidence
end

"""Return whether each state of a run, by number + 1, has the label "edited"."""
edited_states(run::RunLabels) = Bool[EDITED in labels_of(state) for state in run.table.states]
