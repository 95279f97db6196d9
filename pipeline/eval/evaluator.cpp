// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/evaluator.h"

#include <algorithm>
#include <cstring>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/eval/view_scores.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;

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
  const EvalOptions& options;
};

/// Samples that are computed together: as many as have `batch` views, one at least, and the same
/// number in each group, so that little is left for the last one to be filled up with.
struct Groups {
  Groups(const EvalOptions& options, std::int64_t samples) {
    const std::int64_t most = std::max<std::int64_t>(1, options.batch / options.views);
    count = (samples + most - 1) / most;
    size = (samples + count - 1) / count;
  }
  std::int64_t count;
  std::int64_t size;
};

/// A matrix product may sum a row in another order where there are fewer rows. So a group that
/// lacks samples, the last one or one with a bad sample, is filled up with its first view: bits
/// depend neither on the order of the list nor on what is unreadable beside a sample.
Batch filled_up(const Batch& batch, std::int64_t rows) {
  const std::int64_t missing = rows - batch.size();
  if (missing <= 0) return batch;
  Batch full = with_tensors(batch, [&](const at::Tensor& tensor) {
    const at::Tensor first = tensor.narrow(0, 0, 1);
    std::vector<at::Tensor> parts(static_cast<std::size_t>(missing), first);
    parts.insert(parts.begin(), tensor);
    return at::cat(parts);
  });
  full.keys.resize(static_cast<std::size_t>(rows), batch.keys.front());
  return full;
}

/// Logits of every row, pass after pass of at most `batch` rows: [N, K], on the CPU.
at::Tensor logits_of(const Evaluated& of, const Batch& batch) {
  std::vector<at::Tensor> passes;
  for (std::int64_t begin = 0; begin < batch.size(); begin += of.options.batch) {
    const std::int64_t end = std::min(begin + of.options.batch, batch.size());
    passes.push_back(of.classifier.forward(on_device(rows_of(batch, begin, end), of.device)).cpu());
  }
  return passes.size() == 1 ? passes.front() : at::cat(passes);
}

void predict(const Evaluated& of, const Batch& batch, std::int64_t group, Rows& rows) {
  rows.bad.insert(rows.bad.end(), batch.bad.begin(), batch.bad.end());
  if (batch.size() == 0) return;
  require(of.options.several_labels || batch.labels.dim() == 1,
          Errc::kInvalidArgument,
          "[evaluate] samples with several labels, but top-1 and top-5 are of one");
  const std::int64_t views = of.options.views;
  const at::Tensor logits_NK = logits_of(of, filled_up(batch, group * views));
  for (std::int64_t n = 0; n < batch.size(); n += views) {
    const std::int64_t id = batch.keys[static_cast<std::size_t>(n)].sample;
    const at::Tensor logits_VK = logits_NK.narrow(0, n, views);
    if (!logits_VK.isfinite().all().item<bool>()) {
      rows.bad.push_back(without_logits(of.source, id));
      continue;
    }
    const bool several = of.options.several_labels;
    Prediction row = ranked_classes(fuse_views(logits_VK, of.options.fusion, several), several);
    row.id = id;
    row.label = of.source.label(id);
    if (of.options.keep_views) {
      const at::Tensor kept_VK = logits_VK.to(at::kFloat).contiguous();
      const auto* const first = kept_VK.const_data_ptr<float>();
      row.view_logits.assign(first, first + kept_VK.numel());
    }
    rows.predictions.push_back(std::move(row));
  }
}

std::vector<std::uint8_t> bytes_of(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> floats_of(const std::vector<std::uint8_t>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::string encode(const Rows& rows) {
  json predictions = json::array();
  for (const Prediction& row : rows.predictions) {
    predictions.push_back({row.id,
                           row.label,
                           row.classes,
                           row.probabilities,
                           row.of_every_class,
                           json::binary(bytes_of(row.view_logits))});
  }
  std::string bytes;
  json::to_cbor({{"predictions", std::move(predictions)}, {"bad", to_json(rows.bad)}}, bytes);
  return bytes;
}

/// The logits of views are rank 0's alone: of a large list they fill gigabytes.
void append(Rows& all, const std::string& bytes, bool is_root) {
  const json message = json::from_cbor(bytes);
  for (const json& row : message.at("predictions")) {
    Prediction prediction;
    row.at(0).get_to(prediction.id);
    row.at(1).get_to(prediction.label);
    row.at(2).get_to(prediction.classes);
    row.at(3).get_to(prediction.probabilities);
    row.at(4).get_to(prediction.of_every_class);
    if (is_root) prediction.view_logits = floats_of(row.at(5).get_binary());
    all.predictions.push_back(std::move(prediction));
  }
  for (BadSample& bad : bad_samples_from_json(message.at("bad"))) all.bad.push_back(std::move(bad));
}

/// Round by round, one group a rank: nobody gets further ahead of a slow rank than one group.
Rows predict_together(const Evaluated& of, Communicator& communicator) {
  const EvalOptions& options = of.options;
  const std::int64_t size = of.source.size();
  const Groups groups(options, size);
  const std::int64_t mine =
      (groups.count - communicator.rank() + communicator.size() - 1) / communicator.size();
  const std::int64_t rounds = (groups.count + communicator.size() - 1) / communicator.size();
  const auto request = [&](std::int64_t k) {
    const std::int64_t begin = (k * communicator.size() + communicator.rank()) * groups.size;
    const std::int64_t end = std::min(begin + groups.size, size);
    std::vector<SampleRequest> requests;
    for (std::int64_t id = begin; id < end; ++id) {
      requests.push_back({{options.seed, 0, static_cast<std::uint32_t>(id), 0},
                          id,
                          static_cast<int>(options.views)});
    }
    return requests;
  };
  // Samples of more views than a pass are large: one is computed while one is read.
  const int ahead = options.workers + (options.views > options.batch ? 0 : 2);
  Prefetcher prefetcher(of.source, request, {0, mine, options.workers, ahead, of.device.is_cuda()});
  const at::NoGradGuard no_grad;
  Rows all;
  for (std::int64_t round = 0; round < rounds; ++round) {
    Rows rows;
    if (round < mine) predict(of, prefetcher.next(), groups.size, rows);
    for (const std::string& bytes : communicator.all_gather(encode(rows))) {
      append(all, bytes, communicator.rank() == 0);
    }
    if (options.progress && communicator.rank() == 0) {
      options.progress(std::min((round + 1) * communicator.size() * groups.size, size));
    }
  }
  return all;
}

}  // namespace

Evaluation evaluate(const EvalOptions& options,
                    Classifier& classifier,
                    const SampleSource& source,
                    Communicator& communicator) {
  require(options.batch > 0, Errc::kInvalidArgument, "eval.batch is ", options.batch, ", not > 0");
  require(options.views > 0, Errc::kInvalidArgument, "[evaluate] ", options.views, " views");
  classifier.set_training(false);
  const at::Device device = classifier.parameters().front().tensor.device();
  Rows all = predict_together({classifier, source, device, options}, communicator);
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(all.predictions.begin(), all.predictions.end(), by_id);
  std::sort(all.bad.begin(), all.bad.end(), by_id);
  Evaluation evaluation;
  std::vector<std::vector<std::int64_t>> labels;
  for (std::int64_t id = 0; id < source.size(); ++id) labels.push_back(source.labels(id));
  evaluation.scores = score_list(all.predictions,
                                 all.bad,
                                 labels,
                                 {options.bad_samples, options.classes, options.several_labels});
  evaluation.predictions = std::move(all.predictions);
  evaluation.bad = std::move(all.bad);
  return evaluation;
}

}  // namespace larkspur::pipeline
