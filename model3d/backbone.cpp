// SPDX-License-Identifier: Apache-2.0
#include "model3d/backbone.h"

namespace larkspur::model3d {

std::string stem_or_downsample(std::size_t stage) {
  return "downsample_layers." + std::to_string(stage);
}

std::string stage_name(std::size_t stage) { return "stages." + std::to_string(stage); }

std::string block_name(std::size_t stage, std::size_t index) {
  return stage_name(stage) + "." + std::to_string(index);
}

std::string last_block(const Variant& variant, std::size_t stage) {
  return block_name(stage, static_cast<std::size_t>(variant.depths[stage] - 1));
}

namespace {

DropPath drop_path_of(const BackboneOptions& options, std::size_t block) {
  const auto last = static_cast<double>(std::max<std::int64_t>(options.variant.blocks() - 1, 1));
  const std::size_t number = static_cast<std::size_t>(options.first_block) + block;
  return {options.drop_path * static_cast<double>(block) / last, static_cast<std::uint8_t>(number)};
}

TimePadding padding_of(const BackboneOptions& options) {
  return options.time ? options.time->padding : TimePadding::kZeros;
}

/// Places a step of what stands before `stage`; of H and W alone if D is time.
std::int64_t step_before(const BackboneOptions& options, std::size_t stage) {
  if (stage == 0) return options.stem_stride;
  if (stage == options.first_stage) return 1;
  return stage + 1 == kStages ? options.last_stride : 2;
}

}  // namespace

StridedConvOptions strided_before(const BackboneOptions& options, std::size_t stage) {
  const auto& dims = options.variant.dims;
  const std::int64_t step = step_before(options, stage);
  return {.inputs = stage == 0 ? options.in_channels : dims[stage - 1],
          .outputs = dims[stage],
          .taps = options.first_stage > 0 && step == 1 ? Extent3{1, 1, 1} : options.small_taps,
          .stride = {options.time ? options.time->strides[stage] : step, step, step},
          .lean_depth = options.time.has_value(),
          .padding = padding_of(options),
          .drawn_bias = stage == 0 && options.drawn_stem_bias};
}

LargeKernelBlockOptions block_options(const BackboneOptions& options,
                                      std::size_t stage,
                                      std::int64_t index) {
  auto number = static_cast<std::size_t>(index);
  for (std::size_t before = 0; before < stage; ++before) {
    number += static_cast<std::size_t>(options.variant.depths[before]);
  }
  const bool large = options.variant.is_large(stage, index);
  return {.channels = options.variant.dims[stage],
          .taps = large ? options.stage_taps[stage - 1] : options.small_taps,
          .layer_scale = options.layer_scale,
          .drop_path = drop_path_of(options, number),
          .time_padding = padding_of(options),
          .separable_time = large && options.time && options.time->separable};
}

bool has_norm_before(const BackboneOptions& options, std::size_t stage) {
  return options.norm_before_downsampling && stage + 1 == kStages;
}

Backbone::Backbone(const BackboneOptions& options)
    : options_(options), frozen_(static_cast<std::size_t>(options.freeze_stages)) {
  const Variant& variant = options.variant;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    std::vector<LargeKernelBlock>& blocks = stages_.emplace_back();
    if (stage < options.first_stage) continue;
    if (stage == 0) {
      stem_.emplace(strided_before(options, 0));
    } else {
      downsamples_[stage].emplace(strided_before(options, stage), has_norm_before(options, stage));
    }
    for (std::int64_t index = 0; index < variant.depths[stage]; ++index) {
      blocks.emplace_back(block_options(options, stage, index));
    }
  }
  freeze();
}

void Backbone::freeze() const {
  std::vector<NamedTensor> entries;
  for (std::size_t stage = 0; stage < frozen_; ++stage) add_stage_to(stage, StateDict(&entries));
  for (const NamedTensor& entry : entries) entry.tensor.set_requires_grad(false);
}

std::vector<DropPath> Backbone::drop_paths() const {
  std::vector<DropPath> all;
  for (std::int64_t number = 0; number < options_.first_block; ++number) all.emplace_back();
  for (std::int64_t block = 0; block < options_.variant.blocks(); ++block) {
    all.push_back(drop_path_of(options_, static_cast<std::size_t>(block)));
  }
  return all;
}

at::Tensor Backbone::enter_stage(std::size_t stage,
                                 const at::Tensor& x,
                                 const Pass& pass,
                                 const LayerObserver& observer) const {
  pass.before_use(stem_or_downsample(stage));  // of frozen ones too: they are gathered in place
  const at::Tensor y = stage == 0 ? stem_->forward(x) : downsamples_[stage]->forward(x);
  if (observer) observer(stem_or_downsample(stage), y);
  return y;
}

at::Tensor Backbone::forward(const at::Tensor& x_NCDHW,
                             const Pass& pass,
                             const LayerObserver& observer) const {
  at::Tensor x = x_NCDHW;
  const Pass fixed{};
  Pass trained = pass;
  std::vector<at::Tensor> factors;
  if (pass.training) {
    factors = drop_path_factors(drop_paths(), x, pass);
    trained.drop_path_factors = &factors;
  }
  for (std::size_t stage = options_.first_stage; stage < kStages; ++stage) {
    const Pass& own = stage < frozen_ ? fixed : trained;
    x = enter_stage(stage, x, pass, observer);
    pass.before_use(stage_name(stage));
    for (std::size_t index = 0; index < stages_[stage].size(); ++index) {
      x = stages_[stage][index].forward(x, own);
      if (observer) observer(block_name(stage, index), x);
    }
  }
  return x;
}

void Backbone::add_stage_to(std::size_t stage, const StateDict& state) const {
  if (stage < options_.first_stage) return;
  const StateDict before = state.under(stem_or_downsample(stage));
  if (stage == 0) {
    stem_->add_to(before);
  } else {
    downsamples_[stage]->add_to(before);
  }
  for (std::size_t index = 0; index < stages_[stage].size(); ++index) {
    stages_[stage][index].add_to(state.under(block_name(stage, index)));
  }
}

void Backbone::add_to(const StateDict& state) const {
  for (std::size_t stage = 0; stage < kStages; ++stage) add_stage_to(stage, state);
}

void Backbone::merge() {
  for (auto& blocks : stages_) {
    for (LargeKernelBlock& block : blocks) block.merge();
  }
}

}  // namespace larkspur::model3d
