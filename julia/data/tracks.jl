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
- `format::String`: the name of the format, `"Choreography"` or `"FIMTrack"`.
- `sources::Vector{String}`: the files read.
- `left_out::Vector{String}`: what these files contain and the recording does not, counted. Usually empty.
- `run_is_derived::Bool`: whether `run` is the name of the file or of its folder, because the files do not contain
  the run's identifier.

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
    run_is_derived::Bool
end

Recording(run, larvae, tracks, metadata, format, sources, own_labels) =
    Recording(run, larvae, tracks, metadata, format, sources, own_labels, [], false)

Base.length(recording::Recording) = length(recording.larvae)

"""Return the names of the recording's files, with those that belong to them, or [] if one has one of these SHA-1."""
function other_files(recording::Recording, names)
    isempty(recording.sources) && return String[]
    files = filter!(is_file, unique([recording.sources; companions(first(recording.sources))]))
    sort!(files; by=file -> !(basename(file) in values(names)))
    return any(file -> haskey(names, sha1_of(file)), files) ? String[] : basename.(files)
end

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
    loadtracks(path; spine=true, outline=true, framerate=nothing, pixelsize=nothing, radii=nothing, run=nothing)

Load the recording that a file belongs to. What its files contain and the recording does not is reported in one
warning.

# Arguments
- `path`: a .spine or .outline file of Choreography, with the other files in the same folder; a table of FIMTrack
  (.csv); or a label file. The files that a label file depends on are checked and loaded, and
  [`recordinglabels`](@ref) returns its labels.
- `spine`, `outline`: whether to load the spines and the outlines. Without both, tracks have times and
  indicators only, and tables need no `pixelsize`.
- `pixelsize` (µm; required), `framerate` (frames/s; by default 30) and `radii` (pixels): options of FIMTrack's
  tables. The metadata of a label file can give them instead. `radii` lists the radii at spine points 1, 2, ...,
  which replace the table's; `nothing` keeps the table's. Or it is a dictionary with keys 1, 2, ...
- `run`: the run to load from a label file of several runs.

# Returns
A [`Recording`](@ref). There is one warning if the files contain something that it does not.

# Errors
- `TrackFileError`: an unknown format; a missing file; or a violation of the format, with its line.
- `LabelFileError`: an invalid label file, or one whose dependencies are missing or have changed.
- `SystemError`: a file cannot be read.

# Example
```julia
track = loadtracks("20240611_101500@g@e@t5@p.spine"; outline=false)[1]
head_x = track.spine[:, 1, 1]
```
"""
function loadtracks(path::AbstractString; spine::Bool=true, outline::Bool=true, run=nothing, options...)
    check_option_names(options)
    islabelfile(path) && return load_labelled(path; spine=spine, outline=outline, run=run, options...)
    is_known, problem, _ = examined(path)
    problem === nothing || throw(TrackFileError(problem; file=path))
    suffix = tracker_suffix(path)
    if suffix == FIMTRACK
        recording = load_fimtrack(path; spine=spine, outline=outline, options...)
        return warned_of_left_out(recording, path)
    end
    if is_known && !(suffix in CHOREOGRAPHY)
        throw(TrackFileError("expected a tracker file of Choreography (.spine, .outline) or FIMTrack (.csv), the " *
                             "formats that Julia reads, found $(basename(path)); load it in Python"; file=path))
    end
    if !is_known
        throw(TrackFileError("expected a tracker file (.spine, .outline, .csv) or a label file, found suffix " *
                             repr(suffix_of(path)); file=path))
    end
    recording = load_choreography(path, spine, outline)
    return warned_of_left_out(recording, path)
end

"""Warn of what a recording lacks, or leave it to the command that runs this script."""
function warned_of_left_out(recording, path)
    left_out = recording.left_out
    if !isempty(left_out) && !leave_note("left out", path, left_out...)
        @warn "$path: left out: $(join(left_out, "; "))"
    end
    return recording
end

"""Return the labels of a run in a label file; by default, of the only run."""
function labels_of_run(path, run)
    labels = readlabels(path)
    runs = collect(keys(labels))
    found = isempty(runs) ? "none" : "$(length(runs)) ($(listed(runs, 5)))"
    if run === nothing
        length(runs) == 1 && return labels
        fix = isempty(runs) ? "" : "; choose one: loadtracks(path; run=...)"
        throw(TrackFileError("expected labels of one run, found $found$fix"; file=path))
    end
    haskey(labels, run) || throw(TrackFileError("expected run $(shown(run)), found $found"; file=path))
    chosen = Labels()
    chosen.attributes = labels.attributes
    chosen[run] = labels[run]
    return chosen
end

function check_option_names(options)
    for name in keys(options)
        name in (:framerate, :pixelsize, :radii) || throw(ArgumentError(
            "expected options out of spine, outline, framerate, pixelsize, radii, run, found $name"))
    end
end

function load_labelled(path; spine, outline, run, options...)
    found = labels_of_run(path, run)
    recordings = findrecordings(checkdependencies(found, dirname(path)))
    if length(recordings) != 1
        throw(TrackFileError("expected run $(first(keys(found))) to depend on the files of one recording, found " *
            counted(length(recordings), "recording"); file=path, key="dependencies"))
    end
    file, given = first(keys(recordings)), first(values(found)).metadata
    known = is_fimtrack(file) ? fimtrack_options(given) : Dict{Symbol,Any}()
    asked = Dict{Symbol,Any}(name => value for (name, value) in pairs(options) if value !== nothing)
    recording = loadtracks(file; spine=spine, outline=outline, merge(known, asked)...)
    camera = get(recording.metadata, "camera", nothing)
    metadata = merge!(recording.metadata, given)
    if camera !== nothing && get(given, "camera", nothing) isa AbstractDict
        # the values that were used to load the table take precedence
        metadata["camera"] = merge(given["camera"], camera)
    end
    return Recording(recording.run, recording.larvae, recording.tracks, metadata, recording.format,
                     [recording.sources; path], found, recording.left_out, recording.run_is_derived)
end
