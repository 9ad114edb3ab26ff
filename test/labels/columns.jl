# Label files are read into columns and written from them: what many frames cost.

module ColumnsTests

using Test, TaggingBackends
using TaggingBackends: parselabels, text

const ROOT = dirname(dirname(@__DIR__))
const RECORDINGS = get(ENV, "TAGGINGBACKENDS_RECORDINGS", joinpath(dirname(ROOT), "shared", "data"))

if isdir(RECORDINGS)
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
else
    @info "skipped: no real recordings in $RECORDINGS: they are not part of the project"
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
    # bytes a frame: the columns take 12 to 28 of them, an object at least 16
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

end
