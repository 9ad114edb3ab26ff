# Print the paths of this Julia: its library, the folder of its program, its system image.
using Libdl
library = first(filter(path -> occursin(r"libjulia[.\d]*\.", basename(path)), dllist()))
print(library, '\0', Sys.BINDIR, '\0', unsafe_string(Base.JLOptions().image_file))
