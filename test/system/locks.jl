@isdefined(Backends) || include("../backends.jl")
using .Backends, Test
using TaggingBackends: LockedError, locked

@testset "locking" begin
    mktempdir() do folder
        path = joinpath(folder, "x.lock")
        result = locked(path) do
            Sys.iswindows() && return 3
            @test isfile(path)
            @test_throws LockedError locked(() -> 1, path)
            @test isfile(path)
            source = joinpath(ROOT, "julia", "system", "locks.jl")
            script = "include($(repr(source))); locked(() -> print(1), $(repr(path)))"
            command = `$(Base.julia_cmd()) --startup-file=no -e $script`
            errors = IOBuffer()
            process = run(pipeline(ignorestatus(command); stderr=errors))
            @test process.exitcode == 1
            @test occursin("$path: another process holds this lock", String(take!(errors)))
            return 3
        end
        @test result == 3 && !ispath(path)
        write(path, "")  # left by a killed process
        @test_throws DivideError locked(() -> div(1, 0), path)
        Sys.iswindows() || @test !ispath(path)
        # at the end the lock file may be missing, or belong to another process
        @test locked(() -> (rm(path; force=true); 4), path) == 4
        Sys.iswindows() ||
            @test_throws Union{SystemError,Base.IOError} locked(() -> 1, joinpath(folder, "none", "x.lock"))
        @test readdir(folder) == (Sys.iswindows() ? readdir(folder) : [])
    end
end

if Sys.isunix()
    function is_free(path)
        try
            return locked(() -> true, path)
        catch error
            error isa LockedError || rethrow()
            return false
        end
    end

    @testset "a lock file removed before it is locked: replaced $replaced" for replaced in (false, true)
        in_folder() do folder
            path = joinpath(folder, "x.lock")
            calls = 0
            file = TB.lock_file(path, file -> begin
                calls += 1
                if calls == 1  # as the last holder does
                    rm(path)
                    replaced && touch(path)
                end
                return TB.flock(file)
            end)
            @test calls == 2 && isfile(path)
            @test_throws LockedError locked(() -> 1, path)
            close(file)
        end
    end

    @testset "a process that inherits a lock keeps it: $inherited" for inherited in (false, true)
        in_folder() do folder
            path, kept = joinpath(folder, "x.lock"), joinpath(folder, "kept")
            child = locked(path; inherited=inherited) do
                process = open(`cat`, "w", devnull)
                mv(path, kept)  # as if this process were killed: the file stays
                return process
            end
            if inherited
                @test_throws LockedError locked(() -> 1, kept)
            else  # the child closes the file when it starts its program
                @test timedwait(() -> is_free(kept), 5.0; pollint=0.01) === :ok
            end
            close(child.in)
            wait(child)
            @test locked(() -> 1, kept) == 1
        end
    end

    @testset "the file of another holder is not removed" begin
        in_folder() do folder
            path = joinpath(folder, "x.lock")
            locked(path) do
                rm(path)  # by a user
                touch(path)
            end
            @test isfile(path)
        end
    end

    @testset "file systems without locks are warned about: $number" for number in (Libc.ENOLCK, Libc.ENOSYS,
                                                                                   Libc.EOPNOTSUPP)
        in_folder() do folder
            path = joinpath(folder, "x.lock")
            warning = "$folder: this file system does not support locks ($(Libc.strerror(number))); do not let two " *
                      "commands write here at the same time"
            @test (@test_logs (:warn, warning) TB.lock_file(path, file -> number)) === nothing
            @test !ispath(path)
            touch(path)  # possibly of another machine, on which locks work
            @test (@test_logs TB.lock_file(path, file -> number)) === nothing  # no second warning
            @test isfile(path)
            @test_throws SystemError TB.lock_file(path, file -> Libc.EIO)
        end
    end
end
