// SPDX-License-Identifier: Apache-2.0
#include "launch/run/signals.h"

#include <csignal>

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

TEST(SignalRequests, ALoneProcessSaysOnceThatItHasHeard) {
  pipeline::Requests requests;
  const SignalRequests signals(requests, 1);
  ::testing::internal::CaptureStderr();
  std::raise(SIGUSR1);
  EXPECT_FALSE(requests.stop);
  std::raise(SIGINT);
  std::raise(SIGINT);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "larkspur: stops after the step under way, with a checkpoint\n");
  EXPECT_TRUE(requests.stop);
}

}  // namespace
}  // namespace larkspur::launch
