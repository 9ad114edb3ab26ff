# Names of temporary files, and the removal of those that killed processes left. Python uses the same names.

const TEMPORARY = r"^\.taggingbackends-(.+)-(\d+)-[0-9a-f]{16}\.tmp$"

const CLEANED = Set{String}()  # folders in which this process has looked for leftovers

"""
    temporary_beside(path)

Return the name of a new temporary file in the folder of a file.

A rename is only atomic within one file system, hence in the same folder. Hidden files are never input or
output. The name has the machine and the process: the first call for a folder removes the files of processes
of this machine that were killed, with a warning. On Windows, no file is removed.
"""
function temporary_beside(path)
    folder = dirname(joinpath(pwd(), path))  # not abspath, which turns a/link/.. into a
    if !(folder in CLEANED)
        push!(CLEANED, folder)
        removed = remove_leftovers(folder)
        if removed > 0
            files = counted(removed, "temporary file")
            @warn "$folder: removed $files of processes that were killed"
        end
    end
    token = string(hash((getpid(), time_ns(), path)); base=16, pad=16)
    return joinpath(folder, ".taggingbackends-$(machine())-$(getpid())-$token.tmp")
end

"""Remove the temporary files that killed processes left in a folder; return their number."""
function remove_leftovers(folder)
    names = try
        filter(is_leftover, readdir(folder))
    catch error
        error isa Union{SystemError,Base.IOError} || rethrow()
        return 0  # writing a file will fail in the same way
    end
    return count(name -> is_removed(joinpath(folder, name)), names)
end

function is_leftover(name)
    parts = match(TEMPORARY, name)
    return parts !== nothing && parts[1] == machine() && !is_alive(something(tryparse(Cint, parts[2]), Cint(1)))
end

function is_removed(path)
    try
        rm(path)
        return true
    catch error
        error isa Union{SystemError,Base.IOError} || rethrow()
        return false  # of another user, or removed by another process
    end
end

is_alive(pid) = Sys.iswindows() || ccall(:kill, Cint, (Cint, Cint), pid, 0) == 0 || Libc.errno() != Libc.ESRCH

"""Return the host's name and the PID namespace, which containers have of their own."""
machine() = string(first(replace(gethostname(), r"[^A-Za-z0-9]" => "_"), 64), ".",
                   stat("/proc/self/ns/pid").inode)
