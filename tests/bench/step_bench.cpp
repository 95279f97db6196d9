// SPDX-License-Identifier: Apache-2.0
// Times a training step of one rank: forward, loss, backward, AdamW, on random input.
//
//   step_bench FORM VARIANT SIZE BATCH [MODE [THREADS [SECONDS]]]
//
// SIZE: pixels or cells of a side, or TxS. MODE: train, eval (the merged network), and the same in
// bfloat16: train-bfloat16, eval-bfloat16.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "launch/run/kept_memory.h"
#include "model3d/network.h"
#include "pipeline/precision.h"
#include "pipeline/rng.h"

namespace {

using larkspur::model3d::ModelOptions;
using larkspur::model3d::Network;
using larkspur::pipeline::Batch;
using larkspur::pipeline::Precision;
using Clock = std::chrono::steady_clock;

struct Work {
  std::string form, variant;
  std::vector<std::int64_t> sizes;
};

Work work_of(const std::string& form,
             const std::string& variant,
             const std::string& size,
             std::int64_t batch) {
  const auto x = size.find('x');
  const std::int64_t first = std::stoll(size);
  const std::int64_t side = x == std::string::npos ? first : std::stoll(size.substr(x + 1));
  if (form == "voxel") return {form, variant, {batch, 1, side, side, side}};
  if (form == "image") return {form, variant, {batch, 3, side, side}};
  return {form, variant, {batch, 3, first, side, side}};
}

double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

struct Optimizer {
  std::vector<at::Tensor> parameters, gradients, averages, squares, maxima, counts;

  explicit Optimizer(const Network& network) {
    for (const auto& parameter : network.parameters()) {
      parameters.push_back(parameter.tensor);
      averages.push_back(at::zeros_like(parameter.tensor));
      squares.push_back(at::zeros_like(parameter.tensor));
      counts.push_back(at::zeros({}, at::kFloat));
    }
  }
  void step() {
    const at::NoGradGuard without_gradients;
    gradients.clear();
    for (const at::Tensor& parameter : parameters) {
      gradients.push_back(parameter.grad());
      parameter.mutable_grad() = at::Tensor();
    }
    for (at::Tensor& count : counts) count.add_(1);
    at::_fused_adamw_(parameters,
                      gradients,
                      averages,
                      squares,
                      maxima,
                      counts,
                      1e-3,
                      0.9,
                      0.999,
                      0.05,
                      1e-8,
                      false,
                      false);
  }
};

/// The network, its input and one unit of work on them.
class Bench {
 public:
  Bench(const Work& work, const std::string& mode)
      : trains_(mode.starts_with("train")),
        precision_(mode.ends_with("-bfloat16") ? Precision::kBFloat16 : Precision::kFloat32),
        network_(options_of(work)),
        optimizer_(network_) {
    const std::int64_t batch = work.sizes[0];
    network_.set_training(trains_);
    if (!trains_) network_.merge();
    input_.inputs["input"] = at::randn(work.sizes);
    for (std::int64_t i = 0; i < batch; ++i) {
      input_.keys.push_back({1, 1, static_cast<std::uint32_t>(i)});
    }
    labels_ = at::randint(400, {batch}, at::kLong);
  }

  long long parameters() const {
    long long sum = 0;
    for (const auto& parameter : network_.parameters()) sum += parameter.tensor.numel();
    return sum;
  }

  void run() {
    larkspur::pipeline::PrecisionScope scope(precision_, at::kCPU);
    if (trains_) {
      const at::Tensor loss = at::cross_entropy_loss(network_.forward(input_), labels_);
      scope.end();
      loss.backward();
      optimizer_.step();
    } else {
      const at::NoGradGuard without_gradients;
      network_.forward(input_);
    }
  }

 private:
  static ModelOptions options_of(const Work& work) {
    ModelOptions options;
    options.form = work.form;
    options.variant = work.variant;
    options.classes = 400;
    return options;
  }

  bool trains_;
  Precision precision_;
  Network network_;
  Optimizer optimizer_;
  Batch input_;
  at::Tensor labels_;
};

/// Of runs for at least so many seconds, sorted, the first left out.
std::vector<double> time_runs(Bench& bench, double least) {
  bench.run();
  std::vector<double> times;
  for (const auto start = Clock::now(); times.size() < 3 || seconds(start) < least;) {
    const auto begin = Clock::now();
    bench.run();
    times.push_back(seconds(begin));
  }
  std::sort(times.begin(), times.end());
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: step_bench FORM VARIANT SIZE BATCH [train|eval[-bfloat16] [THREADS "
                 "[SECONDS]]]\n");
    return 2;
  }
  larkspur::launch::keep_freed_memory();  // both as the program does
  larkspur::launch::ask_for_huge_pages();
  const std::int64_t batch = std::atoll(argv[4]);
  at::set_num_threads(argc > 6 ? std::atoi(argv[6]) : 1);
  Bench bench(work_of(argv[1], argv[2], argv[3], batch), argc > 5 ? argv[5] : "train");
  const std::vector<double> times = time_runs(bench, argc > 7 ? std::atof(argv[7]) : 10.0);
  const double median = times[times.size() / 2];
  std::printf("%.1f ms median, %.1f to %.1f of %zu, %.2f samples/s, %lld parameters\n",
              median * 1e3,
              times.front() * 1e3,
              times.back() * 1e3,
              times.size(),
              static_cast<double>(batch) / median,
              bench.parameters());
}
