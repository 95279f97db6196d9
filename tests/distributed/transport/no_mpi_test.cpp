// SPDX-License-Identifier: Apache-2.0
// Part of builds without MPI only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/mpi_group.h"
#include "pipeline/error.h"

namespace larkspur::distributed {
namespace {

TEST(NoMpi, NamesTheSwitchThatBuildsMpiIn) {
  try {
    make_mpi_group({});
    FAIL() << "nothing was thrown";
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kUnsupported);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("-DLARKSPUR_WITH_MPI=ON"));
  }
}

}  // namespace
}  // namespace larkspur::distributed
