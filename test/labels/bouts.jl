# Stretches, bouts and budgets. rewrite.jl and test_both_languages.py compare many more with Python's.

module BoutsTests

using Test, TaggingBackends
using TaggingBackends: parse_json, parselabels, write_json

const CONTRACT = joinpath(dirname(@__DIR__), "contract")
const RUN = "20240611_101500"

labels_of_case(content) = parselabels(Vector{UInt8}(sprint(write_json, content, 0)))

"""Test that a column has some values; null is NaN or missing."""
function test_column(found, expected)
    @test length(found) == length(expected)
    for (x, y) in zip(found, expected)
        @test y === nothing ? (x === missing || isnan(x)) : y isa Real ? isapprox(x, y; atol=1e-9) : x == y
    end
end

@testset "tables: the contract's cases ($(case["name"]))" for case in
        parse_json(read(joinpath(CONTRACT, "tables.json"), String))
    labels = labels_of_case(case["labels"])
    options = (max_gap=get(case, "max_gap", nothing), metadata=get(case, "metadata", ()))
    for (name, table) in (("bouts", tobouts(labels; options...)), ("budget", tobudget(labels; options...)))
        @test collect(String.(keys(table))) == collect(keys(case[name]))
        foreach(test_column, table, values(case[name]))
        @test all(column -> column isa Vector, table)
    end
end

@testset "bouts and spans are columns" begin
    labels = setlabels!(Labels(), RUN, 7, [0.0, 0.1, 0.2, 0.3, 5], ["run", ["run", "small"], [], "run", "run"])
    bouts = findbouts(labels[RUN])
    @test bouts.names == ["run", "small"]
    @test (bouts.larvae, bouts.labels) == ([7, 7, 7, 7], [1, 2, 1, 1])
    @test (bouts.first_frames, bouts.frames) == ([1, 2, 4, 5], [2, 1, 1, 1])
    @test bouts.last == [0.1, 0.1, 0.3, 5.0]
    @test bouts.durations ≈ [0.2, 0.1, 0.1, 0.1]
    @test length(bouts) == 4 && :durations in propertynames(bouts)
    spans = findspans(labels[RUN])
    @test labels[RUN].states[spans.states .+ 1] == ["run", ["run", "small"], [], "run", "run"]
    @test (spans.tracks, spans.stretches, spans.frames) == (ones(Int, 5), [1, 1, 1, 1, 2], ones(Int, 5))
    @test (spans.start, spans.last) == ([0, 0.1, 0.2, 0.3, 5], [0, 0.1, 0.2, 0.3, 5])
    @test (length(spans), spans.interval) == (5, 0.1)
    @test sprint(show, bouts) == "Bouts: 4 bouts" && sprint(show, spans) == "Spans: 5 spans"
end

@testset "the default gap" begin
    for (tracks, expected) in (([], 1), ([[]], 1), ([[3.0], [4.0]], 1), ([(0:4) ./ 10], 1), ([(0:4) ./ 5], 1),
                               ([(0:4) ./ 4, [0, 9]], 1.25))
        labels = Labels()
        run = addrun!(labels, RUN)
        for (larva, times) in enumerate(tracks)
            setlabels!(labels, RUN, larva, times, fill("run", length(times)))
        end
        @test defaultmaxgap(values(run)) == expected
    end
end

@testset "metadata are columns of text" begin
    labels = setlabels!(Labels(), RUN, 1, [0.0], ["run"])
    values = (1, 2.0, 1e6, 1e16, 1e-5, 2.5e-7, 1.5e300, 0.0001, true, "x", typemax(UInt64))
    expected = ("1", "2.0", "1000000.0", "1e+16", "1e-05", "2.5e-07", "1.5e+300", "0.0001", "True", "x",
                "18446744073709551615")
    for (value, text) in zip(values, expected)
        labels[RUN].metadata["fact"] = value
        @test tobouts(labels; metadata="fact").fact == [text]
        @test tobudget(labels; metadata=[:fact, :fact]).fact == [text]
    end
    @test collect(keys(tobouts(labels)))[9:end] == [:date_time, :genotype, :effector, :tracker, :protocol]
end

@testset "invalid gaps and times are refused" begin
    labels = setlabels!(Labels(), RUN, 1, [0.0, 1e300], ["run", "run"])
    for work in (findbouts, findspans)
        @test_throws LabelFileError work(labels[RUN])
        for bad in (0, -1, NaN)
            @test_throws ArgumentError work(addrun!(Labels(), RUN); max_gap=bad)
        end
    end
    for work in (tobouts, tobudget)
        error = try work(labels) catch error error end
        @test (error.kind, error.run, error.track, error.index) == ("bad-time", RUN, 1, 2)
        @test error.problem == "expected a time within 9.01e12 s of 0, found 1.0e300"
        @test_throws ArgumentError work(Labels(); max_gap=0)
    end
end

@testset "many names, states and larvae take linear time" begin
    n = 20_000
    labels = setlabels!(Labels(), RUN, 1, 1:n, ["name $i" for i in 1:n])
    for larva in 2:1000
        setlabels!(labels, "many", larva, [0.0, 0.1], ["run", "cast"])
    end
    tobouts(labels)
    @test length(tobouts(labels).run) == n + 2 * 999
    @test (@elapsed tobouts(labels)) < 2  # quadratic time takes more than 10 s
    @test (@elapsed tobudget(labels)) < 2
end

end
