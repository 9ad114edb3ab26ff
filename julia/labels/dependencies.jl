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
