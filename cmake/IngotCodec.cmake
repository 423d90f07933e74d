# SPDX-License-Identifier: Apache-2.0
# ingot_codec(FOLDER NAME LIBRARY FUNCTION HEADER...)
#
# Where the headers and the shared library are there and have the function, the folder's code is compiled with
# INGOT_NAME_LIBRARY="libLIBRARY.so.N", the file to open at run time: its name says which interface the headers describe.
include(CheckCXXSymbolExists)

function(ingot_codec folder name library function)
  set(headers ${ARGN})
  list(GET headers -1 header)
  find_library(INGOT_${name}_FILE NAMES ${library})
  find_path(INGOT_${name}_INCLUDE_DIR NAMES ${header} PATH_SUFFIXES openjpeg-2.5 openjpeg-2.4)
  mark_as_advanced(INGOT_${name}_FILE INGOT_${name}_INCLUDE_DIR)
  set(found FALSE)
  if(INGOT_${name}_FILE AND INGOT_${name}_INCLUDE_DIR)
    set(CMAKE_REQUIRED_INCLUDES "${INGOT_${name}_INCLUDE_DIR}")
    set(CMAKE_REQUIRED_LIBRARIES "${INGOT_${name}_FILE}")
    check_cxx_symbol_exists(${function} "${headers}" INGOT_${name}_WORKS)
    execute_process(COMMAND "${CMAKE_READELF}" -d "${INGOT_${name}_FILE}" OUTPUT_VARIABLE dynamic ERROR_QUIET)
    if(INGOT_${name}_WORKS AND dynamic MATCHES "\\(SONAME\\)[^\n]*\\[([^]]+)\\]")
      set(found TRUE)
      set(soname "${CMAKE_MATCH_1}")
    endif()
  endif()
  if(NOT found)
    message(STATUS "ImageDecoder: built without lib${library}, its format will be refused")
    return()
  endif()
  # Of the system, lest the project's warnings judge them; after the others, lest they bring the whole system's.
  target_compile_options(ingot_${folder} PRIVATE "SHELL:-idirafter ${INGOT_${name}_INCLUDE_DIR}")
  target_compile_definitions(ingot_${folder} PRIVATE INGOT_${name}_LIBRARY="${soname}")
endfunction()
