# SPDX-License-Identifier: Apache-2.0
# cmake --install: the headers, both libraries, the command line, the CMake package and the pkg-config files.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ingot")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/ingot" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(TARGETS ingot_runtime_shared ingot_shared EXPORT ingotTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT development)
install(EXPORT ingotTargets NAMESPACE ingot:: DESTINATION "${package_dir}" COMPONENT development)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ingotConfigVersion.cmake" COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_SOURCE_DIR}/cmake/ingotConfig.cmake" "${PROJECT_BINARY_DIR}/ingotConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT development)

# PC_PREFIX, LIBRARY and DESCRIPTION fill ingot.pc.in. The prefix is relative, so the installed tree may be moved.
file(RELATIVE_PATH to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(CONCAT PC_PREFIX "\${pcfiledir}/" "${to_prefix}")
foreach(LIBRARY IN ITEMS ingot ingot_runtime)
  set(DESCRIPTION "${PROJECT_DESCRIPTION}")
  if(LIBRARY STREQUAL "ingot_runtime")
    string(APPEND DESCRIPTION ": runtime only")
  endif()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/ingot.pc.in" "${PROJECT_BINARY_DIR}/${LIBRARY}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${LIBRARY}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    COMPONENT development)
endforeach()

if(TARGET ingot_cli)
  install(TARGETS ingot_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
endif()
