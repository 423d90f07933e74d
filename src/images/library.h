// SPDX-License-Identifier: Apache-2.0
// A shared library opened at its first use and never closed.
#pragma once

#include <string>

#include "base/status.h"

namespace ingot::images {

class Library {
 public:
  explicit Library(const char* file);

  // Sets `function` to the exported function of that name; a failure is kept in status().
  template <typename F>
  void find(F*& function, const char* name) {
    function = reinterpret_cast<F*>(address_of(name));
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void* address_of(const char* name);

  std::string file_;
  void* handle_ = nullptr;
  Status status_;
};

}  // namespace ingot::images

// Defines `functions()`: a struct whose members are the functions of the table, named as in the library's header, and
// `library` with the status. X(name) for each function.
#define INGOT_IMAGE_LIBRARY(file, FUNCTIONS)             \
  struct Functions {                                     \
    ingot::images::Library library{file};                \
    FUNCTIONS(INGOT_IMAGE_FUNCTION_MEMBER)               \
    Functions() { FUNCTIONS(INGOT_IMAGE_FUNCTION_FIND) } \
  };                                                     \
  const Functions& functions() {                         \
    static const Functions the_functions;                \
    return the_functions;                                \
  }
#define INGOT_IMAGE_FUNCTION_MEMBER(name) decltype(&::name) name = nullptr;
#define INGOT_IMAGE_FUNCTION_FIND(name) library.find(name, #name);
