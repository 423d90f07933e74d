// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/expr_vector.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/expr_fusion.h"

namespace ingot::cpu {

void make_splat(const void* element, std::size_t element_bytes, std::byte* splat) {
  for (std::size_t at = 0; at < kSplatBytes; at += element_bytes) std::memcpy(splat + at, element, element_bytes);
}

// Turns instructions into steps and gives values slots by their last use.
class ProgramCompiler {
 public:
  explicit ProgramCompiler(const Expr& expr) : expr_(expr), fusion_(expr) {}

  bool compile() {
    for (const DType type : expr_.input_types())
      if (class_of_type(type) == VecClass::none) return false;
    program_.input_types_ = expr_.input_types();
    find_last_uses();
    inputs_.resize(expr_.input_types().size());
    values_.resize(expr_.instrs().size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i] = {VectorProgram::Place::input, static_cast<int>(i)};
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (input_used_[i] && !fusion_.reads_bytes(i) && find_load(input_types()[i]) != nullptr) add_load(i);
    for (std::size_t i = 0; i < expr_.instrs().size(); ++i)
      if (!add(i)) return false;
    return finish();
  }
  VectorProgram take() { return std::move(program_); }

 private:
  using Ref = VectorProgram::Ref;
  using Place = VectorProgram::Place;
  using Step = VectorProgram::Step;

  const std::vector<DType>& input_types() const { return expr_.input_types(); }
  DType type_of(ExprArg arg) const {
    return arg < 0 ? input_types()[static_cast<std::size_t>(-arg - 1)]
                   : expr_.instrs()[static_cast<std::size_t>(arg)].type;
  }
  Ref ref(ExprArg arg) const {
    return arg < 0 ? inputs_[static_cast<std::size_t>(-arg - 1)] : values_[static_cast<std::size_t>(arg)];
  }

  void find_last_uses() {
    last_use_.assign(expr_.instrs().size(), 0);
    input_used_.assign(input_types().size(), false);
    for (std::size_t i = 0; i < expr_.instrs().size(); ++i) {
      const ExprInstr& instr = expr_.instrs()[i];
      for (int k = 0; k < arity_of_instr(instr); ++k) {
        if (instr.args[k] < 0)
          input_used_[static_cast<std::size_t>(-instr.args[k] - 1)] = true;
        else
          last_use_[static_cast<std::size_t>(instr.args[k])] = i;
      }
    }
    if (!last_use_.empty()) last_use_.back() = expr_.instrs().size();
    if (expr_.instrs().empty() && !input_used_.empty()) input_used_[0] = true;
  }

  std::int32_t new_slot() {
    for (std::size_t i = 0; i < slot_free_.size(); ++i)
      if (slot_free_[i]) {
        slot_free_[i] = false;
        return static_cast<std::int32_t>(i);
      }
    slot_free_.push_back(false);
    return static_cast<std::int32_t>(slot_free_.size() - 1);
  }

  void grow(VecClass cls) { widest_ = std::max(widest_, bytes_of_class(cls)); }

  // Converted inputs keep their slots for the whole run.
  void add_load(std::size_t i) {
    const std::int32_t slot = new_slot();
    program_.loads_.push_back({find_load(input_types()[i]), {inputs_[i]}, 1, slot});
    inputs_[i] = {Place::slot, slot};
    grow(class_of_type(input_types()[i]));
  }

  bool add(std::size_t index) {
    const ExprInstr& instr = expr_.instrs()[index];
    const VecClass cls = class_of_type(instr.type);
    if (cls == VecClass::none) return false;
    grow(cls);
    if (instr.op == ExprOp::kConst) {
      add_constant(index, instr, cls);
      return true;
    }
    if (fusion_.is_inner(index)) return true;
    if (const FusedInstrs* fused = fusion_.at(index); fused != nullptr) {
      add_fused(index, *fused);
      return true;
    }
    Step step;
    step.arity = arity_of_instr(instr);
    for (int k = 0; k < step.arity; ++k) step.args[k] = ref(instr.args[k]);
    if (instr.op == ExprOp::kCast) {
      const VecClass from = class_of_type(type_of(instr.args[0]));
      step.op = cls == VecClass::i32 && instr.type != DType::i32 ? find_wrapping_cast(from) : find_cast(from, cls);
    } else {
      step.op = specialised(instr, step);
      if (step.op == nullptr) step.op = find_op(instr.op, class_of_type(type_of(instr.args[step.arity - 1])));
    }
    if (step.op == nullptr) return false;
    // A slot whose value ends here may take the result: operations allow exact overlap only for equal widths, so slots
    // of dying operands are freed after the result has its own.
    step.slot = new_slot();
    values_[index] = {Place::slot, step.slot};
    program_.steps_.push_back(step);
    if (const BlockOp rounding = find_rounding(instr.type); rounding != nullptr)
      program_.steps_.push_back({rounding, {values_[index]}, 1, step.slot});
    for (int k = 0; k < step.arity; ++k) {
      const ExprArg arg = instr.args[k];
      if (arg >= 0 && last_use_[static_cast<std::size_t>(arg)] == index && ref(arg).place == Place::slot)
        slot_free_[static_cast<std::size_t>(ref(arg).index)] = true;
    }
    program_.cost_ += instr.type == DType::f32 && step.arity > 1 ? 1 : 8;
    return true;
  }

  void add_fused(std::size_t index, const FusedInstrs& fused) {
    Step step;
    step.op = fused.op;
    for (const ExprArg arg : fused.args) {
      step.args[step.arity++] = ref(arg);
      if (fused.adds_zero && step.arity == 1) step.args[step.arity++] = add_splat(0.F);
    }
    if (!fused.stores) {
      step.slot = new_slot();
      values_[index] = {Place::slot, step.slot};
    }
    program_.steps_.push_back(step);
    // What the inner instructions used last is free as well.
    for (const ExprArg arg : fused.args)
      if (arg >= 0 && last_use_[static_cast<std::size_t>(arg)] <= index && ref(arg).place == Place::slot)
        slot_free_[static_cast<std::size_t>(ref(arg).index)] = true;
    program_.cost_ += static_cast<std::int64_t>(fused.args.size());
  }

  template <typename T>
  Ref add_splat(T value) {
    VectorProgram::Splat splat{};
    make_splat(&value, sizeof(value), splat.bytes);
    program_.constants_.push_back(splat);
    return {Place::constant, static_cast<std::int32_t>(program_.constants_.size()) - 1};
  }

  // Powers by a constant that have a cheaper exact form.
  BlockOp specialised(const ExprInstr& instr, Step& step) const {
    if (instr.op != ExprOp::k_pow || instr.type != DType::f32 || instr.args[1] < 0) return nullptr;
    const ExprInstr& exponent = expr_.instrs()[static_cast<std::size_t>(instr.args[1])];
    if (exponent.op != ExprOp::kConst || exponent.imm != 2) return nullptr;
    step.args[1] = step.args[0];
    return find_op(ExprOp::k_mul, VecClass::f32);
  }

  void add_constant(std::size_t index, const ExprInstr& instr, VecClass cls) {
    const auto fill = [&](auto value) { values_[index] = add_splat(value); };
    switch (cls) {
      case VecClass::f32: fill(static_cast<float>(instr.imm)); break;
      case VecClass::f64: fill(instr.imm); break;
      case VecClass::i32: fill(static_cast<std::int32_t>(instr.imm_int)); break;
      case VecClass::i64: fill(instr.imm_int); break;
      case VecClass::u64: fill(static_cast<std::uint64_t>(instr.imm_int)); break;
      case VecClass::b8: fill(static_cast<std::uint8_t>(instr.imm != 0)); break;
      case VecClass::none: break;
    }
  }

  bool finish() {
    const DType type = expr_.instrs().empty() ? (input_types().empty() ? DType::undefined : input_types()[0])
                                              : expr_.instrs().back().type;
    const VecClass cls = class_of_type(type);
    if (cls == VecClass::none) return false;
    program_.result_type_ = type;
    program_.result_bytes_ = static_cast<std::size_t>(bits_of(type)) / 8;
    const Ref result = expr_.instrs().empty() ? ref(expr_input(0)) : values_.back();
    const FusedInstrs* fused = expr_.instrs().empty() ? nullptr : fusion_.at(expr_.instrs().size() - 1);
    if (fused != nullptr && fused->stores) {
      // The bytes are in the output.
    } else if (const BlockOp store = find_store(type); store != nullptr) {
      program_.steps_.push_back({store, {result}, 1, -1});
    } else if (result.place == Place::slot) {
      program_.steps_.back().slot = -1;  // the last operation writes the output itself
    } else {
      program_.steps_.push_back({find_cast(cls, cls), {result}, 1, -1});
    }
    program_.slots_ = static_cast<std::int32_t>(slot_free_.size());
    const std::size_t slots = std::max<std::size_t>(slot_free_.size(), 1);
    const auto block = static_cast<std::int64_t>(VectorProgram::kScratchBytes / (slots * widest_) / 64 * 64);
    program_.block_ = std::min(block, VectorProgram::kMaxBlock);
    program_.slot_bytes_ = static_cast<std::size_t>(program_.block_) * widest_;
    return program_.block_ >= 64;
  }

  const Expr& expr_;
  ExprFusion fusion_;
  VectorProgram program_;
  std::vector<std::size_t> last_use_;
  std::vector<bool> input_used_, slot_free_;
  std::vector<Ref> inputs_, values_;
  std::size_t widest_ = 1;
};

std::optional<VectorProgram> VectorProgram::compile(const Expr& expr) {
  ProgramCompiler compiler(expr);
  if (!compiler.compile()) return std::nullopt;
  return compiler.take();
}

void VectorProgram::run(std::int64_t n, const BlockArg* inputs, void* out, std::byte* scratch) const {
  const auto execute = [&](const Step& step) {
    BlockArg args[kMaxBlockArgs];
    for (int k = 0; k < step.arity; ++k) {
      const Ref& ref = step.args[k];
      const auto index = static_cast<std::size_t>(ref.index);
      switch (ref.place) {
        case Place::input: args[k] = inputs[index]; break;
        case Place::slot: args[k] = {scratch + index * slot_bytes_, 1}; break;
        case Place::constant: args[k] = {constants_[index].bytes, 0}; break;
      }
    }
    step.op(n, step.slot < 0 ? out : scratch + static_cast<std::size_t>(step.slot) * slot_bytes_, args);
  };
  for (const Step& step : loads_) execute(step);
  for (const Step& step : steps_) execute(step);
}

}  // namespace ingot::cpu
