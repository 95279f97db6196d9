// SPDX-License-Identifier: Apache-2.0
#include "tests/support/backend_calls.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include "model3d/ops/running_moments/running_moments_kernels.h"

namespace larkspur::testing {
namespace {

// A key below autograd's and above every backend's, which torch itself has no use for.
constexpr auto kKey = c10::DispatchKey::Fake;

std::map<std::string, std::int64_t>& counts() {
  static std::map<std::string, std::int64_t> calls;
  return calls;
}

bool is_work(const c10::FunctionSchema& schema) {
  constexpr std::array<std::string_view, 5> kAllocations{
      "aten::empty", "aten::new_empty", "aten::_unsafe_view", "aten::resize_", "aten::set_"};
  const std::string_view name = schema.name();
  if (std::any_of(kAllocations.begin(), kAllocations.end(), [&](std::string_view begins) {
        return name.starts_with(begins);
      })) {
    return false;
  }
  const auto& returns = schema.returns();
  return !std::any_of(returns.begin(), returns.end(), [](const c10::Argument& result) {
    return result.alias_info() != nullptr && !result.alias_info()->isWrite();  // a view
  });
}

/// What is done of lists at once goes to a GPU in pieces of so many tensors.
std::int64_t pieces(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  const bool of_library = schema.name().starts_with("aten::_foreach");
  if (!of_library && schema.name() != "larkspur::step_running_moments_") return 1;
  // The library's of two lists: depth_to_max_tensors in MultiTensorApply.cuh.
  const std::size_t tensors_together = of_library ? 64 : model3d::kMostRunning;
  const std::size_t tensors = stack[stack.size() - schema.arguments().size()].toTensorList().size();
  return static_cast<std::int64_t>((tensors + tensors_together - 1) / tensors_together);
}

void count(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const c10::DispatchKeySet below =
      keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey);
  const bool is_made_of_others =
      op.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) &&
      !op.hasKernelForDispatchKey(c10::DispatchKey::CPU);
  if (is_made_of_others) return op.redispatchBoxed(below, stack);
  if (is_work(op.schema())) counts()[op.schema().name()] += pieces(op.schema(), *stack);
  const c10::impl::ExcludeDispatchKeyGuard inside(kKey);
  op.redispatchBoxed(below, stack);
}

TORCH_LIBRARY_IMPL(_, Fake, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&count>());
}

}  // namespace

struct BackendCalls::Keys {
  c10::impl::IncludeDispatchKeyGuard include{kKey};
};

BackendCalls::BackendCalls() : keys_(new Keys) { counts().clear(); }

BackendCalls::~BackendCalls() { delete keys_; }

const std::map<std::string, std::int64_t>& BackendCalls::by_name() const { return counts(); }

}  // namespace larkspur::testing
