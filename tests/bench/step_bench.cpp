// SPDX-License-Identifier: Apache-2.0
// Times a training step of one rank: forward, loss, backward, AdamW, on random input.
//
//   step_bench FORM VARIANT SIZE BATCH [THREADS] [SECONDS]     SIZE: pixels or cells of a side, or
//   TxS
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

#include "model3d/network.h"
#include "pipeline/rng.h"

namespace {

using larkspur::model3d::ModelOptions;
using larkspur::model3d::Network;
using larkspur::pipeline::Batch;
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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: step_bench FORM VARIANT SIZE BATCH [THREADS] [SECONDS]\n");
    return 2;
  }
  const std::int64_t batch = std::atoll(argv[4]);
  const Work work = work_of(argv[1], argv[2], argv[3], batch);
  at::set_num_threads(argc > 5 ? std::atoi(argv[5]) : 1);
  const double least = argc > 6 ? std::atof(argv[6]) : 10.0;
  ModelOptions options;
  options.form = work.form;
  options.variant = work.variant;
  options.classes = 400;
  Network network(options);
  network.set_training(true);
  Optimizer optimizer(network);
  Batch input;
  input.inputs["input"] = at::randn(work.sizes);
  for (std::int64_t i = 0; i < batch; ++i)
    input.keys.push_back({1, 1, static_cast<std::uint32_t>(i)});
  const at::Tensor labels = at::randint(400, {batch}, at::kLong);
  std::vector<double> times;
  const auto start = Clock::now();
  for (int i = 0; i < 4 || seconds(start) < least; ++i) {
    const auto begin = Clock::now();
    at::cross_entropy_loss(network.forward(input), labels).backward();
    optimizer.step();
    if (i > 0) times.push_back(seconds(begin));
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf(
      "%s/%s %s batch %ld, %d threads: %.1f ms a step (best %.1f), %.2f samples/s, %zu steps\n",
      argv[1],
      argv[2],
      argv[3],
      static_cast<long>(batch),
      at::get_num_threads(),
      median * 1e3,
      times.front() * 1e3,
      static_cast<double>(batch) / median,
      times.size());
}
