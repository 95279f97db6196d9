// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_image.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>

#include "model3d/points/splat.h"
#include "pipeline/image_statistics.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

StridedConvOptions flat_conv(std::int64_t channels) {
  return {.inputs = channels, .outputs = channels, .taps = {1, 3, 3}, .stride = {1, 1, 1}};
}

/// One value a colour, for pictures [N,V,3,S,S].
at::Tensor per_colour(const std::array<double, 3>& values, const at::Tensor& like) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble)
      .to(like.options())
      .view({kColours, 1, 1});
}

}  // namespace

PointToImage::PointToImage(const PointToImageOptions& options)
    : size_(options.size),
      lift_(3, kLifted),
      edges_({.inputs = kLifted, .outputs = options.channels, .neighbours = options.neighbours}),
      first_(flat_conv(options.channels)),
      norm_(options.channels, kPointNormGroups),
      second_(flat_conv(options.channels)),
      colour_(options.channels, kColours) {}

at::Tensor PointToImage::forward(const at::Tensor& points_NP3) const {
  pipeline::require(points_NP3.dim() == 3 && points_NP3.size(2) == 3 && points_NP3.numel() > 0,
                    pipeline::Errc::kInvalidArgument,
                    "[network] input ",
                    points_NP3.sizes(),
                    " is not a batch of points [N,P,3], as form points takes it");
  const at::Tensor lifted = lift_.forward(points_NP3.transpose(1, 2)).to(points_NP3.scalar_type());
  const at::Tensor features = edges_.forward(lifted, points_NP3).to(points_NP3.scalar_type());
  const at::Tensor drawn = splat(features, points_NP3, size_).flatten(0, 1).unsqueeze(2);
  const at::Tensor finished =
      drawn + second_.forward(at::gelu(norm_.forward(first_.forward(drawn))));
  const at::Tensor colours = at::sigmoid(colour_.forward(finished.flatten(2)));
  const at::Tensor pictures =
      colours.view({points_NP3.size(0), kSplatViews, kColours, size_, size_});
  const at::Tensor mean = per_colour(pipeline::kImageMean<double>, pictures);
  return (pictures - mean) / per_colour(pipeline::kImageDeviation<double>, pictures);
}

void PointToImage::add_to(const StateDict& state) const {
  lift_.add_to(state.under("lift"));
  edges_.add_to(state.under("edges"));
  first_.add_to(state.under("block.0"));
  norm_.add_to(state.under("block.1"));
  second_.add_to(state.under("block.3"));
  colour_.add_to(state.under("colour"));
}

}  // namespace larkspur::model3d
