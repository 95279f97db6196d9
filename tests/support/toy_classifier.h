// SPDX-License-Identifier: Apache-2.0
// A two-layer network with BatchNorm, small enough to reason about and to train in a blink.
#pragma once

#include <memory>

#include "pipeline/classifier.h"

namespace larkspur::testing {

/// inputs -> 16 -> BatchNorm, ReLU -> classes. Weights drawn from `seed`. NamedTensor names:
/// "hidden", "norm.weight", "norm.bias", "head", "head.bias"; statistics "norm.mean",
/// "norm.variance". With a `gradient_limit` > 0 the logits' gradient becomes infinite where it is
/// larger, as it would in a type of small range.
std::unique_ptr<pipeline::Classifier> make_toy_classifier(std::int64_t inputs,
                                                          std::int64_t classes,
                                                          std::uint64_t seed,
                                                          double gradient_limit = 0.0);

}  // namespace larkspur::testing
