// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_clouds.h"

#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <numbers>
#include <sstream>
#include <system_error>

#include "pipeline/require.h"
#include "pipeline/rng.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

constexpr int kRound = 24;  // segments of what shall look round

/// Points on the way from one profile point to another, without the last: bends need somewhere to
/// be.
void add_edge(std::vector<ProfilePoint>& profile, ProfilePoint from, ProfilePoint to) {
  constexpr int pieces = 5;
  for (int i = 0; i < pieces; ++i) {
    const double t = static_cast<double>(i) / pieces;
    profile.push_back(
        {from.radius + (to.radius - from.radius) * t, from.height + (to.height - from.height) * t});
  }
}

/// A body from its half outline, which begins and ends on the axis.
Mesh body(const std::vector<ProfilePoint>& corners, int segments) {
  std::vector<ProfilePoint> profile;
  for (std::size_t i = 0; i + 1 < corners.size(); ++i) {
    add_edge(profile, corners[i], corners[i + 1]);
  }
  profile.push_back(corners.back());
  return turned(profile, segments);
}

Mesh box(CounterRng& rng) {
  const double height = rng.uniform(0.6, 1.0);
  return filled_cells({planes_between(-0.7, 0.7, 5),
                       planes_between(-0.7, 0.7, 5),
                       planes_between(-height, height, 5)},
                      [](int, int, int) { return true; });
}

Mesh cone(CounterRng& rng) {
  const double radius = rng.uniform(0.6, 0.9);
  return body({{0, -0.9}, {radius, -0.9}, {0, 0.9}}, kRound);
}

Mesh cross_bar(CounterRng& rng) {
  const double arm = rng.uniform(0.22, 0.34);
  const std::vector<double> planes{-1.0, -0.6, -arm, arm, 0.6, 1.0};
  const double depth = rng.uniform(0.25, 0.45);
  return filled_cells({planes, planes_between(-depth, depth, 2), planes},
                      [](int x, int, int z) { return x == 2 || z == 2; });
}

Mesh cylinder(CounterRng& rng) {
  const double radius = rng.uniform(0.5, 0.8);
  return body({{0, -0.9}, {radius, -0.9}, {radius, 0.9}, {0, 0.9}}, kRound);
}

Mesh l_bracket(CounterRng& rng) {
  const double arm = rng.uniform(0.4, 0.6);
  const std::vector<double> planes{-0.9, -0.9 + arm, 0.2, 0.9};
  const double depth = rng.uniform(0.3, 0.6);
  return filled_cells({planes, planes_between(-depth, depth, 2), planes},
                      [](int x, int, int z) { return x == 0 || z == 0; });
}

Mesh prism(CounterRng& rng) {
  const double radius = rng.uniform(0.7, 1.0);
  return body({{0, -0.8}, {radius, -0.8}, {radius, 0.8}, {0, 0.8}}, 3);
}

Mesh pyramid(CounterRng& rng) {
  const double radius = rng.uniform(0.9, 1.2);
  return body({{0, -0.7}, {radius, -0.7}, {0, 0.8}}, 4);
}

Mesh sphere(CounterRng& rng) {
  constexpr int rings = 12;
  const double height = rng.uniform(0.8, 1.1);
  std::vector<ProfilePoint> profile{{0, -height}};
  for (int i = 1; i < rings; ++i) {
    const double angle = std::numbers::pi * i / rings;
    profile.push_back({0.9 * std::sin(angle), -height * std::cos(angle)});
  }
  profile.push_back({0, height});
  return turned(profile, kRound);
}

Mesh stairs(CounterRng& rng) {
  const int steps = 3 + static_cast<int>(rng.below(3));
  const double depth = rng.uniform(0.4, 0.8);
  return filled_cells({planes_between(-0.9, 0.9, steps),
                       planes_between(-depth, depth, 2),
                       planes_between(-0.8, 0.8, steps)},
                      [](int x, int, int z) { return z <= x; });
}

Mesh torus(CounterRng& rng) {
  constexpr int rings = 10;
  const double thickness = rng.uniform(0.2, 0.32);
  std::vector<ProfilePoint> profile;
  for (int i = 0; i < rings; ++i) {
    const double angle = 2.0 * std::numbers::pi * i / rings;
    profile.push_back({0.75 + thickness * std::cos(angle), thickness * std::sin(angle)});
  }
  return turned(profile, kRound);
}

struct DemoClass {
  std::string_view name;
  Mesh (*make)(CounterRng& rng);
};

constexpr DemoClass kClasses[] = {
    {"box", box},
    {"cone", cone},
    {"cross_bar", cross_bar},
    {"cylinder", cylinder},
    {"l_bracket", l_bracket},
    {"prism", prism},
    {"pyramid", pyramid},
    {"sphere", sphere},
    {"stairs", stairs},
    {"torus", torus},
};

/// Bends the surface by three slow waves and roughens it. Neighbours move together, so nothing
/// tears.
void bend(Mesh& mesh, CounterRng& rng) {
  struct Wave {
    Vertex along, push;
    double phase;
  };
  std::array<Wave, 3> waves{};
  for (Wave& wave : waves) {
    for (double& component : wave.along) component = rng.uniform(-3.0, 3.0);
    for (double& component : wave.push) component = rng.uniform(-0.04, 0.04);
    wave.phase = rng.uniform(0.0, 2.0 * std::numbers::pi);
  }
  for (Vertex& point : mesh.vertices) {
    const Vertex before = point;
    for (const Wave& wave : waves) {
      const double height = std::sin(wave.along[0] * before[0] + wave.along[1] * before[1] +
                                     wave.along[2] * before[2] + wave.phase);
      for (std::size_t axis = 0; axis < 3; ++axis) point[axis] += wave.push[axis] * height;
    }
    for (double& coordinate : point) coordinate += rng.uniform(-0.01, 0.01);
  }
}

/// Up to two small blocks beside the shape.
void add_clutter(Mesh& mesh, CounterRng& rng) {
  const std::uint32_t blocks = rng.below(3);
  for (std::uint32_t block = 0; block < blocks; ++block) {
    const double angle = rng.uniform(0.0, 2.0 * std::numbers::pi);
    const Vertex center{std::cos(angle), std::sin(angle), rng.uniform(-0.9, 0.9)};
    GridPlanes planes;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double half = rng.uniform(0.04, 0.1);
      planes[axis] = {center[axis] - half, center[axis] + half};
    }
    append(mesh, filled_cells(planes, [](int, int, int) { return true; }));
  }
}

/// Stretches, turns about the up axis, leans a little, and moves to units and an origin of its own.
void place(Mesh& mesh, CounterRng& rng) {
  Vertex stretch{};
  for (double& factor : stretch) factor = rng.uniform(0.8, 1.25);
  const double turn = rng.uniform(-0.35, 0.35);
  const double lean = rng.uniform(-0.1, 0.1);
  const double unit = std::exp(rng.uniform(-2.0, 5.0));
  Vertex origin{};
  for (double& coordinate : origin) coordinate = rng.uniform(-2.0, 2.0);
  for (Vertex& point : mesh.vertices) {
    const Vertex p{point[0] * stretch[0], point[1] * stretch[1], point[2] * stretch[2]};
    const double x = std::cos(turn) * p[0] - std::sin(turn) * p[1];
    const double y = std::sin(turn) * p[0] + std::cos(turn) * p[1];
    point = {unit * (x + origin[0]),
             unit * (std::cos(lean) * y - std::sin(lean) * p[2] + origin[1]),
             unit * (std::sin(lean) * y + std::cos(lean) * p[2] + origin[2])};
  }
}

std::filesystem::path file_of(const DemoCloudOptions& options,
                              std::string_view name,
                              std::int64_t number) {
  std::ostringstream file;
  file << name << "_" << std::setfill('0') << std::setw(4) << number << ".off";
  return options.output / name / (number <= options.train ? "train" : "test") / file.str();
}

void prepare_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  require(!failed, Errc::kIo, "cannot make the folder ", folder.string(), ": ", failed.message());
}

}  // namespace

void DemoCloudOptions::check() const {
  require(!output.empty(), Errc::kInvalidArgument, "output is empty, expected a folder");
  const auto most = static_cast<std::int64_t>(std::size(kClasses));
  require_within("classes", classes, 2, most);
  require_within("train", train, 1, 9999);
  require_within("test", test, 1, 9999 - train);
  require(seed >= 0, Errc::kInvalidArgument, "seed is ", seed, ", not >= 0");
}

std::vector<std::string_view> demo_class_names() {
  std::vector<std::string_view> names;
  for (const DemoClass& one : kClasses) names.push_back(one.name);
  return names;
}

Mesh demo_shape(std::int64_t seed, std::int64_t label, std::int64_t number) {
  CounterRng rng({static_cast<std::uint64_t>(seed),
                  0,
                  static_cast<std::uint32_t>(number),
                  static_cast<std::uint16_t>(label)},
                 pipeline::Purpose::kSynthetic);
  Mesh mesh = kClasses[label].make(rng);
  bend(mesh, rng);
  add_clutter(mesh, rng);
  place(mesh, rng);
  return mesh;
}

OffHeader demo_header(std::int64_t number) {
  return number % 5 == 0 ? OffHeader::kGlued : OffHeader::kSeparate;
}

void make_demo_clouds(const DemoCloudOptions& options) {
  options.check();
  prepare_folder(options.output);
  require(std::filesystem::is_empty(options.output),
          Errc::kInvalidArgument,
          options.output.string(),
          " is not empty: name a new folder, or remove it first");
  for (std::int64_t label = 0; label < options.classes; ++label) {
    const std::string_view name = kClasses[label].name;
    prepare_folder(options.output / name / "train");
    prepare_folder(options.output / name / "test");
    for (std::int64_t number = 1; number <= options.train + options.test; ++number) {
      const std::filesystem::path path = file_of(options, name, number);
      std::ofstream file(path, std::ios::binary);
      file << off_text(demo_shape(options.seed, label, number), demo_header(number)) << std::flush;
      require(file.good(), Errc::kIo, "cannot write ", path.string());
    }
  }
}

}  // namespace larkspur::readers
