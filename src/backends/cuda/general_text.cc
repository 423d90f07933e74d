// SPDX-License-Identifier: Apache-2.0
// TfIdfVectorizer over tokens that are numbers.
#include <algorithm>
#include <set>

#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

// An n-gram of the pool that is looked for.
struct Gram {
  std::int64_t first, length, column;
  double weight;
};

// Those of min_gram_length to max_gram_length, in order of the pool, each the first time that it occurs.
Result<std::vector<Gram>> read_grams(const Attrs& attrs, const Ints& pool) {
  const Ints starts = attrs.get_ints("ngram_counts", {}), columns = attrs.get_ints("ngram_indexes", {});
  const auto* weights = std::get_if<Floats>(attrs.find("weights"));
  const bool weighted = attrs.get_string("mode", "TF") != "TF" && weights != nullptr && !weights->empty();
  const auto tokens = static_cast<std::int64_t>(pool.size());
  std::vector<Gram> grams;
  std::set<Ints> known;
  std::size_t number = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto length = static_cast<std::int64_t>(i) + 1;
    const std::int64_t end = i + 1 < starts.size() ? starts[i + 1] : tokens;
    if (starts[i] < 0 || starts[i] > end || end > tokens || (end - starts[i]) % length != 0)
      return invalid_argument("TfIdfVectorizer: ngram_counts does not cut a pool of {} tokens", tokens);
    for (std::int64_t at = starts[i]; at < end; at += length, ++number) {
      if (number >= columns.size() || columns[number] < 0 || (weighted && number >= weights->size()))
        return invalid_argument("TfIdfVectorizer: ngram_indexes or weights do not fit the pool of {} tokens", tokens);
      if (!known.insert(Ints(pool.begin() + at, pool.begin() + at + length)).second) continue;
      if (length < attrs.get_int("min_gram_length", 1) || length > attrs.get_int("max_gram_length", 1)) continue;
      grams.push_back({at, length, columns[number], weighted ? static_cast<double>((*weights)[number]) : 1.0});
    }
  }
  return grams;
}

Support tfidf_support(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  return type == DType::i32 || type == DType::i64 ? Support::yes() : Support::no(Refusal::kDType);
}

Status plan_tfidf(GeneralPlan& plan) {
  const Ints pool = plan.attrs().get_ints("pool_int64s", {});
  INGOT_ASSIGN_OR_RETURN(std::vector<Gram> grams, read_grams(plan.attrs(), pool));
  const Shape& x = plan.shape(0);
  const std::int64_t columns = plan.out(0).shape.back();
  std::ranges::stable_sort(grams, {}, &Gram::column);
  Ints places, begins;
  Floats weights;
  for (const Gram& gram : grams) {
    if (gram.column >= columns) return invalid_argument("TfIdfVectorizer: ngram_indexes has {}", gram.column);
    begins.resize(static_cast<std::size_t>(gram.column) + 1, static_cast<std::int64_t>(weights.size()));
    places.insert(places.end(), {gram.first, gram.length});
    weights.push_back(gram.weight);
  }
  begins.resize(static_cast<std::size_t>(columns) + 1, static_cast<std::int64_t>(weights.size()));
  const auto words = [](std::size_t bytes) { return static_cast<std::int64_t>(bytes / sizeof(std::int64_t)); };
  plan.append(pool);
  plan.set("GRAMS", words(plan.append(places)));
  plan.set("BEGINS", words(plan.append(begins)));
  plan.set("WEIGHTS", words(plan.append(weights)));
  plan.set("LENGTH", x.empty() ? 1 : x.back());
  plan.set("COLUMNS", columns);
  plan.set("SKIPS", plan.attrs().get_int("max_skip_count", 0));
  plan.set("ONCE", plan.attrs().get_string("mode", "TF") == "IDF" ? 1 : 0);
  return plan.add("ngrams", elements_of(plan.out(0)));
}

constexpr GeneralOp kOps[] = {
    {"TfIdfVectorizer", "general_text.cu", "GRAMS BEGINS WEIGHTS LENGTH COLUMNS SKIPS ONCE", "", plan_tfidf, false,
     tfidf_support},
};

}  // namespace

std::span<const GeneralOp> text_ops() { return kOps; }

}  // namespace ingot::cuda
