// SPDX-License-Identifier: Apache-2.0
#include "tests/support/toy_classifier.h"

#include <limits>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace larkspur::testing {
namespace {

constexpr std::int64_t kHidden = 16;

at::Tensor drawn(const char* name, std::vector<std::int64_t> shape, std::uint64_t seed) {
  pipeline::CounterRng rng({seed, 0, pipeline::name_key(name), 0}, pipeline::Purpose::kWeights);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<float>()[i] = static_cast<float>(0.2 * rng.normal());
  }
  return tensor;
}

class ToyClassifier : public pipeline::Classifier {
 public:
  ToyClassifier(std::int64_t inputs,
                std::int64_t classes,
                std::uint64_t seed,
                double gradient_limit)
      : gradient_limit_(gradient_limit),
        parameters_{{"hidden", drawn("hidden", {kHidden, inputs}, seed), true},
                    {"norm.weight", at::ones({kHidden}), false},
                    {"norm.bias", at::zeros({kHidden}), false},
                    {"head", drawn("head", {classes, kHidden}, seed), true},
                    {"head.bias", at::zeros({classes}), false}},
        statistics_{{"norm.mean", at::zeros({kHidden})}, {"norm.variance", at::ones({kHidden})}} {
    for (auto& parameter : parameters_) parameter.tensor.requires_grad_();
  }

  at::Tensor forward(const pipeline::Batch& batch) override {
    before_use("hidden");
    at::Tensor x = at::linear(batch.inputs.only().flatten(1), parameters_[0].tensor);
    before_use("norm");
    if (training_ && pass_.norms != nullptr) {
      x = pass_.norms->normalise({x,
                                  parameters_[1].tensor,
                                  parameters_[2].tensor,
                                  statistics_[0].tensor,
                                  statistics_[1].tensor});
    } else if (training_ && x.size(0) > 1) {
      x = at::batch_norm(x,
                         parameters_[1].tensor,
                         parameters_[2].tensor,
                         statistics_[0].tensor,
                         statistics_[1].tensor,
                         true,
                         0.1,
                         1e-5,
                         false);
    } else {
      x = at::batch_norm(x,
                         parameters_[1].tensor,
                         parameters_[2].tensor,
                         statistics_[0].tensor,
                         statistics_[1].tensor,
                         false,
                         0.1,
                         1e-5,
                         false);
    }
    before_use("head");
    return limited(at::linear(x.relu(), parameters_[3].tensor, parameters_[4].tensor));
  }

  std::vector<pipeline::Parameter> parameters() const override { return parameters_; }
  std::vector<pipeline::Statistic> statistics() const override { return statistics_; }
  void set_training(bool training) override { training_ = training; }
  void set_training_pass(const pipeline::TrainingPass& pass) override { pass_ = pass; }
  std::unique_ptr<pipeline::Classifier> replica() const override {
    return make_toy_classifier(
        parameters_[0].tensor.size(1), parameters_[3].tensor.size(0), /*seed=*/0);
  }

 private:
  void before_use(const std::string& part) const {
    if (training_ && pass_.before_use) pass_.before_use(part);
  }

  at::Tensor limited(const at::Tensor& logits) const {
    if (gradient_limit_ > 0.0 && logits.requires_grad()) {
      logits.register_hook([limit = gradient_limit_](const at::Tensor& gradient) {
        return gradient.masked_fill(gradient.abs().gt(limit),
                                    std::numeric_limits<double>::infinity());
      });
    }
    return logits;
  }

  double gradient_limit_;
  std::vector<pipeline::Parameter> parameters_;
  std::vector<pipeline::Statistic> statistics_;
  pipeline::TrainingPass pass_;
  bool training_ = true;
};

}  // namespace

std::unique_ptr<pipeline::Classifier> make_toy_classifier(std::int64_t inputs,
                                                          std::int64_t classes,
                                                          std::uint64_t seed,
                                                          double gradient_limit) {
  return std::make_unique<ToyClassifier>(inputs, classes, seed, gradient_limit);
}

}  // namespace larkspur::testing
