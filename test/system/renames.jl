@isdefined(Backends) || include("../backends.jl")
using .Backends, Test
using TaggingBackends: exchange

@testset "two folders are exchanged in one step" begin
    in_folder() do folder
        one, other = joinpath(folder, "one"), joinpath(folder, "other")
        touch_files(one, "a")
        touch_files(other, "b")
        exchanged = exchange(one, other)
        @test readdir(one) == (exchanged ? ["b"] : ["a"])
        @test readdir(other) == (exchanged ? ["a"] : ["b"])
        exchanged && @test_throws SystemError exchange(one, joinpath(folder, "none"))
    end
end
