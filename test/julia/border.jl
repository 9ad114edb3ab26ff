# Conversion to and from Python, without a Python: packed values are unpacked again, in the same memory.

using TaggingBackends, Test

crossed(x) = (parcel = TaggingBackends.pack(x); TaggingBackends.unpack(parcel.text, parcel))

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
    @test_throws LabelFileError TaggingBackends.pack(labels)
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
    for other in (1, "run", nothing, [1im], Dict("a" => 1), [nothing], sum)
        @test TaggingBackends.pack(other) === nothing
    end
end

# The finalizers of Python's objects must not run while an array uses the objects.
mutable struct Finalized
    alive::Bool
    Finalized() = finalizer(object -> (object.alive = false), new(true))
end

@testset "the owner of an array lives as long as the array, and not much longer" begin
    column = collect(1.0:5.0)
    content = TaggingBackends.pack(column)
    function borrowed()
        owner = Finalized()
        return TaggingBackends.unpack(content.text, owner), WeakRef(owner)
    end
    arrays = Any[]
    owners = WeakRef[]
    for _ in 1:3
        array, owner = borrowed()
        push!(arrays, array)
        push!(owners, owner)
    end
    GC.gc(); GC.gc()
    @test all(owner -> owner.value !== nothing && owner.value.alive, owners)
    @test all(array -> array == column, arrays)
    empty!(arrays)
    for _ in 1:5
        GC.gc()
    end
    @test count(owner -> owner.value === nothing || !owner.value.alive, owners) >= 2  # one may be on the stack
    before = length(TaggingBackends.OWNERS)
    for _ in 1:1000
        borrowed()
    end
    GC.gc(); GC.gc()
    borrowed()
    @test length(TaggingBackends.OWNERS) < before + 1000
end

@testset "errors name their Python exception" begin
    described(error) = TaggingBackends.parse_json(TaggingBackends.described(error))
    error = LabelFileError("bad-time", "no"; run="r", track=1, index=3)
    @test described(error)["index"] == 2
    @test described(error)["type"] == "LabelFileError"
    @test described(LoadError("x.jl", 1, error)) == described(error)
    @test described(SystemError("opening x", 2))["errno"] == 2
    @test described(Base.IOError("x", Base.UV_ENOENT))["errno"] == 2
    @test described(InterruptException())["type"] == "KeyboardInterrupt"
    @test TaggingBackends.described(ErrorException("x")) === nothing
end
