// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights.h"

#include <algorithm>
#include <set>

#include <ATen/core/grad_mode.h>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

using Shape = std::vector<std::int64_t>;

constexpr std::size_t kNamesTold = 5;

bool is_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

bool is_head(const std::string& name) { return name.starts_with("head."); }

/// [.., H, W] where ours is [.., 1, H, W].
Shape without_depth(Shape shape) {
  if (shape.size() == 5 && shape[2] == 1) shape.erase(shape.begin() + 2);
  return shape;
}

void check_head(const Network& network, const pipeline::NamedTensors& file, const Shape& theirs) {
  const std::int64_t classes = network.options().classes;
  require(theirs.empty() || theirs[0] == classes,
          Errc::kInvalidArgument,
          file.origin(),
          " tells ",
          theirs.empty() ? 0 : theirs[0],
          " classes apart (head.weight), the network ",
          classes,
          ": set model.classes to that, or begin with a new head");
}

void check_merged_alike(const Network& network, const pipeline::NamedTensors& file) {
  const bool merged = holds_merged_weights(file);
  require(merged == network.is_merged(),
          Errc::kInvalidArgument,
          file.origin(),
          merged ? " holds merged weights, for inference only; they cannot be trained on"
                 : " holds weights as trained, the network is merged");
}

/// The file's names that stand for an entry; counters, and the head if it is kept, do not count.
std::set<std::string> usable_names(const pipeline::NamedTensors& file, HeadRule head) {
  std::set<std::string> names;
  for (const std::string& name : file.names()) {
    const bool kept = head == HeadRule::kKeepOwn && is_head(name);
    if (!is_counter(name) && !kept) names.insert(name);
  }
  return names;
}

void check_shape(const Network& network, const pipeline::NamedTensors& file, const Entry& entry) {
  const Shape theirs = file.shape(entry.name);
  const Shape ours = entry.tensor.sizes().vec();
  if (is_head(entry.name)) check_head(network, file, theirs);
  require(theirs == ours || theirs == without_depth(ours),
          Errc::kInvalidArgument,
          file.origin(),
          ": ",
          entry.name,
          " is ",
          at::IntArrayRef(theirs),
          " there and ",
          at::IntArrayRef(ours),
          " in the network: model.form, model.variant and model.kernel say which it is");
}

}  // namespace

bool holds_merged_weights(const pipeline::NamedTensors& file) {
  const auto names = file.names();
  return std::ranges::any_of(
      names, [](const std::string& name) { return name.ends_with(".pwconv2.0.bias"); });
}

LoadedWeights load_weights(Network& network, const pipeline::NamedTensors& file, HeadRule head) {
  check_merged_alike(network, file);
  std::set<std::string> left = usable_names(file, head);
  LoadedWeights loaded;
  std::vector<Entry> found;
  for (const Entry& entry : network.entries()) {
    if (left.erase(entry.name) > 0) {
      check_shape(network, file, entry);
      found.push_back(entry);
    } else if (head == HeadRule::kLoad || !is_head(entry.name)) {
      loaded.missing.push_back(entry.name);
    }
  }
  std::ranges::sort(loaded.missing);
  loaded.left_over.assign(left.begin(), left.end());
  const at::NoGradGuard no_grad;
  for (const Entry& entry : found) {
    entry.tensor.copy_(file.tensor(entry.name).view(entry.tensor.sizes()));
  }
  return loaded;
}

void require_whole(const LoadedWeights& loaded, const std::string& origin) {
  require(loaded.whole(),
          Errc::kInvalidArgument,
          origin,
          " lacks ",
          loaded.missing.size(),
          " entries of the network: ",
          some_of(loaded.missing),
          loaded.left_over.empty() ? "" : "; it has no place for: ",
          some_of(loaded.left_over));
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  const std::size_t told = std::min(kNamesTold, names.size());
  for (std::size_t i = 0; i < told; ++i) text += (i > 0 ? ", " : "") + names[i];
  if (told < names.size()) text += " and " + std::to_string(names.size() - told) + " more";
  return text;
}

std::vector<Entry> published_entries(const Network& network) {
  std::vector<Entry> entries = network.entries();
  const bool pictures = network.form().small_taps[0] == 1;
  for (Entry& entry : entries) {
    const Shape shape = entry.tensor.sizes().vec();
    entry.tensor = entry.tensor.detach().view(pictures ? without_depth(shape) : shape);
  }
  return entries;
}

}  // namespace larkspur::model3d
