# Renames that leave no moment without a file.

const RENAME_EXCHANGE = Cuint(2)  # linux/fs.h; RENAME_SWAP in sys/stdio.h of macOS is 2 as well
const AT_FDCWD = Cint(-100)
const RTLD_DEFAULT = Ptr{Cvoid}(Sys.isapple() ? typemax(UInt) - 1 : UInt(0))  # dlfcn.h

# errors of systems and file systems that cannot exchange
const EXCHANGE_REFUSALS = [getfield(Libc, name) for name in (:EINVAL, :ENOSYS, :ENOTSUP, :EOPNOTSUPP, :EPERM)
                           if isdefined(Libc, name)]

"""
    exchange(one, other)

Exchange two files or folders in one step. Return whether the system and the file system can do this; if not,
nothing is changed.

# Errors
`SystemError`: one of them does not exist or cannot be renamed.

# Example
```julia
exchange("new", "old") || println("this needs two renames")
```
"""
function exchange(one, other)
    call = exchange_call()
    call == C_NULL && return false
    failed = if Sys.isapple()
        ccall(call, Cint, (Cstring, Cstring, Cuint), one, other, RENAME_EXCHANGE)
    else
        ccall(call, Cint, (Cint, Cstring, Cint, Cstring, Cuint), AT_FDCWD, one, AT_FDCWD, other,
              RENAME_EXCHANGE)
    end
    failed == 0 && return true
    number = Libc.errno()
    number in EXCHANGE_REFUSALS && return false
    throw(SystemError("cannot exchange $one and $other", number))
end

"""Return a pointer to the system's function, or null if it has none: older C libraries, other systems."""
function exchange_call()
    Sys.islinux() || Sys.isapple() || return C_NULL
    return ccall(:dlsym, Ptr{Cvoid}, (Ptr{Cvoid}, Cstring), RTLD_DEFAULT,
                 Sys.isapple() ? "renamex_np" : "renameat2")
end
