# Conversion to and from Python, without a Python: packed values are unpacked again, in the same memory.

using TaggingBackends, Test

border = TaggingBackends
crossed(x) = border.received(border.sent(x)...)
parsed(message) = border.parse_json(message[1])

# Receive an array that Julia keeps as if it were Python's, under a number.
function borrowed(number, place; released=[])
    message = border.object("value" => ("array", number), "arrays" => [[number; place[2:end]]], "released" => released)
    return border.received(sprint(border.write_json, message, 0))
end

@testset "labels" begin
    labels = Labels()
    setlabels!(labels, "r", 512, [0.1, 0.2, 0.3], ["run", ["run", "cast"], []];
               confidence=[0.5, NaN, 1.0], second=["cast", [], "run"])
    setlabels!(labels, "r", 7, [], [])
    run = labels["r"]
    run.secondary_names = ["edited"]
    declarelabels!(run, ["cast", "run"]; colors=["#000000", "#ffffff"])
    run.metadata["camera"] = TaggingBackends.OrderedDict{String,Any}("lens" => nothing, "n" => [1, 2])
    run.dependencies = [TaggingBackends.OrderedDict{String,Any}("filename" => "a.spine", "sha1" => "0"^40)]
    run[512].records["speed"] = [1.0, 2.0, 3.0]
    run[512].records["seen"] = [true, false, true]
    run[512].records["comment"] = ["a", nothing, 1]
    labels.attributes["by"] = "hand"
    again = crossed(labels)
    @test again == labels
    @test again["r"].states == run.states
    @test pointer(again["r"][512].times) == pointer(run[512].times)
    @test pointer(again["r"][512].codes) == pointer(run[512].codes)
    @test pointer(again["r"][512].confidence) == pointer(run[512].confidence)
    @test pointer(again["r"][512].second_codes) == pointer(run[512].second_codes)
    @test again["r"][512].records["seen"] isa Vector{Bool}
    setlabels!(again, "r", 512, [9.0], ["roll"])
    @test run[512].times == [0.1, 0.2, 0.3]
    run.metadata["bad"] = NaN
    @test_throws LabelFileError border.sent(labels)
end

@testset "tracks and arrays" begin
    spine = PermutedDimsArray(reshape(collect(1.0:66.0), 2, 11, 3), (3, 2, 1))
    track = Track([0.1, 0.2, 0.3]; spine=spine, outline=ones(4, 2), outline_offsets=[0, 1, 2, 4],
                  indicators=Dict("roll" => [true, false, true]))
    again = crossed(track)
    @test again.times == track.times && again.spine == spine && again.outline == track.outline
    @test again.outline_offsets == [0, 1, 2, 4] && again.indicators == track.indicators
    @test again.indicators["roll"] isa Vector{Bool}
    @test pointer(again.indicators["roll"]) == pointer(track.indicators["roll"])
    @test pointer(parent(again.spine)) == pointer(parent(spine))
    @test crossed(Track([1.0])).spine === nothing
    for array in ([1, 2], Float32[1 2; 3 4], [true], zeros(0, 3), UInt8[1])
        @test crossed(array) == array && typeof(crossed(array)) == typeof(array)
    end
    for array in (view([1, 2, 3], 2:3), 1:3, trues(2), PermutedDimsArray(ones(2, 3, 4), (2, 1, 3)))
        @test crossed(array) == array  # a copy, because it is not contiguous
    end
    @test crossed(["run", "cast"]) == ["run", "cast"] && crossed(["run", "cast"]) isa Vector{String}
    @test crossed(Any["run", ["run", "cast"], String[]]) == ["run", ["run", "cast"], String[]]
    for array in ([1.0 + 2im], Complex{Float32}[1im], Float16[1.5])
        @test crossed(array) == array && eltype(crossed(array)) == eltype(array)
    end
    for other in (1, "run", nothing, [1im], Dict("a" => 1), [nothing], sum)
        @test crossed(other) === other
    end
    @test crossed((1, [2, 3], ["run"], (sum,))) == (1, [2, 3], ["run"], (sum,))
end

@testset "memory is returned when no array uses it, and not before" begin
    place = parsed(border.sent(collect(1.0:5.0)))["arrays"][1]
    empty_place = parsed(border.sent(zeros(0, 3)))["arrays"][1]
    returned = Int[]
    note() = append!(returned, parsed(border.sent(1))["released"])
    @noinline reshaped(number) = vec(reshape(borrowed(number, place), 1, :))  # in the same memory
    arrays = Any[reshaped(number) for number in -103:-101]
    GC.gc()
    note()
    @test all(isequal(1.0:5.0), arrays) && isempty(intersect(-103:-101, returned))
    empty!(arrays)
    GC.gc()
    note()
    @test length(intersect(-103:-101, returned)) >= 2  # one may be on the stack
    foreach(number -> borrowed(number, place), -2000:-1001)
    borrowed(-2001, empty_place)
    GC.gc(false)
    note()
    @test length(border.LOANS) < 100 && -2001 in returned
    @test allunique(returned)
end

@testset "what Python uses is kept until it is released" begin
    @noinline made() = (array = ones(10); (parsed(border.sent(array))["arrays"][1][1], WeakRef(array)))
    kept = [made() for _ in 1:3]
    GC.gc()
    @test all(((number, array),) -> array.value !== nothing, kept)
    borrowed(-1, parsed(border.sent([1]))["arrays"][1]; released=first.(kept))
    GC.gc()
    @test count(((number, array),) -> array.value === nothing, kept) >= 2  # one may be on the stack
    keeping = length(border.KEPT)
    @test_throws LabelFileError border.sent(([1, 2], ["\xff"]))
    @test length(border.KEPT) == keeping  # what is not sent is not kept
end

@testset "garbage is collected after some bytes have crossed" begin
    border.HANDED_OVER[] = border.SPARED[] = 0
    collected = Base.gc_num().pause
    for _ in 1:20
        border.sent(ones(2^20))
        crossed(1)
    end
    @test Base.gc_num().pause >= collected + 2
    @test border.SPARED[] >= 2^27
    foreach(empty!, (border.KEPT, border.LOANS))
    border.SPARED[] = 2^29
    border.HANDED_OVER[] = 2^29
    crossed(1)
    @test border.SPARED[] == 0
end

@testset "functions take positional arguments and keywords" begin
    f(x, y=2; z=3) = (x, y, z)
    answer = border.call_from_python(f, border.sent(((1,), ["z"], ([1.5],)))...)
    @test border.received(answer...) == (1, 2, [1.5])
    answer = border.call_from_python(f, border.sent(((1, "a"), String[], ()))...)
    @test border.received(answer...) == (1, "a", 3)
end

@testset "errors name their Python exception" begin
    described(error) = border.parse_json(border.described(error, sum))
    error = LabelFileError("bad-time", "no"; run="r", track=1, index=3)
    @test described(error)["index"] == 3
    @test described(error)["type"] == "LabelFileError"
    for wrapped in (LoadError("x.jl", 1, error), CapturedException(error, []), CompositeException([error]))
        @test described(wrapped) == described(error)
    end
    @test described(SystemError("opening x", 2))["arguments"] == [2, "No such file or directory (opening x)"]
    @test described(Base.IOError("x", Base.UV_ENOENT))["arguments"] == [2, "No such file or directory (x)"]
    @test described(InterruptException())["type"] == "KeyboardInterrupt"
    @test described(ArgumentError("caf\xe9"))["arguments"] == ["ArgumentError: caf\ufffd"]  # text of another encoding
    @test described(SystemError("opening caf\xe9", 2))["arguments"][1] == 2
    @test border.described(ErrorException("x"), sum) === nothing
    caught(f, arguments...; keywords...) = try f(arguments...; keywords...) catch error; error end
    onlystrings(x::String; size=1) = sqrt(x)
    for error in (caught(onlystrings, 1), caught(onlystrings, 1; size=2), caught(onlystrings, "a"; color=1))
        found = border.parse_json(border.described(error, onlystrings))
        @test found["type"] == "TypeError" && occursin("MethodError", found["arguments"][1])
    end
    @test border.described(caught(onlystrings, "a"), onlystrings) === nothing  # it is inside of the function
end

module Names
size_b = 1
double!(x) = 2x
f_b(x) = x
f!(x) = -x
__hidden() = 1
end

@testset "names in a module" begin
    names = border.entries(Names)
    @test issubset(["size_b", "double_b", "f_b"], names) && !("__hidden" in names)
    @test border.entry(Names, "size_b") == ("value", 1)
    @test border.entry(Names, "double_b") == ("function", Names.double!)
    @test border.entry(Names, "f_b") == ("function", Names.f!)
    @test border.entry(Names, "none") == ("none", nothing)
    @test all(name -> border.entry(Names, name)[1] != "none", names)
end

@testset "what is compiled beforehand leaves nothing behind" begin
    border.cross_once()
    @test isempty(border.KEPT) && isempty(border.LOANS) && border.HANDED_OVER[] == 0
end
