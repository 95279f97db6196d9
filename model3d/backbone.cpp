// SPDX-License-Identifier: Apache-2.0
#include "model3d/backbone.h"

namespace larkspur::model3d {

std::string stem_or_downsample(std::size_t stage) {
  return "downsample_layers." + std::to_string(stage);
}

std::string block_name(std::size_t stage, std::size_t index) {
  return "stages." + std::to_string(stage) + "." + std::to_string(index);
}

std::string last_block(const Variant& variant, std::size_t stage) {
  return block_name(stage, static_cast<std::size_t>(variant.depths[stage] - 1));
}

namespace {

DropPath drop_path_of(const BackboneOptions& options, std::size_t block) {
  const auto last = static_cast<double>(std::max<std::int64_t>(options.variant.blocks() - 1, 1));
  return {options.drop_path * static_cast<double>(block) / last, static_cast<std::uint8_t>(block)};
}

}  // namespace

StridedConvOptions strided_before(const BackboneOptions& options, std::size_t stage) {
  const auto& dims = options.variant.dims;
  const std::int64_t step = stage == 0 ? options.stem_stride : 2;
  return {.inputs = stage == 0 ? options.in_channels : dims[stage - 1],
          .outputs = dims[stage],
          .taps = options.small_taps,
          .stride = {options.time ? options.time->strides[stage] : step, step, step},
          .lean_depth = options.time.has_value()};
}

Extent3 block_taps(const BackboneOptions& options, std::size_t stage, bool large) {
  if (!large) return options.small_taps;
  Extent3 taps = options.large_taps;
  if (options.time) taps[0] = options.time->large_taps[stage - 1];
  return taps;
}

bool has_norm_before(const BackboneOptions& options, std::size_t stage) {
  return options.norm_before_downsampling && stage + 1 == kStages;
}

Backbone::Backbone(const BackboneOptions& options) : stem_(strided_before(options, 0)) {
  const Variant& variant = options.variant;
  std::size_t number = 0;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    const std::int64_t channels = variant.dims[stage];
    if (stage > 0) {
      downsamples_.emplace_back(strided_before(options, stage), has_norm_before(options, stage));
    }
    std::vector<LargeKernelBlock>& blocks = stages_.emplace_back();
    for (std::int64_t index = 0; index < variant.depths[stage]; ++index, ++number) {
      const bool large = variant.is_large(stage, index);
      blocks.emplace_back(LargeKernelBlockOptions{.channels = channels,
                                                  .taps = block_taps(options, stage, large),
                                                  .layer_scale = options.layer_scale,
                                                  .drop_path = drop_path_of(options, number)});
    }
  }
}

at::Tensor Backbone::forward(const at::Tensor& x_NCDHW,
                             const Pass& pass,
                             const Watch& watch) const {
  at::Tensor x = x_NCDHW;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    x = stage == 0 ? stem_.forward(x) : downsamples_[stage - 1].forward(x);
    if (watch) watch(stem_or_downsample(stage), x);
    for (std::size_t index = 0; index < stages_[stage].size(); ++index) {
      x = stages_[stage][index].forward(x, pass);
      if (watch) watch(block_name(stage, index), x);
    }
  }
  return x;
}

void Backbone::list(const Listing& to) const {
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    const Listing before = to.under(stem_or_downsample(stage));
    if (stage == 0) {
      stem_.list(before);
    } else {
      downsamples_[stage - 1].list(before);
    }
    for (std::size_t index = 0; index < stages_[stage].size(); ++index) {
      stages_[stage][index].list(to.under(block_name(stage, index)));
    }
  }
}

void Backbone::merge() {
  for (auto& blocks : stages_) {
    for (LargeKernelBlock& block : blocks) block.merge();
  }
}

}  // namespace larkspur::model3d
