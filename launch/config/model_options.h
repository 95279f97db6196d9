// SPDX-License-Identifier: Apache-2.0
// Between the keys of a configuration and the options of a network.
#pragma once

#include <string_view>

#include "launch/config/run_config.h"
#include "model3d/network.h"

namespace larkspur::launch {

/// The network that a configuration describes, before it is made.
model3d::ModelOptions model_options(const RunConfig& config);

/// With the form's own taps and stride of the stem where model.kernel and model.stem_stride are 0.
ModelConfig filled_by_form(const ModelConfig& model);

/// A configuration that describes such a network: what the options leave to the form, filled in.
RunConfig config_of_network(const model3d::ModelOptions& options);

/// A configuration of a form where nothing else is set: kernel and strides are the form's own,
/// those in time too, which a configuration file that leaves them out has as form clip has them.
/// Throws kInvalidArgument for an unknown form.
RunConfig config_of_form(std::string_view form);

}  // namespace larkspur::launch
