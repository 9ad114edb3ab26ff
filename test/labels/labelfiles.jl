# Label files: the contract's cases, files of Nyx, writing, and that a file is written completely or not at all.

module LabelFileTests

using Test, TaggingBackends
using TaggingBackends: OrderedDict, TrackFileError, labels_of, parse_json
using TaggingBackends: parselabels, printable, sha1_of, text, walk_files, write_file

const ROOT = dirname(dirname(@__DIR__))
const CONTRACT = joinpath(ROOT, "test", "contract")
const RECORDINGS = get(ENV, "TAGGINGBACKENDS_RECORDINGS", joinpath(dirname(ROOT), "shared", "data"))
const RUN = "20240611_101500"

label_files(folder) = filter(endswith(".label"), readdir(folder; join=true))
beside(path, suffix) = replace(path, r"\.label$" => suffix)

"""Return the error that `work` throws."""
function refusal(work)
    try
        work()
    catch error
        error isa LabelFileError || rethrow()
        return error
    end
    return nothing
end

"""Return the columns that a track may have; nothing is unknown."""
function columns_of(track)
    found = Dict{String,Any}()
    if track.confidence !== nothing
        found["confidence"] = [isnan(x) ? nothing : x for x in track.confidence]
    end
    track.second === nothing || (found["second"] = labels_of.(track.second))
    return found
end

"""Return labels in the normalized form of the cases."""
function meaning(labels)
    return Dict("attributes" => labels.attributes, "runs" => [Dict(
        "id" => run.id, "metadata" => run.metadata, "units" => run.units, "names" => run.names,
        "colors" => run.colors, "secondary_names" => run.secondary_names,
        "dependencies" => run.dependencies, "attributes" => run.attributes,
        "tracks" => [merge!(Dict{String,Any}("id" => larva, "times" => track.times,
                                             "states" => labels_of.(track.states),
                                             "records" => track.records), columns_of(track))
                     for (larva, track) in run])
        for run in values(labels)])
end

@testset "labels of different recordings: $(case["name"])" for case in
        parse_json(read(joinpath(CONTRACT, "recordings.json"), String))
    function labelled(entries)
        labels = setlabels!(Labels(), RUN, 1, [0.0], ["run"])
        labels[RUN].dependencies = entries
        return labels
    end
    for (one, other) in (("one", "other"), ("other", "one"))
        first, second = labelled(case[one]), labelled(case[other])
        before = text(first)
        for combine in ((other; options...) -> mergelabels!(first, other; options...),
                        (other; options...) -> filllabels!(first, "run"; like=other, options...),
                        (other; options...) -> (comparelabels(first[RUN], other[RUN]; options...); first))
            if case["different"]
                error = refusal(() -> combine(second))
                @test (error.kind, error.run) == ("bad-dependency", RUN)
                @test occursin("force=true", error.problem)
                @test text(first) == before
            else
                @test refusal(() -> combine(second)) === nothing
            end
            @test combine(second; force=true) === first
        end
    end
end

@testset "good: $(basename(path))" for path in label_files(joinpath(CONTRACT, "good"))
    labels = readlabels(path)
    expected = beside(path, ".expected.json")
    isfile(expected) && @test meaning(labels) == parse_json(read(expected, String))
    canonical = read(beside(path, ".canonical"))
    @test text(labels) == canonical
    @test text(parselabels(canonical)) == canonical
    @test parselabels(canonical) == parselabels(text(labels))
end

"""Return the class, size and fields that MATLAB's jsondecode gives a JSON value (test/matlab.py)."""
in_matlab(value::Nothing) = "double 0x0"
in_matlab(value::AbstractString) = "char"
in_matlab(value::Bool) = "logical 1x1"
in_matlab(value::Number) = "double 1x1"
in_matlab(value::AbstractDict) = "struct ($(join(keys(value), ", ")))"
function in_matlab(value::AbstractVector)
    n, kinds = length(value), unique(map(in_matlab, value))
    isempty(value) && return "double 0x0"
    kinds in (["double 1x1"], ["logical 1x1"]) && return replace(kinds[1], "1x1" => "$(n)x1")
    length(kinds) == 1 && startswith(kinds[1], "struct") && return replace(kinds[1], "(" => "$(n)x1 (")
    of_one_size = length(kinds) == 1 && value[1] isa AbstractVector && occursin(r"^double [1-9]\d*x1$", kinds[1])
    return of_one_size ? "double $(n)x$(length(value[1]))" : "cell $(n)x1"
end

@testset "label files in MATLAB" begin
    cases = parse_json(read(joinpath(CONTRACT, "jsondecode.json"), String))
    for (value, described) in cases["values"]
        # of other names, and of null in arrays of numbers, there is none in what is written
        any(name -> occursin(name, value), ("null", "2024", "frame rate")) && continue
        @test in_matlab(parse_json(value)) == described
    end
    function is_known(place, value)
        found = split(in_matlab(value))[1]
        return found in get(cases["entries"], place, [found])
    end
    for path in label_files(joinpath(CONTRACT, "good"))
        file = parse_json(String(text(readlabels(path))))
        for run in (haskey(file, "runs") ? values(file["runs"]) : [file]), (key, value) in run
            @test is_known(key, value)
            for part in (value isa AbstractVector ? value : [value]), name in (part isa AbstractDict ? keys(part) : [])
                @test is_known("$key.$name", part[name])
            end
        end
    end
end

@testset "bad: $(basename(path))" for path in label_files(joinpath(CONTRACT, "bad"))
    expected = parse_json(read(beside(path, ".expected.json"), String))
    error = refusal(() -> readlabels(path))
    @test error !== nothing
    @test (error.kind, error.run, error.track) == (expected["kind"], expected["run"], expected["track"])
    index = expected["index"]  # 0-based
    @test error.index == (index === nothing ? nothing : index + 1)
    @test error.file == path
    message = sprint(showerror, error)
    @test startswith(message, "$path: ") && occursin("$(error.kind): expected ", message)
    @test !occursin('\n', message)
end

if isdir(RECORDINGS)
    golden = joinpath(RECORDINGS, "golden")

    @testset "files of Nyx: $(basename(path))" for path in label_files(golden)
        labels = readlabels(path)
        canonical = text(labels)
        @test text(parselabels(canonical)) == canonical
        isfile(beside(path, ".expected.json")) || continue
        expected = parse_json(read(beside(path, ".expected.json"), String))
        run = labels[expected["run"]]
        @test run.metadata == expected["metadata"]
        @test (run.names, run.secondary_names) == (expected["names"], expected["secondary"])
        @test Dict(string(larva) => Dict("t" => track.times, "labels" => labels_of.(track.states))
                   for (larva, track) in run) == expected["tracks"]
    end

    @testset "merging and cropping as Nyx does" begin
        read_golden(name) = readlabels(joinpath(golden, "$name.label"))
        for (when, result) in ((nothing, "merged"), (names -> "edited" in names, "merged_when_edited"))
            labels = mergelabels!(read_golden("merge_a"), read_golden("merge_b"); when=when)
            @test Dict(labels) == Dict(read_golden(result))
            @test labels["20150701_105504"].colors == ["#ff0000", "#00ff00", "#0000ff", "#808080"]
        end
        cropped = croplabels(read_golden("merge_a"), 66.755, 67.039)
        @test cropped == read_golden("cropped_66.755_67.039")
    end

    @testset "an experiment survives a round trip" begin
        labels = readlabels(joinpath(RECORDINGS, "labels", "20190612_140000", "fed.label"))
        @test sum(length, values(labels["20190612_140000"])) == 286_672
        mktempdir() do folder
            path = joinpath(folder, "one.label")
            writelabels(path, labels)
            @test readlabels(path) == labels
            @test text(readlabels(path)) == read(path)
        end
    end

    @testset "dependencies of real recordings" begin
        for (folder, _, names) in walkdir(joinpath(RECORDINGS, "chore"))
            "groundtruth.label" in names || continue
            labels = readlabels(joinpath(folder, "groundtruth.label"))
            @test sort(basename.(checkdependencies(labels, folder))) ==
                  sort(filter(!endswith(".label"), names))
        end
    end
else
    @info "skipped: no real recordings in $RECORDINGS: they are not part of the project"
end

example() = setlabels!(Labels(), RUN, 7, [0.1, 0.2], ["run", "cast"])

nested(depth) = foldl((inner, _) -> Any[inner], 2:depth; init=Any[])

@testset "labels that could not be read again are not written" begin
    for (change, message) in [
            (run -> run.metadata["id"] = "x", "no \"id\" in metadata"),
            (run -> run.attributes["units"] = 1, "no \"units\""),
            (run -> run.attributes["runs"] = 1, "no \"runs\""),
            (run -> run[7].records["t"] = [1, 2], "\"t\""),
            (run -> run.metadata["x"] = Dict("y" => [NaN]), "finite"),
            (run -> run[7].records["speed"] = [1, Inf], "finite"),
            (run -> run.attributes["n"] = big(2)^64, "64 bits"),
            (run -> run.attributes["n"] = big(-2)^63 - 1, "64 bits"),
            (run -> run.attributes["x"] = big(10.0)^400, "finite"),
            (run -> run.attributes["s"] = "\xff", "UTF-8"),
            (run -> run.attributes["s"] = Set([1]), "JSON can hold"),
            (run -> run.attributes["s"] = :symbol, "JSON can hold"),
            (run -> run.attributes["s"] = missing, "JSON can hold"),
            (run -> run.attributes["s"] = [1 2; 3 4], "JSON can hold"),
            (run -> run.attributes["x"] = Dict(1 => 2), "keys that are strings"),
            (run -> run.attributes["x"] = nested(1024), "at most 1024 levels"),
            (run -> run[7].records["x"] = nested(1022), "at most 1024 levels"),
            (run -> run.units["t"] = "ms", "bad-units"),
            (run -> push!(run.dependencies, Dict("filename" => "a/b", "sha1" => "c")), "bad-dependency")]
        labels = example()
        change(labels[RUN])
        mktempdir() do folder
            path = joinpath(folder, "x.label")
            write(path, "old")
            error = refusal(() -> writelabels(path, labels))
            @test occursin(message, sprint(showerror, error))
            @test (error.file, error.run) == (path, RUN)
            @test readdir(folder) == ["x.label"] && read(path, String) == "old"
        end
    end
    labels = Labels()
    labels.attributes["data"] = 1
    @test occursin("no attribute named \"data\"", refusal(() -> text(labels)).problem)
end

@testset "times are written in milliseconds" begin
    for (time, written) in [(-1e9, "-1000000000.0"), (-1.0, "-1.0"), (-0.0501, "-0.05"), (-0.0004, "0.0"),
                            (-0.0, "0.0"), (0.0006, "0.001"), (0.0099, "0.01"), (0.1, "0.1"),
                            (1 / 3, "0.333"), (0.0005, "0.0"), (0.0015, "0.002"), (1.9996, "2.0"),
                            (66.675, "66.675"), (99999.9995, "100000.0"), (1e12, "1000000000000.0"),
                            (1e9 + 0.001, "1000000000.001"), (1e16, "1e+16"), (-1.5e300, "-1.5e+300"),
                            (123456789012345.67, "123456789012345.66")]
        labels = setlabels!(Labels(), "r", 1, [time], ["run"])
        @test occursin("\"t\":[$written],", String(text(labels)))
    end
    # compare with the formula in the contract
    times = cumsum([(i * 7919 % 10007 + 11) / 9973 for i in 1:5000])
    labels = setlabels!(Labels(), "r", 1, times, fill("run", length(times)))
    @test parselabels(text(labels))["r"][1].times == round.(1000 .* times) ./ 1000
end

function tracks_of(element, larvae, frames)
    times = join((i / 10 for i in 1:frames), ",")
    elements = join(Iterators.repeated(element, frames), ",")
    tracks = ("{\"id\":\"$larva\",\"t\":[$times],\"labels\":[$elements]}" for larva in 1:larvae)
    return "{\"metadata\":{\"id\":\"r\"},\"labels\":[\"run\",\"cast\"],\"data\":[$(join(tracks, ","))]}"
end

@testset "frames cost no objects" begin
    larvae, frames = 20, 2000
    n = larvae * frames
    # bytes per frame: the columns take 12 to 28, an object at least 16
    for (element, bytes) in ("1" => 24, "[]" => 32, "[1,2]" => 40, "\"run\"" => 28)
        content = tracks_of(element, larvae, frames)
        text(parselabels(content))
        @test @allocated(parselabels(content)) < bytes * n + 20_000
        labels = parselabels(content)
        @test @allocated(text(labels)) < 70n
    end
end

@testset "tracks cost few objects" begin
    objects(f) = (f(); Base.gc_alloc_count(@timed(f()).gcstats))
    for element in ("1", "[]", "[1,2]", "\"run\"")
        few, many = tracks_of(element, 20, 50), tracks_of(element, 120, 50)
        # 11 to 14 with Julia 1.5; since 1.11 a vector is two objects
        @test objects(() -> parselabels(many)) - objects(() -> parselabels(few)) < 25 * 100
        few, many = parselabels(few), parselabels(many)
        @test objects(() -> text(many)) - objects(() -> text(few)) < 10 * 100
    end
end

@testset "times that become equal are reported" begin
    labels = setlabels!(Labels(), RUN, 7, [0.1, 0.2, 0.2002], fill("run", 3))
    error = refusal(() -> text(labels))
    @test (error.kind, error.run, error.track, error.index) == ("bad-time", RUN, 7, 3)
    mktempdir() do folder
        @test refusal(() -> writelabels(joinpath(folder, "x.label"), labels)) !== nothing
        @test isempty(readdir(folder))
    end
    labels = setlabels!(Labels(), RUN, 7, [0.1, 1e306], fill("run", 2))
    @test refusal(() -> text(labels)).index == 2
end

@testset "deep values are written as deep as they are read" begin
    deep = "["^1023 * "]"^1023
    content = "{\"metadata\":{\"id\":\"r\"},\"deep\":$deep,\"data\":[]}"
    @test occursin("\"deep\":$deep,", String(text(parselabels(content))))
    @test refusal(() -> parselabels(replace(content, deep => "[$deep]"))).kind == "invalid-json"
end

@testset "the deepest values that are written are read" begin
    labels = example()
    labels[RUN].attributes["x"] = nested(1023)
    labels[RUN][7].records["y"] = nested(1021)
    @test text(parselabels(text(labels))) == text(labels)
end

@testset "deeply nested and long values are refused like others" begin
    deep, long = "["^1000 * "]"^1000, "{\"a\":[" * "1,"^100_000 * "1]}"
    for value in (deep, long, "[" * "{\"a\":["^400 * "]}"^400 * "]")
        for place in ("%", "{\"metadata\":{\"id\":\"r\"},\"units\":[1,%],\"data\":[]}")
            value === long && place == "%" && continue
            error = refusal(() -> parselabels(replace(place, "%" => value)))
            @test occursin("expected an object", error.problem)
            @test length(error.problem) < 120
        end
    end
    shown = TaggingBackends.shown
    @test shown([[[[1]], 2]]) == "[[[[...]], 2]]"
    @test shown([typemax(UInt64)]) == "[18446744073709551615]"
    @test shown(1:100) == "[1, 2, 3, 4, 5, 6, 7, 8, ...]"
    @test shown(OrderedDict{String,Any}("a" => [1.5, nothing], "b" => "x")) ==
          "{\"a\": [1.5, null], \"b\": \"x\"}"
    @test (shown([]), shown(Dict()), shown("x"^100)) == ("[]", "{}", "\"" * "x"^56 * "...")
end

@testset "tracks without a file" begin
    @test sprint(showerror, TrackFileError("expected x"; key="run")) == "tracks, run: expected x"
    @test sprint(showerror, TrackFileError("expected x"; file="f", line=3)) == "f, line 3: expected x"
end

@testset "values of any type are written" begin
    labels = example()
    labels[RUN].attributes = Dict("a" => (1, 2.5, nothing, true))
    merge!(labels[RUN].metadata, OrderedDict{String,Any}(
        "b" => Int8(3), "c" => 0x04, "d" => Float32(0.5), "e" => 1:3, "f" => SubString("xyz", 2), "g" => [],
        "h" => Union{Int,Float64}[1, 2.0], "i" => typemax(UInt64), "j" => Dict("k" => big(5))))
    written = String(text(labels))
    @test occursin("\"b\":3,\"c\":4,\"d\":0.5,\"e\":[1,2,3],\"f\":\"yz\",\"g\":[],\"h\":[1,2.0]," *
                   "\"i\":18446744073709551615,\"j\":{\"k\":5}}", written)
    @test occursin("\"a\":[1,2.5,null,true]", written)
    @test text(parselabels(written)) == codeunits(written)
end

@testset "records of frames are columns" begin
    labels = parselabels("{\"metadata\":{\"id\":\"r\"},\"data\":[{\"id\":\"1\",\"t\":[1,2],\"labels\":" *
                         "[\"a\",\"a\"],\"speed\":[0.5,2],\"n\":[1,2],\"large\":[true,false]," *
                         "\"word\":[\"x\",\"y\"],\"box\":[1,0.5,2],\"far\":[0.5,-9223372036854775808]}]}")
    records = labels["r"][1].records
    @test Dict(key => eltype(value) for (key, value) in records) ==
          Dict("speed" => Float64, "n" => Int64, "large" => Bool, "word" => String,
               "box" => Union{Int64,Float64}, "far" => Union{Int64,Float64})
    @test occursin("\"speed\":[0.5,2.0],\"n\":[1,2],\"large\":[true,false],\"word\":[\"x\",\"y\"]," *
                   "\"box\":[1,0.5,2],\"far\":[0.5,-9223372036854775808]", String(text(labels)))
end

@testset "writing replaces the file and leaves nothing else" begin
    mktempdir() do folder
        path = joinpath(folder, "x.label")
        write(path, "old")
        writelabels(path, example())
        @test read(path) == text(example())
        @test readdir(folder) == ["x.label"]
        cd(() -> writelabels("y.label", example()), folder)
        @test readdir(folder) == ["x.label", "y.label"]
        Sys.iswindows() || @test filemode(path) & 0o777 == filemode(touch(joinpath(folder, "z"))) & 0o777
        for missing_folder in (joinpath(folder, "none", "x.label"), folder)
            error = try
                writelabels(missing_folder, example())
            catch error
                error
            end
            @test error isa Union{SystemError,Base.IOError}
            @test occursin("cannot write $missing_folder", sprint(showerror, error))
        end
        @test readdir(folder) == ["x.label", "y.label", "z"]
    end
end

Sys.iswindows() || @testset "writing keeps the mode, and follows links" begin
    mktempdir() do folder
        path, link = joinpath(folder, "x.label"), joinpath(folder, "link.label")
        writelabels(path, Labels())
        chmod(path, 0o660)
        writelabels(path, example())
        @test filemode(path) & 0o7777 == 0o660
        symlink("real.label", link)  # which does not exist yet
        for labels in (Labels(), example())
            writelabels(link, labels)
            @test islink(link) && readlabels(joinpath(folder, "real.label")) == labels
        end
        # a link to a link, in another folder, beside a folder that is a link
        mkpath(joinpath(folder, "a", "b"))
        symlink(joinpath("a", "b"), joinpath(folder, "folder"))
        symlink(joinpath("..", "link.label"), joinpath(folder, "a", "up.label"))
        writelabels(joinpath(folder, "folder", "..", "up.label"), Labels())
        @test readlabels(joinpath(folder, "real.label")) == Labels()
        @test readdir(folder) == ["a", "folder", "link.label", "real.label", "x.label"]
        @test readdir(joinpath(folder, "a")) == ["b", "up.label"]
        symlink("loop", joinpath(folder, "loop"))
        @test_throws Base.IOError writelabels(joinpath(folder, "loop"), Labels())
        @test_throws Base.IOError writelabels(joinpath(path, "y.label"), Labels())
    end
end

@testset "names as long as a file system takes" begin
    mktempdir() do folder
        path = joinpath(folder, "x"^244 * ".label")
        for labels in (Labels(), example())
            writelabels(path, labels)
            @test readlabels(path) == labels
        end
        @test readdir(folder) == [basename(path)]
    end
end

@testset "a failed write leaves the old file" begin
    # a limit on the size of files fails in the middle of writing, like a full disk
    if Sys.islinux()
        mktempdir() do folder
            path = joinpath(folder, "x.label")
            write(path, "old")
            sources = [joinpath(ROOT, "julia", "system", "$name.jl") for name in ("temporaries", "renames", "files")]
            script = "foreach(include, $(repr(sources))); write_file($(repr(path)), \"x\"^1_000_000)"
            command = `$(Base.julia_cmd()) --startup-file=no -e $script`
            shell = "trap '' XFSZ; ulimit -f 100; exec \"\$@\""
            errors = IOBuffer()
            process = run(pipeline(ignorestatus(`sh -c $shell sh $command`); stderr=errors))
            @test process.exitcode == 1
            @test occursin("cannot write $path", String(take!(errors)))
            @test readdir(folder) == ["x.label"] && read(path, String) == "old"
        end
    else
        @info "skipped: the size of files is limited in tests on Linux only"
    end
end

@testset "dependencies are checked" begin
    mktempdir() do folder
        files = [joinpath(folder, "a.$suffix") for suffix in ("outline", "spine")]
        foreach(file -> write(file, basename(file)), files)
        @test sha1_of(files[2]) == "54f8e9c78af3a86f1b78efed3f82d2135e09f73c"
        labels = example()
        labels[RUN].dependencies = map(dependency, files)
        @test labels[RUN].dependencies[1]["filename"] == "a.outline"
        @test checkdependencies(labels, folder) == files
        labels[RUN].dependencies[1]["sha1"] = uppercase(labels[RUN].dependencies[1]["sha1"])
        @test checkdependencies(parselabels(text(labels)), folder) == files
        write(files[2], "other")
        error = refusal(() -> checkdependencies(labels, folder))
        @test (error.kind, error.file, error.run, error.index) == ("bad-dependency", files[2], RUN, 2)
        rm(files[2])
        @test occursin("found none", refusal(() -> checkdependencies(labels, folder)).problem)
        for name in ("x"^300, "x\0y")  # impossible file names
            labels[RUN].dependencies = [Dict("filename" => name, "sha1" => "0"^40)]
            error = refusal(() -> checkdependencies(labels, folder))
            @test (error.kind, error.run, error.index) == ("bad-dependency", RUN, 1)
        end
    end
end

@testset "files are copied and linked whole" begin
    mktempdir() do folder
        source, path = joinpath(folder, "a"), joinpath(folder, "b")
        write(source, "content")
        TaggingBackends.copy_file(source, path)
        @test read(path, String) == "content"
        write(source, "more content")
        @test_throws BackendError TaggingBackends.copy_file(source, path)
        @test read(path, String) == "content"
        rm(path)
        @test_throws Base.IOError TaggingBackends.copy_file(joinpath(folder, "none"), path)
        Sys.iswindows() || symlink("nowhere", path)
        Sys.iswindows() || TaggingBackends.link_file(source, path)
        Sys.iswindows() || @test readlink(path) == source
        @test readdir(folder) == ["a", "b"]
    end
end

@testset "walking" begin
    mktempdir() do folder
        @test walk_files(joinpath(folder, "none")) == []
        for name in ("a/x", "a/B/y", "a-b", "a/é", "a/z/w", ".hidden", "a/.hidden/x", "no/x", "\U10000",
                     "\uffff")
            mkpath(dirname(joinpath(folder, name)))
            write(joinpath(folder, name), "")
        end
        found(; options...) = map(path -> relpath(path, folder), walk_files(folder; options...))
        expected = ["a/B/y", "a/x", "a/z/w", "a/é", "a-b", "no/x", "\uffff", "\U10000"]
        native(name) = joinpath(split(name, '/')...)
        @test found() == map(native, expected)
        without = filter(!isequal("no/x"), expected)
        @test found(enter=path -> basename(path) != "no") == map(native, without)
        if !Sys.iswindows()
            symlink(folder, joinpath(folder, "a", "B", "up"))
            symlink(joinpath(folder, "a", "z"), joinpath(folder, "linked"))  # linked twice, but not below itself
            symlink("nowhere", joinpath(folder, "z-broken"))
            symlink("z-loop", joinpath(folder, "z-loop"))
            @test found() == ["a/B/y", "a/x", "a/z/w", "a/é", "a-b", "linked/w", "no/x", "z-broken",
                              "z-loop", "\uffff", "\U10000"]
            symlink(dirname(folder), joinpath(folder, "z-above"))
            symlink("/dev/null", joinpath(folder, "null"))
            run(`mkfifo $(joinpath(folder, "a", "pipe"))`)
            skipped = "skipped 2 pipes, sockets or devices in $folder: $(joinpath(folder, "a", "pipe")), ..."
            @test (@test_logs (:warn, skipped) length(found())) == 11
            foreach(name -> rm(joinpath(folder, name)), ("z-above", "null", joinpath("a", "pipe")))
            chmod(joinpath(folder, "a"), 0o000)
            # root can read every file
            readable = success(pipeline(`ls $(joinpath(folder, "a"))`; stderr=devnull))
            readable || @test_throws Union{SystemError,Base.IOError} found()
            chmod(joinpath(folder, "a"), 0o755)
        end
    end
end

@testset "the example that ships with the package" begin
    path = joinpath(ROOT, "src", "taggingbackends", "example.label")
    labels = readlabels(path)
    @test text(labels) == read(path)
    @test labels[RUN].secondary_names == ["edited"]
    @test [] in labels[RUN][1].states
end

@testset "many names, runs and larvae take linear time" begin
    names = ["name $i" for i in 1:70_000]
    few = names[1:10_000]
    labels = Labels()
    setlabels!(labels, RUN, 1, 1:10_000, few)
    for larva in 2:10_000
        setlabels!(labels, RUN, larva, [0.0], ["run"])
    end
    run = addrun!(labels, "b")
    # each takes many seconds if its time is quadratic
    @test (@elapsed TaggingBackends.check_names(names)) < 3
    @test (@elapsed parselabels(text(labels))) < 3
    @test (@elapsed croplabels(labels, 5, 10)) < 3
    @test (@elapsed foreach(pair -> run[first(pair)] = last(pair), labels[RUN])) < 3
    @test (@elapsed labels[RUN] == run) < 3
    @test (@elapsed setproperty!(labels[RUN], :secondary_names, few)) < 3
    @test countlabels(labels["b"])["run"] == 9999
end

@testset "text for a terminal" begin
    @test printable("a\e[31m\u9b\u202e\n\xff") == "a\\e[31m\\u9b\\u202e\\n\\xff"
    @test printable("ä שלום 🐛") == "ä שלום 🐛"
end

end
