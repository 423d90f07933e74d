// SPDX-License-Identifier: Apache-2.0
// The library as a whole: its registry, its logger, and ingot_plugin_query over all creators that registered
// themselves while it was loaded or that it exports through getCreators.
#pragma once
#pragma GCC system_header

#include "contexts.h"

extern "C" __attribute__((visibility("hidden"))) inline nvinfer1::IPluginRegistry* getPluginRegistry() noexcept {
  return &ingot_tensorrt::Registry::instance();
}

extern "C" __attribute__((visibility("hidden"))) inline nvinfer1::ILogger* getLogger() noexcept {
  return ingot_tensorrt::Registry::instance().logger();
}

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  struct Library {
    std::string name;
    std::vector<std::unique_ptr<Operator>> operators;
    std::vector<const ingot_plugin_operator*> pointers;
    ingot_plugin_library api{};
  };

  inline const ingot_plugin_library* query(const ingot_plugin_host* the_host) {
    host() = the_host;
    static Library* const library = new Library;
    if (library->api.size != 0) return &library->api;
    library->name = "tensorrt plugins";
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&host), &info) != 0 && info.dli_fname != nullptr) {
      library->name = info.dli_fname;
      library->name = library->name.substr(library->name.rfind('/') + 1);
      if (void* self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)) Registry::instance().add_exported(self);
    }
    std::int32_t count = 0;
    IPluginCreatorInterface* const* creators = Registry::instance().getAllCreators(&count);
    for (std::int32_t i = 0; i < count; ++i) {
      library->operators.emplace_back(new Operator(Creator(*creators[i], Registry::instance().space_of(*creators[i]))));
      library->pointers.push_back(&library->operators.back()->api);
    }
    if (count == 0)
      log(1, library->name +
                 ": no plugin creator has registered itself (REGISTER_TENSORRT_PLUGIN) or is exported "
                 "(getCreators, getPluginCreators)");
    library->api.size = sizeof(library->api);
    library->api.major = INGOT_PLUGIN_MAJOR;
    library->api.minor = INGOT_PLUGIN_MINOR;
    library->api.name = library->name.c_str();
    library->api.version = "";
    library->api.help = "written for TensorRT's plugin classes";
    library->api.operators = library->pointers.data();
    library->api.operator_count = library->pointers.size();
    return &library->api;
  }

}  // namespace )

// Emitted wherever the headers are included; the linker keeps one.
extern "C" INGOT_PLUGIN_EXPORT __attribute__((used)) inline const ingot_plugin_library* ingot_plugin_query(
    const ingot_plugin_host* host) {
  return ingot_tensorrt::query(host);
}
