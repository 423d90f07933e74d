// SPDX-License-Identifier: Apache-2.0
// VectorProgram: an expression compiled to block operations. A run evaluates all instructions over one block of
// elements whose intermediate values stay in a scratch buffer of kScratchBytes (so in the first-level cache). Immutable
// after compile(); run() is thread-safe with scratch of the caller's own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backends/cpu/kernels/vector_ops.h"
#include "expr/expr.h"

namespace ingot::cpu {

class VectorProgram {
 public:
  static constexpr std::size_t kScratchBytes = 24 << 10;
  static constexpr std::int64_t kMaxBlock = 1024;

  // nullopt when a type or an operation has no block operation, or there are too many live values.
  static std::optional<VectorProgram> compile(const Expr& expr);

  // The most elements of one run, a multiple of 16.
  [[nodiscard]] std::int64_t block() const { return block_; }
  [[nodiscard]] std::size_t inputs() const { return input_types_.size(); }
  [[nodiscard]] DType input_type(std::size_t i) const { return input_types_[i]; }
  [[nodiscard]] DType result_type() const { return result_type_; }
  // A rough number of vector operations per element, for the choice of task sizes.
  [[nodiscard]] std::int64_t cost() const { return cost_; }

  // inputs: in memory form of their types, step 0 only on splats. `out` may lie exactly over an input of equally wide
  // elements. scratch: kScratchBytes, 64-byte aligned.
  void run(std::int64_t n, const BlockArg* inputs, void* out, std::byte* scratch) const;

 private:
  enum class Place : std::uint8_t { input, slot, constant };
  struct Ref {
    Place place = Place::input;
    std::int32_t index = 0;
  };
  struct Step {
    BlockOp op = nullptr;
    Ref args[kMaxBlockArgs];
    int arity = 0;
    std::int32_t slot = -1;  // -1: the output
  };
  struct alignas(64) Splat {
    std::byte bytes[kSplatBytes];
  };

  friend class ProgramCompiler;

  std::vector<DType> input_types_;
  DType result_type_ = DType::undefined;
  std::vector<Step> loads_, steps_;
  std::vector<Splat> constants_;
  std::int32_t slots_ = 0;
  std::size_t slot_bytes_ = 0;
  std::size_t result_bytes_ = 4;
  std::int64_t block_ = kMaxBlock;
  std::int64_t cost_ = 1;
};

// Fills kSplatBytes at `splat` with one element of 1, 2, 4 or 8 bytes.
void make_splat(const void* element, std::size_t element_bytes, std::byte* splat);

}  // namespace ingot::cpu
