# Copy input into a backend's folder (push) and predicted labels out of it (pull). Either copies all files or none.

const ORIGINS = ".origins.json"  # relative path of an input file => the path it was pushed from

"""
    push(backend, paths...; link=false, alone=false)

Copy files into data/raw, for the explorer's instance (and sandbox).

The content of a single folder is copied to the top. Otherwise the paths are kept, relative to the deepest
common folder. Files that belong together are copied together: .spine with .outline, and a label file with
the files that it depends on, which are checked. Hidden files are left out.

# Arguments
- `paths`: files and folders.
- `link`: make symbolic links instead of copies. Copies share blocks with the original where the file system
  can do so.
- `alone`: fail if there is other input already.

# Returns
The paths of the input files in data/raw.

# Errors
- `BackendError` `no-input`: a path does not exist, or there are no files; `existing-file`: another file
  exists already; `outside-link`: a link leads out of a pushed folder; `not-a-sandbox`: the sandbox is a
  folder of input; `unusable-data`: no files can be written there.
- `LabelFileError`: a label file or its dependencies are invalid.

Nothing is copied then.

# Example
```julia
push(backend, "recordings/20240611_101500@g@e@t5@p.spine")
```
"""
function push(backend::BackendExplorer, paths...; link::Bool=false, alone::Bool=false)
    sources = collect_input([unslashed(abspath(path)) for path in paths])
    top = data_dir(backend, "raw")
    check_data_dir(top)
    if backend.sandbox !== nothing && !is_sandbox(top) && !isempty(walk_files(top))
        throw(BackendError("not-a-sandbox",
            "$top: expected a sandbox, found a folder of input; name another sandbox"))
    end
    targets = [joinpath(top, relative) for (relative, _) in sources]
    for (target, (relative, source)) in zip(targets, sources)
        check_place(backend, relative, top)
        if ispath(target) && !same_content(source, target)
            throw(BackendError("existing-file", "$target: exists already, and differs from $source";
                               fix="remove it, or all input with reset_data(backend)"))
        end
    end
    others = alone ? setdiff(list_input_files(backend), targets) : String[]
    if !isempty(others)
        throw(BackendError("existing-file", "$(others[1]): other input is in place already";
                           fix="remove it with reset_data(backend)"))
    end
    origins = merge!(read_origins(backend), Dict(sources))
    raw_data_dir(backend)
    made = String[]
    try
        for (target, (_, source)) in zip(targets, sources)
            ispath(target) && continue
            mkpath(dirname(target))
            link ? link_file(source, target) : copy_file(source, target)
            push!(made, target)
        end
        write_file(joinpath(top, ORIGINS), sprint(write_json, origins, 0))
    catch
        foreach(target -> rm(target; force=true), made)
        rethrow()
    end
    return targets
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
    origins = read_origins(backend)
    processed = data_dir(backend, "processed")
    targets = map(files) do file
        relative = relpath(file, processed)
        return destination === nothing ? beside_input(backend, origins, relative) :
               joinpath(abspath(destination), relative)
    end
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

"""
    origin(backend, file)

Return the path from which a file in data/raw was pushed; the file itself if it was not pushed. A missing
file has the origin of the other files of its recording.
"""
function origin(backend::BackendExplorer, file)
    backend.model_instance === nothing && return file
    raw = data_dir(backend, "raw")
    is_below(file, raw) || return file
    for (relative, source) in read_origins(backend)
        known = joinpath(raw, relative)
        if dirname(known) == dirname(file) && stem_of(known) == stem_of(file)
            return joinpath(dirname(source), basename(file))
        end
    end
    return file
end

"""Return relative path in data/raw => source, for all files to copy."""
function collect_input(paths)
    for path in paths
        ispath(path) || throw(BackendError("no-input", "$path: no such file or folder"))
    end
    common = length(paths) == 1 && isdir(paths[1]) ? paths[1] : common_folder(dirname.(paths))
    sources = String[]
    for path in paths, file in (isdir(path) ? folder_files(path) : [path; companions(path)])
        push!(sources, file)
        islabelfile(file) && append!(sources, labelled_files(file))
    end
    if isempty(sources)
        throw(BackendError("no-input", "$common: expected visible files, found none"))
    end
    return [relpath(source, common) => source for source in unique(sources)]
end

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

function folder_files(folder)
    real = realpath(folder)
    check(path) = is_below(resolved(path), real) || throw(BackendError("outside-link",
        "$path: a link out of $folder; push its target by its own path"))
    return filter(check, walk_files(folder; enter=check))
end

"""Return the target of a path through links; it need not exist."""
function resolved(path)
    ispath(path) && return realpath(path)
    return normpath(followed(joinpath(realpath(dirname(path)), basename(path))))
end

function is_below(path, folder)
    parts, above = splitpath(path), splitpath(folder)
    return length(parts) >= length(above) && parts[1:length(above)] == above
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
Return the path of a label file next to the input that it was predicted from.

The name contains the recording's stem if that folder has several recordings, whether or not all were pushed,
so that labels of different recordings have different names.
"""
function beside_input(backend, origins, relative)
    recordings = recordings_in(joinpath(data_dir(backend, "raw"), dirname(relative)))
    stem = recording_stem(basename(relative), Set(stem_of(main) for main in keys(recordings)))
    inputs = [path for path in keys(origins) if dirname(path) == dirname(relative)]
    own = filter(path -> stem_of(path) == stem, inputs)
    folders = unique(dirname(origins[path]) for path in (isempty(own) ? inputs : own))
    if length(folders) != 1
        which = isempty(folders) ? "no known folder" : "$(length(folders)) folders"
        throw(BackendError("unknown-origin",
            "$relative: its input comes from $which; name a folder to pull into"))
    end
    several = basename(relative) == PREDICTED && stem !== nothing && length(recordings_in(folders[1])) > 1
    return joinpath(folders[1], several ? "$stem.$PREDICTED" : basename(relative))
end

function read_origins(backend)
    path = joinpath(data_dir(backend, "raw"), ORIGINS)
    isfile(path) || return OrderedDict{String,Any}()
    origins = try
        parse_json(read(path, String))
    catch error
        error isa JSONError || rethrow()
        throw(BackendError("unknown-origin",
            "$path: the origins of the input cannot be read ($(error.problem)); remove this file"))
    end
    return origins isa AbstractDict ? origins : OrderedDict{String,Any}()
end

unslashed(path) = dirname(joinpath(path, ""))
