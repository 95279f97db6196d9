// SPDX-License-Identifier: Apache-2.0
#include "launch/report/score_file.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using testing::refusal_of;

/// Two views of two classes of the samples a, b and c; c cannot be read.
pipeline::Evaluation evaluation_of(std::vector<float> a, std::vector<float> b) {
  pipeline::Evaluation evaluation;
  evaluation.predictions.resize(2);
  evaluation.predictions[0].view_logits = std::move(a);
  evaluation.predictions[1].id = 1;
  evaluation.predictions[1].label = 1;
  evaluation.predictions[1].view_logits = std::move(b);
  evaluation.bad = {{2, 2, "c", pipeline::Errc::kNotFound, "c is not there"}};
  return evaluation;
}

EvalContext context_of(std::vector<std::string> names) {
  EvalContext context;
  context.protocol = "rotate12";
  context.views = 2;
  context.checkpoint = "run";
  context.digest = "d1ge57";
  context.trained_samples = 2;
  context.classes = {"bed", "cup"};
  context.names = std::move(names);
  context.labels = {{0}, {1}, {1}};
  return context;
}

class ScoreFiles : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }
  std::string write(const std::string& name,
                    const pipeline::Evaluation& evaluation,
                    const EvalContext& context = context_of({"a", "b", "c"})) const {
    write_score_file(path(name), evaluation, context, pipeline::ViewFusion::kProbabilities);
    return path(name);
  }
  static pipeline::Evaluation fused(const std::vector<std::string>& paths,
                                    const FusionOptions& options = {}) {
    std::vector<ScoreFile> files;
    for (const std::string& one : paths) files.push_back(read_score_file(one));
    return fuse_score_files(files, paths, options);
  }

 private:
  testing::TempDir dir_;
};

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

TEST_F(ScoreFiles, OfOneAreScoredAgainByEitherRule) {
  const std::string file = write("a.safetensors", evaluation_of({6, 0, -1, 0}, {0, 1, 0, 3}));
  EXPECT_EQ(read_score_file(file).context.digest, "d1ge57");
  EXPECT_EQ(read_score_file(file).context.trained_samples, 2);
  const pipeline::Evaluation again = fused({file});
  EXPECT_EQ(again.scores.samples, 3);
  EXPECT_NEAR(again.scores.top1, 200.0 / 3.0, 1e-12);
  EXPECT_NEAR(again.predictions[0].probabilities[0], (sigmoid(6) + sigmoid(-1)) / 2, 1e-12);
  ASSERT_EQ(again.bad.size(), 1U);
  EXPECT_EQ(again.bad[0].message, "c is not there");
  const FusionOptions options{{}, "logits", pipeline::BadSamplePolicy::kExclude};
  EXPECT_NEAR(fused({file}, options).predictions[0].probabilities[0], sigmoid(2.5), 1e-12);
  EXPECT_EQ(fused({file}, options).scores.samples, 2);
}

TEST_F(ScoreFiles, OfSeveralAreWeightedMeansMatchedByName) {
  const std::string first = write("a", evaluation_of({2, 0, 2, 0}, {0, 1, 0, 1}));
  EvalContext turned = context_of({"b", "a", "c"});
  turned.labels = {{1}, {0}, {1}};
  pipeline::Evaluation other = evaluation_of({4, 0, 4, 0}, {0, 3, 0, 3});
  std::swap(other.predictions[0].label, other.predictions[1].label);
  const std::string second = write("b", other, turned);
  const pipeline::Evaluation both = fused({first, second}, {{3.0, 1.0}, "", {}});
  // Sample a is the other's second one: there class 1 leads by 3. b is its first one.
  EXPECT_EQ(both.predictions[0].classes[0], 0);
  EXPECT_NEAR(both.predictions[0].probabilities[0], (3 * sigmoid(2) + sigmoid(-3)) / 4, 1e-12);
  EXPECT_EQ(both.predictions[1].classes[0], 1);
  EXPECT_NEAR(both.predictions[1].probabilities[0], (3 * sigmoid(1) + sigmoid(-4)) / 4, 1e-12);
}

TEST_F(ScoreFiles, OfAFileNamedTwiceAreTakenInTurn) {
  EvalContext twice = context_of({"a", "a", "c"});
  twice.labels = {{0}, {0}, {1}};
  pipeline::Evaluation own = evaluation_of({2, 0, 2, 0}, {4, 0, 4, 0});
  own.predictions[1].label = 0;
  const std::string first = write("a", own, twice);
  EvalContext turned = context_of({"c", "a", "a"});
  turned.labels = {{1}, {0}, {0}};
  own.predictions[0].id = 1;
  own.predictions[1].id = 2;
  own.bad = {{0, 0, "c", pipeline::Errc::kNotFound, "c is not there"}};
  const std::string second = write("b", own, turned);

  const pipeline::Evaluation both = fused({first, second});

  ASSERT_EQ(both.predictions.size(), 2U);
  EXPECT_NEAR(both.predictions[0].probabilities[0], sigmoid(2), 1e-12);
  EXPECT_NEAR(both.predictions[1].probabilities[0], sigmoid(4), 1e-12);
  ASSERT_EQ(both.bad.size(), 1U);
  EXPECT_EQ(both.bad[0].name, "c");
}

TEST_F(ScoreFiles, RefuseWhatNoEvaluationWrites) {
  const auto refusal = [&](const EvalContext& context, float logit) {
    const std::string file = write("x", evaluation_of({logit, 0, 2, 0}, {0, 1, 0, 1}), context);
    return refusal_of([&] { (void)read_score_file(file); }).text;
  };
  EvalContext beyond = context_of({"a", "b", "c"});
  beyond.labels[1] = {2};
  EXPECT_THAT(refusal(beyond, 2), HasSubstr("its parts contradict each other"));
  beyond.labels[1] = {};
  EXPECT_THAT(refusal(beyond, 2), HasSubstr("its parts contradict each other"));
  EXPECT_THAT(refusal(context_of({"a", "b", "c"}), NAN), HasSubstr("not finite"));
}

TEST_F(ScoreFiles, RefuseOtherListsAndOtherFiles) {
  const std::string file = write("a", evaluation_of({2, 0, 2, 0}, {0, 1, 0, 1}));
  const std::string other =
      write("b", evaluation_of({2, 0, 2, 0}, {0, 1, 0, 1}), context_of({"a", "b", "d"}));
  EXPECT_THAT(refusal_of([&] {
                (void)fused({file, other});
              }).text,
              HasSubstr(file + " and " + other + ": only one has d"));
  EvalContext relabelled = context_of({"a", "b", "c"});
  relabelled.labels[1] = {0};
  const std::string third = write("c", evaluation_of({2, 0, 2, 0}, {0, 1, 0, 1}), relabelled);
  EXPECT_THAT(refusal_of([&] {
                (void)fused({file, third});
              }).text,
              HasSubstr("different labels of b"));
  EvalContext renamed = context_of({"a", "b", "c"});
  renamed.classes = {"bed", "jug"};
  const std::string fourth = write("d", evaluation_of({2, 0, 2, 0}, {0, 1, 0, 1}), renamed);
  EXPECT_THAT(refusal_of([&] {
                (void)fused({file, fourth});
              }).text,
              HasSubstr("different classes"));
  EXPECT_EQ(refusal_of([&] { (void)read_score_file(path("gone")); }).code, "not found");
  EXPECT_THAT(refusal_of([&] { write_score_file(path("none"), {}, context_of({"a"}), {}); }).text,
              HasSubstr("no sample has scores to keep"));
}

}  // namespace
}  // namespace larkspur::launch
