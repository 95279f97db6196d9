// SPDX-License-Identifier: Apache-2.0
// What the network is fed with, as a table: a new kind of input is a row.
#pragma once

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "model3d/extent.h"

namespace larkspur::model3d {

/// One row: a value, lives for ever.
struct Form {
  std::string_view name;     ///< as configurations say it
  std::int64_t in_channels;  ///< of the input
  Extent3 small_taps;        ///< of stem, downsampling and small blocks
  Extent3 kernel;            ///< of the large blocks, unless told otherwise
  std::int64_t stem_stride;  ///< unless told otherwise
  std::int64_t map_axes;     ///< 3: input [N,C,D,H,W]; 2: [N,C,H,W]

  /// The input with its channels checked, as [N,C,D,H,W]; D is 1 for two axes. Shares memory.
  /// Throws kInvalidArgument naming the shape and the form.
  at::Tensor as_map(const at::Tensor& input) const;
};

/// `voxel` (occupancy grids [N,1,G,G,G]) or `image` ([N,3,H,W]). Throws kInvalidArgument that lists
/// all names.
const Form& find_form(std::string_view name);

}  // namespace larkspur::model3d
