// SPDX-License-Identifier: Apache-2.0
#include "launch/config/run_config.h"

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/model_options.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using testing::Refusal;
using testing::refusal_of;

/// What check() says of a configuration whose named key was set in line 9.
std::string complaint(const std::string& key, const std::function<void(RunConfig&)>& change) {
  LoadedConfig loaded;
  change(loaded.config);
  loaded.origins[key] = "c.yaml:9";
  const Refusal refusal = refusal_of([&] { check(loaded); });
  EXPECT_TRUE(refusal.code == "invalid argument" || refusal.code == "no error") << refusal;
  return refusal.text;
}

TEST(CheckConfig, TakesTheDefaults) {
  EXPECT_EQ(complaint("", [](RunConfig&) {}), "");
}

TEST(CheckConfig, LanesAreAPowerOfTwo) {
  EXPECT_EQ(complaint("train.lanes", [](RunConfig& c) { c.train.lanes = 12; }),
            "c.yaml:9: train.lanes: 12 is not a power of two");
}

TEST(CheckConfig, TheGlobalBatchIsWholeLanes) {
  EXPECT_EQ(complaint("train.global_batch", [](RunConfig& c) { c.train.global_batch = 18; }),
            "c.yaml:9: train.global_batch: 18 is not divisible by train.lanes, 4");
}

TEST(CheckConfig, MixingNeedsAPartnerInTheLane) {
  const auto mixed = [](RunConfig& c) {
    c.train.mix.cutmix = 1.0;
    c.train.global_batch = 4;
  };
  EXPECT_THAT(complaint("train.cutmix", mixed),
              ::testing::HasSubstr("train.cutmix: has no partner in a lane of one sample"));
}

TEST(CheckConfig, ADefaultIsBlamedAtThePlaceOfTheKeyItDoesNotGoWith) {
  EXPECT_EQ(complaint("train.lanes", [](RunConfig& c) { c.train.lanes = 32; }),
            "c.yaml:9: train.global_batch (default): 16 is not divisible by train.lanes, 32");
}

TEST(CheckConfig, BoundsAreInOrder) {
  EXPECT_EQ(
      complaint("train.min_learning_rate", [](RunConfig& c) { c.train.min_learning_rate = 0.5; }),
      "c.yaml:9: train.min_learning_rate: 0.5 is above train.learning_rate, 0.001");
  EXPECT_EQ(complaint("data.augmentation.scale_max",
                      [](RunConfig& c) { c.data.augmentation.scale_max = 0.5; }),
            "c.yaml:9: data.augmentation.scale_max: 0.5 is below data.augmentation.scale_min, 1");
  EXPECT_EQ(complaint("train.warmup_epochs", [](RunConfig& c) { c.train.warmup_epochs = 11; }),
            "c.yaml:9: train.warmup_epochs: 11 is above train.epochs, 10");
}

TEST(CheckConfig, KernelsAreOdd) {
  EXPECT_EQ(complaint("model.kernel",
                      [](RunConfig& c) {
                        c.model.kernel = {5, 12, 13};
                      }),
            "c.yaml:9: model.kernel: 5x12x13 holds 12, which is not odd");
}

TEST(CheckConfig, TheProtocolLooksAtTheKindOfData) {
  EXPECT_EQ(complaint("eval.protocol", [](RunConfig& c) { c.eval.protocol = "mvit_5x1"; }),
            "c.yaml:9: eval.protocol: mvit_5x1 does not look at data.kind cloud; these do: center, "
            "fixed, vote10, rotate40, rotate12");
  EXPECT_EQ(complaint("eval.size", [](RunConfig& c) { c.eval.size = 64; }),
            "c.yaml:9: eval.size: 64, but views of clouds have no such size: leave it at 0");
}

TEST(CheckConfig, SeveralLabelsAreNeitherMixedNorSmoothed) {
  EXPECT_EQ(complaint("train.mixup",
                      [](RunConfig& c) {
                        c.data.several_labels = true;
                        c.train.mix.mixup = 0.5;
                      }),
            "c.yaml:9: train.mixup: 0.5, but with data.several_labels it has no meaning: leave it "
            "at 0");
}

TEST(CheckConfig, TheFormLooksAtTheKindOfData) {
  EXPECT_EQ(complaint("model.form", [](RunConfig& c) { c.model.form = ModelForm::kClip; }),
            "c.yaml:9: model.form: clip does not look at data.kind cloud; these do: voxel, "
            "views, joint, points, cells");
  EXPECT_EQ(complaint("model.form",
                      [](RunConfig& c) {
                        c.data.kind = DataKind::kVideo;
                        c.model.form = ModelForm::kJoint;
                      }),
            "c.yaml:9: model.form: joint does not look at data.kind video; these do: clip, "
            "differences, raw, grid, frames");
}

TEST(CheckConfig, FormsForCloudsTakeKernelsOfTheirAxes) {
  EXPECT_EQ(complaint("model.kernel",
                      [](RunConfig& c) {
                        c.model.form = ModelForm::kPoints;
                        c.model.kernel = {7, 7, 7};
                      }),
            "c.yaml:9: model.kernel: 7x7x7: form points has two axes, the first must be 1, not 7");
  EXPECT_EQ(complaint("model.kernel", [](RunConfig& c) { c.model.form = ModelForm::kJoint; }), "");
}

TEST(CheckConfig, KeysOfViewsAreToldWhereThereAreViews) {
  EXPECT_EQ(complaint("model.view_pooling",
                      [](RunConfig& c) { c.model.view_pooling = ViewPooling::kMean; }),
            "c.yaml:9: model.view_pooling: form voxel does not take it (views, frames, joint, "
            "points do): "
            "leave it "
            "at max");
  EXPECT_EQ(
      complaint("model.view_stem_stride", [](RunConfig& c) { c.model.view_stem_stride = 2; }),
      "c.yaml:9: model.view_stem_stride: form voxel does not take it (joint does): leave it at 4");
  EXPECT_EQ(complaint("model.view_stem_stride",
                      [](RunConfig& c) {
                        c.model.form = ModelForm::kJoint;
                        c.model.view_stem_stride = 3;
                      }),
            "c.yaml:9: model.view_stem_stride: 3 is not 2 or 4");
  EXPECT_EQ(
      complaint("model.drawing_size", [](RunConfig& c) { c.model.drawing_size = 64; }),
      "c.yaml:9: model.drawing_size: form voxel does not take it (points does): leave it at 112");
}

TEST(CheckConfig, OnlyAJointNetworkHasTwoKernels) {
  EXPECT_EQ(complaint("model.view_taps", [](RunConfig& c) { c.model.view_taps = 7; }),
            "c.yaml:9: model.view_taps: form voxel does not take it (joint does): leave it at 0");
  EXPECT_EQ(complaint("model.view_taps",
                      [](RunConfig& c) {
                        c.model.form = ModelForm::kJoint;
                        c.model.view_taps = 8;
                      }),
            "c.yaml:9: model.view_taps: 8 is not odd");
}

TEST(CheckConfig, OnlyAJointNetworkStartsFromTwoFiles) {
  EXPECT_EQ(
      complaint("model.view_weights", [](RunConfig& c) { c.model.view_weights = "a.pth"; }),
      "c.yaml:9: model.view_weights: form voxel does not take it (joint does): leave it at none");
  EXPECT_EQ(
      complaint("model.view_weights",
                [](RunConfig& c) {
                  c.model.form = ModelForm::kJoint;
                  c.model.view_weights = "a.pth";
                }),
      "c.yaml:9: model.view_weights: set, but model.weights, the voxels', is none: weights of "
      "pictures alone go there");
}

TEST(CheckConfig, SamplesOfTwoInputsAreNotMixed) {
  EXPECT_EQ(complaint("train.mixup",
                      [](RunConfig& c) {
                        c.model.form = ModelForm::kJoint;
                        c.train.mix.mixup = 0.8;
                      }),
            "c.yaml:9: train.mixup: form joint does not take it (voxel, cells, points, clip, "
            "differences, raw, grid, frames, image, views do): leave it at 0.0");
}

TEST(CheckConfig, OnlyAClipHasATimeAxis) {
  EXPECT_EQ(complaint("model.temporal_strides",
                      [](RunConfig& c) {
                        c.model.temporal_strides = {1, 1, 1, 1};
                      }),
            "c.yaml:9: model.temporal_strides: form voxel does not take it (clip, differences "
            "do): leave it at [2, 1, 1, 1]");
  EXPECT_EQ(
      complaint("model.temporal_taps",
                [](RunConfig& c) {
                  c.model.temporal_taps = {3, 3, 3};
                }),
      "c.yaml:9: model.temporal_taps: form voxel does not take it (clip, differences do): leave it "
      "at [0, 0, 0]");
}

TEST(ModelOptions, FormsWithATimeAxisTakeItsStridesAndTaps) {
  for (const char* form : {"clip", "differences"}) {
    RunConfig config = config_of_form(form);
    config.model.temporal_strides = {1, 2, 1, 1};
    config.model.temporal_taps = {3, 5, 7};
    const model3d::ModelOptions options = model_options(config);
    EXPECT_EQ(options.temporal_strides, config.model.temporal_strides) << form;
    EXPECT_EQ(options.temporal_taps, config.model.temporal_taps) << form;
  }
  EXPECT_FALSE(model_options(config_of_form("grid")).temporal_strides);
}

TEST(CheckConfig, OnlyAClipHasChoicesOfTime) {
  EXPECT_EQ(complaint("model.separable_time", [](RunConfig& c) { c.model.separable_time = true; }),
            "c.yaml:9: model.separable_time: form voxel does not take it (clip, differences do): "
            "leave it "
            "at false");
  EXPECT_EQ(
      complaint("model.time_padding",
                [](RunConfig& c) { c.model.time_padding = model3d::TimePadding::kReplicate; }),
      "c.yaml:9: model.time_padding: form voxel does not take it (clip, differences do): leave it "
      "at zeros");
}

void make_clip(RunConfig& config) {
  config.data.kind = DataKind::kVideo;
  config.model.form = ModelForm::kClip;
}

TEST(CheckConfig, FramesAreSampledBySecondsOrSegmentsOutsidePublishedProtocols) {
  using By = pipeline::FrameSampling;
  const auto by = [](By sampling, double seconds, const char* protocol) {
    return [=](RunConfig& c) {
      make_clip(c);
      c.data.clip.by = sampling;
      c.data.clip.seconds = seconds;
      c.eval.protocol = protocol;
    };
  };
  EXPECT_EQ(complaint("data.seconds", by(By::kSeconds, 2.0, "center")), "");
  EXPECT_EQ(complaint("data.seconds", by(By::kSegments, 0.0, "center")), "");
  EXPECT_EQ(complaint("data.seconds", by(By::kSeconds, 0.0, "center")),
            "c.yaml:9: data.seconds: 0: data.sampling=seconds needs the length of a clip");
  EXPECT_EQ(complaint("data.seconds", by(By::kStride, 2.0, "center")),
            "c.yaml:9: data.seconds: 2, but data.sampling is stride: leave it at 0");
  EXPECT_EQ(complaint("eval.protocol", by(By::kSegments, 0.0, "mvit_5x1")),
            "c.yaml:9: eval.protocol: mvit_5x1 counts strides, but data.sampling is segments: take "
            "center, or data.sampling=stride");
  EXPECT_EQ(complaint("eval.protocol",
                      [](RunConfig& c) {
                        c.eval.protocol = "rotate12";  // of clouds, which have no frames
                        c.data.clip.by = By::kSegments;
                      }),
            "");
}

TEST(CheckConfig, InflationByMeanNeedsEndFramesAndWeights) {
  const auto mean = [](RunConfig& c) {
    make_clip(c);
    c.model.inflation = model3d::Inflation::kMean;
  };
  EXPECT_EQ(
      complaint("model.inflation", mean),
      "c.yaml:9: model.inflation: mean needs time_padding replicate: beside zeros the ends of a "
      "clip would lack the share of the taps that hang over");
  const auto without_weights = [](RunConfig& c) {
    make_clip(c);
    c.model.inflation = model3d::Inflation::kMean;
    c.model.time_padding = model3d::TimePadding::kReplicate;
  };
  EXPECT_EQ(complaint("model.inflation", without_weights),
            "c.yaml:9: model.inflation: mean, but model.weights is none: there is nothing to "
            "inflate");
}

TEST(CheckConfig, EnlargingNeedsWeights) {
  const auto enlarge = [](RunConfig& c) { c.model.enlarge = model3d::Enlargement::kResize; };
  EXPECT_EQ(complaint("model.enlarge", enlarge),
            "c.yaml:9: model.enlarge: set, but model.weights is none: there is nothing to enlarge");
}

TEST(CheckConfig, TapsOfStagesAreOdd) {
  EXPECT_EQ(complaint("model.spatial_taps",
                      [](RunConfig& c) {
                        c.model.spatial_taps = {7, 0, 6};
                      }),
            "c.yaml:9: model.spatial_taps: 7x0x6 holds 6, which is not odd");
}

class CheckPaths : public ::testing::Test {
 protected:
  CheckPaths() {
    std::filesystem::create_directory(dir_.path() / "clouds");
    std::ofstream(dir_.path() / "train.txt") << "a.off\n";
    loaded_.config.data.train.list = path("train.txt");
    loaded_.config.data.train.root = path("clouds");
    loaded_.origins["data.train.list"] = "c.yaml:3";
    loaded_.origins["data.train.root"] = "c.yaml:4";
  }

  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  testing::TempDir dir_;
  LoadedConfig loaded_;
};

TEST_F(CheckPaths, TakesWhatIsThere) {
  EXPECT_EQ(refusal_of([&] { check_paths(loaded_, {"data.train"}); }), Refusal{});
}

TEST_F(CheckPaths, AMissingFolderIsNamedWithItsNeighbour) {
  loaded_.config.data.train.root = path("cluods");
  EXPECT_EQ(refusal_of([&] { check_paths(loaded_, {"data.train"}); }),
            (Refusal{"not found",
                     "c.yaml:4: data.train.root: no such folder '" + path("cluods") +
                         "'; did you mean '" + path("clouds") + "'?"}));
}

TEST_F(CheckPaths, OfAStateDictInsideAFileTheFileMustBeThere) {
  std::ofstream(path("a.pth"));
  loaded_.config.model.weights = path("a.pth") + "#model_ema";
  EXPECT_EQ(refusal_of([&] { check_weights_paths(loaded_); }), Refusal{});
  EXPECT_EQ(file_of_weights(loaded_.config.model.weights), path("a.pth"));
  loaded_.config.model.weights = path("absent.pth") + "#model_ema";
  EXPECT_THAT(refusal_of([&] { check_weights_paths(loaded_); }).text,
              ::testing::HasSubstr("no such file or folder '" + path("absent.pth") + "'"));
  for (const char* named : {"clouds#2/a.pth", "clouds#model", "a.safetensors#model"}) {
    loaded_.config.model.weights = path(named);
    EXPECT_THAT(refusal_of([&] { check_weights_paths(loaded_); }).text,
                ::testing::HasSubstr("no such file or folder '" + path(named) + "'"));
  }
  std::ofstream(path("a#1.pth"));  // a name of its own
  loaded_.config.model.weights = path("a#1.pth");
  EXPECT_EQ(refusal_of([&] { check_weights_paths(loaded_); }), Refusal{});
}

TEST_F(CheckPaths, AFileInPlaceOfAFolderIsRefused) {
  loaded_.config.data.train.root = path("train.txt");
  EXPECT_EQ(refusal_of([&] { check_paths(loaded_, {"data.train"}); }).text,
            "c.yaml:4: data.train.root: '" + path("train.txt") + "' is a file, expected a folder");
  loaded_.config.data.train.list = path("clouds");
  EXPECT_EQ(refusal_of([&] { check_paths(loaded_, {"data.train"}); }).text,
            "c.yaml:3: data.train.list: '" + path("clouds") + "' is a folder, expected a file");
}

TEST_F(CheckPaths, LabelsAloneAreNoSamples) {
  loaded_.config.data.eval.labels = path("train.txt");
  EXPECT_EQ(refusal_of([&] { check_paths(loaded_, {"data.eval"}); }).text,
            "data.eval: neither list nor root is set");
}

TEST_F(CheckPaths, ASideWithoutSamplesIsRefusedOnlyWhereItIsUsed) {
  EXPECT_EQ(refusal_of([&] {
              check_paths(loaded_, {"data.train", "data.eval"});
            }),
            (Refusal{"invalid argument", "data.eval: neither list nor root is set"}));
}

}  // namespace
}  // namespace larkspur::launch
