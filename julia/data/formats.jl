# Tracker files and label files, recognized by their names and first bytes. Recordings are found as in
# Python, so that both languages name the same outputs; trx.mat and NetCDF files are not loaded.

const LABEL_SUFFIXES = (".label", ".labels", ".nyxlabel", ".json")

const HEAD = 1024  # bytes; enough to recognize a file

# the files that make up a recording; the first that exists is the one to load
const CHOREOGRAPHY = (".spine", ".outline")

# formats that only Python loads: suffix => start of the file
const OTHER_TRACKERS = (".mat" => b"MATLAB 7.3 MAT-file", ".nc" => b"\x89HDF\r\n\x1a\n")
const FIMTRACK = ".csv"

# of the files of one stem, the first of these is the one to load, as in Python
const TRACKER_SUFFIXES = (CHOREOGRAPHY..., ".mat", FIMTRACK, ".nc")

suffix_of(path) = last(splitext(path))
with_suffix(path, suffix) = first(splitext(path)) * suffix

"""
Return the stem of a file's recording, the larva of a larva's own file (else nothing), and the suffix in lower case
without .gz, as in Python. For a file that is not a tracker's, return its stem, nothing and its suffix.
"""
function tracker_name(path)
    name = basename(path)
    stem, suffix = splitext(lowercase(suffix_of(name)) == ".gz" ? first(splitext(name)) : name)
    lowercase(suffix) in TRACKER_SUFFIXES || return (first(splitext(name)), nothing, suffix_of(name))
    if lowercase(suffix) in CHOREOGRAPHY
        found = match(r"^(.+)\.([0-9]{5})$"s, stem)
        found === nothing || return (String(found[1]), parse(Int, found[2]), lowercase(suffix))
    end
    return (stem, nothing, lowercase(suffix))
end

"""Return the stem of the recording that a file belongs to, by the file's name."""
stem_of(path) = first(tracker_name(path))

tracker_suffix(path) = last(tracker_name(path))

"""Return the place of a file among those of its stem, as in Python; the first one is to be loaded."""
function rank_of(path, is_damaged=false)
    _, larva, suffix = tracker_name(path)
    place = findfirst(isequal(suffix), TRACKER_SUFFIXES)
    format = suffix in CHOREOGRAPHY ? 1 : place
    return (format, larva !== nothing, place, is_damaged, something(larva, -1), lowercase(suffix_of(path)) == ".gz",
            !endswith(path, suffix), basename(path))
end

function read_head(path, n=HEAD)
    # opening a pipe waits for a writer
    ispath(path) && !isfile(path) && !isdir(path) &&
        throw(Base.IOError("$path: expected a file, found a pipe or a device", Base.UV_EINVAL))
    return open(io -> read(io, n), path)
end

"""
    islabelfile(path)

Return whether a file is a label file, by its extension and, for `.json`, by its start.

# Example
```julia
filter(islabelfile, list_input_files(backend))
```
"""
function islabelfile(path)
    suffix_of(path) == ".json" || return suffix_of(path) in LABEL_SUFFIXES
    # in Latin-1, so that truncated or invalid UTF-8 is not an error
    head = join(Char(byte) for byte in read_head(path) if !is_whitespace(byte))
    run = "{\"metadata\":{\"id\":"
    return startswith(head, run) || startswith(head, "{\"runs\":{") ||
           (startswith(head, "{") && occursin("\"runs\":{\"", head) && occursin(run, head))
end

"""
    findrecordings(files; unreadable=nothing)

Find the recordings among files. The tracker files of one stem in one folder are one recording; if they are in
several formats, Choreography's is the one to load, else the trx.mat, else FIMTrack's table, else the NetCDF file.
[`loadtracks`](@ref) cannot read trx.mat and NetCDF files. Files of single larvae, `<stem>.00012.spine`, have the
stem of their recording.

# Arguments
- `files`: paths of files of any kind, e.g. `list_input_files(backend)`.
- `unreadable`: a dictionary that gets the files that cannot be read, each with its error. A `TrackFileError` says
  why a file that looks like a tracker file is in no format, and how to fix it. Without the dictionary, other errors
  are thrown.

# Returns
An ordered dictionary: the file to pass to [`loadtracks`](@ref) => all files of that recording, in the
order given.

# Example
```julia
for (file, parts) in findrecordings(list_input_files(backend))
    recording = loadtracks(file)
end
```
"""
function findrecordings(files; unreadable=nothing)
    found = OrderedDict{String,Vector{String}}()  # folder and stem -> files
    damaged = Set{String}()
    for file in files
        is_known, problem, is_own_table = try
            examined(file; archives=unreadable !== nothing)
        catch error
            error isa Union{SystemError,Base.IOError} && unreadable !== nothing || rethrow()
            unreadable[file] = error
            continue
        end
        if problem !== nothing
            unreadable === nothing || is_own_table || (unreadable[file] = TrackFileError(problem; file=file))
            tracker_suffix(file) in CHOREOGRAPHY || continue  # loading it throws the error
            push!(damaged, file)
        elseif !is_known
            continue
        end
        push!(get!(() -> String[], found, joinpath(dirname(file), stem_of(file))), file)
    end
    rank(file) = rank_of(file, file in damaged)
    recordings = OrderedDict{String,Vector{String}}(
        parts[last(findmin(map(rank, parts)))] => parts for parts in values(found))
    for (main, parts) in recordings, file in parts
        # loading the recording reports the damaged file of a larva
        main in damaged || tracker_name(file)[2] === nothing || unreadable === nothing || delete!(unreadable, file)
    end
    return recordings
end

"""Return whether a file is a table of FIMTrack, by its suffix and first line."""
is_fimtrack(path) = tracker_suffix(path) == FIMTRACK && examined(path)[1]

"""
    companions(path)

Return the other existing files of a tracker file's recording.
"""
function companions(path)
    suffix_of(path) in CHOREOGRAPHY && tracker_name(path)[2] === nothing || return filter(!=(path), recording_files(path))
    usual = filter(!=(path), [with_suffix(path, suffix) for suffix in CHOREOGRAPHY])
    # without listing the folder, which may be large
    return all(isfile, usual) ? usual : filter(!=(path), recording_files(path))
end

"""Return the existing files of a recording of Choreography, the one to load first, given one of them."""
function recording_files(path)
    stem, _, suffix = tracker_name(path)
    suffix in CHOREOGRAPHY || return String[]
    names = readdir(isempty(dirname(path)) ? "." : dirname(path))
    filter!(name -> startswith(name, stem) && stem_of(name) == stem && tracker_suffix(name) in CHOREOGRAPHY, names)
    files = filter!(isfile, [joinpath(dirname(path), name) for name in names])
    return sort!(files; by=rank_of)
end

"""
    recordings_in(folder)

Find the recordings directly in a folder, like [`findrecordings`](@ref). Return stem => files of the recording.
Files that cannot be read are left out. The result is empty if `folder` is not a folder.
"""
function recordings_in(folder)
    found = findrecordings(visible_files(folder); unreadable=Dict{String,Exception}())
    return OrderedDict{String,Vector{String}}(stem_of(main) => files for (main, files) in found)
end

"""List the visible files in a folder; empty if the folder does not exist."""
function visible_files(folder)
    isdir(folder) || return String[]
    return filter(isfile, [joinpath(folder, name) for name in visible(folder)])
end

visible(folder) = filter(name -> !startswith(name, "."), readdir(folder))

"""
    recording_stem(label_file, stems)

Return the stem of the recording that a label file is for: the only one, or the one that the name
`<stem>.predicted.label` contains. Return `nothing` if it is unknown.
"""
function recording_stem(label_file, stems)
    length(stems) == 1 && return first(stems)
    parts = split(label_file, '.')
    for n in length(parts) - 1:-1:1  # the longest first
        stem = join(parts[1:n], '.')
        stem in stems && return stem
    end
    return nothing
end
