// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/gemm_shape.h"

#include <cstring>

#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/window_attrs.h"
#include "backends/cuda/cuda_tactic.h"

namespace ingot::cuda {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

int to_int(std::int64_t value) { return static_cast<int>(value); }

bool is_matmul(const Problem& problem) { return problem.kind == "MatMul" || problem.kind == "RowMatMul"; }

// Batch dimensions as up to three levels of stride.
Status batch_levels(const cpu::MatmulShape& sizes, ingot_cuda::GemmParams& p) {
  struct Level {
    std::int64_t size, a, b;
  };
  std::vector<Level> levels;  // innermost first
  std::int64_t a_stride = sizes.m * sizes.k;
  std::int64_t b_stride = sizes.n * sizes.k;
  for (std::size_t i = sizes.batch.size(); i-- > 0;) {
    const std::int64_t size = sizes.batch[i];
    const Level level{size, sizes.a_batch[i] == 1 ? 0 : a_stride, sizes.b_batch[i] == 1 ? 0 : b_stride};
    a_stride *= sizes.a_batch[i];
    b_stride *= sizes.b_batch[i];
    if (size == 1) continue;
    if (!levels.empty() && level.a == levels.back().a * levels.back().size &&
        level.b == levels.back().b * levels.back().size)
      levels.back().size *= size;
    else
      levels.push_back(level);
  }
  if (levels.size() > 3) return unsupported("batch dimensions that repeat in too many places");
  levels.resize(3, {1, 0, 0});
  p.batch_d0 = to_int(levels[0].size);
  p.batch_d1 = to_int(levels[1].size);
  p.a_s0 = levels[0].a;
  p.a_s1 = levels[1].a;
  p.a_s2 = levels[2].a;
  p.b_s0 = levels[0].b;
  p.b_s1 = levels[1].b;
  p.b_s2 = levels[2].b;
  return Status::ok();
}

Result<GemmShape> matmul_form(const Problem& problem, std::span<const Operand> inputs, bool force_any) {
  const Shape& a = inputs[0].shape;
  // Packed weights are no operand of the step any more.
  const Shape& b = problem.inputs[1].constant ? problem.inputs[1].shape : inputs[1].shape;
  if (a.empty() || b.empty()) return unsupported("scalars");
  const cpu::MatmulShape sizes = cpu::matmul_shape(problem.attrs, a, b);
  const std::int64_t chunk = chunk_of(inputs[0].dtype);
  GemmShape shape;
  ingot_cuda::GemmParams& p = shape.params;
  const bool fold = sizes.b_is_single() && !sizes.trans_a;
  shape.batches = fold ? 1 : sizes.batches();
  if (shape.batches > kMaxGridYZ) return unsupported("{} batches", shape.batches);
  p.m = to_int(fold ? sizes.m * sizes.batches() : sizes.m);
  p.n = to_int(sizes.n);
  p.k = to_int(sizes.k);
  p.ldc = p.n;
  p.batch_d0 = p.batch_d1 = 1;
  if (!fold) INGOT_RETURN_IF_ERROR(batch_levels(sizes, p));
  p.row_batch = p.m;
  p.alpha = static_cast<float>(problem.attrs.get_float("alpha", 1));
  shape.a_columns = sizes.trans_a;
  p.lda = to_int(sizes.trans_a ? sizes.m : sizes.k);
  shape.a = !sizes.trans_a && sizes.k % chunk == 0 && !force_any ? ModeA::kRows : ModeA::kAny;
  shape.weights_packed = problem.inputs[1].constant && element_count(sizes.b_batch) == 1;
  if (shape.weights_packed) {
    shape.b = ModeB::kNK;
    p.ldb = to_int(round_up(sizes.k, chunk));
    p.b_s0 = p.b_s1 = p.b_s2 = 0;
  } else if (sizes.trans_b) {
    shape.b = sizes.k % chunk == 0 && !force_any ? ModeB::kNK : ModeB::kNKAny;
    p.ldb = p.k;
  } else {
    shape.b = sizes.n % chunk == 0 && !force_any ? ModeB::kKN : ModeB::kKNAny;
    p.ldb = p.n;
  }
  // Both in the unaligned form, or neither: there are two modules, not four.
  if (!shape.weights_packed && !force_any && !shape.aligned()) return matmul_form(problem, inputs, true);
  return shape;
}

Result<GemmShape> conv_form(const Problem& problem, std::span<const Operand> inputs, std::span<const Operand> outputs) {
  const bool deform = problem.kind == "DeformConv";
  if (problem.attrs.get_int("channels_last", 0) == 0) return unsupported("channels first");
  const Shape& w = problem.inputs[1].shape;
  if (!problem.inputs[1].constant) return unsupported("weights that are not constant");
  if (w.size() < 3 || w.size() > 4 || (deform && w.size() != 4))
    return unsupported("{} spatial dimensions", static_cast<int>(w.size()) - 2);
  INGOT_ASSIGN_OR_RETURN(
      const cpu::WindowSizes sizes,
      cpu::window_sizes(problem.attrs, inputs[0].shape, Ints(w.begin() + 2, w.end()), outputs[0].shape));
  const std::int64_t groups = problem.attrs.get_int("group", 1);
  const std::int64_t chunk = chunk_of(inputs[0].dtype);
  if (groups < 1 || w[1] * groups != sizes.channels || w[0] % groups != 0 || w[0] != sizes.out_channels)
    return invalid_argument("weights {} do not fit {} channels in {} groups", to_string(w), sizes.channels, groups);
  if (groups > kMaxGridYZ) return unsupported("{} groups", groups);
  GemmShape shape;
  ingot_cuda::GemmParams& p = shape.params;
  shape.weights_packed = true;
  shape.batches = groups;
  const std::int64_t pixels = sizes.out[1] * sizes.out[2];
  p.m = to_int(sizes.batch * pixels);
  p.n = to_int(w[0] / groups);
  p.k = to_int(w[1] * sizes.kernel[1] * sizes.kernel[2]);
  p.ldb = to_int(round_up(p.k, chunk));
  p.ldc = to_int(sizes.out_channels);
  p.alpha = 1;
  p.batch_d0 = to_int(groups);
  p.batch_d1 = 1;
  p.b_s0 = std::int64_t{p.n} * p.ldb;
  p.column_batch = p.n;
  p.in_h = to_int(sizes.in[1]);
  p.in_w = to_int(sizes.in[2]);
  p.in_c = to_int(sizes.channels);
  p.group_c = to_int(w[1]);
  p.out_h = to_int(sizes.out[1]);
  p.out_w = to_int(sizes.out[2]);
  p.kernel_h = to_int(sizes.kernel[1]);
  p.kernel_w = to_int(sizes.kernel[2]);
  p.stride_h = to_int(sizes.stride[1]);
  p.stride_w = to_int(sizes.stride[2]);
  p.dilation_h = to_int(sizes.dilation[1]);
  p.dilation_w = to_int(sizes.dilation[2]);
  p.pad_h = to_int(sizes.pad_begin[1]);
  p.pad_w = to_int(sizes.pad_begin[2]);
  p.lda = p.in_c;
  if (deform) {
    p.offset_groups = to_int(problem.attrs.get_int("offset_group", 1));
    if (p.offset_groups < 1 || p.in_c % p.offset_groups != 0 || p.in_c / p.offset_groups % chunk != 0 ||
        p.group_c % chunk != 0)
      return unsupported("{} channels in {} groups and {} offset groups", p.in_c, groups, p.offset_groups);
    shape.a = ModeA::kDeform;
    shape.bias_input = 3;
    const std::int64_t taps = std::int64_t{p.offset_groups} * p.kernel_h * p.kernel_w;
    const bool last = problem.attrs.get_int("offset_channels_last", 0) != 0;
    p.offset_n = 2 * taps * pixels;
    p.offset_pixel = last ? 2 * taps : 1;
    p.offset_channel = last ? 1 : pixels;
    p.mask_n = taps * pixels;
    p.mask_pixel = last ? taps : 1;
    p.mask_channel = last ? 1 : pixels;
    return shape;
  }
  const bool plain = p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_h == 0 &&
                     p.pad_w == 0 && p.out_h == p.in_h && p.out_w == p.in_w;
  if (p.group_c % chunk != 0) {
    shape.a = ModeA::kElements;
  } else if (plain) {
    shape.a = ModeA::kRows;
    p.a_s0 = p.group_c;
  } else {
    shape.a = ModeA::kWindow;
  }
  return shape;
}

}  // namespace

std::int64_t chunk_of(DType type) { return 128 / std::max(8, bits_of(type)); }

Result<GemmShape> gemm_shape(const Problem& problem, std::span<const Operand> inputs, std::span<const Operand> outputs,
                             bool force_any) {
  if (is_matmul(problem)) return matmul_form(problem, inputs, force_any);
  return conv_form(problem, inputs, outputs);
}

namespace {

// Rows of `pitch` elements, taps outside and channels inside, from rows of channels and taps, or (by_column) from a
// matrix of one row for each channel, which goes square by square: both its sides would miss the cache otherwise.
template <typename Word>
void pack_rows(const Word* from, Word* to, std::int64_t rows, std::int64_t channels, std::int64_t taps,
               std::int64_t pitch, bool by_column) {
  constexpr std::int64_t kSquare = 32;
  if (by_column) {
    for (std::int64_t n0 = 0; n0 < rows; n0 += kSquare)
      for (std::int64_t c0 = 0; c0 < channels; c0 += kSquare)
        for (std::int64_t c = c0; c < std::min(channels, c0 + kSquare); ++c)
          for (std::int64_t n = n0; n < std::min(rows, n0 + kSquare); ++n) to[n * pitch + c] = from[c * rows + n];
    return;
  }
  for (std::int64_t n = 0; n < rows; ++n)
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t c = 0; c < channels; ++c)
        to[n * pitch + tap * channels + c] = from[(n * channels + c) * taps + tap];
}

Result<std::vector<std::byte>> pack_matrix(const HostTensor& weights, std::int64_t rows, std::int64_t channels,
                                           std::int64_t taps, std::int64_t pitch, bool by_column) {
  const std::size_t size = static_cast<std::size_t>(bits_of(weights.dtype())) / 8;
  std::vector<std::byte> out(static_cast<std::size_t>(rows * pitch) * size, std::byte{0});
  const auto pack = [&]<typename Word>(Word) {
    pack_rows(reinterpret_cast<const Word*>(weights.bytes().data()), reinterpret_cast<Word*>(out.data()), rows,
              channels, taps, pitch, by_column);
  };
  if (size == 2) {
    pack(std::uint16_t{});
  } else if (size == 4) {
    pack(std::uint32_t{});
  } else {
    return unsupported("weights of {}", to_string(weights.dtype()));
  }
  return out;
}

}  // namespace

Result<std::vector<std::byte>> pack_filter(const HostTensor& weights, std::int64_t pitch) {
  const Shape& shape = weights.shape();
  std::int64_t taps = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) taps *= shape[i];
  return pack_matrix(weights, shape[0], shape[1], taps, pitch, false);
}

Result<Packed> pack_weights(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const GemmShape shape, gemm_shape(problem, problem.inputs, problem.outputs, false));
  Packed packed;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant && !(i == 1 && shape.weights_packed)) packed.keep_inputs.push_back(i);
  if (!shape.weights_packed) return packed;
  const TensorPtr& weights = problem.inputs[1].value;
  if (weights == nullptr) return invalid_argument("{}: the values of the weights are needed", problem.kind);
  const ingot_cuda::GemmParams& p = shape.params;
  const bool transposed = problem.attrs.get_int("transB", 0) != 0;
  Result<std::vector<std::byte>> rows =
      is_matmul(problem) ? pack_matrix(*weights, p.n, p.k, 1, p.ldb, !transposed) : pack_filter(*weights, p.ldb);
  if (!rows.is_ok()) return unsupported("{}: {}", problem.kind, rows.status().message());
  packed.blobs.push_back(std::move(rows).value());
  return packed;
}

}  // namespace ingot::cuda
