// SPDX-License-Identifier: Apache-2.0
#include "model3d/forms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

// A grid of 32 is a seventh of a picture: at the published stem's stride of 4 one place would be
// left in the last stage. A clip is halved in time once, where a step is cheap and frames resemble
// each other most: 16 frames keep 8 places, and 5 taps see most of those. From 5 taps on the
// branches have two rates in time; with 3 they would all have one.
constexpr std::array kForms{
    Form{"voxel", 1, {3, 3, 3}, {13, 13, 13}, 2, Layout::kMap},
    Form{"image", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kPicture},
    Form{"raw", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kScanLines},
    Form{"grid", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kTiles},
    Form{"clip", 3, {3, 3, 3}, {5, 13, 13}, 4, Layout::kMap, TemporalStrides{2, 1, 1, 1}},
    Form{"differences",
         3,
         {3, 3, 3},
         {5, 13, 13},
         4,
         Layout::kDifferences,
         TemporalStrides{2, 1, 1, 1}},
    Form{"views", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kViews, {}, ExtractorKind::kViews},
    Form{"frames", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kFrames, {}, ExtractorKind::kFrames},
    Form{"joint", 1, {3, 3, 3}, {13, 13, 13}, 2, Layout::kMap, {}, ExtractorKind::kJoint},
    Form{"cells", 3, {3, 3, 3}, {13, 13, 13}, 2, Layout::kMap, {}, ExtractorKind::kCells},
    Form{"points", 3, {1, 3, 3}, {1, 13, 13}, 4, Layout::kViews, {}, ExtractorKind::kPoints},
};

/// Tiles along a side of the picture that all frames make together.
std::int64_t tiles_a_side(std::int64_t frames, std::string_view form) {
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(frames))));
  pipeline::require(side * side == frames,
                    pipeline::Errc::kInvalidArgument,
                    "[network] form ",
                    form,
                    " lays frames out in a square: 4, 9, 16, 25, ... of them, not ",
                    frames);
  return side;
}

/// [N,C,T,H,W] as one picture [N,C,1,r*H,r*W].
at::Tensor as_one_picture(const at::Tensor& clip, const Form& form) {
  const std::int64_t side = tiles_a_side(clip.size(2), form.name);
  const std::int64_t height = clip.size(3);
  const std::int64_t width = clip.size(4);
  const auto leading = clip.sizes().slice(0, 2);
  at::Tensor lines = clip;
  if (form.layout == Layout::kTiles) {
    lines = clip.reshape({leading[0], leading[1], side, side, height, width}).transpose(3, 4);
  }
  return lines.reshape({leading[0], leading[1], 1, side * height, side * width});
}

/// Of [N,C,T,H,W], each frame less the one before it; zeros for the first.
at::Tensor differences(const at::Tensor& clip) {
  return at::sub(clip, at::cat({clip.narrow(2, 0, 1), clip.narrow(2, 0, clip.size(2) - 1)}, 2));
}

}  // namespace

std::vector<std::string> Form::input_names() const {
  switch (extractor) {
    case ExtractorKind::kJoint:
      return {kVoxelInput, kViewInput};
    case ExtractorKind::kViews:
      return {kViewInput};
    case ExtractorKind::kPoints:
    case ExtractorKind::kCells:
      return {"points"};
    case ExtractorKind::kFrames:
    case ExtractorKind::kMap:
      break;
  }
  if (layout == Layout::kPicture) return {"image"};
  return {in_channels == 1 ? kVoxelInput : "clip"};
}

at::Tensor Form::as_map(const at::Tensor& input, std::int64_t channels) const {
  const bool views = layout == Layout::kViews;
  const std::int64_t map_axes = views || layout == Layout::kPicture ? 2 : 3;
  const std::int64_t leading = views ? 3 : 2;
  const bool fits =
      input.dim() == map_axes + leading && input.size(leading - 1) == channels && input.numel() > 0;
  pipeline::require(fits,
                    pipeline::Errc::kInvalidArgument,
                    "[network] input ",
                    input.sizes(),
                    " is not a batch of ",
                    views ? "views of " : "",
                    channels,
                    " channel(s) and ",
                    map_axes,
                    " axes, as form ",
                    name,
                    " takes it");
  if (layout == Layout::kMap) return input;
  if (layout == Layout::kDifferences) return differences(input);
  if (views) return input.flatten(0, 1).unsqueeze(2);
  if (layout == Layout::kFrames) return input.transpose(1, 2).flatten(0, 1).unsqueeze(2);
  return layout == Layout::kPicture ? input.unsqueeze(2) : as_one_picture(input, *this);
}

std::int64_t Form::pictures_of(const at::Tensor& input) const {
  if (layout == Layout::kViews && input.dim() > 1) return input.size(1);
  return layout == Layout::kFrames && input.dim() > 2 ? input.size(2) : 1;
}

const Form& find_form(std::string_view name) {
  const auto row = std::ranges::find(kForms, name, &Form::name);
  std::string known;
  for (const Form& form : kForms) known.append(" ").append(form.name);
  pipeline::require(row != kForms.end(),
                    pipeline::Errc::kInvalidArgument,
                    "[form] \"",
                    name,
                    "\" is none of:",
                    known);
  return *row;
}

}  // namespace larkspur::model3d
