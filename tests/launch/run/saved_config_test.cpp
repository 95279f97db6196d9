// SPDX-License-Identifier: Apache-2.0
#include "launch/run/resume.h"

#include <gmock/gmock.h>

#include "pipeline/error.h"

namespace larkspur::launch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const RunConfig& saved, const RunConfig& now, const std::string& prefix) {
  try {
    compare_configurations(saved, now, prefix, "ckpt");
  } catch (const pipeline::Error& error) {
    return error.what();
  }
  return "";
}

TEST(Resume, RefusesWhatMustMatchNamingBothValues) {
  RunConfig now;
  now.seed = 5;
  now.model.variant = "t";
  now.output = "elsewhere";
  EXPECT_THAT(refusal({}, now, ""),
              AllOf(HasSubstr("ckpt"),
                    HasSubstr("seed is 1 there and 5 here"),
                    HasSubstr("model.variant is micro there and t here"),
                    Not(HasSubstr("output"))));
}

TEST(Resume, ComparesOnlyTheModelForAnEvaluation) {
  RunConfig now;
  now.seed = 5;
  now.train.epochs = 99;
  EXPECT_EQ(refusal({}, now, "model."), "");
  now.model.classes = 3;
  EXPECT_THAT(refusal({}, now, "model."), HasSubstr("model.classes is 40 there and 3 here"));
}

TEST(Resume, LetsThreadsAndOutputChange) {
  RunConfig now;
  now.train.threads = 2;
  now.output = "elsewhere";
  now.train.keep = 9;
  EXPECT_EQ(refusal({}, now, ""), "");
}

}  // namespace
}  // namespace larkspur::launch
