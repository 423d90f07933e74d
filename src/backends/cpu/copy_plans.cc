// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/copy_plans.h"

#include <algorithm>

#include "backends/cpu/axes.h"

namespace ingot::cpu {
namespace {

std::size_t element_bytes(const CopyArgs& args) { return static_cast<std::size_t>(bits_of(args.inputs[0].dtype)) / 8; }
const Shape& in_shape(const CopyArgs& args) { return args.inputs[0].shape; }
const Shape& out_shape(const CopyArgs& args) { return args.outputs[0].shape; }

CopyPlan single(CopyBox copy) {
  CopyPlan plan;
  plan.parts.push_back({0, 0, std::move(copy)});
  return plan;
}

// The constant integers of input `index`, or `otherwise` when it is absent.
Result<Ints> ints_of(const CopyArgs& args, std::size_t index, Ints otherwise) {
  if (index >= args.inputs.size() || !args.inputs[index].present()) return otherwise;
  std::optional<Ints> values = constant_ints(args.inputs[index]);
  if (!values) return unsupported("operand {} is not a known constant", index);
  return *std::move(values);
}

Result<CopyPlan> plan_reshape(const CopyArgs& args) {
  return single(CopyBox{element_bytes(args), {element_count(out_shape(args)).value_or(0)}, {1}, {1}});
}

Result<CopyPlan> plan_transpose(const CopyArgs& args) {
  const std::size_t rank = in_shape(args).size();
  Ints perm = args.attrs.get_ints("perm", {});
  if (!args.attrs.has("perm"))
    for (std::size_t i = rank; i-- > 0;) perm.push_back(static_cast<std::int64_t>(i));
  if (perm.size() != rank) return invalid_argument("perm has {} axes for rank {}", perm.size(), rank);
  const Ints from = dense_strides(in_shape(args));
  Ints dims, strides;
  for (const std::int64_t axis : perm) {
    const std::optional<std::size_t> at = normal_axis(axis, rank);
    if (!at) return invalid_argument("perm axis {}", axis);
    dims.push_back(in_shape(args)[*at]);
    strides.push_back(from[*at]);
  }
  Ints to = dense_strides(dims);
  return single(CopyBox{element_bytes(args), dims, strides, to});
}

// Concat and Split: pieces of one tensor along an axis, one way or the other.
Result<CopyPlan> plan_pieces(const CopyArgs& args, bool split) {
  const Shape& whole = split ? in_shape(args) : out_shape(args);
  const std::optional<std::size_t> axis = normal_axis(args.attrs.get_int("axis", 0), whole.size());
  if (!axis) return invalid_argument("axis out of range");
  const Ints whole_strides = dense_strides(whole);
  CopyPlan plan;
  std::int64_t offset = 0;
  const std::span<const Operand> pieces = split ? args.outputs : args.inputs;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Shape& shape = pieces[i].shape;
    const Ints strides = dense_strides(shape);
    if (!pieces[i].present() || shape.size() != whole.size()) return unsupported("piece {} is absent", i);
    if (split)
      plan.parts.push_back({0, i, CopyBox{element_bytes(args), shape, whole_strides, strides, offset, 0}});
    else
      plan.parts.push_back({i, 0, CopyBox{element_bytes(args), shape, strides, whole_strides, 0, offset}});
    offset += shape[*axis] * whole_strides[*axis];
  }
  return plan;
}
Result<CopyPlan> plan_concat(const CopyArgs& args) { return plan_pieces(args, false); }
Result<CopyPlan> plan_split(const CopyArgs& args) { return plan_pieces(args, true); }

Result<CopyPlan> plan_slice(const CopyArgs& args) {
  const Shape& shape = in_shape(args);
  INGOT_ASSIGN_OR_RETURN(const Ints starts, ints_of(args, 1, {}));
  Ints all;
  for (std::size_t i = 0; i < starts.size(); ++i) all.push_back(static_cast<std::int64_t>(i));
  INGOT_ASSIGN_OR_RETURN(const Ints axes, ints_of(args, 3, all));
  INGOT_ASSIGN_OR_RETURN(const Ints steps, ints_of(args, 4, Ints(starts.size(), 1)));
  if (axes.size() != starts.size() || steps.size() != starts.size())
    return invalid_argument("Slice operands differ in length");
  Ints strides = dense_strides(shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::optional<std::size_t> axis = normal_axis(axes[i], shape.size());
    if (!axis || steps[i] == 0) return invalid_argument("Slice axis or step");
    const std::int64_t dim = shape[*axis];
    std::int64_t start = starts[i] < 0 ? starts[i] + dim : starts[i];
    start = steps[i] > 0 ? std::clamp<std::int64_t>(start, 0, dim)
                         : std::clamp<std::int64_t>(start, 0, std::max<std::int64_t>(dim - 1, 0));
    offset += start * strides[*axis];
    // The size is the output's; a step of a single element is never taken (and might not fit).
    if (out_shape(args)[*axis] > 1) strides[*axis] *= steps[i];
  }
  return single(CopyBox{element_bytes(args), out_shape(args), strides, dense_strides(out_shape(args)), offset, 0});
}

Result<CopyPlan> plan_pad(const CopyArgs& args) {
  if (args.attrs.get_string("mode", "constant") != "constant") return unsupported("padding mode");
  const Shape& shape = in_shape(args);
  INGOT_ASSIGN_OR_RETURN(const Ints pads, ints_of(args, 1, {}));
  Ints all;
  for (std::size_t i = 0; i < shape.size(); ++i) all.push_back(static_cast<std::int64_t>(i));
  INGOT_ASSIGN_OR_RETURN(const Ints axes, ints_of(args, 3, all));
  if (pads.size() != 2 * axes.size()) return invalid_argument("Pad: {} pads for {} axes", pads.size(), axes.size());
  const Ints in_strides = dense_strides(shape);
  const Ints out_strides = dense_strides(out_shape(args));
  Shape box = shape;
  std::int64_t in_offset = 0;
  std::int64_t out_offset = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::optional<std::size_t> axis = normal_axis(axes[i], shape.size());
    if (!axis) return invalid_argument("Pad axis");
    const std::int64_t begin = pads[i];
    const std::int64_t end = pads[i + axes.size()];
    box[*axis] =
        std::max<std::int64_t>(0, shape[*axis] + std::min<std::int64_t>(begin, 0) + std::min<std::int64_t>(end, 0));
    in_offset += std::max<std::int64_t>(-begin, 0) * in_strides[*axis];
    out_offset += std::max<std::int64_t>(begin, 0) * out_strides[*axis];
  }
  CopyPlan plan = single(CopyBox{element_bytes(args), box, in_strides, out_strides, in_offset, out_offset});
  std::vector<std::byte> value(element_bytes(args), std::byte{0});
  if (args.inputs.size() > 2 && args.inputs[2].present()) {
    const TensorPtr& constant = args.inputs[2].value;
    if (!args.inputs[2].constant || constant == nullptr || constant->bytes().size() != value.size())
      return unsupported("the padding value is not a known constant");
    std::copy(constant->bytes().begin(), constant->bytes().end(), value.begin());
  }
  plan.fill = std::move(value);
  return plan;
}

Result<CopyPlan> plan_expand(const CopyArgs& args) {
  const Shape& shape = in_shape(args);
  const Shape& out = out_shape(args);
  if (shape.size() > out.size()) return invalid_argument("Expand to a lower rank");
  const Ints dense = dense_strides(shape);
  Ints strides(out.size(), 0);
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1) strides[out.size() - shape.size() + i] = dense[i];
  return single(CopyBox{element_bytes(args), out, strides, dense_strides(out)});
}

Result<CopyPlan> plan_tile(const CopyArgs& args) {
  const Shape& shape = in_shape(args);
  const Ints from = dense_strides(shape);
  const Ints to = dense_strides(out_shape(args));
  Ints dims, in_strides, out_strides;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dims.insert(dims.end(), {shape[i] == 0 ? 0 : out_shape(args)[i] / shape[i], shape[i]});
    in_strides.insert(in_strides.end(), {0, from[i]});
    out_strides.insert(out_strides.end(), {to[i] * shape[i], to[i]});
  }
  return single(CopyBox{element_bytes(args), dims, in_strides, out_strides});
}

// DepthToSpace: deep [N, C * b * b, H, W] to wide [N, C, H * b, W * b]; SpaceToDepth the other way.
Result<CopyPlan> plan_depth(const CopyArgs& args, bool to_space) {
  const Shape& deep = to_space ? in_shape(args) : out_shape(args);
  const Shape& wide = to_space ? out_shape(args) : in_shape(args);
  if (deep.size() != 4 || wide.size() != 4) return invalid_argument("rank 4 expected");
  const bool last = args.attrs.get_int("channels_last", 0) != 0;
  const std::int64_t b = args.attrs.get_int("blocksize", 1);
  const bool columns_first = args.attrs.get_string("mode", "DCR") == "CRD";
  const std::size_t c = last ? 3 : 1, h = last ? 1 : 2, w = last ? 2 : 3;
  if (b < 1 || deep[0] != wide[0] || wide[h] != deep[h] * b || wide[w] != deep[w] * b || deep[c] % (b * b) != 0 ||
      deep[c] / (b * b) != wide[c])
    return invalid_argument("blocks of {} do not lead from {} to {}", b, to_string(deep), to_string(wide));
  const Ints ds = dense_strides(deep);
  const Ints ws = dense_strides(wide);
  const std::int64_t channels = wide[c];
  const std::int64_t tap = columns_first ? 1 : channels;  // deep channels from one tap to the next
  // In the order of the wide tensor, which is written or read densely.
  Ints dims{deep[0], deep[h], b, deep[w], b};
  Ints deep_strides{ds[0], ds[h], ds[c] * tap * b, ds[w], ds[c] * tap};
  Ints wide_strides{ws[0], ws[h] * b, ws[h], ws[w] * b, ws[w]};
  const std::ptrdiff_t at = last ? 5 : 1;
  dims.insert(dims.begin() + at, channels);
  deep_strides.insert(deep_strides.begin() + at, ds[c] * (columns_first ? b * b : 1));
  wide_strides.insert(wide_strides.begin() + at, ws[c]);
  return single(CopyBox{element_bytes(args), dims, to_space ? deep_strides : wide_strides,
                        to_space ? wide_strides : deep_strides});
}
Result<CopyPlan> plan_depth_to_space(const CopyArgs& args) { return plan_depth(args, true); }
Result<CopyPlan> plan_space_to_depth(const CopyArgs& args) { return plan_depth(args, false); }

struct Row {
  std::string_view kind;
  CopyPlanFn plan;
};
constexpr Row kRows[] = {
    {"Reshape", plan_reshape},
    {"Squeeze", plan_reshape},
    {"Unsqueeze", plan_reshape},
    {"Flatten", plan_reshape},
    {"Identity", plan_reshape},
    {"BitCast", plan_reshape},
    {"Transpose", plan_transpose},
    {"Concat", plan_concat},
    {"Split", plan_split},
    {"Slice", plan_slice},
    {"Pad", plan_pad},
    {"Expand", plan_expand},
    {"Tile", plan_tile},
    {"DepthToSpace", plan_depth_to_space},
    {"SpaceToDepth", plan_space_to_depth},
};

}  // namespace

CopyPlanFn find_copy_plan(std::string_view kind) {
  for (const Row& row : kRows)
    if (row.kind == kind) return row.plan;
  return nullptr;
}

bool is_reshape(std::string_view kind) { return find_copy_plan(kind) == plan_reshape; }

}  // namespace ingot::cpu
