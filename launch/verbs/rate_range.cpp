// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/rate_range.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>

#include "launch/run/assemble.h"
#include "launch/run/signals.h"
#include "launch/run/start_weights.h"
#include "launch/verbs/rehearsal.h"
#include "pipeline/log.h"

namespace larkspur::launch {
namespace {

constexpr double kOlderStep = 0.9;  // its share, from step to step
constexpr double kClimbed = 1.5;    // times the lowest loss
constexpr double kDeviations = 3.0;
constexpr double kPeakShare = 1.0 / 3.0;
constexpr std::size_t kFirstSteps = 20;
constexpr std::size_t kLastFew = 5;
constexpr std::size_t kPointsALine = 5;
constexpr double kBarWidth = 40.0;

/// Two digits: 3.2e-04 as 0.00032.
std::string rate_text(double rate) {
  std::ostringstream text;
  text << std::setprecision(2) << rate;
  return text.str();
}

void print_curve(std::ostream& out, const RateCurve& curve) {
  const auto& points = curve.points();
  if (points.empty()) return;
  const auto [least, most] = std::ranges::minmax(points, {}, &RateCurve::Point::loss);
  const double range = std::max(most.loss - least.loss, std::numeric_limits<double>::min());
  out << "rate      loss\n";
  for (std::size_t i = kPointsALine - 1; i < points.size(); i += kPointsALine) {
    const RateCurve::Point& point = points[i];
    const double above = (point.loss - least.loss) / range;
    const auto bar = 1 + static_cast<std::size_t>(std::lround(kBarWidth * above));
    out << std::left << std::setw(10) << rate_text(point.rate) << std::right << std::fixed
        << std::setprecision(4) << point.loss << "  " << std::string(bar, '#') << "\n"
        << std::defaultfloat;
  }
}

void print_advice(std::ostream& out, const RateCurve& curve) {
  const auto rate = curve.last_good_rate();
  if (!rate) {
    out << "too few steps to tell\n";
    return;
  }
  const bool rises = curve.rises_behind(*rate);
  if (curve.has_fallen()) {
    out << (rises ? "the loss is lowest at " : "the loss still falls at ") << rate_text(*rate);
  } else {
    out << "the loss hardly falls in so few steps, and "
        << (rises ? "rises behind " : "has not risen by ") << rate_text(*rate);
  }
  out << "; a third of that is a peak to begin with: train.learning_rate="
      << rate_text(kPeakShare * *rate) << (rises ? "\n" : ", or more\n");
}

}  // namespace

void RateCurve::add(const pipeline::StepMetrics& step) {
  if (!std::isfinite(step.loss)) return;  // nothing could be read, or float16 skipped it
  sum_ = kOlderStep * sum_ + step.loss;
  weight_ = kOlderStep * weight_ + 1.0;
  const double loss = sum_ / weight_;
  if (first_losses_.size() < kFirstSteps) first_losses_.push_back(step.loss);
  points_.push_back({step.learning_rate, loss});
}

RateCurve::Start RateCurve::start() const {
  const auto count = static_cast<double>(first_losses_.size());
  double mean = 0.0;
  for (const double loss : first_losses_) mean += loss / count;
  double variance = 0.0;
  for (const double loss : first_losses_) variance += (loss - mean) * (loss - mean) / (count - 1.0);
  // Of a mean in which each older step has a share less.
  const double of_points = variance * (1.0 - kOlderStep) / (1.0 + kOlderStep);
  return {mean, kDeviations * std::sqrt(of_points)};
}

const RateCurve::Point& RateCurve::lowest() const {
  return *std::min_element(points_.begin() + kFirstSteps,
                           points_.end(),
                           [](const auto& a, const auto& b) { return a.loss < b.loss; });
}

bool RateCurve::has_diverged() const {
  if (points_.size() <= kFirstSteps) return false;
  const double least = lowest().loss;
  return points_.back().loss > std::max(kClimbed * least, least + start().noise);
}

bool RateCurve::rises_behind(double rate) const {
  return points_.size() > kLastFew && rate < points_[points_.size() - kLastFew].rate;
}

bool RateCurve::has_fallen() const {
  if (points_.size() <= kFirstSteps) return false;
  const Start at_first = start();
  return lowest().loss < at_first.loss - at_first.noise;
}

std::optional<double> RateCurve::last_good_rate() const {
  if (points_.size() <= kFirstSteps) return std::nullopt;
  if (has_fallen()) return lowest().rate;
  const Start at_first = start();
  const auto is_good = [&](const Point& point) {
    return point.loss <= at_first.loss + at_first.noise;
  };
  const auto last = std::find_if(points_.rbegin(), points_.rend(), is_good);
  return last == points_.rend() ? std::nullopt : std::optional(last->rate);
}

void run_rate_range(Invocation& call, const TrainRequest& request) {
  pipeline::Requests requests;
  RankJob job;
  const SignalRequests signals(requests, job.communicator().size());
  pipeline::Communicator& communicator = job.communicator();
  call.is_root = job.is_root();
  const PreparedTraining prepared = prepare_together(job, request, [](const RunConfig&) {});
  if (prepared.has_begun && job.is_root()) {
    pipeline::log_warn("rates are tried from the first weights, not from the checkpoint in output");
  }
  pipeline::TrainState state = train_state(prepared.config, *prepared.network, communicator);
  call.phase = Phase::kCheckpoint;
  start_from_weights(prepared.config, prepared.data.classes, *prepared.network, communicator);
  call.phase = Phase::kRun;
  pipeline::log_info(pipeline::text_of("tries ", kRatesTried.steps, " rates, a step each"));
  RateCurve curve;
  RehearsalLimits limits;
  limits.seconds = std::numeric_limits<double>::infinity();
  limits.most_steps = kRatesTried.steps;
  limits.beyond_epochs = true;
  limits.sweep = kRatesTried;
  limits.is_enough = [&](const pipeline::StepMetrics& step) {
    curve.add(step);
    return curve.has_diverged();
  };
  const auto print = [&] {
    if (!job.is_root()) return;
    print_curve(call.out, curve);
    print_advice(call.out, curve);
  };
  try {
    rehearse(prepared, job, state, requests, limits);
  } catch (const pipeline::Error& error) {
    if (error.code() == pipeline::Errc::kInvalidArgument) print();  // a gradient that is not finite
    throw;
  }
  print();
  repeat_refusal(prepared.device);
}

}  // namespace larkspur::launch
