// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_pack.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <hdf5.h>

#include "pipeline/require.h"
#include "readers/file_bytes.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::Result;

constexpr const char* kPoints = "data";
constexpr const char* kNormals = "normal";
constexpr const char* kLabels = "label";

/// deflate, HDF5's usual filter, makes at most so many bytes of one.
constexpr double kLargestRatio = 1032.0;

std::mutex& library_lock() {
  static std::mutex lock;
  return lock;
}

/// An identifier of the library, closed by the function that its kind has.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  bool is_open() const { return id_ >= 0; }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor)

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// An opened pack, while the lock of the library is held. Throws what is wrong with it.
class OpenPack {
 public:
  explicit OpenPack(const std::filesystem::path& path)
      : name_(path.string()), lock_(library_lock()), file_(open(path), H5Fclose) {
    refuse_unless(file_.is_open(), "is no HDF5 file that can be opened");
    std::error_code error;
    bytes_ = static_cast<double>(std::filesystem::file_size(path, error));
  }

  bool has(const char* dataset) const { return H5Lexists(file_, dataset, H5P_DEFAULT) > 0; }

  std::vector<std::int64_t> sizes(const char* dataset) const {
    refuse_unless(has(dataset), std::string("has no dataset '") + dataset + "'");
    const Handle data(H5Dopen2(file_, dataset, H5P_DEFAULT), H5Dclose);
    refuse_unless(data.is_open(), std::string("'") + dataset + "' is no dataset");
    const Handle space(H5Dget_space(data), H5Sclose);
    const int axes = H5Sget_simple_extent_ndims(space);
    std::vector<hsize_t> extents(static_cast<std::size_t>(std::max(0, axes)));
    if (axes > 0) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    const Handle type(H5Dget_type(data), H5Tclose);
    double stored = static_cast<double>(H5Tget_size(type));  // bytes, unpacked
    for (const hsize_t extent : extents) stored *= static_cast<double>(extent);
    refuse_unless(stored >= 1.0 && stored <= kLargestRatio * bytes_,
                  std::string("'") + dataset + "' claims a size that the file cannot hold");
    return {extents.begin(), extents.end()};
  }

  /// S, N, C.
  std::vector<std::int64_t> cloud_sizes(const char* dataset) const {
    const std::vector<std::int64_t> found = sizes(dataset);
    refuse_unless(found.size() == 3 && found[2] >= 3,
                  std::string("'") + dataset + "' is not [clouds, points, 3 or more]");
    return found;
  }

  bool holds_whole_numbers(const char* dataset) const {
    const Handle data(H5Dopen2(file_, dataset, H5P_DEFAULT), H5Dclose);
    const Handle type(H5Dget_type(data), H5Tclose);
    return H5Tget_class(type) == H5T_INTEGER;
  }

  /// All values in memory of the type.
  void read(const char* dataset, hid_t type, void* to) const {
    const Handle data(H5Dopen2(file_, dataset, H5P_DEFAULT), H5Dclose);
    refuse_unless(H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0,
                  std::string("'") + dataset +
                      "' cannot be read: cut short, damaged, or of a filter "
                      "or type that this HDF5 lacks");
  }

  void refuse_unless(bool holds, const std::string& what) const {
    require(holds, Errc::kCorruptData, name_, ": ", what);
  }

 private:
  static hid_t open(const std::filesystem::path& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // its words would go to stderr
    return H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  }

  std::string name_;
  std::lock_guard<std::mutex> lock_;
  Handle file_;
  double bytes_ = 0;
};

std::vector<std::int64_t> labels_of(const OpenPack& pack, std::int64_t clouds) {
  if (!pack.has(kLabels)) return {};
  const std::vector<std::int64_t> sizes = pack.sizes(kLabels);
  const bool is_column = sizes.size() == 1 || (sizes.size() == 2 && sizes[1] == 1);
  pack.refuse_unless(
      is_column && sizes[0] == clouds,
      pipeline::text_of("'label' is not one number for each of ", clouds, " clouds"));
  pack.refuse_unless(pack.holds_whole_numbers(kLabels), "'label' holds no whole numbers");
  std::vector<std::int64_t> labels(static_cast<std::size_t>(clouds));
  pack.read(kLabels, H5T_NATIVE_INT64, labels.data());
  pack.refuse_unless(std::ranges::all_of(labels, [](std::int64_t label) { return label >= 0; }),
                     "has a label below 0");
  return labels;
}

at::Tensor columns_of(const OpenPack& pack, const char* dataset) {
  const at::Tensor values = at::empty(pack.cloud_sizes(dataset), at::kFloat);
  pack.read(dataset, H5T_NATIVE_FLOAT, values.data_ptr<float>());
  return values.narrow(2, 0, 3);
}

/// The work on a file that is there; what it throws is the file's fault.
template <typename Work>
auto result_of(const std::filesystem::path& path, const Work& work) -> Result<decltype(work())> {
  const auto start = read_start(path, 1);
  if (!start.ok()) return start.error();
  try {
    return work();
  } catch (const Error& error) {
    return error;
  } catch (const c10::Error&) {  // from its allocator
    return Error(Errc::kCorruptData, path.string() + ": claims more than memory holds");
  } catch (const std::bad_alloc&) {
    return Error(Errc::kCorruptData, path.string() + ": claims more than memory holds");
  }
}

}  // namespace

Result<PackFacts> read_pack_facts(const std::filesystem::path& path) {
  return result_of(path, [&] {
    const OpenPack pack(path);
    const std::vector<std::int64_t> sizes = pack.cloud_sizes(kPoints);
    return PackFacts{sizes[0], sizes[1], labels_of(pack, sizes[0])};
  });
}

Result<at::Tensor> read_pack_points(const std::filesystem::path& path, bool with_normals) {
  return result_of(path, [&] {
    const OpenPack pack(path);
    const at::Tensor points_SN3 = columns_of(pack, kPoints);
    if (!with_normals || !pack.has(kNormals)) return points_SN3.contiguous();
    const at::Tensor normals_SN3 = columns_of(pack, kNormals);
    pack.refuse_unless(points_SN3.sizes() == normals_SN3.sizes(),
                       "has not a normal for each point");
    return at::cat({points_SN3, normals_SN3}, 2);
  });
}

}  // namespace larkspur::readers
