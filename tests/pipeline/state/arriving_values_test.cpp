// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/arriving_values.h"

#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::SerialExchange;
using ::larkspur::testing::ToyRun;
using ::testing::ElementsAre;

/// Values that are not there before they were waited for: not numbers until then.
class LateExchange : public SerialExchange {
 public:
  explicit LateExchange(FlatParameters& flat) : SerialExchange(flat), flat_(flat) {}

  void gather() override {
    arriving_ = flat_.values().clone();
    flat_.values().fill_(std::numeric_limits<float>::quiet_NaN());
    waited.clear();
  }
  void wait(int bucket) override {
    if (!arriving_.defined()) return;
    const ElementRange range = flat_.layout().bucket(bucket);
    flat_.values()
        .narrow(0, range.begin, range.size())
        .copy_(arriving_.narrow(0, range.begin, range.size()));
    waited.push_back(bucket);
  }

  std::vector<int> waited;

 private:
  FlatParameters& flat_;
  at::Tensor arriving_;
};

std::vector<Parameter> three_parts() {
  std::vector<Parameter> parameters;
  for (const char* name : {"stem.weight", "stem.bias", "stage.0", "stage.10", "head"}) {
    parameters.push_back({name, at::ones({70}).set_requires_grad(true)});
  }
  return parameters;
}

TEST(ArrivingValues, WaitsForTheBucketsOfAPart) {
  FlatParameters flat(three_parts(), 64);  // a bucket each, the last used first
  LateExchange exchange(flat);
  ArrivingValues values(exchange, flat.layout());
  values.wait_for("stem");
  EXPECT_THAT(exchange.waited, ElementsAre());
  values.start();
  values.wait_for("stem");
  EXPECT_THAT(exchange.waited, ElementsAre(3, 4));
  values.wait_for("stage.1");
  EXPECT_THAT(exchange.waited, ElementsAre(3, 4)) << "stage.10 is another part";
  values.wait_for("stage.0");
  EXPECT_THAT(exchange.waited, ElementsAre(3, 4, 2));
  values.wait_for_all();
  EXPECT_FALSE(flat.values().isnan().any().item<bool>());
}

/// Every reader of weights in a run: forward of the next step, held-out data, a save.
TEST(ArrivingValues, NothingInARunUsesAWeightBeforeItHasArrived) {
  for (const NormScope scope : {NormScope::kLane, NormScope::kSynchronised}) {
    ToyRun plain;
    ToyRun late;
    LateExchange exchange(late.state.parameters);
    for (ToyRun* toy : {&plain, &late}) {
      toy->options.batch_norm = scope;
      toy->options.precise_norm_samples = 8;
      toy->options.checkpoint_every = 2;
    }
    plain.run();
    const auto is_whole = [&] {
      return !late.state.parameters.values().isnan().any().item<bool>();
    };
    testing::HookSaver saver([&] { EXPECT_TRUE(is_whole()); });
    TrainParts parts{
        {*late.classifier, late.state, exchange, late.communicator},
        late.source,
        late.sink,
        late.requests,
        &saver,
        [] {},
        {[](std::int64_t) { return true; }, [&](std::int64_t) { EXPECT_TRUE(is_whole()); }}};
    train(late.options, parts);
    EXPECT_TRUE(at::equal(late.state.parameters.values(), plain.state.parameters.values()));
    EXPECT_EQ(late.sink.steps.back().loss, plain.sink.steps.back().loss);
  }
}

}  // namespace
}  // namespace larkspur::pipeline
