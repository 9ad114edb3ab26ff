# Used by the tests of other languages. Reads one request per line and answers with one line.
#   rewrite<TAB>IN<TAB>OUT   read the label file IN, write it as OUT: "ok", or the kind of the error
#   smooth<TAB>IN<TAB>OUT    the same, with bouts that are shorter than 0.3 s smoothed
#   tables<TAB>IN<TAB>MAX_GAP<TAB>OUT           write the tables of bouts and of the budget, with all metadata, as JSON
#   compare<TAB>IN<TAB>OTHER<TAB>MAX_GAP<TAB>OUT  write the comparison of each run with that of OTHER as JSON
#   random<TAB>SEED<TAB>OUT  write random labels as OUT: "ok"

using Random, TaggingBackends
const TB = TaggingBackends

const LETTERS = ['a', 'Z', '"', '\\', '\n', '\t', '\0', '\u7f', 'é', 'µ', '\u2028', '😀', '/', ' ']

random_name(rng) = String(rand(rng, LETTERS, rand(rng, 1:5)))

function random_value(rng, depth=0)
    kind = rand(rng, 1:(depth < 3 ? 9 : 7))
    kind == 1 && return nothing
    kind == 2 && return rand(rng, Bool)
    kind == 3 && return rand(rng, Int64)
    kind == 4 && return rand(rng, UInt64)
    kind == 5 && return random_float(rng)
    kind == 6 && return random_name(rng)
    kind == 7 && return rand(rng, -1000:1000)
    kind == 8 && return Any[random_value(rng, depth + 1) for _ in 1:rand(rng, 0:3)]
    return random_object(rng, depth + 1)
end

function random_float(rng)
    while true
        x = reinterpret(Float64, rand(rng, UInt64))
        isfinite(x) && return rand(rng, Bool) ? x : round(rand(rng) * 1000; digits=3)
    end
end

function random_object(rng, depth=0)
    object = TB.OrderedDict{String,Any}()
    for _ in 1:rand(rng, 0:3)
        object["x" * random_name(rng)] = random_value(rng, depth + 1)
    end
    return object
end

function random_labels(rng)
    labels = Labels()
    for _ in 1:rand(rng, 0:2)
        run = addrun!(labels, random_name(rng))
        names = unique([random_name(rng) for _ in 1:4])
        n = rand(rng, 0:length(names))
        declarelabels!(run, names[1:n]; colors=rand(rng, Bool) ? fill("#808080", n) : nothing)
        run.secondary_names = names[n + 1:end]
        merge!(run.metadata, random_object(rng))
        merge!(run.attributes, random_object(rng))
        for larva in unique(rand(rng, 0:65535, rand(rng, 0:3)))
            times = sort(unique(rand(rng, -(10^6):10^9, rand(rng, 0:6)))) ./ 1000
            states = Any[rand(rng, Bool) ? rand(rng, names) : names[randperm(rng, length(names))[1:rand(rng, 0:end)]]
                         for _ in times]
            confidence = rand(rng, Bool) ? nothing : [rand(rng, Bool) ? NaN : rand(rng) for _ in times]
            second = rand(rng, Bool) ? nothing : Any[rand(rng, Bool) ? [] : rand(rng, names) for _ in times]
            setlabels!(labels, run.id, larva, times, states; confidence=confidence, second=second)
            labels[run.id][larva].records["speed"] = [random_float(rng) for _ in times]
        end
    end
    rand(rng, Bool) && merge!(labels.attributes, random_object(rng))
    return labels
end

# as JSON: null is NaN, missing, or a frame that is not there
json(value) = value
json(value::Union{Float64,Missing}) = value === missing || isnan(value) ? nothing : value
json(table::NamedTuple) = TB.OrderedDict{String,Any}(String(name) => json.(column) for (name, column) in pairs(table))

function json(found::TB.Comparison)
    differences, name_of = found.differences, class -> class == 0 ? nothing : found.names[class]
    rows = [TB.OrderedDict{String,Any}("larvae" => larva, "start" => start, "stop" => stop, "frames" => frames,
                                       "one" => name_of(one), "other" => name_of(other))
            for (larva, start, stop, frames, one, other) in zip(differences...)]
    known = ["run" => found.run, "names" => found.names, "matrix" => collect.(eachrow(found.matrix))]
    numbers = [String(name) => json(getproperty(found, name))
               for name in (:frames, :only_one, :only_other, :agreement, :kappa)]
    return TB.OrderedDict{String,Any}([known; numbers; "differences" => rows])
end

function tables(labels, max_gap)
    keys_of_runs = Iterators.flatten(keys(run.metadata) for run in values(labels))
    metadata = [collect(TB.FACTS); filter(key -> !occursin('\0', key), collect(String, keys_of_runs))]
    return TB.OrderedDict{String,Any}("bouts" => json(tobouts(labels; max_gap=max_gap, metadata=metadata)),
                                      "budget" => json(tobudget(labels; max_gap=max_gap, metadata=metadata)))
end

function comparisons(one, other, max_gap)
    return [json(comparelabels(run, other[run.id]; max_gap=max_gap)) for run in values(one)]
end

function answer(request)
    parts = split(chomp(request), '\t')
    command, arguments, out = parts[1], parts[2:end - 1], parts[end]
    try
        if command == "rewrite"
            writelabels(out, readlabels(only(arguments)))
        elseif command == "smooth"
            writelabels(out, smoothlabels!(readlabels(only(arguments)), 0.3))
        elseif command == "random"
            writelabels(out, random_labels(MersenneTwister(parse(Int, only(arguments)))))
        else
            max_gap = tryparse(Float64, last(arguments))
            labels = map(readlabels, arguments[1:end - 1])
            found = command == "tables" ? tables(labels..., max_gap) : comparisons(labels..., max_gap)
            write(out, sprint(TB.write_json, found, 0))
        end
        return "ok"
    catch error
        error isa LabelFileError || rethrow()
        return "$(error.kind) $(repr(error.run)) $(repr(error.track)) $(repr(error.index))"
    end
end

for request in eachline(stdin)
    println(answer(request))
    flush(stdout)
end
