// SPDX-License-Identifier: Apache-2.0
#include "launch/report/worst_mistakes.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "launch/report/bitmap.h"
#include "pipeline/image_statistics.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;

TEST(WorstMistakes, AreTheSurestWrongOnesWithTheLabelsProbability) {
  pipeline::Evaluation evaluation;
  evaluation.predictions = {{0, 0, {0, 1}, {0.9, 0.1}},
                            {1, 1, {0, 1}, {0.6, 0.4}},
                            {2, 2, {1, 0}, {0.8, 0.2}},
                            {3, 0, {1, 0}, {0.8, 0.2}}};
  EvalContext context;
  context.names = {"a.off", "b.off", "c.off", "d.off"};
  const ordered_json found = worst_mistakes(evaluation, context, 2);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0],
            (ordered_json{{"id", 2},
                          {"file", "c.off"},
                          {"labels", {2}},
                          {"predicted", 1},
                          {"probability", 0.8},
                          {"label_probability", nullptr}}));
  EXPECT_EQ(found[1]["id"], 3);
  EXPECT_EQ(found[1]["label_probability"], 0.2);
}

TEST(WorstMistakes, OfSamplesOfSeveralClassesAreThoseWhoseLikeliestClassTheyDoNotShow) {
  pipeline::Evaluation evaluation;
  evaluation.predictions = {{0, 0, {1, 0}, {0.9, 0.8}}, {1, 2, {0, 1, 2}, {0.7, 0.6, 0.5}}};
  EvalContext context;
  context.names = {"a.mp4", "b.mp4"};
  context.labels = {{0, 1}, {2, 1}};
  context.labelling = Labelling::kSeveral;
  const ordered_json found = worst_mistakes(evaluation, context);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["labels"], (ordered_json{2, 1}));
  EXPECT_EQ(found[0]["label_probability"], 0.6);
  context.labelling = Labelling::kNone;
  EXPECT_TRUE(worst_mistakes(evaluation, context).empty());
}

TEST(WorstMistakes, ShowFramesOfAClipAsTheyWereBeforeTheyWereNormalised) {
  at::Tensor clip = at::zeros({3, 8, 2, 2});
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    const auto c = static_cast<std::size_t>(channel);
    for (std::int64_t frame = 0; frame < 8; ++frame) {
      clip[channel][frame].fill_(
          (0.02F + 0.1F * static_cast<float>(frame) - pipeline::kImageMean<float>[c]) /
          pipeline::kImageDeviation<float>[c]);
    }
  }
  const ordered_json frames = picture_of({{"clip", clip}})["frames"];
  ASSERT_EQ(frames.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const float grey = 0.02F + 0.1F * static_cast<float>(2 * i + 1);
    EXPECT_EQ(frames[i], bitmap_uri(at::full({3, 2, 2}, grey))) << i;
  }
}

TEST(WorstMistakes, OfAPictureIsOneFrame) {
  const auto row = [](const auto& values) { return at::tensor({values[0], values[1], values[2]}); };
  const at::Tensor grey =
      (0.5F - row(pipeline::kImageMean<float>)) / row(pipeline::kImageDeviation<float>);
  EXPECT_EQ(picture_of({{"image", grey.view({3, 1, 1}).expand({3, 2, 2})}})["frames"],
            (ordered_json::array({bitmap_uri(at::full({3, 2, 2}, 0.5F))})));
}

TEST(WorstMistakes, LargePicturesAreShrunk) {
  const ordered_json frames = picture_of({{"views", at::full({2, 1, 256, 128}, 0.5F)}})["frames"];
  EXPECT_EQ(frames,
            (ordered_json{bitmap_uri(at::full({3, 64, 32}, 0.5F)),
                          bitmap_uri(at::full({3, 64, 32}, 0.5F))}));
}

TEST(WorstMistakes, PointsAndVoxelsAreSeenFromObliquelyAbove) {
  const at::Tensor up = at::tensor({0.0F, 0.0F, 1.0F}).view({1, 3});
  EXPECT_EQ(picture_of({{"points", up}})["dots"], (ordered_json{{50, 5}}));
  at::Tensor voxels = at::zeros({1, 5, 5, 5});
  voxels[0][4][2][2] = 1.0F;  // z = 0.8
  EXPECT_EQ(picture_of({{"voxels", voxels}})["dots"], (ordered_json{{50, 14}}));
  const ordered_json many = picture_of({{"points", at::zeros({5000, 3})}})["dots"];
  EXPECT_EQ(many.size(), 600U);
}

}  // namespace
}  // namespace larkspur::launch
