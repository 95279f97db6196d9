// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pack_maker.h"

#include <algorithm>
#include <stdexcept>

#include <hdf5.h>

namespace larkspur::testing {
namespace {

using Sizes = std::vector<hsize_t>;

hid_t good(hid_t id) {
  if (id < 0) throw std::runtime_error("HDF5 refuses");
  return id;
}

struct Content {
  const char* name;
  hid_t stored;
  hid_t given;
  const void* values;
};

void write(hid_t file, const Content& content, const Sizes& sizes, bool is_compressed) {
  const hid_t space = good(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
  const hid_t how = good(H5Pcreate(H5P_DATASET_CREATE));
  if (is_compressed) {
    Sizes chunk = sizes;
    chunk[0] = std::max<hsize_t>(1, sizes[0] / 2);
    H5Pset_chunk(how, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(how, 4);
  }
  const hid_t data =
      good(H5Dcreate2(file, content.name, content.stored, space, H5P_DEFAULT, how, H5P_DEFAULT));
  good(H5Dwrite(data, content.given, H5S_ALL, H5S_ALL, H5P_DEFAULT, content.values));
  H5Dclose(data);
  H5Pclose(how);
  H5Sclose(space);
}

void write_floats(hid_t file, const char* name, const at::Tensor& values, bool is_compressed) {
  if (!values.defined()) return;
  const at::Tensor flat = values.contiguous();
  write(file,
        {name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, flat.const_data_ptr<float>()},
        Sizes(flat.sizes().begin(), flat.sizes().end()),
        is_compressed);
}

}  // namespace

void write_pack(const std::filesystem::path& path, const PackParts& parts) {
  const hid_t file = good(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  write_floats(file, "data", parts.points, parts.is_compressed);
  write_floats(file, "normal", parts.normals, parts.is_compressed);
  if (!parts.labels.empty()) {
    Sizes sizes{parts.labels.size()};
    if (parts.labels_as_column) sizes.push_back(1);
    const bool is_small = *std::max_element(parts.labels.begin(), parts.labels.end()) < 256;
    write(file,
          {"label", is_small ? H5T_STD_U8LE : H5T_STD_I64LE, H5T_NATIVE_INT64, parts.labels.data()},
          sizes,
          parts.is_compressed);
  }
  H5Fclose(file);
}

}  // namespace larkspur::testing
