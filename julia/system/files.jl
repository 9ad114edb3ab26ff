# Atomic writing, cheap copies, and listings of files.

import SHA

"""
    write_file(path, content)

Write a file atomically: readers see either the complete new file or the old one.

# Arguments
- `path`: the file; its folder must exist. A link is followed. An existing file keeps its mode.
- `content`: a string or a vector of bytes.

# Errors
`SystemError` or `Base.IOError`: the file cannot be written. An existing file is not changed, and no other
file is left behind.

# Example
```julia
write_file(joinpath(folder, "note.txt"), "complete or unchanged\\n")
```
"""
function write_file(path, content::Union{AbstractString,AbstractVector{UInt8}})
    target = followed(path)
    return put_file(target) do temporary
        open(temporary, "w") do io
            # on a full disk, any of write, flush and fsync may fail
            written = write(io, content)
            written == sizeof(content) || throw(SystemError("write", Libc.errno()))
            flush(io)
            sync_descriptor(RawFD(fd(io)))
        end
        ispath(target) && chmod(temporary, filemode(target) & 0o7777)
    end
end

const MAX_LINKS = 40  # the limit of Linux

"""Follow links and return their target, which need not exist. Return a path that is not a link unchanged."""
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

Copy a file atomically. The copy shares the file's blocks if the file system supports it (reflink).
"""
function copy_file(source, path)
    return put_file(temporary -> copy_into(source, temporary), path)
end

"""
    copy_files(pairs)

Copy files, each `source => path`, all or none. Existing files are replaced.

Each copy is first made in the folder of its path, then renamed. After an error or an interrupt, all paths are
as before.
"""
function copy_files(pairs)
    copies = Tuple{String,String}[]  # hidden copy, destination
    old = Tuple{String,Union{String,Nothing}}[]  # destination, old file
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

"""Keep a file under a hidden name too; return that name, or `nothing` if there is no file."""
function set_aside(path)
    islink(path) || (ispath(path) && !isdir(path)) || return nothing
    aside = hidden_beside(path)
    linked = Sys.isunix() && ccall(:link, Cint, (Cstring, Cstring), path, aside) == 0
    linked || rename_path(path, aside)  # without hard links, the file is missing for a moment
    return aside
end

function copy_into(source, path)
    # libuv clones the file if possible, and otherwise copies it
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

"""Remove a folder, or a link to one; return whether it existed."""
function remove_folder(folder)
    there = islink(folder) || ispath(folder)
    there && rm(folder; recursive=true)
    return there
end

"""Call `fill` to make a hidden file in the folder of `path`, then rename it to `path`."""
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
    folder = dirname(joinpath(pwd(), path))  # not abspath, which turns a/link/.. into a
    # A rename is only atomic within one file system, hence in the same folder. Hidden files are never input
    # or output, even those that a killed process has left.
    token = string(hash((gethostname(), getpid(), time_ns(), path)); base=16, pad=2 * sizeof(UInt))
    return joinpath(folder, ".$token.tmp")
end

"""Call `f`; errors about a temporary file name the file at `path` instead."""
function named_by_user(f, path)
    try
        return f()
    catch error
        error isa SystemError && throw(SystemError("cannot write $path", error.errnum))
        error isa Base.IOError && throw(Base.IOError("cannot write $path: $(error.msg)", error.code))
        rethrow()
    end
end

# Base's rename and mv would fall back to copying.
rename_path(from, to) =
    Base.uv_error("rename", ccall(:jl_fs_rename, Int32, (Cstring, Cstring), from, to))

"""Flush a folder to the disk, so that a rename in it survives a power cut."""
function sync_rename(folder)
    try
        sync(folder)
    catch error
        error isa Union{SystemError,Base.IOError} || rethrow()
        # Some network file systems do not support this. The rename itself is done.
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

Links to folders are followed, except links to a folder that contains them. Pipes, sockets and devices are
skipped, with a warning.

# Errors
`SystemError` or `Base.IOError`: a folder cannot be read.

# Example
```julia
walk_files("data/raw"; enter=folder -> !isfile(joinpath(folder, ".sandbox")))
```
"""
function walk_files(top; enter=folder -> true)
    files, special = String[], String[]
    is_folder(top) && walk_into!(files, special, top, enter, String[])
    if !isempty(special)
        what = length(special) == 1 ? "1 pipe, socket or device" : "$(length(special)) pipes, sockets or devices"
        more = length(special) == 1 ? "" : ", ..."
        @warn "skipped $what in $top: $(first(special))$more"
    end
    return files
end

function walk_into!(files, special, folder, enter, above)
    above = [above; realpath(folder)]
    for name in readdir(folder)  # sorted by bytes, which in UTF-8 is by code point
        startswith(name, '.') && continue
        path = joinpath(folder, name)
        found = kind(path)
        if found !== :folder
            push!(found === :file ? files : special, path)
        elseif enter(path) && !(islink(path) && any(real -> is_within(real, realpath(path)), above))
            walk_into!(files, special, path, enter, above)
        end
    end
    return files
end

"""Return `:folder`, `:special` (a pipe, a socket or a device) or `:file`. Links are followed."""
function kind(path)
    status = try
        stat(path)
    catch error
        error isa Base.IOError && error.code == Base.UV_ELOOP || rethrow()
        return :file  # opening a circular link raises the error, as for broken links
    end
    isdir(status) && return :folder
    return ispath(status) && !isfile(status) ? :special : :file
end

is_folder(path) = kind(path) === :folder

is_within(path, folder) = path == folder || startswith(path, joinpath(folder, ""))
