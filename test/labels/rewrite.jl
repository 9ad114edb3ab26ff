# Used by the tests of other languages. Reads one request per line and answers with one line.
#   rewrite<TAB>IN<TAB>OUT   read the label file IN, write it as OUT: "ok", or the kind of the error
#   smooth<TAB>IN<TAB>OUT    the same, with bouts that are shorter than 0.3 s smoothed
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

function answer(request)
    command, argument, out = split(chomp(request), '\t')
    try
        if command == "rewrite"
            writelabels(out, readlabels(argument))
        elseif command == "smooth"
            writelabels(out, smoothlabels!(readlabels(argument), 0.3))
        else
            writelabels(out, random_labels(MersenneTwister(parse(Int, argument))))
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
