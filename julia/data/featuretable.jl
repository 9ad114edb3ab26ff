# Tables of features: one row per feature and frame, one column per larva. The first row is
# `,larva(0),larva(1),...`, a row `feature(frame),value,value,...`. Spreadsheets, pandas and R write such tables
# in their own ways. As in Python, whatever has one certain meaning is read.

# the name of a larva's column; R writes `larva.0.`, MATLAB `larva_0_`
const LARVA_NAME = raw"larva *[(._][0-9]+[)._]"
const LARVA = Regex("^$LARVA_NAME\$", "i")
const FIRST_ROW = let corner = raw"""(?! *"? *LARVA)(?:"[^"\r\n]*"|[^",;\t|\r\n]*)"""  # above the names of rows
    pattern = raw"""^(?:[ ,;\t|]*[\r\n])*(?:"?sep=[^\r\n]"?[,;\t| ]*\r?[\r\n]\n?)?CORNER([,;\t|])""" *
              raw"""(?:CORNER\1)?[ "]*LARVA[ "]*(?:\1|[\r\n]|\z)"""
    Regex(replace(replace(pattern, "CORNER" => corner), "LARVA" => LARVA_NAME), "i")
end
const ROW = r"^(.+)\(([0-9]{1,9})\)$"s

# cells without a value, as C, Windows, pandas, R, spreadsheets and people write them
const MISSING_CELL = Regex("^(?:" * raw"|[-+]?nan(?:\(.*\))?|[-+]?inf(?:inity)?|[-+]?1[.,]#(?:qnan|snan|ind|inf)0*" *
                      raw"|n/?a|<na>|nat|null|none|#[^ ]*|-+|\.|missing" * raw")$", "i")
const WORDS = Dict(word => value for (words, value) in (("true t yes wahr vrai", 1.0),
                                                       ("false f no falsch faux", 0.0))
                   for word in split(words))
const GROUP_MARKS = " '\u2019\u00a0\u2009\u202f"  # between groups of three digits, as . or , may be
const NUMBER_CELL = Regex("^([-+\u2212]?)((?=[.,]?[0-9])[0-9.,$GROUP_MARKS]*)(e[-+]?[0-9]{1,9})?\$", "i")
const ONE_GROUP = r"^[1-9][0-9]{0,2}[.,][0-9]{3}$"  # or three decimals
const WHOLE = Regex("^(?:[0-9]*|[1-9][0-9]{0,2}([.,$GROUP_MARKS])[0-9]{3}(?:\\1[0-9]{3})*)\$")

"""Return the encoding of a table, by the first bytes of the file."""
function encoding_of(head)
    length(head) >= 2 || return :utf8
    head[1:2] == [0xff, 0xfe] && return :utf16le
    head[1:2] == [0xfe, 0xff] && return :utf16be
    return head[1] == 0x00 ? :utf16be : head[2] == 0x00 ? :utf16le : :utf8
end

"""Return the text of a file or of its beginning; nothing if it is invalid. Any bytes are valid in Latin-1."""
function decoded(content, encoding)
    if encoding == :utf8
        start = length(content) >= 3 && content[1:3] == [0xef, 0xbb, 0xbf] ? 4 : 1
        text = String(content[start:end])
        return isvalid(text) ? text : join(Char(byte) for byte in @view content[start:end])
    end
    iseven(length(content)) || return nothing
    units = reinterpret(UInt16, content)
    units = encoding == :utf16le ? ltoh.(units) : ntoh.(units)
    text = transcode(String, Vector{UInt16}(isempty(units) || units[1] != 0xfeff ? units : units[2:end]))
    return isvalid(text) ? text : nothing
end

"""Return the separator of a table, by the first bytes of the file; nothing if it is no table."""
function table_separator(head)
    encoding = encoding_of(head)
    even = encoding == :utf8 ? length(head) : length(head) & ~1
    text = decoded(head[1:even], encoding)
    text === nothing && return nothing
    found = match(FIRST_ROW, text)
    return found === nothing ? nothing : only(found[1])
end

"""Non-empty cells of a feature: `frame * larvae + column`, with columns from 0; increasing."""
struct Feature
    cells::Vector{Int}
    values::Vector{Float64}
end

"""The lines of a table, and what its first row says."""
mutable struct FeatureTable
    file::String
    lines::Vector{SubString{String}}
    separator::Char
    wanted::Function  # of a feature's name
    booleans::Tuple{Vararg{String}}
    start::Int  # number of the first row
    names::Int  # column of the names of rows
    larvae::Vector{Int}
    columns::Vector{Int}  # of the larvae
    others::OrderedDict{Int,String}  # columns that are not larvae
    short::Int  # rows with fewer cells than larvae
    repeated::Int  # rows
    strange::Vector{String}  # names of rows that are not feature(frame)
    mark::Char  # of decimals
end

"""A row of a wanted feature; the last cells may be lacking."""
struct FeatureRow
    line::Int
    feature::String
    frame::Int
    cells::Vector{SubString{String}}
end

"""Rows of a feature in the order of the file: a cell's number, value and line."""
struct FeatureCells
    frames::Vector{Int}
    cells::Vector{Int}
    values::Vector{Float64}
    lines::Vector{Int}
end

refuse(table::FeatureTable, problem, line=nothing) =
    throw(TrackFileError(problem; file=table.file, line=line))

"""Read some features of a table; return the larvae, the features, and what was left out."""
function read_features(file, wanted, booleans)
    content = read_unchanged(file)
    head = content[1:min(end, HEAD)]
    separator = table_separator(head)
    separator === nothing &&
        throw(TrackFileError("expected a first row `,larva(0),larva(1),...`, found another"; file=file, line=1))
    text = decoded(content, encoding_of(head))
    text === nothing &&
        throw(TrackFileError("expected text in UTF-16, found other bytes; is the file damaged?"; file=file))
    text = rstrip(==('\x1a'), text)  # the end of a file in CP/M and MS-DOS
    occursin('\r', text) && (text = replace(text, r"\r\n?" => "\n"))
    table = FeatureTable(file, split(text, '\n'), separator, wanted, booleans, 0, 0, Int[], Int[],
                         OrderedDict{Int,String}(), 0, 0, String[], '.')
    read_first_row(table)
    table.mark = decimal_mark(table)
    table.short = 0
    empty!(table.strange)
    rows = OrderedDict{String,FeatureCells}()
    each_row(table) do row
        cells = get!(() -> FeatureCells(Int[], Int[], Float64[], Int[]), rows, row.feature)
        push!(cells.frames, row.frame)
        for (column, cell) in enumerate(row.cells)
            value = cell_value(table, cell, row)
            isnan(value) && continue
            push!(cells.cells, row.frame * length(table.larvae) + column - 1)
            push!(cells.values, value)
            push!(cells.lines, row.line)
        end
    end
    check_frames(table, rows)
    features = Dict{String,Feature}(name => feature_of(table, name, cells) for (name, cells) in rows)
    return table.larvae, features, left_out(table)
end

function left_out(table::FeatureTable)
    found = String[]
    n = length(table.others)
    n > 0 && push!(found, "$(counted(n, "column without a larva", "columns without a larva")) " *
                          "($(listed(short.(values(table.others)))))")
    n = length(table.strange)
    n > 0 && push!(found, "$(counted(n, "row that is", "rows that are")) not feature(frame) " *
                          "($(listed(short.(repr.(unique(table.strange))))))")
    table.repeated > 0 && push!(found, counted(table.repeated, "repeated row"))
    n = table.short
    n > 0 && push!(found, "the last larvae in $(counted(n, "row that is", "rows that are")) shorter than the first")
    return found
end

"""Return a name from a file, in a length for messages."""
short(text) = printable(first(string(text), 40))

# -- rows

"""Return text without white space at its ends, as defined by Python."""
trimmed(text) = strip(c -> isspace(c) || '\x1c' <= c <= '\x1f', text)

"""Call `work` with the number and the text of each line that is not blank."""
function each_line(work, table::FeatureTable)
    blank = (' ', '"', '\t', '\x1a', table.separator)
    for (number, line) in enumerate(table.lines)
        all(in(blank), line) || work(number, line)
    end
end

cells_of(table, line) =
    '"' in line ? quoted_cells(line, table.separator) : plain_cells(line, table.separator)

"""Split a line without quotes; faster than `split`."""
function plain_cells(line, separator)
    cells = SubString{String}[]
    start = 1
    for i in 1:ncodeunits(line)
        codeunit(line, i) == UInt8(separator) || continue
        push!(cells, SubString(line, start, prevind(line, i)))
        start = i + 1
    end
    return push!(cells, SubString(line, start))
end

"""Return the name of a row; empty if there is none."""
function name_of(table, line)
    if table.names > 1 || startswith(line, '"')
        cells = cells_of(table, line)
        return length(cells) >= table.names ? trimmed(cells[table.names]) : SubString("")
    end
    stop = something(findfirst(==(table.separator), line), ncodeunits(line) + 1)
    return trimmed(SubString(line, 1, prevind(line, stop)))
end

"""Split a line at separators outside of quotes. A cell is quoted if it begins with a quote."""
function quoted_cells(line, separator)
    cells = SubString{String}[]
    cell = IOBuffer()
    is_start, in_quotes, was_quote = true, false, false
    for c in line
        if in_quotes && !was_quote
            c == '"' ? (was_quote = true) : print(cell, c)
        elseif was_quote && c == '"'
            print(cell, c)
            was_quote = false
        elseif c == separator
            push!(cells, SubString(String(take!(cell))))
            is_start, in_quotes, was_quote = true, false, false
            continue
        elseif is_start && c == '"'
            in_quotes = true
        else
            in_quotes = was_quote = false
            print(cell, c)
        end
        is_start = false
    end
    return push!(cells, SubString(String(take!(cell))))
end

function read_first_row(table::FeatureTable)
    known = Set{Int}()
    each_line(table) do number, line
        table.start > 0 && return nothing
        names = trimmed.(cells_of(table, line))
        any(name -> occursin(LARVA, name), names) || return nothing
        table.start = number
        for (column, name) in enumerate(names)
            if occursin(LARVA, name)
                digits = first(filter(isdigit, name), 10)
                larva = parse(Int, digits)
                again = larva in known ? " again" : ""
                (larva > MAX_LARVA_ID || !isempty(again)) &&
                    refuse(table, "expected a larva from 0 to $MAX_LARVA_ID, each once, found " *
                                  "$(first(name, 60))$again", number)
                isempty(table.larvae) && (table.names = column - 1)
                push!(table.larvae, larva)
                push!(known, larva)
                push!(table.columns, column)
            elseif startswith(lowercase(name), "larva")
                refuse(table, "expected larva(i), found $(shown(first(name, 60)))", number)
            elseif !isempty(name) && !isempty(table.larvae)
                table.others[column] = name
            end
        end
        return nothing
    end
end

"""Call `work` with each row of a wanted feature; note other rows that are not feature(frame)."""
function each_row(work, table::FeatureTable)
    columns, stop = table.columns, table.columns[end]
    gapless = stop - columns[1] == length(columns) - 1
    of_use = Dict{String,Bool}()
    expected = "expected a name and one cell per larva ($(length(columns)))"
    each_line(table) do line, text
        line <= table.start && return nothing
        name = name_of(table, text)
        found = match(ROW, name)
        if found === nothing
            '\0' in name && refuse(table, "expected text, found a NUL byte; is the file damaged?", line)
            push!(table.strange, name)
            return nothing
        end
        feature = String(trimmed(found[1]))
        get!(() -> table.wanted(feature), of_use, feature) || return nothing
        cells = cells_of(table, text)
        if length(cells) < stop
            line == length(table.lines) &&  # without a line break at its end
                refuse(table, "$expected, found $(max(length(cells) - columns[1] + 1, 0)) cells; is the file cut?",
                       line)
            table.short += 1
        elseif length(cells) > stop || !gapless
            for i in table.names + 1:length(cells)
                isempty(trimmed(cells[i])) || !isempty(searchsorted(columns, i)) || haskey(table.others, i) ||
                    refuse(table, "$expected, found $(shown(String(first(cells[i], 60)))) in column $i, which has " *
                                  "no name", line)
            end
        end
        work(FeatureRow(line, feature, parse(Int, found[2]),
                        gapless ? cells[columns[1]:min(stop, end)] :
                        cells[columns[1:searchsortedlast(columns, length(cells))]]))
        return nothing
    end
end

# -- numbers

"""Return the decimal mark of the table: a point, or a comma if that is certain."""
function decimal_mark(table::FeatureTable)
    table.separator == ',' && !any(line -> '"' in line, table.lines) && return '.'
    certain = Dict{Char,String}()  # decimal mark => a cell that shows it
    either = Dict{Char,String}()  # mark => a cell in which it is a decimal mark or groups digits
    grouped = false  # whether digits are certainly grouped
    other_mark(mark) = mark == ',' ? '.' : ','
    each_row(table) do row
        for cell in row.cells
            ',' in cell || '.' in cell || continue
            found = match(NUMBER_CELL, trimmed(cell))
            found === nothing && continue
            number = found[2]
            comma, point = findlast(',', number), findlast('.', number)
            if comma !== nothing && point !== nothing
                certain[comma > point ? ',' : '.'] = cell
                grouped = true
                continue
            end
            mark = comma === nothing ? '.' : ','
            if count(==(mark), number) > 1
                certain[other_mark(mark)] = cell
                grouped = true
            elseif found[3] === nothing && occursin(ONE_GROUP, number)
                either[mark] = cell
            else
                certain[mark] = cell
            end
        end
    end
    haskey(certain, ',') || haskey(either, ',') || return '.'  # otherwise, commas are in words only
    fix = "save the table with decimal points and without separators of thousands"
    stop(found) = refuse(table, "expected numbers with one decimal mark, found $found; $fix")
    length(certain) == 2 && stop(join((shown(certain[mark]) for mark in ",."), " and "))
    isempty(certain) && table.separator != ';' &&
        stop("$(shown(either[','])), in which the comma could also group digits")
    mark = isempty(certain) ? ',' : first(keys(certain))
    other = other_mark(mark)
    !grouped && haskey(either, other) &&
        stop("$(shown(either[other])), in which a comma or point could also group digits")
    return mark
end

"""Return the value of a cell; NaN if it is missing."""
function cell_value(table::FeatureTable, cell, row)
    isempty(cell) && return NaN
    value = plain_number(cell, table.mark)
    isnan(value) || return value
    cell = trimmed(cell)
    occursin(MISSING_CELL, cell) && return NaN
    row.feature in table.booleans && haskey(WORDS, lowercase(cell)) && return WORDS[lowercase(cell)]
    found = match(NUMBER_CELL, cell)
    if found !== nothing
        sign, digits, exponent = found[1], found[2], something(found[3], "")
        whole, fraction = [split(digits, table.mark; limit=2); ""]
        if occursin(WHOLE, whole) && all(isdigit, fraction)
            number = string(isempty(sign) || sign == "+" ? "" : "-", filter(isdigit, whole), ".", fraction, exponent)
            value = tryparse(Float64, number)
            value !== nothing && isfinite(value) && return value
        end
    end
    return refuse(table, "expected a number or an empty cell, found $(shown(String(first(cell, 60))))", row.line)
end

"""Return the number in a cell of at most 15 digits with a decimal mark; NaN for any other cell."""
function plain_number(cell, mark)
    negative = codeunit(cell, 1) == UInt8('-')
    digits, decimals, n, fraction = 0, 0, 0, false
    for i in 1 + negative:ncodeunits(cell)
        byte = codeunit(cell, i)
        if is_digit(byte)
            n += 1
            n > 15 && return NaN
            digits = 10 * digits + (byte - UInt8('0'))
            decimals += fraction
        elseif byte == UInt8(mark) && !fraction
            fraction = true
        else
            return NaN
        end
    end
    n == 0 && return NaN
    value = digits / POWERS_OF_TEN[1 + decimals]  # both are exact, so this is rounded once
    return negative ? -value : value
end

# -- features

"""Sort the cells of a feature; rows that are repeated with the same values count once."""
function feature_of(table::FeatureTable, name, rows)
    cells, values, lines = rows.cells, rows.values, rows.lines
    if !issorted(cells; lt=<=)
        order = sortperm(cells; alg=MergeSort)  # stable
        cells, values, lines = cells[order], values[order], lines[order]
        again = [i for i in 2:length(cells) if cells[i] == cells[i - 1]]
        for i in again
            values[i] == values[i - 1] && continue
            frame = cells[i] ÷ length(table.larvae)
            refuse(table, "expected each row once, found $name($frame) again with other values", lines[i])
        end
        deleteat!(cells, again)
        deleteat!(values, again)
    end
    table.repeated += length(rows.frames) - length(unique(rows.frames))
    return Feature(cells, values)
end

"""Check that all features have the same frames."""
function check_frames(table::FeatureTable, rows)
    isempty(rows) && return nothing
    every = OrderedDict{String,Vector{Int}}(name => sort!(unique(cells.frames)) for (name, cells) in rows)
    names = collect(keys(every))
    longest = names[argmax([length(every[name]) for name in names])]
    for (name, frames) in every
        frames == every[longest] && continue
        frame = minimum(symdiff(frames, every[longest]))
        having, lacking = frame in frames ? (name, longest) : (longest, name)
        refuse(table, "expected row $lacking($frame), as $having has, found none; each feature has the same " *
                      "frames; is the file cut?", last_line(table, lacking))
    end
end

function last_line(table, feature)
    last = 0
    each_row(table) do row
        row.feature == feature && (last = row.line)
    end
    return last
end
