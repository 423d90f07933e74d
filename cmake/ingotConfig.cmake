# SPDX-License-Identifier: Apache-2.0
# find_package(ingot) gives two targets; link one of them:
#   ingot::runtime   loads and runs plans (ingot/ingot.h, ingot/ingot.hpp)
#   ingot::ingot     the same and the builder (ingot/builder.h, ingot/builder.hpp)
include("${CMAKE_CURRENT_LIST_DIR}/ingotTargets.cmake")
# Plugins need the headers alone; with ${INGOT_INCLUDE_DIR}/ingot/tensorrt also TensorRT's plugin classes.
get_target_property(INGOT_INCLUDE_DIR ingot::runtime INTERFACE_INCLUDE_DIRECTORIES)
