// SPDX-License-Identifier: Apache-2.0
// Windows and regions of images that the tuned kernels do not take.
#include <algorithm>
#include <numeric>

#include "backends/cpu/axes.h"
#include "backends/cpu/window_attrs.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"

namespace ingot::cuda {
namespace {

Support float_only(const Problem& problem) {
  return is_float(problem.inputs[0].dtype) ? Support::yes() : Support::no(Refusal::kDType);
}

// ---- pooling ----
std::string pool_definitions(const Problem& problem) {
  const std::int64_t mode = problem.kind == "MaxPool" ? 0 : problem.kind == "AveragePool" ? 1 : 2;
  return define("POOL", mode) + define_limits(problem.inputs[0].dtype);
}

Status plan_pool(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const Shape& x = plan.shape(0);
  const bool last = attrs.get_int("channels_last", 0) != 0;
  Ints kernel = attrs.get_ints("kernel_shape", {});
  if (plan.problem().kind == "GlobalLpPool")
    kernel = last ? Ints(x.begin() + 1, x.end() - 1) : Ints(x.begin() + 2, x.end());
  INGOT_ASSIGN_OR_RETURN(const cpu::WindowSizes sizes, cpu::window_sizes(attrs, x, kernel, plan.out(0).shape));
  const auto set = [&](std::string_view name, const std::array<std::int64_t, 3>& values) {
    plan.set_all(name, Ints(values.begin(), values.end()));
  };
  set("IN_SIZE", sizes.in);
  set("OUT_SIZE", sizes.out);
  set("KERNEL", sizes.kernel);
  set("STRIDE", sizes.stride);
  set("DILATION", sizes.dilation);
  set("PAD", sizes.pad_begin);
  set("PAD_END", sizes.pad_end);
  plan.set("CHANNELS_LAST", last ? 1 : 0);
  plan.set("CHANNELS", sizes.channels);
  plan.set("INCLUDE_PAD", attrs.get_int("count_include_pad", 0));
  plan.set("STORAGE_ORDER", attrs.get_int("storage_order", 0));
  plan.number("P", static_cast<double>(attrs.get_int("p", 2)));
  return plan.add("pool", elements_of(plan.out(0)));
}
constexpr std::string_view kPoolSizes =
    "CHANNELS_LAST CHANNELS IN_SIZE*3 OUT_SIZE*3 KERNEL*3 STRIDE*3 DILATION*3 PAD*3 PAD_END*3 INCLUDE_PAD "
    "STORAGE_ORDER";

// ---- MaxUnpool ----
std::string unpool_definitions(const Problem&) { return define("UNPOOL", 1); }

Status plan_unpool(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  const Attrs& attrs = plan.attrs();
  const Ints kernel = attrs.get_ints("kernel_shape", {});
  const std::size_t rank = x.size() - 2;
  const Ints strides = attrs.get_ints("strides", Ints(rank, 1)), pads = attrs.get_ints("pads", Ints(2 * rank, 0));
  if (kernel.size() != rank || strides.size() != rank || pads.size() != 2 * rank || y.size() != x.size())
    return invalid_argument("MaxUnpool: the window does not fit {}", to_string(x));
  Shape pooled = x;
  for (std::size_t d = 0; d < rank; ++d)
    pooled[d + 2] = (x[d + 2] - 1) * strides[d] + kernel[d] - pads[d] - pads[d + rank];
  plan.set("RANK", static_cast<std::int64_t>(x.size()));
  plan.set_all("POOLED", pooled);
  plan.set_all("POOLED_STRIDE", cpu::dense_strides(pooled));
  plan.set_all("SHAPE", y);
  plan.set_all("SHAPE_STRIDE", cpu::dense_strides(y));
  plan.workspace = static_cast<std::size_t>(elements_of(plan.out(0))) * 8;
  INGOT_RETURN_IF_ERROR(plan.add("clear", elements_of(plan.out(0))));
  INGOT_RETURN_IF_ERROR(plan.add("claim", elements_of(plan.in(0))));
  return plan.add("unpool", elements_of(plan.in(0)));
}

// ---- regions ----
std::string roi_pool_definitions(const Problem&) { return define("ROI_POOL", 1); }
std::string roi_align_definitions(const Problem&) { return define("ROI_ALIGN", 1); }

Status plan_regions(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  if (x.size() != 4 || y.size() != 4) return invalid_argument("{}: X of shape {}", plan.problem().kind, to_string(x));
  const Attrs& attrs = plan.attrs();
  plan.set("BATCH", x[0]);
  plan.set("CHANNELS", x[1]);
  plan.set("HEIGHT", x[2]);
  plan.set("WIDTH", x[3]);
  plan.set("OUT_H", y[2]);
  plan.set("OUT_W", y[3]);
  plan.set("RATIO", attrs.get_int("sampling_ratio", 0));
  plan.set("HALF_PIXEL", attrs.get_string("coordinate_transformation_mode", "half_pixel") == "half_pixel" ? 1 : 0);
  plan.set("AVERAGE", attrs.get_string("mode", "avg") == "avg" ? 1 : 0);
  plan.number("SCALE", attrs.get_float("spatial_scale", 1));
  return plan.add(plan.problem().kind == "RoiAlign" ? "roi_align" : "roi_pool", elements_of(plan.out(0)));
}
constexpr std::string_view kRegionSizes = "BATCH CHANNELS HEIGHT WIDTH OUT_H OUT_W RATIO HALF_PIXEL AVERAGE";

// ---- GridSample ----
std::string grid_definitions(const Problem&) { return define("GRID_SAMPLE", 1); }

Status plan_grid(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  if (x.size() < 3 || x.size() > 5 || y.size() != x.size())
    return unsupported("GridSample over {} dimensions", static_cast<std::int64_t>(x.size()) - 2);
  const Attrs& attrs = plan.attrs();
  Ints in(x.begin() + 2, x.end());
  in.insert(in.begin(), 3 - in.size(), 1);
  plan.set_all("IN_SIZE", in);
  plan.set("RANK", static_cast<std::int64_t>(x.size()) - 2);
  plan.set("CHANNELS", x[1]);
  plan.set("OUT_PLANE", cpu::product(y, 2, y.size()));
  const std::string mode = attrs.get_string("mode", "linear"), padding = attrs.get_string("padding_mode", "zeros");
  plan.set("MODE", mode == "nearest" ? 1 : mode == "cubic" || mode == "bicubic" ? 2 : 0);
  plan.set("PADDING", padding == "border" ? 1 : padding == "reflection" ? 2 : 0);
  plan.set("ALIGN", attrs.get_int("align_corners", 0) != 0 ? 1 : 0);
  return plan.add("grid_sample", elements_of(plan.out(0)));
}

// ---- DCNv3 ----
// Channels that a thread takes at once: those of one group that fill up to 16 bytes.
std::int64_t points_vector(const Problem& problem) {
  const std::int64_t groups = std::max<std::int64_t>(problem.attrs.get_int("group", 1), 1);
  const std::int64_t channels = problem.inputs[0].shape.back() / groups;
  return std::gcd(std::max<std::int64_t>(channels, 1), 128 / bits_of(problem.inputs[0].dtype));
}

Support points_support(const Problem& problem) {
  if (problem.inputs[0].shape.size() != 4) return Support::no(Refusal::kShape, "rank");
  for (const Operand& input : problem.inputs)
    if (input.present() && (!is_float(input.dtype) || input.dtype != problem.inputs[0].dtype))
      return Support::no(Refusal::kDType);
  return Support::yes();
}

std::string points_definitions(const Problem& problem) { return define("VECTOR", points_vector(problem)); }

Status plan_points(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  const Attrs& attrs = plan.attrs();
  const Ints kernel = attrs.get_ints("kernel_shape", {}), strides = attrs.get_ints("strides", {1, 1});
  const Ints dilations = attrs.get_ints("dilations", {1, 1}), pads = attrs.get_ints("pads", {0, 0, 0, 0});
  const std::int64_t groups = attrs.get_int("group", 1);
  const bool center = attrs.get_int("remove_center", 0) != 0;
  if (kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 || x.size() != 4 ||
      y.size() != 4 || groups < 1 || x[3] % groups != 0 || x[3] / groups % points_vector(plan.problem()) != 0)
    return invalid_argument("DCNv3: X of shape {} in {} groups", to_string(x), groups);
  const std::int64_t points = kernel[0] * kernel[1] - (center ? 1 : 0);
  const Shape& offset = plan.shape(1);
  const Shape leading{x[0], y[1], y[2]};
  const auto fits = [&](const Shape& shape, std::int64_t least, bool exactly) {
    return shape.size() == 4 && std::equal(leading.begin(), leading.end(), shape.begin()) &&
           (exactly ? shape[3] == least : shape[3] >= least);
  };
  const bool has_mask = plan.has(2);
  if (!fits(offset, groups * points * (has_mask ? 2 : 3), has_mask) ||
      (has_mask && !fits(plan.shape(2), groups * points, true)))
    return invalid_argument("DCNv3: offsets of shape {} for {} points in each of {} groups", to_string(offset), points,
                            groups);
  plan.set("IN_H", x[1]);
  plan.set("IN_W", x[2]);
  plan.set("CHANNELS", x[3]);
  plan.set("OUT_H", y[1]);
  plan.set("OUT_W", y[2]);
  plan.set("GROUPS", groups);
  plan.set("PER_GROUP", x[3] / groups);
  plan.set("POINTS", points);
  plan.set("OFFSET_PITCH", offset[3]);
  plan.set("CHUNKS", x[3] / points_vector(plan.problem()));
  plan.set("REMOVE_CENTER", center ? 1 : 0);
  for (const std::size_t d : {0, 1}) {
    const std::string side = d == 0 ? "H" : "W";
    plan.set("KERNEL_" + side, kernel[d]);
    plan.set("STRIDE_" + side, strides[d]);
    plan.set("DILATION_" + side, dilations[d]);
    plan.set("PAD_" + side, pads[d]);
    plan.set("MIDDLE_" + side, dilations[d] * (kernel[d] - 1) / 2);
  }
  plan.number("SCALE", attrs.get_float("offset_scale", 1));
  return plan.add("deform_points", elements_of(plan.out(0)) / points_vector(plan.problem()));
}
constexpr std::string_view kPointsSizes =
    "IN_H IN_W CHANNELS OUT_H OUT_W GROUPS PER_GROUP POINTS OFFSET_PITCH CHUNKS REMOVE_CENTER KERNEL_H KERNEL_W "
    "STRIDE_H STRIDE_W DILATION_H DILATION_W PAD_H PAD_W MIDDLE_H MIDDLE_W";

// ---- Col2Im ----
std::string col2im_definitions(const Problem&) { return define("COL2IM", 1); }

Status plan_col2im(GeneralPlan& plan) {
  INGOT_ASSIGN_OR_RETURN(const Ints image, plan.ints(1, {}));
  INGOT_ASSIGN_OR_RETURN(const Ints block, plan.ints(2, {}));
  const std::size_t rank = image.size();
  const Attrs& attrs = plan.attrs();
  const Ints strides = attrs.get_ints("strides", Ints(rank, 1)), dilations = attrs.get_ints("dilations", Ints(rank, 1));
  const Ints pads = attrs.get_ints("pads", Ints(2 * rank, 0));
  if (block.size() != rank || strides.size() != rank || dilations.size() != rank || pads.size() != 2 * rank)
    return invalid_argument("Col2Im: image {} and block {}", to_string(image), to_string(block));
  Ints coarse;
  std::int64_t taps = 1, positions = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    if (strides[d] < 1) return invalid_argument("Col2Im: a stride of {}", strides[d]);
    coarse.push_back((image[d] + pads[d] + pads[d + rank] - (block[d] - 1) * dilations[d] - 1) / strides[d] + 1);
    taps *= block[d];
    positions *= coarse.back();
  }
  const Shape& x = plan.shape(0);
  if (x.size() != 3 || taps < 1 || x[1] % taps != 0 || x[2] != positions)
    return invalid_argument("Col2Im: {} does not hold blocks {} of an image {}", to_string(x), to_string(block),
                            to_string(image));
  plan.set("RANK", static_cast<std::int64_t>(rank));
  plan.set("TAPS", taps);
  plan.set_all("IMAGE", image);
  plan.set_all("BLOCK", block);
  plan.set_all("COARSE", coarse);
  plan.set_all("STRIDE", strides);
  plan.set_all("DILATION", dilations);
  plan.set_all("PAD", Ints(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank)));
  return plan.add("col2im", elements_of(plan.out(0)));
}

// ---- LRN ----
std::string lrn_definitions(const Problem&) { return define("LRN", 1); }

Status plan_lrn(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  plan.set("CHANNELS", x[1]);
  plan.set("PLANE", cpu::product(x, 2, x.size()));
  plan.set("SIZE", plan.attrs().get_int("size", 1));
  plan.number("ALPHA", plan.attrs().get_float("alpha", 1e-4));
  plan.number("BETA", plan.attrs().get_float("beta", 0.75));
  plan.number("BIAS", plan.attrs().get_float("bias", 1));
  return plan.add("lrn", elements_of(plan.out(0)));
}

constexpr std::string_view kWindowFile = "general_window.cu";
constexpr GeneralOp kOps[] = {
    {"MaxPool", kWindowFile, kPoolSizes, "P", plan_pool, true, nullptr, pool_definitions},
    {"AveragePool", kWindowFile, kPoolSizes, "P", plan_pool, true, float_only, pool_definitions},
    {"LpPool", kWindowFile, kPoolSizes, "P", plan_pool, true, float_only, pool_definitions},
    {"GlobalLpPool", kWindowFile, kPoolSizes, "P", plan_pool, true, float_only, pool_definitions},
    {"MaxUnpool", kWindowFile, "RANK POOLED*8 POOLED_STRIDE*8 SHAPE*8 SHAPE_STRIDE*8", "", plan_unpool, false, nullptr,
     unpool_definitions, host({2}), shapes_by_reference},
    {"MaxRoiPool", kWindowFile, kRegionSizes, "SCALE", plan_regions, false, float_only, roi_pool_definitions},
    {"RoiAlign", kWindowFile, kRegionSizes, "SCALE", plan_regions, false, float_only, roi_align_definitions},
    {"GridSample", kWindowFile, "IN_SIZE*3 RANK CHANNELS OUT_PLANE MODE PADDING ALIGN", "", plan_grid, false,
     float_only, grid_definitions},
    {"DCNv3", "general_points.cu", kPointsSizes, "SCALE", plan_points, false, points_support, points_definitions},
    {"Col2Im", kWindowFile, "RANK TAPS IMAGE*8 BLOCK*8 COARSE*8 STRIDE*8 DILATION*8 PAD*8", "", plan_col2im, false,
     float_only, col2im_definitions, host({1, 2}), shapes_by_reference},
    {"LRN", kWindowFile, "CHANNELS PLANE SIZE", "ALPHA BETA BIAS", plan_lrn, false, float_only, lrn_definitions},
};

}  // namespace

std::span<const GeneralOp> window_ops() { return kOps; }

}  // namespace ingot::cuda
