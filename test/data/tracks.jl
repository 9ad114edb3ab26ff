@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test
using Logging: NullLogger, with_logger
using Random: MersenneTwister

"""Return the TrackFileError of loading a recording, or another result."""
function refusal(path; options...)
    try
        return loadtracks(path; options...)
    catch error
        return error
    end
end

other_file(spine) = TB.with_suffix(spine, ".outline")

@testset "a pair is loaded from either file" begin
    in_folder() do folder
        spine = write_recording(folder)
        for path in (spine, other_file(spine))
            recording = loadtracks(path)
            @test (recording.run, recording.format) == (RUN, "Choreography")
            @test collect(recording.metadata) == ["date_time" => RUN, "genotype" => "g", "effector" => "e",
                                                  "tracker" => "t5", "protocol" => "p"]
            @test recording.sources == [spine, other_file(spine)]
            @test collect(keys(recording)) == [1, 20]
            @test length(recording) == 2 && haskey(recording, 20) && !haskey(recording, 2)
            @test get(recording, 2, nothing) === nothing
            @test_throws KeyError recording[2]
            track = recording[20]
            @test track.times == [20.0, 20.1, 20.2, 20.3, 20.4]
            @test length(track) == 5
            @test size(track.spine) == (5, 11, 2)
            @test track.spine[2, 4, :] == [1.62, 1.72]
            @test size(track.outline) == (40, 2)
            @test track.outline_offsets == [0, 8, 16, 24, 32, 40]
            @test track.outline[track.outline_offsets[3] + 1, :] == [2.02, 2.12]
            @test isempty(track.indicators)
            @test isempty(recordinglabels(recording))
            @test repr(recording) == "Recording $RUN (Choreography): 2 larvae, 10 frames"
            @test repr("text/plain", recording) == repr(recording)
            @test repr(loadtracks(path; spine=path == spine, outline=path != spine)[1]) ==
                  "Track: 5 frames with $(path == spine ? "spine" : "outline")"
            @test repr(Track([0.5])) == repr("text/plain", Track([0.5])) == "Track: 1 frame"
            @test repr(track) == "Track: 5 frames with spine and outline"
        end
    end
end

@testset "frames without a spine" begin
    spine = ones(4, 11, 2)
    spine[2, :, :] .= NaN
    spine[4, 11, 2] = Inf
    @test hasspine(Track(1:4; spine=spine)) == [true, false, true, false]
    @test hasspine(Track(1:4)) == falses(4)
    @test hasspine(Track(Float64[]; spine=zeros(0, 11, 2))) == Bool[]
    @test isempty(in_folder(folder -> loadtracks(write_recording(folder)).left_out))
end

if isdir(SHARED)
    @testset "real recordings" begin
        folder = joinpath(SHARED, "chore", "20170714_101500")
        spine = only(filter(endswith(".spine"), readdir(folder; join=true)))
        recording = loadtracks(spine)
        truth = recordinglabels(loadtracks(joinpath(folder, "groundtruth.label")))["20170714_101500"]
        @test collect(keys(recording)) == collect(keys(truth)) == [20, 45, 47, 154, 155, 122]
        @test all(track.times == truth[larva].times for (larva, track) in recording)
        lines = readlines(other_file(spine))
        fields = split(lines[909 + 831 + 101])  # frame 101 of the third larva
        track = recording[47]
        start, stop = track.outline_offsets[101:102]
        @test track.times[101] == parse(Float64, fields[3])
        @test vec(permutedims(track.outline[start + 1:stop, :])) == parse.(Float64, fields[4:end])
        # every number, computed in another way
        rows = Dict(larva => 0 for larva in keys(recording))
        good = true
        for line in eachline(spine)
            fields = split(line)
            larva = parse(Int, fields[2])
            frame = rows[larva] += 1
            good &= recording[larva].times[frame] == parse(Float64, fields[3])
            good &= vec(permutedims(recording[larva].spine[frame, :, :])) == parse.(Float64, fields[4:end])
        end
        @test good
        @test all(rows[larva] == length(track) for (larva, track) in recording)
    end
else
    @info "not tested on real recordings: there are none in $SHARED"
end

@testset "outlines vary in length" begin
    in_folder() do folder
        spine = write_recording(folder)
        edited(other_file(spine), 2, r"\n$", " 7.5 8.5 9.5 10.5\n")
        track = loadtracks(spine)[1]
        @test track.outline_offsets == [0, 8, 18, 26, 34, 42]
        @test track.outline[17:18, :] == [7.5 8.5; 9.5 10.5]
        @test track.outline[19, :] == [2.001, 2.101]
    end
end

@testset "one file of the pair is loaded on request" begin
    in_folder() do folder
        spine = write_recording(folder)
        times_only(path) = loadtracks(path; spine=false, outline=false)
        @test times_only(other_file(spine))[20].times == [20.0, 20.1, 20.2, 20.3, 20.4]
        @test (times_only(spine)[1].spine, times_only(spine)[1].outline) == (nothing, nothing)
        rm(other_file(spine))
        @test times_only(spine).sources == [spine]
        recording = loadtracks(spine; outline=false)
        @test recording[1].outline === recording[1].outline_offsets === nothing
        @test recording.sources == [spine]
        error = refusal(spine)
        @test error isa TrackFileError && error.file == other_file(spine)
        @test occursin("expected this file beside", error.problem)
        write_recording(folder)
        rm(spine)
        @test times_only(other_file(spine)).sources == [other_file(spine)]
        track = loadtracks(other_file(spine); spine=false)[20]
        @test track.spine === nothing && length(track) == 5
        @test occursin("outline alone with spine=false", refusal(other_file(spine)).problem)
    end
end

@testset "lines of larvae may be mixed" begin
    in_folder() do folder
        spine = write_recording(folder)
        before = loadtracks(spine)
        for path in (spine, other_file(spine))
            lines = readlines(path)
            mixed = [line for pair in zip(lines[6:10], lines[1:5]) for line in pair]
            write(path, join(mixed, "\n") * "\n\n  \n")
        end
        after = loadtracks(spine)
        @test collect(keys(after)) == [20, 1]
        for larva in keys(before), name in (:times, :spine, :outline, :outline_offsets)
            @test getfield(after[larva], name) == getfield(before[larva], name)
        end
    end
end

@testset "numbers in any notation" begin
    in_folder() do folder
        spine = write_recording(folder)
        numbers = "-.5 +2. 1E-3 12345.678901234567 1e22 1e23 9007199254740993 0.1e-400 4.9e-324 " *
                  "1.7976931348623157e308 00000000000000000000000000001.5 " *
                  "123456789012345678901234567890 0.000000000000000000000000000012345 -0 +0e5 " *
                  "6.02214076e+23 5e-1 8.5 2.2250738585072011e-308 " *
                  "1.00000000000000011102230246251565404236316680908203125 3 4"
        write(spine, "$RUN\t7  1e0 $numbers\r\n")
        track = loadtracks(spine; outline=false)[7]
        @test track.times == [1.0]
        expected = [something(tryparse(Float64, number), 0.0) for number in split(numbers)]
        @test vec(permutedims(track.spine[1, :, :])) == expected
        @test signbit(track.spine[1, 7, 2])
    end
end

@testset "numbers are rounded correctly: the contract's decimals" begin
    good = true
    for line in eachline(joinpath(CONTRACT, "decimals.txt"))
        startswith(line, "#") && continue
        bits, text = split(line)
        value, next = TB.number_at(Vector{UInt8}(text), 1)
        good &= reinterpret(UInt64, value) == parse(UInt64, bits; base=16) && next == length(text) + 1
    end
    @test good
end

@testset "numbers are rounded correctly: at the limits of the fast way" begin
    wrong = String[]
    some_digits = ("1", "3", "7", "9007199254740991", "9007199254740992", "9007199254740993",
                   "9007199254740995", "18014398509481985", "999999999999999999",
                   "1000000000000000000", "9999999999999999999", "12345678901234567890")
    for digits in some_digits, exponent in -45:45
        for text in ("$(digits)e$exponent", "-$digits.0e$exponent", ".$(digits)e$exponent")
            value, _ = TB.number_at(Vector{UInt8}(text), 1)
            value === parse(Float64, text) || push!(wrong, text)
        end
    end
    @test isempty(wrong)
end

@testset "an invalid line is reported" begin
    cases = (
        ("a field less", ".spine", 4, r" \S+$", "", "expected 25 fields"),
        ("a point more", ".spine", 4, r"\n$", " 1 2\n", "expected 25 fields"),
        ("cut", ".spine", 10, r"( \S+){10}\n$", "", "found 15; is the file cut"),
        ("cut within a number", ".spine", 10, r"\d\n$", "", "is the file cut"),
        ("half a point", ".outline", 4, r" \S+\n$", "\n", "odd number of fields"),
        ("a letter", ".spine", 4, " 3.", " x3.", "expected a number in field 4, found x3.001"),
        ("underscore", ".spine", 4, " 3.", " 1_3.", "expected a number in field"),
        ("too large", ".spine", 4, r" \S+$", " 1e400", "number in field 25"),
        ("hexadecimal", ".spine", 4, r" \S+$", " 0x1", "number in field 25"),
        ("a sign alone", ".spine", 4, r" \S+$", " -", "number in field 25"),
        ("two points", ".spine", 4, r" \S+$", " 1.2.3", "number in field 25"),
        ("no exponent", ".spine", 4, r" \S+$", " 1e", "number in field 25"),
        ("another run", ".spine", 4, r"^2024", "2025", "expected run 20240611"),
        ("a longer run", ".spine", 4, r"^(\S+)", s"\g<1>1", "expected run 20240611"),
        ("larva", ".spine", 4, r"^(\S+) \S+", s"\1 70000", "larva identifier from 0 to 65535, found 70000"),
        ("half a larva", ".spine", 4, r"^(\S+) \S+", s"\1 1.5", "larva identifier"),
        ("time again", ".spine", 4, "1.3", "1.2", "time of larva 1 after 1.2"),
    )
    @testset "$name" for (name, suffix, line, pattern, by, message) in cases
        in_folder() do folder
            spine = write_recording(folder)
            path = edited(TB.with_suffix(spine, suffix), line, pattern, by)
            error = refusal(spine)
            @test error isa TrackFileError
            @test (error.file, error.line) == (path, line)
            text = sprint(showerror, error)
            @test startswith(text, "$path, line $line: expected ") && occursin(message, text)
        end
    end
end

@testset "of several errors, the same one is reported as in Python" begin
    in_folder() do folder
        spine = write_recording(folder)
        edited(spine, 2, r" \S+$", " x")
        edited(spine, 9, r" \S+$", "")
        @test refusal(spine).line == 9
    end
end

@testset "a last line without its end" begin
    in_folder() do folder
        spine = write_recording(folder)
        for line_end in ("0.5 2", "1.25 1e-05", "1.250 1.255")
            write(spine, "$RUN 7 1.000 " * "0.125 "^20 * line_end)
            track = loadtracks(spine; outline=false)[7]
            @test track.spine[1, end, 2] == parse(Float64, split(line_end)[2])
        end
        for line_end in ("\n", "\n ", "\r", "\n\n\t ")
            write(spine, "$RUN 7 1.000 " * "0.125 "^20 * "1.250 1.25" * line_end)
            @test loadtracks(spine; outline=false)[7].spine[1, end, 2] == 1.25
        end
        write(spine, "$RUN 7 1.000 " * "0.125 "^20 * "1.250 1.25")
        @test occursin("a last number with 3 decimals", refusal(spine; outline=false).problem)
    end
end

@testset "the files of a pair differ" begin
    in_folder() do folder
        spine = write_recording(folder)
        outline = other_file(spine)
        lines = readlines(outline; keep=true)
        write(outline, "")
        @test occursin("empty file", refusal(spine).problem)
        write(outline, replace(join(lines), RUN => "20240611_101501"))
        @test occursin("expected run $RUN, as in", refusal(spine).problem)
        write(outline, replace(join(lines), "$RUN 0" => "$RUN 1"))
        @test occursin("expected larvae and times of", refusal(spine).problem)
    end
end

@testset "an outline that was cut between two points" begin
    in_folder() do folder
        spine = write_recording(folder)
        outline = other_file(spine)
        write(outline, replace(read(outline, String), r" \S+ \S+\n$" => ""))
        error = refusal(spine)
        @test occursin(r"a line break at the end, as .*\.spine has", error.problem)
        @test (error.file, error.line) == (outline, 10)
        @test length(loadtracks(outline; spine=false)) == 2
    end
end

@testset "a run that is not text" begin
    in_folder() do folder
        spine = write_recording(folder)
        outline = other_file(spine)
        write(outline, replace(read(outline, String), RUN => "2024\xff"))
        @test occursin("a run in UTF-8, found 2024\\xff", refusal(spine).problem)
        long = "20240611_101500" * "x"^100
        write(outline, replace(read(outline, String), "2024\xff" => long))
        @test occursin("expected run $RUN, as in", refusal(spine).problem)
        @test occursin("found $long", refusal(spine).problem)
    end
end

if Sys.isunix()
    @testset "pipes are not read" begin
        in_folder() do folder
            spine = write_recording(folder)
            pipe = joinpath(folder, "x.spine")
            run(`mkfifo $pipe`)
            table = joinpath(folder, "x.csv")
            run(`mkfifo $table`)
            @test refusal(pipe) isa Base.IOError
            unreadable = Dict{String,Exception}()
            @test collect(keys(findrecordings([table, spine]; unreadable=unreadable))) == [spine]
            @test collect(keys(unreadable)) == [table]
        end
    end

    @testset "a file that changes while it is read" begin
        in_folder() do folder
            path = joinpath(folder, "x")
            write(path, "x")
            @test TB.read_unchanged(path) == codeunits("x")
            # stat gives 0 as its size, and reading more
            isfile("/proc/self/status") || return
            @test_throws TrackFileError TB.read_unchanged("/proc/self/status")
        end
    end
end

const BYTES = [b"nan", b"1e999", b"-", b"\xff", b"\0", b"\n", b"\r", b" ", b"\xe9", b"9999999999999999999999",
               b"1e-400", b".", b"+", b"@", b"\xc2\xa0", b"1e400", b"70000"]

"""Change, insert or remove some bytes, or cut the text."""
function damaged(text, seed)
    random = MersenneTwister(seed)
    content = Vector{UInt8}(text)
    at, kind = rand(random, 1:length(content)), rand(random, 1:4)
    kind == 1 && (content[at] = rand(random, UInt8))
    kind == 2 && splice!(content, at:at - 1, rand(random, BYTES))
    kind == 3 && deleteat!(content, at:min(at + rand(random, 0:99), length(content)))
    kind == 4 && resize!(content, at - 1)
    return content
end

@testset "any bytes give the package's errors" begin
    in_folder() do folder
        spine = write_recording(folder)
        files = [spine, other_file(spine)]
        texts = [read(file, String) for file in files]
        outcomes = Dict{Any,Int}()
        for seed in 1:parse(Int, get(ENV, "MUTATIONS", "400"))
            i = seed % 2 + 1
            write(files[i], damaged(texts[i], seed))
            outcome = typeof(with_logger(() -> refusal(spine), NullLogger()))
            outcomes[outcome] = get(outcomes, outcome, 0) + 1
            write(files[i], texts[i])
        end
        haskey(ENV, "MUTATIONS") && println(outcomes)
        @test issubset(keys(outcomes), [Recording, TrackFileError])
        @test length(outcomes) == 2
    end
end

"""Return "refused", or what is left out and loaded, as test/variants/choreography.py does in Python."""
function outcome(folder)
    files = readdir(folder; join=true)
    recordings = findrecordings(files)
    @test length(recordings) == 1 && sort(first(values(recordings))) == files
    recording = with_logger(() -> refusal(first(keys(recordings))), NullLogger())
    recording isa TrackFileError && return "refused\n"
    lines = ["$(recording.run) $(join(recording.left_out, "; "))"]
    for (larva, track) in recording
        frames = 1:length(track)
        has_spine = [!any(isnan, track.spine[frame, :, :]) for frame in frames]
        push!(lines, "$larva $(length(track)) $(count(has_spine)) $(size(track.outline, 1))")
        for frame in frames
            number(i) = 1 + larva + round(Int, 8 * (track.times[frame] - larva)) / 10 + i / 1000
            points = vec(permutedims(track.spine[frame, :, :]))
            @test !has_spine[frame] || points ≈ number.(0:length(points) - 1)
            outline = track.outline[track.outline_offsets[frame] + 1:track.outline_offsets[frame + 1], :]
            @test vec(permutedims(outline)) ≈ number.(0:length(outline) - 1)
        end
    end
    return join(lines, "\n") * "\n"
end

if haskey(ENV, "TAGGINGBACKENDS_PYTHON")
    @testset "variants: the same verdicts and numbers as in Python" begin
        in_folder() do folder
            run(`$(ENV["TAGGINGBACKENDS_PYTHON"]) $(joinpath(ROOT, "test", "variants", "choreography.py")) $folder`)
            texts = filter(endswith(".txt"), readdir(folder; join=true))
            @test length(texts) > 100
            @test map(text -> outcome(first(splitext(text))), texts) == map(text -> read(text, String), texts)
        end
    end
end

@testset "files of unknown formats" begin
    in_folder() do folder
        write(joinpath(folder, "x.spine"), "head,tail\n1,2\n")
        error = refusal(joinpath(folder, "x.spine"))
        @test occursin(r"expected a Choreography file.*found \"head,tail", error.problem)
        touch_files(folder, "y.spine", "z.avi")
        @test occursin("found an empty file", refusal(joinpath(folder, "y.spine")).problem)
        @test occursin("a tracker file (.spine, .outline, .csv)", refusal(joinpath(folder, "z.avi")).problem)
        @test refusal(joinpath(folder, "none.spine")) isa SystemError
        for head in ("", "20240611_101500", "20240611_101500 x 1", "x", "head,tail\n1,2", "a\0b 1 2")
            @test !TB.is_choreography(codeunits(head))
        end
        for head in ("\r\n 20240611_101500\t001 -.5", "run 1 2", "0.5 1.0 2.0", "0,5\n", "\ufeffrun 1 2")
            @test TB.is_choreography(codeunits(head))
        end
    end
end

@testset "a label file leads to its tracks" begin
    in_folder() do folder
        spine = write_recording(folder)
        path = write_labels(spine)
        recording = loadtracks(path; outline=false)
        @test recording.sources == [spine, path]
        @test recordinglabels(recording)[RUN][20].states == fill("run", 5)
        @test recording.metadata["genotype"] == "g"
        @test cd(() -> collect(keys(loadtracks("truth.label"))), folder) == [1, 20]
        write(spine, replace(read(spine, String), "1.1" => "1.2"))
        @test kind_of(() -> loadtracks(path)) == "bad-dependency"
        alone = readlabels(path)
        alone[RUN].dependencies = []
        writelabels(path, alone)
        error = refusal(path)
        @test (error.file, error.key) == (path, "dependencies")
        @test occursin("one recording, found 0 recordings", error.problem)
    end
end

@testset "a run of a label file leads to its tracks" begin
    in_folder() do folder
        both = Labels()
        spines = [write_recording(folder, "$(run)@x") for run in ("20240611_101500", "20240612_101500")]
        for spine in spines
            run = loadtracks(spine).run
            setlabels!(both, run, 1, [1.0], ["run"])
            both[run].dependencies = [dependency(spine), dependency(TB.with_suffix(spine, ".outline"))]
        end
        path = joinpath(folder, "both.label")
        writelabels(path, both)
        for (spine, run) in zip(spines, keys(both))
            recording = loadtracks(path; run=run)
            @test recording.run == run && spine in recording.sources
            @test collect(keys(recordinglabels(recording))) == [run]
        end
        for (options, message) in ((NamedTuple(), "expected labels of one run, found 2 ("),
                                   ((run="x",), "expected run \"x\", found 2 ("))
            error = try loadtracks(path; options...) catch error error end
            @test error isa TrackFileError && occursin(message, error.problem)
        end
        @test length(loadtracks(spines[1]; run="x")) > 0  # an option of other formats
    end
end

@testset "filling with tracks of another recording" begin
    in_folder() do folder
        spine = write_recording(folder)
        labels = readlabels(write_labels(spine))
        other = write_recording(joinpath(folder, "other"), "$RUN@g@e@t15@p")
        write(other, replace(read(other, String), "1.1" => "1.11"))
        rm(other_file(other))
        labels[RUN].dependencies = [dependency(other_file(spine))]  # the loaded file's companion
        filllabels!(labels, "run"; like=loadtracks(spine; outline=false))
        tracks = loadtracks(other; outline=false)
        before = TB.text(labels)
        @test kind_of(() -> filllabels!(labels, "run"; like=tracks)) == "bad-dependency"
        @test TB.text(labels) == before
        filllabels!(labels, "run"; like=tracks, force=true)
        labels[RUN].dependencies = []
        filllabels!(labels, "run"; like=tracks)
    end
end

@testset "finding recordings" begin
    in_folder() do folder
        one, two = write_recording(folder), write_recording(folder, "20240612_090000@g@1.5.x")
        three = write_recording(joinpath(folder, "sub"))
        write_labels(one)
        touch_files(folder, "notes.txt", "broken.outline", "table.csv")
        files = sort([joinpath(top, name) for (top, _, names) in walkdir(folder) for name in names])
        @test collect(findrecordings(files)) == [
            one => [other_file(one), one],
            two => [other_file(two), two],
            joinpath(folder, "broken.outline") => [joinpath(folder, "broken.outline")],
            three => [other_file(three), three],
        ]
        @test isempty(findrecordings(String[]))
        @test loadtracks(two).sources == [two, other_file(two)]
    end
end

@testset "a trx.mat is a recording, which only Python loads" begin
    in_folder() do folder
        spine = write_recording(folder)
        file(name, head) = (write(joinpath(folder, name), head); joinpath(folder, name))
        trx = file("trx.mat", "MATLAB 7.3 MAT-file, Platform: GLNXA64")
        old = file("old.mat", "MATLAB 5.0 MAT-file, Platform: GLNXA64")
        empty = file("empty.mat", "")
        beside = file("broken.mat", "MATLAB 7.3 MAT-file")
        outline = file("broken.outline", "")
        @test collect(findrecordings([beside, empty, outline, old, spine, trx])) ==
              [outline => [beside, outline], spine => [spine], trx => [trx]]
        error = refusal(trx)
        @test error isa TrackFileError && error.file == trx
        @test occursin("the formats that Julia reads, found trx.mat; load it in Python", error.problem)
        @test occursin("found a MATLAB 5 file; save it in MATLAB with -v7.3", refusal(old).problem)
        @test isempty(TB.companions(trx))
    end
end

@testset "a NetCDF file is a recording, which only Python loads" begin
    in_folder() do folder
        spine = write_recording(folder)
        file(name, head) = (write(joinpath(folder, name), head); joinpath(folder, name))
        alone, beside = file("a.nc", b"\x89HDF\r\n\x1a\n\x02"), file("table.nc", b"\x89HDF\r\n\x1a\n")
        table = file("table.csv", ",larva(0)\n")
        other = file(first(splitext(basename(spine))) * ".nc", b"\x89HDF\r\n\x1a\n")
        @test collect(findrecordings([alone, beside, other, spine, table])) ==
              [alone => [alone], table => [beside, table], spine => [other, spine]]
        @test occursin("the formats that Julia reads, found a.nc; load it in Python", refusal(alone).problem)
    end
end

@testset "near misses: the contract's cases ($n $(case["file"]))" for (n, case) in
        enumerate(TB.parse_json(read(joinpath(CONTRACT, "nearmisses.json"), String)))
    in_folder() do folder
        path = joinpath(folder, case["file"])
        write(path, hex2bytes(case["hex"]))
        unreadable = Dict{String,Exception}()
        findrecordings([path]; unreadable=unreadable)
        if case["problem"] === nothing
            @test isempty(unreadable)
        else
            problem = unreadable[path].problem
            ends = split(case["problem"], "found ...")
            @test startswith(problem, ends[1]) && endswith(problem, ends[end])
            @test length(ends) == 2 || problem == case["problem"]
            @test refusal(path).problem == problem
        end
    end
end

@testset "files of single larvae are reported when loading" begin
    in_folder() do folder
        for suffix in (".spine", ".outline")
            write(joinpath(folder, "x.00001$suffix"), "")
            write(joinpath(folder, "x.00002$suffix"), "$RUN 2 0.5 1 2 3 4 5 6\n")
        end
        unreadable = Dict{String,Exception}()
        found = findrecordings(TB.visible_files(folder); unreadable=unreadable)
        @test isempty(unreadable)
        @test only(keys(found)) == joinpath(folder, "x.00002.spine")
    end
end

@testset "label files are recognized by suffix, and .json by its first key" begin
    in_folder() do folder
        is(name, text) = (write(joinpath(folder, name), text); islabelfile(joinpath(folder, name)))
        @test all(name -> is(name, ""), ("x.label", "x.labels", "x.nyxlabel"))
        @test is("x.json", " {\n \"metadata\" : {\"id\": \"x\"")
        @test is("x.json", "{\"runs\":{")
        @test is("x.json", "{\"a\": 1, \"runs\": {\"r\": {\"metadata\": {\"id\": \"r\"")
        @test !is("x.json", "{\"options\":{}}") && !is("x.json", "") && !is("x.spine", "{\"runs\":{")
    end
end
