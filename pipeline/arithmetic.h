// SPDX-License-Identifier: Apache-2.0
// Which bits the kernels of this version give.
#pragma once

namespace larkspur::pipeline {

/// Raised by one whenever a change of a kernel, of an order of summation or of a library makes a
/// training step give other bits than before. Checkpoints keep it (those written before it was kept
/// count as 1): a run resumed under another number continues, and its bits are no longer those of
/// an unbroken run.
inline constexpr int kArithmetic = 3;

}  // namespace larkspur::pipeline
