@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test

# Variants of tables, and that all arrays are those of Python: test/data/test_fimtrack.py

"""Write a table of larvae that head along x, one column each; y is 100 x the column."""
function write_table(path; frames=4, larvae=(3, 1), edit=identity)
    x = ("head" => 40, "spinepoint_1" => 30, "spinepoint_2" => 20, "spinepoint_3" => 10, "tail" => 0)
    lines = [join(",larva($larva)" for larva in larvae)]
    row(name, frame, cell) = push!(lines, join(["$name($frame)"; [cell(i - 1) for i in eachindex(larvae)]], ","))
    for (part, head) in x, (axis, cell) in (("x", (frame, i) -> head + frame), ("y", (frame, i) -> 100i))
        for frame in 0:frames - 1
            row("$(part)_$axis", frame, i -> cell(frame, i))
        end
    end
    for k in 1:3, frame in 0:frames - 1
        row("radius_$k", frame, i -> "$k.5")
    end
    for frame in 0:frames - 1
        row("is_coiled", frame, i -> Int(frame == 1))
    end
    mkpath(dirname(path))
    write(path, edit(join(lines, "\n") * "\n"))
    return path
end

refusal(path; options...) = try
    loadtracks(path; options...)
catch error
    error
end

@testset "a table" begin
    in_folder() do folder
        path = write_table(joinpath(folder, RUN, "table.csv"))
        recording = @test_logs loadtracks(path; pixelsize=1000)
        @test (recording.run, recording.format, recording.sources) == (RUN, "FIMTrack", [path])
        @test recording.metadata["camera"] == Dict("framerate" => 30.0, "pixelsize" => 1000.0)
        @test collect(keys(recording)) == [3, 1] && isempty(recording.left_out)
        track = recording[1]
        @test track.times == [0, 1 / 30, 2 / 30, 3 / 30]
        @test track.spine[2, :, :] == [41 100; 31 100; 21 100; 11 100; 1 100]
        @test track.outline_offsets == 0:8:32
        # larvae head along +x, so the left side is at +y
        @test track.outline[1:8, :] == [40 100; 30 101.5; 20 102.5; 10 103.5; 0 100; 10 96.5; 20 97.5; 30 98.5]
        @test track.indicators == Dict("is_coiled" => [false, true, false, false])
        @test collect(findrecordings([path])) == [path => [path]]
        @test loadtracks(path; pixelsize=1000, outline=false)[1].outline === nothing
        @test loadtracks(path; pixelsize=1000, spine=false)[1].spine === nothing
        times = loadtracks(path; spine=false, outline=false)
        @test times.metadata["camera"] == Dict("framerate" => 30)
        @test (times[1].spine, times[1].outline) == (nothing, nothing)
        @test times[1].times == loadtracks(path; pixelsize=1000)[1].times
        @test loadtracks(write_table(joinpath(folder, "a.csv")); pixelsize=73).run == "a"
        spine = write_recording(folder, "a")
        @test collect(findrecordings([joinpath(folder, "a.csv"), spine])) ==
              [spine => [joinpath(folder, "a.csv"), spine]]
    end
end

@testset "options, and those of a label file" begin
    in_folder() do folder
        path = write_table(joinpath(folder, RUN, "table.csv"))
        for (options, key) in ((NamedTuple(), "pixelsize"), ((pixelsize=true,), "pixelsize"),
                               ((pixelsize="73",), "pixelsize"), ((pixelsize=NaN,), "pixelsize"),
                               ((pixelsize=73, framerate=0), "framerate"),
                               ((pixelsize=73, radii=[-1]), "radius_1"), ((pixelsize=73, radii=[1, 1, 1, 1]), "radii"))
            error = refusal(path; options...)
            @test error isa TrackFileError && error.file == path && error.key == key
        end
        @test_throws ArgumentError loadtracks(path; pixel=73)
        labels = Labels()
        setlabels!(labels, RUN, 3, [0.0], ["run"])
        run = labels[RUN]
        run.dependencies = [dependency(path)]
        run.metadata["camera"] = Dict("framerate" => 16, "pixelsize" => 73)
        run.metadata["overrides"] = Dict("radius_1" => 1.0, "radius_3" => 3, "other" => "x")
        truth = joinpath(folder, RUN, "truth.label")
        writelabels(truth, labels)
        found = loadtracks(truth)
        expected = loadtracks(path; framerate=16, pixelsize=73, radii=[1, nothing, 3])
        @test found.sources == [path, truth]
        @test recordinglabels(found)[RUN][3].states == ["run"]
        @test found[3].times == expected[3].times && found[3].outline == expected[3].outline
        given = loadtracks(truth; framerate=8, radii=[2, 2, 2])
        @test given[3].times[2] == 1 / 8
        @test given.metadata["camera"] == Dict("framerate" => 8.0, "pixelsize" => 73.0)
        @test given[3].spine == expected[3].spine
    end
end

@testset "what is left out is reported once" begin
    in_folder() do folder
        table = write_table(joinpath(folder, "a.csv"); edit=text -> replace(text, "\nhead_x(2),42,42" => "\nhead_x(2),NA,42"))
        message = "left out: 1 frame in which a larva lacks a coordinate or radius (larva 3)"
        recording = @test_logs (:warn, "$table: $message") loadtracks(table; pixelsize=73)
        @test length(recording[3]) == 3 && length(recording[1]) == 4
        notes = joinpath(folder, "notes")  # of a script that a command runs, which warns
        withenv(TB.NOTES => notes) do
            @test_logs loadtracks(table; pixelsize=73)
        end
        @test read(notes, String) == "left out\t$table\t$(message[11:end])\n"
        write_table(table; edit=text -> replace(replace(text, "tail_y(2)" => "tail_y 2"), "head_x(2),42" => "x,"))
        error = refusal(table; pixelsize=73)
        @test error isa TrackFileError && occursin("as ", error.problem) && error.line !== nothing
    end
end

@testset "tables are recognized by their first line" begin
    for head in (",larva(0)", ",larva(12)\r\n", ",larva(0),x", "\n,larva(0)\n", ",larva(0)\r", "\ufeff;larva(0);",
                 "Index,larva(0)", "\"\",\"X\",\"larva.0.\"", "sep=;\r\n;larva(0)")
        @test TB.table_separator(Vector{UInt8}(head)) !== nothing
    end
    for head in ("", ",larva()", ",larva(0", ",larva(0);", ",larva(0)\0", "larva(0),larva(1)", "a,b,c,larva(0)")
        @test TB.table_separator(Vector{UInt8}(head)) === nothing
    end
    in_folder() do folder
        other = joinpath(folder, "other.csv")
        write(other, "larva(0),larva(1)\n")
        @test occursin("expected a FIMTrack file", refusal(other).problem)
        write(other, "")
        @test occursin("found an empty file", refusal(other).problem)
    end
end
