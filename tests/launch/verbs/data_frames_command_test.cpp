// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/verbs/commands.h"
#include "readers/format/npy_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

class DataFramesCommand : public ::testing::Test {
 protected:
  DataFramesCommand() { testing::make_video(video_, {}); }

  std::string run(const std::string& video, const std::string& frames) {
    return run(video, frames, output_);
  }

  std::string run(const std::string& video, const std::string& frames, const std::string& output) {
    std::ostringstream out;
    Invocation call{
        "larkspur data", {"frames", video, "--frames=" + frames, "--output", output}, out};
    refusal_ = testing::refusal_of([&] { run_data(call); });
    phase_ = call.phase;
    return out.str();
  }

  testing::TempDir folder_;
  std::string video_ = (folder_.path() / "a.mp4").string();
  std::string output_ = (folder_.path() / "a.npy").string();
  testing::Refusal refusal_;
  Phase phase_ = Phase::kStart;
};

TEST_F(DataFramesCommand, WritesTheFramesInTheOrderAskedFor) {
  EXPECT_EQ(run(video_, "21,0,7"), output_ + ": 3 of 24 frames, 80x48\n");
  const at::Tensor all = readers::read_npy(output_).value().to(at::kByte);
  ASSERT_EQ(all.sizes(), (at::IntArrayRef{3, 48, 80, 3}));
  const std::vector<std::int64_t> numbers{21, 0, 7};
  for (std::int64_t i = 0; i < 3; ++i) {
    const at::Tensor one = all[i].contiguous();
    const readers::RgbFrame frame{one.data_ptr<std::uint8_t>(), 240, 80, 48};
    EXPECT_EQ(testing::shown_number(frame), numbers[static_cast<std::size_t>(i)]);
  }
}

TEST_F(DataFramesCommand, RefusesNumbersThatAreNone) {
  for (const char* const frames : {",", "-1", "1,", ",1", "1,,2", "one", "1 2", "1.5", "0,-3"}) {
    EXPECT_EQ(run(video_, frames), "") << frames;
    EXPECT_EQ(refusal_.code, "invalid argument") << frames << refusal_;
    EXPECT_THAT(refusal_.text, HasSubstr("--frames")) << frames;
  }
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(DataFramesCommand, RefusesFramesPastTheEnd) {
  EXPECT_EQ(run(video_, "3,24"), "");
  EXPECT_EQ(refusal_,
            (testing::Refusal{"invalid argument",
                              "argument '--frames': no frame 24, the video has 24 (0 to 23)"}));
}

TEST_F(DataFramesCommand, NamesAFileThatIsNoneAndAnOutputThatCannotBe) {
  run((folder_.path() / "absent.mp4").string(), "0");
  EXPECT_EQ(refusal_.code, "not found");
  EXPECT_THAT(refusal_.text, HasSubstr("absent.mp4"));
  run(video_, "0", (folder_.path() / "no" / "a.npy").string());
  EXPECT_EQ(refusal_.code, "input/output");
  EXPECT_EQ(phase_, Phase::kStart);
}

}  // namespace
}  // namespace larkspur::launch
