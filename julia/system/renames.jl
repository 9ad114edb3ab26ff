# Renames that lose no file.

const RENAME_EXCHANGE = Cuint(2)  # linux/fs.h; macOS: RENAME_SWAP, in sys/stdio.h
# errors of systems and file systems that cannot exchange; Julia does not define all of them
const EXCHANGE_REFUSALS = [getfield(Libc, name) for name in (:EINVAL, :ENOSYS, :ENOTSUP, :EOPNOTSUPP, :EPERM)
                           if isdefined(Libc, name)]
const AT_FDCWD = Cint(-100)  # fcntl.h, on Linux: names are relative to the current folder

"""
Exchange two files in one step. Return false if the system or the file system cannot do this; nothing is
changed then.
"""
function exchange(one, other)
    code = exchange_code(one, other)
    code == 0 && return true
    code in EXCHANGE_REFUSALS && return false
    throw(SystemError("cannot exchange $one and $other", code))
end

function exchange_code(one, other)
    try
        failed = if Sys.islinux()
            ccall(:renameat2, Cint, (Cint, Cstring, Cint, Cstring, Cuint), AT_FDCWD, one, AT_FDCWD, other,
                  RENAME_EXCHANGE)
        elseif Sys.isapple()
            ccall(:renamex_np, Cint, (Cstring, Cstring, Cuint), one, other, RENAME_EXCHANGE)
        else
            return Libc.ENOSYS
        end
        return failed == 0 ? Cint(0) : Libc.errno()
    catch error
        error isa ErrorException || rethrow()
        return Libc.ENOSYS  # the C library does not have the function
    end
end

"""
Rename a file unless the new name exists; return whether it was renamed.

A hard link is made first, since `link` never replaces a file. File systems without hard links are checked
just before the rename.
"""
function rename_new(from, to)
    if hard_link(from, to)
        rm(from)
        return true
    end
    is_there(to) && return false
    rename_path(from, to)
    return true
end

"""Give a file a second name; return false if the name exists or there are no hard links."""
hard_link(path, name) = Sys.isunix() && ccall(:link, Cint, (Cstring, Cstring), path, name) == 0

# Base's rename and mv would fall back to copying.
rename_path(from, to) =
    Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), from, to))

"""Exchange two files. If the system cannot, and without hard links, `other` is missing for a moment."""
function swap(one, other)
    exchange(one, other) && return nothing
    aside = temporary_beside(other)
    if !hard_link(other, aside)
        aside = replace(aside, r"tmp$" => "old")  # no leftover: for a moment, it is the only copy
        rename_path(other, aside)
    end
    try
        rename_path(one, other)
    catch
        rename_path(aside, other)
        rm(aside; force=true)  # a rename to a hard link of the same file does nothing
        rethrow()
    end
    rename_path(aside, one)
    return nothing
end
