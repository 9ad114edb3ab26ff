# Copy input into a backend's folder (push) and predicted labels out of it (pull). Either copies all files or none.

"""
    push(backend, paths...; link=false, alone=false, all_files=false)

Copy files into data/raw, for the explorer's instance (and sandbox).

The content of a single folder is copied to the top. Otherwise the paths are kept, relative to the deepest
common folder. Files that belong together are copied together: .spine with .outline, and a label file with
the files that it depends on, which are checked. Hidden files are left out. Links to files are followed. Pipes,
devices and unreadable folders in a pushed folder are skipped, with a warning.

One push into a data folder runs at a time. The next one removes or completes what a killed one has left.

# Arguments
- `paths`: files and folders.
- `link`: make symbolic links instead of copies. Copies share blocks with the original where the file system
  can do so.
- `alone`: fail if there is other input already.
- `all_files`: do not warn of files that look like tracker files but cannot be read, or are in no known format.

# Returns
The paths of the input files in data/raw.

# Errors
- `BackendError` `no-input`: a path does not exist, is a broken link, or is neither a file nor a folder; or
  there are no files. `existing-file`: another file exists already. `outside-link`: a link to a folder leads
  out of a pushed folder. `not-a-sandbox`: the sandbox is a folder of input. `unusable-data`: no files can be
  written there. `bad-name`: the name of a file is not UTF-8. `unknown-origin`: the record of earlier pushes is
  invalid.
- `LabelFileError`: a label file or its dependencies are invalid.

Nothing is copied then.

# Example
```julia
push(backend, "recordings/20240611_101500@g@e@t5@p.spine")
```
"""
function push(backend::BackendExplorer, paths...; link::Bool=false, alone::Bool=false, all_files::Bool=false)
    foreach(check_utf8, paths)
    sources, depended = collect_input([unslashed(abspath(path)) for path in paths])
    suffixes = own_suffixes(backend.project_dir)
    all_files || report_files(last.(sources), depended, suffixes)
    top = data_dir(backend, "raw")
    check_data_dir(top)
    if backend.sandbox !== nothing && !is_sandbox(top) && !isempty(walk_files(top))
        throw(BackendError("not-a-sandbox",
            "$top: expected a sandbox, found a folder of input; name another sandbox"))
    end
    foreach(((relative, _),) -> check_place(backend, relative, top), sources)
    raw_data_dir(backend)
    targets = Dict(joinpath(top, relative) => source for (relative, source) in sources)
    pushing(top, targets) do unfinished
        check_existing(backend, sources, targets, alone)
        return bring(link ? link_file : copy_file, top, sources, unfinished)
    end
    return [joinpath(top, relative) for (relative, _) in sources]
end

"""Throw if the input in place differs from the files to push."""
function check_existing(backend, sources, targets, alone)
    for (relative, source) in sources
        target = joinpath(data_dir(backend, "raw"), relative)
        if ispath(target) && !same_content(source, target)
            throw(BackendError("existing-file", "$target: exists already, and differs from $source";
                               fix="remove it, or all input with reset_data(backend)"))
        end
    end
    others = alone ? setdiff(list_input_files(backend), keys(targets)) : String[]
    if !isempty(others)
        throw(BackendError("existing-file", "$(others[1]): other input is in place already";
                           fix="remove it with reset_data(backend)"))
    end
    return nothing
end

"""
    pull(backend, destination=nothing; force=false)

Copy the predicted labels out of data/processed.

# Arguments
- `destination`: a folder, in which the label files keep their relative paths. By default they are copied
  next to the original input, as recorded by [`push`](@ref).
- `force`: replace existing files.

# Returns
The paths of the label files at their destination.

# Errors
- `LabelFileError`: a label file is invalid, or depends on files that are not in data/raw.
- `BackendError` `no-output`: there are no labels; `existing-file`: a file exists already, with other content;
  `changed-file`: another program changes a file at the same time; `unknown-origin`: the input came from several
  folders or from an unknown one.

Nothing is copied then.

# Example
```julia
pull(backend, "labels"; force=true)
```
"""
function pull(backend::BackendExplorer, destination=nothing; force::Bool=false)
    raw, _, processed = data_dirs(backend)
    files = filter(islabelfile, list_processed_files(backend))
    isempty(files) &&
        throw(BackendError("no-output", "no label files in $processed: nothing to pull"))
    targets, expected = check_destinations(backend, files, destination; force=force)
    for file in files
        checkdependencies(readlabels(file), joinpath(raw, relpath(dirname(file), processed)))
    end
    made = make_folders(targets)
    try
        copy_files(zip(files, targets, expected))
    catch
        foreach(remove_if_empty, reverse(made))
        rethrow()
    end
    return targets
end

"""Make the folders of files; return the new folders, parents first."""
function make_folders(files)
    made = String[]
    for folder in unique(dirname.(files))
        append!(made, reverse(filter(!ispath, upwards(folder))))
        mkpath(folder)
    end
    return made
end

function remove_if_empty(folder)
    isempty(readdir(folder)) && rm(folder)
    return nothing
end

"""
    check_destinations(backend, files, destination=nothing; force=false)

Check that [`pull`](@ref) may copy label files from data/processed. The label files need not exist yet.

# Returns
The destinations, and the stamps of the files that may be replaced there (`nothing` if none may).
"""
function check_destinations(backend::BackendExplorer, files, destination=nothing; force::Bool=false)
    processed = data_dir(backend, "processed")
    place = destination === nothing ? beside_input(backend) :
            relative -> joinpath(abspath(destination), relative)
    targets = [place(relpath(file, processed)) for file in files]
    allunique(targets) || throw(BackendError("existing-file",
        "$(first_repeated(targets)): two label files would be copied there; name a folder to pull into"))
    foreach(check_writable, targets)
    force && return targets, map(stamp, targets)
    existing = [target for (file, target) in zip(files, targets) if ispath(target) && !same_content(file, target)]
    if !isempty(existing)
        more = length(existing) > 1 ? " (and $(length(existing) - 1) more)" : ""
        throw(BackendError("existing-file", "$(existing[1]): exists already$more";
                           fix="replace with force=true, or name another folder"))
    end
    return targets, fill(nothing, length(targets))
end

first_repeated(items) = first(item for (i, item) in enumerate(items) if item in items[1:i - 1])

const ACCESS_WRITE_AND_SEARCH = 3  # unistd.h: W_OK | X_OK

"""Throw if a file cannot be written at a path, so that no work is done in vain."""
function check_writable(target)
    isdir(target) &&
        throw(BackendError("existing-file", "$target: expected a file, found a folder"))
    check_replaceable(target)
    folder = first(filter(ispath, upwards(dirname(target))))
    isdir(folder) ||
        throw(BackendError("existing-file", "$folder: expected a folder, found a file"))
    if Sys.isunix() && ccall(:access, Cint, (Cstring, Cint), folder, ACCESS_WRITE_AND_SEARCH) != 0
        throw(SystemError("cannot write into $folder", Libc.errno()))
    end
    return nothing
end

"""Return relative path in data/raw => source, for all files to copy; and those on which label files depend."""
function collect_input(paths)
    for path in paths
        found = what_is(path)
        found in ("file", "folder") ||
            throw(BackendError("no-input", "$path: expected a file or a folder, found $found"))
    end
    common = length(paths) == 1 && isdir(paths[1]) ? paths[1] : common_folder(dirname.(paths))
    unreadable = String[]  # errors of folders
    sources, depended = String[], String[]
    for path in paths, file in (isdir(path) ? folder_files(path, unreadable) : [path; companions(path)])
        check_utf8(file)
        push!(sources, file)
        if islabelfile(file)
            files = labelled_files(file)
            append!(sources, files)
            append!(depended, files)
        end
    end
    if !isempty(unreadable)
        folders = counted(length(unreadable), "folder")
        @warn "skipped $folders that cannot be read: $(listed(unreadable))"
    end
    if isempty(sources)
        throw(BackendError("no-input", "$common: expected visible files, found none"))
    end
    return [relpath(source, common) => source for source in unique(sources)], depended
end

"""Warn of files that look like tracker files but cannot be read, and of those in no known format."""
function report_files(files, depended, suffixes)
    unreadable = OrderedDict{String,Exception}()
    recordings = findrecordings(files; unreadable=unreadable)
    is_own(file) = any(suffix -> endswith(lowercase(file), suffix), suffixes)
    near = [file => error for (file, error) in unreadable if error isa TrackFileError && !is_own(file)]
    shown_of_fix = Dict{SubString{String},Int}()
    for (file, error) in near
        fix = last(split(error.problem, "; "))
        n = shown_of_fix[fix] = get(shown_of_fix, fix, 0) + 1
        n <= MOST_REPORTED && @warn "$file: $(error.problem)"
    end
    for (fix, n) in shown_of_fix
        n > MOST_REPORTED && @warn "and $(n - MOST_REPORTED) more; $fix"
    end
    length(near) > 1 && @warn "$(length(near)) files cannot be read"
    known = Set{String}([depended; filter(islabelfile, files); reduce(vcat, values(recordings); init=String[])])
    unknown = filter(files) do file
        return !(file in known || haskey(unreadable, file) || is_own(file) || tracker_suffix(file) in TRACKER_SUFFIXES)
    end
    if !isempty(unknown)
        @warn "$(counted(length(unknown), "file")) in no known format: $(listed(basename.(unknown))); list the " *
              "backend's own suffixes in pyproject.toml, or pass all_files=true"
    end
    return nothing
end

const MOST_REPORTED = 20  # files that warnings name for one reason

"""Return the deepest folder that contains, or is, all of these."""
function common_folder(folders)
    isempty(folders) && return "."
    common = splitpath(folders[1])
    for folder in folders
        parts = splitpath(folder)
        n = something(findfirst(i -> get(parts, i, "") != common[i], 1:length(common)), length(common) + 1)
        resize!(common, n - 1)
    end
    return joinpath(common...)
end

function check_utf8(path)
    isvalid(path) || throw(BackendError("bad-name",
        "$(escape_string(path)): expected a name in UTF-8; rename the file or folder"))
    return nothing
end

"""Return what is at a path: file, folder or something that cannot be pushed."""
function what_is(path)
    status = try
        stat(path)
    catch error
        error isa Base.IOError && error.code == Base.UV_ELOOP || rethrow()
        nothing
    end
    if status === nothing || !ispath(status)
        islink(path) && throw(BackendError("no-input", "$path: found a broken link to $(readlink(path))";
                                           fix="fetch the file (git annex get) or remove the link"))
        throw(BackendError("no-input", "$path: no such file or folder"))
    end
    isdir(status) && return "folder"
    return isfile(status) ? "file" : "a pipe, a socket or a device"
end

function folder_files(folder, unreadable)
    real = realpath(folder)
    function enter(inner)
        if islink(inner) && !is_below(realpath(inner), real)
            throw(BackendError("outside-link", "$inner: found a link to a folder outside $folder";
                               fix="remove it, and push that folder by its own path"))
        end
        try
            readdir(inner)
        catch error
            error isa Union{SystemError,Base.IOError} || rethrow()
            push!(unreadable, "$inner: $(sprint(showerror, error))")
            return false
        end
        return true
    end
    files = walk_files(folder; enter=enter)
    foreach(what_is, filter(islink, files))  # an error if a link is broken
    return files
end

"""Return the checked dependencies of a label file, and the files that belong to them."""
function labelled_files(file)
    files = checkdependencies(readlabels(file), dirname(file))
    return [files; reduce(vcat, map(companions, files); init=String[])]
end

function check_place(backend, relative, top)
    parts = splitpath(relative)
    if any(startswith("."), parts)
        throw(BackendError("no-input",
            "$relative: hidden, so it would not be found as input; push it by its own path"))
    end
    folder = joinpath(top, parts[1])
    if backend.sandbox === nothing && length(parts) > 1 && is_sandbox(folder)
        throw(BackendError("existing-file", "$folder: a sandbox of this name exists already"))
    end
    return nothing
end

"""
Return a function from a label file, relative to data/processed, to its path next to the input that it was
predicted from.

The name contains the recording's stem if that folder has several recordings, whether or not all were pushed,
so that labels of different recordings have different names.
"""
function beside_input(backend)
    raw = data_dir(backend, "raw")
    recordings = remembered(recordings_in)  # read each folder once, not once per label file
    known = Dict{Tuple{String,Union{String,Nothing}},Set{String}}()  # folder, stem (nothing: any) => origins
    for (path, source) in read_origins(raw), stem in (stem_of(path), nothing)
        push!(get!(() -> Set{String}(), known, (dirname(path), stem)), dirname(source))
    end
    return function (relative)
        above = dirname(relative)
        stem = recording_stem(basename(relative), keys(recordings(joinpath(raw, above))))
        folders = get(known, (above, stem)) do
            return get(known, (above, nothing), Set{String}())
        end
        if length(folders) != 1
            which = isempty(folders) ? "no known folder" : "$(length(folders)) folders"
            throw(BackendError("unknown-origin",
                "$relative: its input comes from $which; name a folder to pull into"))
        end
        folder = only(folders)
        several = basename(relative) == PREDICTED && stem !== nothing && length(recordings(folder)) > 1
        return joinpath(folder, several ? "$stem.$PREDICTED" : basename(relative))
    end
end
