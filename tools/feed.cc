// SPDX-License-Identifier: Apache-2.0
#include "feed.h"

#include <random>

#include "builder/shape_options.h"
#include "runtime/named_tensors.h"

namespace ingot::tools {

Result<NamedTensors> read_feed(const Engine& engine, const std::vector<std::string>& pairs, const std::string& npz) {
  NamedTensors feed;
  if (!npz.empty()) {
    INGOT_ASSIGN_OR_RETURN(feed, read_npz(npz));
  }
  for (const std::string& pair : pairs) {
    // Input names hold no equals sign in practice; the first one separates.
    std::string name;
    std::string file = pair;
    if (const std::size_t equals = pair.find('='); equals != std::string::npos) {
      name = pair.substr(0, equals);
      file = pair.substr(equals + 1);
    } else if (engine.input_count() == 1) {
      name = engine.input(0).name;
    } else {
      return invalid_argument("--input {}: the engine has {} inputs; write NAME=FILE", pair, engine.input_count());
    }
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, read_tensor(file));
    feed.emplace_back(std::move(name), std::move(tensor));
  }
  return feed;
}

namespace {

bool is_dynamic(const Engine& engine) {
  for (std::size_t i = 0; i < engine.input_count(); ++i)
    if (!concrete(engine.input(i).shape)) return true;
  return false;
}

// The shape texts resolved against the engine's inputs, as they are against a model's at build.
Result<std::vector<builder::ShapeRange>> resolve_shapes(const Engine& engine, const std::vector<std::string>& shapes) {
  ir::Graph inputs;
  for (std::size_t i = 0; i < engine.input_count(); ++i)
    inputs.add_input(engine.input(i).name, ir::Type::tensor(engine.input(i).dtype, engine.input(i).shape));
  return builder::parse_shapes(inputs, shapes);
}

}  // namespace

Result<NamedTensors> random_feed(const Engine& engine, const std::vector<std::string>& shapes, bool built_with,
                                 std::uint32_t seed) {
  std::vector<builder::ShapeRange> wanted;
  if (is_dynamic(engine)) {
    INGOT_ASSIGN_OR_RETURN(wanted, resolve_shapes(engine, shapes));
  } else if (!shapes.empty() && !built_with) {
    return invalid_argument("--shapes {}: the engine's sizes are fixed; only those of a dynamic one can be chosen",
                            shapes[0]);
  }
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  NamedTensors feed;
  for (std::size_t i = 0; i < engine.input_count(); ++i) {
    const plan::Tensor& input = engine.input(i);
    Shape shape;
    for (const Dim& dim : input.shape) shape.push_back(dim.constant().value_or(1));
    for (const plan::Profile& profile : engine.plan().profiles)
      for (const plan::ProfileRange& range : profile)
        if (range.input == engine.plan().inputs[i]) shape = range.opt;
    for (const builder::ShapeRange& range : wanted)
      if (range.input == input.name) shape = range.opt;
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(input.dtype, std::move(shape)));
    if (is_float(input.dtype))
      for (std::int64_t e = 0; e < tensor.elements(); ++e) tensor.set_double(e, normal(random));
    if (input.dtype == DType::boolean || (is_integer(input.dtype) && input.name.find("mask") != std::string::npos))
      for (std::int64_t e = 0; e < tensor.elements(); ++e) tensor.set_int(e, 1);
    feed.emplace_back(input.name, std::move(tensor));
  }
  return feed;
}

Status bind_feed(Context& context, const NamedTensors& feed) {
  Status status = bind_tensors(context, feed);
  return status.code() == StatusCode::kFailedPrecondition ? std::move(status).annotate("use --input NAME=FILE.npy")
                                                          : status;
}

}  // namespace ingot::tools
