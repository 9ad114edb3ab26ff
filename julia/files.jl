# Files that are there whole or not at all; copies that cost nothing where the file system can.

import SHA

"""
    write_file(path, content)

Write a file atomically: it is there whole, or the old one still is.

# Arguments
- `path`: the file; its folder must exist.
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
    return put_file(path) do temporary
        open(temporary, "w") do io
            # a full disk shows in the number of bytes, in flush, or in fsync
            written = write(io, content)
            written == sizeof(content) || throw(SystemError("write", Libc.errno()))
            flush(io)
            sync_descriptor(RawFD(fd(io)))
        end
    end
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

"""Have `fill` make a hidden file beside `path`, and rename it to that."""
function put_file(fill, path)
    folder, name = splitdir(abspath(path))
    # In the same folder, since a rename is atomic within one file system only; hidden, so that
    # what a killed process leaves is never taken for input or output.
    token = string(hash((gethostname(), getpid(), time_ns(), path)) % UInt32; base=16, pad=8)
    temporary = joinpath(folder, string(".", first(name, 60), ".", token, ".tmp"))
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
