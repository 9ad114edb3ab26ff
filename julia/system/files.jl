# Files that are there whole or not at all, cheap copies, and listings.

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
    return put_file(path) do temporary
        # libuv's own copy: it clones where it can, and copies else
        libuv_copy(source, temporary)
        sync(temporary)
    end
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

"""Remove a folder, or a link to one; tell whether there was any."""
function remove_folder(folder)
    there = islink(folder) || ispath(folder)
    there && rm(folder; recursive=true)
    return there
end

"""Have `fill` make a hidden file beside `path`, and rename it to that."""
function put_file(fill, path)
    folder = dirname(joinpath(pwd(), path))  # not abspath, to which a/link/.. is a
    # In the same folder, since a rename is atomic within one file system only; hidden, so that
    # what a killed process leaves is never taken for input or output.
    token = string(hash((gethostname(), getpid(), time_ns(), path)); base=16, pad=2 * sizeof(UInt))
    temporary = joinpath(folder, ".$token.tmp")
    try
        fill(temporary)
        # not Base's rename, which would fall back to copying
        Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), temporary, path))
    catch error
        rm(temporary; force=true)
        # the user knows the name of the file only
        error isa SystemError && throw(SystemError("cannot write $path", error.errnum))
        error isa Base.IOError && throw(Base.IOError("cannot write $path: $(error.msg)", error.code))
        rethrow()
    end
    try
        sync(folder)  # so that the rename survives a power cut
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
