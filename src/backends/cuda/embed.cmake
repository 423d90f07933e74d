# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=file.cc -DFOLDER=dir -P embed.cmake: the files of dir as string literals behind kernel_file().
file(GLOB FILES "${FOLDER}/*")
set(text "// Generated from the files of kernels/.\n#include \"backends/cuda/compiler.h\"\n\n")
set(rows "")
set(index 0)
foreach(file IN LISTS FILES)
  file(READ "${file}" content)
  get_filename_component(name "${file}" NAME)
  string(APPEND text "static constexpr std::string_view kFile${index} = R\"INGOT_FILE(${content})INGOT_FILE\";\n")
  string(APPEND rows "  if (name == \"${name}\") return kFile${index};\n")
  math(EXPR index "${index} + 1")
endforeach()
string(APPEND text "\nstd::string_view ingot::cuda::kernel_file(std::string_view name) {\n${rows}"
  "  INGOT_CHECK(false, \"no kernel file {}\", name);\n}\n")
file(WRITE "${OUT}" "${text}")
