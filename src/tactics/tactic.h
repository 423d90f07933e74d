// SPDX-License-Identifier: Apache-2.0
// Tactic: one way to solve problems of a kind on a device.
//
// The life of a tactic: at build the builder asks supports() (cheap; a refusal gives its reason), configs() for
// variants, prepare() to pack weights, load() to make a Kernel, times it, and writes tactic id, version, config and
// packed blobs to the plan. At run time the runtime finds the tactic by id, checks the version and calls load() on the
// mapped blobs: no packing, no copies, no compiler.
//
// Tactics are stateless singletons listed in their backend's table; all methods are const and thread-safe.
// The last tactic in a table is the plain one, which supports everything that the reference evaluator knows.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "base/status.h"
#include "tactics/problem.h"

namespace ingot {

// The closed list of reasons for a refusal.
enum class Refusal : std::uint8_t {
  kNone,
  kKind,        // solves other kinds of problems
  kDType,       // element type not handled
  kShape,       // rank or sizes not handled
  kAttribute,   // an attribute value not handled
  kLayout,      // needs another data layout
  kEpilogue,    // cannot evaluate this epilogue
  kConstant,    // needs an operand to be constant, or not to be
  kIsa,         // the processor lacks an instruction set
  kLibrary,     // a library is absent from this build or machine
  kWorkspace,   // needs more workspace than allowed
  kDynamic,     // cannot handle sizes that change
  kNotWorthIt,  // would be correct, never fastest
};
std::string_view to_string(Refusal reason);

struct Support {
  Refusal reason = Refusal::kNone;
  std::string detail;  // e.g. "group = 3, needs 1 or channels"
  [[nodiscard]] bool ok() const { return reason == Refusal::kNone; }
  static Support yes() { return {}; }
  static Support no(Refusal why, std::string detail_text = {}) { return {why, std::move(detail_text)}; }
};

// What a tactic may know of the device. `fingerprint` decides whether a plan or a timing applies to this machine.
struct DeviceInfo {
  std::string kind;                   // "cpu", "cuda"
  std::string name;                   // "AMD EPYC ..."
  std::vector<std::string> features;  // "avx2", "avx512f", ... sorted
  int threads = 1;                    // that a context will use
  std::int64_t l1_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 0;
  [[nodiscard]] bool has(std::string_view feature) const;
  // "cpu avx2,avx512f,... l2=1048576": what tuned choices depend on; not the model name, not the thread count.
  [[nodiscard]] std::string fingerprint() const;
};

struct Packed {
  std::vector<std::vector<std::byte>> blobs;  // in the tactic's own formats; 64-byte aligned in the plan
  std::vector<std::size_t> keep_inputs;       // constants that the kernel reads in their original form
};

using SymbolValues = std::map<std::string, std::int64_t, std::less<>>;

// What a context keeps for one kernel at one set of shapes.
class KernelState {
 public:
  virtual ~KernelState() = default;
  std::size_t workspace_bytes = 0;  // asked from the context, shared by all steps, 64-byte aligned, contents undefined
};

struct ConfigureArgs {
  std::span<const Operand> inputs;   // actual shapes; `value` of kept constants
  std::span<const Operand> outputs;  // actual shapes (meaningless for outputs that only the data decide)
  const SymbolValues* symbols = nullptr;
  int threads = 1;
};

// Gives memory for an output whose shape only the data decide. Lives as long as the run.
class OutputAllocator {
 public:
  virtual ~OutputAllocator() = default;
  virtual Result<void*> allocate(std::size_t output, const Shape& shape) = 0;
};

struct LaunchArgs {
  std::span<const void* const> inputs;  // null for absent operands and for constants that were packed away
  std::span<void* const> outputs;       // null for unused outputs and for outputs of data-dependent shape
  std::span<std::byte> workspace;
  KernelState* state = nullptr;
  Parallel* parallel = nullptr;          // CPU
  OutputAllocator* allocator = nullptr;  // for outputs of data-dependent shape
};

// A solved problem, ready to run. Immutable: shared by all contexts of an engine.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Everything that depends on sizes happens here, not in launch(). Called when shapes change.
  virtual Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const {
    (void)args;
    return std::make_unique<KernelState>();
  }
  // Neither allocates nor locks (plain tactics excepted). Inputs and outputs do not overlap, except that output 0 may
  // be the very memory of input in_place_input().
  virtual Status launch(const LaunchArgs& args) const = 0;
  // True when launch() asks LaunchArgs::allocator for outputs whose shape the data decide.
  [[nodiscard]] virtual bool allocates_outputs() const { return false; }
  // True when launch() waits for the device: it cannot be part of a captured graph.
  [[nodiscard]] virtual bool synchronizes() const { return false; }
  // Index of the input that output 0 may overwrite, or -1.
  [[nodiscard]] virtual int in_place_input() const { return -1; }
};

class Tactic {
 public:
  virtual ~Tactic() = default;
  [[nodiscard]] virtual std::string_view id() const = 0;   // stable, e.g. "cpu.conv.implicit_gemm"
  [[nodiscard]] virtual int version() const { return 1; }  // raised when packed formats or config meanings change
  [[nodiscard]] virtual Support supports(const Problem& problem, const DeviceInfo& device) const = 0;
  // Variants to time, best guess first; never empty for a supported problem. "" is the usual single one.
  [[nodiscard]] virtual std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const {
    (void)problem;
    (void)device;
    return {""};
  }
  // Build time: packs constants. The default packs nothing and keeps all constant inputs.
  virtual Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const;
  // `blobs` outlive the kernel.
  virtual Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                               std::span<const std::span<const std::byte>> blobs) const = 0;
  // True when launch() calls into a library that may allocate or lock by itself. The builder then asks for a clear win,
  // so that a plan's runs stay free of both wherever that costs little.
  [[nodiscard]] virtual bool may_allocate() const { return false; }
  // True when launch() asks its OutputAllocator for the outputs whose shape only the data decide.
  [[nodiscard]] virtual bool decides_shapes() const { return is_plain(); }
  // True when it is the correct-but-plain last resort.
  [[nodiscard]] virtual bool is_plain() const { return false; }
  // True when launch() computes on the host although its device is another one. The builder takes it only where the
  // caller allows that.
  [[nodiscard]] virtual bool leaves_device() const { return false; }
};

// A backend: a device and its table of tactics, fastest guess first, the plain one last.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual DeviceInfo device() const = 0;
  [[nodiscard]] virtual std::span<const Tactic* const> tactics() const = 0;
  [[nodiscard]] const Tactic* find(std::string_view id) const;  // nullptr when unknown
};

}  // namespace ingot
