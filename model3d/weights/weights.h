// SPDX-License-Identifier: Apache-2.0
// Weights in and out of a network by their published entry names.
//
//   file (TensorFile) -- load_weights --> Network      Network -- published_state_dict --> file
//
// Published shapes of 2-D models are [.., H, W]; here they are [.., 1, H, W] (see state_dict.h),
// and both fit. Counters of batches (`num_batches_tracked`) are passed over.
//
// A model of pictures also starts a model of clips: each kernel [.., H, W] fills [.., T, H, W] as
// ModelOptions::inflation says, and a dilated branch is found by its taps and rate in space. Where
// space and time have kernels of their own, those for space are the picture's, and those for time
// begin without effect: the weight of the norm behind them is 0 (merged: their own weights are). On
// a clip of equal frames the logits are then those of the picture.
//
// A network of smaller depthwise kernels starts one of larger ones where ModelOptions::enlarge says
// how (enlarge.h); of pictures, one of clips at once.
//
// A model of voxels, or one of pictures, is one half of form `joint`: it fills "voxel.*" or
// "views.*", and the other half, the norm and the head stay as they are.
#pragma once

#include <string>
#include <vector>

#include "model3d/network.h"
#include "pipeline/storage/tensor_file.h"

namespace larkspur::model3d {

/// What becomes of the last linear layer, "head.*", and of entries that a file of another form
/// cannot have: "point_to_image.*", the norm and head over both halves of form joint.
enum class HeadRule {
  kLoad,     ///< loaded as every entry; another number of classes is refused
  kFit,      ///< loaded where it fits; else the network's own first weights stay
  kKeepOwn,  ///< the head's own first weights stay, whatever the file has; the others as kFit
};

/// What a file and a network have of each other. Names sorted.
struct LoadedWeights {
  std::string half;  ///< kVoxelHalf or kViewsHalf where the file filled that alone; else nothing
  bool new_head = false;                ///< the head's own first weights stayed
  std::int64_t classes = 0;             ///< that the file's head tells apart; 0: it has none
  std::vector<std::string> missing;     ///< the network's, not in the file: left as they were
  std::vector<std::string> unexpected;  ///< the file's, which the network has no place for
  std::vector<std::string>
      initialized;                   ///< of parts that the file's network has not; left likewise
  std::int64_t inflated = 0;         ///< kernels of pictures that were given taps in time
  std::int64_t enlarged = 0;         ///< kernels that were given more taps (ModelOptions::enlarge)
  std::int64_t silent_branches = 0;  ///< beside those, not in the file: begin without effect
  std::int64_t zero_initialized =
      0;  ///< kernels for time alone, not in the file: begin without effect

  bool whole() const { return missing.empty(); }
};

/// How many classes the file's head has; 0: it has none.
std::int64_t classes_of(const pipeline::TensorFile& file);

/// Whether the file holds a merged network: the linear layer behind GRN has a bias only there.
bool holds_merged_weights(const pipeline::TensorFile& file);

/// Whether the file holds a network with an extra norm before a downsampling ("pre_norm").
bool holds_norm_before_downsampling(const pipeline::TensorFile& file);

/// Fills the network's entries from the file's of the same names, each converted to float32. Throws
/// kInvalidArgument naming entry and both shapes where they do not fit, or saying that one of the
/// two is merged and the other is not, that the file has another number of classes or is half of a
/// joint network (kLoad), or that it has an extra norm before a downsampling and the network has
/// none; what reading throws. The other way round the norm, which published weights lack, keeps its
/// first values (LoadedWeights::initialized): it is there for tuning them. Shapes are looked at
/// before anything is changed. Throws kCorruptData naming an entry of which a value is not finite
/// or a variance negative; entries before it are filled by then.
LoadedWeights load_weights(Network& network, const pipeline::TensorFile& file, HeadRule head);

/// Throws kInvalidArgument that lists, by name, what was missing, and nothing where nothing was.
void require_whole(const LoadedWeights& loaded, const std::string& origin);

/// The first names and how many more: "a, b, c and 12 more".
std::string some_of(const std::vector<std::string>& names);

/// Every entry of the network, in order of use, float32, sharing memory; shapes as published: where
/// an entry's kernels are those of pictures, without the axis of one in front of H.
std::vector<NamedTensor> published_state_dict(const Network& network);

}  // namespace larkspur::model3d
