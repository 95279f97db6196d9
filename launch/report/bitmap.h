// SPDX-License-Identifier: Apache-2.0
// Small pictures inside a page.
#pragma once

#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace larkspur::launch {

/// RFC 4648, section 4, with padding.
std::string base64(std::string_view bytes);

/// A data URI of a BMP file (BITMAPINFOHEADER, 24 bits, not compressed), which every browser shows.
/// picture: float32 [3, H, W], red, green, blue in [0, 1], held there beyond; NaN is 0.
std::string bitmap_uri(const at::Tensor& picture);

}  // namespace larkspur::launch
