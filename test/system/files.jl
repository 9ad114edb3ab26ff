@isdefined(Backends) || include(joinpath(dirname(@__DIR__), "backends.jl"))
using .Backends, TaggingBackends, Test
using TaggingBackends: copy_files, remove_file, stamp, write_file

function refusal_of(work)
    try
        work()
    catch error
        return error isa BackendError ? error.kind : sprint(showerror, error)
    end
    return "nothing was refused"
end

@testset "only the expected file is replaced" begin
    in_folder() do folder
        path, source = joinpath(folder, "x"), joinpath(folder, "source")
        write(source, "new")
        for put in ((place, expected) -> write_file(place, "new"; expected=expected),
                    (place, expected) -> copy_files([(source, place, expected)]))
            put(path, nothing)
            before = stamp(path)
            put(path, before)
            @test read(path, String) == "new"
            write(path, "edited")
            @test refusal_of(() -> put(path, before)) == "changed-file"
            @test refusal_of(() -> put(path, nothing)) == "existing-file"
            @test read(path, String) == "edited"
            write(path, "new")
            put(path, nothing)  # the same content
            rm(path)
            @test refusal_of(() -> put(path, before)) == "changed-file"
            @test readdir(folder) == ["source"]
        end
    end
end

@testset "restoring keeps what was edited meanwhile" begin
    in_folder() do folder
        touch_files(folder, "a", "b", "c")
        for name in "abc"
            write(joinpath(folder, "$name"), "new $name")
        end
        place(name) = joinpath(folder, "to", name)
        touch_files(folder, "to/b")
        copies = [(joinpath(folder, name), place(name), stamp(place(name))) for name in ("a", "b", "c")]
        function edit(copy)  # while the last file is copied
            copy[1] == joinpath(folder, "c") && write(place("b"), "edited")
            return copy
        end
        @test refusal_of(() -> copy_files(edit(copy) for copy in copies)) == "changed-file"
        @test tree(joinpath(folder, "to")) == Dict("b" => Vector{UInt8}("edited"))
    end
end

@testset "removing only what has not changed" begin
    in_folder() do folder
        path = joinpath(folder, "x")
        write(path, "old")
        before = stamp(path)
        write(path, "edited")
        @test !remove_file(path, before)
        @test read(path, String) == "edited"
        @test remove_file(path, stamp(path))
        @test isempty(readdir(folder))
    end
end

if Sys.isunix()
    @testset "links are followed, modes are kept, read-only files and pipes stay" begin
        in_folder() do folder
            path, target = joinpath(folder, "x"), joinpath(folder, "target")
            write(target, "old")
            chmod(target, 0o664)
            symlink("target", path)
            for expected in (:anything, stamp(path))
                write_file(path, "new"; expected=expected)
                @test islink(path) && read(target, String) == "new"
                @test filemode(target) & 0o7777 == 0o664
            end
            chmod(target, 0o444)
            @test occursin("this file is read-only", refusal_of(() -> write_file(path, "newer")))
            @test read(target, String) == "new"
            pipe = joinpath(folder, "pipe.label")
            run(`mkfifo $pipe`)
            for work in (() -> write_file(pipe, "new"), () -> readlabels(pipe), () -> TB.sha1_of(pipe),
                         () -> TB.copy_file(pipe, joinpath(folder, "copy")),
                         () -> copy_files([(target, pipe, stamp(pipe))]))
                @test occursin("expected a file, found a pipe or a device", refusal_of(work))
            end
            @test sort(readdir(folder)) == ["pipe.label", "target", "x"]
        end
    end

    @testset "what killed processes left is removed" begin
        in_folder() do folder
            ended = run(`true`; wait=false)
            number = getpid(ended)
            wait(ended)
            name(machine, pid) = ".taggingbackends-$machine-$pid-0123456789abcdef.tmp"
            kept = [name("elsewhere.1", number), name(TB.machine(), getpid()), ".mine.tmp"]
            touch_files(folder, name(TB.machine(), number), kept...)
            @test_logs (:warn, r"removed 1 temporary file of processes") write_file(joinpath(folder, "x"), "x")
            @test sort(readdir(folder)) == sort(["x"; kept])
        end
    end
end
