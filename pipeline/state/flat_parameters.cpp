// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/flat_parameters.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

std::vector<FlatShape> shapes_of(const std::vector<Parameter>& parameters) {
  std::vector<FlatShape> shapes;
  for (const Parameter& parameter : parameters) {
    require(parameter.tensor.scalar_type() == at::kFloat,
            Errc::kInvalidArgument,
            "[flat_parameters] ",
            parameter.name,
            " is ",
            parameter.tensor.scalar_type(),
            ", not Float");
    require(
        parameter.tensor.requires_grad() != parameter.frozen,
        Errc::kInvalidArgument,
        "[flat_parameters] ",
        parameter.name,
        parameter.frozen ? " is frozen and requires a gradient" : " does not require a gradient");
    shapes.push_back({parameter.name,
                      parameter.tensor.numel(),
                      parameter.decays,
                      parameter.rate_group,
                      parameter.frozen});
  }
  return shapes;
}

}  // namespace

/// Keeps autograd's accumulators alive: they hold the hooks, and a leaf holds them only weakly. By
/// entry: the parameter and its place among the gradients, neither defined for a frozen one.
struct FlatParameters::Hooks {
  std::vector<std::shared_ptr<torch::autograd::Node>> accumulators;
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> places;
};

FlatParameters::FlatParameters(const std::vector<Parameter>& parameters,
                               std::int64_t bucket_elements)
    : layout_(shapes_of(parameters), bucket_elements), hooks_(std::make_unique<Hooks>()) {
  namespace autograd = torch::autograd;
  require(!parameters.empty(), Errc::kInvalidArgument, "[flat_parameters] no parameters");
  const at::NoGradGuard no_grad;
  const auto options = parameters.front().tensor.options().requires_grad(false);
  values_ = at::zeros({layout_.elements()}, options);
  gradients_ = at::zeros({layout_.elements()}, options);
  for (std::size_t entry = 0; entry < layout_.entries().size(); ++entry) {
    const ElementRange range = layout_.entries()[entry].range;
    at::Tensor tensor = parameters[parameters.size() - 1 - entry].tensor;
    const at::Tensor home = values_.narrow(0, range.begin, range.size()).view(tensor.sizes());
    home.copy_(tensor);
    tensor.set_data(home);
    at::Tensor& parameter = hooks_->parameters.emplace_back();
    at::Tensor& place = hooks_->places.emplace_back();
    if (layout_.entries()[entry].frozen) continue;
    parameter = tensor;
    place = gradients_.narrow(0, range.begin, range.size()).view(tensor.sizes());
    auto accumulator = autograd::impl::grad_accumulator(tensor);
    accumulator->add_post_hook(std::make_unique<autograd::utils::LambdaPostHook>(
        [this, entry](const autograd::variable_list& outputs,
                      const autograd::variable_list& gradients) {
          // Undefined is what an op gives that fills the parameter's slot itself.
          if (!gradients.empty() && gradients.front().defined()) gradient_given(entry);
          return outputs;
        }));
    hooks_->accumulators.push_back(std::move(accumulator));
  }
  begin_lane();
  finish_lane();  // gradients are views of their places
}

FlatParameters::~FlatParameters() = default;

at::Tensor FlatParameters::share_values(const std::vector<Parameter>& others) const {
  require(others.size() == layout_.entries().size(),
          Errc::kInvalidArgument,
          "[flat_parameters] ",
          others.size(),
          " parameters to share the values of ",
          layout_.entries().size());
  const at::NoGradGuard no_grad;
  const at::Tensor gradients = at::zeros_like(gradients_);
  for (std::size_t entry = 0; entry < layout_.entries().size(); ++entry) {
    const ElementRange range = layout_.entries()[entry].range;
    at::Tensor tensor = others[others.size() - 1 - entry].tensor;
    tensor.set_data(values_.narrow(0, range.begin, range.size()).view(tensor.sizes()));
    if (layout_.entries()[entry].frozen) continue;
    tensor.mutable_grad() = gradients.narrow(0, range.begin, range.size()).view(tensor.sizes());
  }
  return gradients;
}

void FlatParameters::begin_lane() {
  const at::NoGradGuard no_grad;
  gradients_.zero_();
  // What autograd gives a parameter without a gradient it hands over: nothing is added.
  for (at::Tensor& parameter : hooks_->parameters) {
    if (parameter.defined()) parameter.mutable_grad() = at::Tensor();
  }
  next_bucket_ = 0;
  pending_.assign(static_cast<std::size_t>(layout_.bucket_count()), 0);
  reported_.assign(layout_.entries().size(), 0);
  for (const FlatEntry& entry : layout_.entries()) {
    if (!entry.frozen) ++pending_[static_cast<std::size_t>(entry.bucket)];
  }
}

void FlatParameters::on_bucket_ready(std::function<void(int)> ready) { ready_ = std::move(ready); }

std::vector<GradientSlot> FlatParameters::slots() {
  std::vector<GradientSlot> slots;
  for (std::size_t parameter = 0; parameter < layout_.entries().size(); ++parameter) {
    const std::size_t entry = layout_.entries().size() - 1 - parameter;
    const ElementRange range = layout_.entries()[entry].range;
    if (layout_.entries()[entry].frozen) {
      slots.emplace_back();
      continue;
    }
    slots.emplace_back(gradients_.narrow(0, range.begin, range.size()),
                       [this, entry] { gradient_reported(entry); });
  }
  return slots;
}

void FlatParameters::gradient_given(std::size_t entry) {
  require(reported_[entry] == 0,
          Errc::kInvalidArgument,
          "[flat_parameters] autograd gives a gradient of ",
          layout_.entries()[entry].name,
          ", whose slot was reported ready in this lane");
  --pending_[static_cast<std::size_t>(layout_.entries()[entry].bucket)];
  report_ready();
}

void FlatParameters::gradient_reported(std::size_t entry) {
  require(reported_[entry] == 0,
          Errc::kInvalidArgument,
          "[flat_parameters] the slot of ",
          layout_.entries()[entry].name,
          " is reported ready a second time in one lane");
  reported_[entry] = 1;
  --pending_[static_cast<std::size_t>(layout_.entries()[entry].bucket)];
  report_ready();
}

void FlatParameters::report_ready() {
  while (next_bucket_ < layout_.bucket_count() &&
         pending_[static_cast<std::size_t>(next_bucket_)] <= 0) {
    const int bucket = next_bucket_++;
    collect(bucket);
    if (ready_) ready_(bucket);
  }
}

void FlatParameters::collect(int bucket) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> given;
  std::vector<at::Tensor> places;
  for (std::size_t entry = 0; entry < layout_.entries().size(); ++entry) {
    const at::Tensor& place = hooks_->places[entry];
    if (layout_.entries()[entry].bucket != bucket || !place.defined()) continue;
    at::Tensor& gradient = hooks_->parameters[entry].mutable_grad();
    if (gradient.defined() && !gradient.is_same(place)) {
      given.push_back(gradient);
      places.push_back(place);
    }
    gradient = place;
  }
  if (!given.empty()) at::_foreach_copy_(places, given);
}

void FlatParameters::finish_lane() {
  pending_.assign(pending_.size(), 0);
  report_ready();
}

}  // namespace larkspur::pipeline
