// SPDX-License-Identifier: Apache-2.0
// Ops of ours as torch's dispatcher knows them.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace larkspur::model3d {

/// An op by name ("larkspur::layer_norm"), to be called with its C++ signature.
template <typename Signature>
auto find_op(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

}  // namespace larkspur::model3d
