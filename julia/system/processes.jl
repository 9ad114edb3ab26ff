# Processes that do not outlive this one, without the environment of the caller.

const GRACE = 5.0  # seconds; the time for an interrupted process to end by itself
const SIGNAL_TERMINATE, SIGNAL_KILL = 15, 9

# Environment variables that lead to packages or environments of the caller.
const CALLERS = ("JULIA_BINDIR", "JULIA_CONDAPKG_ENV", "JULIA_LOAD_PATH", "JULIA_PROJECT",
                 "JULIA_PYTHONCALL_EXE", "JULIA_PYTHONCALL_LIB", "PYTHONHOME", "PYTHONPATH",
                 "PYTHONSAFEPATH", "VIRTUAL_ENV")

# Reads a pipe that only this process writes to: the other process's number, then a line when that has ended.
# The end of input says that this process was killed, so the other one has to end, too.
const WATCHER = """
    read -r pid && read -r line && exit
    kill "\$pid" || exit
    for second in 1 2 3 4 5; do sleep 1; kill -0 "\$pid" || exit; done
    kill -9 "\$pid"
    """

"""
Return the environment for a child process: this process's, without the variables that lead to Python or Julia
packages of the caller. The backend's environment decides.
"""
function child_environment()
    return filter(Dict(ENV)) do (name, _)
        return !(name in CALLERS || startswith(name, "CONDA_"))
    end
end

"""
Wait for a process; return its exit code, 128 + n after signal n. An exception ends the process. On Unix, the
process also ends if this one is killed.
"""
function wait_for(process)
    watcher = Sys.isunix() ? start_watcher(process) : nothing
    try
        wait(process)
    catch error
        # Ctrl-C has interrupted the process too: let it end by itself first.
        error isa InterruptException && ends_in_time(process) || end_process(process)
        rethrow()
    finally
        watcher === nothing || dismiss(watcher)
    end
    return process.termsignal > 0 ? 128 + process.termsignal : Int(process.exitcode)
end

ends_in_time(process) = timedwait(() -> process_exited(process), GRACE; pollint=0.05) === :ok

function end_process(process)
    kill(process, SIGNAL_TERMINATE)
    ends_in_time(process) || kill(process, SIGNAL_KILL)
    return nothing
end

"""Start a watcher of a process; return `nothing` if the process has ended."""
function start_watcher(process)
    number = try
        getpid(process)
    catch error
        error isa Base.IOError || rethrow()
        return nothing
    end
    # detached: a signal for all processes of a terminal must not end it
    watcher = open(pipeline(detach(`/bin/sh -c $WATCHER`); stderr=devnull), "w")
    println(watcher, number)
    return watcher
end

function dismiss(watcher)
    try
        println(watcher)
    catch error
        error isa Base.IOError || rethrow()  # somebody has killed it
    end
    close(watcher.in)
    return nothing
end
