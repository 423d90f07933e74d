// SPDX-License-Identifier: Apache-2.0
// TfIdfVectorizer: counts the n-grams of a pool in each row.
#include <algorithm>
#include <map>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

struct Pool {
  std::int64_t shortest = 1, longest = 1, skips = 0;
  Ints starts;   // where the n-grams of length 1, 2, ... begin in the pool
  Ints columns;  // of the output, one per n-gram
  Floats weights;
  std::string mode;
};

Result<Pool> read_pool(const Attrs& attrs) {
  Pool pool{attrs.get_int("min_gram_length", 1), attrs.get_int("max_gram_length", 1),
            attrs.get_int("max_skip_count", 0),  attrs.get_ints("ngram_counts", {}),
            attrs.get_ints("ngram_indexes", {}), {},
            attrs.get_string("mode", "TF")};
  if (const auto* weights = std::get_if<Floats>(attrs.find("weights"))) pool.weights = *weights;
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  if (pool.shortest < 1 || pool.longest < pool.shortest || pool.skips < 0 || pool.skips > kMost)
    return invalid_argument("n-grams of {} to {} tokens with up to {} skips are not possible", pool.shortest,
                            pool.longest, pool.skips);
  if (!pool.weights.empty() && pool.weights.size() != pool.columns.size())
    return invalid_argument("weights has {} elements for {} n-grams", pool.weights.size(), pool.columns.size());
  for (const std::int64_t column : pool.columns)
    if (column < 0 || column > kMost) return invalid_argument("ngram_indexes has the element {}", column);
  return pool;
}

// The number of each n-gram of the pool, in order of the pool.
template <typename Token>
using Numbers = std::map<std::vector<Token>, std::size_t>;

template <typename Token>
Result<Numbers<Token>> number_ngrams(const Pool& pool, const std::vector<Token>& tokens) {
  Numbers<Token> numbers;
  std::size_t number = 0;
  for (std::size_t i = 0; i < pool.starts.size(); ++i) {
    const std::int64_t end = i + 1 < pool.starts.size() ? pool.starts[i + 1] : to_signed(tokens.size());
    const std::int64_t length = to_signed(i) + 1;
    if (pool.starts[i] < 0 || end > to_signed(tokens.size()) || pool.starts[i] > end ||
        (end - pool.starts[i]) % length != 0)
      return invalid_argument("ngram_counts does not cut a pool of {} tokens", tokens.size());
    for (std::int64_t at = pool.starts[i]; at < end; at += length)
      numbers.emplace(std::vector<Token>(tokens.begin() + at, tokens.begin() + at + length), number++);
  }
  if (number != pool.columns.size())
    return invalid_argument("ngram_indexes has {} elements for {} n-grams", pool.columns.size(), number);
  return numbers;
}

template <typename Token>
Result<Outputs> vectorize(const Call& call, const HostTensor& x, const std::vector<Token>& tokens,
                          const std::vector<Token>& pool_tokens) {
  INGOT_ASSIGN_OR_RETURN(const Pool pool, read_pool(*call.attrs));
  INGOT_ASSIGN_OR_RETURN(const Numbers<Token> numbers, number_ngrams(pool, pool_tokens));
  if (x.rank() > 2)
    return invalid_argument("operand 0 (X) has shape {}; [C] or [N, C] is needed", to_string(x.shape()));
  const std::int64_t length = x.shape().empty() ? 1 : x.shape().back();
  const std::int64_t rows = x.rank() == 2 ? x.shape()[0] : 1;
  const std::int64_t columns =
      pool.columns.empty() ? 0 : *std::max_element(pool.columns.begin(), pool.columns.end()) + 1;
  Shape shape = x.rank() == 2 ? Shape{rows, columns} : Shape{columns};
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, DType::f32), shape));
  std::vector<Token> gram;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<std::int64_t> counts(pool.columns.size(), 0);
    const auto first = tokens.begin() + row * length;
    for (std::int64_t n = pool.shortest; n <= std::min(pool.longest, length); ++n) {
      // A single token has nothing to skip.
      for (std::int64_t step = 1; step <= (n == 1 ? 1 : pool.skips + 1) && (n - 1) * step < length; ++step) {
        for (std::int64_t at = 0; at + (n - 1) * step < length; ++at) {
          gram.clear();
          for (std::int64_t k = 0; k < n; ++k) gram.push_back(first[at + k * step]);
          if (const auto found = numbers.find(gram); found != numbers.end()) ++counts[found->second];
        }
      }
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      const double weight = pool.mode == "TF" || pool.weights.empty() ? 1 : pool.weights[i];
      out.set_double(row * columns + pool.columns[i],
                     (pool.mode == "IDF" ? 1 : static_cast<double>(counts[i])) * weight);
    }
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_tfidf(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, required_operand(call, 0, "X"));
  if (x->dtype() == DType::string) {
    const auto* pool = std::get_if<Strings>(call.attrs->find("pool_strings"));
    return vectorize(call, *x, x->strings(), pool == nullptr ? Strings{} : *pool);
  }
  if (!is_integer(x->dtype()))
    return invalid_argument("operand 0 (X) has type {}; strings or integers are needed", to_string(x->dtype()));
  return vectorize(call, *x, to_numbers<std::int64_t>(*x), call.attrs->get_ints("pool_int64s", {}));
}

constexpr Row kRows[] = {
    {"TfIdfVectorizer", evaluate_tfidf},
};

}  // namespace

std::span<const Row> tfidf_rows() { return kRows; }

}  // namespace ingot::reference
