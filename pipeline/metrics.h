// SPDX-License-Identifier: Apache-2.0
// Numbers for programs: what a step and an evaluation measured, and where that goes.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace larkspur::pipeline {

/// One training step, over all ranks. Times are seconds on rank 0.
struct StepMetrics {
  std::int64_t step = 0;   ///< steps finished, so the first line says 1
  std::int64_t epoch = 0;  ///< from 0
  double loss = 0.0;       ///< mean over the samples that were read; none: NaN, null in the file
  double accuracy = 0.0;   ///< percent of the step's samples, training mode
  double grad_norm = 0.0;  ///< before clipping
  double learning_rate = 0.0;  ///< of the last layers
  double samples_per_second = 0.0;
  double data_wait_seconds = 0.0;       ///< rank 0 waited for batches
  double exposed_reduce_seconds = 0.0;  ///< rank 0 waited for gradients; on a GPU streams wait, not
                                        ///< the host: next to nothing there, whatever they cost
  std::int64_t bad_samples = 0;         ///< distinct unreadable samples met so far
  double loss_scale = 1.0;              ///< of this step, for float16; 1 in other precisions
  std::int64_t skipped_steps = 0;       ///< so far: their gradient was not finite in float16
};

/// The fields of a line of metrics.jsonl, in order: visit(name, field) for each. Writer and readers
/// of the file walk this list.
template <typename Metrics, typename Visit>
void visit_fields(Metrics& metrics, const Visit& visit) {
  visit("step", metrics.step);
  visit("epoch", metrics.epoch);
  visit("loss", metrics.loss);
  visit("accuracy", metrics.accuracy);
  visit("learning_rate", metrics.learning_rate);
  visit("grad_norm", metrics.grad_norm);
  visit("samples_per_second", metrics.samples_per_second);
  visit("data_wait_seconds", metrics.data_wait_seconds);
  visit("exposed_reduce_seconds", metrics.exposed_reduce_seconds);
  visit("bad_samples", metrics.bad_samples);
  visit("loss_scale", metrics.loss_scale);
  visit("skipped_steps", metrics.skipped_steps);
}

/// One evaluation beside the training, of the weights as they were after a step.
struct EvaluationMetrics {
  std::int64_t step = 0;   ///< steps finished
  std::int64_t epoch = 0;  ///< the one that has just ended, from 0
  bool held_out = false;   ///< of what data.holdout keeps out; else of data.eval
  double top1 = 0.0;       ///< percent, as those below; NaN where the labels do not allow it
  double mean_class_accuracy = 0.0;
  double mean_average_precision = 0.0;
  std::int64_t samples = 0;
  double seconds = 0.0;  ///< on rank 0

  /// What runs of such labels are compared by, percent.
  double score() const { return std::isnan(top1) ? mean_average_precision : top1; }
};

/// The fields of `evaluation` in a line of metrics.jsonl, likewise.
template <typename Metrics, typename Visit>
void visit_evaluation(Metrics& metrics, const Visit& visit) {
  visit("step", metrics.step);
  visit("epoch", metrics.epoch);
  visit("held_out", metrics.held_out);
  visit("top1", metrics.top1);
  visit("mean_class_accuracy", metrics.mean_class_accuracy);
  visit("mean_average_precision", metrics.mean_average_precision);
  visit("samples", metrics.samples);
  visit("seconds", metrics.seconds);
}

/// Takes metrics as they come. One thread at a time.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void step(const StepMetrics& metrics) = 0;
  virtual void evaluation(const EvaluationMetrics& /*metrics*/) {}

 protected:
  MetricSink() = default;
  MetricSink(const MetricSink&) = default;
  MetricSink& operator=(const MetricSink&) = default;
};

/// Appends one JSON object a line to a file, flushed line by line.
class JsonLinesSink : public MetricSink {
 public:
  /// Appends `header` (one JSON object: what run this is) as the first line of this start, behind
  /// a line that was torn if there is one.
  /// Throws kIo naming the path.
  JsonLinesSink(const std::filesystem::path& path, const std::string& header);
  void step(const StepMetrics& metrics) override;
  void evaluation(const EvaluationMetrics& metrics) override;

 private:
  void write(const std::string& line);

  std::filesystem::path path_;
  std::ofstream file_;
};

/// Hands each metric to several sinks, in order.
class FanOutSink : public MetricSink {
 public:
  void add(std::unique_ptr<MetricSink> sink) { sinks_.push_back(std::move(sink)); }
  void step(const StepMetrics& metrics) override {
    for (auto& sink : sinks_) sink->step(metrics);
  }
  void evaluation(const EvaluationMetrics& metrics) override {
    for (auto& sink : sinks_) sink->evaluation(metrics);
  }

 private:
  std::vector<std::unique_ptr<MetricSink>> sinks_;
};

}  // namespace larkspur::pipeline
