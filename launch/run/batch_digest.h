// SPDX-License-Identifier: Apache-2.0
// One number for all that a step, or an epoch, sees.
#pragma once

#include <cstdint>

#include "pipeline/batch.h"

namespace larkspur::launch {

/// CRC-32C of everything a batch hands to the network and the loss, behind what gave `crc` (0 at
/// the start): names, types, sizes and bytes of the inputs, labels, partners, shares, keys. The
/// same on any number of ranks where batches come lane by lane.
std::uint32_t batch_crc(const pipeline::Batch& batch, std::uint32_t crc = 0);

}  // namespace larkspur::launch
