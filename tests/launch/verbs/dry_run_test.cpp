// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/dry_run.h"

#include <gtest/gtest.h>

#include "launch/verbs/model_subject.h"

namespace larkspur::launch {
namespace {

RunConfig small_run() {
  RunConfig config;
  config.model.classes = 4;
  config.data.grid = 12;
  config.train.global_batch = 8;
  config.train.lanes = 4;
  return config;
}

TEST(MemoryEstimate, CountsWhatARankHolds) {
  RunConfig config = small_run();
  constexpr std::int64_t kParameters = 1000;
  const ModelSubject subject = subject_of(config);
  const std::int64_t sample = model3d::summarise(subject.options, sizes_of(subject)).kept_bytes();
  const MemoryEstimate alone = memory_estimate(config, kParameters, 1);
  EXPECT_EQ(alone.weights, 4000);
  EXPECT_EQ(alone.optimiser, 8000);
  EXPECT_EQ(alone.exchange, (3 + 2) * 4000);  // four lanes: three sums at a time at most
  EXPECT_EQ(alone.kept, 2 * sample);          // one lane of two samples at a time
  EXPECT_EQ(alone.read_ahead, (2 * 4 + 1) * 2 * 4 * 12 * 12 * 12);
  EXPECT_EQ(alone.total(), 2 * 4000 + 8000 + 20000 + alone.kept + alone.read_ahead);

  const MemoryEstimate shared = memory_estimate(config, kParameters, 2);
  EXPECT_EQ(shared.optimiser, 4000);
  EXPECT_EQ(shared.exchange, (1 + 2) * 4000);
  EXPECT_EQ(memory_estimate(config, kParameters, 4).exchange, 2 * 4000);  // a lane a rank
  EXPECT_EQ(shared.kept, alone.kept);
  EXPECT_EQ(shared.read_ahead, (2 * 2 + 1) * 2 * 4 * 12 * 12 * 12);

  config.train.batch_norm = pipeline::NormScope::kSynchronised;
  EXPECT_EQ(memory_estimate(config, kParameters, 2).kept, 2 * alone.kept);
}

TEST(MemoryEstimate, CountsBatchesThatWaitAsTheyAreStored) {
  RunConfig config = small_run();
  config.data.pixels = PixelType::kUint8;
  const auto read_ahead = [&] { return memory_estimate(config, 1000, 1).read_ahead; };
  EXPECT_EQ(read_ahead(), (2 * 4 + 1) * 2 * 4 * 12 * 12 * 12);  // clouds are float32
  config.data.kind = DataKind::kVideo;
  config.model.form = ModelForm::kClip;
  config.data.clip.frames = 4;
  config.data.clip.size = 16;
  constexpr std::int64_t kValues = (2 * 4 + 1) * 2 * 3 * 4 * 16 * 16;
  EXPECT_EQ(read_ahead(), kValues);
  config.data.pixels = PixelType::kBfloat16;
  EXPECT_EQ(read_ahead(), 2 * kValues);
  config.train.mix.cutmix = 1.0;
  EXPECT_EQ(read_ahead(), 4 * kValues);
  config.train.mix.cutmix = 0.0;
  config.data.pixels = PixelType::kFloat32;
  EXPECT_EQ(read_ahead(), 4 * kValues);
}

TEST(Forecast, LeavesTheFirstStepOutWhereThereAreOthers) {
  std::vector<pipeline::StepMetrics> steps(4);
  steps[0].samples_per_second = 2;  // 4 s
  steps[1].samples_per_second = 8;  // 1 s
  steps[2].samples_per_second = 4;  // 2 s
  steps[3].samples_per_second = 1;  // 8 s
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].data_wait_seconds = static_cast<double>(i);
  }
  const StepForecast take = forecast(steps, 8);
  EXPECT_DOUBLE_EQ(take.first_seconds, 4);
  EXPECT_DOUBLE_EQ(take.seconds, 2);
  EXPECT_DOUBLE_EQ(take.wait_seconds, 2);
  steps.resize(1);
  EXPECT_DOUBLE_EQ(forecast(steps, 8).seconds, 4);
}

TEST(BytesText, TakesTheUnitThatIsReadable) {
  EXPECT_EQ(bytes_text(812), "812 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(std::int64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace larkspur::launch
