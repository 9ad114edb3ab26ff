# Locks between processes.

"""
    LockedError(path)

Another process holds a lock. `path` is the path of the lock file. Callers turn this into an error of their own.
"""
struct LockedError <: Exception
    path::String
end

Base.showerror(io::IO, error::LockedError) = print(io, error.path, ": another process holds this lock")

const LOCK_EX, LOCK_NB = Cint(2), Cint(4)  # sys/file.h, on Linux, macOS and the BSDs
const F_SETFD, FD_CLOEXEC = Cint(2), Cint(1)  # fcntl.h, on the same

# errors of file systems without locks: NFS without lockd, Lustre without -o flock, SMB, 9p
const LOCK_REFUSALS = [getfield(Libc, name) for name in (:ENOLCK, :ENOSYS, :ENOTSUP, :EOPNOTSUPP)
                       if isdefined(Libc, name)]

const UNLOCKED_FOLDERS = Set{String}()  # folders without locks, about which there was a warning

"""
    locked(f, path; wait=false, inherited=false)

Call `f()` while holding a lock; return what `f` returns.

Afterwards the lock is released and the lock file is removed. The lock also ends if the process ends. On
Windows `f` is called without a lock. On file systems that do not support locks, `f` is called without a
lock after a warning, one for each folder.

# Arguments
- `path`: the lock file; its folder must exist.
- `wait`: wait until the lock is free.
- `inherited`: processes that are started meanwhile hold the lock, too, if this one is killed. After `f` they
  hold nothing.

# Errors
- `LockedError`: the lock is held, by another process or by this one. `f` is not called then.
- `SystemError` or `Base.IOError`: the lock file cannot be made, or locked.

# Example
```julia
locked(() -> train(), "models/.default.lock")
```
"""
locked(f, path; options...) = locked_if_possible(_ -> f(), path; options...)

"""Do as [`locked`](@ref), but call `f(held)`; `held` is false where there are no locks."""
function locked_if_possible(f, path; wait::Bool=false, inherited::Bool=false)
    file = Sys.iswindows() ? nothing : lock_file(path; wait=wait)
    file === nothing && return f(false)
    try
        # not all versions of libuv close the file in child processes
        ccall(:fcntl, Cint, (RawFD, Cint, Cint...), file.handle, F_SETFD, inherited ? 0 : FD_CLOEXEC)
        return f(true)
    finally
        try
            is_at(path, file) && rm(path; force=true)
        finally
            close(file)
        end
    end
end

"""
Open and lock a lock file that stays at its path; closing it unlocks it. Return `nothing` if there are no locks.
"""
function lock_file(path, flock=flock; wait::Bool=false)
    flags = Base.Filesystem.JL_O_RDWR | Base.Filesystem.JL_O_CREAT
    while true
        there = ispath(path)
        file = Base.Filesystem.open(path, flags, 0o666)
        code = flock(file)
        # The last holder may have removed the file after it was opened here.
        code == 0 && is_at(path, file) && return file
        close(file)
        code == 0 && continue
        if code == Libc.EAGAIN
            wait || throw(LockedError(path))
            sleep(0.05)  # flock itself would wait without reacting to Ctrl-C
            continue
        end
        code in LOCK_REFUSALS || throw(SystemError("cannot lock $path", code))
        there || rm(path; force=true)
        folder = dirname(path)
        folder in UNLOCKED_FOLDERS || @warn "$folder: this file system does not support locks " *
            "($(Libc.strerror(code))); do not let two commands write here at the same time"
        push!(UNLOCKED_FOLDERS, folder)
        return nothing
    end
end

"""Lock a file unless another process does; return 0 or the error's number."""
flock(file) = ccall(:flock, Cint, (RawFD, Cint), file.handle, LOCK_EX | LOCK_NB) == 0 ? 0 : Libc.errno()

"""Return whether an open file is the one at a path."""
function is_at(path, file)
    opened, there = stat(file.handle), stat(path)
    return (opened.device, opened.inode) == (there.device, there.inode)
end
