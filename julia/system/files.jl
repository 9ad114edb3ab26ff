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
    return put_file(path) do temporary
        # libuv's copy clones the file where possible
        libuv_copy(source, temporary)
        sync(temporary)
    end
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
    folder = dirname(joinpath(pwd(), path))  # not abspath, which shortens a/link/.. to a
    # In the same folder, because a rename is atomic within one file system only. Hidden, so that
    # a leftover of a killed process is never taken for input or output.
    token = string(hash((gethostname(), getpid(), time_ns(), path)); base=16, pad=2 * sizeof(UInt))
    temporary = joinpath(folder, ".$token.tmp")
    try
        fill(temporary)
        # not Base's rename, which would fall back to copying
        Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), temporary, path))
    catch error
        rm(temporary; force=true)
        # the user knows only the file's own name
        error isa SystemError && throw(SystemError("cannot write $path", error.errnum))
        error isa Base.IOError && throw(Base.IOError("cannot write $path: $(error.msg)", error.code))
        rethrow()
    end
    try
        sync(folder)  # so that the rename survives a power cut
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
