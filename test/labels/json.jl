# JSON: valid and invalid texts, the places of errors, and the values of numbers and strings.

module JSONTests

using Random, Test, TaggingBackends
using TaggingBackends: JSONError, OrderedDict, float_text, parse_json

const ROOT = dirname(dirname(@__DIR__))
const CONTRACT = joinpath(ROOT, "test", "contract")
const RECORDINGS = get(ENV, "TAGGINGBACKENDS_RECORDINGS", joinpath(dirname(ROOT), "shared", "data"))

# JSONTestSuite prescribes no result for these cases; orjson accepts them
const ACCEPTED = [
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
    "i_structure_500_nested_arrays.json",
]

"""Return the error of parsing a text, or nothing."""
function refusal(text; place=:elsewhere)
    try
        parse_json(text; place=place)
        return nothing
    catch error
        error isa JSONError || rethrow()
        return error
    end
end

@testset "JSONTestSuite" begin
    folder = joinpath(RECORDINGS, "jsontestsuite", "test_parsing")
    if isdir(folder)
        verdicts = Dict((kind, accepted) => 0 for kind in "yni", accepted in (true, false))
        for name in readdir(folder), place in (:elsewhere, :file)
            accepted = refusal(read(joinpath(folder, name), String); place=place) === nothing
            verdicts[(name[1], accepted)] += place === :file
            @test accepted == (name[1] == 'y' || name in ACCEPTED)
        end
        @test verdicts == Dict(('y', true) => 95, ('y', false) => 0, ('n', true) => 0,
                               ('n', false) => 188, ('i', true) => 6, ('i', false) => 29)
    else
        @info "skipped: JSONTestSuite is not in $folder; it is not part of the project"
    end
end

@testset "numbers" begin
    for (text, value) in [("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("0.5", 0.5), ("1e2", 100.0),
                          ("-0.0", -0.0), ("1E-2", 0.01), ("1e+2", 100.0),
                          ("9223372036854775807", typemax(Int64)),
                          ("-9223372036854775808", typemin(Int64)),
                          ("9223372036854775808", UInt64(2)^63),
                          ("18446744073709551615", typemax(UInt64)),
                          ("18446744073709551616", 2.0^64), ("-9223372036854775809", -2.0^63),
                          ("0e999999999999999999999", 0.0), ("1e-999999999999999999999", 0.0),
                          ("-1e-400", -0.0), ("0.$("0"^400)1e401", 1.0), ("1$("0"^400)e-400", 1.0)]
        @test parse_json(text) === value
        @test parse_json("[$text ]") == [value]
    end
    for text in ["-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1_0", "NaN", "Infinity", "1e309",
                 "-1e309", "1.7976931348623159e308", "1"^310, "1e999999999999999999999"]
        @test refusal(text) !== nothing
        @test refusal("[1, $text]") !== nothing
        @test refusal("{\"data\":[{\"labels\":[1, $text]}]}"; place=:file) !== nothing
    end
end

@testset "decimals are read as the nearest double: the contract's cases" begin
    for line in eachline(joinpath(CONTRACT, "decimals.txt"))
        bits, text = split(line)
        value = parse_json(String(text))
        @test Float64(value) === reinterpret(Float64, parse(UInt64, bits; base=16))
        value isa Float64 && @test parse_json("[$text]") == [value]
    end
end

@testset "columns of decimals are read as Base reads each of them" begin
    random = MersenneTwister(1)
    digits(n) = String(rand(random, '0':'9', n))
    texts = ["0.0", "0.1", "9007199254740.993", "9007199254740993.0", "900719925474.0993", "66.675", "0.3"]
    for whole in 1:20, decimals in 1:24, _ in 1:5
        push!(texts, string(whole == 1 ? digits(1) : rand(random, '1':'9') * digits(whole - 1), ".",
                            digits(decimals)))
    end
    bits = filter(isfinite, reinterpret(Float64, rand(random, UInt64, 2000)))
    append!(texts, string.(bits))
    append!(texts, string.(round.(1e5 .* rand(random, 2000); digits=3)))
    shuffle!(random, texts)
    values = parse.(Float64, texts)
    for comma in (",", ", ", " ,", ",  ", "\n,\t")
        @test parse_json("[$(join(texts, comma))]") == values
    end
    # a number that is not a simple decimal, at any place among decimals
    for (text, value) in zip(texts, values)
        parse_json("[$text,0.5]") == [value, 0.5] || error(text)
        parse_json("[0.5,$text]") == [0.5, value] || error(text)
    end
end

@testset "errors among decimals are reported as among other values" begin
    for wrong in ["01.5", "00.5", "-01.5", ".5", "1.", "1.,", "-", "1.5e", "1.5e999", "1.5 2.5", "+1.5",
                  "1.5.5", "", ",", "1.5,", "1.5,,", "1.5, ,", "1.5}", "1.5:", "\"", "01",
                  "1.5\n,x", "1.5,\n  01.5"]
        for stop in ("]", "")
            # an array that begins with a number, and one that does not
            among, other = refusal("[1.5,$wrong$stop"), refusal("[{ },$wrong$stop")
            @test among.problem == other.problem
            @test (among.position, among.line, among.column) == (other.position, other.line, other.column)
        end
    end
end

@testset "doubles are written in the contract's way" begin
    for line in eachline(joinpath(CONTRACT, "floats.txt"))
        bits, text = split(line)
        value = reinterpret(Float64, parse(UInt64, bits; base=16))
        @test float_text(value) == text
        @test parse_json(String(text)) === value
    end
end

@testset "arrays have the type of their elements" begin
    for (text, T) in ["[1,2]" => Int64, "[1.0,2.0]" => Float64, "[1,2.5]" => Union{Int64,Float64},
                      "[2.5,1]" => Union{Int64,Float64}, "[true,false]" => Bool, "[\"a\"]" => String,
                      "[]" => Any, "[1,\"a\"]" => Any, "[null]" => Any, "[[1],[2]]" => Any,
                      "[1,9223372036854775808]" => Any, "[1.5,2,9223372036854775808]" => Any]
        @test parse_json(text) isa Vector{T}
    end
    @test repr(parse_json("[ 1 , 2.0 ,3 ]")) == repr(Union{Int64,Float64}[1, 2.0, 3])
    @test parse_json("[1, 2.5, [3], null, true, {}]") ==
          [1, 2.5, [3], nothing, true, OrderedDict{String,Any}()]
    for text in ["[1,]", "[1.5,]", "[1,2.5,]", "[,1]", "[1 2]", "[1,2", "[1", "[\"a\",]", "[1,,2]", "[]1]",
                 "[[]1]", "[[]1,2]"]
        @test refusal(text) !== nothing
        @test refusal("{\"data\":[{\"labels\":$text}]}"; place=:file) !== nothing
    end
end

@testset "strings" begin
    for (text, value) in ["\"\"" => "", "\"a\"" => "a", "\"é😀\"" => "é😀", "\"\\u00e9\"" => "é",
                          "\"\\uD83D\\ude00\"" => "😀", "\"é\\n😀\\u0000/\\/\"" => "é\n😀\0//",
                          "\"\\\"\\\\\\b\\f\\n\\r\\t\"" => "\"\\\b\f\n\r\t", "\"\x7f\"" => "\x7f"]
        @test parse_json(text) == value
        @test parse_json("{$text:1}") == Dict(value => 1)
    end
    for text in ["\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u123g\"", "\"\n\"", "\"\0\"", "\"\xff\"",
                 "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\\ud800\"",
                 "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\xc3\\u00a9\"", "'a'"]
        @test refusal(text) !== nothing
        @test refusal("{$text:1}") !== nothing
    end
end

@testset "objects keep the order of their keys, and the last value of a repeated key" begin
    object = parse_json("{\"b\":1,\"a\":2,\"b\":{\"c\":[]}}")
    @test collect(object) == ["b" => OrderedDict{String,Any}("c" => []), "a" => 2]
    many = parse_json("{$(join(("\"k$i\":$i" for i in 30:-1:1), ",")),\"k7\":0}")
    @test collect(keys(many)) == ["k$i" for i in 30:-1:1]
    @test (many["k7"], many["k30"], get(many, "k31", nothing)) == (0, 30, nothing)
    for text in ["{", "{}}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
                 "{a:1}"]
        @test refusal(text) !== nothing
    end
end

@testset "depth is bounded, not by the stack" begin
    for (open, close) in ("[" => "]", "{\"a\":[" => "]}"), place in (:elsewhere, :states, :file)
        n = 1024 ÷ count(c -> c in "[{", open)
        deepest = open^n * close^n
        @test refusal(deepest; place=place) === nothing
        @test occursin("1024 levels", refusal("[$deepest]"; place=place).problem)
        @test refusal(open^1_000_000; place=place) !== nothing
    end
end

@testset "states of tracks are the same whether read as numbers or as other values" begin
    elements(text) = parse_json("{\"data\":[{\"labels\":$text}]}"; place=:file)["data"][1]["labels"]
    for (text, tokens, lengths) in [("[]", [], []), ("[1, 2]", [1, 2], []), ("[[]]", [], [0]),
                                    ("[3,[1, 2] ,[],4]", [3, 1, 2, 4], [-1, 2, 0, -1])]
        found = elements(text)
        @test (found.tokens, found.lengths) == (tokens, lengths)
        @test length(found) == length(parse_json(text))
    end
    found = elements("[\"é\",1,[\"run\",\"é\"]]")
    @test map(token -> token < 0 ? found.names[-token] : token, found.tokens) == ["é", 1, "run", "é"]
    for text in ["[1.0]", "[-1]", "[1234567890]", "[null]", "[[[]]]", "[1,{}]", "[1e1]"]
        @test elements(text) == parse_json(text)
    end
    @test_throws JSONError elements("[01]")
    @test_throws JSONError elements("[[1,]]")
    # only there
    for text in ["{\"labels\":[1]}", "{\"data\":{\"labels\":[1]}}", "{\"x\":{\"data\":[{\"labels\":[1]}]}}"]
        value = parse_json(text; place=:file)
        @test value == parse_json(text)
    end
    run = parse_json("{\"runs\":{\"r\":{\"data\":[{\"labels\":[1]}]}}}"; place=:file)["runs"]["r"]
    @test run["data"][1]["labels"].tokens == [1]
end

@testset "errors have a place" begin
    for (text, position, line, column, found) in [
            ("", 1, 1, 1, "the end of the text"),
            ("[1,\n 2,\n x]", 10, 3, 2, "'x'"),
            ("[1,\n", 5, 2, 1, "the end of the text"),
            ("[\"é\", ?]", 8, 1, 7, "'?'"),
            ("[1] 2", 5, 1, 5, "'2'"),
            ("\ufeff[]", 1, 1, 1, "byte order mark"),
            ("[\"a\nb\"]", 4, 1, 4, "line's end"),
            ("[tru]", 5, 1, 5, "']'"),
            ("\0", 1, 1, 1, "'\ufffd'")]
        error = refusal(text)
        @test (error.position, error.line, error.column) == (position, line, column)
        @test startswith(error.problem, "expected ") && occursin(found, error.problem)
    end
    message = sprint(showerror, refusal("[1,\n [2, oops],\n 3]"))
    @test message == "JSON, line 2, column 6 (byte 10): expected a value, found 'o'\n" *
                     "   [2, oops],\n       ^"
    far = refusal("[" * "1, "^1000 * "?" * ", 1"^1000 * "]")
    @test far.snippet[far.caret] == '?' && length(far.snippet) <= 70
end

@testset "a dictionary that keeps order" begin
    dict = OrderedDict{String,Int}("b" => 1, "a" => 2)
    dict["c"] = 3
    dict["b"] = 4
    @test collect(dict) == ["b" => 4, "a" => 2, "c" => 3]
    @test (length(dict), dict["a"], get(dict, "x", 0), haskey(dict, "c")) == (3, 2, 0, true)
    @test get!(() -> 9, dict, "a") == 2 && get!(dict, "d", 9) == 9
    @test pop!(dict, "a") == 2 && pop!(dict, "a", nothing) === nothing
    @test collect(keys(delete!(dict, "x"))) == ["b", "c", "d"]
    @test dict == Dict("b" => 4, "c" => 3, "d" => 9)
    copied = copy(dict)
    copied["b"] = 0
    @test dict["b"] == 4
    @test_throws KeyError dict["x"]
    @test_throws MethodError dict[1] = 1
    @test_throws MethodError dict["y"] = "z"
    @test length(dict) == length(collect(dict)) == 3
    for i in 1:20
        dict["k$i"] = i
    end
    @test dict["k15"] == 15
    delete!(dict, "k3")
    @test (haskey(dict, "k3"), dict["k15"], length(dict)) == (false, 15, 22)
    @test isempty(empty!(dict))
end

end
