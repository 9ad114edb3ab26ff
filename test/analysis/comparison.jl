# Comparison of two labellings. test_both_languages.py compares many more with Python's.

module ComparisonTests

using Test, TaggingBackends
using TaggingBackends: parse_json, parselabels, write_json

const CONTRACT = joinpath(dirname(@__DIR__), "contract")
const RUN = "20240611_101500"

run_of_case(content) = first(values(parselabels(Vector{UInt8}(sprint(write_json, content, 0)))))

"""Test that a number has a value; null is NaN."""
test_number(found, expected) = @test expected === nothing ? isnan(found) : isapprox(found, expected; atol=1e-9)

@testset "comparisons: the contract's cases ($(case["name"]))" for case in
        parse_json(read(joinpath(CONTRACT, "comparisons.json"), String))
    one, other, expected = run_of_case(case["one"]), run_of_case(case["other"]), case["expected"]
    options = (max_gap=get(case, "max_gap", nothing), force=get(case, "force", false))
    if expected === nothing
        error = try comparelabels(one, other; options...) catch error error end
        @test (error.kind, error.run) == ("bad-dependency", one.id)
        continue
    end
    found = comparelabels(one, other; options...)
    @test (found.run, found.names) == (expected["run"], expected["names"])
    @test collect.(eachrow(found.matrix)) == expected["matrix"]
    @test (found.frames, found.only_one, found.only_other) ==
          (expected["frames"], expected["only_one"], expected["only_other"])
    test_number(found.agreement, expected["agreement"])
    test_number(found.kappa, expected["kappa"])
    differences = found.differences
    @test length(differences.larvae) == length(expected["differences"])
    @test found.is_same == isempty(expected["differences"])
    for (i, difference) in enumerate(expected["differences"])
        @test (differences.larvae[i], differences.frames[i]) == (difference["larvae"], difference["frames"])
        test_number(differences.start[i], difference["start"])
        test_number(differences.stop[i], difference["stop"])
        for name in (:one, :other)
            class = differences[name][i]
            @test (class == 0 ? nothing : found.names[class]) == difference[String(name)]
        end
    end
end

@testset "files are compared run by run" begin
    mktempdir() do folder
        path(name) = joinpath(folder, name)
        labels = setlabels!(Labels(), RUN, 1, [0.0, 0.1], ["run", "cast"])
        setlabels!(labels, "other", 1, [0.0], ["run"])
        writelabels(path("one.label"), labels)
        setlabels!(labels, RUN, 1, [0.0, 0.1], ["run", "run"])
        writelabels(path("two.label"), labels)
        found = comparefiles(path("one.label"), path("two.label"))
        @test [each.run => each.is_same for each in found] == [RUN => false, "other" => true]
        @test found[1].pairs == [1 1 1; 2 1 1]
        @test sprint(show, found[1]) == "Comparison of $RUN: 2 frames, agreement 0.5, kappa 0.0"
        @test sprint(show, comparelabels(addrun!(Labels(), RUN), labels[RUN])) == "Comparison of $RUN: 0 frames"
        writelabels(path("three.label"), delete!(labels, "other"))
        error = try comparefiles(path("one.label"), path("three.label")) catch error error end
        @test error isa BackendError && error.kind == "no-input"
        @test occursin("$(path("three.label")): expected the runs of", sprint(showerror, error))
    end
end

@testset "invalid gaps and times are refused" begin
    labels = setlabels!(Labels(), RUN, 1, [0.0, 1e300], ["run", "run"])
    empty = addrun!(Labels(), RUN)
    @test_throws LabelFileError comparelabels(empty, labels[RUN])
    @test_throws ArgumentError comparelabels(empty, empty; max_gap=0)
end

@testset "many classes take linear time" begin
    n = 20_000
    run = setlabels!(Labels(), RUN, 1, 1:n, ["name $i" for i in 1:n])[RUN]
    comparelabels(run, run)
    @test (@elapsed @test comparelabels(run, run).kappa == 1) < 2  # quadratic time takes more than 10 s
end

end
