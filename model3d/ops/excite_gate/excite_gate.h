// SPDX-License-Identifier: Apache-2.0
// Squeeze-and-excite's gate (Hu et al. 2018, arXiv 1709.01507) as one op for GPUs, where its six
// small layers would be a launch each, and more in backward:
//
//   gate = sigmoid(up(relu(down(means))))
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// Parameters by their values in order: down [S,C], up [C,S], axes of one behind them allowed.
struct ExciteGateParameters {
  at::Tensor down;
  at::Tensor down_bias;  ///< [S]
  at::Tensor up;
  at::Tensor up_bias;  ///< [C]
};

/// means [N,C] float32 to the gate [N,C], float32 whatever a map's type is. First derivatives for
/// all five. On a GPU; on the CPU by the library's layers, for checks.
at::Tensor excite_gate(const at::Tensor& means_NC, const ExciteGateParameters& parameters);

}  // namespace larkspur::model3d
