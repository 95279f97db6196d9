// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) != -1; }

TEST(FileDescriptor, ClosesWhatItHoldsOnceWhoeverHoldsItLast) {
  const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(is_open(first) && is_open(second));
  {
    FileDescriptor holder(first);
    FileDescriptor moved(std::move(holder));
    EXPECT_EQ(moved.get(), first);
    FileDescriptor other(second);
    other = std::move(moved);
    EXPECT_FALSE(is_open(second));
    EXPECT_TRUE(is_open(first));
  }
  EXPECT_FALSE(is_open(first));
}

TEST(FileDescriptor, GivesUpWhatIsReleasedAndHoldsNothingOfAFailedOpen) {
  const int value = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    FileDescriptor holder(value);
    EXPECT_EQ(holder.release(), value);
    EXPECT_FALSE(holder.valid());
  }
  EXPECT_TRUE(is_open(value));
  ::close(value);
  EXPECT_FALSE(FileDescriptor(::open("", O_RDONLY)).valid());
}

}  // namespace
}  // namespace larkspur::pipeline
