# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, sanitizers and ccache for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

find_program(INGOT_CCACHE ccache)
if(INGOT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${INGOT_CCACHE}")
endif()

add_library(ingot_options INTERFACE)
target_compile_definitions(ingot_options INTERFACE INGOT_VERSION="${PROJECT_VERSION}")
target_compile_options(ingot_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align -Woverloaded-virtual
  -Wnull-dereference -Wundef -fno-math-errno -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12's flow analysis reports impossible paths through inlined standard containers and variants.
  target_compile_options(ingot_options INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized -Wno-array-bounds
    -Wno-stringop-overflow -Wno-restrict)
endif()
if(INGOT_WERROR)
  target_compile_options(ingot_options INTERFACE -Werror)
endif()
if(INGOT_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumentation hides from GCC 12 where a vector's memory comes from.
  target_compile_options(ingot_options INTERFACE -Wno-free-nonheap-object)
endif()
foreach(sanitizer IN LISTS INGOT_SANITIZE)
  target_compile_options(ingot_options INTERFACE -fsanitize=${sanitizer} -fno-omit-frame-pointer)
  target_link_options(ingot_options INTERFACE -fsanitize=${sanitizer})
  if(sanitizer STREQUAL "undefined")
    target_compile_options(ingot_options INTERFACE -fno-sanitize-recover=undefined)
  endif()
endforeach()
