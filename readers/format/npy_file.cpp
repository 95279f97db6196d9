// SPDX-License-Identifier: Apache-2.0
#include "readers/format/npy_file.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <ATen/ops/empty.h>
#include <c10/util/Half.h>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::string_view kMagic{"\x93NUMPY", 6};
constexpr std::size_t kBeforeHeader = 10;  // of version 1: magic, version, length
constexpr std::size_t kHeaderAlignment = 64;
constexpr std::size_t kMostAxes = 16;
constexpr std::int64_t kMostElements = std::int64_t{1} << 33;  // more than any file we accept holds

struct Header {
  std::string type;
  bool is_fortran = false;
  std::vector<std::int64_t> shape;
};

// A strict reader of the one form of Python dictionary that NumPy writes, keys in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name) : scan_(text), name_(name) {}

  Header parse() {
    Header header;
    expect("{");
    while (!accept("}")) {
      const std::string key = quoted();
      expect(":");
      if (key == "descr") {
        header.type = type();
      } else if (key == "fortran_order") {
        header.is_fortran = boolean();
      } else if (key == "shape") {
        header.shape = shape();
      } else {
        fail("descr, fortran_order or shape");
      }
      seen_.insert(key);
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    if (seen_.size() != 3) fail("descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    throw Error(Errc::kCorruptData,
                text_of(name_, ": header: expected ", expected, ", found ", scan_.found()));
  }

  bool accept(std::string_view word) {
    scan_.skip_blanks();
    return scan_.skip_word(word);
  }

  void expect(std::string_view word) {
    if (!accept(word)) fail(text_of("'", word, "'"));
  }

  std::string quoted() {
    const std::string_view quote = accept("'") ? "'" : "\"";
    if (quote == "\"") expect(quote);
    std::string text;
    for (; !scan_.skip_word(quote); scan_.skip_byte()) {
      if (scan_.at_end()) fail("a closing quote");
      text += scan_.peek();
    }
    return text;
  }

  std::string type() {
    scan_.skip_blanks();
    if (scan_.peek() == '[') {
      throw Error(Errc::kUnsupported, text_of(name_, ": header: an array of records"));
    }
    return quoted();
  }

  bool boolean() {
    if (accept("True")) return true;
    expect("False");
    return false;
  }

  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> sizes;
    expect("(");
    while (!accept(")")) {
      std::int64_t size = 0;
      scan_.skip_blanks();
      if (!scan_.digits(size)) fail("a size");
      sizes.push_back(size);
      if (sizes.size() > kMostAxes) fail(text_of("no more than ", kMostAxes, " axes"));
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    return sizes;
  }

  TextScanner scan_;
  std::string_view name_;
  std::set<std::string> seen_;
};

// The length of the header and where it starts: two bytes of it in version 1, four later.
std::string_view header_text(std::string_view bytes, std::string_view name) {
  require(bytes.starts_with(kMagic) && bytes.size() >= 12,
          Errc::kCorruptData,
          name,
          ": expected an .npy file, found other first bytes");
  const int major = static_cast<unsigned char>(bytes[6]);
  require(major >= 1 && major <= 3, Errc::kUnsupported, name, ": .npy version ", major);
  const std::size_t width = major == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = width; i > 0; --i) {
    length = length << 8 | static_cast<unsigned char>(bytes[7 + i]);
  }
  const std::size_t start = 8 + width;
  require(length <= bytes.size() - start,
          Errc::kCorruptData,
          name,
          ": expected a header of ",
          length,
          " bytes, found ",
          bytes.size() - start);
  return bytes.substr(start, length);
}

// The product of the sizes, refused before it can overflow; sizes of zero do not hide the others.
std::int64_t element_count(const Header& header, std::string_view name) {
  std::int64_t bound = 1;
  std::int64_t count = 1;
  for (const std::int64_t size : header.shape) {
    const std::int64_t factor = std::max<std::int64_t>(size, 1);
    require(factor <= kMostElements / bound,
            Errc::kCorruptData,
            name,
            ": header: a shape of more than ",
            kMostElements,
            " elements");
    bound *= factor;
    count *= size;
  }
  return count;
}

template <typename T, typename Out>
void convert(const char* from, std::int64_t count, Out* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    to[i] = static_cast<Out>(value);
  }
}

struct ElementType {
  std::string_view name;
  std::int64_t bytes;
  void (*to_float)(const char*, std::int64_t, float*);
  void (*to_double)(const char*, std::int64_t, double*);
  bool is_wide;  // holds what float32 does not
};

constexpr std::array<ElementType, 11> kTypes{
    {{"<f4", 4, convert<float>, convert<float>, false},
     {"<f8", 8, convert<double>, convert<double>, true},
     {"<f2", 2, convert<c10::Half>, convert<c10::Half>, false},
     {"|u1", 1, convert<std::uint8_t>, convert<std::uint8_t>, false},
     {"|i1", 1, convert<std::int8_t>, convert<std::int8_t>, false},
     {"|b1", 1, convert<std::uint8_t>, convert<std::uint8_t>, false},
     {"<i2", 2, convert<std::int16_t>, convert<std::int16_t>, false},
     {"<u2", 2, convert<std::uint16_t>, convert<std::uint16_t>, false},
     {"<i4", 4, convert<std::int32_t>, convert<std::int32_t>, true},
     {"<u4", 4, convert<std::uint32_t>, convert<std::uint32_t>, true},
     {"<i8", 8, convert<std::int64_t>, convert<std::int64_t>, true}}};

// float32, or double where `keeps_wide` and the values need it.
at::Tensor parse(std::string_view bytes, std::string_view name, bool keeps_wide) {
  const std::string_view text = header_text(bytes, name);
  const Header header = HeaderParser(text, name).parse();
  const auto* const type = std::find_if(kTypes.begin(), kTypes.end(), [&](const ElementType& one) {
    return one.name == header.type;
  });
  require(type != kTypes.end(),
          Errc::kUnsupported,
          name,
          ": header: values of type '",
          header.type,
          "'");
  const std::int64_t count = element_count(header, name);
  const char* const values = text.data() + text.size();
  const std::int64_t left = bytes.data() + bytes.size() - values;
  require(count * type->bytes == left,
          Errc::kCorruptData,
          name,
          ": expected ",
          count,
          " values of ",
          type->bytes,
          " bytes, found ",
          left,
          " bytes");
  std::vector<std::int64_t> shape = header.shape;
  if (header.is_fortran) std::reverse(shape.begin(), shape.end());
  const bool is_wide = keeps_wide && type->is_wide;
  at::Tensor array = at::empty(shape, is_wide ? at::kDouble : at::kFloat);
  if (is_wide) {
    type->to_double(values, count, array.data_ptr<double>());
  } else {
    type->to_float(values, count, array.data_ptr<float>());
  }
  if (!header.is_fortran) return array;
  std::vector<std::int64_t> axes(shape.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i] = static_cast<std::int64_t>(axes.size() - 1 - i);
  }
  return array.permute(axes).contiguous();
}

std::string_view type_name(at::ScalarType type) {
  if (type == at::kFloat) return "<f4";
  if (type == at::kByte) return "|u1";
  require(type == at::kLong,
          Errc::kInvalidArgument,
          "[write_npy] the array is ",
          type,
          ", not float32, uint8 or int64");
  return "<i8";
}

}  // namespace

pipeline::Result<at::Tensor> parse_npy(std::string_view bytes, std::string_view name) {
  try {
    return parse(bytes, name, false);
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<at::Tensor> parse_wide_npy(std::string_view bytes, std::string_view name) {
  try {
    return parse(bytes, name, true);
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<at::Tensor> read_npy(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_npy(bytes.value().view(), path.string());
}

void write_npy(const std::filesystem::path& path, const at::Tensor& array) {
  std::string header = text_of(
      "{'descr': '", type_name(array.scalar_type()), "', 'fortran_order': False, 'shape': (");
  for (std::int64_t i = 0; i < array.dim(); ++i)
    header += text_of(i > 0 ? ", " : "", array.size(i));
  header += array.dim() == 1 ? ",), }" : "), }";
  const std::size_t used = kBeforeHeader + header.size() + 1;
  header.append((kHeaderAlignment - used % kHeaderAlignment) % kHeaderAlignment, ' ');
  header += '\n';
  require(array.is_cpu(),
          Errc::kInvalidArgument,
          "[write_npy] the array is on ",
          array.device(),
          ", not on the CPU");
  const at::Tensor values = array.contiguous();
  std::ofstream file(path, std::ios::binary);
  const auto length = static_cast<std::uint16_t>(header.size());
  file << kMagic << '\x01' << '\x00' << static_cast<char>(length & 0xFF)
       << static_cast<char>(length >> 8) << header;
  file.write(static_cast<const char*>(values.data_ptr()),
             static_cast<std::streamsize>(values.nbytes()));
  file.close();
  require(file.good(), Errc::kIo, path.string(), ": could not be written");
}

}  // namespace larkspur::readers
