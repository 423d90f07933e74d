# SPDX-License-Identifier: Apache-2.0
# ingot_library(NAME DEPS a b ... [LIBRARIES x y ...])
#
# One target per source folder: every .cc in the folder except *_test.cc goes into the object-like static library
# ingot_NAME, every *_test.cc into the test program ingot_NAME_test. DEPS are other folders (public), LIBRARIES are
# external (private to the folder).
function(ingot_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBRARIES" ${ARGN})
  file(GLOB all CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  set(target ingot_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ingot_options ${ARG_LIBRARIES})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(${target} ${scope} fmt::fmt)
  foreach(dependency IN LISTS ARG_DEPS)
    target_link_libraries(${target} ${scope} ingot_${dependency})
  endforeach()

  if(INGOT_BUILD_TESTS AND tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE ${target} ingot_options ${ARG_LIBRARIES} GTest::gtest_main GTest::gmock)
    add_test(NAME ${name} COMMAND ${target}_test)
  endif()
endfunction()
