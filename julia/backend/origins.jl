# Bring input files into data/raw, all or none, and record their origins.
#
# Two hidden files in data/raw/<instance>[/<sandbox>] map relative paths to the paths that the files were pushed
# from: one for all input, and one for the files of a push that has not finished. The latter is written before
# the files come and removed last. It shows what a killed push has left. Python uses the same files.

const ORIGINS = ".origins.json"
const PUSHING = ".pushing.json"
const PUSH_LOCK = ".push-lock"  # that of a sandbox named push is .push.lock

"""
    read_origins(top)

Return the origins of the input files in a data folder: relative path => source.

# Errors
`BackendError` `unknown-origin`: the record is invalid.
"""
function read_origins(top)
    # in this order, since a push adds its files to the second before it removes the first
    pushing = read_record(joinpath(top, PUSHING))
    return merge!(pushing, read_record(joinpath(top, ORIGINS)))
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
    for (relative, source) in read_origins(raw)
        known = joinpath(raw, relative)
        if dirname(known) == dirname(file) && stem_of(known) == stem_of(file)
            return joinpath(dirname(source), basename(file))
        end
    end
    return file
end

"""
    pushing(f, top, targets)

Wait until no other push is writing into a folder in data/raw, lock it, and call `f(unfinished)`. What a
killed push has left is removed first, except files that are no longer the same as their origins.

# Arguments
- `top`: the folder of the instance or sandbox.
- `targets`: path in `top` => source, of the files to push. Those that a killed push has brought from files
  with the same content are not removed but passed to `f`, as a set.

# Errors
`BackendError` `existing-file`: there are no locks, and another push is running or was killed.
"""
function pushing(f, top, targets)
    lock = joinpath(top, PUSH_LOCK)
    return locked_if_possible(lock; wait=true) do held
        if !held && ispath(joinpath(top, PUSHING))
            throw(BackendError("existing-file", "$top: another push is running, or was killed";
                               fix="wait, or remove all with reset_data(backend)"))
        end
        return f(remove_unfinished(top, targets))
    end
end

"""
    bring(put, top, sources, unfinished)

Bring the missing files, all or none, and record all origins. Call this function within [`pushing`](@ref).

# Arguments
- `put`: `put(source, target)` brings a file, at once.
- `sources`: pairs of relative path => source.
"""
function bring(put, top, sources, unfinished)
    is_new(relative) = (target = joinpath(top, relative); target in unfinished || !ispath(target))
    new = [relative => source for (relative, source) in sources if is_new(relative)]
    old = read_record(joinpath(top, ORIGINS))
    # without files that were removed by hand, which would count as finished
    known = without(old, Set(first.(new)))
    known == old || write_record(joinpath(top, ORIGINS), known)
    isempty(new) || write_record(joinpath(top, PUSHING), OrderedDict{String,String}(new))
    begun = Pair{String,String}[]
    try
        for (relative, source) in new
            target = joinpath(top, relative)
            push!(begun, target => source)
            mkpath(dirname(target))
            target in unfinished || put(source, target)
        end
        origins = merge!(OrderedDict{String,String}(known), Dict(sources))
        origins == known || write_record(joinpath(top, ORIGINS), origins)
    catch
        for (i, (target, source)) in enumerate(begun)
            # the last one may have been interrupted, or be the file of another program
            (i < length(begun) || same_content(source, target)) && rm(target; force=true)
        end
        rm(joinpath(top, PUSHING); force=true)
        rethrow()
    end
    rm(joinpath(top, PUSHING); force=true)
    return nothing
end

"""Remove the files of a killed push; return those that are among the targets."""
function remove_unfinished(top, targets)
    origins = read_record(joinpath(top, ORIGINS))
    left = without(read_record(joinpath(top, PUSHING)), keys(origins))
    folders = union([top], (joinpath(top, dirname(relative)) for relative in keys(left)))
    foreach(remove_leftovers, folders)
    removed, kept, again = 0, OrderedDict{String,String}(), Set{String}()
    for (relative, source) in left
        target = joinpath(top, relative)
        if haskey(targets, target) && same_content(targets[target], target)
            push!(again, target)
        elseif same_content(source, target)
            rm(target)
            removed += 1
        elseif ispath(target)
            kept[relative] = source
        end
    end
    isempty(kept) || write_record(joinpath(top, ORIGINS), merge!(origins, kept))
    for folder in sort(folders; rev=true)
        for above in upwards(unslashed(folder))  # a loop of its own, which break leaves
            above == top && break
            isdir(above) && remove_if_empty(above)
        end
    end
    counts = ("removed" => removed, "kept because they have changed" => length(kept),
              "pushed again" => length(again))
    outcome = join(("$n $what" for (what, n) in counts if n > 0), ", ")
    isempty(outcome) || @warn "$top: an earlier push did not finish; of its files: $outcome"
    return again
end

without(origins, paths) = filter(((relative, _),) -> !(relative in paths), origins)

function read_record(path)
    isfile(path) || return OrderedDict{String,String}()
    text = try
        read(path, String)
    catch error
        error isa SystemError && error.errnum == Libc.ENOENT || rethrow()
        return OrderedDict{String,String}()  # removed in the meantime
    end
    origins = try
        parse_json(text)
    catch error
        error isa JSONError || rethrow()
        throw(unreadable_record(path, error.problem))
    end
    origins isa AbstractDict && all(source -> source isa AbstractString, values(origins)) ||
        throw(unreadable_record(path, "expected an object of strings"))
    return OrderedDict{String,String}(origins)
end

unreadable_record(path, why) = BackendError("unknown-origin",
    "$path: the origins of the input cannot be read ($why); remove this file")

function write_record(path, origins)
    temporary = temporary_beside(path)
    try
        write_file(temporary, sprint(write_json, origins, 0))
        rename_path(temporary, path)  # in a shared folder also that of another user
    finally
        rm(temporary; force=true)
    end
    return nothing
end
