// SPDX-License-Identifier: Apache-2.0
#include "readers/format/pcd_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <istream>
#include <limits>
#include <mutex>
#include <sstream>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include <pcl/PCLPointCloud2.h>
#include <pcl/console/print.h>
#include <pcl/io/pcd_io.h>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/format/local_origin.h"
#include "readers/format/pcd_header.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

// Text in memory as a stream, without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());  // streams only read what setg gives them
    setg(begin, begin, begin + text.size());
  }
};

// PCL's own words for what goes wrong would reach the terminal; ours name the file.
void silence_pcl() {
  static std::once_flag once;
  std::call_once(once, [] { pcl::console::setVerbosityLevel(pcl::console::L_ALWAYS); });
}

bool decode(const PcdHeader& header, std::string_view body, pcl::PCLPointCloud2& cloud) {
  silence_pcl();
  try {
    pcl::PCDReader reader;
    Eigen::Vector4f origin;
    Eigen::Quaternionf orientation;
    int version = 0;
    int data = 0;
    unsigned int start = 0;
    std::istringstream text(header.text());
    if (reader.readHeader(text, cloud, origin, orientation, version, data, start) != 0)
      return false;
    if (header.data == PcdData::kAscii) {
      ViewBuffer buffer(body);
      std::istream lines(&buffer);
      return reader.readBodyASCII(lines, cloud, version) == 0;
    }
    const auto* const bytes = reinterpret_cast<const unsigned char*>(body.data());
    const bool is_compressed = header.data == PcdData::kCompressed;
    return reader.readBodyBinary(bytes, cloud, version, is_compressed, 0) == 0;
  } catch (...) {  // whatever a foreign library throws, also what is no std::exception
    return false;
  }
}

struct Column {
  std::size_t offset = 0;
  bool is_double = false;

  double load(const std::uint8_t* point) const {
    float single = 0.0F;
    double value = 0.0;
    if (is_double) {
      std::memcpy(&value, point + offset, sizeof value);
      return value;
    }
    std::memcpy(&single, point + offset, sizeof single);
    return single;
  }
};

// Columns of the names that are there as single floats.
std::vector<Column> columns_of(const pcl::PCLPointCloud2& cloud,
                               const std::array<std::string_view, 3>& names) {
  std::vector<Column> columns;
  for (const std::string_view name : names) {
    for (const pcl::PCLPointField& field : cloud.fields) {
      const bool is_double = field.datatype == pcl::PCLPointField::FLOAT64;
      if (field.name != name || field.count != 1) continue;
      if (!is_double && field.datatype != pcl::PCLPointField::FLOAT32) continue;
      columns.push_back({field.offset, is_double});
      break;
    }
  }
  return columns;
}

bool is_float32(double value) {
  return std::abs(value) <= std::numeric_limits<float>::max();  // false for NaN too
}

pipeline::Result<at::Tensor> points_of(const pcl::PCLPointCloud2& cloud, std::string_view name) {
  const std::vector<Column> place = columns_of(cloud, {"x", "y", "z"});
  std::vector<Column> normal = columns_of(cloud, {"normal_x", "normal_y", "normal_z"});
  if (normal.size() != 3) normal.clear();
  const std::size_t points = std::size_t{cloud.width} * cloud.height;
  std::vector<double> values;
  values.reserve(points * (3 + normal.size()));
  for (std::size_t i = 0; i < points; ++i) {
    const std::uint8_t* const point = cloud.data.data() + i * cloud.point_step;
    const auto is_bad = [&](const Column& column) { return !is_float32(column.load(point)); };
    if (std::any_of(place.begin(), place.end(), is_bad)) continue;
    for (const Column& column : place) values.push_back(column.load(point));
    const bool is_flat = std::any_of(normal.begin(), normal.end(), is_bad);
    for (const Column& column : normal) values.push_back(is_flat ? 0.0 : column.load(point));
  }
  if (values.empty()) {
    return Error(Errc::kCorruptData,
                 text_of(name, ": none of ", points, " points is finite, expected one at least"));
  }
  return local_points(values, normal.empty() ? 3 : 6);
}

}  // namespace

pipeline::Result<at::Tensor> parse_pcd(std::string_view bytes, std::string_view name) {
  try {
    const PcdHeader header = read_pcd_header(bytes, name);
    pcl::PCLPointCloud2 cloud;
    if (!decode(header, bytes.substr(header.body), cloud)) {
      return Error(Errc::kCorruptData,
                   text_of(name, ": the points behind line ", header.line, " cannot be decoded"));
    }
    return points_of(cloud, name);
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<at::Tensor> read_pcd(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_pcd(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
