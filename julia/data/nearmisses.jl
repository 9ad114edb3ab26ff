# Files that look like tracker files, by their suffix, and cannot be read: why, and the fix, as in Python.

struct TrackerFormat
    name::String
    beginning::String
    fix::String
end

function format_of_suffix(suffix)
    suffix in CHOREOGRAPHY && return TrackerFormat("Choreography",
        "a line `date_time larva_id time x1 y1 x2 y2 ...`", "export it with Choreography again")
    suffix == FIMTRACK && return TrackerFormat("FIMTrack", "a line `,larva(0),larva(1),...`",
        "save it with FIMTrack again, or move it if it is another table")
    suffix == ".nc" && return TrackerFormat("movement", "`\\x89HDF`, as NetCDF 4",
        "save it as NetCDF 4 (ds.to_netcdf(path, engine='h5netcdf'))")
    return TrackerFormat("trx.mat", "`MATLAB 7.3 MAT-file`", "save it in MATLAB with -v7.3")
end

# first bytes in lower case, what has them, and the fix if it is not the format's own
const KINDS_OF_FILES = (
    (b"matlab 5.0 mat-file", "a MATLAB 5 file", ""),
    (b"matlab 7.3 mat-file", "a MATLAB 7.3 file", ""),
    (b"\x89hdf\r\n\x1a\n", "HDF5 without the header of MATLAB", ""),
    (b"cdf\x01", "a NetCDF 3 file", ""),
    (b"cdf\x02", "a NetCDF 3 file", ""),
    (b"cdf\x05", "a NetCDF 3 file", ""),
    (b"# created by octave", "a text file of Octave", ""),
    (b"octave-1-l", "a binary file of Octave", ""),
    (b"pk\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x1f\x8b", "a file compressed with gzip", "decompress it first"),
    (b"bzh", "a file compressed with bzip2", "decompress it first"),
    (b"\xfd7zxz\0", "a file compressed with xz", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd", "decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\x89png\r\n\x1a\n", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"%pdf-", "a PDF document", ""),
    (b"par1", "a Parquet table", ""),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file (git lfs pull)"),
    (b"/annex/objects/", "a pointer of git-annex", "fetch the file (git annex get)"),
    (b"<!doctype html", "a web page", "download the file again"),
    (b"<html", "a web page", "download the file again"),
    (b"<?xml", "an XML file", ""),
)

const COMPRESSIONS = Dict(  # that no reader decompresses, by suffix
    ".bz2" => "bzip2", ".lzma" => "LZMA", ".xz" => "xz", ".z" => "compress", ".zst" => "zstd", ".7z" => "7z",
    ".rar" => "RAR")

const COPY_AGAIN = "copy the file again, or remove it"

# how the tables that Python writes begin; in folders of recordings, they are no input
const OWN_TABLES = (
    b"run,larva,", b"run,file,", b"file,run,larva,", b"group,", b"measure,label,group,",
    b"Observation id,Observation date,"
)

"""
    examined(path; archives=true)

Look at the name and the first bytes of a file.

# Returns
Whether the file is in a known format; if not, why it cannot be read although its name is like a tracker file's,
else `nothing`; and whether it is a table that Python writes.
"""
function examined(path; archives=true)
    suffix = tracker_suffix(path)
    if !(suffix in TRACKER_SUFFIXES)
        archives || return (false, nothing, false)
        is_zip = lowercase(suffix_of(path)) == ".zip"
        return (false, is_zip ? reason_for_archive(path) : reason_for_compressed(path), false)
    end
    head = read_head(path)
    content = is_gzip(head) ? gunzip_head(head, HEAD) : head
    is_known = is_in_format(suffix, content)
    is_known && (suffix in CHOREOGRAPHY || !is_gzip(head)) && return (true, nothing, false)
    return (false, reason(suffix, head, content, is_known), any(start -> starts_with(content, start), OWN_TABLES))
end

starts_with(bytes, start) = length(bytes) >= length(start) && view(bytes, 1:length(start)) == start

function is_in_format(suffix, content)
    suffix in CHOREOGRAPHY && return is_choreography(content)
    suffix == FIMTRACK && return table_separator(content) !== nothing
    return any(other == suffix && starts_with(content, start) for (other, start) in OTHER_TRACKERS)
end

function reason(suffix, head, content, is_known)
    format = format_of_suffix(suffix)
    is_known && return "expected a plain $(format.name) file, found one compressed with gzip; decompress it " *
                       "first (gunzip)"
    if isempty(content)
        empty = is_gzip(head) ? "no content or damaged gzip" : "an empty file"
        return "expected tracks, found $empty; $COPY_AGAIN"
    end
    found, fix = kind_of_file(content)
    return "expected a $(format.name) file, which begins with $(format.beginning), found $found; " *
           (isempty(fix) ? format.fix : fix)
end

"""Return what a file is by its first bytes, and the fix."""
function kind_of_file(content)
    lower(byte) = UInt8('A') <= byte <= UInt8('Z') ? byte + 0x20 : byte
    first_shown = something(findfirst(byte -> !(byte in b" \t\n\v\f\r"), content), 1)
    start = map(lower, content[first_shown:min(first_shown + 31, end)])
    for (bytes, what, fix) in KINDS_OF_FILES
        starts_with(start, bytes) && return (what, fix)
    end
    all(iszero, content) && return ("zeros, as in a copy that was interrupted", COPY_AGAIN)
    encoding = encoding_of(content)
    text = decoded(content[1:(encoding == :utf8 ? end : length(content) & ~1)], encoding)
    line = text === nothing ? "" : first(split(strip(text), r"\r|\n"))
    is_utf16 = starts_with(content, b"\xff\xfe") || starts_with(content, b"\xfe\xff")
    return (shown(String(first(line, 40))) * (is_utf16 ? " in UTF-16" : ""), "")
end

"""Return the fix for a tracker file that is compressed otherwise than with gzip, by its name; nothing for others."""
function reason_for_compressed(path)
    how = get(COMPRESSIONS, lowercase(suffix_of(path)), nothing)
    how === nothing && return nothing
    name = basename(path)
    tracker_suffix(name[1:prevind(name, end, length(suffix_of(path)))]) in TRACKER_SUFFIXES || return nothing
    return "expected a tracker file, found one compressed with $how; decompress it first"
end

"""Return the fix for a ZIP archive with tracker files; nothing for other archives and files."""
function reason_for_archive(path)
    names = filter(archive_names(path)) do name
        return tracker_suffix(name) in TRACKER_SUFFIXES && !occursin("__MACOSX/", name)
    end
    isempty(names) && return nothing
    return "expected tracker files, found an archive of them ($(listed(names))); unpack it"
end

const ZIP_END = b"PK\x05\x06"
const ZIP_ENTRY = b"PK\x01\x02"
const ZIP_TAIL = 22 + 65535  # bytes: the record at the end, and the longest comment

"""Return the names in a ZIP archive (APPNOTE.TXT, 4.3.12 and 4.3.16); none if it is damaged or has no such list."""
function archive_names(path)
    names = String[]
    try
        isfile(path) || return names
        open(path) do io
            seek(io, max(0, filesize(io) - ZIP_TAIL))
            tail = read(io)
            at = findlast(i -> starts_with(view(tail, i:length(tail)), ZIP_END), 1:length(tail) - 21)
            at === nothing && return nothing
            number(from, n) = foldr((byte, sum) -> sum << 8 | byte, from[1:n]; init=0)
            seek(io, number(tail[at + 16:at + 19], 4))
            directory = read(io, number(tail[at + 12:at + 15], 4))
            i = 1
            while i + 45 <= length(directory) && starts_with(view(directory, i:length(directory)), ZIP_ENTRY)
                sizes = [number(directory[i + offset:i + offset + 1], 2) for offset in (28, 30, 32)]
                name = String(directory[i + 46:min(i + 45 + sizes[1], end)])
                push!(names, isvalid(name) ? name : "?")
                i += 46 + sum(sizes)
            end
            return nothing
        end
    catch error
        error isa Union{SystemError,Base.IOError,EOFError} || rethrow()
    end
    return names
end
