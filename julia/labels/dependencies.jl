# The tracker files that labels belong to: beside the label file, identified by file name and SHA-1.

"""
    dependency(path)

Return the entry of a file for `labels[run].dependencies`: its name and SHA-1.

# Errors
[`LabelFileError`](@ref) `bad-dependency`: the name is not UTF-8. `SystemError`: the file cannot be read.

# Example
```julia
labels[run].dependencies = [dependency("20150701_105504@x@y@t15@z.spine")]
```
"""
function dependency(path)
    isvalid(path) || throw(LabelFileError("bad-dependency",
        "expected a file with a name in UTF-8, found $(escape_string(path)); rename it"))
    return OrderedDict{String,Any}("filename" => basename(path), "sha1" => sha1_of(path))
end

"""
Return dependencies as a vector of entries. In a label file they may be one entry or a list.

`bad-dependency`: an entry without `filename` or `sha1`, or with a folder in its file name.
"""
function validate_dependencies(entries)
    list = entries isa AbstractVector ? entries : [entries]
    for (i, entry) in enumerate(list)
        problem = fault_in(entry)
        problem === nothing || throw(LabelFileError("bad-dependency", problem; index=i))
    end
    return OrderedDict{String,Any}[OrderedDict{String,Any}(entry) for entry in list]
end

"""
    checkdependencies(labels, folder)

Check that the tracker files of all runs are in a folder and unchanged; return their paths.

# Errors
[`LabelFileError`](@ref) `bad-dependency`: a file, the error's `file`, is missing or has another SHA-1.

# Example
```julia
checkdependencies(readlabels(path), dirname(path))
```
"""
function checkdependencies(labels::Labels, folder)
    known = Dict{String,String}()
    files = String[]
    for run in values(labels)
        located(() -> append!(files, checkdependencies(run.dependencies, folder, known)); run=run.id)
    end
    return unique(files)
end

"""`known`: the SHA-1 of files that were read before, so that no file is read twice; it is completed."""
function checkdependencies(entries::AbstractVector, folder, known=Dict{String,String}())
    return map(enumerate(validate_dependencies(entries))) do (i, entry)
        path = joinpath(folder, entry["filename"])
        if !haskey(known, path) && !is_file(path)
            problem = "expected this file beside the labels, which depend on it; found none"
            throw(LabelFileError("bad-dependency", problem; file=path, index=i))
        end
        found = get!(() -> sha1_of(path), known, path)
        if found != lowercase(entry["sha1"])
            problem = "expected sha1 $(entry["sha1"]), found $found: not the file that the " *
                      "labels were made for"
            throw(LabelFileError("bad-dependency", problem; file=path, index=i))
        end
        return path
    end
end

"""Return the names of the files that labels depend on, by SHA-1 in lower case."""
function names_by_sha1(entries)
    return OrderedDict{String,String}(lowercase(entry["sha1"]) => entry["filename"]
                                      for entry in validate_dependencies(entries))
end

"""
Check that two labellings do not depend on the files of different recordings: both have dependencies, and share
none. Different files of one stem, `x.spine` and `x.outline`, may be of one recording.

`bad-dependency`: they are of different recordings.
"""
function check_same_recording(one::RunLabels, other::RunLabels)
    located(run=other.id) do
        names, others = names_by_sha1(one.dependencies), names_by_sha1(other.dependencies)
        (isempty(names) || isempty(others) || any(sha1 -> haskey(others, sha1), keys(names))) && return nothing
        stems(names) = Set(first(splitext(name)) for name in values(names))
        # files of one stem are of one recording, unless one file is there in two versions
        if !isempty(intersect(values(names), values(others))) || isempty(intersect(stems(names), stems(others)))
            throw(other_recording(values(names), values(others)))
        end
        return nothing
    end
end

"""Check that `like`, labels or a recording, is not of another recording than some labels."""
function check_like(labels::Labels, like)
    if like isa Labels
        for run in values(like)
            haskey(labels, run.id) && check_same_recording(labels[run.id], run)
        end
        return nothing
    end
    names = OrderedDict{String,String}()
    for run in (haskey(labels, like.run) ? (labels[like.run],) : values(labels))
        located(() -> merge!(names, names_by_sha1(run.dependencies)); run=run.id)
    end
    isempty(names) && return nothing
    files = other_files(like, names)
    isempty(files) || located(() -> throw(other_recording(values(names), files)); run=like.run)
    return nothing
end

function other_recording(names, others)
    expected, found = listed(names), listed(others)
    expected == found && (found = "another file of this name")
    return LabelFileError("bad-dependency", "expected labels or tracks of the recording $expected, found $found; " *
                          "if these are one recording, combine them with force=true")
end

"""Return whether a path is a file; false for a name that no file can have."""
function is_file(path)
    try
        return isfile(path)
    catch error
        error isa Union{Base.IOError,ArgumentError} || rethrow()
        return false
    end
end

function fault_in(entry)
    if !(entry isa AbstractDict)
        return "expected {\"filename\": ..., \"sha1\": ...}, found $(shown(entry))"
    end
    for key in ("filename", "sha1")
        value = get(entry, key, nothing)
        if !(value isa AbstractString) || isempty(value)
            return "expected a string as $key, found $(shown(value))"
        end
    end
    name = entry["filename"]
    if occursin('/', name) || occursin('\\', name) || name in (".", "..")
        return "expected a file name without folders, found $(shown(name))"
    end
    return nothing
end
