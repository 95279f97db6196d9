// SPDX-License-Identifier: Apache-2.0
#include "launch/run/start_weights.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "launch/run/label_map.h"
#include "launch/run/rank_job.h"
#include "launch/run/weights_file.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using model3d::HeadRule;
using pipeline::Errc;
using pipeline::log_info;
using pipeline::log_warn;
using pipeline::require;
using pipeline::text_of;
using Names = std::vector<std::string>;

/// That nothing is asked of the half of a joint network that begins from the seed.
void check_lone_half(const RunConfig& config, const std::string& half) {
  const bool voxels = half == model3d::kVoxelHalf;
  require(
      config.model.freeze_stages == 0,
      Errc::kInvalidArgument,
      config.model.weights,
      " has nothing but ",
      half,
      "* of a joint network, and model.freeze_stages would keep the rest as it begins: freeze 0, "
      "or name weights of ",
      voxels ? "pictures as model.view_weights"
             : "voxels as model.weights, and this as model.view_weights");
  if (config.train.layer_decay < 1) {
    pipeline::log_warn(text_of(
        "train.layer_decay also lowers the rate of the half that keeps its initial values, ",
        voxels ? model3d::kViewsHalf : model3d::kVoxelHalf,
        "*"));
  }
}

/// Where each of our classes stands among theirs; nothing where the two are not the same names.
std::vector<std::int64_t> rows_by_name(const Names& theirs, const Names& ours) {
  if (!std::ranges::is_permutation(theirs, ours)) return {};
  std::vector<std::int64_t> rows;
  for (const std::string& name : ours) {
    rows.push_back(std::ranges::find(theirs, name) - theirs.begin());
  }
  return rows;
}

/// Puts the rows of the head, just loaded, into the order of our classes.
void order_head(model3d::Network& network, const std::vector<std::int64_t>& rows) {
  const at::NoGradGuard no_grad;
  for (const model3d::NamedTensor& entry : network.entries()) {
    if (entry.name != "head.weight" && entry.name != "head.bias") continue;
    const at::Tensor index = at::tensor(rows, at::kLong).to(entry.tensor.device());
    entry.tensor.copy_(entry.tensor.index_select(0, index));
  }
}

/// A head that was loaded: its rows by name where there are names, and what is not certain said.
void settle_head(const std::string& origin,
                 const Names& theirs,
                 const Names& ours,
                 model3d::Network& network) {
  const auto rows = rows_by_name(theirs, ours);
  if (theirs.empty()) {
    log_warn(text_of(origin,
                     " does not name its classes: its head is used row by row for those of "
                     "the list; model.new_head=true begins it anew"));
  } else if (rows.empty()) {
    log_warn(text_of(origin,
                     ": model.new_head=false keeps its head of other classes, ",
                     class_difference(theirs, ours)));
  } else if (theirs != ours) {
    order_head(network, rows);
    log_info(text_of(origin,
                     " has the class names in another order; the rows of its head are matched by "
                     "name"));
  }
}

/// One file into the network. The half of a joint network that it filled alone, else nothing.
std::string fill_from(const std::string& path,
                      NewHead choice,
                      const Names& classes,
                      model3d::Network& network) {
  const auto file = open_weights(path);
  if (choice == NewHead::kTrue) {
    return fill_from_weights(network, *file, HeadRule::kKeepOwn).half;
  }
  const Names theirs = class_names_of(*file);
  const bool of_others =  // of another number: kFit will see
      theirs.size() == classes.size() && !std::ranges::is_permutation(theirs, classes);
  if (choice == NewHead::kAuto && of_others) {
    const std::string why = ": its own has other classes, " + class_difference(theirs, classes);
    return fill_from_weights(network, *file, HeadRule::kKeepOwn, why).half;
  }
  const auto loaded = fill_from_weights(network, *file, HeadRule::kFit);
  if (!loaded.new_head) settle_head(file->origin(), theirs, classes, network);
  return loaded.half;
}

}  // namespace

void fill_network(const RunConfig& config, const Names& classes, model3d::Network& network) {
  const ModelConfig& model = config.model;
  const std::string half = fill_from(model.weights, model.new_head, classes, network);
  if (!model.has_view_weights()) {
    if (!half.empty()) check_lone_half(config, half);
    return;
  }
  require(half == model3d::kVoxelHalf,
          Errc::kInvalidArgument,
          "model.weights: ",
          model.weights,
          half.empty() ? " holds a whole joint network: leave model.view_weights out"
                       : " is of pictures: beside model.view_weights it must be of voxels");
  const std::string other = fill_from(model.view_weights, model.new_head, classes, network);
  require(other == model3d::kViewsHalf,
          Errc::kInvalidArgument,
          "model.view_weights: ",
          model.view_weights,
          other.empty() ? " holds a whole joint network: name it as model.weights, alone"
                        : " is of voxels: it must be of pictures");
}

void score_weights(const RunConfig& config,
                   const Names& classes,
                   model3d::Network& network,
                   pipeline::Communicator& communicator) {
  require_same(pipeline::all_or_none(communicator, [&] {
    const auto file = open_weights(config.model.weights);
    const Names theirs = class_names_of(*file);
    require(theirs.empty() || std::ranges::is_permutation(theirs, classes),
            Errc::kInvalidArgument,
            file->origin(),
            " tells other classes apart than data.eval: ",
            class_difference(theirs, classes));
    const auto loaded = fill_from_weights(network, *file, HeadRule::kLoad);
    require(loaded.half.empty(),
            Errc::kInvalidArgument,
            file->origin(),
            " has nothing but ",
            loaded.half,
            "* of a joint network: the rest would be scored as the seed drew it");
    settle_head(file->origin(), theirs, classes, network);
    return text_of("weights ", weights_crc(network));
  }));
}

void start_from_weights(const RunConfig& config,
                        const Names& classes,
                        model3d::Network& network,
                        pipeline::Communicator& communicator) {
  if (!config.model.starts_from_file()) return;
  require_same(pipeline::all_or_none(communicator, [&] {
    fill_network(config, classes, network);
    return text_of("weights ", weights_crc(network));
  }));
}

}  // namespace larkspur::launch
