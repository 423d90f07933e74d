// SPDX-License-Identifier: Apache-2.0
// Tree ensembles in the forms of both versions of the specification become the flat tables of our own TreeEnsemble.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "onnx/contrib.h"
#include "onnx/limits.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

constexpr std::array<std::string_view, 7> kModes = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                                    "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
constexpr std::int64_t kLeafMode = 6, kEqual = 4, kMissingIsYes = 8;

struct Leaf {
  std::vector<std::pair<std::int64_t, double>> weights;  // by target
};

// A forest as the file has it: nodes by any numbers, children anywhere.
struct Branch {
  std::int64_t feature = 0, mode = 0;
  double threshold = 0;
  std::int64_t yes = 0, no = 0;  // ~leaf for a leaf
};

struct Forest {
  std::vector<Branch> branches;
  std::vector<Leaf> leaves;
  std::vector<std::int64_t> roots;
};

// The tables, with children after their parents.
class Tables {
 public:
  static Result<Tables> of(const Forest& forest) {
    Tables tables;
    std::vector<bool> visited(forest.branches.size(), false);
    for (const std::int64_t root : forest.roots) {
      // What is still to be placed: the node, and where its number goes.
      struct Pending {
        std::int64_t node;
        std::size_t slot;  // in numbers_
      };
      tables.roots_.push_back(0);
      std::vector<Pending> open;
      const auto place = [&](std::int64_t node, std::int32_t& number, std::size_t slot) -> Status {
        if (node < 0) {
          if (~node >= static_cast<std::int64_t>(forest.leaves.size()))
            return invalid_argument("leaf {} does not exist", ~node);
          number = static_cast<std::int32_t>(node);
          return Status::ok();
        }
        if (node >= static_cast<std::int64_t>(forest.branches.size()))
          return invalid_argument("node {} does not exist", node);
        open.push_back({node, slot});
        return Status::ok();
      };
      constexpr std::size_t kRoot = SIZE_MAX;
      INGOT_RETURN_IF_ERROR(place(root, tables.roots_.back(), kRoot));
      while (!open.empty()) {
        const Pending next = open.back();
        open.pop_back();
        if (visited[static_cast<std::size_t>(next.node)])
          return invalid_argument("node {} has two parents or is its own ancestor", next.node);
        visited[static_cast<std::size_t>(next.node)] = true;
        const Branch& branch = forest.branches[static_cast<std::size_t>(next.node)];
        const auto number = static_cast<std::int32_t>(tables.thresholds_.size());
        (next.slot == kRoot ? tables.roots_.back() : tables.nodes_[next.slot]) = number;
        tables.nodes_.insert(tables.nodes_.end(),
                             {static_cast<std::int32_t>(branch.feature), static_cast<std::int32_t>(branch.mode), 0, 0});
        tables.thresholds_.push_back(branch.threshold);
        const std::size_t slot = tables.nodes_.size() - 2;
        INGOT_RETURN_IF_ERROR(place(branch.no, tables.nodes_[slot + 1], slot + 1));
        INGOT_RETURN_IF_ERROR(place(branch.yes, tables.nodes_[slot], slot));
      }
    }
    tables.begins_.push_back(0);
    for (const Leaf& leaf : forest.leaves) {
      for (const auto& [target, weight] : leaf.weights) {
        tables.targets_.push_back(static_cast<std::int32_t>(target));
        tables.weights_.push_back(weight);
      }
      tables.begins_.push_back(static_cast<std::int32_t>(tables.targets_.size()));
    }
    return tables;
  }

  // The raw scores of X, with the base values added.
  Result<ir::ValueId> emit(NodeDraft& draft, ir::ValueId x, std::int64_t targets, const Floats& base,
                           std::string_view aggregate) const {
    const DType type = draft.type(x).dtype;
    const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
    std::vector<ir::ValueId> operands{x, ints(draft, "nodes", {count(thresholds_), 4}, nodes_)};
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId thresholds,
                           real_constant(draft, "thresholds", type, {count(thresholds_)}, thresholds_));
    operands.insert(operands.end(), {thresholds, ints(draft, "roots", {count(roots_)}, roots_),
                                     ints(draft, "leaf_begins", {count(begins_)}, begins_),
                                     ints(draft, "leaf_targets", {count(targets_)}, targets_)});
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId weights,
                           real_constant(draft, "leaf_weights", type, {count(weights_)}, weights_));
    operands.push_back(weights);
    if (!base.empty()) {
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId values, real_constant(draft, "base_values", type, {targets}, base));
      operands.push_back(values);
    }
    return draft.emit("TreeEnsemble", operands, {{"n_targets", targets}, {"aggregate", std::string(aggregate)}});
  }

 private:
  static ir::ValueId ints(NodeDraft& draft, std::string_view what, Shape shape, std::span<const std::int32_t> values) {
    return draft.add_constant(what, HostTensor::of(DType::i32, std::move(shape), values));
  }

  std::vector<std::int32_t> nodes_, roots_, begins_, targets_;
  Floats thresholds_, weights_;
};

// --- the form of versions 1 and 3: nodes with numbers in trees, leaves by these
// ----------------------------------------
struct Keyed {
  Forest forest;
  std::set<std::int64_t> targets;  // that some leaf names
  bool all_positive = true;        // weights
};

template <typename T>
Result<std::vector<T>> sized(const NodeDraft& draft, std::string_view name, std::size_t count) {
  INGOT_ASSIGN_OR_RETURN(auto values, draft.read_or<std::vector<T>>(name, {}));
  if (values.size() != count)
    return invalid_argument("attribute {} has {} entries, but must have {}", name, values.size(), count);
  return values;
}

// `stem` is "target" or "class".
Result<Keyed> read_keyed(const NodeDraft& draft, const std::string& stem) {
  Keyed result;
  INGOT_ASSIGN_OR_RETURN(const Ints ids, draft.read_or<Ints>("nodes_nodeids", {}));
  const std::size_t count = ids.size();
  INGOT_ASSIGN_OR_RETURN(const Ints trees, sized<std::int64_t>(draft, "nodes_treeids", count));
  INGOT_ASSIGN_OR_RETURN(const Ints features, sized<std::int64_t>(draft, "nodes_featureids", count));
  INGOT_ASSIGN_OR_RETURN(const Strings modes, sized<std::string>(draft, "nodes_modes", count));
  INGOT_ASSIGN_OR_RETURN(const Ints yes, sized<std::int64_t>(draft, "nodes_truenodeids", count));
  INGOT_ASSIGN_OR_RETURN(const Ints no, sized<std::int64_t>(draft, "nodes_falsenodeids", count));
  INGOT_ASSIGN_OR_RETURN(const Floats thresholds, floats_of(draft, "nodes_values"));
  INGOT_ASSIGN_OR_RETURN(Ints missing, draft.read_or<Ints>("nodes_missing_value_tracks_true", {}));
  if (missing.empty()) missing.assign(count, 0);
  if (thresholds.size() != count || missing.size() != count)
    return invalid_argument("there are {} thresholds and {} rules for missing values, but {} nodes", thresholds.size(),
                            missing.size(), count);
  // Branches and leaves have numbers of their own; leaves count down from -1.
  using Key = std::pair<std::int64_t, std::int64_t>;
  std::map<Key, std::int64_t> numbers;
  std::vector<std::int64_t> mode(count);
  std::int64_t branches = 0, leaves = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = std::ranges::find(kModes, modes[i]);
    if (at == kModes.end()) return beyond(Limit::kNodeMode, modes[i]);
    mode[i] = at - kModes.begin();
    const std::int64_t number = mode[i] == kLeafMode ? ~leaves++ : branches++;
    if (!numbers.emplace(Key{trees[i], ids[i]}, number).second)
      return invalid_argument("tree {} has two nodes {}", trees[i], ids[i]);
  }
  result.forest.leaves.resize(static_cast<std::size_t>(leaves));
  std::map<std::int64_t, std::int64_t> roots;  // the first node of each tree
  const auto find = [&](std::int64_t tree, std::int64_t id) -> Result<std::int64_t> {
    const auto at = numbers.find({tree, id});
    if (at == numbers.end()) return invalid_argument("tree {} has no node {}", tree, id);
    return at->second;
  };
  for (std::size_t i = 0; i < count; ++i) {
    roots.emplace(trees[i], numbers.at({trees[i], ids[i]}));
    if (mode[i] == kLeafMode) continue;
    Branch branch{features[i], mode[i] + (missing[i] != 0 ? kMissingIsYes : 0), thresholds[i]};
    INGOT_ASSIGN_OR_RETURN(branch.yes, find(trees[i], yes[i]));
    INGOT_ASSIGN_OR_RETURN(branch.no, find(trees[i], no[i]));
    result.forest.branches.push_back(branch);
  }
  for (const auto& [tree, root] : roots) result.forest.roots.push_back(root);
  INGOT_ASSIGN_OR_RETURN(const Floats weights, floats_of(draft, stem + "_weights"));
  INGOT_ASSIGN_OR_RETURN(const Ints targets, sized<std::int64_t>(draft, stem + "_ids", weights.size()));
  INGOT_ASSIGN_OR_RETURN(const Ints of_trees, sized<std::int64_t>(draft, stem + "_treeids", weights.size()));
  INGOT_ASSIGN_OR_RETURN(const Ints of_nodes, sized<std::int64_t>(draft, stem + "_nodeids", weights.size()));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t number, find(of_trees[i], of_nodes[i]));
    if (number >= 0)
      return invalid_argument("node {} of tree {} is no leaf, but has weights", of_nodes[i], of_trees[i]);
    result.forest.leaves[static_cast<std::size_t>(~number)].weights.emplace_back(targets[i], weights[i]);
    result.targets.insert(targets[i]);
    result.all_positive = result.all_positive && weights[i] >= 0;
  }
  return result;
}

Result<Floats> base_values(const NodeDraft& draft) { return floats_of(draft, "base_values"); }

// --- the form of version 5 -----------------------------------------------------------------------------------------
struct Flat {
  Ints features, yes, no, yes_leaf, no_leaf, roots, leaf_targets, missing;
  std::vector<std::int64_t> modes;
  Floats splits, weights, members;
};

Result<Flat> read_flat(const NodeDraft& draft) {
  Flat flat;
  INGOT_ASSIGN_OR_RETURN(flat.splits, floats_of(draft, "nodes_splits"));
  INGOT_ASSIGN_OR_RETURN(flat.weights, floats_of(draft, "leaf_weights"));
  INGOT_ASSIGN_OR_RETURN(flat.members, floats_of(draft, "membership_values"));
  INGOT_ASSIGN_OR_RETURN(const Floats modes, floats_of(draft, "nodes_modes"));
  const std::size_t count = flat.splits.size();
  for (const double mode : modes) flat.modes.push_back(static_cast<std::int64_t>(mode));
  if (modes.size() != count) return invalid_argument("there are {} nodes_modes for {} nodes", modes.size(), count);
  INGOT_ASSIGN_OR_RETURN(flat.features, sized<std::int64_t>(draft, "nodes_featureids", count));
  INGOT_ASSIGN_OR_RETURN(flat.yes, sized<std::int64_t>(draft, "nodes_truenodeids", count));
  INGOT_ASSIGN_OR_RETURN(flat.no, sized<std::int64_t>(draft, "nodes_falsenodeids", count));
  INGOT_ASSIGN_OR_RETURN(flat.yes_leaf, sized<std::int64_t>(draft, "nodes_trueleafs", count));
  INGOT_ASSIGN_OR_RETURN(flat.no_leaf, sized<std::int64_t>(draft, "nodes_falseleafs", count));
  INGOT_ASSIGN_OR_RETURN(flat.leaf_targets, sized<std::int64_t>(draft, "leaf_targetids", flat.weights.size()));
  INGOT_ASSIGN_OR_RETURN(flat.roots, draft.read_or<Ints>("tree_roots", {}));
  INGOT_ASSIGN_OR_RETURN(flat.missing, draft.read_or<Ints>("nodes_missing_value_tracks_true", {}));
  if (flat.missing.empty()) flat.missing.assign(count, 0);
  if (flat.missing.size() != count) return invalid_argument("nodes_missing_value_tracks_true does not fit the nodes");
  return flat;
}

// A node that asks for membership is a chain of nodes that ask for equality.
Result<Forest> forest_of(const Flat& flat) {
  constexpr std::int64_t kMember = 6;
  Forest forest;
  const std::size_t count = flat.splits.size();
  // First the numbers of all nodes, then their links.
  std::vector<std::vector<double>> sets(count);
  std::vector<std::int64_t> first(count);
  std::size_t at = 0;
  std::int64_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (flat.modes[i] < 0 || flat.modes[i] > kMember)
      return invalid_argument("nodes_modes has a {}, but 0 to {} are allowed", flat.modes[i], kMember);
    if (flat.modes[i] == kMember) {
      while (at < flat.members.size() && !std::isnan(flat.members[at])) sets[i].push_back(flat.members[at++]);
      ++at;  // the NaN behind
    }
    first[i] = next;
    next += flat.modes[i] == kMember ? std::max<std::int64_t>(1, static_cast<std::int64_t>(sets[i].size())) : 1;
  }
  const auto child = [&](std::int64_t index, std::int64_t is_leaf) -> Result<std::int64_t> {
    const auto limit = static_cast<std::int64_t>(is_leaf != 0 ? flat.weights.size() : count);
    if (index < 0 || index >= limit) return invalid_argument("a node's child {} does not exist", index);
    return is_leaf != 0 ? ~index : first[static_cast<std::size_t>(index)];
  };
  for (std::size_t i = 0; i < count; ++i) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t yes, child(flat.yes[i], flat.yes_leaf[i]));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t no, child(flat.no[i], flat.no_leaf[i]));
    const std::int64_t missing = flat.missing[i] != 0 ? kMissingIsYes : 0;
    if (flat.modes[i] != kMember) {
      forest.branches.push_back({flat.features[i], flat.modes[i] + missing, flat.splits[i], yes, no});
      continue;
    }
    if (sets[i].empty()) sets[i].push_back(NAN);  // equals nothing
    for (std::size_t k = 0; k < sets[i].size(); ++k) {
      const bool last = k + 1 == sets[i].size();
      const auto further = first[i] + static_cast<std::int64_t>(k) + 1;
      forest.branches.push_back({flat.features[i], kEqual + missing, sets[i][k], yes, last ? no : further});
    }
  }
  for (std::size_t i = 0; i < flat.weights.size(); ++i)
    forest.leaves.push_back({{{flat.leaf_targets[i], flat.weights[i]}}});
  for (const std::int64_t root : flat.roots) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t number, child(root, 0));
    forest.roots.push_back(number);
  }
  return forest;
}

}  // namespace

Status lower_tree_ensemble(NodeDraft& draft) {
  constexpr std::array<std::string_view, 4> kAggregates = {"AVERAGE", "SUM", "MIN", "MAX"};
  constexpr std::array<std::string_view, 5> kTransforms = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, feature_matrix(draft, 0));
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t targets, draft.read_or<std::int64_t>("n_targets", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t aggregate, draft.read_or<std::int64_t>("aggregate_function", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t transform, draft.read_or<std::int64_t>("post_transform", 0));
  if (aggregate < 0 || aggregate > 3 || transform < 0 || transform > 4)
    return invalid_argument("aggregate_function is {} and post_transform is {}, which are not defined", aggregate,
                            transform);
  INGOT_ASSIGN_OR_RETURN(const Flat flat, read_flat(draft));
  INGOT_ASSIGN_OR_RETURN(const Forest forest, forest_of(flat));
  INGOT_ASSIGN_OR_RETURN(const Tables tables, Tables::of(forest));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores,
                         tables.emit(draft, x, targets, {}, kAggregates[static_cast<std::size_t>(aggregate)]));
  INGOT_ASSIGN_OR_RETURN(
      const ir::ValueId y,
      transformed_scores(draft, scores, std::string(kTransforms[static_cast<std::size_t>(transform)])));
  become(draft, "Cast", {y}, {{"to", type}});
  return Status::ok();
}

Status lower_tree_ensemble_regressor(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, feature_matrix(draft, 0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t targets, draft.read_or<std::int64_t>("n_targets", 1));
  INGOT_ASSIGN_OR_RETURN(const std::string aggregate, draft.read_or<std::string>("aggregate_function", "SUM"));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  INGOT_ASSIGN_OR_RETURN(Floats base, base_values(draft));
  if (base.size() == 1) base.assign(static_cast<std::size_t>(std::max<std::int64_t>(targets, 1)), base[0]);
  INGOT_ASSIGN_OR_RETURN(const Keyed keyed, read_keyed(draft, "target"));
  INGOT_ASSIGN_OR_RETURN(const Tables tables, Tables::of(keyed.forest));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores, tables.emit(draft, x, targets, base, aggregate));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, transformed_scores(draft, scores, transform));
  become(draft, "Cast", {y}, {{"to", DType::f32}});
  return Status::ok();
}

Status lower_tree_ensemble_classifier(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId x, feature_matrix(draft, 0));
  INGOT_ASSIGN_OR_RETURN(const ClassLabels labels, class_labels(draft));
  INGOT_ASSIGN_OR_RETURN(const std::string transform, draft.read_or<std::string>("post_transform", "NONE"));
  INGOT_ASSIGN_OR_RETURN(Floats base, base_values(draft));
  INGOT_ASSIGN_OR_RETURN(Keyed keyed, read_keyed(draft, "class"));
  if (labels.count != 2 || keyed.targets.size() != 1) {
    INGOT_ASSIGN_OR_RETURN(const Tables tables, Tables::of(keyed.forest));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores, tables.emit(draft, x, labels.count, base, "SUM"));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, greatest(draft, scores));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId shown, transformed_scores(draft, scores, transform));
    return classify(draft, labels, index, shown);
  }
  // One score decides between two classes: a probability where no weight is negative. Only when it is that of class 0
  // it is shown as a pair; else the other one stays what its base value says.
  const double threshold = keyed.all_positive ? 0.5 : 0.0;
  const std::int64_t scored = *keyed.targets.begin();
  if (scored != 0 || base.size() == 2) {
    if (base.size() == 1) base.push_back(0);
    INGOT_ASSIGN_OR_RETURN(const Tables tables, Tables::of(keyed.forest));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId scores, tables.emit(draft, x, 2, base, "SUM"));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId score, slice_axis(draft, scores, 1, scored, scored + 1));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, above(draft, score, threshold));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId shown, transformed_scores(draft, scores, transform));
    return classify(draft, labels, index, shown);
  }
  for (Leaf& leaf : keyed.forest.leaves)
    for (auto& entry : leaf.weights) entry.first = 0;
  INGOT_ASSIGN_OR_RETURN(const Tables tables, Tables::of(keyed.forest));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId score, tables.emit(draft, x, 1, base, "SUM"));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId index, above(draft, score, threshold));
  INGOT_ASSIGN_OR_RETURN(
      const ir::ValueId both,
      two_scores(draft, score, keyed.all_positive ? TwoScores::complement : TwoScores::negated, transform));
  return classify(draft, labels, index, both);
}

}  // namespace ingot::onnx
