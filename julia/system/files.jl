# Atomic writing, cheap copies, and listings of files.

import SHA

"""What a file was at some moment. A change of its content changes the stamp."""
struct Stamp
    device::UInt
    inode::UInt
    size::Int
    modified::Float64  # s
end

"""Return the stamp of a file, or `nothing` if it does not exist. Links are followed."""
function stamp(path)
    ispath(path) || return nothing
    status = stat(path)
    return Stamp(status.device, status.inode, status.size, status.mtime)
end

"""
    write_file(path, content; expected=:anything)

Write a file atomically: readers see either the complete new file or the old one.

# Arguments
- `path`: the file; its folder must exist. A link is followed. An existing file keeps its mode and its owner,
  as far as the system allows it.
- `content`: a string or a vector of bytes.
- `expected`: the [`Stamp`](@ref) of the file when it was read, or `nothing` if it must not exist. By default,
  any file is replaced.

# Errors
- `BackendError`: `existing-file`, the file exists, but `nothing` is expected; `changed-file`, its stamp is not
  the expected one. A file with the same content causes no error.
- `SystemError` or `Base.IOError`: the file cannot be written, is read-only, or is a folder, a pipe or a device.

In each case an existing file is not changed, and no other file is left behind.

# Example
```julia
write_file(joinpath(folder, "note.txt"), "complete or unchanged\\n")
```
"""
function write_file(path, content::Union{AbstractString,AbstractVector{UInt8}}; expected=:anything)
    return put_file(path, expected) do temporary
        open(temporary, "w") do io
            # on a full disk, any of write, flush and fsync may fail
            written = write(io, content)
            written == sizeof(content) || throw(SystemError("write", Libc.errno()))
            flush(io)
            sync_descriptor(RawFD(fd(io)))
        end
    end
end

"""Throw if there is something at a path that must not be replaced: a folder, a pipe, a read-only file."""
function check_replaceable(path)
    ispath(path) || return nothing
    isdir(path) && throw(SystemError("cannot write $path", Libc.EISDIR))
    isfile(path) || throw(Base.IOError("$path: expected a file, found a pipe or a device", Base.UV_EINVAL))
    # root may write to any file: the mode decides
    writable = filemode(path) & 0o222 != 0 &&
               (!Sys.isunix() || ccall(:access, Cint, (Cstring, Cint), path, ACCESS_WRITE) == 0)
    writable || throw(Base.IOError(
        "$path: this file is read-only; make it writable first, or write to another file", Base.UV_EACCES))
    return nothing
end

const ACCESS_WRITE = 2  # unistd.h: W_OK

"""A new version of a file: under a temporary name, then under the name of the file."""
mutable struct Version
    asked::String  # the name for errors
    path::String  # without links
    temporary::String
    expected::Union{Stamp,Symbol,Nothing}
    new::Union{Stamp,Nothing}  # known when publishing begins
end

function Version(path, expected)
    check_replaceable(path)
    target = followed(path)
    return Version(path, target, temporary_beside(target), expected, nothing)
end

"""
Rename a new version, unless something else than expected is there. After a replacement, the temporary name
has the old version.
"""
function publish(version::Version)
    path, temporary, expected = version.path, version.temporary, version.expected
    keep_metadata(path, temporary)
    version.new = stamp(temporary)
    if expected === :anything
        rename_path(temporary, path)
    elseif expected === nothing
        rename_new(temporary, path) || accept_same_content(version, "existing-file")
    elseif stamp(path) != expected
        accept_same_content(version, "changed-file")
    else
        swap(temporary, path)
        stamp(temporary) == expected || throw(refused(version, "changed-file"))  # saved at the last moment
    end
    return nothing
end

function accept_same_content(version, kind)
    same_content(version.temporary, version.path) || throw(refused(version, kind))
    return nothing
end

function refused(version, kind)
    if kind == "existing-file"
        return BackendError(kind, "$(version.asked): exists already";
                            fix="replace with force=true, or name another file")
    end
    return BackendError(kind, "$(version.asked): another program has changed this file meanwhile; not replaced";
                        fix="look at it, then try again")
end

"""Restore the old version, unless another program has changed the new one."""
function withdraw(version::Version)
    if version.new !== nothing && version.expected === nothing
        stamp(version.path) == version.new && remove_file(version.path, version.new)
    elseif version.new !== nothing && version.expected isa Stamp && stamp(version.temporary) != version.new
        if ispath(version.path)
            swap(version.temporary, version.path)
            # saved by another program meanwhile: the newest file stays
            stamp(version.temporary) == version.new || swap(version.temporary, version.path)
        else
            rename_new(version.temporary, version.path)
        end
    end
    return rm(version.temporary; force=true)
end

"""Remove a file unless it has changed; return whether it was removed."""
function remove_file(path, expected::Stamp)
    stamp(path) == expected || return false
    aside = temporary_beside(path)
    rename_path(path, aside)
    if stamp(aside) == expected
        rm(aside)
        return true
    end
    rename_new(aside, path)
    rm(aside; force=true)
    return false
end

"""Give a new file the mode and the owner of an old one."""
function keep_metadata(old, new)
    ispath(old) || return nothing
    there = stat(old)
    if Sys.isunix() && (there.uid, there.gid) != (stat(new).uid, stat(new).gid)
        # only the administrator may give files away; the group may still be possible
        ccall(:chown, Cint, (Cstring, Cuint, Cuint), new, there.uid, there.gid) == 0 ||
            ccall(:chown, Cint, (Cstring, Cuint, Cuint), new, typemax(Cuint), there.gid)
    end
    chmod(new, filemode(old) & 0o7777)
    return nothing
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

Copy a file to a new path atomically. The copy shares the file's blocks if the file system supports it
(reflink). A broken link at the path is replaced.

# Errors
`BackendError` `existing-file`: another file exists.
"""
function copy_file(source, path)
    remove_broken_link(path)
    return put_file(temporary -> copy_into(source, temporary), path, nothing)
end

"""
    copy_files(copies)

Copy files, each `(source, path, expected)`, all or none. `expected` is as for [`write_file`](@ref), but not
`:anything`.

Each copy is first made in the folder of its path, then renamed. After an error or an interrupt, all paths are
as before, except those that another program has changed. Links are followed. A replaced file keeps its mode
and its owner.
"""
function copy_files(copies)
    versions = Version[]
    try
        for (source, path, expected) in copies
            version = Version(path, expected)
            push!(versions, version)
            named_by_user(() -> copy_into(source, version.temporary), path)
        end
        for version in versions
            named_by_user(() -> publish(version), version.asked)
        end
    catch
        foreach(withdraw, reverse(versions))
        rethrow()
    end
    foreach(version -> rm(version.temporary; force=true), versions)
    foreach(sync_rename, unique(dirname(version.temporary) for version in versions))
    return nothing
end

function copy_into(source, path)
    check_regular(source)
    # libuv clones the file if possible, and otherwise copies it
    libuv_copy(source, path)
    sync(path)
    return nothing
end

"""
    link_file(source, path)

Make a symbolic link to a file. A broken link at the path is replaced.
"""
function link_file(source, path)
    remove_broken_link(path)
    symlink(source, path)
    return sync_rename(dirname(path))
end

remove_broken_link(path) = islink(path) && !ispath(path) && rm(path)

"""
    sha1_of(path)

Return the SHA-1 of a file's content as 40 lower-case hexadecimal digits.
"""
sha1_of(path) = bytes2hex(open(SHA.sha1, check_regular(path)))

"""
Return a path; throw if it is a pipe or a device. Opening it could block, and reading it could have no end.
"""
function check_regular(path)
    ispath(path) && !isfile(path) && !isdir(path) &&
        throw(Base.IOError("$path: expected a file, found a pipe or a device", Base.UV_EINVAL))
    return path
end

"""Return whether two paths are files with the same content."""
function same_content(one, other)
    isfile(one) && isfile(other) && filesize(one) == filesize(other) || return false
    return open(one) do a
        open(other) do b
            while !eof(a)
                read(a, 1 << 20) == read(b, 1 << 20) || return false
            end
            return true
        end
    end
end

"""Remove a folder, or a link to one; return whether it existed."""
function remove_folder(folder)
    there = is_there(folder)
    there && rm(folder; recursive=true)
    return there
end

"""Call `fill` to make a temporary file in the folder of `path`, then rename it to `path`."""
function put_file(fill, path, expected)
    version = Version(path, expected)
    try
        named_by_user(path) do
            fill(version.temporary)
            publish(version)
        end
    catch
        withdraw(version)
        rethrow()
    end
    rm(version.temporary; force=true)
    return sync_rename(dirname(version.temporary))
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

"""Flush the files and folders in a folder to the disk. Links are not followed."""
function sync_tree(top)
    for (folder, _, names) in walkdir(top; topdown=false, onerror=throw)
        for path in joinpath.(folder, names)
            isfile(path) && !islink(path) && named_by_user(() -> sync(path), path)
        end
        sync_rename(folder)
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

Links to folders are followed, except links to a folder that contains them. Folders of the file system, such as
lost+found and recycle bins, are skipped; so are pipes, sockets and devices, with a warning.

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
        what = counted(length(special), "pipe, socket or device", "pipes, sockets or devices")
        @warn "skipped $what in $top: $(listed(special, 1))"
    end
    return files
end

# folders of ext4, of NTFS, of NetApp, of Synology, in lower case
const OF_FILE_SYSTEMS = ("lost+found", "system volume information", "\$recycle.bin", "~snapshot", "#snapshot",
                         "#recycle", "@eadir")

function walk_into!(files, special, folder, enter, above)
    above = [above; realpath(folder)]
    for name in readdir(folder)  # sorted by bytes, which in UTF-8 is by code point
        startswith(name, '.') && continue
        path = joinpath(folder, name)
        found = kind(path)
        if found !== :folder
            push!(found === :file ? files : special, path)
        elseif !(lowercase(name) in OF_FILE_SYSTEMS) && enter(path) &&
               !(islink(path) && any(real -> is_below(real, realpath(path)), above))
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

"""Return whether a path exists, or is a broken link."""
is_there(path) = islink(path) || ispath(path)

"""Return whether a path is a folder, or is below it."""
function is_below(path, folder)
    parts, above = splitpath(path), splitpath(folder)
    return length(parts) >= length(above) && parts[1:length(above)] == above
end

"""Return a path without a separator at its end."""
unslashed(path) = dirname(joinpath(path, ""))
