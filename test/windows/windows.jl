@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test

# The arrays are compared with those of Python in test_both_languages.py.

"""Return a recording of larvae that move at 1 mm/s along x, at 10 frames/s, and labels of it."""
function moving(; n=40, states=[fill("run", n - 10); fill("cast", 10)], points=11)
    times = collect(0:n - 1) ./ 10
    labels, tracks = Labels(), Dict{Int,Track}()
    for larva in (1, 20)
        spine = [axis == 1 ? larva + time : point / 10 for time in times, point in 1:points, axis in 1:2]
        tracks[larva] = Track(times; spine=spine)
        setlabels!(labels, RUN, larva, times, states)
    end
    recording = Recording(RUN, [1, 20], tracks, TB.OrderedDict{String,Any}(), "Choreography", String[], Labels())
    return recording, labels
end

failure(f) = try
    f()
    nothing
catch error
    error
end

@testset "windows are cut around labelled frames" begin
    recording, labels = moving()
    set = windows(recording, labels; duration=1, framerate=20, type=Float64)
    @test size(set.spines) == (2 * 30, 20, 11, 2) && length(set) == 60
    @test set.names == ["run", "cast"] && set.names[set.labels[end] + 1] == "cast"
    @test set.spines[1, 11, 5, :] ≈ [set.larvae[1] + set.times[1], 0.5]
    @test set.about["observed"]["cast"] == 20 && set.about["fitting"]["cast"] == 10
    @test all(set.body_lengths .≈ 1.0)
    @test sprint(show, set) == "Windows: 60 windows of 20 frames (run 50, cast 10)"
    # of its run, and of several recordings
    labels["other"] = labels[RUN]
    @test windows(recording, labels[RUN]; duration=1, framerate=20, type=Float64).spines == set.spines
    two = windows([recording => labels, recording => labels]; duration=1, framerate=20, balance="minority", seed=2)
    @test (length(two), two.runs, eltype(two.spines)) == (40, [RUN, RUN], Float32)
    @test unique(two.recordings) == [0, 1]
end

@testset "what cannot be cut is refused" begin
    recording, labels = moving()
    cut(; duration=1, framerate=10, options...) = windows(recording, labels; duration=duration, framerate=framerate,
                                                          options...)
    @test failure(() -> cut(labels="rum")).kind == "unknown-label"
    @test occursin("did you mean run?", failure(() -> cut(labels="rum")).problem)
    @test failure(() -> cut(duration=100)).kind == "no-window"
    @test failure(() -> windows(Recording[]; duration=1, framerate=10)).kind == "no-input"
    for options in ((duration=0.15,), (duration=1e300,), (framerate=0,), (margin=(1, 2, 3),), (max_gap=0,),
                    (balance=0.5,), (balance="most",), (seed=-1,), (type=Int,), (labels=:run,), (exclude=["run", 1],))
        @test failure(() -> cut(; options...)) isa ArgumentError
    end
    for files in ("a.label", ["a.label"])
        @test occursin("load files with loadtracks", failure(() -> windows(files; duration=1, framerate=10)).msg)
    end
    @test occursin("track of 3.7 s", failure(() -> cut(duration=3.8, max_gap=0.01)).problem)
    bare = Recording(RUN, [1], Dict(1 => Track([0.0, 0.1])), recording.metadata, "Choreography", String[], Labels())
    @test failure(() -> windows(bare, labels; duration=1, framerate=10)) isa TrackFileError
    @test failure(() -> windows(bare, Labels(); duration=1, framerate=10)) isa TrackFileError
    other = first(moving(; points=5))
    both(; options...) = windows([recording => labels, other => labels]; duration=1, framerate=10, options...)
    @test failure(both) isa TrackFileError
    @test failure(() -> both(labels="rum")).kind == "unknown-label"  # as in Python, which reads the names first
end

@testset "predicted labels are reported" begin
    recording, labels = moving()
    labels[RUN].metadata["software"] = Dict("model_instance" => "m")
    options = (duration=1, framerate=10)
    @test_logs (:warn, r"labels that m predicted and nobody edited") windows(recording, labels; options...)
end

@testset "frames are predicted from windows" begin
    track = first(moving())[1]
    times, states = predictframes(spines -> fill("run", size(spines, 1)), track; duration=1, framerate=10)
    @test times == track.times && states == fill("run", 40)
    _, codes = predictframes(spines -> fill(3, size(spines, 1)), track; duration=1, framerate=10, max_gap=0.3)
    @test codes == [-1; -1; fill(3, 37); -1]
    result = predictframes(track; duration=1, framerate=10, confidence=true) do spines
        n = size(spines, 1)
        return fill("run", n), fill(0.5, n), fill("cast", n)
    end
    times, states, sure, second = result
    labels = setlabels!(Labels(), RUN, 1, times, states; confidence=sure, second=second)
    @test labels[RUN][1].second == fill("cast", 40)
    @test predictframes(identity, track; duration=60, framerate=10)[2] == fill(String[], 40)
    @test failure(() -> predictframes(spines -> [1], track; duration=1, framerate=10)) isa ArgumentError
    @test failure(() -> predictframes(identity, Track([0.0]); duration=1, framerate=10)) isa ArgumentError
end

@testset "spines in the frame of the larva" begin
    spine = reshape([0.0 0.0; 1.0 0.0; 2.0 0.0], 1, 3, 2)  # the head at the origin, the tail at x = 2
    @test egocentric(spine, 2) ≈ reshape([0.5 0.0; 0.0 0.0; -0.5 0.0], 1, 3, 2)
    @test bodylength(spine) == 2
    @test all(isnan, egocentric(fill(NaN, 2, 3, 2), 1.0))
    @test egocentric(zeros(1, 3, 2), 1.0) == zeros(1, 3, 2)
    for (spines, lengths) in ((spine, 0.0), (spine, [1.0, 2.0]), (zeros(1, 1, 2), 1.0))
        @test failure(() -> egocentric(spines, lengths)) isa ArgumentError
    end
    @test failure(() -> bodylength(fill(NaN, 1, 3, 2))) isa ArgumentError
end
