# Recordings of tracked larvae: tracker files in, arrays out.

"""
    Track

The shape of one larva over time; `length(track)` is the number of frames n.

# Fields
- `times::Vector{Float64}`: seconds, strictly increasing.
- `spine`: n x points x 2 array of `Float64`, mm. `spine[i, k, :]` is x and y of point k in frame i, with
  points in the order of the file. NaN in frames without a spine, see [`hasspine`](@ref). `nothing` if not
  loaded. An `Array`, or another `AbstractArray` if the track comes from Python.
- `outline`: total points x 2 matrix, mm: the contours of all frames, in order. `nothing` if not loaded.
- `outline_offsets`: n + 1 integers, the number of points before each frame, as in Python (the first is
  0). The contour of frame i is `outline[outline_offsets[i] + 1:outline_offsets[i + 1], :]`; empty if the
  frame has none.
- `indicators::Dict{String,Vector{Bool}}`: name => whether an action is on in each frame, in formats that
  have indicators.
"""
struct Track{S<:Union{AbstractArray{Float64,3},Nothing},O<:Union{AbstractMatrix{Float64},Nothing}}
    times::Vector{Float64}
    spine::S
    outline::O
    outline_offsets::Union{Vector{Int},Nothing}
    indicators::Dict{String,Vector{Bool}}
end

function Track(times; spine=nothing, outline=nothing, outline_offsets=nothing, indicators=())
    offsets = outline_offsets === nothing ? nothing : convert(Vector{Int}, outline_offsets)
    return Track(convert(Vector{Float64}, times), spine, outline, offsets,
                 Dict{String,Vector{Bool}}(indicators))
end

Base.length(track::Track) = length(track.times)

"""
    hasspine(track)

Return for each frame whether all values of its spine are finite: n `Bool`. False everywhere if spines are
not loaded.

# Example
```julia
times = track.times[hasspine(track)]
```
"""
function hasspine(track::Track)
    track.spine === nothing && return falses(length(track))
    return vec(all(isfinite, track.spine; dims=(2, 3)))
end

function Base.show(io::IO, track::Track)
    parts = [name for (name, part) in (("spine", track.spine), ("outline", track.outline))
             if part !== nothing]
    print(io, "Track: ", counted(length(track), "frame"))
    isempty(parts) || print(io, " with ", join(parts, " and "))
    return nothing
end

"""
    Recording <: AbstractDict{Int,Track}

The larvae of one run: larva identifier => [`Track`](@ref), in the order of the file. Made by
[`loadtracks`](@ref).

# Fields
- `run::String`: the run's identifier, typically `date_time`.
- `metadata`: information about the recording, from the file or its name.
- `format::String`: the name of the format, `"Choreography"`.
- `sources::Vector{String}`: the files read.
- `left_out::Vector{String}`: what these files contain and the recording does not, counted. Usually empty.

# Example
```julia
recording = loadtracks("20240611_101500@g@e@t5@p.spine")
for (larva, track) in recording
    println(larva, ": ", length(track), " frames")
end
```
"""
struct Recording <: AbstractDict{Int,Track}
    run::String
    larvae::Vector{Int}
    tracks::Dict{Int,Track}
    metadata::OrderedDict{String,Any}
    format::String
    sources::Vector{String}
    own_labels::Labels
    left_out::Vector{String}
end

Recording(run, larvae, tracks, metadata, format, sources, own_labels) =
    Recording(run, larvae, tracks, metadata, format, sources, own_labels, String[])

Base.length(recording::Recording) = length(recording.larvae)
Base.haskey(recording::Recording, larva) = haskey(recording.tracks, larva)
Base.get(recording::Recording, larva, default) = get(recording.tracks, larva, default)
Base.get(default::Base.Callable, recording::Recording, larva) = get(default, recording.tracks, larva)

function Base.iterate(recording::Recording, i=1)
    i > length(recording.larvae) && return nothing
    larva = recording.larvae[i]
    return larva => recording.tracks[larva], i + 1
end

function Base.show(io::IO, recording::Recording)
    frames = sum(Int[length(track) for track in values(recording.tracks)])
    return print(io, "Recording ", recording.run, " (", recording.format, "): ",
                 counted(length(recording), "larva", "larvae"), ", ", counted(frames, "frame"))
end

Base.show(io::IO, ::MIME"text/plain", recording::Recording) = show(io, recording)

"""
    recordinglabels(recording)

Return the [`Labels`](@ref) of a recording that was loaded from a label file; otherwise empty labels.

# Example
```julia
recordinglabels(loadtracks("groundtruth.label"))["20240611_101500"][1].states
```
"""
recordinglabels(recording::Recording) = recording.own_labels

"""
    loadtracks(path; spine=true, outline=true)

Load the recording that a file belongs to. What its files contain and the recording does not is reported in one
warning.

# Arguments
- `path`: a .spine or .outline file of Choreography, with the other files in the same folder; or a label file. The
  files that a label file depends on are checked and loaded, and [`recordinglabels`](@ref) returns its
  labels.
- `spine`, `outline`: whether to load the spines and the outlines.

# Returns
A [`Recording`](@ref).

# Errors
- `TrackFileError`: an unknown format; a missing file; or a violation of the format, with its line.
- `LabelFileError`: an invalid label file, or one whose dependencies are missing or have changed.
- `ArgumentError`: both `spine` and `outline` are false.
- `SystemError`: a file cannot be read.

# Example
```julia
track = loadtracks("20240611_101500@g@e@t5@p.spine"; outline=false)[1]
head_x = track.spine[:, 1, 1]
```
"""
function loadtracks(path::AbstractString; spine::Bool=true, outline::Bool=true)
    islabelfile(path) && return load_labelled(path; spine=spine, outline=outline)
    if is_other_tracker_file(path)
        throw(TrackFileError("expected a tracker file of Choreography (.spine, .outline), the only format " *
                             "that Julia reads, found $(basename(path)); load it in Python"; file=path))
    end
    if !(tracker_suffix(path) in CHOREOGRAPHY)
        throw(TrackFileError("expected a tracker file (.spine, .outline) or a label file, found suffix " *
                             repr(suffix_of(path)); file=path))
    end
    head = tracker_head(path)
    if !is_choreography(head)
        found = head[1:min(40, end)]
        empty = is_gzip(read_head(path)) ? "no content or damaged gzip" : "an empty file"
        throw(TrackFileError(isempty(found) ? "expected tracks, found $empty" :
            "expected a Choreography file, which begins with a line `date_time larva_id time x1 y1 " *
            "x2 y2 ...`, found $(shown(String(found)))"; file=path))
    end
    recording = load_choreography(path, spine, outline)
    isempty(recording.left_out) || @warn "$path: left out: $(join(recording.left_out, "; "))"
    return recording
end

function load_labelled(path; options...)
    found = readlabels(path)
    recordings = findrecordings(checkdependencies(found, dirname(path)))
    if length(recordings) != 1 || length(found) != 1
        throw(TrackFileError("expected one run that depends on the files of one recording, found " *
            "$(length(found)) runs and $(length(recordings)) recordings"; file=path, key="dependencies"))
    end
    recording = loadtracks(first(keys(recordings)); options...)
    metadata = merge!(recording.metadata, first(values(found)).metadata)
    return Recording(recording.run, recording.larvae, recording.tracks, metadata, recording.format,
                     [recording.sources; path], found, recording.left_out)
end
