# Fixtures for several test files: backends, recordings and label files.

module Backends

using Test, TaggingBackends
const TB = TaggingBackends

export TB, ROOT, CONTRACT, SHARED, RUN, OTHER, STEM
export edited, in_folder, interpreter, julia_blocks, kind_of, listed, make_backend, run_julia, touch_files, tree,
       write_labels, write_recording

const ROOT = dirname(@__DIR__)
const CONTRACT = joinpath(ROOT, "test", "contract")
# real recordings, if available
const SHARED = get(ENV, "TAGGINGBACKENDS_RECORDINGS", joinpath(dirname(ROOT), "shared", "data"))

const RUN = "20240611_101500"
const STEM = "$RUN@g@e@t5@p"
const OTHER = "20240612_090000@x"

"""Write a small pair of Choreography files, and return the .spine."""
function write_recording(folder, stem=STEM; larvae=(1, 20))
    mkpath(folder)
    run = split(stem, "@")[1]
    for (suffix, points) in ((".spine", 11), (".outline", 8))
        open(joinpath(folder, stem * suffix), "w") do io
            for larva in larvae, frame in 0:4
                numbers = [decimals(k / 10 + frame + larva / 1000) for k in 0:2points - 1]
                time = decimals(larva + frame / 10)
                println(io, run, " ", lpad(larva, 5, '0'), " ", time, " ", join(numbers, " "))
            end
        end
    end
    return joinpath(folder, stem * ".spine")
end

"""Write a positive number with three decimals."""
function decimals(x)
    whole, rest = divrem(round(Int, 1000 * x), 1000)
    return "$whole.$(lpad(rest, 3, '0'))"
end

"""Write a label file for a recording of `write_recording`."""
function write_labels(spine, name="truth.label"; state="run")
    labels = Labels()
    run = String(split(basename(spine), "@")[1])
    for larva in (1, 20)
        setlabels!(labels, run, larva, [larva + frame / 10 for frame in 0:4], fill(state, 5))
    end
    labels[run].dependencies = map(dependency, [TB.with_suffix(spine, ".outline"), spine])
    path = joinpath(dirname(spine), name)
    writelabels(path, labels)
    return path
end

"""Make a backend of scripts given by their text: `"predict_model.jl" => "..."`."""
function make_backend(folder, scripts...; model="m", name=basename(folder))
    mkpath(joinpath(folder, "scripts"))
    write(joinpath(folder, "pyproject.toml"),
          "[project]\nname = \"$name\"\nversion = \"1.2\"\ndependencies = [\"taggingbackends\"]\n")
    for (script, text) in scripts
        write(joinpath(folder, "scripts", script), text)
    end
    mkpath(model === nothing ? joinpath(folder, "models") : joinpath(folder, "models", model))
    return realpath(folder)
end

"""Call `work` with a new folder, which is removed afterwards."""
in_folder(work) = mktempdir(folder -> work(realpath(folder)))

"""Return the kind of the error that `work` throws, and that its message has this text."""
function kind_of(work, text="")
    try
        work()
    catch error
        error isa TaggingBackendsError || rethrow()
        message = sprint(showerror, error)
        occursin(text, message) || return "another message: $message"
        return error isa Union{BackendError,LabelFileError} ? error.kind : string(typeof(error))
    end
    return "no error"
end

listed(backend) = replace.(relpath.(list_input_files(backend), raw_data_dir(backend)), '\\' => '/')

function touch_files(folder, names...)
    for name in names
        path = joinpath(folder, name)
        mkpath(dirname(path))
        touch(path)
    end
end

"""Return the blocks of Julia code in a page of the documentation."""
julia_blocks(page) =
    [String(block[1]) for block in eachmatch(r"^```julia\n(.*?)^```"sm, read(joinpath(ROOT, page), String))]

"""Return all files below a folder => their content, hidden ones as well."""
function tree(folder)
    return Dict(relpath(joinpath(top, name), folder) => read(joinpath(top, name))
                for (top, _, names) in walkdir(folder) for name in names)
end

"""Replace a pattern in a line of a file."""
function edited(path, line, pattern, by)
    lines = readlines(path; keep=true)
    before = lines[line]
    lines[line] = replace(before, pattern => by)
    lines[line] == before && error("nothing to replace in $before")
    write(path, join(lines))
    return path
end

# A short script takes much longer to compile than to interpret.
interpreter() = `$(Base.julia_cmd()) --compile=min --startup-file=no`

"""Run Julia with arguments and the package on its load path; return exit code, stdout and stderr."""
function run_julia(arguments...; dir=pwd(), variables...)
    environment = merge(Dict(ENV), Dict("JULIA_LOAD_PATH" => ROOT * (Sys.iswindows() ? ";" : ":")),
                        Dict(String(name) => value for (name, value) in variables))
    out, err = IOBuffer(), IOBuffer()
    command = `$(interpreter()) $(collect(String, arguments))`
    process = run(pipeline(Cmd(command; dir=dir, env=environment, ignorestatus=true);
                           stdin=devnull, stdout=out, stderr=err))
    return process.exitcode, String(take!(out)), String(take!(err))
end

end
