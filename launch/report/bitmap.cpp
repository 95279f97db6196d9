// SPDX-License-Identifier: Apache-2.0
#include "launch/report/bitmap.h"

#include <cstdint>

#include <ATen/ATen.h>

namespace larkspur::launch {
namespace {

void put_number(std::string& bytes, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::string bitmap_header(std::uint32_t width, std::uint32_t height, std::uint32_t data) {
  constexpr std::uint32_t kHeader = 54;
  std::string bytes = "BM";
  for (const std::uint32_t value : {kHeader + data, 0U, kHeader, 40U, width, height}) {
    put_number(bytes, value, 4);
  }
  put_number(bytes, 1, 2);   // planes
  put_number(bytes, 24, 2);  // bits a pixel
  for (const std::uint32_t value : {0U, data, 2835U, 2835U, 0U, 0U}) put_number(bytes, value, 4);
  return bytes;
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < group.size() ? static_cast<std::uint8_t>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= group.size() ? kDigits[word >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

std::string bitmap_uri(const at::Tensor& picture) {
  const at::Tensor pixels =
      picture.nan_to_num(0.0).clamp(0, 1).mul(255).round().to(at::kByte).contiguous();
  const std::int64_t height = pixels.size(1);
  const std::int64_t width = pixels.size(2);
  const auto* values = pixels.const_data_ptr<std::uint8_t>();
  const std::int64_t padding = (4 - width * 3 % 4) % 4;  // rows end on whole words
  std::string data;
  for (std::int64_t row = height - 1; row >= 0; --row) {  // the lowest row comes first
    for (std::int64_t column = 0; column < width; ++column) {
      for (std::int64_t channel = 2; channel >= 0; --channel) {  // blue comes first
        data += static_cast<char>(values[(channel * height + row) * width + column]);
      }
    }
    data.append(static_cast<std::size_t>(padding), '\0');
  }
  const auto narrow = [](auto size) { return static_cast<std::uint32_t>(size); };
  return "data:image/bmp;base64," +
         base64(bitmap_header(narrow(width), narrow(height), narrow(data.size())) + data);
}

}  // namespace larkspur::launch
