// SPDX-License-Identifier: Apache-2.0
// From tensors to the sizes and layouts of the kernels, for every device's entries.
#pragma once

#include <ATen/core/Tensor.h>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"

namespace larkspur::model3d {

/// Of a result for this input: channels last if the input is that and not plain contiguous.
inline at::MemoryFormat format_of(const at::Tensor& x) {
  const bool channels_last =
      !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast3d);
  return channels_last ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::Contiguous;
}

/// x [N,C,D,H,W] in one of the two layouts, weight_sizes [C,1,KD,KH,KW].
inline DwConv3dShape shape_of(const at::Tensor& x,
                              at::IntArrayRef weight_sizes,
                              at::IntArrayRef rate) {
  const auto layout = format_of(x) == at::MemoryFormat::ChannelsLast3d
                          ? DwConv3dLayout::kChannelsLast
                          : DwConv3dLayout::kChannelsFirst;
  return {x.size(0),
          x.size(1),
          x.size(2),
          x.size(3),
          x.size(4),
          weight_sizes[2],
          weight_sizes[3],
          weight_sizes[4],
          rate[0],
          rate[1],
          rate[2],
          layout};
}

}  // namespace larkspur::model3d
