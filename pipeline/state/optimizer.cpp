// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "pipeline/ops/adamw.h"
#include "pipeline/ops/chunk_norms.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {

void AdamWOptions::check() const {
  const auto is_fraction = [](double value) { return value >= 0.0 && value < 1.0; };
  require(is_fraction(beta1), Errc::kInvalidArgument, "beta1 is ", beta1, ", not in [0, 1)");
  require(is_fraction(beta2), Errc::kInvalidArgument, "beta2 is ", beta2, ", not in [0, 1)");
  require(epsilon > 0, Errc::kInvalidArgument, "epsilon is ", epsilon, ", not > 0");
  require(weight_decay >= 0, Errc::kInvalidArgument, "weight_decay is ", weight_decay, ", below 0");
  require(clip_norm >= 0, Errc::kInvalidArgument, "clip_norm is ", clip_norm, ", below 0");
  require(layer_decay > 0 && layer_decay <= 1,
          Errc::kInvalidArgument,
          "layer_decay is ",
          layer_decay,
          ", not in (0, 1]");
  require(head_rate > 0, Errc::kInvalidArgument, "head_rate is ", head_rate, ", not > 0");
}

AdamW::AdamW(
    const FlatLayout& layout, int rank, int ranks, const AdamWOptions& options, at::Device device)
    : layout_(layout), options_(options), owned_(layout.owned_parts(rank, ranks)) {
  options.check();
  std::int64_t elements = 0;
  for (const ElementRange& share : layout.owned(rank, ranks)) elements += share.size();
  moment1_ = at::zeros({elements}, device);
  moment2_ = at::zeros({elements}, device);
  divide(device);
}

void AdamW::divide(at::Device device) {
  std::vector<AdamWPiece> pieces;
  for (const OwnedPart& part : owned_) {
    const FlatEntry& entry = layout_.entries()[part.entry];
    if (entry.frozen) continue;
    const Group group{entry.rate_group, entry.decays};
    const auto found = std::find(groups_.begin(), groups_.end(), group);
    const auto number = found - groups_.begin();
    if (found == groups_.end()) groups_.push_back(group);
    for (std::int64_t done = 0; done < part.flat.size(); done += kAdamWPieceElements) {
      pieces.push_back({part.flat.begin + done,
                        part.packed + done,
                        std::min(kAdamWPieceElements, part.flat.size() - done),
                        number});
    }
  }
  table_ = adamw_table(pieces, device);
}

std::int64_t AdamW::owned_elements() const { return moment1_.numel(); }

at::Tensor AdamW::square_sums(const at::Tensor& gradient, double scale) const {
  return chunk_square_sums(gradient.narrow(0, 0, owned_elements()), scale);
}

double AdamW::global_norm(const at::Tensor& sums, Communicator& communicator) const {
  const std::vector<std::string> all = communicator.all_gather(
      {static_cast<const char*>(sums.const_data_ptr()), static_cast<std::size_t>(sums.nbytes())});

  // Shares are consecutive chunks of a bucket, so rank order within a bucket is chunk order.
  std::vector<const char*> next;
  for (const std::string& sent : all) next.push_back(sent.data());
  double total = 0.0;
  for (int bucket = 0; bucket < layout_.bucket_count(); ++bucket) {
    for (int rank = 0; rank < communicator.size(); ++rank) {
      const std::int64_t share = layout_.owned(bucket, rank, communicator.size()).size();
      for (std::int64_t chunk = 0; chunk < share / kChunkElements; ++chunk) {
        double sum = 0.0;
        const char*& at = next[static_cast<std::size_t>(rank)];
        std::memcpy(&sum, at, sizeof(sum));
        at += sizeof(sum);
        total += sum;
      }
    }
  }
  return std::sqrt(total);
}

void AdamW::step(const at::Tensor& values,
                 const at::Tensor& gradient,
                 const StepScale& scale,
                 double learning_rate,
                 std::int64_t step) {
  const at::NoGradGuard no_grad;
  double factor = scale.mean;
  if (options_.clip_norm > 0) {
    factor *= std::min(1.0, options_.clip_norm / (scale.norm + 1e-6));  // as torch clips
  }
  const auto count = static_cast<double>(step);
  AdamWScalars scalars;
  scalars.gradient_scale = static_cast<float>(factor);
  scalars.beta1 = static_cast<float>(options_.beta1);
  scalars.beta2 = static_cast<float>(options_.beta2);
  scalars.epsilon = static_cast<float>(options_.epsilon);
  scalars.root_correction2 = static_cast<float>(std::sqrt(1.0 - std::pow(options_.beta2, count)));
  std::vector<AdamWRates> rates;
  for (const Group& group : groups_) {
    const double rate =
        learning_rate * (group.rate_group == 0 ? options_.head_rate
                                               : std::pow(options_.layer_decay, group.rate_group));
    rates.push_back(
        {static_cast<float>(rate / (1.0 - std::pow(options_.beta1, count))),
         static_cast<float>(1.0 - rate * (group.decays ? options_.weight_decay : 0.0))});
  }
  adamw_({values, moment1_, moment2_, gradient}, table_, scalars, rates);
}

}  // namespace larkspur::pipeline
