# Labels in memory: the nested dictionaries, and operations on whole labels.

module LabelsTests

using Test, TaggingBackends
using TaggingBackends: RunLabels, TrackLabels, match_times, text

const RUN = "20240611_101500"

function example()
    made = Labels()
    setlabels!(made, RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", ["cast", "small"], [], "run"])
    return setlabels!(made, RUN, 3, [0.2, 0.3], ["stop", "run"])
end

"""Return kind and place of the error that `work` throws."""
function refused(work)
    try
        work()
    catch error
        error isa LabelFileError || rethrow()
        @test occursin("$(error.kind): expected ", sprint(showerror, error))
        return (error.kind, error.run, error.track, error.index)
    end
    return nothing
end

"""Test that `work` is refused, with this kind and place, and changes nothing."""
function test_refused(work, labels, expected...)
    before = text(labels)
    @test refused(work) == expected
    @test text(labels) == before
end

@testset "labels read as nested dictionaries" begin
    labels = example()
    @test collect(keys(labels)) == [RUN]
    @test collect(keys(labels[RUN])) == [7, 3]
    @test collect(keys(labels[RUN][7])) == [0.1, 0.2, 0.3, 0.4]
    @test labels[RUN][7][0.1] == "run"
    @test labels[RUN][7][0.2] == ["cast", "small"]
    @test labels[RUN][7][0.3] == []
    @test (length(labels), length(labels[RUN]), length(labels[RUN][7])) == (1, 2, 4)
    @test haskey(labels[RUN], 3) && 3 in keys(labels[RUN])
    @test !haskey(labels[RUN], 4) && get(labels[RUN], 4, nothing) === nothing
    @test haskey(labels, RUN) && !haskey(labels, "other")
    @test_throws KeyError labels["other"]
    @test_throws KeyError labels[RUN][4]
    plain = Dict(RUN => Dict(7 => Dict(0.1 => "run", 0.2 => ["cast", "small"], 0.3 => [], 0.4 => "run"),
                             3 => Dict(0.2 => "stop", 0.3 => "run")))
    @test Dict(labels) == plain
    @test Dict(labels) isa Dict{String,Dict{Int,Dict{Float64,TaggingBackends.State}}}
    @test labels == plain
    @test [larva => length(track) for (larva, track) in labels[RUN]] == [7 => 4, 3 => 2]
    @test collect(labels[RUN][3]) == [0.2 => "stop", 0.3 => "run"]
    @test collect(values(labels[RUN][3])) == ["stop", "run"]
    # `in` takes pairs, as for every AbstractDict
    @test (0.2 => "stop") in labels[RUN][3] && !((0.2 => "run") in labels[RUN][3])
    @test (3 => labels[RUN][3]) in labels[RUN] && (RUN => labels[RUN]) in labels
    for (key, dict) in ((RUN, labels), (3, labels[RUN]), (0.2, labels[RUN][3]))
        @test_throws ErrorException key in dict
    end
end

@testset "tracks are columns" begin
    run = example()[RUN]
    track = run[7]
    @test track.times isa Vector{Float64} && track.codes isa Vector{Int32}
    @test [run.states[code + 1] for code in track.codes] == track.states
    @test track.states == ["run", ["cast", "small"], [], "run"]
    @test track.codes[3] == 0 && run.states[1] == []
    # returned copies may be changed
    push!(track.states[3], "x")
    push!(track[0.3], "x")
    push!(run.states[1], "x")
    push!(run.names, "x")
    @test (track.states[3], run.states[1], length(run.names)) == ([], [], 4)
end

@testset "a time is found within a millisecond" begin
    track = example()[RUN][7]
    @test track[0.201] == track[0.199] == ["cast", "small"]
    @test haskey(track, 0.201) && !haskey(track, 0.2011)
    @test get(track, "run", nothing) === nothing
    @test_throws KeyError(0.25) track[0.25]
    @test_throws KeyError track["run"]
    @test findframes(track, (0.0, 0.1, 0.3999, 9, NaN)) == [0, 1, 4, 0, 0]
end

@testset "the nearest time is found, and the earlier of two" begin
    labels = setlabels!(Labels(), RUN, 1, [1.0, 1.001, 1.002], ["a", "b", "c"])
    @test labels[RUN][1][1.0012] == "b"
    @test labels[RUN][1][1.0005] == "a"
    @test !haskey(setlabels!(Labels(), RUN, 1, [], [])[RUN][1], 0.0)
    # one to one: the nearest time gets the frame, and the earlier of two
    matched(times) = match_times(labels[RUN][1], times)
    @test matched([0.9, 1.0, 1.0004, 1.002, 1.0025]) == [0, 1, 0, 3, 0]
    @test matched([0.9996, 1.0001, 1.0002, 1.0014]) == [0, 1, 0, 2]
    @test matched([0.75, 1.25]) == [0, 0] && matched(Float64[]) == []
    track = setlabels!(Labels(), RUN, 1, [1024.0], ["a"])[RUN][1]
    @test match_times(track, [1024 - 2^-11, 1024 + 2^-11]) == [1, 0]
    @test match_times(setlabels!(Labels(), RUN, 1, [], [])[RUN][1], [1.0]) == [0]
end

@testset "names are declared in order of appearance" begin
    run = example()[RUN]
    @test run.names == ["run", "cast", "small", "stop"]
    @test run.colors === nothing
    @test run.secondary_names == []
end

@testset "declaring fixes order and colours" begin
    labels = example()
    run = labels[RUN]
    declarelabels!(run, ["stop", "small", "cast", "run", "roll"]; colors=["#1", "#2", "#3", "#4", "#5"])
    @test run.names == ["stop", "small", "cast", "run", "roll"]
    @test run[7].states == ["run", ["cast", "small"], [], "run"]
    setlabels!(labels, RUN, 9, [0.5], ["back"])
    @test run.names[end] == "back"
    @test run.colors == ["#1", "#2", "#3", "#4", "#5", "#808080"]
    setlabels!(labels, RUN, 9, [0.5], ["run"])
    declarelabels!(run, ["run", "new", "cast", "small", "stop"])
    @test run.colors == ["#4", "#808080", "#3", "#2", "#1"]
    setlabels!(labels, RUN, 9, [0.5], ["back"])
    @test run.names == ["run", "new", "cast", "small", "stop", "back"]
    run = addrun!(labels, "more")
    @test declarelabels!(run, ["a", "b"]; colors=[nothing, nothing]).colors === nothing
    @test declarelabels!(run, ["a", "b"]; colors=["#1", nothing]).colors == ["#1", "#808080"]
    @test declarelabels!(run, ["a", "c", "b"]; colors=[nothing, nothing, "#2"]).colors == ["#1", "#808080", "#2"]
    for (wrong, index) in (([nothing], 1), (["#1", nothing], 2), ("#1", nothing), ([5, nothing, nothing], 1))
        test_refused(() -> declarelabels!(run, ["a", "c", "b"]; colors=wrong), labels, "bad-label", "more",
                     nothing, index)
    end
    delete!(labels, "more")
    run = declarelabels!(addrun!(labels, "empty"), ["a"]; colors=["#1"])
    @test declarelabels!(run, []).colors === nothing
    @test declarelabels!(run, []; colors=[]).colors === nothing
end

@testset "declaring refuses, and changes nothing" begin
    labels = example()
    run = labels[RUN]
    all_names = ["run", "cast", "small", "stop"]
    test_refused(() -> declarelabels!(run, all_names[1:3]), labels, "bad-label", RUN, nothing, nothing)
    test_refused(() -> declarelabels!(run, ["run", "run"]), labels, "bad-label", RUN, nothing, 2)
    test_refused(() -> declarelabels!(run, all_names; colors=["#1"]), labels, "bad-label", RUN, nothing,
                 nothing)
    test_refused(() -> declarelabels!(run, "run"), labels, "bad-label", RUN, nothing, nothing)
    run.secondary_names = ["edited"]
    test_refused(() -> declarelabels!(run, [all_names; "edited"]), labels, "overlapping-names", RUN,
                 nothing, nothing)
    test_refused(() -> run.secondary_names = ["a", 5], labels, "bad-label", RUN, nothing, 2)
    @test_throws ArgumentError run.id = "other"
    @test_throws ArgumentError run.names = ["a"]
    @test_throws ArgumentError run.colors = ["a"]
end

@testset "secondary names are not declared again" begin
    labels = example()
    labels[RUN].secondary_names = ["edited"]
    setlabels!(labels, RUN, 9, [0.5, 0.6], [["run", "edited"], "edited"])
    @test labels[RUN].names == ["run", "cast", "small", "stop"]
    @test occursin("\"labels\":[[1,5],5]", String(text(labels)))
end

@testset "a primary name becomes secondary" begin
    labels = example()
    declarelabels!(labels[RUN], ["run", "cast", "small", "stop"]; colors=["#1", "#2", "#3", "#4"])
    labels[RUN].secondary_names = ["small"]
    @test labels[RUN].names == ["run", "cast", "stop"]
    @test labels[RUN].colors == ["#1", "#2", "#4"]
    @test labels[RUN].secondary_names == ["small"]
    @test labels[RUN][7][0.2] == ["cast", "small"]
    @test occursin("\"labels\":[1,[2,4],[],1]", String(text(labels)))
    # no longer secondary, and in use
    test_refused(() -> labels[RUN].secondary_names = [], labels, "bad-label", RUN, nothing, nothing)
    labels[RUN].secondary_names = ["run", "cast", "small", "stop"]
    @test labels[RUN].names == [] && labels[RUN].colors === nothing
end

@testset "setting refuses, and changes nothing" begin
    labels = example()
    for (larva, times, states, kind, index) in Any[
            (-1, [0.1], ["a"], "bad-larva-id", nothing),
            (65536, [0.1], ["a"], "bad-larva-id", nothing),
            (true, [0.1], ["a"], "bad-larva-id", nothing),
            ("7", [0.1], ["a"], "bad-larva-id", nothing),
            (1.0, [0.1], ["a"], "bad-larva-id", nothing),
            (1, [0.2, 0.2], ["a", "a"], "bad-time", 2),
            (1, [0.1, NaN], ["a", "a"], "bad-time", 2),
            (1, [Inf], ["a"], "bad-time", 1),
            (1, ["0.1"], ["a"], "bad-time", 1),
            (1, [0.1, nothing], ["a", "b"], "bad-time", 2),
            (1, [0.1 0.2], ["a", "b"], "bad-time", nothing),
            (1, 0.1, ["a"], "bad-time", nothing),
            (1, "x", ["a"], "bad-time", nothing),
            (1, nothing, ["a"], "bad-time", nothing),
            (1, :x, ["a"], "bad-time", nothing),
            (1, [0.1, 0.2, 0.3], "run", "bad-code", nothing),
            (1, [0.1], ["a", "a"], "length-mismatch", nothing),
            (1, [0.1, 0.2], ["a", 5], "bad-code", 2),
            (1, [0.1, 0.2], ["a", nothing], "bad-code", 2),
            (1, [0.1, 0.2], ["a", missing], "bad-code", 2),
            (1, [0.1, 0.2], ["a", :b], "bad-code", 2),
            (1, [0.1, 0.2], ["a", [["a"]]], "bad-code", 2),
            (1, [0.1, 0.2], ["a", ["b", "b"]], "bad-code", 2),
            (1, [0.1, 0.2], ["a", Set(["b"])], "bad-code", 2),
            (big(10)^400, [0.1], ["a"], "bad-larva-id", nothing),
            (1, [1, big(10)^400], ["a", "a"], "bad-time", 2),
            (1, [0.1, 0.2], ["a", big(10)^400], "bad-code", 2),
            (1, [0.1, 0.2], ["a", ""], "bad-label", 2)]
        track = kind == "bad-larva-id" ? nothing : 1
        test_refused(() -> setlabels!(labels, RUN, larva, times, states), labels, kind, RUN, track, index)
        test_refused(() -> setlabels!(labels, "new", larva, times, states), labels, kind, "new", track,
                     index)
    end
    test_refused(() -> setlabels!(labels, "", 1, [0.1], ["run"]), labels, "not-a-label-file", nothing,
                 nothing, nothing)
    test_refused(() -> addrun!(labels, ""), labels, "not-a-label-file", nothing, nothing, nothing)
end

@testset "setting takes collections of any kind" begin
    labels = Labels()
    times = Int16[1, 2, 3]
    setlabels!(labels, SubString("$(RUN)x", 1, 15), UInt16(5), times, split("run cast run"))
    setlabels!(labels, RUN, 6, (1, 2.0), (["run"] for _ in 1:2))
    setlabels!(labels, RUN, 8, view([1.0, 2.0, 3.0], 1:2), [("run", "cast"), ("run",)])
    times[1] = 9
    @test Dict(labels)[RUN] == Dict(5 => Dict(1.0 => "run", 2.0 => "cast", 3.0 => "run"),
                                    6 => Dict(1.0 => "run", 2.0 => "run"),
                                    8 => Dict(1.0 => ["run", "cast"], 2.0 => "run"))
    given = ["run", "small"]
    setlabels!(labels, RUN, 6, [1.0], [given])
    push!(given, "x")
    @test labels[RUN][6][1.0] == ["run", "small"]
end

@testset "setting replaces a track, in its place" begin
    labels = setlabels!(example(), RUN, 7, [9.0], ["stop"])
    @test labels[RUN][7].states == ["stop"]
    @test collect(keys(labels[RUN])) == [7, 3]
end

@testset "equality" begin
    labels, other = example(), Labels()
    setlabels!(other, RUN, 7, [0.1, 0.2, 0.3, 0.4], fill("stop", 4))
    setlabels!(other, RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", ["cast", "small"], [], "run"])
    setlabels!(other, RUN, 3, [0.2, 0.3], ["stop", "run"])
    @test other != labels  # another order of names
    declarelabels!(other[RUN], labels[RUN].names)
    @test other == labels
    other[RUN].metadata["tracker"] = "t5"
    @test other != labels
    one = setlabels!(Labels(), RUN, 1, [0.1], [["a", "b"]])
    other = setlabels!(Labels(), RUN, 1, [0.1], [["b", "a"]])
    declarelabels!(other[RUN], ["a", "b"])
    @test one != other
end

@testset "a copy is independent" begin
    labels = example()
    other = deepcopy(labels)
    @test other == labels
    setlabels!(other, RUN, 7, [1.0], ["new"])
    @test !("new" in labels[RUN].names)
end

@testset "labels are shown in a few lines" begin
    labels = example()
    run, track = labels[RUN], labels[RUN][7]
    @test repr(labels) == "Labels: 1 run, 2 larvae, 6 frames"
    @test repr(run) == "RunLabels $RUN: 2 larvae"
    @test repr(track) == "TrackLabels: 4 frames"
    @test repr(Labels()) == "Labels: 0 runs, 0 larvae, 0 frames"
    shown(x) = repr("text/plain", x)
    @test shown(Labels()) == repr(Labels())
    @test shown(labels) == "Labels: 1 run, 2 larvae, 6 frames\n  $RUN: 2 larvae, 6 frames"
    @test shown(track) == "TrackLabels: 4 frames from 0.1 s to 0.4 s"
    @test shown(run) == "RunLabels $RUN: 2 larvae, 6 frames\n  names: run, cast, small, stop"
    run.secondary_names = ["small"]
    track.records["speed"] = [1.0, 2.0, 3.0, 4.0]
    @test endswith(shown(run), "\n  names: run, cast, stop\n  secondary names: small")
    @test endswith(shown(track), "\n  records: speed")
    setlabels!(labels, "one", 1, [0.5], ["run"])
    @test endswith(shown(labels), "\n  one: 1 larva, 1 frame")
    @test shown(setlabels!(Labels(), "r", 1, [], [])["r"][1]) == "TrackLabels: 0 frames"
    foreach(i -> addrun!(labels, "r$i"), 1:100)
    @test count("\n", shown(labels)) == 11 && endswith(shown(labels), "\n  ...")
end

@testset "runs are stored as copies, and removed" begin
    labels = example()
    labels[RUN].metadata["tracker"] = "t5"
    labels["copy"] = labels[RUN]
    @test collect(keys(labels)) == [RUN, "copy"]
    @test labels["copy"].id == "copy" && labels["copy"].metadata == labels[RUN].metadata
    @test Dict(labels["copy"]) == Dict(labels[RUN])
    setlabels!(labels, "copy", 7, [9.0], ["new"])
    labels["copy"].metadata["tracker"] = "t6"
    @test labels[RUN].names == example()[RUN].names && labels[RUN].metadata["tracker"] == "t5"
    @test delete!(labels, "copy") === labels
    @test collect(keys(labels)) == [RUN]
    @test delete!(labels, "copy") == labels  # as for any dictionary
    @test_throws MethodError labels["x"] = Dict(1 => Dict(0.1 => "run"))
    test_refused(() -> labels[""] = labels[RUN], labels, "not-a-label-file", nothing, nothing, nothing)
end

@testset "tracks are stored as copies, and removed" begin
    labels = example()
    run = labels[RUN]
    other = addrun!(Labels(), "other")
    other.secondary_names = ["unused", "edited"]
    made = Labels()
    made["other"] = other
    setlabels!(made, "other", 1, [0.5, 0.6], ["back", ["run", "edited"]])
    track = made["other"][1]
    track.records["speed"] = [1.0, 2.0]
    run[9] = track
    @test run[9] == track && collect(keys(run)) == [7, 3, 9]
    @test run.names == ["run", "cast", "small", "stop", "back"] && run.secondary_names == ["edited"]
    run[9].records["speed"][1] = 0.0
    @test track.records["speed"] == [1.0, 2.0]
    run[7] = run[3]
    @test run[7] == run[3] && run[7].times !== run[3].times
    @test delete!(run, 9) === run && collect(keys(run)) == [7, 3]
    test_refused(() -> run[-1] = track, labels, "bad-larva-id", RUN, nothing, nothing)
end

@testset "labels of plain dictionaries" begin
    labels = Labels(Dict("b" => Dict(7 => Dict(0.2 => ["cast", "small"], 0.1 => "run", 0.3 => [])),
                         "a" => Dict(12 => Dict(1 => "run"), 3 => Dict(2.5 => "stop"))))
    @test collect(keys(labels)) == ["a", "b"] && collect(keys(labels["a"])) == [3, 12]
    @test labels["b"][7].times == [0.1, 0.2, 0.3]
    @test labels["b"][7].states == ["run", ["cast", "small"], []]
    @test Dict(Labels(Dict(example()))) == Dict(example())
    @test refused(() -> Labels(Dict("a" => Dict(-1 => Dict(0.1 => "run"))))) ==
          ("bad-larva-id", "a", nothing, nothing)
    @test Labels(Dict()) == Labels()
end

@testset "the fields of a run" begin
    labels = example()
    run = labels[RUN]
    run.metadata = Dict("tracker" => "t5")
    run.metadata["camera"] = Dict("framerate" => 16)
    @test run.metadata == Dict("tracker" => "t5", "camera" => Dict("framerate" => 16))
    @test run.id == RUN && run.units == Dict("t" => "s")
    @test issubset((:names, :colors, :secondary_names, :states, :metadata), propertynames(run))
    @test issubset((:times, :states, :codes, :records), propertynames(run[7]))
    @test addrun!(labels, RUN) === run
end

@testset "counting" begin
    labels = example()
    @test collect(countlabels(labels)) == ["run" => 3, "cast" => 1, "small" => 1, "stop" => 1, "" => 1]
    setlabels!(labels, "other", 1, [1, 2], ["stop", []])
    @test countlabels(labels) == Dict("run" => 3, "cast" => 1, "small" => 1, "stop" => 2, "" => 2)
    @test isempty(countlabels(Labels()))
    @test collect(countlabels(labels[RUN])) ==
          ["run" => 3, "cast" => 1, "small" => 1, "stop" => 1, "" => 1]
    @test collect(countlabels(labels["other"])) == ["stop" => 1, "" => 1]
    @test collect(countlabels(labels)) == ["run" => 3, "cast" => 1, "small" => 1, "stop" => 2, "" => 2]
end

@testset "merging overwrites defined states and adds the rest" begin
    labels, other = example(), Labels()
    setlabels!(other, RUN, 7, [0.1005, 0.3, 0.35, 0.4], ["back", "roll", "stop", []])
    setlabels!(other, RUN, 11, [5.0, 6.0], ["hunch", []])
    setlabels!(other, "b", 1, [0.5], ["roll"])
    other["b"].metadata["tracker"] = "t5"
    other[RUN][11].records["speed"] = [1.0, 2.0]
    other["b"][1].records["speed"] = [1.0]
    @test mergelabels!(labels, other) === labels
    @test labels[RUN][7].times == [0.1, 0.2, 0.3, 0.35, 0.4]
    @test labels[RUN][7].states == ["back", ["cast", "small"], "roll", "stop", "run"]
    @test labels[RUN][11].states == ["hunch", []]
    @test labels["b"] == other["b"]
    @test labels["b"] !== other["b"]
    @test labels[RUN].names == ["run", "cast", "small", "stop", "back", "roll", "hunch"]
    # merged labels share no data
    labels[RUN][11].times[1] = labels["b"][1].times[1] = 0.0
    @test (other[RUN][11].times[1], other["b"][1].times[1]) == (5.0, 0.5)
    labels[RUN][11].records["speed"][1] = labels["b"][1].records["speed"][1] = 0.0
    @test (other[RUN][11].records["speed"][1], other["b"][1].records["speed"][1]) == (1.0, 1.0)
end

@testset "merging with a condition" begin
    labels, other = example(), Labels()
    addrun!(other, RUN).secondary_names = ["edited"]
    setlabels!(other, RUN, 7, [0.1, 0.2, 0.3, 0.4], ["cast", ["stop", "edited"], [], ["edited"]])
    asked = []
    mergelabels!(labels, other; when=names -> (push!(asked, names); "edited" in names))
    @test labels[RUN][7].states == ["run", ["stop", "edited"], [], "edited"]
    @test labels[RUN].secondary_names == ["edited"]
    @test sort(asked) == [[], ["cast"], ["edited"], ["stop", "edited"]]
    other = setlabels!(Labels(), RUN, 7, [0.1, 0.2], [[], "stop"])
    labels = mergelabels!(example(), other; when=isempty)
    @test labels[RUN][7].states == [[], ["cast", "small"], [], "run"]
end

@testset "merging matches times one to one" begin
    labels = setlabels!(Labels(), RUN, 1, [1.0, 2.0], ["a", "a"])
    other = setlabels!(Labels(), RUN, 1, [1.0, 1.001, 1.9995, 2.0004],
                       ["exact", "next", "farther", "nearer"])
    mergelabels!(labels, other)
    @test Dict(labels)[RUN][1] == Dict(1.0 => "exact", 1.001 => "next", 1.9995 => "farther",
                                       2.0 => "nearer")
    like = setlabels!(Labels(), RUN, 1, [1.0, 1.0005, 2.0006], ["x", "x", "x"])
    filllabels!(labels, "default"; like=like)
    @test labels[RUN][1].times == [1.0, 1.0005, 1.001, 1.9995, 2.0]
end

@testset "merging into a run without names takes the colours" begin
    labels = setlabels!(Labels(), RUN, 1, [1.0], [[]])
    other = setlabels!(Labels(), RUN, 1, [1.0], ["a"])
    declarelabels!(other[RUN], ["a"]; colors=["#1"])
    mergelabels!(labels, other)
    @test labels[RUN].colors == ["#1"]
    setlabels!(labels, RUN, 1, [1.0], ["b"])
    @test other[RUN].names == ["a"] && other[RUN].colors == ["#1"]
end

@testset "merging with a condition that fails changes nothing" begin
    labels = setlabels!(example(), "b", 1, [0.1], ["run"])
    other = setlabels!(setlabels!(Labels(), RUN, 7, [0.1], ["new"]), "b", 1, [0.1], ["newer"])
    before = text(labels)
    @test_throws DivideError mergelabels!(labels, other; when=names -> div(1, 0) > 0)
    # even if it fails late
    @test_throws DivideError mergelabels!(labels, other; when=names -> names == ["new"] || div(1, 0) > 0)
    @test text(labels) == before
end

@testset "merging keeps colours" begin
    labels = example()
    declarelabels!(labels[RUN], labels[RUN].names; colors=["#1", "#2", "#3", "#4"])
    other = setlabels!(Labels(), RUN, 7, [0.1], ["new"])
    declarelabels!(other[RUN], ["new", "unused"])
    mergelabels!(labels, other)
    @test labels[RUN].names[5:6] == ["new", "unused"]
    @test labels[RUN].colors == ["#1", "#2", "#3", "#4", "#808080", "#808080"]
end

@testset "merging refuses, and changes nothing" begin
    labels = example()
    labels[RUN][7].records["speed"] = [0.0, 1.0, 2.0, 3.0]
    other = setlabels!(Labels(), RUN, 3, [0.2], ["back"])
    setlabels!(other, RUN, 7, [0.1, 0.15], ["run", "run"])
    test_refused(() -> mergelabels!(labels, other), labels, "length-mismatch", RUN, 7, 2)
    clash = Labels()
    addrun!(clash, RUN).secondary_names = ["run"]
    test_refused(() -> mergelabels!(labels, clash), labels, "overlapping-names", RUN, nothing, nothing)
    clash = setlabels!(Labels(), RUN, 3, [0.2], ["edited"])
    labels[RUN].secondary_names = ["edited"]
    test_refused(() -> mergelabels!(labels, clash), labels, "overlapping-names", RUN, nothing, nothing)
end

@testset "cropping" begin
    labels = example()
    merge!(labels[RUN][7].records, Dict("speed" => [0.0, 1.0, 2.0, 3.0], "words" => ["a", "b", "c", "d"],
                                        "quality" => 0.5))
    labels[RUN].metadata["tracker"] = "t5"
    labels.attributes["project"] = "x"
    labels.attributes["of dataset"] = [1]
    labels[RUN].metadata["camera"] = Dict("x" => 1)
    labels[RUN].attributes["list"] = [1]
    before = text(labels)
    cropped = croplabels(labels, 0.3, 0.4)
    @test text(labels) == before
    @test cropped[RUN].metadata == labels[RUN].metadata
    @test cropped.attributes == Dict("project" => "x", "of dataset" => [1])
    @test Dict(cropped) == Dict(RUN => Dict(7 => Dict(0.3 => [], 0.4 => "run"), 3 => Dict(0.3 => "run")))
    @test cropped[RUN][7].records ==
          Dict("speed" => [2.0, 3.0], "words" => ["c", "d"], "quality" => 0.5)
    # cropped labels share no data
    cropped[RUN][7].records["speed"][1] = -1
    push!(cropped[RUN].attributes["list"], 2)
    push!(cropped[RUN].metadata["camera"], "y" => 1)
    push!(cropped.attributes["of dataset"], 2)
    @test text(labels) == before
    @test collect(keys(croplabels(labels, 0.35, 1)[RUN])) == [7]
    # 0.30000000000000004, and 0.6 less an ulp
    labels = setlabels!(Labels(), RUN, 1, [0.1 + 0.2, 0.7 - 0.1], ["a", "b"])
    @test length(croplabels(labels, 0.3, 0.6)[RUN][1]) == 2
    @test length(croplabels(labels, 0.0, 0.3)[RUN][1]) == 1
end

@testset "filling" begin
    labels = example()
    @test filllabels!(labels, "stop") === labels
    @test labels[RUN][7].states == ["run", ["cast", "small"], "stop", "run"]
    filllabels!(labels, "never needed")
    @test !("never needed" in labels[RUN].names)
    labels, like = example(), Labels()
    setlabels!(like, RUN, 7, [0.1, 0.35], ["x", "x"])
    setlabels!(like, RUN, 12, [1.0, 2.0], ["x", []])
    setlabels!(like, "b", 1, [3.0], ["x"])
    filllabels!(labels, "stop"; like=like)
    @test labels[RUN][7].times == [0.1, 0.2, 0.3, 0.35, 0.4]
    @test labels[RUN][7].states == ["run", ["cast", "small"], "stop", "stop", "run"]
    @test labels[RUN][12].states == ["stop", "stop"]
    @test labels["b"].names == ["stop"]
    @test like[RUN][12].states == ["x", []]
end

@testset "filling refuses, and changes nothing" begin
    labels = example()
    labels[RUN][7].records["speed"] = [0.0, 1.0, 2.0, 3.0]
    like = setlabels!(Labels(), RUN, 7, [0.15], ["x"])
    test_refused(() -> filllabels!(labels, "stop"; like=like), labels, "length-mismatch", RUN, 7, 1)
    test_refused(() -> filllabels!(labels, ""), labels, "bad-label", nothing, nothing, 1)
end

@testset "tagging" begin
    labels = example()
    @test taglabels!(labels, "edited"; unless="stop") === labels
    edited = ["run", "edited"]
    @test labels[RUN][7].states == [edited, ["cast", "small", "edited"], [], edited]
    @test labels[RUN][3].states == ["stop", edited]
    @test labels[RUN].secondary_names == ["edited"]
    before = text(labels)
    taglabels!(labels, "edited"; unless=["stop"])
    @test text(labels) == before
    taglabels!(labels, "sure"; unless=("small", "stop"))
    @test labels[RUN][7].states[2] == ["cast", "small", "edited"]
    @test labels[RUN][7].states[1] == ["run", "edited", "sure"]
    labels = example()
    test_refused(() -> taglabels!(labels, "cast"), labels, "overlapping-names", RUN, nothing, nothing)
    test_refused(() -> taglabels!(labels, ""), labels, "bad-label", nothing, nothing, 1)
end

sure_labels() = setlabels!(Labels(), RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", "cast", [], "run"];
                           confidence=[0.9, 0.5, NaN, 1.0], second=["cast", "run", [], "stop"])

function test_sure(track, confidence, second)
    @test isequal(track.confidence, confidence)
    @test track.second == second
end

@testset "confidence and second choices" begin
    labels = sure_labels()
    run = labels[RUN]
    test_sure(run[7], [0.9, 0.5, NaN, 1.0], ["cast", "run", [], "stop"])
    @test run.names == ["run", "cast", "stop"]
    @test [run.states[code + 1] for code in run[7].second_codes] == run[7].second
    setlabels!(labels, RUN, 8, [0.1], ["run"])
    test_sure(run[8], nothing, nothing)
    setlabels!(labels, RUN, 8, [0.1], ["run"]; confidence=(1,))
    test_sure(run[8], [1.0], nothing)
    setlabels!(labels, RUN, 8, [0.1], ["run"]; second=[("stop",)])
    test_sure(run[8], nothing, ["stop"])
    @test sure_labels() == sure_labels()
    for (confidence, second) in ((nothing, ["cast", "run", [], "stop"]), ([0.9, 0.5, NaN, 1.0], nothing),
                                 ([0.9, 0.5, 0.1, 1.0], ["cast", "run", [], "stop"]),
                                 ([0.9, 0.5, NaN, 1.0], ["cast", "run", "run", "stop"]))
        other = setlabels!(Labels(), RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", "cast", [], "run"];
                           confidence=confidence, second=second)
        @test other[RUN][7] != sure_labels()[RUN][7]
    end
    for (confidence, second, index) in (([0.5], nothing, nothing), (["a", "b", "c", "d"], nothing, 1),
                                        (nothing, "abcd", nothing), (nothing, ["a"], nothing),
                                        ([0.5, 1.01, 2, 0], nothing, 2), ([0, -0.01, 0, 0], nothing, 2),
                                        (nothing, ["a", ["a", "b"], [], []], 2),
                                        (nothing, ["a", "b", nothing, []], 3),
                                        (nothing, ["a", "", [], []], 2), (0.5, nothing, nothing))
        set() = setlabels!(labels, RUN, 7, [0.1, 0.2, 0.3, 0.4], ["new", "new", "new", "new"];
                           confidence=confidence, second=second)
        test_refused(set, labels, "bad-confidence", RUN, 7, index)
    end
end

@testset "operations carry confidence, and clear it where labels change" begin
    labels = sure_labels()
    test_sure(croplabels(labels, 0.2, 0.3)[RUN][7], [0.5, NaN], ["run", []])
    other = Labels()
    declarelabels!(addrun!(other, "b"), ["back"])
    other["b"][3] = labels[RUN][7]
    test_sure(other["b"][3], labels[RUN][7].confidence, labels[RUN][7].second)
    other["c"] = labels[RUN]
    test_sure(other["c"][7], labels[RUN][7].confidence, labels[RUN][7].second)

    other = setlabels!(Labels(), RUN, 7, [0.15, 0.2, 0.3, 0.4], ["run", "stop", "run", "run"];
                       confidence=[0.7, 0.7, 0.7, 0.7])
    setlabels!(other, RUN, 8, [0.1], ["run"]; confidence=[0.7], second=["hunch"])
    mergelabels!(labels, other)
    test_sure(labels[RUN][7], [0.9, NaN, NaN, NaN, 1.0], ["cast", [], [], [], "stop"])
    test_sure(labels[RUN][8], [0.7], ["hunch"])

    labels = setlabels!(Labels(), RUN, 7, [0.1, 0.2], ["run", []]; confidence=[0.9, 0.5], second=["a", "b"])
    filllabels!(labels, "stop"; like=setlabels!(Labels(), RUN, 7, [0.15], ["x"]))
    test_sure(labels[RUN][7], [0.9, NaN, NaN], ["a", [], []])

    labels = sure_labels()
    taglabels!(labels, "seen")
    test_sure(labels[RUN][7], [0.9, 0.5, NaN, 1.0], ["cast", "run", [], "stop"])
    taglabels!(labels, "edited"; unless="cast")
    test_sure(labels[RUN][7], [NaN, 0.5, NaN, NaN], [[], "run", [], []])
    labels = sure_labels()
    declare() = declarelabels!(labels[RUN], ["run", "cast"])
    test_refused(declare, labels, "bad-label", RUN, nothing, nothing)
end

# rewrite.jl and test_both_languages.py compare many more with Python's
@testset "smoothing" begin
    smoothed(states; confidence=nothing, shortest=0.3) =
        smoothlabels!(setlabels!(Labels(), RUN, 1, 0.1 .* (0:(length(states) - 1)), states;
                                 confidence=confidence), shortest)[RUN][1]
    @test smoothed(["r", "r", "r", "c", "s", "s", "s", "s"]).states == ["r", "r", "r", "s", "s", "s", "s", "s"]
    track = smoothed(["r", "r", "r", "c", "s", "s", "s", "s"]; confidence=[1, 1, 1, 0.5, 0.9, 0.9, 0.9, 0.9])
    @test track.states == ["r", "r", "r", "r", "s", "s", "s", "s"]
    @test isequal(track.confidence, [1, 1, 1, NaN, 0.9, 0.9, 0.9, 0.9])
    @test smoothed(["c"]).states == ["c"]
    @test smoothed(Any["r", "r", "r", [], "c"]).states == Any["r", "r", "r", [], "c"]
    @test isempty(smoothlabels!(Labels(), 1))
    labels = setlabels!(Labels(), RUN, 1, [0.0, 1e300], ["r", "r"])
    test_refused(() -> smoothlabels!(labels, 1), labels, "bad-time", RUN, 1, 2)
    labels = setlabels!(Labels(), RUN, 1, [-9e12, 9e12], ["r", "c"])  # durations beyond 64 bits in µs
    @test countlabels(smoothlabels!(labels, 1)) == Dict("r" => 1, "c" => 1)
    @test_throws ArgumentError smoothlabels!(Labels(), 0)
    @test_throws ArgumentError smoothlabels!(Labels(), 1; max_gap=-1)
end

end
