# julia --project=. test/runtests.jl

using Test

if !haskey(ENV, "TAGGINGBACKENDS_RECORDINGS")
    # real recordings, where they are at hand
    ENV["TAGGINGBACKENDS_RECORDINGS"] = joinpath(dirname(dirname(@__DIR__)), "shared", "data")
end

passed(results::Test.DefaultTestSet) = results.n_passed + mapreduce(passed, +, results.results; init=0)
passed(result) = 0
skipped(results::Test.DefaultTestSet) = mapreduce(skipped, +, results.results; init=0)
skipped(result) = result isa Test.Broken ? 1 : 0

const FILES = (
    "package.jl",
    "system/locks.jl",
    "labels/json.jl",
    "labels/labels.jl",
    "labels/labelfiles.jl",
    "data/tracks.jl",
    "backend/explorer.jl",
    "backend/staging.jl",
    "main.jl",
    "nyx.jl",
    "julia/border.jl",
)

try
    results = @testset "TaggingBackends" begin
        for file in FILES
            @testset "$file" begin
                include(file)
            end
        end
    end
    println("Julia: $(passed(results)) passed, 0 failed, $(skipped(results)) skipped")
catch error
    error isa Test.TestSetException || rethrow()
    println("Julia: $(error.pass) passed, $(error.fail + error.error) failed, $(error.broken) skipped")
    exit(1)
end
