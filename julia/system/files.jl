# Files that are there whole or not at all, cheap copies, listings and locks.

import SHA

"""
    write_file(path, content)

Write a file atomically: it is there whole, or the old one still is.

# Arguments
- `path`: the file; its folder must exist. A link is followed; the mode of an old file is kept.
- `content`: a string or a vector of bytes.

# Errors
`SystemError` or `Base.IOError`, as the operating system says; the old file, if any, is untouched and
nothing is left over.

# Example
```julia
write_file(joinpath(folder, "note.txt"), "whole or not at all\\n")
```
"""
function write_file(path, content::Union{AbstractString,AbstractVector{UInt8}})
    target = followed(path)
    return put_file(target) do temporary
        open(temporary, "w") do io
            # a full disk shows in the number of bytes, in flush, or in fsync
            written = write(io, content)
            written == sizeof(content) || throw(SystemError("write", Libc.errno()))
            flush(io)
            sync_descriptor(RawFD(fd(io)))
        end
        ispath(target) && chmod(temporary, filemode(target) & 0o7777)
    end
end

const MAX_LINKS = 40  # as many as Linux follows

"""Return what a path leads to, which need not be there: the path itself unless it is a link."""
function followed(path)
    target = path
    for _ in 1:MAX_LINKS
        islink(target) || return target
        target = joinpath(dirname(target), readlink(target))
    end
    throw(Base.IOError("cannot write $path: too many links", Base.UV_ELOOP))
end

"""
    copy_file(source, path)

Copy a file atomically, sharing its blocks where the file system can (reflink).
"""
function copy_file(source, path)
    return put_file(temporary -> copy_into(source, temporary), path)
end

"""
    copy_files(pairs)

Copy files, all or none: each source to its path; what is there already is replaced.

Copies are made beside their places first, then renamed. If anything fails, or is interrupted, the places are as
they were before.
"""
function copy_files(pairs)
    copies = Tuple{String,String}[]  # hidden, its place
    old = Tuple{String,Union{String,Nothing}}[]  # place, what was there
    try
        for (source, path) in pairs
            hidden = hidden_beside(path)
            push!(copies, (hidden, path))
            named_by_user(() -> copy_into(source, hidden), path)
        end
        for (hidden, path) in copies
            push!(old, (path, set_aside(path)))
            named_by_user(() -> rename_path(hidden, path), path)
        end
    catch
        for (path, aside) in reverse(old)
            if aside !== nothing
                rename_path(aside, path)
            elseif !isdir(path)
                rm(path; force=true)
            end
        end
        foreach(((hidden, _),) -> rm(hidden; force=true), copies)
        rethrow()
    end
    foreach(((_, aside),) -> aside === nothing || rm(aside), old)
    foreach(sync_rename, unique(dirname(hidden) for (hidden, _) in copies))
    return nothing
end

"""Keep a file under a hidden name as well; return that, `nothing` if there is no file."""
function set_aside(path)
    islink(path) || (ispath(path) && !isdir(path)) || return nothing
    aside = hidden_beside(path)
    linked = Sys.isunix() && ccall(:link, Cint, (Cstring, Cstring), path, aside) == 0
    linked || rename_path(path, aside)  # no hard links here: a moment without the file
    return aside
end

function copy_into(source, path)
    # libuv's own copy: it clones where it can, and copies else
    libuv_copy(source, path)
    sync(path)
    return nothing
end

"""
    link_file(source, path)

Put a symbolic link to a file, atomically.
"""
link_file(source, path) = put_file(temporary -> symlink(source, temporary), path)

"""
    sha1_of(path)

Return the SHA-1 of a file's content, 40 lower case hexadecimal digits.
"""
sha1_of(path) = bytes2hex(open(SHA.sha1, path))

"""Have `fill` make a hidden file beside `path`, and rename it to that."""
function put_file(fill, path)
    temporary = hidden_beside(path)
    try
        named_by_user(path) do
            fill(temporary)
            rename_path(temporary, path)
        end
    catch
        rm(temporary; force=true)
        rethrow()
    end
    return sync_rename(dirname(temporary))
end

function hidden_beside(path)
    folder = dirname(joinpath(pwd(), path))  # not abspath, to which a/link/.. is a
    # In the same folder, since a rename is atomic within one file system only; hidden, so that
    # what a killed process leaves is never taken for input or output.
    token = string(hash((gethostname(), getpid(), time_ns(), path)); base=16, pad=2 * sizeof(UInt))
    return joinpath(folder, ".$token.tmp")
end

"""Call `f`; let errors about a temporary file name the one that the user knows."""
function named_by_user(f, path)
    try
        return f()
    catch error
        error isa SystemError && throw(SystemError("cannot write $path", error.errnum))
        error isa Base.IOError && throw(Base.IOError("cannot write $path: $(error.msg)", error.code))
        rethrow()
    end
end

# not Base's rename and mv, which would fall back to copying
rename_path(from, to) =
    Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), from, to))

"""Make a rename in a folder survive a power cut."""
function sync_rename(folder)
    try
        sync(folder)
    catch error
        error isa Union{SystemError,Base.IOError} || rethrow()
        # some network file systems cannot; the rename itself has happened
    end
    return nothing
end

"""Have a file or a folder written to the disk, on systems where that is asked for so."""
function sync(path)
    Sys.isunix() || return nothing
    file = Base.Filesystem.open(path, Base.Filesystem.JL_O_RDONLY)
    try
        sync_descriptor(file.handle)
    finally
        close(file)
    end
    return nothing
end

function sync_descriptor(descriptor::RawFD)
    Sys.isunix() || return nothing
    systemerror("fsync", ccall(:fsync, Cint, (RawFD,), descriptor) != 0)
    return nothing
end

const UV_FS_COPYFILE_FICLONE = Cint(2)  # uv.h: share the blocks if possible

function libuv_copy(source, path)
    request = Libc.malloc(ccall(:jl_sizeof_uv_fs_t, Int32, ()))
    try
        code = ccall(:uv_fs_copyfile, Cint,
                     (Ptr{Cvoid}, Ptr{Cvoid}, Cstring, Cstring, Cint, Ptr{Cvoid}),
                     C_NULL, request, source, path, UV_FS_COPYFILE_FICLONE, C_NULL)
        ccall(:uv_fs_req_cleanup, Cvoid, (Ptr{Cvoid},), request)
        Base.uv_error("copy of $source", code)
    finally
        Libc.free(request)
    end
    return nothing
end

"""
    walk_files(top; enter=folder -> true)

Return the paths of the files below a folder, without hidden files and folders, sorted by components.

# Arguments
- `top`: the folder; if there is none, there are no files.
- `enter`: tells of each folder below, given its path, whether to go into it.

Links to folders are followed, but for those that lead to a folder which they are in.

# Errors
`SystemError` or `Base.IOError`: a folder cannot be read.

# Example
```julia
walk_files("data/raw"; enter=folder -> !isfile(joinpath(folder, ".sandbox")))
```
"""
function walk_files(top; enter=folder -> true)
    files = String[]
    is_folder(top) && walk_into!(files, top, enter, String[])
    return files
end

function walk_into!(files, folder, enter, above)
    above = [above; realpath(folder)]
    for name in readdir(folder)  # sorted by bytes, which in UTF-8 is by code point
        startswith(name, '.') && continue
        path = joinpath(folder, name)
        if !is_folder(path)
            push!(files, path)
        elseif enter(path) && !(islink(path) && realpath(path) in above)
            walk_into!(files, path, enter, above)
        end
    end
    return files
end

"""Tell whether a path leads to a folder; a link that leads to itself leads nowhere."""
function is_folder(path)
    try
        return isdir(path)
    catch error
        error isa Base.IOError && error.code == Base.UV_ELOOP || rethrow()
        return false
    end
end

"""
    LockedError(path)

A lock that another process holds; the caller knows what that means. `path` is the lock file's.
"""
struct LockedError <: Exception
    path::String
end

Base.showerror(io::IO, error::LockedError) = print(io, error.path, ": another process holds this lock")

const LOCK_EX, LOCK_NB = Cint(2), Cint(4)  # sys/file.h, on Linux, macOS and the BSDs

"""
    locked(f, path)

Call `f()` holding a lock that ends with the process, and return what it returns; the lock file is there
only meanwhile. Without effect on Windows, which has no flock.

# Arguments
- `path`: the lock file; its folder must exist.

# Errors
- `LockedError`: the lock is held, by another process or by this one. `f` is not called then.
- `SystemError` or `Base.IOError`: the lock file cannot be made.

# Example
```julia
locked(() -> train(), "models/.default.lock")
```
"""
function locked(f, path)
    Sys.iswindows() && return f()
    file = lock_file(path)
    try
        return f()
    finally
        try
            rm(path; force=true)
        finally
            close(file)
        end
    end
end

"""Open and lock a lock file that stays at its path; closing it unlocks it."""
function lock_file(path)
    flags = Base.Filesystem.JL_O_RDWR | Base.Filesystem.JL_O_CREAT
    while true
        file = Base.Filesystem.open(path, flags, 0o666)
        try
            if ccall(:flock, Cint, (RawFD, Cint), file.handle, LOCK_EX | LOCK_NB) != 0
                code = Libc.errno()
                throw(code == Libc.EAGAIN ? LockedError(path) : SystemError("cannot lock $path", code))
            end
            # Its last holder may have removed the file between opening and locking it.
            opened, there = stat(file.handle), stat(path)
            (opened.device, opened.inode) == (there.device, there.inode) && return file
        catch
            close(file)
            rethrow()
        end
        close(file)
    end
end
