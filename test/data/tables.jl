# Used by the tests in Python. Loads the tables named in the arguments, and prints a line for each: `refused`, the
# line and the field; or `read`, a digest of all arrays, and what was left out.

using Logging: NullLogger, with_logger
using SHA: sha1
using TaggingBackends

bytes(array) = collect(reinterpret(UInt8, vec(array)))
rows_first(array) = permutedims(array, ndims(array):-1:1)

function digest(recording)
    parts = Vector{UInt8}[Vector{UInt8}(recording.run)]
    for (larva, track) in recording
        push!(parts, bytes([larva]), bytes(track.times), bytes(rows_first(track.spine)))
        push!(parts, bytes(rows_first(track.outline)), bytes(track.outline_offsets))
        for name in sort!(collect(keys(track.indicators)))
            push!(parts, Vector{UInt8}(name), UInt8.(track.indicators[name]))
        end
    end
    return bytes2hex(sha1(reduce(vcat, parts)))
end

for path in ARGS
    try
        recording = with_logger(() -> loadtracks(path; pixelsize=100), NullLogger())
        println("read\t", digest(recording), "\t", join(recording.left_out, "\t"))
    catch error
        error isa TrackFileError || rethrow()
        println("refused\t", something(error.line, ""), "\t", something(error.key, ""))
    end
end
