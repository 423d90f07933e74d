// SPDX-License-Identifier: Apache-2.0
// A convolution and the pointwise operations behind it as a graph of cuDNN: description, the library's proposals for
// it, and a proposal made ready to run. Whoever calls these holds the lock of the handle's session.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/cudnn.h"

namespace ingot::cuda {

// Owns what cudnnBackendCreateDescriptor makes. Setters are given in any order, then finalize().
class CudnnDescriptor {
 public:
  CudnnDescriptor() = default;
  static Result<CudnnDescriptor> create(const Cudnn& api, CudnnDescriptorType type);
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;
  ~CudnnDescriptor();

  Status set(CudnnAttribute name, CudnnAttributeType type, std::int64_t count, const void* values) const;
  Status set(CudnnAttribute name, std::int64_t value) const { return set(name, CUDNN_TYPE_INT64, 1, &value); }
  Status set(CudnnAttribute name, double value) const { return set(name, CUDNN_TYPE_DOUBLE, 1, &value); }
  Status set(CudnnAttribute name, CudnnHandle value) const { return set(name, CUDNN_TYPE_HANDLE, 1, &value); }
  Status set(CudnnAttribute name, CudnnDataType value) const { return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value); }
  Status set(CudnnAttribute name, std::span<const std::int64_t> values) const;
  Status set(CudnnAttribute name, const CudnnDescriptor& value) const;
  // The number of values that there are; at most `room` are written.
  [[nodiscard]] Result<std::size_t> get(CudnnAttribute name, CudnnAttributeType type, std::size_t room,
                                        void* values) const;
  Status finalize(std::string_view what) const;
  [[nodiscard]] CudnnRawDescriptor raw() const { return raw_; }

 private:
  const Cudnn* api_ = nullptr;
  CudnnRawDescriptor raw_ = nullptr;
};

// One operation on the sums: a function of them, or of them and a tensor.
struct CudnnPointwise {
  CudnnPointwiseMode mode = CUDNN_POINTWISE_ADD;
  int operand = -1;  // which input of the problem; -1: none
  // CUDNN_POINTWISE_RELU_FWD: values below `lower` go on with `slope`, values above `upper` become it.
  double lower = 0, slope = 0;
  std::optional<double> upper = std::nullopt;
  friend bool operator==(const CudnnPointwise&, const CudnnPointwise&) = default;
};

// Tensors lie channels-last; dimensions are written as the library has them: [N, C, spatial...], weights
// [K, C / groups, spatial...].
struct CudnnTensor {
  std::int64_t id = 0;
  CudnnDataType type = CUDNN_DATA_FLOAT;
  std::vector<std::int64_t> dims;
};
struct CudnnConv {
  CudnnTensor x, w, y;
  std::vector<std::int64_t> stride, dilation, pad_begin, pad_end;
  std::vector<CudnnPointwise> chain;
  std::vector<CudnnTensor> operands;  // of the chain; id: CudnnPointwise::operand
};

// How the library would compute a graph. Two proposals with the same engine and knobs are the same one.
struct CudnnProposal {
  std::int64_t engine = 0;
  std::vector<std::pair<int, std::int64_t>> knobs;
  bool exact = false;     // its sums are those of fp32, and the same ones in every run
  bool compiles = false;  // the library compiles when a plan is made
  CudnnDescriptor config;
};

class CudnnGraph {
 public:
  static Result<std::shared_ptr<const CudnnGraph>> make(const Cudnn& api, CudnnHandle handle, const CudnnConv& conv);

  // At most `most` different ones that are exact, best guess first. Of those that compile, which takes about a second
  // each, there is one. The library may still refuse to make a plan of a proposal.
  [[nodiscard]] Result<std::vector<CudnnProposal>> propose(std::size_t most) const;

 private:
  CudnnGraph(const Cudnn& api, CudnnHandle handle) : api_(api), handle_(handle) {}
  [[nodiscard]] Result<CudnnDescriptor> tensor(const CudnnTensor& tensor, bool is_virtual) const;
  Status add_convolution(const CudnnConv& conv, const CudnnDescriptor& x, const CudnnDescriptor& y);
  Status add_pointwise(const CudnnPointwise& step, const CudnnConv& conv, const CudnnDescriptor& x,
                       const CudnnDescriptor& y);
  Status propose_by(CudnnHeurMode mode, std::size_t most, std::vector<CudnnProposal>& out) const;
  // Reads the rest of a proposal from its config.
  Status read(CudnnProposal& proposal) const;

  const Cudnn& api_;
  CudnnHandle handle_;
  CudnnDataType type_ = CUDNN_DATA_FLOAT;
  std::vector<CudnnDescriptor> operations_, parts_;
  CudnnDescriptor graph_;
};

// A proposal made ready to run. Its text holds the machine code that the library compiled for it, if any.
class CudnnPlan {
 public:
  static Result<std::shared_ptr<const CudnnPlan>> make(const Cudnn& api, CudnnHandle handle,
                                                       const CudnnDescriptor& config);
  // For the same version of the library on the same kind of device.
  static Result<std::shared_ptr<const CudnnPlan>> from_json(const Cudnn& api, CudnnHandle handle,
                                                            std::string_view json);
  [[nodiscard]] Result<std::string> to_json() const;
  [[nodiscard]] std::size_t workspace_bytes() const { return workspace_bytes_; }

  // The arguments of a run: pointers by the ids of tensors.
  [[nodiscard]] Result<CudnnDescriptor> bind(std::span<const std::int64_t> ids, std::span<void* const> pointers,
                                             void* workspace) const;
  Status execute(CuStream stream, const CudnnDescriptor& arguments) const;

 private:
  CudnnPlan(const Cudnn& api, CudnnHandle handle) : api_(api), handle_(handle) {}
  static Result<std::shared_ptr<CudnnPlan>> begin(const Cudnn& api, CudnnHandle handle);
  Status finish();

  const Cudnn& api_;
  CudnnHandle handle_;
  CudnnDescriptor plan_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace ingot::cuda
