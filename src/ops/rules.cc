// SPDX-License-Identifier: Apache-2.0
#include "ops/rules.h"

#include <algorithm>

namespace ingot::ops {

Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank, std::string_view what) {
  const auto limit = static_cast<std::int64_t>(rank);
  if (axis < -limit || axis >= limit) {
    return invalid_argument("{} {} is out of range for rank {}: it must be in [{}, {}]", what, axis, rank, -limit,
                            limit - 1);
  }
  return static_cast<std::size_t>(axis < 0 ? axis + limit : axis);
}

Result<std::vector<std::size_t>> normalize_axes(const Ints& axes, std::size_t rank, std::string_view what) {
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t normal, normalize_axis(axis, rank, what));
    result.push_back(normal);
  }
  std::ranges::sort(result);
  if (std::ranges::adjacent_find(result) != result.end()) return invalid_argument("{} names an axis twice", what);
  return result;
}

Dim product(std::span<const Dim> dims) {
  Dim result = 1;
  for (const Dim& dim : dims) result = result * dim;
  return result;
}

namespace {
bool contains(const Dim& dim, std::initializer_list<std::string_view> words) {
  const std::string text = dim.to_string();
  return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}
}  // namespace

bool surely_positive(const Dim& dim) {
  if (const auto value = dim.constant()) return *value > 0;
  // Without a minus sign every term is a product of sizes or of roundings of such, hence not negative.
  if (contains(dim, {"-"})) return false;
  return !contains(dim, {"/", "%", "div", "mod"}) || !contains(dim - Dim(1), {"-"});
}

bool surely_not_negative(const Dim& dim) {
  return dim == Dim(0) || surely_positive(dim) || surely_positive(dim + Dim(1));
}

bool may_equal(const Dim& a, const Dim& b) {
  const Dim difference = a - b;
  if (const auto value = difference.constant()) return *value == 0;
  return !surely_positive(difference) && !surely_positive(b - a);
}

std::optional<Dim> broadcast_dim(const Dim& a, const Dim& b) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a.is_constant() && b.is_constant()) return std::nullopt;
  if (a.is_constant()) return a;
  if (b.is_constant()) return b;
  // The same text whichever operand came first.
  return a.to_string() < b.to_string() ? max(a, b) : max(b, a);
}

std::optional<SymShape> broadcast(const SymShape& a, const SymShape& b) {
  const SymShape& longer = a.size() >= b.size() ? a : b;
  const SymShape& shorter = a.size() >= b.size() ? b : a;
  SymShape result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    auto dim = broadcast_dim(longer[offset + i], shorter[i]);
    if (!dim) return std::nullopt;
    result[offset + i] = *std::move(dim);
  }
  return result;
}

Status expect_rank(const InferContext& ctx, std::size_t input, std::size_t least, std::size_t most) {
  if (!ctx.present(input) || !ctx.shape(input)) return Status::ok();
  const std::size_t rank = ctx.shape(input)->size();
  if (rank >= least && rank <= most) return Status::ok();
  const std::string want = least == most  ? fmt::format("{}", least)
                           : most >= 1000 ? fmt::format("at least {}", least)
                                          : fmt::format("{} to {}", least, most);
  return invalid_argument("{} has shape {}, but rank {} is needed", ctx.input_name(input), to_string(*ctx.shape(input)),
                          want);
}

Status expect_dim(const InferContext& ctx, std::size_t input, std::size_t dim, const Dim& want, std::string_view why) {
  if (!ctx.present(input) || !ctx.shape(input) || dim >= ctx.shape(input)->size()) return Status::ok();
  const Dim& got = (*ctx.shape(input))[dim];
  if (!got.is_constant() || !want.is_constant() || got == want) return Status::ok();
  return invalid_argument("{} has shape {}, but its dimension {} must be {} ({})", ctx.input_name(input),
                          to_string(*ctx.shape(input)), dim, want.to_string(), why);
}

Status expect_shape(const InferContext& ctx, std::size_t input, const SymShape& want, std::string_view why) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, input, want.size(), want.size()));
  for (std::size_t i = 0; i < want.size(); ++i) INGOT_RETURN_IF_ERROR(expect_dim(ctx, input, i, want[i], why));
  return Status::ok();
}

Status expect_broadcasts_to(const InferContext& ctx, std::size_t input, const SymShape& target) {
  if (!ctx.present(input) || !ctx.shape(input)) return Status::ok();
  const SymShape& shape = *ctx.shape(input);
  bool fits = shape.size() <= target.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    const Dim& to = target[target.size() - shape.size() + i];
    if (shape[i].is_constant() && to.is_constant()) fits = shape[i] == Dim(1) || shape[i] == to;
  }
  if (fits) return Status::ok();
  return invalid_argument("{} has shape {}, which does not broadcast to {}", ctx.input_name(input), to_string(shape),
                          to_string(target));
}

Result<std::string> text_choice(const InferContext& ctx, std::string_view name,
                                std::initializer_list<std::string_view> choices) {
  std::string value = ctx.attrs().get_string(name, *choices.begin());
  if (std::ranges::find(choices, value) != choices.end()) return value;
  return invalid_argument("attribute {} is \"{}\", but must be one of {}", name, value,
                          quoted_list({choices.begin(), choices.size()}));
}

std::optional<Ints> constant_ints(const InferContext& ctx, std::size_t input) {
  if (input >= ctx.input_count() || !ctx.present(input)) return std::nullopt;
  Ints result;
  if (const HostTensor* tensor = ctx.constant(input); tensor != nullptr && is_integer(tensor->dtype())) {
    for (std::int64_t i = 0; i < tensor->elements(); ++i) result.push_back(tensor->as_int(i));
    return result;
  }
  const auto symbolic = ctx.symbolic_value(input);
  if (!symbolic) return std::nullopt;
  for (const Dim& dim : *symbolic) {
    if (!dim.is_constant()) return std::nullopt;
    result.push_back(dim.value());
  }
  return result;
}

std::optional<std::size_t> vector_length(const InferContext& ctx, std::size_t input) {
  const auto& shape = ctx.shape(input);
  if (!shape || shape->size() != 1 || !shape->front().is_constant()) return std::nullopt;
  constexpr std::int64_t kMost = 4096;  // a rank beyond it is an error of the file, not a tensor
  const std::int64_t length = shape->front().value();
  return length <= kMost ? std::optional(static_cast<std::size_t>(length)) : std::nullopt;
}

SymShape unknown_shape(InferContext& ctx, std::size_t rank) {
  SymShape shape;
  for (std::size_t i = 0; i < rank; ++i) shape.push_back(ctx.unknown_dim());
  return shape;
}

Status infer_like_first(InferContext& ctx) {
  ctx.set_type(0, ctx.type(0));
  return Status::ok();
}

Result<std::optional<SymShape>> broadcast_inputs(const InferContext& ctx) {
  SymShape result;
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    if (ctx.present(i) && !ctx.shape(i)) return std::optional<SymShape>();
  }
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    if (!ctx.present(i)) continue;
    auto joined = broadcast(result, *ctx.shape(i));
    if (!joined) {
      return invalid_argument("{} has shape {}, which does not broadcast with {}", ctx.input_name(i),
                              to_string(*ctx.shape(i)), to_string(result));
    }
    result = *std::move(joined);
  }
  return std::optional<SymShape>(std::move(result));
}

std::string quoted_list(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return text;
}

}  // namespace ingot::ops
