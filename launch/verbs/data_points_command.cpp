// SPDX-License-Identifier: Apache-2.0
// `data points`: the points of a cloud or mesh as an array.
#include <cstdint>
#include <ostream>
#include <string>
#include <variant>

#include <ATen/core/Tensor.h>

#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"
#include "pipeline/rng.h"
#include "readers/cloud/surface_sample.h"
#include "readers/cloud/volume_points.h"
#include "readers/file_kind.h"
#include "readers/format/cloud_file.h"
#include "readers/format/npy_file.h"

namespace larkspur::launch {
namespace {

at::Tensor drawn_points(const readers::Mesh& mesh, std::int64_t count, std::int64_t seed) {
  pipeline::CounterRng rng({static_cast<std::uint64_t>(seed), 0, 0, 0},
                           pipeline::Purpose::kSurface);
  return readers::sample_surface(mesh, count, rng);
}

}  // namespace

void run_data_points(Invocation& call) {
  std::string file;
  std::string output;
  std::int64_t count = 0;
  std::int64_t seed = 0;
  CommandLine line(
      call,
      "Writes the points of a cloud or mesh, or the centres of a volume's full cells, as float32 "
      "[n, 3], or [n, 6]\nwith normals. A cloud far from the origin is moved there.",
      "cup.ply --points 1024 --output cup.npy");
  line.argument("FILE", readers::cloud_endings(), file);
  line.required_option("--output", "NPY file to write", output);
  line.option("--points",
              "of a mesh: so many places drawn on its surface, 0 for its vertices; of a cloud: its "
              "first ones, 0 for all",
              count);
  line.option("--seed", "of the places drawn", seed);
  if (!line.parse()) return;
  constexpr std::int64_t most = 100000000;  // 1.2 GB
  pipeline::require_within("--points", count, 0, most);
  readers::CloudFile cloud = readers::read_cloud_file(file).value();
  if (const auto* const volume = std::get_if<readers::Volume>(&cloud)) {
    cloud = readers::cell_centres(*volume, volume->side());
  }
  at::Tensor points;
  if (const auto* const mesh = std::get_if<readers::Mesh>(&cloud)) {
    points = count == 0 ? readers::vertices_of(*mesh) : drawn_points(*mesh, count, seed);
  } else {
    const at::Tensor& stored = std::get<at::Tensor>(cloud);
    points = stored.narrow(1, 0, stored.size(1) >= 6 ? 6 : 3);
    if (count > 0 && count < points.size(0)) points = points.narrow(0, 0, count);
  }
  readers::write_npy(output, points);
  call.out << output << ": float32 " << points.sizes() << "\n";
}

}  // namespace larkspur::launch
