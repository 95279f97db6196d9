// SPDX-License-Identifier: Apache-2.0
#include "tests/support/golden_formula.h"

#include <cmath>
#include <cstdio>
#include <functional>

#include <ATen/ops/empty.h>

namespace larkspur::testing {
namespace {

std::uint32_t mix(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x85EBCA6BU;
  x ^= x >> 13;
  x *= 0xC2B2AE35U;
  return x ^ (x >> 16);
}

/// r(name, .) with the name's hash computed once.
class Noise {
 public:
  explicit Noise(const std::string& name) : hash_(crc32(name.data(), name.size())) {}

  double operator()(std::int64_t i) const {
    const std::uint32_t k = mix(mix(static_cast<std::uint32_t>(i)) ^ hash_);
    return (static_cast<double>(k >> 8) - 8388608.0) / 8388608.0;
  }

 private:
  std::uint32_t hash_;
};

at::Tensor tabulate(at::IntArrayRef shape, const std::function<double(std::int64_t)>& value) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* out = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(value(i));
  return tensor;
}

struct Range {
  double centre;
  double amplitude;
};

double gain_of(const std::string& name) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (name.starts_with("downsample_layers.")) return 0x1p-5;
  if (has(".dwconv.")) return 0x1p-4;
  if (has(".se.") || has(".pwconv1.")) return 2.0;
  return has(".pwconv2.") ? 0x1p-4 : 1.0;
}

Range bias_range(const std::string& name) {
  if (name.find(".dwconv.") != std::string::npos) return {0.0, 0x1p-6};
  const bool strided = name.starts_with("downsample_layers.") &&
                       (name.ends_with(".0.bias") || name.ends_with(".3.bias"));
  return {0.0, strided ? 0x1p-7 : 0.25};
}

Range range_of(const std::string& name, at::IntArrayRef shape) {
  if (name.ends_with(".running_mean")) return {0.0, 0x1p-6};
  if (name.ends_with(".running_var")) return {0x1p-8, 0x1p-9};
  if (name.ends_with(".act.1.gamma")) return {0.25, 0.5};
  if (name.ends_with(".act.1.beta")) return {0.0, 0.25};
  if (name.ends_with(".gamma")) return {0.125, 0.0625};
  if (name.ends_with(".bias")) return bias_range(name);
  if (shape.size() == 1) {
    const bool depthwise = name.find(".dwconv.") != std::string::npos;
    return depthwise ? Range{0x1p-5, 0x1p-6} : Range{1.0, 0.5};
  }
  double fan = 1.0;
  for (const std::int64_t size : shape.slice(1)) fan *= static_cast<double>(size);
  return {0.0, gain_of(name) * std::sqrt(3.0 / fan)};
}

}  // namespace

std::uint32_t crc32(const void* bytes, std::size_t size) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= static_cast<const unsigned char*>(bytes)[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

std::string crc32_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  char hex[9];
  std::snprintf(hex,
                sizeof hex,
                "%08x",
                crc32(flat.const_data_ptr(), static_cast<std::size_t>(flat.nbytes())));
  return hex;
}

at::Tensor golden_noise(const std::string& name, const std::vector<std::int64_t>& shape) {
  return tabulate(shape, Noise(name));
}

at::Tensor golden_entry(const std::string& name, at::IntArrayRef shape) {
  const Range range = range_of(name, shape);
  const Noise noise(name);
  return tabulate(shape, [&](std::int64_t i) { return range.centre + range.amplitude * noise(i); });
}

namespace {

/// Fine noise, noise of square blocks of pixels and a level a plane, over [..., H, W].
at::Tensor layered_noise(const std::string& name,
                         const std::vector<std::int64_t>& shape,
                         std::int64_t block_side) {
  const std::int64_t height = shape[shape.size() - 2];
  const std::int64_t width = shape[shape.size() - 1];
  const std::int64_t block_rows = (height + block_side - 1) / block_side;
  const std::int64_t block_columns = (width + block_side - 1) / block_side;
  const Noise fine(name);
  const Noise coarse(name + ".coarse");
  const Noise plane(name + ".mean");
  return tabulate(shape, [&](std::int64_t i) {
    const std::int64_t column = i % width;
    const std::int64_t row = i / width % height;
    const std::int64_t m = i / (width * height);
    const std::int64_t block =
        (m * block_rows + row / block_side) * block_columns + column / block_side;
    return 0.5 * fine(i) + coarse(block) + 0.5 * plane(m);
  });
}

}  // namespace

at::Tensor golden_image(const std::vector<std::int64_t>& shape_NCHW) {
  return layered_noise("input", shape_NCHW, 16);
}

at::Tensor golden_clip(const std::vector<std::int64_t>& shape_NCTHW) {
  return layered_noise("clip", shape_NCTHW, 8);
}

}  // namespace larkspur::testing
