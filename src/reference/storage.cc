// SPDX-License-Identifier: Apache-2.0
#include "reference/storage.h"

namespace ingot::reference {

namespace {

std::uint8_t read_bits(const HostTensor& tensor, std::int64_t i, int bits) {
  const std::int64_t bit = i * bits;
  const auto byte = tensor.data<std::uint8_t>()[bit / 8];
  return static_cast<std::uint8_t>(byte >> (bit % 8) & ((1 << bits) - 1));
}

}  // namespace

Result<HostTensor> WideStorage::widen(const HostTensor& tensor) {
  const bool strings = dtype_ == DType::string;
  INGOT_ASSIGN_OR_RETURN(HostTensor wide, HostTensor::create(strings ? DType::i64 : DType::u8, tensor.shape()));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (strings) {
      wide.mutable_data<std::int64_t>()[i] = to_signed(pool_.size());
      pool_.push_back(tensor.strings()[to_size(i)]);
    } else {
      wide.mutable_data<std::uint8_t>()[i] = read_bits(tensor, i, bits_of(dtype_));
    }
  }
  return wide;
}

Result<HostTensor> WideStorage::narrow(const HostTensor& tensor) const {
  INGOT_ASSIGN_OR_RETURN(HostTensor narrow, HostTensor::create(dtype_, tensor.shape()));
  const int bits = bits_of(dtype_);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (dtype_ == DType::string) {
      const auto number = static_cast<std::uint64_t>(tensor.data<std::int64_t>()[i]);
      if (number >= pool_.size()) return unsupported("arithmetic on strings");
      narrow.strings()[to_size(i)] = pool_[number];
    } else {
      auto& byte = narrow.mutable_data<std::uint8_t>()[i * bits / 8];
      byte = static_cast<std::uint8_t>(byte | tensor.data<std::uint8_t>()[i] << (i * bits % 8));
    }
  }
  return narrow;
}

Result<Outputs> run_widened(Kernel kernel, const Call& call, DType dtype) {
  WideStorage storage(dtype);
  std::vector<HostTensor> widened(call.inputs.size());
  std::vector<const HostTensor*> inputs(call.inputs.begin(), call.inputs.end());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k] == nullptr || inputs[k]->dtype() != dtype) continue;
    INGOT_ASSIGN_OR_RETURN(widened[k], storage.widen(*inputs[k]));
    inputs[k] = &widened[k];
  }
  Call wide = call;
  wide.inputs = inputs;
  wide.output_types = {};
  INGOT_ASSIGN_OR_RETURN(const Outputs moved, kernel(wide));
  Outputs outputs;
  for (const HostTensor& output : moved) {
    INGOT_ASSIGN_OR_RETURN(HostTensor narrow, storage.narrow(output));
    outputs.push_back(std::move(narrow));
  }
  return outputs;
}

}  // namespace ingot::reference
