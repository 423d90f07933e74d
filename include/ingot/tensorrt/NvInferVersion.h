// SPDX-License-Identifier: Apache-2.0
// Which release of TensorRT's plugin interface the sources are compiled as: 10 unless the build defines
// INGOT_TENSORRT_MAJOR as 7 or 8. Dims holds 64-bit sizes from 10 on, 32-bit ones before; INGOT_TENSORRT_DIMS32 asks
// for 32 bits in any case, for sources that take `int*` from it.
#pragma once

#ifndef INGOT_TENSORRT_MAJOR
#define INGOT_TENSORRT_MAJOR 10
#endif

#if INGOT_TENSORRT_MAJOR >= 10
#define NV_TENSORRT_MAJOR 10
#define NV_TENSORRT_MINOR 16
#define NV_TENSORRT_PATCH 0
#elif INGOT_TENSORRT_MAJOR == 8
#define NV_TENSORRT_MAJOR 8
#define NV_TENSORRT_MINOR 6
#define NV_TENSORRT_PATCH 1
#else
#define NV_TENSORRT_MAJOR 7
#define NV_TENSORRT_MINOR 2
#define NV_TENSORRT_PATCH 3
#endif
#define NV_TENSORRT_BUILD 0

#define NV_TENSORRT_SONAME_MAJOR NV_TENSORRT_MAJOR
#define NV_TENSORRT_SONAME_MINOR NV_TENSORRT_MINOR
#define NV_TENSORRT_SONAME_PATCH NV_TENSORRT_PATCH
#if NV_TENSORRT_MAJOR >= 10
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#else
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*1000 + (minor)*100 + (patch))
#endif
#define NV_TENSORRT_VERSION NV_TENSORRT_VERSION_INT(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH)
#define NV_TENSORRT_RELEASE_TYPE_EARLY_ACCESS 0
#define NV_TENSORRT_RELEASE_TYPE_RELEASE_CANDIDATE 1
#define NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY 2
#define NV_TENSORRT_RELEASE_TYPE NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY

#if !defined(INGOT_TENSORRT_DIMS32) && NV_TENSORRT_MAJOR < 10
#define INGOT_TENSORRT_DIMS32 1
#endif
