// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sample_source.h"

#include <functional>
#include <new>
#include <stdexcept>

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/refusal.h"
#include "tests/support/toy_source.h"

namespace larkspur::pipeline {
namespace {

/// Does what it is told when it reads.
class UnrulySource : public testing::ToySource {
 public:
  explicit UnrulySource(std::function<void()> work)
      : ToySource(2, {2}, 2), work_(std::move(work)) {}
  Result<std::vector<Sample>> read_file(std::span<const SampleKey> keys) const override {
    work_();
    return ToySource::read_file(keys);
  }

 private:
  std::function<void()> work_;
};

std::string failure(const std::function<void()>& work, Errc code) {
  const Result<Sample> read = UnrulySource(work).read({.sample = 1});
  if (read.ok()) return "read";
  EXPECT_EQ(read.error().code(), code);
  return read.error().what();
}

TEST(SampleSource, EndsInAValueWhateverTheFileDoes) {
  EXPECT_EQ(failure([] { throw std::bad_alloc(); }, Errc::kUnsupported),
            "toy/1: needs more memory than there is");
  EXPECT_EQ(
      failure([] { (void)at::empty({std::int64_t{1} << 52}, at::kByte); }, Errc::kUnsupported),
      "toy/1: needs more memory than there is");
  EXPECT_EQ(failure([] { throw std::length_error("vector\nat line 3"); }, Errc::kCorruptData),
            "toy/1: vector");
  EXPECT_EQ(failure([] { throw Error(Errc::kIo, "toy/1: no disk"); }, Errc::kIo), "toy/1: no disk");
}

TEST(SampleSource, PassesOnWhatIsNoFactAboutAFile) {
  EXPECT_THROW((void)failure([] { throw Error(Errc::kDevice, "gone"); }, Errc::kDevice), Error);
}

TEST(SampleSource, GivesAViewForEachKeyOfOneSample) {
  const testing::ToySource source(3, {2}, 2);
  const std::vector<SampleKey> keys{{1, 0, 2, 0}, {1, 0, 2, 1}};
  const auto views = source.read_views(keys);
  ASSERT_EQ(views.value().size(), 2U);
  const at::Tensor second = source.read(keys[1]).value().inputs["input"];
  EXPECT_TRUE(views.value()[1].inputs["input"].equal(second));
  EXPECT_FALSE(views.value()[0].inputs["input"].equal(second));
  const std::vector<SampleKey> mixed{{1, 0, 2, 0}, {1, 0, 1, 0}};
  EXPECT_EQ(testing::refusal_of([&] { (void)source.read_views(mixed); }).text,
            "[source] views of sample 2 and of others");
  EXPECT_EQ(testing::refusal_of([&] { (void)source.read({.sample = 3}); }).text,
            "[source] sample 3 of 3");
}

}  // namespace
}  // namespace larkspur::pipeline
