@isdefined(Backends) || include("../backends.jl")
using .Backends, TaggingBackends, Test

@testset "child processes do not get the caller's environments" begin
    caller = ["VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONHOME", "PYTHONPATH", "JULIA_BINDIR",
              "JULIA_CONDAPKG_ENV", "JULIA_LOAD_PATH", "JULIA_PROJECT", "JULIA_PYTHONCALL_EXE",
              "JULIA_PYTHONCALL_LIB"]
    kept = ["JULIA_DEPOT_PATH", "TAGGINGBACKENDS_LOG"]
    withenv((name => "/elsewhere" for name in [caller; kept])...) do
        @test isempty(intersect(keys(TB.child_environment()), caller))
        @test issubset(kept, keys(TB.child_environment()))
    end
end

if Sys.isunix()
    @testset "a process ends if this one is killed" begin
        process = run(`sleep 60`; wait=false)
        watcher = TB.start_watcher(process)
        close(watcher.in)  # as the system does when this process ends
        @test timedwait(() -> process_exited(process), 30.0) === :ok
        @test process.termsignal == TB.SIGNAL_TERMINATE
    end

    @testset "a process that ends is not watched any longer" begin
        process = run(`true`; wait=false)
        @test TB.wait_for(process) == 0
        process = run(`sleep 60`; wait=false)
        watcher = TB.start_watcher(process)
        TB.dismiss(watcher)
        @test timedwait(() -> process_exited(watcher), 30.0) === :ok
        @test watcher.exitcode == 0 && process_running(process)
        kill(process)
    end
end
