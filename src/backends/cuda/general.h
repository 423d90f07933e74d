// SPDX-License-Identifier: Apache-2.0
// cuda.general: the operators that no tuned kernel serves, one row each. A row names a template of kernels/, the sizes
// and numbers that it reads, and a function that fills them in; types, memory, epilogues and launches are the same for
// all. Templates compute an element or a line of the output per thread (kernels/general.cuh).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/cuda/broadcast.h"
#include "backends/cuda/dynamic_run.h"
#include "backends/cuda/source.h"

namespace ingot::cuda {

struct GeneralOp;

// The parameters and launches of one step, under construction.
class GeneralPlan {
 public:
  GeneralPlan(const GeneralOp& op, const PlanArgs& args);
  [[nodiscard]] const PlanArgs& args() const { return args_; }
  [[nodiscard]] const Problem& problem() const { return args_.problem; }
  [[nodiscard]] const Attrs& attrs() const { return args_.problem.attrs; }
  [[nodiscard]] bool has(std::size_t input) const {
    return problem().has_input(input) && (input >= args_.inputs.size() || args_.inputs[input].present());
  }
  [[nodiscard]] const Operand& in(std::size_t i) const { return args_.inputs[i]; }
  [[nodiscard]] const Operand& out(std::size_t i) const { return args_.outputs[i]; }
  [[nodiscard]] const Shape& shape(std::size_t input) const { return args_.inputs[input].shape; }
  [[nodiscard]] std::size_t inputs() const { return args_.problem.own_inputs(); }
  // The integers of an operand that the host knows; `otherwise` when it is absent.
  [[nodiscard]] Result<Ints> ints(std::size_t input, const Ints& otherwise) const;
  [[nodiscard]] Result<std::int64_t> integer(std::size_t input, std::int64_t otherwise) const;
  [[nodiscard]] Result<std::size_t> axis(std::int64_t axis, std::size_t rank) const;

  void set(std::string_view name, std::int64_t value);
  void set_all(std::string_view name, const Ints& values);
  void set_at(std::string_view name, std::size_t index, std::int64_t value);
  void number(std::string_view name, double value);
  // [outer][length][inner] around an axis of a shape, as OUTER, LENGTH and INNER.
  void set_line(const Shape& shape, std::size_t axis);

  // A thread per unit, or as many blocks as there are units.
  Status add(std::string entry, std::int64_t units);
  Status add_blocks(std::string entry, std::int64_t blocks, int threads = 256);
  // What DynamicRun launches.
  Result<std::vector<PlannedLaunch>> take();
  std::size_t workspace = 0;
  std::vector<std::byte> table;
  template <typename T>
  std::size_t append(const std::vector<T>& values) {
    table.resize((table.size() + 7) / 8 * 8);
    const std::size_t at = table.size();
    table.resize(at + values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(table.data() + at, values.data(), values.size() * sizeof(T));
    return at;
  }

  LaunchPlan finish();

 private:
  PlannedLaunch make(std::string entry, std::int64_t units);

  const GeneralOp& op_;
  const PlanArgs& args_;
  ingot_cuda::GeneralParams p_{};
  Status status_ = Status::ok();
  EpilogueLayout layout_;
  LaunchPlan plan_;
};

constexpr unsigned host(std::initializer_list<unsigned> operands) {
  unsigned mask = 0;
  for (const unsigned operand : operands) mask |= 1U << operand;
  return mask;
}

struct GeneralOp {
  std::string_view kind;
  std::string_view file;
  std::string_view sizes;    // names, "NAME*8" for an array
  std::string_view numbers;  // likewise
  Status (*plan)(GeneralPlan& plan);
  bool epilogue = false;
  Support (*supports)(const Problem& problem) = nullptr;
  std::string (*definitions)(const Problem& problem) = nullptr;
  unsigned host_inputs = 0;  // operands that the plan reads, as bits
  Result<std::vector<Shape>> (*shapes)(const PlanArgs& args) = nullptr;
  Family::Run run = nullptr;
  // Takes elements of every width (narrow.h); functions follow general.cuh and narrow.cuh in the source.
  bool narrow = false;
  std::string (*functions)(const Problem& problem) = nullptr;
};

const GeneralOp* find_general(std::string_view kind);
// For rows whose shapes only the data decide: what the reference evaluator says of a tensor of zeros in the place of
// operand 0, with the values that the host knows.
Result<std::vector<Shape>> shapes_by_reference(const PlanArgs& args);

// The tables of rows, one per file general_*.cc.
std::span<const GeneralOp> convolution_ops();
std::span<const GeneralOp> window_ops();
std::span<const GeneralOp> index_ops();
std::span<const GeneralOp> order_ops();
std::span<const GeneralOp> select_ops();
std::span<const GeneralOp> reduce_ops();
std::span<const GeneralOp> norm_ops();
std::span<const GeneralOp> attention_ops();
std::span<const GeneralOp> recurrent_ops();
std::span<const GeneralOp> quantize_ops();
std::span<const GeneralOp> product_ops();
std::span<const GeneralOp> resize_ops();
std::span<const GeneralOp> signal_ops();
std::span<const GeneralOp> generator_ops();
std::span<const GeneralOp> loss_ops();
std::span<const GeneralOp> ml_ops();
std::span<const GeneralOp> text_ops();

}  // namespace ingot::cuda
