// SPDX-License-Identifier: Apache-2.0
#include "readers/format/mat_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <zlib.h>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

// Types of elements and classes of arrays, by the numbers of the format.
enum MatType : std::uint32_t {
  kMiInt8 = 1,
  kMiUint8 = 2,
  kMiInt16 = 3,
  kMiUint16 = 4,
  kMiInt32 = 5,
  kMiUint32 = 6,
  kMiSingle = 7,
  kMiDouble = 9,
  kMiInt64 = 12,
  kMiUint64 = 13,
  kMiMatrix = 14,
  kMiCompressed = 15
};
constexpr std::uint32_t kFirstNumericClass = 6;  // double
constexpr std::uint32_t kLastNumericClass = 15;  // uint64
constexpr std::uint32_t kComplexFlag = 0x800;

constexpr std::size_t kMatHeaderBytes = 128;
constexpr std::size_t kTagBytes = 8;
constexpr std::size_t kMostUnpackedBytes =
    8 * kLargestVolumeSide * kLargestVolumeSide * kLargestVolumeSide + 4096;

struct MatElement {
  std::uint32_t type = 0;
  std::string_view content;
};

std::uint32_t number_at(std::string_view bytes, std::size_t place) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + place, sizeof(value));
  return value;
}

/// An array of numbers, its values still as they are stored.
struct MatArray {
  std::string name;
  std::vector<std::int64_t> sizes;
  MatElement values;
};

std::string sizes_text(const MatArray& array) {
  std::string text;
  for (const std::int64_t size : array.sizes) text += text_of(text.empty() ? "" : "x", size);
  return text_of("'", array.name, "' of ", text);
}

class MatReader {
 public:
  explicit MatReader(std::string_view name) : name_(name) {}

  Volume read(std::string_view bytes);

 private:
  [[noreturn]] void fail(const std::string& what, Errc code = Errc::kCorruptData) const {
    throw pipeline::Error(code, text_of(name_, ": ", what));
  }

  MatElement take(std::string_view& rest) const;
  std::string unpacked(std::string_view packed) const;
  std::optional<MatArray> array_of(std::string_view matrix) const;
  void look_at(const MatElement& element, std::string unpacked);
  Volume volume_of(const MatArray& array) const;
  template <typename T>
  Volume cells_of(const MatArray& array) const;

  std::string_view name_;
  std::optional<MatArray> chosen_;
  std::string chosen_bytes_;  // what `chosen_` points into, where it was compressed
  std::string others_;        // for the message where there is none
  bool is_ambiguous_ = false;
};

// Takes the next element off `rest`. One of at most 4 bytes lies inside its own tag.
MatElement MatReader::take(std::string_view& rest) const {
  if (rest.size() < kTagBytes) fail("cut short");
  const std::uint32_t first = number_at(rest, 0);
  const bool is_small = first >> 16 != 0;
  const MatElement tag{is_small ? first & 0xFFFF : first, {}};
  const std::size_t size = is_small ? first >> 16 : number_at(rest, 4);
  const std::size_t start = is_small ? 4 : kTagBytes;
  if (size > (is_small ? 4 : rest.size() - start)) {
    fail(text_of("cut short: an element of ", size, " bytes, ", rest.size() - start, " are there"));
  }
  const MatElement element{tag.type, rest.substr(start, size)};
  std::size_t end = is_small ? kTagBytes : start + size;
  if (element.type != kMiCompressed) end = (end + 7) / 8 * 8;
  rest.remove_prefix(std::min(end, rest.size()));
  return element;
}

// The one element of a zlib stream, tag and all. Grows as bytes come: a header may claim anything.
std::string MatReader::unpacked(std::string_view packed) const {
  constexpr std::size_t kFirstBytes = 4096;
  z_stream stream{};
  require(inflateInit(&stream) == Z_OK, Errc::kUnsupported, name_, ": zlib does not start");
  const auto end = [](z_stream* of) { inflateEnd(of); };
  const std::unique_ptr<z_stream, decltype(end)> owner(&stream, end);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::size_t made = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (made == out.size()) out.resize(std::clamp(2 * made, kFirstBytes, kMostUnpackedBytes + 1));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(out.size() - made);
    status = inflate(&stream, Z_NO_FLUSH);
    made = out.size() - stream.avail_out;
    if (status != Z_OK && status != Z_STREAM_END) {
      fail(status == Z_BUF_ERROR ? "cut short inside compressed data" : "damaged compressed data");
    }
    if (made > kMostUnpackedBytes) {
      fail(text_of("an array of more than ", kMostUnpackedBytes, " bytes"), Errc::kUnsupported);
    }
  }
  out.resize(made);
  return out;
}

// Nothing of what is no array of real numbers: text, structs, sparse and complex ones.
std::optional<MatArray> MatReader::array_of(std::string_view matrix) const {
  const MatElement flags = take(matrix);
  const MatElement sizes = take(matrix);
  const MatElement name = take(matrix);
  const bool is_whole = flags.type == kMiUint32 && flags.content.size() == 8 &&
                        sizes.type == kMiInt32 && sizes.content.size() % 4 == 0 &&
                        name.type == kMiInt8;
  if (!is_whole) fail("an array without class, sizes and name in front of it");
  const std::uint32_t kind = number_at(flags.content, 0);
  const std::uint32_t of = kind & 0xFF;
  if (of < kFirstNumericClass || of > kLastNumericClass || (kind & kComplexFlag) != 0) {
    return std::nullopt;
  }
  MatArray array{std::string(name.content), {}, take(matrix)};
  for (std::size_t i = 0; i < sizes.content.size(); i += 4) {
    array.sizes.push_back(static_cast<std::int32_t>(number_at(sizes.content, i)));
  }
  return array;
}

void MatReader::look_at(const MatElement& element, std::string unpacked) {
  if (element.type != kMiMatrix) return;
  std::optional<MatArray> array = array_of(element.content);
  if (!array) return;
  if (array->sizes.size() != 3) {
    others_ = sizes_text(*array);
    return;
  }
  const bool is_named = array->name == "instance";
  if (chosen_ && !is_named) is_ambiguous_ = is_ambiguous_ || chosen_->name != "instance";
  if (chosen_ && !is_named) return;
  if (is_named) is_ambiguous_ = false;
  chosen_bytes_ = std::move(unpacked);  // views into it stay: it is no short string
  chosen_ = std::move(array);
}

// The first axis runs fastest, as the last one of a tensor does: [z, y, x].
template <typename T>
Volume MatReader::cells_of(const MatArray& array) const {
  const std::string_view bytes = array.values.content;
  const std::int64_t side = array.sizes.front();
  const auto count = static_cast<std::size_t>(side * side * side);
  if (bytes.size() != count * sizeof(T)) {
    fail(text_of(sizes_text(array), " with ", bytes.size() / sizeof(T), " values"));
  }
  Volume volume{at::empty({side, side, side}, at::kByte)};
  auto* const out = volume.cells.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < count; ++i) {
    T value{};
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if (value != T{0} && value != T{1}) {
      fail(text_of("cell ", i, " of '", array.name, "' is ", +value, ", expected 0 or 1"));
    }
    out[i] = value == T{1} ? 1 : 0;
    volume.full += out[i];
  }
  if (volume.full == 0) fail(sizes_text(array) + " has no full cell");
  return volume;
}

Volume MatReader::volume_of(const MatArray& array) const {
  const std::int64_t side = array.sizes.front();
  const bool is_cube = std::all_of(
      array.sizes.begin(), array.sizes.end(), [&](std::int64_t size) { return size == side; });
  if (!is_cube || side < 1 || side > kLargestVolumeSide) {
    fail(text_of(
             sizes_text(array), ", expected a cube of 1 to ", kLargestVolumeSide, " cells a side"),
         Errc::kUnsupported);
  }
  switch (array.values.type) {
    case kMiInt8:
      return cells_of<std::int8_t>(array);
    case kMiUint8:
      return cells_of<std::uint8_t>(array);
    case kMiInt16:
      return cells_of<std::int16_t>(array);
    case kMiUint16:
      return cells_of<std::uint16_t>(array);
    case kMiInt32:
      return cells_of<std::int32_t>(array);
    case kMiUint32:
      return cells_of<std::uint32_t>(array);
    case kMiInt64:
      return cells_of<std::int64_t>(array);
    case kMiUint64:
      return cells_of<std::uint64_t>(array);
    case kMiSingle:
      return cells_of<float>(array);
    case kMiDouble:
      return cells_of<double>(array);
    default:
      fail(text_of(sizes_text(array), " with values of unknown type ", array.values.type));
  }
}

Volume MatReader::read(std::string_view bytes) {
  if (bytes.size() < kMatHeaderBytes) fail("cut short inside the header of a MATLAB file");
  const std::string_view order = bytes.substr(kMatHeaderBytes - 2, 2);
  if (order == "MI") {
    fail("a MATLAB file in big-endian order: save it anew on an x86 machine", Errc::kUnsupported);
  }
  if (order != "IM") {
    fail("no MATLAB file of version 5 to 7: save it with -v7, or its points as an .npy of [N, 3]",
         Errc::kUnsupported);
  }
  for (std::string_view rest = bytes.substr(kMatHeaderBytes); !rest.empty();) {
    MatElement element = take(rest);
    std::string content;
    if (element.type == kMiCompressed) {
      content = unpacked(element.content);
      std::string_view inner = content;
      element = take(inner);
      if (!inner.empty()) fail("more than one element in compressed data");
    }
    look_at(element, std::move(content));
  }
  if (!chosen_) {
    fail(text_of("a MATLAB file without a volume, an array of three axes",
                 others_.empty() ? "" : ", but with " + others_,
                 ": save points as an .npy of [N, 3]"),
         Errc::kUnsupported);
  }
  if (is_ambiguous_) {
    fail("several arrays of three axes: call the one that counts 'instance'", Errc::kUnsupported);
  }
  return volume_of(*chosen_);
}

}  // namespace

pipeline::Result<Volume> parse_mat(std::string_view bytes, std::string_view name) {
  try {
    return MatReader(name).read(bytes);
  } catch (const pipeline::Error& error) {
    return error;
  }
}

}  // namespace larkspur::readers
