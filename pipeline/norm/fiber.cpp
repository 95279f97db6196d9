// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/fiber.h"

#include <csetjmp>
#include <cstdint>
#include <exception>
#include <utility>

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr std::size_t kStackBytes = std::size_t{8} << 20U;

/// Thrown by pause() in a fiber that is being destroyed.
struct Unwind {};

class Stack {
 public:
  Stack() : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    whole_ = ::mmap(nullptr, kStackBytes + page_, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    require(
        whole_ != MAP_FAILED, Errc::kIo, "[fiber] no room for a stack of ", kStackBytes, " bytes");
    ::mprotect(whole_, page_, PROT_NONE);  // stacks grow down, into this page
  }
  ~Stack() { ::munmap(whole_, kStackBytes + page_); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  void* bottom() const { return static_cast<char*>(whole_) + page_; }

 private:
  std::size_t page_;
  void* whole_ = nullptr;
};

/// What the sanitizers must be told about a change of stacks; nothing in other builds.
class Watched {
 public:
#if defined(__SANITIZE_THREAD__)
  Watched() : inside_(__tsan_create_fiber(0)) {}
  ~Watched() { __tsan_destroy_fiber(inside_); }
#else
  Watched() = default;
#endif
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void entering([[maybe_unused]] const Stack& stack) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&outer_, stack.bottom(), kStackBytes);
#elif defined(__SANITIZE_THREAD__)
    outside_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(inside_, 0);
#endif
  }
  void entered() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(inner_, &caller_, &caller_bytes_);
#endif
  }
  void leaving([[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &inner_, caller_, caller_bytes_);
#elif defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(outside_, 0);
#endif
  }
  void left() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(outer_, nullptr, nullptr);
#endif
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  void* outer_ = nullptr;
  void* inner_ = nullptr;
  const void* caller_ = nullptr;
  std::size_t caller_bytes_ = 0;
#elif defined(__SANITIZE_THREAD__)
  void* inside_;
  void* outside_ = nullptr;
#endif
};

}  // namespace

struct Fiber::Body {
  explicit Body(std::function<void()> todo) : work(std::move(todo)) {
    ::getcontext(&inside);
    inside.uc_stack.ss_sp = stack.bottom();
    inside.uc_stack.ss_size = kStackBytes;
    inside.uc_link = nullptr;
    // makecontext hands over ints only.
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&inside,
                  reinterpret_cast<void (*)()>(&Body::enter),
                  2,
                  static_cast<unsigned>(address >> 32U),
                  static_cast<unsigned>(address));
  }

  static void enter(unsigned high, unsigned low) {
    const auto address = (static_cast<std::uintptr_t>(high) << 32U) | low;
    Body& body = *reinterpret_cast<Body*>(address);
    body.watched.entered();
    body.run();
    body.done = true;
    body.watched.leaving(/*for_good=*/true);
    body.go_outside();
  }

  void run() noexcept {
    try {
      work();
    } catch (const Unwind&) {
      return;
    } catch (...) {
      error = std::current_exception();
    }
  }

  void go_inside() {
    watched.entering(stack);
    switch_from(outside, here_outside, inside, here_inside, /*is_new=*/!entered);
    watched.left();
  }
  void go_outside() { switch_from(inside, here_inside, outside, here_outside, /*is_new=*/false); }

  /// A context is entered for the first time by the C library, which asks the kernel twice for the
  /// mask of signals. After that a jump does, two system calls cheaper. The sanitizers know the
  /// first way only.
  void switch_from(ucontext_t& from,
                   [[maybe_unused]] std::jmp_buf& here,
                   const ucontext_t& to,
                   [[maybe_unused]] std::jmp_buf& there,
                   [[maybe_unused]] bool is_new) {
    entered = true;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    ::swapcontext(&from, &to);
#else
    if (_setjmp(here) != 0) return;
    if (is_new) {
      ::swapcontext(&from, &to);
    } else {
      _longjmp(there, 1);
    }
#endif
  }

  std::function<void()> work;
  Stack stack;
  Watched watched;
  ucontext_t inside{};
  ucontext_t outside{};
  std::exception_ptr error;
  std::jmp_buf here_inside{};
  std::jmp_buf here_outside{};
  bool entered = false;
  bool started = false;
  bool done = false;
  bool ending = false;
};

Fiber::Fiber(std::function<void()> work) : body_(std::make_unique<Body>(std::move(work))) {}

Fiber::~Fiber() {
  if (!body_->started || body_->done) return;
  body_->ending = true;
  body_->go_inside();
}

bool Fiber::resume() {
  body_->started = true;
  body_->go_inside();
  if (body_->error) std::rethrow_exception(std::exchange(body_->error, nullptr));
  return !body_->done;
}

void Fiber::pause() {
  Body& body = *body_;
  body.watched.leaving(/*for_good=*/false);
  body.go_outside();
  body.watched.entered();
  if (body.ending) throw Unwind();
}

}  // namespace larkspur::pipeline
