# julia --project=. test/runtests.jl [FILES...]
#
# Without FILES, this runs itself with the files of each group, in one process per group.

using Test

if !haskey(ENV, "TAGGINGBACKENDS_RECORDINGS")
    # real recordings, if available
    ENV["TAGGINGBACKENDS_RECORDINGS"] = joinpath(dirname(dirname(@__DIR__)), "shared", "data")
end

const GROUPS = (
    # Tests that compute much.
    `-O1` => ["labels/json.jl", "labels/labelfiles.jl", "labels/bouts.jl", "analysis/comparison.jl",
              "data/tracks.jl", "data/fimtrack.jl", "windows/windows.jl", "julia/border.jl"],
    # Tests that are interpreted, because compiling them takes much longer than running them.
    `--compile=min` => ["package.jl", "system/files.jl", "system/locks.jl", "system/processes.jl",
                        "system/renames.jl", "labels/labels.jl", "backend/explorer.jl",
                        "backend/staging.jl", "main.jl", "nyx.jl"],
)

passed(results::Test.DefaultTestSet) = results.n_passed + mapreduce(passed, +, results.results; init=0)
passed(result) = 0
skipped(results::Test.DefaultTestSet) = mapreduce(skipped, +, results.results; init=0)
skipped(result) = result isa Test.Broken ? 1 : 0

"""Run test files; return how many tests passed, failed and were skipped."""
function run_files(files)
    try
        results = @testset "TaggingBackends" begin
            for file in files
                @testset "$file" begin
                    include(file)
                end
            end
        end
        return [passed(results), 0, skipped(results)]
    catch error
        error isa Test.TestSetException || rethrow()
        return [error.pass, error.fail + error.error, error.broken]
    end
end

const COUNTS = r"^Julia: (\d+) passed, (\d+) failed, (\d+) skipped$"

"""Run a group of test files in a process with these options; return its counts."""
function run_group(options, files)
    project, program = dirname(@__DIR__), @__FILE__
    command = `$(Base.julia_cmd()) $options --startup-file=no --project=$project $program $files`
    counts = nothing
    process = open(ignorestatus(command))
    for line in eachline(process)
        found = match(COUNTS, line)
        found === nothing ? println(line) : (counts = parse.(Int, found.captures))
    end
    wait(process)  # so that its CPU time counts
    return counts === nothing ? [0, 1, 0] : counts  # one failure: the process ended early
end

counts = isempty(ARGS) ? sum([run_group(group...) for group in GROUPS]) : run_files(ARGS)
println("Julia: $(counts[1]) passed, $(counts[2]) failed, $(counts[3]) skipped")
exit(counts[2] == 0 ? 0 : 1)
