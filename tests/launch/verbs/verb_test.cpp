// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/verb.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using testing::Refusal;
using testing::refusal_of;

void tell(Invocation& call) {
  call.out << call.path << ":";
  for (const std::string& argument : call.arguments) call.out << " " << argument;
  call.phase = Phase::kRun;
}

constexpr Verb kVerbs[] = {{"train", "trains a network", "a.yaml", tell},
                           {"inspect", "shows things", "config", tell}};

TEST(RunVerb, MovesTheWordFromTheArgumentsToThePath) {
  std::ostringstream out;
  Invocation call{"larkspur", {"train", "a.yaml", "seed=2"}, out};
  run_verb(kVerbs, call);
  EXPECT_EQ(out.str(), "larkspur train: a.yaml seed=2");
  EXPECT_EQ(call.phase, Phase::kRun);
}

TEST(RunVerb, HelpListsEveryVerbWithAnExample) {
  std::ostringstream out;
  Invocation call{"larkspur", {"--help"}, out};
  run_verb(kVerbs, call);
  EXPECT_THAT(out.str(), HasSubstr("  train    trains a network\n"));
  EXPECT_THAT(out.str(), HasSubstr("  larkspur inspect config\n"));
}

TEST(RunVerb, AnUnknownVerbIsNamedWithTheNearest) {
  std::ostringstream out;
  Invocation call{"larkspur", {"trian", "--help"}, out};
  EXPECT_EQ(refusal_of([&] { run_verb(kVerbs, call); }),
            (Refusal{"invalid argument",
                     "unknown verb 'trian' after 'larkspur'; did you mean 'train'?; see 'larkspur "
                     "--help'"}));
}

TEST(RunVerb, NoVerbAtAllPointsToTheHelp) {
  std::ostringstream out;
  Invocation call{"larkspur data", {}, out};
  EXPECT_EQ(refusal_of([&] { run_verb(kVerbs, call); }).text,
            "expected a verb after 'larkspur data'; see 'larkspur data --help'");
}

}  // namespace
}  // namespace larkspur::launch
