# Choreography's .spine and .outline files (of the Multi-Worm Tracker). A line is
# `date_time larva_id time x1 y1 x2 y2 ...`: times in seconds, coordinates in mm.

const FIELDS_BEFORE = 3  # of a line, before the coordinates
const SPINE_POINTS = 11
const STEM = ("date_time", "genotype", "effector", "tracker", "protocol")

is_whitespace(byte) = byte == UInt8(' ') || UInt8('\t') <= byte <= UInt8('\r')

"""Return whether a file starts with a date_time, a larva identifier and a number."""
function is_choreography(head)
    at = 1
    # the number of fitting bytes from `at`
    run(fitting) = something(findnext(!fitting, head, at), length(head) + 1) - at
    at += run(is_whitespace)
    for (fitting, n) in ((is_digit, 8), (==(UInt8('_')), 1), (is_digit, 6))
        run(fitting) == n || return false
        at += n
    end
    gap = byte -> byte == UInt8(' ') || byte == UInt8('\t')
    for fitting in (gap, is_digit, gap)
        run(fitting) > 0 || return false
        at += run(fitting)
    end
    return run(byte -> is_digit(byte) || byte in b"-+.") > 0
end

function load_choreography(path, spine, outline)
    spine || outline ||
        throw(ArgumentError("expected spine or outline to be loaded, found both turned off"))
    files = String[]
    spine && push!(files, with_suffix(path, ".spine"))
    outline && push!(files, with_suffix(path, ".outline"))
    for file in files
        isfile(file) && continue
        throw(TrackFileError("expected this file beside $(basename(path)), found none; add it, or load " *
                             "$(basename(path)) alone with $(suffix_of(file)[2:end])=false"; file=file))
    end
    tables = Table[read_table(file) for file in files]
    length(tables) == 2 && check_same_frames(tables...)
    larvae = Int[]
    tracks = Dict{Int,Track}()
    for (larva, _) in tables[1].rows
        push!(larvae, larva)
        tracks[larva] = make_track(larva, tables)
    end
    return Recording(tables[1].run, larvae, tracks, metadata_of(stem_of(path)), "Choreography", files,
                     Labels())
end

function metadata_of(stem)
    metadata = OrderedDict{String,Any}()
    parts = split(stem, "@")
    length(parts) < length(STEM) && return metadata
    for (i, name) in enumerate(STEM)
        metadata[name] = String(parts[i])
    end
    return metadata
end

"""The lines of one file."""
struct Table
    file::String
    run::String
    rows::Vector{Pair{Int,Vector{Int}}}  # larva => its rows, in order
    row_of::Dict{Int,Int}  # larva => its position in `rows`
    times::Vector{Float64}
    lines::Vector{Int}  # the 1-based line number of each row
    coordinates::Vector{Float64}  # x1 y1 x2 y2 ... of all rows
    offsets::Vector{Int}  # the number of points before each row
    is_ended::Bool  # whether the last line ends with a line break
end

rows_of(table, larva) = last(table.rows[table.row_of[larva]])

function read_table(file)
    content = read_unchanged(file)
    starts, counts, lines = table_layout(content)
    fault(row, problem) = throw(TrackFileError(problem; file=file, line=lines[row]))
    isempty(starts) && throw(TrackFileError("expected tracks, found an empty file"; file=file))
    check_counts(file, counts, fault)
    for row in 2:length(starts)
        same_field(content, starts[1], starts[row]) && continue
        run, other = field_at(content, starts[1]), field_at(content, starts[row])
        fault(row, "expected run $run in all lines, found $other")
    end
    offsets = offsets_of(counts, n -> (n - FIELDS_BEFORE) ÷ 2)
    larvae, times, coordinates, bad = table_numbers(content, starts, counts, 2 * offsets[end])
    if bad !== nothing
        row, number, start = bad
        fault(row, "expected a number in field $number, found $(field_at(content, start))")
    end
    is_ended = check_end(content, starts[end], fault, length(starts))
    for row in eachindex(larvae)
        (isinteger(larvae[row]) && 0 <= larvae[row] <= MAX_LARVA_ID) && continue
        found = field_at(content, field_after(content, starts[row]))
        fault(row, "expected a larva identifier from 0 to $MAX_LARVA_ID, found $found")
    end
    run = String(content[starts[1]:field_end(content, starts[1]) - 1])
    isvalid(run) || fault(1, "expected a run in UTF-8, found $(field_at(content, starts[1]))")
    rows, row_of = rows_by_larva(larvae)
    table = Table(file, run, rows, row_of, times, lines, coordinates, offsets, is_ended)
    check_increasing(table, fault)
    return table
end

"""Return the content of a file; throw if the file changes while it is read."""
function read_unchanged(file)
    state() = (status = stat(file); (status.device, status.inode, status.size, status.mtime))
    before = state()
    content = read(file)
    state() == before && length(content) == before[3] && return content
    throw(TrackFileError("expected a complete file, found that it changed while it was read; load it when no " *
                         "program writes to it"; file=file))
end

"""Return the first byte, the number of fields and the line number of each line that is not blank."""
function table_layout(content)
    starts, counts, lines = Int[], Int[], Int[]
    line, start, fields, between = 1, 0, 0, true
    @inbounds for i in eachindex(content)
        byte = content[i]
        if is_whitespace(byte)
            between = true
            if byte == UInt8('\n')
                if fields > 0
                    push!(starts, start)
                    push!(counts, fields)
                    push!(lines, line)
                    fields = 0
                end
                line += 1
            end
        elseif between
            between = false
            fields == 0 && (start = i)
            fields += 1
        end
    end
    if fields > 0
        push!(starts, start)
        push!(counts, fields)
        push!(lines, line)
    end
    return starts, counts, lines
end

function check_counts(file, counts, fault)
    if suffix_of(file) == ".spine"
        expected = "$(FIELDS_BEFORE + 2 * SPINE_POINTS) fields (date_time larva_id time x1 y1 ... x11 y11)"
        good = ==(FIELDS_BEFORE + 2 * SPINE_POINTS)
    else
        expected = "an odd number of fields from 5 (date_time larva_id time x1 y1 x2 y2 ...)"
        good = n -> isodd(n) && n >= FIELDS_BEFORE + 2
    end
    row = findfirst(!good, counts)
    row === nothing && return nothing
    hint = row == length(counts) ? "; is the file cut?" : ""
    return fault(row, "expected $expected, found $(counts[row])$hint")
end

"""
Return larvae, times and coordinates of all rows, and the row, number and first byte of the first field
that is not a number (or nothing).
"""
function table_numbers(content::Vector{UInt8}, starts, counts, n_coordinates)
    larvae = Vector{Float64}(undef, length(starts))
    times = Vector{Float64}(undef, length(starts))
    coordinates = Vector{Float64}(undef, n_coordinates)
    n = 0
    for row in eachindex(starts)
        at = field_after(content, starts[row])
        for number in 2:counts[row]
            value, next = number_at(content, at)
            isfinite(value) || return larvae, times, coordinates, (row, number, at)
            if number == 2
                larvae[row] = value
            elseif number == 3
                times[row] = value
            else
                n += 1
                @inbounds coordinates[n] = value
            end
            at = skip_blanks(content, next)
        end
    end
    return larvae, times, coordinates, nothing
end

function skip_blanks(content, at)
    @inbounds while at <= length(content) && is_whitespace(content[at])
        at += 1
    end
    return at
end

function field_end(content, at)
    @inbounds while at <= length(content) && !is_whitespace(content[at])
        at += 1
    end
    return at
end

field_after(content, at) = skip_blanks(content, field_end(content, at))

"""Return a field for a message: in ASCII, shortened."""
function field_at(content, at)
    bytes = content[at:min(field_end(content, at), at + 60) - 1]
    return join(byte < 0x80 ? Char(byte) : "\\x" * string(byte; base=16) for byte in bytes)
end

function same_field(content, a, b)
    @inbounds while true
        one = a <= length(content) && !is_whitespace(content[a])
        other = b <= length(content) && !is_whitespace(content[b])
        one && other || return one == other
        content[a] == content[b] || return false
        a += 1
        b += 1
    end
end

"""
Return the number in a field, correctly rounded, and the end of the field; NaN if it is not a number. Signs,
a decimal point without digits on one side, and exponents are allowed.
"""
function number_at(content::Vector{UInt8}, start)
    at, n = start, length(content)
    digits, exponent = UInt64(0), 0
    some, whole = false, true  # whether there are any digits; whether all of them are in `digits`
    negative = content[start] == UInt8('-')
    @inbounds begin
        (negative || content[at] == UInt8('+')) && (at += 1)
        fraction = false
        while at <= n
            byte = content[at]
            if is_digit(byte)
                some = true
                if digits < 0x0de0b6b3a7640000  # 10^18: one more digit fits into 64 bits
                    digits = 10 * digits + (byte - UInt8('0'))
                    exponent -= fraction
                else
                    whole = false
                    exponent += !fraction
                end
            elseif byte == UInt8('.') && !fraction
                fraction = true
            else
                break
            end
            at += 1
        end
        if some && at <= n && content[at] | 0x20 == UInt8('e')
            at += 1
            below = at <= n && content[at] == UInt8('-')
            (at <= n && content[at] in b"+-") && (at += 1)
            some, power = false, 0
            while at <= n && is_digit(content[at])
                some = true
                power = min(10 * power + (content[at] - UInt8('0')), 100_000)
                at += 1
            end
            exponent += below ? -power : power
        end
        if !some || (at <= n && !is_whitespace(content[at]))
            return NaN, field_end(content, at)
        end
        # digits and power of ten are exact as doubles, so the result is rounded only once
        if whole && digits <= 0x0020000000000000 && -22 <= exponent <= 22
            value = exponent < 0 ? digits / POWERS_OF_TEN[1 - exponent] :
                    digits * POWERS_OF_TEN[1 + exponent]
            return negative ? -value : value, at
        end
    end
    value = tryparse(Float64, String(content[start:at - 1]))  # strtod rounds correctly
    if value === nothing  # out of range: too small, or too large
        value = ndigits(digits) + exponent > 0 ? NaN : negative ? -0.0 : 0.0
    end
    return value, at
end

"""
Return whether the last line ends with a line break. Throw if the file is truncated within its last number,
which may still be a valid number.
"""
function check_end(content, start, fault, row)
    (content[end] == UInt8('\r') || findnext(==(UInt8('\n')), content, start) !== nothing) && return true
    numbers = split(String(content[start:end]))[FIELDS_BEFORE:end]
    decimals = [length(number) - something(findfirst('.', number), length(number)) for number in numbers]
    usual = decimals[1]
    all(==(usual), decimals[1:end - 1]) && decimals[end] < usual || return false
    return fault(row, "expected a last number with $usual decimals and the line's end, found " *
                      "$(numbers[end]); is the file cut?")
end

function rows_by_larva(larvae)
    rows = Pair{Int,Vector{Int}}[]
    row_of = Dict{Int,Int}()
    at, current = 0, -1
    for (row, value) in enumerate(larvae)
        larva = Int(value)
        if larva != current  # the lines of a larva usually follow each other
            at = get!(row_of, larva, length(rows) + 1)
            at > length(rows) && push!(rows, larva => Int[])
            current = larva
        end
        push!(last(rows[at]), row)
    end
    return rows, row_of
end

function check_increasing(table, fault)
    for (larva, rows) in table.rows, i in 2:length(rows)
        before, time = table.times[rows[i - 1]], table.times[rows[i]]
        time > before && continue
        fault(rows[i], "expected a time of larva $larva after $(float_text(before)), found " *
                       "$(float_text(time)); are the lines of two larvae under one identifier?")
    end
    return nothing
end

function check_same_frames(one, other)
    name = basename(one.file)
    fault(problem, file, line=nothing) = throw(TrackFileError(problem; file=file, line=line))
    one.run == other.run ||
        fault("expected run $(one.run), as in $name, found $(other.run)", other.file, 1)
    differing = symdiff(keys(one.row_of), keys(other.row_of))
    if !isempty(differing)
        larva = minimum(differing)
        having, lacking = haskey(one.row_of, larva) ? (one, other) : (other, one)
        fault("expected larva $larva, which $(basename(having.file)) has, found none", lacking.file)
    end
    for (larva, rows) in one.rows
        other_rows = rows_of(other, larva)
        times, others = one.times[rows], other.times[other_rows]
        times == others && continue
        n = min(length(times), length(others))
        at = something(findfirst(i -> times[i] != others[i], 1:n), n + 1)
        expected = at <= length(times) ? "time $(float_text(times[at]))" : "no more"
        found = at <= length(others) ? "time $(float_text(others[at]))" : "no more"
        fault("expected $expected as frame $at of larva $larva, as in $name, found $found", other.file,
              other.lines[other_rows[min(at, end)]])
    end
    # an outline may have any number of points, so a cut between two points is not noticed
    one.is_ended == other.is_ended && return nothing
    cut, whole = one.is_ended ? (other, one) : (one, other)
    return fault("expected a line break at the end, as $(basename(whole.file)) has, found none; is the file cut?",
                 cut.file, cut.lines[end])
end

"""Return the number of points before each item, and in total."""
function offsets_of(items, points)
    offsets = zeros(Int, length(items) + 1)
    for (i, item) in enumerate(items)
        offsets[i + 1] = offsets[i] + points(item)
    end
    return offsets
end

function make_track(larva::Int, tables::Vector{Table})
    spine = outline = offsets = nothing
    for table in tables
        rows = rows_of(table, larva)
        if suffix_of(table.file) == ".spine"
            spine = spine_of(table, rows)
        else
            offsets = offsets_of(rows, row -> table.offsets[row + 1] - table.offsets[row])
            outline = outline_of(table, rows, offsets)
        end
    end
    times = tables[1].times[rows_of(tables[1], larva)]
    return Track(times; spine=spine, outline=outline, outline_offsets=offsets)
end

function spine_of(table, rows)
    spine = Array{Float64,3}(undef, length(rows), SPINE_POINTS, 2)
    for (frame, row) in enumerate(rows), point in 1:SPINE_POINTS, axis in 1:2
        spine[frame, point, axis] = table.coordinates[2 * (table.offsets[row] + point - 1) + axis]
    end
    return spine
end

function outline_of(table, rows, offsets)
    outline = Matrix{Float64}(undef, offsets[end], 2)
    for (frame, row) in enumerate(rows), point in 1:offsets[frame + 1] - offsets[frame], axis in 1:2
        outline[offsets[frame] + point, axis] =
            table.coordinates[2 * (table.offsets[row] + point - 1) + axis]
    end
    return outline
end

# Precompilation makes loading the first recording faster.
precompile(loadtracks, (String,))
precompile(load_choreography, (String, Bool, Bool))
