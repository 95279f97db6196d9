// SPDX-License-Identifier: Apache-2.0
#include "launch/run/train_evaluation.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "launch/run/assemble.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::EvaluationMetrics;
using pipeline::require;
using pipeline::text_of;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void name_bad(const pipeline::Evaluation& evaluation, std::int64_t samples) {
  pipeline::log_warn(text_of(evaluation.bad.size(),
                             " of ",
                             samples,
                             " evaluated samples cannot be read; the first: ",
                             evaluation.bad.front().message));
}

EvaluationMetrics metrics_of(const pipeline::Scores& scores, const RunConfig& config) {
  EvaluationMetrics metrics;
  metrics.held_out = config.eval.on == EvalPart::kHoldout;
  metrics.samples = scores.samples;
  const bool several = config.data.several_labels;
  metrics.top1 = several ? kNone : scores.top1;
  metrics.mean_class_accuracy = several ? kNone : scores.mean_class_accuracy;
  metrics.mean_average_precision = several ? scores.mean_average_precision : kNone;
  return metrics;
}

std::string text(const EvaluationMetrics& metrics) {
  const std::string scores =
      std::isnan(metrics.top1)
          ? text_of("mean average precision ", metrics.score(), " %")
          : text_of("top-1 ", metrics.top1, " %, class mean ", metrics.mean_class_accuracy, " %");
  return text_of("epoch ",
                 metrics.epoch + 1,
                 ": ",
                 metrics.held_out ? "held out " : "data.eval ",
                 scores,
                 " of ",
                 metrics.samples,
                 ", ",
                 metrics.seconds,
                 " s");
}

}  // namespace

TrainEvaluation::TrainEvaluation(const RunConfig& config, const std::vector<std::string>& classes)
    : config_(config), data_(make_evaluation_data(config, classes)) {
  const SideConfig& side = evaluated_side(config);
  require(data_.source->size() > 0 && data_.source->label(0) != pipeline::kNoLabel,
          Errc::kInvalidArgument,
          "train.evaluate_every: ",
          side.list.empty() ? side.root : side.list,
          " has no samples with labels to evaluate on");
}

std::string TrainEvaluation::way() const {
  const EvalConfig& eval = config_.eval;
  const bool held_out = eval.on == EvalPart::kHoldout;
  const bool counts_bad = eval.bad_samples == BadSampleRule::kWrong;
  return text_of(held_out ? "data.holdout" : "data.eval",
                 ", protocol ",
                 eval.protocol,
                 eval.size > 0 ? text_of(", size ", eval.size) : std::string(),
                 counts_bad ? "" : ", without what cannot be read");
}

bool TrainEvaluation::is_due(std::int64_t epoch, std::int64_t epochs) const {
  const std::int64_t done = epoch + 1;
  return done % config_.train.evaluate_every == 0 || done == epochs;
}

EvaluationMetrics TrainEvaluation::evaluate(pipeline::Classifier& network,
                                            std::int64_t step,
                                            std::int64_t epoch,
                                            pipeline::Communicator& communicator) {
  const auto began = std::chrono::steady_clock::now();
  const auto evaluation =
      pipeline::evaluate(eval_options(config_), network, *data_.source, communicator);
  EvaluationMetrics metrics = metrics_of(evaluation.scores, config_);
  metrics.step = step;
  metrics.epoch = epoch;
  metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (communicator.rank() == 0) {
    if (evaluation.bad.size() > named_bad_) name_bad(evaluation, data_.source->size());
    pipeline::log_info(text(metrics));
  }
  named_bad_ = std::max(named_bad_, evaluation.bad.size());
  return metrics;
}

std::unique_ptr<TrainEvaluation> make_train_evaluation(const RunConfig& config,
                                                       const std::vector<std::string>& classes,
                                                       bool is_root) {
  if (config.train.evaluate_every == 0) return nullptr;
  auto evaluation = std::make_unique<TrainEvaluation>(config, classes);
  const std::int64_t both = is_root ? samples_in_training(config, config).value_or(0) : 0;
  if (both > 0) {
    pipeline::log_warn(text_of(both,
                               " samples that are evaluated beside the training are trained on as "
                               "well: their scores say little of others"));
  }
  return evaluation;
}

}  // namespace larkspur::launch
