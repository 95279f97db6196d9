// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/evaluator.h"

#include <atomic>
#include <limits>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tests/support/solo_communicator.h"
#include "tests/support/toy_classifier.h"
#include "tests/support/toy_source.h"

namespace larkspur::pipeline {
namespace {

using testing::SoloCommunicator;
using testing::ToySource;

/// Plays one rank of several: keeps what it sends, and hears what it is given.
class ScriptedCommunicator : public Communicator {
 public:
  ScriptedCommunicator(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::vector<std::string> all_gather(std::string_view mine) override {
    sent.emplace_back(mine);
    if (heard.empty()) return {sent.back()};
    std::vector<std::string> round;
    for (const auto& told : heard) round.push_back(told.at(sent.size() - 1));
    return round;
  }
  std::vector<std::string> sent;
  std::vector<std::vector<std::string>> heard;  ///< [rank][round]

 private:
  int rank_;
  int size_;
};

EvalOptions options_of(std::int64_t batch) {
  EvalOptions options;
  options.batch = batch;
  options.classes = 3;
  return options;
}

TEST(Evaluator, PredictsEverySampleOnceInTheListsOrder) {
  const ToySource source(23, {5}, 3);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator communicator;
  const Evaluation found = evaluate(options_of(4), *classifier, source, communicator);
  ASSERT_EQ(found.predictions.size(), 23U);
  for (std::int64_t id = 0; id < 23; ++id) {
    EXPECT_EQ(found.predictions[static_cast<std::size_t>(id)].id, id);
    EXPECT_EQ(found.predictions[static_cast<std::size_t>(id)].label, id % 3);
  }
  double sum = 0.0;
  for (const double probability : found.predictions[5].probabilities) sum += probability;
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

TEST(Evaluator, GivesThreeRanksTheSameResultAsOne) {
  ToySource source(23, {5}, 3);
  source.spoil(9, Errc::kCorruptData);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator solo;
  const Evaluation alone = evaluate(options_of(4), *classifier, source, solo);
  ScriptedCommunicator last(2, 3);
  for (int rank = 0; rank < 3; ++rank) {
    ScriptedCommunicator peer(rank, 3);
    (void)evaluate(options_of(4), *classifier, source, peer);
    last.heard.push_back(peer.sent);
  }
  const Evaluation together = evaluate(options_of(4), *classifier, source, last);
  ASSERT_EQ(together.predictions.size(), alone.predictions.size());
  for (std::size_t i = 0; i < alone.predictions.size(); ++i) {
    EXPECT_EQ(together.predictions[i].id, alone.predictions[i].id);
    EXPECT_EQ(together.predictions[i].probabilities, alone.predictions[i].probabilities);
  }
  EXPECT_EQ(together.bad, alone.bad);
  EXPECT_EQ(together.scores.top1, alone.scores.top1);
}

/// Counts how often the file of a sample is opened.
class CountedSource : public ToySource {
 public:
  using ToySource::ToySource;
  mutable std::atomic<int> openings = 0;

 protected:
  Result<std::vector<Sample>> read_file(std::span<const SampleKey> keys) const override {
    ++openings;
    return ToySource::read_file(keys);
  }
};

TEST(Evaluator, AveragesTheViewsOfASampleFromOneOpening) {
  const CountedSource source(7, {5}, 3);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator communicator;
  EvalOptions options = options_of(4);
  options.views = 6;  // a pass of 4 views and one of 2 for each sample
  const Evaluation found = evaluate(options, *classifier, source, communicator);
  ASSERT_EQ(found.predictions.size(), 7U);
  EXPECT_EQ(source.openings, 7);
  const at::NoGradGuard no_grad;
  for (std::uint32_t id = 0; id < 7; ++id) {
    at::Tensor mean = at::zeros({3}, at::kDouble);
    for (std::uint16_t view = 0; view < 6; ++view) {
      const SampleKey key{options.seed, 0, id, view};
      Batch batch = collate({source.draw(key).value()}, {key}, {});
      mean.add_(classifier->forward(batch)[0].to(at::kDouble).softmax(0), 1.0 / 6);
    }
    const Prediction& row = found.predictions[id];
    EXPECT_EQ(row.label, id % 3);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(row.probabilities[k], mean[row.classes[k]].item<double>(), 1e-6) << id;
    }
  }
}

TEST(Evaluator, GivesOtherBatchesTheSameViewsTheSameScores) {
  ToySource source(11, {5}, 3);
  source.spoil(4, Errc::kCorruptData);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator communicator;
  for (const ViewFusion fusion : {ViewFusion::kProbabilities, ViewFusion::kLogits}) {
    EvalOptions options = options_of(1);
    options.views = 3;
    options.fusion = fusion;
    const Evaluation one = evaluate(options, *classifier, source, communicator);
    EXPECT_EQ(one.bad.size(), 1U);
    for (const std::int64_t batch : {2, 3, 7, 1000}) {
      options.batch = batch;
      const Evaluation other = evaluate(options, *classifier, source, communicator);
      ASSERT_EQ(other.predictions.size(), 10U);
      EXPECT_EQ(other.bad, one.bad);
      for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(other.predictions[i].id, one.predictions[i].id);
        EXPECT_NEAR(
            other.predictions[i].probabilities[0], one.predictions[i].probabilities[0], 1e-6);
      }
    }
  }
}

/// Notes how many rows each pass has.
class NotedClassifier : public Classifier {
 public:
  at::Tensor forward(const Batch& batch) override {
    passes.push_back(batch.size());
    return inner->forward(batch);
  }
  std::vector<Parameter> parameters() const override { return inner->parameters(); }
  std::vector<Statistic> statistics() const override { return inner->statistics(); }
  void set_training(bool training) override { inner->set_training(training); }
  void set_training_pass(const TrainingPass& pass) override { inner->set_training_pass(pass); }
  std::unique_ptr<Classifier> replica() const override { return inner->replica(); }

  std::unique_ptr<Classifier> inner = testing::make_toy_classifier(5, 3, 1);
  std::vector<std::int64_t> passes;
};

TEST(Evaluator, KeepsTheLogitsOfViewsOnRankZeroWhenAsked) {
  const ToySource source(5, {5}, 3);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator communicator;
  EvalOptions options = options_of(4);
  options.views = 2;
  EXPECT_TRUE(
      evaluate(options, *classifier, source, communicator).predictions[0].view_logits.empty());
  options.keep_views = true;
  const Evaluation found = evaluate(options, *classifier, source, communicator);
  const at::NoGradGuard no_grad;
  const SampleKey key{options.seed, 0, 3, 1};
  const at::Tensor logits = classifier->forward(collate({source.draw(key).value()}, {key}, {}))[0];
  const std::vector<float>& kept = found.predictions[3].view_logits;
  ASSERT_EQ(kept.size(), 6U);  // two views of three classes
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(kept[3 + k], logits[static_cast<std::int64_t>(k)].item<float>(), 1e-5);
  }
}

TEST(Evaluator, GivesEveryPassTheSameRowsWhateverIsUnreadable) {
  ToySource source(11, {5}, 3);
  source.spoil(4, Errc::kCorruptData);
  SoloCommunicator communicator;
  NotedClassifier classifier;
  // 11 samples in groups of at most 4: three groups of 4, one of them with a bad sample, one of 3.
  EXPECT_EQ(evaluate(options_of(4), classifier, source, communicator).predictions.size(), 10U);
  EXPECT_EQ(classifier.passes, (std::vector<std::int64_t>{4, 4, 4}));
  classifier.passes.clear();
  (void)evaluate(options_of(10), classifier, source, communicator);  // not 10 and 1: 6 and 5
  EXPECT_EQ(classifier.passes, (std::vector<std::int64_t>{6, 6}));
  classifier.passes.clear();
  EvalOptions options = options_of(7);
  options.views = 3;
  (void)evaluate(options, classifier, source, communicator);
  EXPECT_EQ(classifier.passes, (std::vector<std::int64_t>(6, 6)));
}

TEST(Evaluator, CountsAnUnreadableSampleAsWrongUnlessToldToLeaveItOut) {
  ToySource source(10, {5}, 3);
  source.spoil(0, Errc::kNotFound);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  SoloCommunicator communicator;
  EvalOptions options = options_of(4);
  EXPECT_EQ(evaluate(options, *classifier, source, communicator).scores.samples, 10);
  options.bad_samples = BadSamplePolicy::kExclude;
  const Evaluation excluded = evaluate(options, *classifier, source, communicator);
  EXPECT_EQ(excluded.scores.samples, 9);
  EXPECT_EQ(excluded.bad.front().name, "toy/0");
}

TEST(Evaluator, ANetworkWhoseLogitsAreNoNumbersScoresNothing) {
  const ToySource source(10, {5}, 3);
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  const at::NoGradGuard no_grad;
  classifier->parameters().back().tensor.fill_(std::numeric_limits<float>::quiet_NaN());
  SoloCommunicator communicator;
  const Evaluation found = evaluate(options_of(4), *classifier, source, communicator);
  EXPECT_TRUE(found.predictions.empty());
  ASSERT_EQ(found.bad.size(), 10U);
  EXPECT_EQ(found.bad.front().message,
            "toy/0: the network's logits are not finite; see whether its weights are, or a value "
            "overflows");
  EXPECT_EQ(found.scores.top1, 0.0);
}

}  // namespace
}  // namespace larkspur::pipeline
