# Server for benchmarks/julia.py. Runs `read PATH` or `write PATH` and prints seconds and allocations.

using TaggingBackends

kept = Labels()

function measure(command, path)
    global kept
    GC.gc()
    if command == "read"
        measured = @timed readlabels(path)
        kept = measured[1]
    else
        measured = @timed writelabels(path, kept)
    end
    allocations = Base.gc_alloc_count(measured[5])
    return measured[2], allocations
end

for line in eachline(stdin)
    command, path = split(line, ' '; limit=2)
    println(join(measure(command, String(path)), ' '))
    flush(stdout)
end
