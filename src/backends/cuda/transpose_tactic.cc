// SPDX-License-Identifier: Apache-2.0
// cuda.transpose: Transpose, with an expression of one operand as its epilogue: types change while elements move. A
// config is the number of vectors that lie side by side along the longer side of a matrix.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>

#include "backends/cuda/copy_box.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::TransposeParams;

// As in the kernels.
constexpr std::int64_t kTileBytes = 16384, kBlockThreads = 128;
// Matrices below have no tiles, sides up to this one are in a tile with all their elements.
constexpr std::int64_t kSmallMatrix = 512, kShortSide = 64;

std::int64_t bytes_of_element(const Operand& operand) { return bits_of(operand.dtype) / 8; }
// Elements of 16 bytes.
std::int64_t wide(const Operand& operand) { return std::clamp<std::int64_t>(16 / bytes_of_element(operand), 1, 8); }

enum class Form { kBlocks, kGather, kSpread, kLines, kAny };

struct Layout {
  Form form = Form::kAny;
  bool vectors = false;  // of kGather and kSpread
  cpu::CopyBox box;
};

// All places of a side a multiple of n: those of the matrix's lines and those of the matrices.
bool multiples(const Ints& strides, std::size_t but, std::int64_t n) {
  for (std::size_t d = 0; d < strides.size(); ++d)
    if (d != but && strides[d] % n != 0) return false;
  return true;
}

Layout shape_of(const cpu::CopyBox& moved, const Operand& in, const Operand& out) {
  Layout shape;
  shape.box = merged(moved);
  cpu::CopyBox& box = shape.box;
  const std::size_t last = box.dims.size() - 1;
  if (box.in_strides.back() == 1) {
    const std::int64_t n = std::min(wide(in), wide(out));
    const bool even =
        box.dims.back() % n == 0 && multiples(box.in_strides, last, n) && multiples(box.out_strides, last, n);
    shape.form = even ? Form::kLines : Form::kAny;
    return shape;
  }
  if (!make_transpose(box, 2)) return shape;
  const std::int64_t rows = box.dims[last], columns = box.dims[last - 1];
  const std::int64_t in_pitch = box.in_strides[last], out_pitch = box.out_strides[last - 1];
  if (rows * columns < kSmallMatrix) return shape;
  const auto fits = [&](std::int64_t n_columns, std::int64_t n_rows) {
    return columns % n_columns == 0 && rows % n_rows == 0 && multiples(box.in_strides, last - 1, n_columns) &&
           multiples(box.out_strides, last, n_rows);
  };
  // A whole side of matrices that lie one behind the other.
  const auto even = [&](const Ints& strides, std::int64_t n) {
    for (std::size_t d = 0; d + 1 < last; ++d)
      if (strides[d] % n != 0) return false;
    return rows * columns % n == 0;
  };
  if (fits(wide(in), wide(out))) {
    shape.form = Form::kBlocks;
  } else if (columns <= kShortSide && in_pitch == columns && columns <= rows) {
    shape.form = Form::kSpread;
    const std::int64_t few = std::clamp<std::int64_t>(4 / bytes_of_element(out), 1, 4);
    shape.vectors = fits(1, few) && even(box.in_strides, wide(in));
  } else {
    shape.form = Form::kGather;
    const std::int64_t few = bytes_of_element(in) == 4 ? 4 : std::clamp<std::int64_t>(4 / bytes_of_element(in), 1, 4);
    shape.vectors = rows <= kShortSide && out_pitch == rows && fits(few, 1) && even(box.out_strides, wide(out));
  }
  return shape;
}

Result<Layout> shape_of(const Attrs& attrs, std::span<const Operand> inputs, std::span<const Operand> outputs) {
  INGOT_ASSIGN_OR_RETURN(const cpu::CopyPlan plan, cpu::find_copy_plan("Transpose")({attrs, inputs, outputs}));
  return shape_of(plan.parts.at(0).copy, inputs[0], outputs[0]);
}

Support supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype), out_bits = bits_of(problem.outputs[0].dtype);
  if (std::min(bits, out_bits) < 8 || std::max(bits, out_bits) > 64) return Support::no(Refusal::kDType);
  const Result<Layout> shape = shape_of(problem.attrs, problem.inputs, problem.outputs);
  if (!shape.is_ok()) return Support::no(Refusal::kAttribute, shape.status().message());
  if (shape->box.dims.size() > static_cast<std::size_t>(ingot_cuda::kMaxDims))
    return Support::no(Refusal::kShape, "too many dimensions");
  if (!problem.attrs.has("epilogue"))
    return shape->form == Form::kLines || shape->form == Form::kAny
               ? Support::no(Refusal::kNotWorthIt, "no matrix to transpose")
               : Support::yes();
  const Result<Expr> expr = problem.epilogue();
  if (!expr.is_ok()) return Support::no(Refusal::kEpilogue, expr.status().message());
  if (problem.inputs.size() != 1 || expr->input_types() != std::vector<DType>{problem.inputs[0].dtype} ||
      expr->result_type() != problem.outputs[0].dtype)
    return Support::no(Refusal::kEpilogue, "operands and expression disagree");
  const Result<std::string> text = print_expression(*expr, "expression");
  return text.is_ok() ? Support::yes() : Support::no(Refusal::kDType, text.status().message());
}

std::vector<std::string> configs(const Problem& problem) {
  const Result<Layout> shape = shape_of(problem.attrs, problem.inputs, problem.outputs);
  if (!shape.is_ok() || shape->form != Form::kBlocks) return {""};
  return {"8", "4"};
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string&) {
  std::string text;
  if (problem.attrs.has("epilogue")) {
    INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
    INGOT_ASSIGN_OR_RETURN(text, print_expression(expr, "expression"));
    text += fmt::format("using T = {};\nusing OUT = {};\n", cuda_type(problem.inputs[0].dtype),
                        cuda_type(problem.outputs[0].dtype));
    constexpr std::string_view kCompute = "store_value<OUT>(expression(load_value(v)))";
    const bool early = bits_of(problem.outputs[0].dtype) < bits_of(problem.inputs[0].dtype);
    text += fmt::format("using S = {};\n", early ? "OUT" : "T");
    text += define("FIRST(v)", early ? kCompute : "(v)") + define("LAST(v)", early ? "(v)" : kCompute);
  } else {
    // Elements as they are, whatever they mean.
    const int bits = bits_of(problem.inputs[0].dtype);
    text += fmt::format("using T = {};\nusing OUT = T;\nusing S = T;\n", bits == 8    ? "unsigned char"
                                                                         : bits == 16 ? "unsigned short"
                                                                         : bits == 32 ? "unsigned"
                                                                                      : "unsigned long long");
    text += define("FIRST(v)", "(v)") + define("LAST(v)", "(v)");
  }
  return std::vector<std::string>{assemble(text, "transpose.cu")};
}

std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The largest power of two up to `most` whose tiles still occupy the device; no less than `least`.
int tile_shift(std::int64_t side, std::int64_t others, std::int64_t most, std::int64_t least, int multiprocessors) {
  std::int64_t tile = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
  while (tile > least && (tile / 2 >= side || up(side, tile) * others < multiprocessors)) tile /= 2;
  return std::countr_zero(static_cast<std::uint64_t>(tile));
}

void plan_tiles(const Layout& shape, std::int64_t element_bytes, std::int64_t matrices, int multiprocessors,
                TransposeParams& p, PlannedLaunch& launch) {
  const std::int64_t room = kTileBytes / element_bytes;
  const std::int64_t rows = p.dims[p.rank - 1], columns = p.dims[p.rank - 2];
  if (shape.form == Form::kSpread) {
    p.tile_shift = tile_shift(rows, matrices, room / columns, 32, multiprocessors);
    p.tile_rows = 1 << p.tile_shift;
  } else if (rows <= kShortSide && shape.box.out_strides[shape.box.dims.size() - 2] == rows) {
    p.tile_shift = tile_shift(columns, matrices, room / rows, 32, multiprocessors);
    p.tile_rows = static_cast<int>(rows);
  } else {
    constexpr int kSide = 32;
    p.tile_shift = std::countr_zero(std::bit_floor(static_cast<std::uint64_t>(std::min<std::int64_t>(64, room / 33))));
    p.tile_rows = kSide;
  }
  p.tiles_down = static_cast<int>(up(rows, p.tile_rows));
  p.tiles_across = shape.form == Form::kSpread ? 1 : static_cast<int>(up(columns, std::int64_t{1} << p.tile_shift));
  launch.block = {256, 1, 1};
  launch.grid = {static_cast<unsigned>(matrices * p.tiles_down * p.tiles_across), 1, 1};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Layout shape, shape_of(args.problem.attrs, args.inputs, args.outputs));
  const cpu::CopyBox& box = shape.box;
  TransposeParams p{};
  p.rank = static_cast<int>(box.dims.size());
  if (p.rank > ingot_cuda::kMaxDims) return unsupported("a transpose over more than 8 dimensions");
  std::int64_t matrices = 1;
  for (std::size_t d = 0; d < box.dims.size(); ++d) {
    p.dims[d] = static_cast<int>(box.dims[d]);
    p.in_strides[d] = box.in_strides[d];
    p.out_strides[d] = box.out_strides[d];
    if (d + 2 < box.dims.size()) matrices *= box.dims[d];
  }
  PlannedLaunch launch;
  const Operand &in = args.inputs[0], &out = args.outputs[0];
  const std::int64_t smaller = std::min(bytes_of_element(in), bytes_of_element(out));
  switch (shape.form) {
    case Form::kBlocks: {
      const std::int64_t rows = p.dims[p.rank - 1] / wide(out), columns = p.dims[p.rank - 2] / wide(in);
      int lanes = 8;
      std::from_chars(args.config.data(), args.config.data() + args.config.size(), lanes);
      if (lanes != 4 && lanes != 8) return invalid_argument("cuda.transpose: config '{}'", args.config);
      p.split_rows = rows > columns ? 1 : 0;
      p.lanes_shift = std::countr_zero(static_cast<unsigned>(lanes));
      p.units = matrices * std::min(rows, columns) * up(std::max(rows, columns), lanes) * lanes;
      launch.entry = "transpose_blocks";
      launch.block = {static_cast<unsigned>(kBlockThreads), 1, 1};
      launch.grid = {static_cast<unsigned>(up(p.units, kBlockThreads)), 1, 1};
      break;
    }
    case Form::kGather:
    case Form::kSpread:
      launch.entry =
          fmt::format("transpose_{}{}", shape.form == Form::kGather ? "gather" : "spread", shape.vectors ? "" : "_any");
      plan_tiles(shape, smaller, matrices, args.multiprocessors, p, launch);
      break;
    case Form::kLines:
    case Form::kAny: {
      p.units = elements_of(out) / (shape.form == Form::kLines ? std::min(wide(in), wide(out)) : 1);
      launch.entry = shape.form == Form::kLines ? "transpose_lines" : "transpose_any";
      launch.cover(p.units, std::int64_t{args.multiprocessors} * 32);
      break;
    }
  }
  launch.parameters.resize(sizeof(p));
  std::memcpy(launch.parameters.data(), &p, sizeof(p));
  launch.dependent = true;
  launch.point(offsetof(TransposeParams, in), Place::kInput, 0)
      .point(offsetof(TransposeParams, out), Place::kOutput, 0);
  LaunchPlan result;
  result.launches.push_back(std::move(launch));
  return result;
}

}  // namespace

const Tactic& transpose_tactic() {
  static const CudaTactic tactic({"cuda.transpose", 1, {"Transpose"}, supports, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
