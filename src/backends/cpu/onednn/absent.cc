// SPDX-License-Identifier: Apache-2.0
// The oneDNN tactics of a build without its headers: known by name, and they refuse.
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

Support absent(const Problem&) { return Support::no(Refusal::kLibrary, "built without oneDNN"); }
Result<std::unique_ptr<Kernel>> cannot_load(const Problem&) { return incompatible("built without oneDNN"); }

}  // namespace

const Tactic& onednn_conv_tactic() {
  static const SimpleTactic tactic("onednn.conv", {"Conv"}, absent, cannot_load);
  return tactic;
}

const Tactic& onednn_matmul_tactic() {
  static const SimpleTactic tactic("onednn.matmul", {"MatMul"}, absent, cannot_load);
  return tactic;
}

}  // namespace ingot::cpu
