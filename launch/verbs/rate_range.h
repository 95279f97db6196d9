// SPDX-License-Identifier: Apache-2.0
// `train --try-rates`: which peak of the learning rate a training may begin with. A hundred steps
// from its first weights, each at a higher rate than the one before, with nothing written.
//
//   loss of each step -- smoothed -- falls, flattens, climbs: a third of the rate where it was
//   lowest
//
// Range test of Smith 2017 (arXiv 1506.01186, section 3.3), with rates that grow by a factor.
#pragma once

#include <optional>
#include <vector>

#include "launch/verbs/train_job.h"
#include "pipeline/metrics.h"
#include "pipeline/train/schedule.h"

namespace larkspur::launch {

inline constexpr pipeline::RateSweep kRatesTried{1e-6, 0.1, 100};

/// The losses of a sweep, in order of its steps. Not thread-safe.
class RateCurve {
 public:
  struct Point {
    double rate = 0.0;
    double loss = 0.0;  ///< mean of the steps up to it, each older one by a tenth less
  };

  /// A step without a finite loss leaves no point.
  void add(const pipeline::StepMetrics& step);

  const std::vector<Point>& points() const { return points_; }

  /// Whether the loss is well above its lowest, beyond what batches differ by: higher rates tell
  /// nothing.
  bool has_diverged() const;

  /// The rate at which the loss was lowest; where it hardly fell in so few steps, the last one at
  /// which it had not risen either. None of twenty steps or fewer.
  std::optional<double> last_good_rate() const;

  /// Whether steps behind that rate were worse: not where it is the last but a few.
  bool rises_behind(double rate) const;

  /// Whether the loss fell below what batches differ by. The first twenty steps, of hardly any
  /// rate, tell how much that is.
  bool has_fallen() const;

 private:
  /// A mean, and three deviations of the points from it that batches alone make.
  struct Start {
    double loss, noise;
  };
  Start start() const;
  const Point& lowest() const;

  std::vector<Point> points_;
  std::vector<double> first_losses_;
  double sum_ = 0.0;
  double weight_ = 0.0;
};

/// Runs the steps and prints the curve and the rate. Exit codes are those of a training.
void run_rate_range(Invocation& call, const TrainRequest& request);

}  // namespace larkspur::launch
