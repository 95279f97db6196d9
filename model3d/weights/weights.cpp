// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/weights.h"

#include <algorithm>
#include <regex>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "model3d/depthwise/separable_depthwise.h"
#include "model3d/feature_extractor.h"
#include "model3d/weights/enlarge.h"
#include "model3d/weights/plain_names.h"
#include "pipeline/finite.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

using Shape = std::vector<std::int64_t>;

constexpr std::size_t kNamesTold = 5;

bool is_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

bool is_head(const std::string& name) { return name.starts_with("head."); }

/// Weights of pictures have nothing of it.
bool draws_points(const std::string& name) { return name.starts_with("point_to_image."); }

bool is_norm_before(const std::string& name) {
  return name.find(".pre_norm.") != std::string::npos;
}

/// [.., H, W] where ours is [.., 1, H, W].
Shape without_depth(Shape shape) {
  if (shape.size() == 5 && shape[2] == 1) shape.erase(shape.begin() + 2);
  return shape;
}

/// The shape of an entry of ours in a file: [.., H, W] where a kernel there has no taps in depth.
Shape shape_in_file(const Network& network, const Shape& theirs, const Shape& ours) {
  if (theirs.size() != 4 || ours.size() != 5) return ours;
  if (!network.form().temporal_strides) return without_depth(ours);
  Shape flat = ours;
  flat.erase(flat.begin() + 2);
  return flat;
}

/// Which of the file's entries an entry takes its values from.
struct Filling {
  NamedTensor entry;
  std::string name;  ///< in the file
};

/// What a branch is called in a model of pictures: k3x5x5_1x2x2 is k5_2 there.
std::string name_in_pictures(const std::string& name) {
  static const std::regex branch(R"((dil_(?:conv|bn)_)k\d+x(\d+)x\2_\d+x(\d+)x\3)");
  return std::regex_replace(name, branch, "$1k$2_$3");
}

/// The file's name for an entry of ours, among those not taken yet.
std::optional<std::string> name_in_file(const Network& network,
                                        const std::string& name,
                                        const std::set<std::string>& left) {
  if (left.contains(name)) return name;
  const bool clips = network.form().temporal_strides.has_value();
  const std::string in_pictures = clips ? name_in_pictures(name) : name;
  if (left.contains(in_pictures)) return in_pictures;
  if (network.options().enlarge == Enlargement::kNone) return std::nullopt;
  const auto smaller = branch_of_its_rate(name, left);
  return smaller ? smaller : branch_of_its_rate(in_pictures, left);
}

void fill(const Network& network, const NamedTensor& entry, const at::Tensor& read) {
  const ModelOptions& options = network.options();
  const Shape ours = entry.tensor.sizes().vec();
  const auto how = is_of_branch(entry.name) ? Enlargement::kCentre : options.enlarge;
  const at::Tensor values = enlarged(read, shape_in_file(network, read.sizes().vec(), ours), how);
  if (values.numel() == entry.tensor.numel()) {
    entry.tensor.copy_(values.view(ours));
  } else if (options.inflation == Inflation::kMean) {
    entry.tensor.copy_(values.unsqueeze(2) / ours[2]);
  } else {
    entry.tensor.zero_();
    entry.tensor.select(2, ours[2] / 2).copy_(values);
  }
}

/// Makes a part for time, or a branch, add nothing. Not by a zero kernel in front of its norm: the
/// norm would divide the first gradients by the root of its epsilon.
void zero_initialize(const NamedTensor& entry, bool merged) {
  const bool of_norm = entry.name.ends_with(".weight") || entry.name.ends_with(".bias");
  const bool is_conv = entry.tensor.dim() > 1;
  if (merged ? is_conv : of_norm && !is_conv) entry.tensor.zero_();
}

void check_head(const Network& network, const pipeline::TensorFile& file, const Shape& theirs) {
  const std::int64_t classes = network.options().classes;
  require(theirs.empty() || theirs[0] == classes,
          Errc::kInvalidArgument,
          file.origin(),
          " has a head of ",
          theirs.empty() ? 0 : theirs[0],
          " classes (head.weight), the network one of ",
          classes,
          ": set --classes (in a configuration model.classes) to that");
}

void check_merged_alike(const Network& network, const pipeline::TensorFile& file) {
  const bool merged = holds_merged_weights(file);
  require(merged == network.is_merged(),
          Errc::kInvalidArgument,
          file.origin(),
          merged ? " holds merged weights, for inference only; they cannot be trained on"
                 : " holds weights as trained, the network is merged");
}

/// A norm left out would give plausible nonsense, and nothing else in the file tells.
void check_norm_before(const Network& network, const pipeline::TensorFile& file) {
  require(network.options().norm_before_downsampling || !holds_norm_before_downsampling(file),
          Errc::kInvalidArgument,
          file.origin(),
          " holds a norm before the last downsampling (pre_norm), the network has none: set "
          "model.norm_before_downsampling");
}

/// Empty where the file has no such entry.
Shape shape_if_there(const pipeline::TensorFile& file, const std::string& name) {
  const auto names = file.names();
  return std::ranges::find(names, name) == names.end() ? Shape{} : file.shape(name);
}

/// Which half of a joint network a file of another form fills; else nothing.
/// The first kernel tells: voxels have one channel.
std::string half_of(const Network& network, const pipeline::TensorFile& file) {
  if (network.form().extractor != ExtractorKind::kJoint) return "";
  const Shape shape = shape_if_there(file, "downsample_layers.0.0.weight");
  if (shape.empty()) return "";
  return std::string(shape.size() == 5 && shape[1] == 1 ? kVoxelHalf : kViewsHalf);
}

/// Norm and head of a joint network see both halves, so a half has nothing for them.
void check_half(const std::string& half, const pipeline::TensorFile& file) {
  require(half.empty(),
          Errc::kInvalidArgument,
          file.origin(),
          " has nothing but ",
          half,
          "* of a joint network: train one from it (model.weights), then take that one's");
}

/// The file's names that stand for an entry; not counters, nor what stays with its half, nor the
/// head if there is a new one.
std::set<std::string> usable_names(const pipeline::TensorFile& file,
                                   const std::string& half,
                                   bool new_head) {
  std::set<std::string> names;
  for (const std::string& name : file.names()) {
    const bool of_half_alone = !half.empty() && name.starts_with("norm.");
    const bool unused = is_counter(name) || of_half_alone || (new_head && is_head(name));
    if (!unused) names.insert(name);
  }
  return names;
}

/// What is done to a kernel on its way into the network.
struct Fit {
  bool inflated = false;
  bool enlarged = false;
};

/// Up to the name of a depthwise kernel: "stages.1.0.dwconv.".
std::string block_of(const std::string& name) {
  return name.substr(0, std::min(name.find("lk_origin"), name.find("dil_")));
}

/// Refused where it does not fit at all.
Fit fit_of(const Network& network, const pipeline::TensorFile& file, const Filling& filling) {
  const NamedTensor& entry = filling.entry;
  const Shape theirs = file.shape(filling.name);
  const Shape ours = entry.tensor.sizes().vec();
  if (is_head(entry.name)) check_head(network, file, theirs);
  const Shape wanted = shape_in_file(network, theirs, ours);
  const bool smaller = is_smaller_kernel(theirs, wanted);
  const bool may_grow = network.options().enlarge != Enlargement::kNone;
  require(theirs == wanted || (smaller && may_grow),
          Errc::kInvalidArgument,
          file.origin(),
          ": ",
          entry.name,
          " is ",
          at::IntArrayRef(theirs),
          " there and ",
          at::IntArrayRef(ours),
          " in the network: model.form, model.variant, model.kernel, the taps of stages and "
          "model.separable_time say which it is",
          smaller ? "; model.enlarge lets smaller kernels begin larger ones" : "");
  return {wanted.size() != ours.size() && ours[2] > 1, smaller};
}

/// A network with one such value gives scores all the same, and they mean nothing.
void check_values(const pipeline::TensorFile& file,
                  const std::string& name,
                  const at::Tensor& values) {
  const auto place = pipeline::first_not_finite(values);
  require(!place,
          Errc::kCorruptData,
          file.origin(),
          ": ",
          name,
          " is not finite at element ",
          place.value_or(0),
          " (as float32): the file holds no usable network");
  require(
      !name.ends_with(".running_var") || values.numel() == 0 || values.min().item<float>() >= 0.0F,
      Errc::kCorruptData,
      file.origin(),
      ": ",
      name,
      " has a negative variance: the file holds no usable network");
}

/// A trained branch left out would change what the enlarged network computes.
void check_rates(const pipeline::TensorFile& file, const LoadedWeights& loaded) {
  const auto lost = std::ranges::find_if(loaded.unexpected, is_of_branch);
  require(loaded.enlarged == 0 || lost == loaded.unexpected.end(),
          Errc::kInvalidArgument,
          file.origin(),
          " cannot be enlarged to these kernels: they have no branch of the rate of its ",
          lost == loaded.unexpected.end() ? "" : *lost,
          "; choose other taps (model.kernel)");
}

/// What a file knows nothing of must learn.
void require_trained(const NamedTensor& entry, const std::string& origin) {
  require(entry.kind == TensorKind::kStatistic || entry.tensor.requires_grad(),
          Errc::kInvalidArgument,
          origin,
          " has no ",
          entry.name,
          ", and model.freeze_stages would keep it as it begins: freeze fewer stages");
}

}  // namespace

std::int64_t classes_of(const pipeline::TensorFile& file) {
  const Shape shape = shape_if_there(file, "head.weight");
  return shape.empty() ? 0 : shape[0];
}

bool holds_merged_weights(const pipeline::TensorFile& file) {
  const auto names = file.names();
  return std::ranges::any_of(
      names, [](const std::string& name) { return name.ends_with(".pwconv2.0.bias"); });
}

bool holds_norm_before_downsampling(const pipeline::TensorFile& file) {
  return std::ranges::any_of(file.names(), is_norm_before);
}

LoadedWeights load_weights(Network& network, const pipeline::TensorFile& file, HeadRule head) {
  check_merged_alike(network, file);
  check_norm_before(network, file);
  LoadedWeights loaded;
  loaded.half = half_of(network, file);
  if (head == HeadRule::kLoad) check_half(loaded.half, file);
  const bool asked = head == HeadRule::kKeepOwn;
  loaded.classes = classes_of(file);
  const bool must = !loaded.half.empty() || loaded.classes != network.options().classes;
  loaded.new_head = asked || (must && head == HeadRule::kFit);
  const bool without_norm = !holds_norm_before_downsampling(file);
  const bool draws = std::ranges::any_of(file.names(), draws_points);
  std::set<std::string> left = usable_names(file, loaded.half, loaded.new_head);
  const bool knows_time = std::ranges::any_of(left, is_of_time);
  std::vector<Filling> fillings;
  std::vector<NamedTensor> zeros;
  std::set<std::string> grown;  // blocks whose large kernel was smaller; it is the first of a block
  for (const NamedTensor& entry : network.entries()) {
    if (!entry.name.starts_with(loaded.half)) continue;
    const auto name = name_in_file(network, entry.name.substr(loaded.half.size()), left);
    if (name) {
      left.erase(*name);
      fillings.push_back({entry, *name});
      const Fit fit = fit_of(network, file, fillings.back());
      loaded.inflated += fit.inflated ? 1 : 0;
      loaded.enlarged += fit.enlarged ? 1 : 0;
      if (fit.enlarged) grown.insert(block_of(entry.name));
    } else if (is_of_branch(entry.name) && grown.contains(block_of(entry.name))) {
      require_trained(entry, file.origin());
      zeros.push_back(entry);
      if (entry.tensor.dim() > 1) ++loaded.silent_branches;
    } else if (!knows_time && is_of_time(entry.name)) {
      require_trained(entry, file.origin());
      zeros.push_back(entry);
      if (entry.tensor.dim() > 1) ++loaded.zero_initialized;
    } else if ((without_norm && is_norm_before(entry.name)) ||
               (!draws && head != HeadRule::kLoad && draws_points(entry.name))) {
      require_trained(entry, file.origin());
      loaded.initialized.push_back(entry.name);
    } else if (!loaded.new_head || !is_head(entry.name)) {
      loaded.missing.push_back(entry.name);
    }
  }
  std::ranges::sort(loaded.missing);
  std::ranges::sort(loaded.initialized);
  loaded.unexpected.assign(left.begin(), left.end());
  check_rates(file, loaded);
  const at::NoGradGuard no_grad;
  for (const Filling& filling : fillings) {
    const at::Tensor values = file.tensor(filling.name);
    check_values(file, filling.name, values);
    fill(network, filling.entry, values);
  }
  for (const NamedTensor& entry : zeros) zero_initialize(entry, network.is_merged());
  return loaded;
}

void require_whole(const LoadedWeights& loaded, const std::string& origin) {
  const std::string wrapper =
      loaded.whole() ? "" : wrapper_before(loaded.missing.front(), loaded.unexpected);
  const std::string advice =
      wrapper.empty()
          ? ""
          : text_of("; '",
                    wrapper,
                    "' stands before some of its names only: save those entries without it");
  require(loaded.whole(),
          Errc::kInvalidArgument,
          origin,
          " lacks ",
          loaded.missing.size(),
          " entries of the network: ",
          some_of(loaded.missing),
          loaded.unexpected.empty() ? "" : "; it has no place for: ",
          some_of(loaded.unexpected),
          advice);
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  const std::size_t told = std::min(kNamesTold, names.size());
  for (std::size_t i = 0; i < told; ++i) text += (i > 0 ? ", " : "") + names[i];
  if (told < names.size()) text += " and " + std::to_string(names.size() - told) + " more";
  return text;
}

std::vector<NamedTensor> published_state_dict(const Network& network) {
  std::vector<NamedTensor> entries = network.entries();
  for (NamedTensor& entry : entries) {
    const Shape shape = entry.tensor.sizes().vec();
    entry.tensor = entry.tensor.detach().view(
        network.form().is_flat(entry.name) ? without_depth(shape) : shape);
  }
  return entries;
}

}  // namespace larkspur::model3d
