// SPDX-License-Identifier: Apache-2.0
// SimpleTactic: a tactic without variants and packed weights, given by two functions.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "tactics/tactic.h"

namespace ingot::cpu {

class SimpleTactic final : public Tactic {
 public:
  using Supports = Support (*)(const Problem&);
  using Load = Result<std::unique_ptr<Kernel>> (*)(const Problem&);

  SimpleTactic(std::string_view id, std::initializer_list<std::string_view> kinds, Supports supports_fn, Load load_fn)
      : id_(id), kinds_(kinds), supports_(supports_fn), load_(load_fn) {}

  [[nodiscard]] std::string_view id() const override { return id_; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (std::find(kinds_.begin(), kinds_.end(), problem.kind) == kinds_.end()) return Support::no(Refusal::kKind);
    return supports_(problem);
  }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return load_(problem);
  }

 private:
  std::string_view id_;
  std::vector<std::string_view> kinds_;
  Supports supports_;
  Load load_;
};

// A Load for a kernel that is made of its problem and cannot fail.
template <typename MadeKernel>
Result<std::unique_ptr<Kernel>> load_kernel(const Problem& problem) {
  return std::unique_ptr<Kernel>(std::make_unique<MadeKernel>(problem));
}

}  // namespace ingot::cpu
