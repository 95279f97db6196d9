// SPDX-License-Identifier: Apache-2.0
// Between the keys of a configuration and the options of a network.
#pragma once

#include <string_view>

#include "launch/config/run_config.h"
#include "model3d/network.h"

namespace larkspur::launch {

/// The network that a configuration describes, before it is made.
model3d::ModelOptions model_options(const RunConfig& config);

/// model.kernel with the form's own taps where it has 0.
std::array<std::int64_t, 3> whole_kernel(const ModelConfig& model);

/// A configuration that describes such a network: what the options leave to the form, filled in.
RunConfig config_of_network(const model3d::ModelOptions& options);

/// A configuration of a form where nothing else is set: kernel and strides are the form's own, not
/// those of a configuration file that leaves them out. Throws kInvalidArgument for an unknown form.
RunConfig config_of_form(std::string_view form);

}  // namespace larkspur::launch
