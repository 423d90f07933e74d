// SPDX-License-Identifier: Apache-2.0
#include "plugin/load_advice.h"

#include <gtest/gtest.h>

namespace ingot::plugin {
namespace {

TEST(LoadAdvice, SaysWhatIsMissing) {
  const struct {
    const char *error, *advice;
  } cases[] = {
      {"./p.so: undefined symbol: cublasHgemm", "-lcublas"},
      {"./p.so: undefined symbol: cublasLtMatmul", "-lcublasLt"},
      {"./p.so: undefined symbol: cudnnCreate", "-lcudnn"},
      {"./p.so: undefined symbol: cudaMalloc, version libcudart.so.12", "-lcudart"},
      {"./p.so: undefined symbol: cuMemsetD32Async", "-lcuda"},
      {"./p.so: undefined symbol: curandCreateGenerator", "-lcurand"},
      {"./p.so: undefined symbol: createInferBuilder_INTERNAL", "built for TensorRT itself"},
      {"./p.so: undefined symbol: getPluginRegistry", "built for TensorRT itself"},
      {"./p.so: undefined symbol: _ZN4mmcv4poolEPfi", "mmcv::pool(float*, int) is in none of the files"},
      {"./p.so: undefined symbol: launch", "this function is in none of the files"},
      {"libnvinfer.so.8: cannot open shared object file: No such file or directory", "without -lnvinfer"},
      {"libnvinfer_plugin.so.10: cannot open shared object file: No such file or directory", "ingot/tensorrt"},
      {"libcublas.so.11: cannot open shared object file: No such file or directory", "install libcublas.so.11"},
  };
  for (const auto& one : cases)
    EXPECT_NE(load_advice(one.error).find(one.advice), std::string::npos) << one.error << load_advice(one.error);
  EXPECT_EQ(load_advice("./p.so: file too short"), "");
}

}  // namespace
}  // namespace ingot::plugin
