// SPDX-License-Identifier: Apache-2.0
#include "plugin/guarded_call.h"

#include <csetjmp>
#include <csignal>

#include <array>
#include <exception>
#include <mutex>

namespace ingot::plugin {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// Where this thread resumes; null while it runs no plugin code under guard.
thread_local sigjmp_buf* resume_at = nullptr;

std::mutex handlers_mutex;
int handlers_users = 0;
std::array<struct sigaction, kSignals.size()> previous_handlers;

void on_signal(int signal, siginfo_t* info, void* context) {
  if (resume_at != nullptr) siglongjmp(*resume_at, signal);
  // Not ours: as if we were not there.
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] != signal) continue;
    const struct sigaction& previous = previous_handlers[i];
    if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
      previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
      previous.sa_handler(signal);
    } else {
      std::signal(signal, SIG_DFL);
      std::raise(signal);
    }
  }
}

class Handlers {
 public:
  Handlers() {
    const std::lock_guard lock(handlers_mutex);
    if (handlers_users++ > 0) return;
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &previous_handlers[i]);
  }
  ~Handlers() {
    const std::lock_guard lock(handlers_mutex);
    if (--handlers_users > 0) return;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous_handlers[i], nullptr);
  }
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;
};

// A stack overflow in the plugin leaves no stack for the handler but this one.
class SignalStack {
 public:
  SignalStack() {
    stack_t stack{};
    stack.ss_sp = memory_.data();
    stack.ss_size = memory_.size();
    sigaltstack(&stack, &previous_);
  }
  ~SignalStack() { sigaltstack(&previous_, nullptr); }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t kBytes = 32 << 10;
  std::array<char, kBytes> memory_;
  stack_t previous_{};
};

const char* name_of(int signal) {
  switch (signal) {
    case SIGSEGV: return "a segmentation fault";
    case SIGBUS: return "a bus error";
    case SIGFPE: return "an arithmetic fault such as a division by zero";
    case SIGILL: return "an illegal instruction";
    default: return "an abort";
  }
}

// No object with a destructor may live between the jump's two ends.
int run_until_signal(FunctionRef<void()> body) {
  sigjmp_buf here;
  sigjmp_buf* const outer = resume_at;
  const int signal = sigsetjmp(here, 1);
  if (signal == 0) {
    resume_at = &here;
    body();
  }
  resume_at = outer;
  return signal;
}

}  // namespace

Status call(const Operator& op, const char* what, FunctionRef<std::int32_t(ingot_plugin_error*)> body) {
  // Room for a traceback of another language.
  char text[8192];
  text[0] = '\0';
  ingot_plugin_error error{text, sizeof(text)};
  try {
    if (body(&error) == 0) return Status::ok();
  } catch (const std::exception& exception) {
    return invalid_argument("{}: its {} function threw an exception: {}", op.describe(), what, exception.what());
  } catch (...) {
    return invalid_argument("{}: its {} function threw an exception", op.describe(), what);
  }
  text[sizeof(text) - 1] = '\0';
  return invalid_argument("{}: {}{}", op.describe(), text[0] != '\0' ? "" : "failed without a reason in ",
                          text[0] != '\0' ? text : what);
}

Status call_guarded(const Operator& op, const char* what, FunctionRef<std::int32_t(ingot_plugin_error*)> body) {
  Status status;
  const auto crash = crash_in([&] { status = call(op, what, body); });
  if (!crash) return status;
  return Status(StatusCode::kInvalidArgument,
                fmt::format("{}: its {} function crashed with {}", op.describe(), what, *crash));
}

std::optional<std::string_view> crash_in(FunctionRef<void()> body) {
  const Handlers handlers;
  const SignalStack stack;
  const int signal = run_until_signal(body);
  if (signal == 0) return std::nullopt;
  return name_of(signal);
}

}  // namespace ingot::plugin
