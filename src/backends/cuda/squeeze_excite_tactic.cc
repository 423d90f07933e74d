// SPDX-License-Identifier: Apache-2.0
// Squeeze-and-excite as one kernel. cuda.squeeze_excite: a block an image, on every device;
// cuda.squeeze_excite_cluster: a cluster of blocks an image. Its configs: "2x4 512" is two parts of the pixels times
// four of the channels, 512 threads each.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::SqueezeExciteParams;

constexpr int kMostKept = 14;          // vectors of the map in the registers of a thread
constexpr std::size_t kOwnInputs = 5;  // X, W1, B1, W2, B2

// What a kernel costs that does next to nothing, and what one multiprocessor moves in that time: blocks of these
// kernels read and write maps in the second-level cache at 45 to 64 GB/s on an H200.
constexpr double kLaunchMicroseconds = 2.2, kBytesPerLaunch = kLaunchMicroseconds * 50e3;
constexpr std::int64_t kUsualMultiprocessors = 132;

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }
std::int64_t divide_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

struct Sizes {
  std::int64_t images = 1, pixels = 1, channels = 0, squeezed = 0;
  std::int64_t element = 4;  // bytes
  bool scales_only = false;
  [[nodiscard]] std::int64_t weights_in_16() const { return 16 / element; }
  // Elements of the map at a time.
  [[nodiscard]] std::int64_t vector() const { return channels % weights_in_16() == 0 ? weights_in_16() : 1; }
  [[nodiscard]] std::int64_t channel_pitch() const { return round_up(channels, weights_in_16()); }
  [[nodiscard]] std::int64_t squeezed_pitch() const { return round_up(squeezed, weights_in_16()); }
};

Result<Sizes> sizes_of(const Problem& problem, std::span<const Operand> inputs) {
  const Shape& x = inputs[0].shape;
  const Shape& w1 = problem.inputs[1].shape;
  const Shape& w2 = problem.inputs[3].shape;
  if (x.size() < 2 || w1.size() < 2 || w2.size() < 2)
    return invalid_argument("SqueezeExcite: operands of {}, {} and {} dimensions", x.size(), w1.size(), w2.size());
  Sizes sizes;
  sizes.images = x[0];
  sizes.channels = x.back();
  for (std::size_t d = 1; d + 1 < x.size(); ++d) sizes.pixels *= x[d];
  sizes.squeezed = w1[0];
  sizes.element = bits_of(problem.inputs[0].dtype) / 8;
  sizes.scales_only = problem.attrs.get_int("scales_only", 0) != 0;
  const std::int64_t weights = sizes.channels * sizes.squeezed;
  if (w2[0] != sizes.channels || element_count(w1).value_or(0) != weights || element_count(w2).value_or(0) != weights)
    return invalid_argument("SqueezeExcite: weights of {} and {} for {} channels", to_string(w1), to_string(w2),
                            sizes.channels);
  return sizes;
}

struct Parts {
  int pixels = 1, channels = 1, threads = 512;
  [[nodiscard]] int blocks() const { return pixels * channels; }
};

// What one block has.
struct Share {
  std::int64_t pixels, channels, squeezed;
  std::int64_t shared_bytes;        // without weights
  std::int64_t weight_bytes;        // of this block
  std::int64_t vectors_per_thread;  // of the map
};

Share share_of(const Sizes& sizes, const Parts& parts) {
  Share share{};
  share.pixels = divide_up(sizes.pixels, parts.pixels);
  share.channels = round_up(divide_up(sizes.channel_pitch(), parts.channels), sizes.weights_in_16());
  share.squeezed = parts.channels == 1 ? sizes.squeezed : divide_up(sizes.squeezed, parts.pixels);
  const std::int64_t values = 4 * share.channels + 3 * sizes.squeezed_pitch() + parts.threads * (sizes.vector() + 1);
  share.shared_bytes = values * 4;
  share.weight_bytes = (share.squeezed * share.channels + share.channels * sizes.squeezed_pitch()) * sizes.element;
  const std::int64_t across = share.channels / sizes.vector();
  share.vectors_per_thread = across > parts.threads ? 0 : divide_up(share.pixels, parts.threads / across);
  return share;
}

// Blocks without channels would do nothing.
bool fits(const Sizes& sizes, const Parts& parts, std::int64_t most_shared) {
  const Share share = share_of(sizes, parts);
  return share.vectors_per_thread > 0 && share.shared_bytes <= most_shared && parts.pixels <= sizes.pixels &&
         share.channels * (parts.channels - 1) < sizes.channels;
}

std::int64_t most_shared(bool clusters) { return (clusters ? 227 : 99) << 10; }

// The best guess first: rows of 64 bytes at least, as few parts of pixels as then do.
std::vector<Parts> cluster_parts(const Sizes& sizes) {
  std::vector<Parts> all;
  const std::int64_t vectors = sizes.channel_pitch() / sizes.weights_in_16();
  const int wanted = vectors >= 28 ? 8 : vectors >= 14 ? 4 : vectors >= 8 ? 2 : 1;
  for (const int channels : {wanted, wanted * 2, wanted / 2}) {
    if (channels < 1 || channels > 8) continue;
    for (const int blocks : {8, 4})
      if (blocks >= channels) all.push_back({blocks / channels, channels});
  }
  std::erase_if(all, [&](const Parts& parts) { return parts.blocks() == 1 || !fits(sizes, parts, most_shared(true)); });
  return all;
}

// Whether one kernel is quicker than the ones it takes the place of: by the bytes that pass one multiprocessor in
// either case, and what the launches saved are worth. A cluster reads all weights for its image alone.
Support worth(const Sizes& sizes, const Parts& parts) {
  const Share share = share_of(sizes, parts);
  const double map = static_cast<double>(sizes.pixels * sizes.channels * sizes.element);
  const double part_of_map = static_cast<double>(share.pixels * share.channels * sizes.element);
  const bool pooled = sizes.pixels == 1;
  const double waves = static_cast<double>(divide_up(sizes.images * parts.blocks(), kUsualMultiprocessors));
  const double here = waves * (part_of_map * (sizes.scales_only ? 1 : 2) + static_cast<double>(share.weight_bytes));
  const double apart = static_cast<double>(sizes.images) * map * (sizes.scales_only ? 1 : 3) / kUsualMultiprocessors;
  const int saved = (sizes.scales_only ? 1 : 2) + (pooled ? 0 : 1);
  if (here <= apart + saved * kBytesPerLaunch) return Support::yes();
  return Support::no(Refusal::kNotWorthIt, fmt::format("{:.0f} KiB pass one multiprocessor", here / 1024));
}

Result<Expr> activation(const Problem& problem, std::string_view name) {
  const std::string text = problem.attrs.get_string(name, "");
  if (text.empty()) return Expr({problem.inputs[0].dtype});
  INGOT_ASSIGN_OR_RETURN(Expr expr, Expr::parse(text));
  if (expr.input_types().size() != 1 || !is_float(expr.input_types()[0]) || expr.input_types()[0] == DType::f64 ||
      !is_float(expr.result_type()) || expr.result_type() == DType::f64)
    return invalid_argument("SqueezeExcite: '{}' of attribute {} is no function of a float", text, name);
  return expr;
}

Result<std::string> print_activations(const Problem& problem) {
  std::string text;
  for (const std::string_view name : {"squeeze", "excite"}) {
    INGOT_ASSIGN_OR_RETURN(const Expr expr, activation(problem, name));
    INGOT_ASSIGN_OR_RETURN(const std::string function, print_expression(expr, name));
    text += function;
  }
  return text;
}

Support supports(const Problem& problem, bool clusters) {
  if (problem.own_inputs() != kOwnInputs) return Support::no(Refusal::kShape, "not five operands");
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  for (std::size_t i = 0; i < kOwnInputs; ++i) {
    const Operand& operand = problem.inputs[i];
    if (!operand.present() && (i == 2 || i == 4)) continue;
    if (operand.dtype != type) return Support::no(Refusal::kDType, "operands of several types");
    if (i > 0 && !operand.constant) return Support::no(Refusal::kConstant, "weights are not constant");
  }
  const Result<Sizes> sizes = sizes_of(problem, problem.inputs);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  if (sizes->channels == 0 || sizes->squeezed == 0 || sizes->pixels == 0)
    return Support::no(Refusal::kShape, "nothing to squeeze");
  if (const Result<std::string> text = print_activations(problem); !text.is_ok())
    return Support::no(Refusal::kEpilogue, text.status().message());
  const std::vector<Parts> parts = clusters ? cluster_parts(*sizes) : std::vector<Parts>{{1, 1}};
  if (parts.empty() || !fits(*sizes, parts[0], most_shared(clusters)))
    return Support::no(Refusal::kShape, fmt::format("{} channels, {} squeezed", sizes->channels, sizes->squeezed));
  const Result<EpilogueLayout> layout =
      epilogue_layout(problem.inputs, kOwnInputs, problem.outputs[0], static_cast<int>(sizes->vector()));
  if (!layout.is_ok() || (!layout->vectors && !sizes->scales_only))
    return Support::no(Refusal::kEpilogue, "operands that vectors cannot read");
  if (Support support = epilogue_support(problem); !support.ok()) return support;
  return worth(*sizes, parts[0]);
}

std::vector<std::string> cluster_configs(const Problem& problem) {
  std::vector<std::string> configs;
  const Result<Sizes> sizes = sizes_of(problem, problem.inputs);
  if (!sizes.is_ok()) return configs;
  for (const Parts& parts : cluster_parts(*sizes)) {
    configs.push_back(fmt::format("{}x{} {}", parts.pixels, parts.channels, parts.threads));
    // Fewer threads meet sooner; the map should not be read twice for that.
    const Parts fewer{parts.pixels, parts.channels, parts.threads / 2};
    if (parts.blocks() == 8 && fits(*sizes, fewer, most_shared(true)) &&
        share_of(*sizes, fewer).vectors_per_thread <= kMostKept)
      configs.push_back(fmt::format("{}x{} {}", fewer.pixels, fewer.channels, fewer.threads));
  }
  return configs;
}

Result<Parts> parts_of(const std::string& config) {
  Parts parts;
  if (config.empty()) return parts;
  if (std::sscanf(config.c_str(), "%1dx%1d %3d", &parts.pixels, &parts.channels, &parts.threads) != 3 ||
      config.size() != 7 || parts.pixels < 1 || parts.channels < 1 || parts.blocks() > 8 ||
      (parts.threads != 256 && parts.threads != 512))
    return invalid_argument("cuda.squeeze_excite_cluster: bad config '{}'", config);
  return parts;
}

// Whether weights fit beside the rest.
bool staged(const Sizes& sizes, const Parts& parts) {
  const Share share = share_of(sizes, parts);
  return share.shared_bytes + share.weight_bytes <= most_shared(parts.blocks() > 1);
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Parts parts, parts_of(config));
  INGOT_ASSIGN_OR_RETURN(const Sizes sizes, sizes_of(problem, problem.inputs));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  INGOT_ASSIGN_OR_RETURN(const std::string activations, print_activations(problem));
  // Few numbers, so that layers share code. What does not fit is read again.
  const std::int64_t vectors = share_of(sizes, parts).vectors_per_thread;
  std::int64_t kept = kMostKept;
  for (const int fewer : {12, 8, 6, 4, 3, 2, 1})
    if (vectors <= fewer) kept = fewer;
  text += activations + fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("VECTOR", sizes.vector()) + define("WEIGHTS", sizes.weights_in_16()) +
          define("THREADS", parts.threads) + define("PIXEL_PARTS", parts.pixels) +
          define("CHANNEL_PARTS", parts.channels) + define("KEEP", sizes.scales_only ? 1 : kept) +
          define("KEEP_ALL", vectors <= kept ? 1 : 0) + define("STAGED", staged(sizes, parts) ? 1 : 0) +
          define("SCALES_ONLY", sizes.scales_only ? 1 : 0);
  text += include("cluster.cuh");
  return std::vector<std::string>{assemble(text, "squeeze_excite.cu")};
}

// Rows of elements, with zeros behind each up to `pitch`.
std::vector<std::byte> padded_rows(std::span<const std::byte> rows, std::int64_t count, std::int64_t length,
                                   std::int64_t pitch, std::int64_t element) {
  std::vector<std::byte> out(static_cast<std::size_t>(count * pitch * element));
  const auto bytes = static_cast<std::size_t>(length * element);
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(out.data() + i * pitch * element, rows.data() + i * length * element, bytes);
  return out;
}

Result<Packed> pack(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Sizes sizes, sizes_of(problem, problem.inputs));
  Packed packed;
  for (std::size_t i = kOwnInputs; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant) packed.keep_inputs.push_back(i);
  const TensorPtr &w1 = problem.inputs[1].value, &w2 = problem.inputs[3].value;
  if (w1 == nullptr || w2 == nullptr) return invalid_argument("SqueezeExcite: the values of the weights are needed");
  packed.blobs.push_back(
      padded_rows(w1->bytes(), sizes.squeezed, sizes.channels, sizes.channel_pitch(), sizes.element));
  packed.blobs.push_back(
      padded_rows(w2->bytes(), sizes.channels, sizes.squeezed, sizes.squeezed_pitch(), sizes.element));
  std::vector<float> bias(static_cast<std::size_t>(sizes.squeezed_pitch() + sizes.channel_pitch()), 0.0F);
  const auto add_bias = [&](const TensorPtr& value, std::int64_t at, std::int64_t count) {
    for (std::int64_t i = 0; value != nullptr && i < std::min(count, value->elements()); ++i)
      bias[static_cast<std::size_t>(at + i)] = static_cast<float>(value->as_double(i));
  };
  add_bias(problem.inputs[2].value, 0, sizes.squeezed);
  add_bias(problem.inputs[4].value, sizes.squeezed_pitch(), sizes.channels);
  const auto bytes = std::as_bytes(std::span(bias));
  packed.blobs.emplace_back(bytes.begin(), bytes.end());
  return packed;
}

// Threads for a row of weights: as few rounds of the block as can be, and then few exchanges between threads.
int lanes_for(std::int64_t rows, std::int64_t length, int threads) {
  int best = 1;
  double least = 0;
  for (int lanes = 1, exchanges = 0; lanes <= 32; lanes *= 2, ++exchanges) {
    const double cost = static_cast<double>(divide_up(rows * lanes, threads) * divide_up(length, lanes)) + exchanges;
    if (lanes > 1 && cost >= least) continue;
    least = cost;
    best = lanes;
  }
  return best;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Parts parts, parts_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const Sizes sizes, sizes_of(args.problem, args.inputs));
  const Share share = share_of(sizes, parts);
  if (share.vectors_per_thread == 0 || sizes.channels % sizes.vector() != 0)
    return unsupported("SqueezeExcite: {} channels in {} parts", sizes.channels, parts.channels);
  SqueezeExciteParams p{};
  p.pixels = static_cast<int>(sizes.pixels);
  p.channels = static_cast<int>(sizes.channels);
  p.squeezed = static_cast<int>(sizes.squeezed);
  p.channel_pitch = static_cast<int>(sizes.channel_pitch());
  p.squeezed_pitch = static_cast<int>(sizes.squeezed_pitch());
  p.part_pixels = static_cast<int>(share.pixels);
  p.part_channels = static_cast<int>(share.channels);
  p.part_squeezed = static_cast<int>(share.squeezed);
  p.lanes1 = lanes_for(share.squeezed, share.channels / sizes.weights_in_16(), parts.threads);
  p.lanes2 = lanes_for(share.channels, sizes.squeezed_pitch() / sizes.weights_in_16(), parts.threads);
  p.one_over_pixels = 1.0F / static_cast<float>(sizes.pixels);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, kOwnInputs, args.outputs[0], static_cast<int>(sizes.vector())));
  if (!layout.vectors && !sizes.scales_only)
    return unsupported("an epilogue operand that vectors of {} channels cannot read", sizes.vector());
  set_epilogue(layout, p);
  PlannedLaunch launch = PlannedLaunch::of("squeeze_excite", p);
  launch.dependent = true;
  const auto blocks = static_cast<unsigned>(parts.blocks());
  launch.grid = {static_cast<unsigned>(sizes.images) * blocks, 1, 1};
  launch.cluster = {blocks, 1, 1};
  launch.block = {static_cast<unsigned>(parts.threads), 1, 1};
  launch.shared_bytes = static_cast<unsigned>(share.shared_bytes + (staged(sizes, parts) ? share.weight_bytes : 0));
  launch.point(offsetof(SqueezeExciteParams, x), Place::kInput, 0);
  launch.point(offsetof(SqueezeExciteParams, w1), Place::kWeights, 0);
  launch.point(offsetof(SqueezeExciteParams, w2), Place::kWeights, 1);
  launch.point(offsetof(SqueezeExciteParams, bias), Place::kWeights, 2);
  launch.point(offsetof(SqueezeExciteParams, y), Place::kOutput, 0);
  point_epilogue<SqueezeExciteParams>(layout, kOwnInputs, launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& squeeze_excite_tactic() {
  static const CudaTactic tactic({"cuda.squeeze_excite",
                                  2,
                                  {"SqueezeExcite"},
                                  [](const Problem& problem) { return supports(problem, false); },
                                  sources,
                                  plan,
                                  nullptr,
                                  pack});
  return tactic;
}

const Tactic& squeeze_excite_cluster_tactic() {
  static const CudaTactic tactic([] {
    Family family{"cuda.squeeze_excite_cluster",
                  2,
                  {"SqueezeExcite"},
                  [](const Problem& problem) { return supports(problem, true); },
                  sources,
                  plan,
                  cluster_configs,
                  pack};
    family.arch = "sm_90a";
    return family;
  }());
  return tactic;
}

}  // namespace ingot::cuda
