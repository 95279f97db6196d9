// SPDX-License-Identifier: Apache-2.0
// Merged against trained, in float32: every variant at the smallest input there is, one place; A
// and F at odd sizes in every form; statistics far from 0 and 1. What was measured is in the test's
// "relative_difference" and in model3d/README.md.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "pipeline/require.h"
#include "tests/support/far_network.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

struct Merged {
  const char* form;
  const char* variant;
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> second_input{};
};

void PrintTo(const Merged& merged, std::ostream* out) {
  *out << merged.form << "/" << merged.variant << " of " << at::IntArrayRef(merged.input);
}

class Merging : public ::testing::TestWithParam<Merged> {};

TEST_P(Merging, ChangesNoLogit) {
  const at::NoGradGuard no_grad;
  const auto& [form, variant, shape, second_shape] = GetParam();
  Network network({.form = form, .variant = variant, .classes = 11, .drawing_size = 33});
  larkspur::testing::move_far(network);
  pipeline::Batch batch;
  batch.inputs["voxels"] = larkspur::testing::far_input("merging", shape);
  if (!second_shape.empty()) {
    batch.inputs["views"] = larkspur::testing::far_input("second", second_shape);
  }
  const at::Tensor trained = network.forward(batch);
  ASSERT_TRUE(trained.isfinite().all().item<bool>());
  const double largest = trained.abs().max().item<double>();
  EXPECT_GT((trained[0] - trained[1]).abs().max().item<double>(), 1e-3 * largest)
      << "blind to its input";
  network.merge();
  EXPECT_TRUE(network.statistics().empty());
  const double difference = (network.forward(batch) - trained).abs().max().item<double>();
  RecordProperty("relative_difference", pipeline::text_of(difference / largest));
  EXPECT_GT(difference, 0.0) << "compared with itself";
  EXPECT_LE(difference, larkspur::testing::kMergedFarRelative * largest);
}

std::string merged_name(const ::testing::TestParamInfo<Merged>& info) {
  std::string name = std::string(info.param.form) + "_" + info.param.variant;
  for (const std::int64_t size : info.param.input) name += "_" + std::to_string(size);
  return name;
}

Merged smallest(const char* variant) { return {"image", variant, {2, 3, 1, 1}}; }

INSTANTIATE_TEST_SUITE_P(Smallest,
                         Merging,
                         ::testing::Values(smallest("micro"),
                                           smallest("a"),
                                           smallest("f"),
                                           smallest("p"),
                                           smallest("n"),
                                           Merged{"voxel", "a", {2, 1, 1, 1, 1}},
                                           Merged{"clip", "a", {2, 3, 1, 1, 1}},
                                           Merged{"differences", "a", {2, 3, 2, 1, 1}},
                                           Merged{"grid", "a", {2, 3, 1, 1, 1}},
                                           Merged{"views", "a", {2, 1, 3, 1, 1}},
                                           Merged{"joint", "a", {2, 1, 1, 1, 1}, {2, 1, 3, 1, 1}},
                                           Merged{"points", "a", {2, 1, 3}}),
                         merged_name);

INSTANTIATE_TEST_SUITE_P(
    OddSizes,
    Merging,
    ::testing::Values(Merged{"image", "a", {2, 3, 37, 61}},
                      Merged{"image", "f", {2, 3, 33, 97}},
                      Merged{"raw", "a", {2, 3, 4, 15, 21}},
                      Merged{"raw", "f", {2, 3, 9, 11, 7}},
                      Merged{"raw", "a", {2, 3, 16, 9, 13}},
                      Merged{"grid", "f", {2, 3, 4, 15, 21}},
                      Merged{"frames", "f", {2, 3, 5, 35, 41}},
                      Merged{"grid", "a", {2, 3, 9, 11, 7}},
                      Merged{"grid", "f", {2, 3, 16, 9, 13}},
                      Merged{"clip", "a", {2, 3, 7, 19, 27}},
                      Merged{"clip", "f", {2, 3, 5, 33, 17}},
                      Merged{"voxel", "a", {2, 1, 17, 19, 23}},
                      Merged{"voxel", "f", {2, 1, 9, 21, 11}},
                      Merged{"views", "a", {2, 3, 3, 37, 29}},
                      Merged{"views", "f", {2, 2, 3, 41, 23}},
                      Merged{"joint", "a", {2, 1, 13, 9, 15}, {2, 3, 3, 31, 27}},
                      Merged{"joint", "f", {2, 1, 9, 11, 7}, {2, 2, 3, 25, 39}},
                      Merged{"points", "a", {2, 77, 3}},
                      Merged{"points", "f", {2, 31, 3}},
                      Merged{"cells", "a", {2, 77, 3}}),
    merged_name);

// The memory of the largest is 2 GB.
INSTANTIATE_TEST_SUITE_P(Slow,
                         Merging,
                         ::testing::Values(smallest("t"),
                                           smallest("s"),
                                           smallest("b"),
                                           smallest("l"),
                                           smallest("xl"),
                                           Merged{"image", "a", {2, 3, 197, 225}},
                                           Merged{"image", "f", {2, 3, 161, 259}},
                                           Merged{"clip", "a", {2, 3, 15, 61, 75}}),
                         merged_name);

}  // namespace
}  // namespace larkspur::model3d
