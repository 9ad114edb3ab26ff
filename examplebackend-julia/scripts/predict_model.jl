# Label the recordings in data/raw by thresholds on bending and speed, into data/processed.

using TaggingBackends

const NAMES = ["run", "cast", "stop"]
const COLORS = ["#2ca02c", "#d62728", "#bcbd22"]

"""Return the angle between the rear half of a spine and its front half, in rad; 0: straight."""
function bending(spine, frame)
    head, middle, tail = (complex(spine[frame, point, 1], spine[frame, point, 2]) for point in (1, 6, 11))
    return abs(angle((head - middle) * conj(middle - tail)))
end

"""Return the speed of the spine's midpoint within a window around a frame, in mm/s."""
function midpoint_speed(times, spine, frame, window)
    from = searchsortedfirst(times, times[frame] - window / 2)
    to = searchsortedlast(times, times[frame] + window / 2)
    from < to || return Inf  # no other frame in the window: the speed is unknown
    shift = spine[to, 6, :] - spine[from, 6, :]
    return hypot(shift...) / (times[to] - times[from])
end

function state(times, spine, frame, thresholds)
    bending(spine, frame) > thresholds["bend"] && return "cast"
    return midpoint_speed(times, spine, frame, thresholds["window"]) < thresholds["speed"] ? "stop" : "run"
end

"""Return the state of each frame of a track; `[]`, undefined, without a spine."""
function states_of(track, thresholds)
    known = findall(hasspine(track))
    times, spine = track.times[known], track.spine[known, :, :]
    states = Any[String[] for _ in 1:length(track)]
    states[known] = [state(times, spine, frame, thresholds) for frame in 1:length(known)]
    return states
end

"""Read a model: name => value."""
function read_thresholds(folder)
    lines = filter(line -> !startswith(line, "#"), readlines(joinpath(folder, "parameters.txt")))
    return Dict(name => parse(Float64, value) for (name, value, unit) in split.(lines))
end

"""
    predict_model(backend; bend=nothing, speed=nothing)

Write one label file per recording.

# Arguments
- `bend`: angle above which a larva casts, in rad; by default the model's.
- `speed`: speed below which a larva stops, in mm/s; by default the model's.
"""
function predict_model(backend; bend::Union{Nothing,Float64}=nothing, speed::Union{Nothing,Float64}=nothing)
    thresholds = read_thresholds(model_dir(backend))
    for (name, value) in ("bend" => bend, "speed" => speed)
        value === nothing || (thresholds[name] = value)
    end
    for file in keys(findrecordings(list_input_files(backend)))
        recording = loadtracks(file; outline=false)
        predicted = Labels()
        declarelabels!(addrun!(predicted, recording.run), NAMES; colors=COLORS)
        for (larva, track) in recording
            setlabels!(predicted, recording.run, larva, track.times, states_of(track, thresholds))
        end
        writelabels(output_path(backend, file), predicted)
    end
end

if abspath(PROGRAM_FILE) == @__FILE__
    TaggingBackends.main(predict_model)
end
