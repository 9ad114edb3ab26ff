# What makes a folder a backend: its project file, its name and its scripts.

"""The scripts of a backend => the subpackage of src/<package> that may contain them."""
const SCRIPTS = Dict(
    "make_dataset" => "data",
    "build_features" => "features",
    "train_model" => "models",
    "finetune_model" => "models",
    "predict_model" => "models",
)

"""
    is_backend(folder)

Return whether a folder is a backend: it has pyproject.toml, and models/ or a predict_model script.
"""
function is_backend(folder)
    return isfile(joinpath(folder, "pyproject.toml")) && (
        isdir(joinpath(folder, "models")) ||
        !isempty(candidates(folder, package_name(folder), "predict_model")))
end

"""
    package_name(project_dir)

Return the package's name: the project's name in lower case, with underscores for hyphens.
"""
package_name(project_dir::AbstractString) = package_of(project_metadata(project_dir)["name"])

package_of(name) = replace(lowercase(name), "-" => "_")

"""
    project_metadata(project_dir)

Return a `Dict` with the name and version of a project. They come from `[project]` of pyproject.toml, else
from `[tool.poetry]`; else they are the folder's name and the package's `__version__`. The version is left
out if none of these gives it.

# Errors
`BackendError` `not-a-backend`: pyproject.toml is not TOML, or one of these is not a table.
"""
function project_metadata(project_dir)
    path = joinpath(project_dir, "pyproject.toml")
    values = read_toml(path)
    for table in (["tool"], ["project"], ["tool", "poetry"])
        value = get(values, table, :implicit)
        value in (:header, :implicit, :dotted, :inline) && continue
        found = value isa Symbol ? "another value" : shown(value)
        throw(BackendError("not-a-backend", "$path: expected a table as $(table[end]), found $found"))
    end
    found = Dict("name" => basename(project_dir))
    for table in (["tool", "poetry"], ["project"]), key in ("name", "version")
        value = get(values, [table; key], nothing)
        value isa String && (found[key] = value)
    end
    if !haskey(found, "version")
        assigned = assigned_version(joinpath(project_dir, "src", package_of(found["name"])))
        assigned === nothing || (found["version"] = assigned)
    end
    return found
end

"""
    own_suffixes(project_dir)

Return the suffixes of the backend's own formats, in lower case: `suffixes` in `[tool.taggingbackends]` of
pyproject.toml.

# Errors
`BackendError` `not-a-backend`: the file is not TOML, or something else is there.
"""
function own_suffixes(project_dir)
    path = joinpath(project_dir, "pyproject.toml")
    values = read_toml(path)
    own = [key[3:end] => value for (key, value) in values if length(key) > 2 && key[1:2] == ["tool", "taggingbackends"]]
    suffixes = [value for (key, value) in sort!(own; by=first) if length(key) == 2]
    is_valid(key, value) = key[1] == "suffixes" && (length(key) == 1 ? value === :value :
        length(key) == 2 && value isa String && startswith(value, ".") && length(value) > 1)
    all(((key, value),) -> is_valid(key, value), own) || throw(BackendError("not-a-backend",
        "$path: expected suffixes in [tool.taggingbackends] such as [\".avi\"], found something else"))
    return map(lowercase, suffixes)
end

"""Return the string that a package's `__init__.py` assigns to `__version__`, or `nothing`."""
function assigned_version(package)
    init = joinpath(package, "__init__.py")
    isfile(init) || return nothing
    text = String(map(byte -> byte < 0x80 ? byte : UInt8('?'), read(init)))
    assigned = match(r"^__version__\s*(?::[^=\n]*)?=\s*(?:['\"]([^'\"\n]+)['\"])?"m, text)
    return assigned === nothing || assigned[1] === nothing ? nothing : String(assigned[1])
end

"""
    candidates(project_dir, package, step)

Return the existing files that could be a step's script.
"""
function candidates(project_dir, package, step)
    folders = (joinpath(project_dir, "src", package, SCRIPTS[step]), joinpath(project_dir, "scripts"))
    paths = [joinpath(folder, step * suffix) for folder in folders for suffix in (".py", ".jl")]
    return filter(isfile, paths)
end

"""
    find_backend(project_dir=nothing)

Return a backend's absolute folder: the given one, or the nearest one at or above the current folder.

# Errors
`BackendError` `not-a-backend`.
"""
function find_backend(project_dir::AbstractString)
    folder = ispath(project_dir) ? realpath(project_dir) : abspath(project_dir)
    is_backend(folder) && return folder
    throw(BackendError("not-a-backend",
        "$folder: expected a backend: pyproject.toml, and models/ or predict_model"))
end

function find_backend(::Nothing=nothing)
    for folder in upwards(pwd())
        is_backend(folder) && return folder
    end
    throw(BackendError("not-a-backend",
        "$(pwd()): expected a backend here or above: pyproject.toml, and models/ or predict_model";
        fix="change folder, or name one with project_dir"))
end

"""Return a folder and all folders above it."""
function upwards(folder)
    folders = [folder]
    while dirname(folder) != folder
        folder = dirname(folder)
        push!(folders, folder)
    end
    return folders
end
