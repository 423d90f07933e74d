// SPDX-License-Identifier: Apache-2.0
// IExprBuilder three times over: on the engine's symbols while a model is read, on numbers with the upper bounds of
// what the data decide, and on numbers with the sizes that a launch has found.
#pragma once
#pragma GCC system_header

#include <limits>
#include <memory>

#include "types.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  // What TensorRT says where a size is asked for that is not constant.
  constexpr DimSize kUnknownSize = std::numeric_limits<std::int32_t>::min();

  // `dim` is a handle of the engine while there are symbols; otherwise `value` is known.
  class Expr final : public IDimensionExpr {
   public:
    bool isConstant() const override { return known && !size_tensor; }
    DimSize getConstantValue() const override { return known ? static_cast<DimSize>(value) : kUnknownSize; }
    bool isSizeTensor() const override { return size_tensor; }

    ingot_plugin_dim dim = 0;
    std::int64_t value = 0;
    bool known = false, size_tensor = false, depends_on_data = false;
  };

  class Builder final : public IExprBuilder {
   public:
    // On the engine's symbols.
    explicit Builder(const ingot_plugin_infer* call) : call_(call) {}
    // On numbers; `sizes` holds what the size tensors said, by output.
    explicit Builder(const std::vector<std::int64_t>& sizes) : sizes_(&sizes) {}
    // On numbers, with what the plugin expects of a size tensor: at the optimum, or at most.
    enum class Expect { kOpt, kMost };
    explicit Builder(Expect expect) : expect_(expect) {}

    IDimensionExpr const* constant(DimSize value) override {
      constant_of_unknown_ = constant_of_unknown_ || value == kUnknownSize;
      Expr& out = make();
      out.known = true;
      out.value = value;
      if (call_ != nullptr) out.dim = call_->constant(call_->host, value);
      return &out;
    }
    IDimensionExpr const* wrap(ingot_plugin_dim dim) {
      Expr& out = make();
      out.dim = dim;
      out.known = call_->is_constant(call_->host, dim, &out.value) != 0;
      return &out;
    }
    // An element of a shape input that only a run brings; while a model is read.
    IDimensionExpr const* unknown_size() {
      Expr& out = make();
      out.depends_on_data = true;
      out.dim =
          call_->data_dependent(call_->host, call_->constant(call_->host, std::numeric_limits<std::int32_t>::max()));
      return &out;
    }
    IDimensionExpr const* operation(DimensionOperation op, IDimensionExpr const& first,
                                    IDimensionExpr const& second) override {
      static const std::int32_t kOperations[] = {INGOT_PLUGIN_ADD,  INGOT_PLUGIN_MUL,       INGOT_PLUGIN_MAX,
                                                 INGOT_PLUGIN_MIN,  INGOT_PLUGIN_SUB,       INGOT_PLUGIN_EQUAL,
                                                 INGOT_PLUGIN_LESS, INGOT_PLUGIN_FLOOR_DIV, INGOT_PLUGIN_CEIL_DIV};
      const auto& a = static_cast<const Expr&>(first);
      const auto& b = static_cast<const Expr&>(second);
      Expr& out = make();
      out.depends_on_data = a.depends_on_data || b.depends_on_data;
      if (call_ != nullptr) {
        out.dim = call_->combine(call_->host, kOperations[static_cast<int>(op)], a.dim, b.dim);
        out.known = call_->is_constant(call_->host, out.dim, &out.value) != 0;
      } else {
        out.known = true;
        out.value = combine(op, a.value, b.value);
      }
      return &out;
    }
    IDimensionExpr const* declareSizeTensor(std::int32_t output, IDimensionExpr const& opt,
                                            IDimensionExpr const& upper) override {
      const auto& bound = static_cast<const Expr&>(expect_ == Expect::kOpt ? opt : upper);
      Expr& out = make();
      out.size_tensor = true;
      out.depends_on_data = true;
      if (size_outputs_.size() <= static_cast<std::size_t>(output))
        size_outputs_.resize(static_cast<std::size_t>(output) + 1);
      size_outputs_[static_cast<std::size_t>(output)] = true;
      if (call_ != nullptr) {
        out.dim = call_->data_dependent(call_->host, bound.dim);
      } else {
        out.known = true;
        out.value = sizes_ != nullptr ? (*sizes_)[static_cast<std::size_t>(output)] : bound.value;
      }
      return &out;
    }
    // Whether the plugin took a symbolic dimension for a number.
    bool constant_of_unknown() const { return constant_of_unknown_; }
    // Whether an output was declared to carry a size.
    bool is_size(std::int32_t output) const {
      return static_cast<std::size_t>(output) < size_outputs_.size() && size_outputs_[static_cast<std::size_t>(output)];
    }

   private:
    Expr& make() {
      exprs_.emplace_back();
      return exprs_.back();
    }
    static std::int64_t combine(DimensionOperation op, std::int64_t a, std::int64_t b) {
      const auto floor_div = [](std::int64_t x, std::int64_t y) {
        if (y == 0) throw std::runtime_error("a size is divided by zero");
        return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
      };
      switch (op) {
        case DimensionOperation::kSUM: return a + b;
        case DimensionOperation::kPROD: return a * b;
        case DimensionOperation::kMAX: return a > b ? a : b;
        case DimensionOperation::kMIN: return a < b ? a : b;
        case DimensionOperation::kSUB: return a - b;
        case DimensionOperation::kEQUAL: return a == b ? 1 : 0;
        case DimensionOperation::kLESS: return a < b ? 1 : 0;
        case DimensionOperation::kFLOOR_DIV: return floor_div(a, b);
        default: return -floor_div(-a, b);
      }
    }

    const ingot_plugin_infer* call_ = nullptr;
    const std::vector<std::int64_t>* sizes_ = nullptr;
    Expect expect_ = Expect::kMost;
    std::deque<Expr> exprs_;
    std::vector<bool> size_outputs_;
    bool constant_of_unknown_ = false;
  };

}  // namespace )
