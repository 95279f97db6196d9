// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/evaluator.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;

constexpr std::int64_t kRankedClasses = 5;

/// One rank's part of the evaluation.
struct Rows {
  std::vector<Prediction> predictions;
  std::vector<BadSample> bad;
};

/// A network with a weight that is not a number has an opinion of nothing: softmax and sort would
/// give it one.
BadSample without_logits(const SampleSource& source, std::int64_t id) {
  const std::string name = source.name(id);
  return {id,
          id,
          name,
          Errc::kCorruptData,
          name +
              ": the network's logits are not finite; see whether its weights are, or a value "
              "overflows"};
}

struct Evaluated {
  Classifier& classifier;
  const SampleSource& source;
  at::Device device;
};

void predict(const Evaluated& of, const Batch& batch, Rows& rows) {
  rows.bad.insert(rows.bad.end(), batch.bad.begin(), batch.bad.end());
  if (batch.size() == 0) return;
  require(batch.labels.dim() == 1,
          Errc::kInvalidArgument,
          "[evaluate] samples with several labels, but top-1 and top-5 are of one");
  const at::Tensor logits_NK = of.classifier.forward(on_device(batch, of.device)).cpu();
  const at::Tensor is_finite_N = logits_NK.isfinite().all(1);
  const at::Tensor probabilities_NK = logits_NK.to(at::kDouble).softmax(1);
  const std::int64_t ranked = std::min(kRankedClasses, probabilities_NK.size(1));
  // A stable sort: among equal probabilities the lowest class comes first, on every machine.
  const auto [sorted, classes] =
      probabilities_NK.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
  for (std::int64_t n = 0; n < batch.size(); ++n) {
    Prediction row;
    row.id = batch.keys[static_cast<std::size_t>(n)].sample;
    if (!is_finite_N[n].item<bool>()) {
      rows.bad.push_back(without_logits(of.source, row.id));
      continue;
    }
    row.label = batch.labels[n].item<std::int64_t>();
    for (std::int64_t k = 0; k < ranked; ++k) {
      row.classes.push_back(classes[n][k].item<std::int64_t>());
      row.probabilities.push_back(sorted[n][k].item<double>());
    }
    rows.predictions.push_back(std::move(row));
  }
}

std::string encode(const Rows& rows) {
  json predictions = json::array();
  for (const Prediction& row : rows.predictions) {
    predictions.push_back({row.id, row.label, row.classes, row.probabilities});
  }
  std::string bytes;
  json::to_cbor({{"predictions", std::move(predictions)}, {"bad", to_json(rows.bad)}}, bytes);
  return bytes;
}

void append(Rows& all, const std::string& bytes) {
  const json message = json::from_cbor(bytes);
  for (const json& row : message.at("predictions")) {
    all.predictions.push_back({row.at(0).get<std::int64_t>(),
                               row.at(1).get<std::int64_t>(),
                               row.at(2).get<std::vector<std::int64_t>>(),
                               row.at(3).get<std::vector<double>>()});
  }
  for (BadSample& bad : bad_samples_from_json(message.at("bad"))) all.bad.push_back(std::move(bad));
}

/// Round by round, one batch a rank: nobody gets further ahead of a slow rank than one batch.
Rows predict_together(const EvalOptions& options,
                      Classifier& classifier,
                      const SampleSource& source,
                      Communicator& communicator) {
  const std::int64_t batches = (source.size() + options.batch - 1) / options.batch;
  const std::int64_t mine =
      (batches - communicator.rank() + communicator.size() - 1) / communicator.size();
  const std::int64_t rounds = (batches + communicator.size() - 1) / communicator.size();
  const auto request = [&](std::int64_t k) {
    const std::int64_t begin = (k * communicator.size() + communicator.rank()) * options.batch;
    const std::int64_t end = std::min(begin + options.batch, source.size());
    std::vector<SampleRequest> requests;
    for (std::int64_t id = begin; id < end; ++id) {
      requests.push_back({{options.seed, 0, static_cast<std::uint32_t>(id), 0}, id});
    }
    return requests;
  };
  const at::Device device = classifier.parameters().front().tensor.device();
  Prefetcher prefetcher(
      source, request, {0, mine, options.workers, 2 + options.workers, device.is_cuda()});
  const at::NoGradGuard no_grad;
  Rows all;
  for (std::int64_t round = 0; round < rounds; ++round) {
    Rows rows;
    if (round < mine) predict({classifier, source, device}, prefetcher.next(), rows);
    for (const std::string& bytes : communicator.all_gather(encode(rows))) append(all, bytes);
  }
  return all;
}

}  // namespace

Evaluation evaluate(const EvalOptions& options,
                    Classifier& classifier,
                    const SampleSource& source,
                    Communicator& communicator) {
  require(options.batch > 0, Errc::kInvalidArgument, "eval.batch is ", options.batch, ", not > 0");
  classifier.set_training(false);
  Rows all = predict_together(options, classifier, source, communicator);
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(all.predictions.begin(), all.predictions.end(), by_id);
  std::sort(all.bad.begin(), all.bad.end(), by_id);
  std::vector<std::int64_t> bad_labels;
  for (const BadSample& bad : all.bad) bad_labels.push_back(source.label(bad.id));
  Evaluation evaluation;
  evaluation.scores = score(all.predictions, bad_labels, options.bad_samples, options.classes);
  evaluation.predictions = std::move(all.predictions);
  evaluation.bad = std::move(all.bad);
  return evaluation;
}

}  // namespace larkspur::pipeline
