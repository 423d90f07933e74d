// SPDX-License-Identifier: Apache-2.0
#include "plugin/check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/text_scanner.h"
#include "plugin/evaluate.h"
#include "plugin/guard.h"
#include "tensor/tensor_text.h"

namespace ingot::plugin {
namespace {

// Bytes that make two runs differ wherever a kernel leaves its output as it was.
constexpr std::byte kFills[] = {std::byte{0x11}, std::byte{0x6e}};

struct Case {
  std::vector<HostTensor> inputs;
  std::vector<const HostTensor*> pointers;
  Problem problem;
  std::int64_t elements = 0;
};

// Values for required attributes that the caller did not give.
Attrs complete(const Operator& op, Attrs attrs) {
  for (const ingot_plugin_attribute& spec : op.attributes) {
    if (spec.required == 0 || attrs.has(spec.name)) continue;
    const double number = spec.has_range != 0 ? std::clamp(1.0, spec.least, spec.most) : 1.0;
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(spec.least_count, 1));
    const std::string choices = spec.choices != nullptr ? spec.choices : "";
    switch (spec.type) {
      case INGOT_PLUGIN_INT: attrs.set(spec.name, static_cast<std::int64_t>(number)); break;
      case INGOT_PLUGIN_FLOAT: attrs.set(spec.name, number); break;
      case INGOT_PLUGIN_STRING: attrs.set(spec.name, choices.substr(0, choices.find('|'))); break;
      case INGOT_PLUGIN_INTS: attrs.set(spec.name, Ints(count, static_cast<std::int64_t>(number))); break;
      case INGOT_PLUGIN_FLOATS: attrs.set(spec.name, Floats(count, number)); break;
      default: break;  // the shape rule will say that it is missing
    }
  }
  return attrs;
}

class Checker {
 public:
  Checker(const Operator& op, const CheckOptions& options)
      : op_(op), options_(options), attrs_(complete(op, options.attrs)), random_(options.seed) {}

  CheckReport run() {
    report_.has_reference = op_.api.reference != nullptr;
    if ((op_.api.devices & options_.device) == 0) {
      report_.note = fmt::format("it has no kernel for {}", options_.device == INGOT_PLUGIN_CPU ? "the CPU" : "CUDA");
      return report_;
    }
    constexpr int kAttempts = 40;  // for each case: most operators accept few ranks and types
    std::string refusal;
    for (int i = 0; i < options_.cases * kAttempts && report_.cases < options_.cases; ++i) {
      Case drawn;
      if (Status status = draw(drawn); !status.is_ok()) {
        refusal = status.message();
        continue;
      }
      ++report_.cases;
      try_case(drawn);
    }
    if (report_.cases == 0) report_.note = "its shape rule accepts none of the operands that were tried: " + refusal;
    return report_;
  }

 private:
  std::int64_t pick(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }

  // Sizes of 0 and 1 are frequent.
  std::int64_t pick_size() { return pick(0, 9) == 0 ? 0 : pick(0, 3) == 0 ? 1 : pick(2, 9); }

  // Equal ranks and mostly equal sizes: operands usually belong together.
  std::vector<std::pair<DType, Shape>> draw_types() {
    const std::int64_t most = op_.api.most_inputs < 0 ? op_.api.least_inputs + 2 : op_.api.most_inputs;
    const std::int64_t count = pick(op_.api.least_inputs, std::max<std::int64_t>(most, op_.api.least_inputs));
    Shape shape;
    const std::int64_t rank = pick(0, 5);
    for (std::int64_t i = 0; i < rank; ++i) shape.push_back(pick_size());
    const DType type = pick(0, 3) == 0 ? DType::f16 : DType::f32;
    std::vector<std::pair<DType, Shape>> out;
    for (std::int64_t i = 0; i < count; ++i) {
      Shape own = shape;
      if (i > 0 && !own.empty() && pick(0, 2) == 0) own[static_cast<std::size_t>(pick(0, rank - 1))] = pick(1, 9);
      if (i > 0 && pick(0, 5) == 0) own.resize(static_cast<std::size_t>(pick(0, rank)));
      out.emplace_back(pick(0, 9) == 0 ? DType::i64 : type, std::move(own));
    }
    return out;
  }

  Result<std::vector<std::pair<DType, Shape>>> draw_given_types() {
    std::map<std::string, std::int64_t, std::less<>> sizes;
    std::vector<std::pair<DType, Shape>> out;
    for (const OperandPattern& pattern : options_.inputs) {
      Shape shape;
      for (const Dim& dim : pattern.shape) {
        std::vector<std::string> names;
        dim.collect_symbols(names);
        for (const std::string& name : names)
          if (!sizes.contains(name)) sizes[name] = pick_size();
        INGOT_ASSIGN_OR_RETURN(const std::int64_t size, dim.evaluate(sizes));
        shape.push_back(size);
      }
      out.emplace_back(pattern.dtype, std::move(shape));
    }
    return out;
  }

  Status draw(Case& out) {
    std::vector<std::pair<DType, Shape>> types;
    if (options_.inputs.empty()) {
      types = draw_types();
    } else {
      INGOT_ASSIGN_OR_RETURN(types, draw_given_types());
    }
    for (const auto& [dtype, shape] : types) {
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, shape));
      for (std::int64_t k = 0; k < tensor.elements(); ++k) {
        if (is_float(tensor.dtype())) {
          tensor.set_double(k, std::normal_distribution<double>()(random_));
        } else {
          tensor.set_int(k, pick(0, tensor.dtype() == DType::boolean ? 1 : 3));
        }
      }
      out.elements += tensor.elements();
      out.inputs.push_back(std::move(tensor));
    }
    for (const HostTensor& tensor : out.inputs) out.pointers.push_back(&tensor);
    const auto outputs = static_cast<std::size_t>(std::max({op_.api.least_outputs, 1, options_.outputs}));
    INGOT_ASSIGN_OR_RETURN(out.problem, make_problem(op_, attrs_, out.pointers, outputs));
    return Status::ok();
  }

  void fail(const Case& drawn, const KernelOptions& options, std::string why) {
    if (drawn.elements >= smallest_) return;
    smallest_ = drawn.elements;
    report_.failure = fmt::format("{} tactic {}: {}", options.combination.to_string(), options.tactic, why);
    report_.problem = drawn.problem.to_string();
  }

  void try_case(const Case& drawn) {
    std::vector<HostTensor> expected;
    if (report_.has_reference) {
      auto results = run_problem(op_, drawn.problem, drawn.pointers, reference_options(drawn.problem));
      if (!results.is_ok()) return fail(drawn, reference_options(drawn.problem), results.status().message());
      expected = std::move(*results);
    }
    const Result<Values> values = Values::read(op_, attrs_);
    const auto combinations = usable_combinations(op_, *values, drawn.problem, options_.device);
    if (!combinations.is_ok()) return;  // the builder would refuse these types with the same words
    for (const Combination& combination : *combinations) {
      KernelOptions options;
      options.combination = combination;
      const auto tactics = tactics_of(op_, drawn.problem, combination, options_.device);
      if (!tactics.is_ok()) return fail(drawn, options, tactics.status().message());
      for (const ingot_plugin_tactic& tactic : *tactics) {
        options.tactic = tactic.id;
        try_kernel(drawn, options, expected);
      }
    }
  }

  void try_kernel(const Case& drawn, const KernelOptions& options, std::vector<HostTensor>& expected) {
    std::vector<std::vector<HostTensor>> results;
    for (const std::byte fill : kFills) {
      auto once = options_.run ? options_.run(op_, drawn.problem, drawn.pointers, options, fill)
                               : run_problem(op_, drawn.problem, drawn.pointers, options, fill);
      ++report_.runs;
      // The builder would pass such a candidate over with the same words.
      if (once.status().code() == StatusCode::kUnsupported) return;
      if (!once.is_ok()) return fail(drawn, options, once.status().message());
      results.push_back(std::move(*once));
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      if (!op_.has_flag(INGOT_PLUGIN_IMPURE) && !same_content(results[0][i], results[1][i]))
        return fail(drawn, options, fmt::format("output {} differs from run to run, or is not written in full", i));
    }
    if (expected.empty()) expected = results[0];
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (const std::string why = difference(results[0][i], expected[i], options); !why.empty())
        return fail(drawn, options, fmt::format("output {}: {}", i, why));
  }

  // Roundings add up over a sum of as many terms as the operands have elements, as a random walk.
  [[nodiscard]] static double tolerance(DType narrowest, std::int64_t elements) {
    const double unit = narrowest == DType::bf16 ? 0x1p-8 : bits_of(narrowest) <= 16 ? 0x1p-11 : 0x1p-24;
    return 8 * unit * std::sqrt(static_cast<double>(std::max<std::int64_t>(elements, 1)));
  }

  static std::string difference(const HostTensor& got, const HostTensor& want, const KernelOptions& options) {
    if (got.shape() != want.shape())
      return fmt::format("shape {}, the reference has {}", to_string(got.shape()), to_string(want.shape()));
    DType narrowest = got.dtype();
    for (const auto* formats : {&options.combination.inputs, &options.combination.outputs})
      for (const Format& format : *formats)
        if (is_float(format.dtype) && (!is_float(narrowest) || bits_of(format.dtype) < bits_of(narrowest)))
          narrowest = format.dtype;
    double scale = 0;
    for (std::int64_t i = 0; i < want.elements(); ++i)
      if (std::isfinite(want.as_double(i))) scale = std::max(scale, std::abs(want.as_double(i)));
    const double allowed = is_float(got.dtype()) ? tolerance(narrowest, want.elements()) * scale : 0;
    for (std::int64_t i = 0; i < want.elements(); ++i) {
      const double a = got.as_double(i), b = want.as_double(i);
      if (std::abs(a - b) <= allowed || a == b || (std::isnan(a) && std::isnan(b))) continue;
      return fmt::format("element {} is {}, the reference says {} (allowed difference {:.1e})", i, a, b, allowed);
    }
    return "";
  }

  const Operator& op_;
  const CheckOptions& options_;
  Attrs attrs_;
  std::mt19937 random_;
  CheckReport report_;
  std::int64_t smallest_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace

Result<std::vector<OperandPattern>> parse_operand_patterns(std::string_view text) {
  TextScanner scanner(text);
  std::vector<OperandPattern> out;
  while (!scanner.at_end()) {
    if (!out.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
    OperandPattern& pattern = out.emplace_back();
    INGOT_ASSIGN_OR_RETURN(pattern.dtype, parse_dtype(scanner));
    INGOT_ASSIGN_OR_RETURN(pattern.shape, parse_sym_shape(scanner));
    if (!is_float(pattern.dtype) && !is_integer(pattern.dtype) && pattern.dtype != DType::boolean)
      return unsupported("random operands of type {} cannot be drawn: numbers and booleans can",
                         to_string(pattern.dtype));
  }
  return out;
}

CheckReport check_operator(const Operator& op, const CheckOptions& options) {
  const bool before = checking();
  set_checking(true);
  CheckReport report = Checker(op, options).run();
  set_checking(before);
  return report;
}

}  // namespace ingot::plugin
