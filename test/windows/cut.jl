# Used by the tests in Python. The arguments are a file of requests, a JSON array, and a folder. Each request has label
# files and the options of `windows`. Prints a line for each: the kind of the error; or the classes and the dimensions
# of the spines, and writes all arrays into the folder, in the order of bytes that Python has.

using Logging: NullLogger, with_logger
using TaggingBackends
const TB = TaggingBackends

const RECORDINGS = Dict{String,Recording}()
loaded(path) = get!(() -> loadtracks(path; outline=false), RECORDINGS, path)

rows_first(array) = permutedims(array, ndims(array):-1:1)

function answer(request, file)
    recordings = map(loaded, request["files"])
    options = Pair{Symbol,Any}[Symbol(key) => key == "margin" && value isa Vector ? Tuple(value) : value
               for (key, value) in request["options"]]
    push!(options, :type => request["type"] == "float32" ? Float32 : Float64)
    try
        set = length(recordings) == 1 ? windows(recordings[1]; options...) : windows(recordings; options...)
        open(file, "w") do io
            for array in (set.spines, set.labels, set.recordings, set.larvae, set.times, set.edited,
                          set.body_lengths, egocentric(set.spines, set.body_lengths))
                write(io, rows_first(array))
            end
        end
        return sprint(TB.write_json, Any[set.names, collect(size(set.spines)), set.about, set.runs], 0)
    catch error
        error isa BackendError || rethrow()
        return repr(error.kind)
    end
end

function predicted(path, file)
    recording = loaded(path)
    open(file, "w") do io
        for (larva, track) in recording
            times, x = predictframes(track; duration=1, framerate=10, batch=7) do spines
                spines[:, 1, 1, 1] .+ spines[:, end, end, 2]
            end
            write(io, times, Vector{Float64}(map(value -> value isa Vector ? NaN : value, x)))
        end
    end
    return "\"ok\""
end

requests = TB.parse_json(read(ARGS[1], String))
with_logger(NullLogger()) do
    for (i, request) in enumerate(requests)
        file = joinpath(ARGS[2], string(i - 1))
        println(haskey(request, "predict") ? predicted(request["predict"], file) : answer(request, file))
    end
end
