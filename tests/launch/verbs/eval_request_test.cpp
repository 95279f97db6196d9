// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/eval_request.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;

EvalRequest asked(std::vector<std::string> words) {
  std::ostringstream out;
  Invocation call{"larkspur eval", std::move(words), out};
  EvalRequest request;
  EXPECT_TRUE(read_eval_request(call, request));
  return request;
}

TEST(EvalRequest, TakesAConfigurationOrARunWithOverridesAnywhere) {
  const EvalRequest file = asked({"c.yaml", "eval.batch=8", "--report", "out", "seed=2"});
  EXPECT_EQ(file.file, "c.yaml");
  EXPECT_THAT(file.overrides, ElementsAre("eval.batch=8", "seed=2"));
  const EvalRequest run = asked({"eval.batch=8", "--checkpoint", "runs/a", "seed=2"});
  EXPECT_FALSE(run.has_config());
  EXPECT_EQ(run.checkpoint, "runs/a");
  EXPECT_THAT(run.overrides, ElementsAre("eval.batch=8", "seed=2"));
}

TEST(EvalRequest, NeedsSomethingToEvaluateOrToExplain) {
  EXPECT_THAT(refusal_of([] { asked({"seed=2"}); }).text,
              HasSubstr("name a CONFIG, or a run by --checkpoint"));
  EXPECT_EQ(asked({"--explain", "a.mp4"}).explain, "a.mp4");
  EXPECT_THAT(refusal_of([] { asked({"c.yaml", "--json"}); }).text, HasSubstr("--explain"));
}

TEST(EvalRequest, WeightsFromElsewhereNeedAConfigurationAndNoRun) {
  EXPECT_EQ(asked({"c.yaml", "--weights", "a.pth"}).weights, "a.pth");
  EXPECT_THAT(refusal_of([] {
                asked({"--checkpoint", "runs/a", "--weights", "a.pth"});
              }).text,
              HasSubstr("--weights goes with a CONFIG"));
  EXPECT_THAT(refusal_of([] {
                asked({"c.yaml", "--checkpoint", "runs/a", "--weights", "a.pth"});
              }).text,
              HasSubstr("without --checkpoint"));
}

}  // namespace
}  // namespace larkspur::launch
