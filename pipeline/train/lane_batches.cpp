// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/lane_batches.h"

#include <vector>

#include "pipeline/require.h"

namespace larkspur::pipeline {

BatchRequest lane_batches(const TrainOptions& options,
                          const StepShape& shape,
                          const Lanes& lanes,
                          std::int64_t first_step) {
  return [=](std::int64_t k) {
    const std::int64_t step = first_step + k / lanes.count;
    const int lane = lanes.first + static_cast<int>(k % lanes.count);
    const auto epoch = static_cast<std::uint32_t>(shape.epoch_of(step));
    const EpochOrder order(shape.samples, options.seed, epoch);
    std::vector<SampleRequest> requests;
    for (std::int64_t i = 0; i < shape.lane_samples(); ++i) {
      const std::int64_t position = shape.first_position(step, lane) + i;
      const auto sample = static_cast<std::uint32_t>(order(position));
      requests.push_back({{options.seed, epoch, sample, 0}, position, shape.repeats});
    }
    return requests;
  };
}

StepShape shape_of(const TrainOptions& options, std::int64_t samples) {
  return {samples, options.global_batch, options.lanes, options.repeats};
}

StepShape step_shape(const TrainOptions& options, std::int64_t samples) {
  const StepShape shape = shape_of(options, samples);
  require(shape.steps_per_epoch() > 0,
          Errc::kInvalidArgument,
          "the training list has ",
          samples,
          " samples, fewer than train.global_batch=",
          options.global_batch,
          options.repeats == 1 ? "" : text_of(" over train.repeats=", options.repeats));
  return shape;
}

}  // namespace larkspur::pipeline
