// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/cloud_source.h"

#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/protocol.h"
#include "readers/cloud/cloud_transform.h"
#include "readers/cloud/farthest_points.h"
#include "readers/format/npy_file.h"
#include "readers/list/cloud_list.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::SampleKey;
using ::testing::HasSubstr;
using testing::write_file;

const std::string kPyramid =
    "OFF5 6 0\n0.0000 0.0000 0.0000\n2.0000 0.0000 0.0000\n2.0000 2.0000 0.0000\n"
    "0.0000 2.0000 0.0000\n1.0000 1.0000 3.0000\n3 0 2 1\n3 0 3 2\n3 0 1 4\n3 1 2 4\n3 2 3 4\n"
    "3 3 0 4\n";

constexpr auto kFirst = pipeline::PointSubset::kFirst;

class ReadCloudSample : public ::testing::Test {
 protected:
  ReadCloudSample() {
    add("pyramid.off", 4);
    write_file(at("pyramid.off"), kPyramid);
    add("curve.npy", 2);
    const at::Tensor t = at::arange(300, at::kFloat);
    points_ = at::stack({t.sin() * 3, t.cos() * 2, t / 50}, 1).contiguous();
    write_npy(at("curve.npy"), points_);
  }

  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  void add(const std::string& name, std::int64_t label) {
    list_.entries.push_back({name, at(name), label});
  }
  CloudSource source(const CloudSourceOptions& options) const { return {list_, options}; }

  static at::Tensor input(const CloudSource& source, const SampleKey& key) {
    return source.read(key).value().inputs.only();
  }

  void expect_bad(std::uint32_t sample, Errc code, const std::string& text) const {
    const auto read = source({}).read({.sample = sample});
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), code);
    EXPECT_EQ(read.error().what(), list_.entries[sample].path.string() + ": " + text);
  }

  at::Tensor points_;
  SampleList list_;

 private:
  testing::TempDir folder_;
};

TEST_F(ReadCloudSample, TellsNamesAndLabelsWithoutTheFiles) {
  add("absent.npy", 7);
  const CloudSource all = source({});
  EXPECT_EQ(all.size(), 3);
  EXPECT_EQ(all.name(2), "absent.npy");
  EXPECT_EQ(all.label(2), 7);
  EXPECT_THROW(all.name(3), pipeline::Error);
  EXPECT_THROW((void)all.read({.sample = 3}), pipeline::Error);
}

TEST_F(ReadCloudSample, GivesTheFirstPointsInEvaluationWhenAsked) {
  const CloudSource some = source({.points = 100, .voxels = {.grid = 16}, .subset = kFirst});
  const auto sample = some.read({.seed = 5, .epoch = 3, .sample = 1}).value();
  EXPECT_THAT(sample.labels, ::testing::ElementsAre(2));
  EXPECT_EQ(sample.inputs["voxels"].sizes(), (std::vector<std::int64_t>{1, 16, 16, 16}));
  const at::Tensor first = normalise_unit_sphere(points_.narrow(0, 0, 100));
  EXPECT_TRUE(at::equal(sample.inputs["voxels"], voxelise(first, {.grid = 16})));
}

TEST_F(ReadCloudSample, GivesDepthPicturesWhereTheyAreAskedFor) {
  const DepthViewOptions views{.views = 3, .elevation = 10, .size = 20, .channels = 3};
  const CloudSource some =
      source({.points = 100, .product = CloudProduct::kViews, .views = views, .subset = kFirst});
  const at::Tensor pictures = input(some, {.seed = 5, .sample = 1});
  EXPECT_EQ(pictures.sizes(), (std::vector<std::int64_t>{3, 3, 20, 20}));
  const at::Tensor first = normalise_unit_sphere(points_.narrow(0, 0, 100));
  EXPECT_TRUE(at::equal(pictures, depth_views(first, views)));
  EXPECT_THROW(source({.views = {.size = 0}}), pipeline::Error);
}

TEST_F(ReadCloudSample, GivesVoxelsAndPicturesOfTheSameAugmentedPoints) {
  CloudSourceOptions options{.points = 100,
                             .product = CloudProduct::kVoxelsAndViews,
                             .voxels = {.grid = 16},
                             .views = {.views = 2, .size = 24, .channels = 3},
                             .training = true,
                             .augmentation = {0.6, 0.9, 0.1, true, true}};
  const SampleKey key{3, 1, 1, 0};
  const auto both = source(options).read(key).value();
  EXPECT_THAT(both.labels, ::testing::ElementsAre(2));
  options.product = CloudProduct::kVoxels;
  const auto voxels = source(options).read(key).value();
  EXPECT_TRUE(at::equal(both.inputs["voxels"], voxels.inputs["voxels"]));
  EXPECT_FALSE(voxels.inputs.find("views"));
  options.product = CloudProduct::kViews;
  EXPECT_TRUE(at::equal(both.inputs["views"], input(source(options), key)));
}

TEST_F(ReadCloudSample, GivesThePointsThemselvesAndRepeatsASmallCloud) {
  const at::Tensor some = input(
      source({.points = 100, .product = CloudProduct::kPoints, .subset = kFirst}), {.sample = 1});
  EXPECT_TRUE(at::equal(some, normalise_unit_sphere(points_.narrow(0, 0, 100))));
  EXPECT_TRUE(some.is_contiguous());
  const at::Tensor many =
      input(source({.points = 700, .product = CloudProduct::kPoints}), {.sample = 1});
  ASSERT_EQ(many.sizes(), (std::vector<std::int64_t>{700, 3}));
  const at::Tensor all = normalise_unit_sphere(points_);
  for (std::int64_t i = 0; i < 700; ++i) EXPECT_TRUE(at::equal(many[i], all[i % 300])) << i;
  EXPECT_THROW(source({.points = 0, .product = CloudProduct::kPoints}), pipeline::Error);
}

TEST_F(ReadCloudSample, GivesAllPointsOfASmallerCloudAndWhenAsked) {
  const at::Tensor all = voxelise(normalise_unit_sphere(points_), {.grid = 16});
  for (const std::int64_t points : {0, 300, 5000}) {
    for (const bool training : {false, true}) {
      const CloudSource one =
          source({.points = points, .voxels = {.grid = 16}, .training = training});
      EXPECT_TRUE(at::equal(input(one, {.sample = 1}), all)) << points;
    }
  }
}

TEST_F(ReadCloudSample, DependsOnContentAloneInEvaluation) {
  const CloudSource fixed = source({.points = 100, .augmentation = {.shift = 0.2}});
  for (const std::uint32_t sample : {0U, 1U}) {
    const at::Tensor first = input(fixed, {1, 0, sample, 0});
    EXPECT_TRUE(at::equal(first, input(fixed, {9, 4, sample, 0})));
  }
  const CloudSource reseeded = source({.points = 100, .draw_seed = 1});
  EXPECT_FALSE(at::equal(input(fixed, {.sample = 0}), input(reseeded, {.sample = 0})));
}

/// Options for the points themselves, as a protocol looks at them.
CloudSourceOptions points_by(const std::string& protocol, std::int64_t points) {
  return {.points = points,
          .product = CloudProduct::kPoints,
          .eval_views = pipeline::find_protocol(protocol).clouds};
}

std::vector<SampleKey> views_of(std::uint32_t sample, std::int64_t count) {
  std::vector<SampleKey> keys(static_cast<std::size_t>(count), SampleKey{.sample = sample});
  for (std::size_t v = 0; v < keys.size(); ++v) keys[v].view = static_cast<std::uint16_t>(v);
  return keys;
}

TEST_F(ReadCloudSample, TakesTheFirstPointsByProtocolFixed) {
  EXPECT_TRUE(at::equal(input(source(points_by("fixed", 100)), {.sample = 1}),
                        normalise_unit_sphere(points_.narrow(0, 0, 100))));
}

TEST_F(ReadCloudSample, TurnsTheSameFarthestPointsFortyTimes) {
  const CloudSource forty = source(points_by("rotate40", 100));
  const auto keys = views_of(1, 40);
  const auto views = forty.read_views(keys).value();
  const at::Tensor all = normalise_unit_sphere(points_);
  const at::Tensor even = all.index_select(0, farthest_points(all, 100));
  for (std::size_t v = 0; v < views.size(); ++v) {
    const auto plan = pipeline::plan_cloud_view(points_by("rotate40", 100).eval_views, keys[v]);
    ASSERT_TRUE(at::equal(views[v].inputs["points"], transform_cloud(even, plan))) << v;
  }
  // Of a mesh, too, every view has the same points: turned back they are.
  const auto mesh = source(points_by("rotate12", 64)).read_views(views_of(0, 12)).value();
  EXPECT_TRUE(
      at::equal(mesh[0].inputs["points"].select(1, 2), mesh[5].inputs["points"].select(1, 2)));
  EXPECT_FALSE(at::equal(mesh[0].inputs["points"], mesh[5].inputs["points"]));
}

TEST_F(ReadCloudSample, VotesByContentAndViewOnTenSubsetsOfFarthestPoints) {
  const auto options = points_by("vote10", 64);
  const auto planned = source(options).plan_views(views_of(1, 10)).value();
  EXPECT_EQ(planned.stored, 300);
  EXPECT_EQ(planned.chosen, 75);
  const auto views = source(options).read_views(views_of(1, 10)).value();
  const at::Tensor all = normalise_unit_sphere(points_);
  const at::Tensor even = all.index_select(0, farthest_points(all, 75));
  std::vector<at::Tensor> subsets;
  for (std::size_t v = 0; v < views.size(); ++v) {
    // Undo scale and shift: what is left are 64 of the 75 points.
    const at::Tensor scale = at::tensor(at::ArrayRef<double>(planned.plans[v].scale.data(), 3));
    const at::Tensor shift = at::tensor(at::ArrayRef<double>(planned.plans[v].shift.data(), 3));
    const at::Tensor back = (views[v].inputs["points"].to(at::kDouble) - shift) / scale;
    const auto nearest =
        (back.unsqueeze(1) - even.to(at::kDouble).unsqueeze(0)).norm(2, {2}).min(1);
    EXPECT_LT(std::get<0>(nearest).max().item<double>(), 1e-6) << v;
    subsets.push_back(std::get<0>(std::get<1>(nearest).sort()));
    EXPECT_TRUE((subsets.back().slice(0, 1) > subsets.back().slice(0, 0, 63)).all().item<bool>());
  }
  EXPECT_FALSE(at::equal(subsets[0], subsets[1]));
  add("copy.npy", 0);
  write_npy(at("copy.npy"), points_);
  const auto copies = source(options).read_views(views_of(2, 10)).value();
  EXPECT_TRUE(at::equal(copies[7].inputs["points"], views[7].inputs["points"]));
}

TEST_F(ReadCloudSample, GivesOneAnswerForThePointsOfAnyFormat) {
  std::ostringstream text;
  text.precision(9);
  for (std::int64_t i = 0; i < points_.size(0); ++i) {
    for (int axis = 0; axis < 3; ++axis) text << points_[i][axis].item<float>() << ',';
    text << "0,0,1\n";
  }
  write_file(at("curve.txt"), text.str());
  add("curve.txt", 2);
  for (const std::string protocol : {"center", "fixed", "vote10", "rotate40", "rotate12"}) {
    const CloudSource both = source(points_by(protocol, 64));
    EXPECT_TRUE(at::equal(input(both, {.sample = 1}), input(both, {.sample = 2}))) << protocol;
  }
}

TEST_F(ReadCloudSample, GivesOneAnswerForOneFileWhereverItStands) {
  add("copy/of_pyramid.off", 3);
  write_file(at("copy/of_pyramid.off"), kPyramid);
  add("pyramid.off", 4);
  add("curve.npy", 2);
  const CloudSource all = source({.points = 64, .product = CloudProduct::kPoints});
  const at::Tensor mesh = input(all, {.sample = 0});
  EXPECT_TRUE(at::equal(mesh, input(all, {.sample = 2})));
  EXPECT_TRUE(at::equal(mesh, input(all, {.sample = 3})));
  EXPECT_TRUE(at::equal(input(all, {.sample = 1}), input(all, {.sample = 4})));
}

// A sphere of which the file holds 20 times the points asked for: whatever their order, each eighth
// of it gets its share.
TEST_F(ReadCloudSample, TakesPointsFromAllOverTheShapeInEvaluation) {
  const at::Tensor k = at::arange(20000, at::kDouble);
  const at::Tensor z = 1 - (2 * k + 1) / 20000;
  const at::Tensor angle = k * 2.399963229728653;  // the golden angle
  const at::Tensor radius = (1 - z * z).sqrt();
  const at::Tensor sorted =
      at::stack({radius * angle.cos(), radius * angle.sin(), z}, 1).to(at::kFloat);
  const at::Tensor shuffled = sorted.index_select(0, (k * 7919).remainder(20000).to(at::kLong));
  write_npy(at("sorted.npy"), sorted);
  write_npy(at("shuffled.npy"), shuffled.contiguous());
  add("sorted.npy", 0);
  add("shuffled.npy", 0);
  const CloudSource some = source({.points = 1000, .product = CloudProduct::kPoints});
  for (const std::uint32_t sample : {2U, 3U}) {
    const at::Tensor points = input(some, {.sample = sample});
    const at::Tensor heights = points.select(1, 2).contiguous();
    for (int part = 0; part < 8; ++part) {
      const double low = -1.0 + part / 4.0;
      const auto inside = heights.ge(low).logical_and(heights.lt(low + 0.25)).sum().item<int>();
      EXPECT_NEAR(inside, 125, 40) << "part " << part << " of sample " << sample;
    }
  }
}

TEST_F(ReadCloudSample, DependsOnTheWholeKeyInTraining) {
  const CloudSource drawn = source({.points = 50, .training = true});
  for (const std::uint32_t sample : {0U, 1U}) {
    const at::Tensor first = input(drawn, {1, 2, sample, 0});
    EXPECT_TRUE(at::equal(first, input(drawn, {1, 2, sample, 0})));
    EXPECT_FALSE(at::equal(first, input(drawn, {2, 2, sample, 0})));
    EXPECT_FALSE(at::equal(first, input(drawn, {1, 3, sample, 0})));
    EXPECT_FALSE(at::equal(first, input(drawn, {1, 2, sample, 1})));
  }
}

// Four of five points on a line: five subsets, each with a grid of its own, equally often.
TEST_F(ReadCloudSample, DrawsTrainingPointsWithoutRepetitionAndBias) {
  at::Tensor line = at::zeros({5, 3});
  for (std::int64_t i = 0; i < 5; ++i) line[i][0] = static_cast<double>(i * i);
  write_npy(at("line.npy"), line);
  add("line.npy", 0);
  const CloudSource fours = source({.points = 4, .training = true});
  std::map<std::string, double> seen;
  for (std::uint32_t epoch = 0; epoch < 1000; ++epoch) {
    const at::Tensor along_x = input(fours, {1, epoch, 2, 0})[0][16][16].contiguous();
    const auto* row = along_x.const_data_ptr<float>();
    ++seen[std::string(row, row + 32)];
  }
  EXPECT_EQ(seen.size(), 5U);
  double chi_square = 0.0;
  for (const auto& [grid, count] : seen) chi_square += (count - 200) * (count - 200) / 200;
  EXPECT_LT(chi_square, 18.47);  // 99.9 % point of four degrees of freedom
}

TEST_F(ReadCloudSample, AppliesThePlanOfTheKeyInTraining) {
  const pipeline::CloudAugmentation augmentation{0.6, 0.9, 0.1, true, true};
  const CloudSource moved =
      source({.points = 0, .voxels = {.grid = 24}, .training = true, .augmentation = augmentation});
  const SampleKey key{3, 1, 1, 0};
  const at::Tensor expected =
      transform_cloud(normalise_unit_sphere(points_), pipeline::plan_cloud(augmentation, key));
  EXPECT_TRUE(at::equal(input(moved, key), voxelise(expected, {.grid = 24})));
}

TEST_F(ReadCloudSample, ReadsTheFirstThreeColumnsOfWiderFiles) {
  write_npy(at("wide.npy"), at::cat({points_, points_ + 5}, 1));
  add("wide.npy", 0);
  const CloudSource some = source({.points = 100, .subset = kFirst});
  EXPECT_TRUE(at::equal(input(some, {.sample = 2}), input(some, {.sample = 1})));
}

TEST_F(ReadCloudSample, NamesAMissingAZeroByteAndAHalfFile) {
  add("missing.off", 0);
  add("zero.off", 0);
  add("half.off", 0);
  write_file(at("zero.off"), "");
  write_file(at("half.off"), kPyramid.substr(0, kPyramid.size() / 2));
  expect_bad(2, Errc::kNotFound, "No such file or directory");
  expect_bad(3, Errc::kCorruptData, "zero bytes");
  expect_bad(4,
             Errc::kCorruptData,
             "line 5: expected a coordinate of a vertex, found the end of the file");
  EXPECT_TRUE(source({}).read({.sample = 0}).ok());
}

TEST_F(ReadCloudSample, GivesTheSameSamplesToManyThreads) {
  const CloudSource drawn = source({.points = 64, .training = true});
  std::vector<at::Tensor> alone;
  for (std::uint32_t i = 0; i < 40; ++i) alone.push_back(input(drawn, {1, i, i % 2, 0}));
  std::vector<int> equal(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 40; ++i) {
        equal[t] += at::equal(input(drawn, {1, i, i % 2, 0}), alone[i]) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(equal, ::testing::Each(40));
}

TEST_F(ReadCloudSample, RefusesOptionsOutOfRangeAndEmptyLists) {
  EXPECT_THROW(source({.points = -1}), pipeline::Error);
  EXPECT_THROW(source({.voxels = {.grid = 0}}), pipeline::Error);
  EXPECT_THROW(source({.augmentation = {.scale_min = 0.0}}), pipeline::Error);
  EXPECT_THROW(CloudSource({}, {}), pipeline::Error);
}

TEST(RealClouds, AreAllReadable) {
  const auto root = testing::real_data("modelnet40_npy");
  if (!root) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const CloudSource all(read_cloud_list({.root = *root, .split = "test"}), {});
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const auto sample = all.read({.sample = i});
    ASSERT_TRUE(sample.ok()) << sample.error().what();
    const double voxels = sample.value().inputs["voxels"].sum().item<double>();
    EXPECT_TRUE(voxels > 20 && voxels <= 1024) << all.name(i) << " fills " << voxels;
  }
}

}  // namespace
}  // namespace larkspur::readers
