# Atomic writing, cheap copies, and listings of files.

import SHA

"""
    write_file(path, content)

Write a file atomically: readers see either the whole new file or the old one.

# Arguments
- `path`: the file; its folder must exist. A link is followed. An existing file keeps its mode.
- `content`: a string or a vector of bytes.

# Errors
`SystemError` or `Base.IOError`: the file cannot be written. An existing file is not changed, and no other
file is left behind.

# Example
```julia
write_file(joinpath(folder, "note.txt"), "whole or not at all\\n")
```
"""
function write_file(path, content::Union{AbstractString,AbstractVector{UInt8}})
    target = followed(path)
    return put_file(target) do temporary
        open(temporary, "w") do io
            # a full disk may show in any of write, flush and fsync
            written = write(io, content)
            written == sizeof(content) || throw(SystemError("write", Libc.errno()))
            flush(io)
            sync_descriptor(RawFD(fd(io)))
        end
        ispath(target) && chmod(temporary, filemode(target) & 0o7777)
    end
end

const MAX_LINKS = 40  # as many as Linux follows

"""Return the target of a path: the path itself unless it is a link. The target need not exist."""
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

Make a symbolic link to a file, atomically.
"""
link_file(source, path) = put_file(temporary -> symlink(source, temporary), path)

"""
    sha1_of(path)

Return the SHA-1 of a file's content as 40 lower-case hexadecimal digits.
"""
sha1_of(path) = bytes2hex(open(SHA.sha1, path))

"""Remove a folder, or a link to one; return whether there was any."""
function remove_folder(folder)
    there = islink(folder) || ispath(folder)
    there && rm(folder; recursive=true)
    return there
end

"""Call `fill` to make a hidden file beside `path`, and rename that to `path`."""
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
        # some network file systems cannot do this; the rename itself has happened
    end
    return nothing
end

"""Flush a file or folder to the disk, on Unix."""
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

Return the paths of the files below a folder, sorted by components. Hidden files and folders are left out.

# Arguments
- `top`: the folder; if it does not exist, the result is empty.
- `enter`: called with the path of each folder below; returns whether to list its files.

Links to folders are followed, except links to a folder that contains them.

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

"""Return whether a path is a folder or a link to one. A link to itself is not."""
function is_folder(path)
    try
        return isdir(path)
    catch error
        error isa Base.IOError && error.code == Base.UV_ELOOP || rethrow()
        return false
    end
end
