// SPDX-License-Identifier: Apache-2.0
// The registry of one plugin library, its logger, and memory for what plugins ask of an allocator. C++11, like
// everything in this folder: plugins choose their own language level.
#pragma once
#pragma GCC system_header

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../../plugin.h"
#include "../NvInferRuntimePlugin.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  using namespace nvinfer1;

  inline const ingot_plugin_host*& host() {
    static const ingot_plugin_host* the_host = nullptr;
    return the_host;
  }

  // On which device the plugins of this library run: where CUDA's headers are installed enqueue is taken to launch
  // kernels, otherwise, or when the build says so, to be host code. One source that was compiled with them decides for
  // the library.
  inline std::uint32_t& devices() {
    static std::uint32_t bits = INGOT_PLUGIN_CPU;
    return bits;
  }
#if defined(INGOT_TENSORRT_HAS_CUDA) && !defined(INGOT_TENSORRT_HOST_ENQUEUE)
  namespace {
  const bool uses_cuda = (devices() = INGOT_PLUGIN_CUDA) != 0;
  }
#endif

  inline void log(std::int32_t severity, const std::string& text) {
    if (host() != nullptr && host()->log != nullptr) host()->log(severity, text.c_str());
  }

  // For what would be said again each time that the engine asks.
  inline void log_once(std::int32_t severity, const std::string& text) {
    static std::mutex mutex;
    static std::map<std::string, bool> said;
    const std::lock_guard<std::mutex> lock(mutex);
    bool& done = said[text];
    if (!done) log(severity, text);
    done = true;
  }

  class Logger final : public ILogger {
   public:
    void log(Severity severity, AsciiChar const* msg) override {
      static const std::int32_t kSeverities[] = {0, 0, 1, 2, 3};
      ingot_tensorrt::log(kSeverities[static_cast<int>(severity)], msg);
    }
  };

  class LoggerFinder final : public ILoggerFinder {
   public:
    ILogger* findLogger() override { return &logger_; }

   private:
    Logger logger_;
  };

  // Memory of the device that an engine lends.
  class CudaAllocator final : public IGpuAllocator {
   public:
    explicit CudaAllocator(const ingot_plugin_cuda* cuda) : cuda_(cuda) {}
    InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"IGpuAllocator", 1, 0}; }
    void* allocate(std::uint64_t const size, std::uint64_t const, AllocatorFlags const) override {
      return cuda_->allocate(cuda_->host, size);
    }
    void free(void* const memory) override { cuda_->release(cuda_->host, memory); }

   private:
    const ingot_plugin_cuda* cuda_;
  };

  class HostAllocator final : public IGpuAllocator {
   public:
    InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"IGpuAllocator", 1, 0}; }
    void* allocate(std::uint64_t const size, std::uint64_t const alignment, AllocatorFlags const) override {
      void* memory = nullptr;
      const std::size_t least = sizeof(void*);
      return ::posix_memalign(&memory, alignment < least ? least : alignment, size) == 0 ? memory : nullptr;
    }
    void free(void* const memory) override { std::free(memory); }
  };

  inline bool is_v2(const IPluginCreatorInterface& creator) {
    return std::strcmp(creator.getInterfaceInfo().kind, "PLUGIN CREATOR_V1") == 0;
  }

  class Registry final : public IPluginRegistry {
   public:
    static Registry& instance() {
      static Registry* registry = new Registry;  // plugins may use it while the process ends
      return *registry;
    }

    bool registerCreator(IPluginCreator& creator, AsciiChar const* const space) override {
      return registerCreator(static_cast<IPluginCreatorInterface&>(creator), space);
    }
    bool registerCreator(IPluginCreatorInterface& creator, AsciiChar const* const space) override;
    bool deregisterCreator(IPluginCreator const& creator) override {
      return deregisterCreator(static_cast<IPluginCreatorInterface const&>(creator));
    }
    bool deregisterCreator(IPluginCreatorInterface const& creator) override {
      const std::lock_guard<std::mutex> lock(mutex_);
      bool found = false;
      for (std::size_t i = all_.size(); i-- > 0;)
        if (all_[i] == &creator) all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i)), found = true;
      for (std::size_t i = v2_.size(); i-- > 0;)
        if (v2_[i] == &creator) v2_.erase(v2_.begin() + static_cast<std::ptrdiff_t>(i));
      spaces_.erase(&creator);
      return found;
    }
    IPluginCreator* const* getPluginCreatorList(std::int32_t* const count) const override {
      *count = static_cast<std::int32_t>(v2_.size());
      return v2_.data();
    }
    IPluginCreatorInterface* const* getAllCreators(std::int32_t* const count) const override {
      *count = static_cast<std::int32_t>(all_.size());
      return all_.data();
    }
    IPluginCreatorInterface* const* getAllCreatorsRecursive(std::int32_t* const count) override {
      return getAllCreators(count);
    }
    IPluginCreator* getPluginCreator(AsciiChar const* const name, AsciiChar const* const version,
                                     AsciiChar const* const space) override {
      IPluginCreatorInterface* found = getCreator(name, version, space);
      return found != nullptr && is_v2(*found) ? static_cast<IPluginCreator*>(found) : nullptr;
    }
    IPluginCreatorInterface* getCreator(AsciiChar const* const name, AsciiChar const* const version,
                                        AsciiChar const* const space) override;
    // Creators that the library exports join this registry.
    PluginLibraryHandle loadLibrary(AsciiChar const* path) override {
      void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
      if (handle == nullptr) {
        log(0, dlerror());
        return nullptr;
      }
      add_exported(handle);
      return handle;
    }
    // Libraries stay: engines may still hold what they made.
    void deregisterLibrary(PluginLibraryHandle) override {}

    // What a library exports instead of registering it while it is loaded.
    void add_exported(void* handle) {
      // A collection of plugins in the manner of TensorRT's own registers them when asked to.
      using Initialise = bool (*)(void*, const char*);
      if (auto initialise = reinterpret_cast<Initialise>(dlsym(handle, "initLibNvInferPlugins")))
        initialise(finder_.findLogger(), "");
      using SetFinder = void (*)(ILoggerFinder*);
      if (auto set = reinterpret_cast<SetFinder>(dlsym(handle, "setLoggerFinder"))) set(&finder_);
      using GetAll = IPluginCreatorInterface* const* (*)(std::int32_t&);
      using GetV2 = IPluginCreator* const* (*)(std::int32_t&);
      std::int32_t count = 0;
      if (auto get = reinterpret_cast<GetAll>(dlsym(handle, "getCreators"))) {
        IPluginCreatorInterface* const* list = get(count);
        for (std::int32_t i = 0; i < count; ++i) registerCreator(*list[i], "");
      }
      if (auto get_v2 = reinterpret_cast<GetV2>(dlsym(handle, "getPluginCreators"))) {
        IPluginCreator* const* list = get_v2(count);
        for (std::int32_t i = 0; i < count; ++i) registerCreator(*list[i], "");
      }
    }

    IPluginResource* acquirePluginResource(AsciiChar const* key, IPluginResource* resource) override {
      const std::lock_guard<std::mutex> lock(mutex_);
      Shared& shared = resources_[key];
      if (shared.resource == nullptr && resource != nullptr) shared.resource = resource->clone();
      if (shared.resource != nullptr) ++shared.users;
      return shared.resource;
    }
    std::int32_t releasePluginResource(AsciiChar const* key) override {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = resources_.find(key);
      if (found == resources_.end() || found->second.resource == nullptr) return -1;
      if (--found->second.users > 0) return 0;
      const std::int32_t status = found->second.resource->release();
      resources_.erase(found);
      return status;
    }
    void setErrorRecorder(IErrorRecorder* const recorder) override { recorder_ = recorder; }
    IErrorRecorder* getErrorRecorder() const override { return recorder_; }
    bool isParentSearchEnabled() const override { return parent_search_; }
    void setParentSearchEnabled(bool const enabled) override { parent_search_ = enabled; }
    // The namespace that a creator was registered in; empty: its own.
    std::string space_of(IPluginCreatorInterface const& creator) const {
      const auto found = spaces_.find(&creator);
      return found != spaces_.end() ? found->second : std::string();
    }
    ILogger* logger() { return finder_.findLogger(); }
    IGpuAllocator* allocator() { return &allocator_; }

   private:
    struct Shared {
      IPluginResource* resource = nullptr;
      std::int32_t users = 0;
    };
    mutable std::mutex mutex_;
    std::vector<IPluginCreatorInterface*> all_;
    std::vector<IPluginCreator*> v2_;
    std::map<IPluginCreatorInterface const*, std::string> spaces_;
    std::map<std::string, Shared> resources_;
    LoggerFinder finder_;
    HostAllocator allocator_;
    IErrorRecorder* recorder_ = nullptr;
    bool parent_search_ = true;
  };

  // A creator of either generation by its common functions. The namespace that it was registered in wins over its own,
  // which those of version 3 cannot be told to change.
  struct Creator {
    explicit Creator(IPluginCreatorInterface& creator, const std::string& registered_in)
        : v2(is_v2(creator) ? static_cast<IPluginCreator*>(&creator) : nullptr),
          v3(v2 == nullptr ? static_cast<IPluginCreatorV3One*>(&creator) : nullptr),
          space(!registered_in.empty() ? registered_in
                                       : text(v2 != nullptr ? v2->getPluginNamespace() : v3->getPluginNamespace())) {}
    IPluginCreator* v2;
    IPluginCreatorV3One* v3;
    std::string space;
    std::string name() const { return text(v2 != nullptr ? v2->getPluginName() : v3->getPluginName()); }
    std::string version() const { return text(v2 != nullptr ? v2->getPluginVersion() : v3->getPluginVersion()); }
    PluginFieldCollection const* fields() const { return v2 != nullptr ? v2->getFieldNames() : v3->getFieldNames(); }
    static std::string text(const char* given) { return given != nullptr ? given : ""; }
  };

  // The first of several creators of one name, version and namespace counts.
  inline bool Registry::registerCreator(IPluginCreatorInterface & creator, AsciiChar const* const space) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Creator added(creator, Creator::text(space));
    for (IPluginCreatorInterface* known : all_) {
      const Creator other(*known, space_of(*known));
      if (known == &creator ||
          (other.name() == added.name() && other.version() == added.version() && other.space == added.space))
        return false;
    }
    all_.push_back(&creator);
    if (!Creator::text(space).empty()) spaces_[&creator] = space;
    if (added.v2 != nullptr) {
      v2_.push_back(added.v2);
      if (!Creator::text(space).empty()) added.v2->setPluginNamespace(space);
    }
    return true;
  }

  inline IPluginCreatorInterface* Registry::getCreator(AsciiChar const* const name, AsciiChar const* const version,
                                                       AsciiChar const* const space) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (IPluginCreatorInterface* candidate : all_) {
      const Creator creator(*candidate, space_of(*candidate));
      if (creator.name() == name && creator.version() == version && creator.space == Creator::text(space))
        return candidate;
    }
    return nullptr;
  }

}  // namespace )
