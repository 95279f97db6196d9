// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/sync_batch_norm.h"

#include <cmath>
#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

namespace autograd = torch::autograd;

constexpr std::size_t kInputs = 3;  // x, weight, bias of a lane

/// [C] as [1,C,1,...], to be spread over x.
at::Tensor spread(const at::Tensor& channels, const at::Tensor& x) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = channels.numel();
  return channels.view(shape);
}

std::vector<std::int64_t> all_but_channels(const at::Tensor& x) {
  std::vector<std::int64_t> axes{0};
  for (std::int64_t axis = 2; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

/// One lane's sums over all but the channels.
struct LaneSums {
  at::Tensor dy;       ///< [C] of dy
  at::Tensor dy_xhat;  ///< [C] of dy * xhat

  std::vector<double> row() const {
    const at::Tensor both = at::stack({dy, dy_xhat}).to(at::kCPU, at::kDouble).contiguous();
    const double* values = both.const_data_ptr<double>();
    return {values, values + both.numel()};
  }
};

/// What backward needs; makes itself light once it has run.
struct JointNormBackward : public autograd::Node {
  std::vector<at::Tensor> x;  ///< by lane
  at::Tensor weight;          ///< [C], the same in every lane
  at::Tensor mean;            ///< [C]
  at::Tensor rstd;            ///< [C] 1 / sqrt(variance + eps)
  double count = 0.0;         ///< values a channel, all lanes
  LaneRounds* rounds = nullptr;
  int number = 0;

  void release_variables() override { x.clear(); }

  at::Tensor normalised(std::size_t lane) const {
    return (x[lane] - spread(mean, x[lane])).mul_(spread(rstd, x[lane]));
  }

  /// The gradient at a lane's output, wide enough to be summed; zeros where nothing came back.
  at::Tensor incoming(const autograd::variable_list& outputs, std::size_t lane) const {
    if (!outputs[lane].defined()) return at::zeros_like(x[lane], mean.scalar_type());
    return outputs[lane].to(mean.scalar_type());
  }

  /// Means over all values of all lanes: [C] of dy, [C] of dy * xhat.
  std::pair<at::Tensor, at::Tensor> shared_means(const std::vector<LaneSums>& lanes) const {
    LaneRounds::Rows mine;
    for (const LaneSums& lane : lanes) mine.push_back(lane.row());
    const auto channels = static_cast<std::size_t>(mean.numel());
    std::vector<double> sums(2 * channels, 0.0);
    for (const std::vector<double>& row : rounds->all_gather(number, mine)) {
      require(row.size() == sums.size(),
              Errc::kCollective,
              "[sync_batch_norm] a lane has ",
              row.size() / 2,
              " channels, not ",
              channels);
      for (std::size_t i = 0; i < row.size(); ++i) sums[i] += row[i];
    }
    for (double& sum : sums) sum /= count;
    const auto middle = sums.begin() + static_cast<std::ptrdiff_t>(channels);
    return {channel_values({sums.begin(), middle}, mean),
            channel_values({middle, sums.end()}, mean)};
  }

  autograd::variable_list apply(autograd::variable_list&& outputs) override {
    require(!at::GradMode::is_enabled() && x.size() == outputs.size(),
            Errc::kUnsupported,
            "[sync_batch_norm] only first derivatives, once, are there");
    const std::size_t lanes = x.size();
    std::vector<at::Tensor> dy(lanes);
    std::vector<at::Tensor> xhat(lanes);
    std::vector<LaneSums> sums(lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      dy[lane] = incoming(outputs, lane);
      xhat[lane] = normalised(lane);
      const auto axes = all_but_channels(dy[lane]);
      sums[lane] = {dy[lane].sum(axes), (dy[lane] * xhat[lane]).sum(axes)};
    }
    const auto [mean_dy, mean_dy_xhat] = shared_means(sums);
    const at::Tensor scale = weight * rstd;
    autograd::variable_list gradients(kInputs * lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const at::Tensor& like = x[lane];
      const at::Tensor along_x = xhat[lane].mul_(spread(mean_dy_xhat, like));
      const at::Tensor dx = (dy[lane] - spread(mean_dy, like)).sub_(along_x);
      gradients[kInputs * lane] = (dx * spread(scale, like)).to(like.scalar_type());
      gradients[kInputs * lane + 1] = sums[lane].dy_xhat;
      gradients[kInputs * lane + 2] = sums[lane].dy;
    }
    return gradients;
  }
};

std::vector<double> reciprocal_roots(const std::vector<double>& variance, double eps) {
  std::vector<double> roots;
  for (const double value : variance) roots.push_back(1.0 / std::sqrt(value + eps));
  return roots;
}

void record(const std::vector<BatchNormCall>& lanes,
            const std::vector<at::Tensor>& y,
            const std::shared_ptr<JointNormBackward>& node) {
  autograd::edge_list edges;
  for (const BatchNormCall& lane : lanes) {
    for (const at::Tensor& input : {lane.x, lane.weight, lane.bias}) {
      edges.push_back(autograd::impl::gradient_edge(input));
    }
    node->x.push_back(lane.x.detach());
  }
  node->set_next_edges(std::move(edges));
  for (at::Tensor output : y) autograd::create_gradient_edge(output, node);
}

void move_towards(const at::Tensor& running, const std::vector<double>& batch, double momentum) {
  const at::Tensor now = running.to(at::kCPU, at::kDouble).contiguous();
  std::vector<double> next(batch.size());
  for (std::size_t c = 0; c < batch.size(); ++c) {
    next[c] = (1.0 - momentum) * now.const_data_ptr<double>()[c] + momentum * batch[c];
  }
  running.copy_(channel_values(next, running));
}

}  // namespace

std::vector<at::Tensor> sync_batch_norm(const std::vector<BatchNormCall>& lanes,
                                        const Moments& all,
                                        LaneRounds& rounds,
                                        int number) {
  const BatchNormCall& first = lanes.front();
  const at::Tensor mean = channel_values(all.mean, first.x);
  const at::Tensor variance = channel_values(all.variance(), first.x);
  std::vector<at::Tensor> y;
  {
    const at::NoGradGuard no_grad;
    for (const BatchNormCall& lane : lanes) {
      y.push_back(at::batch_norm(lane.x,
                                 lane.weight,
                                 lane.bias,
                                 mean,
                                 variance,
                                 /*training=*/false,
                                 lane.momentum,
                                 lane.eps,
                                 /*cudnn_enabled=*/false));
    }
  }
  if (!at::GradMode::is_enabled()) return y;
  const std::shared_ptr<JointNormBackward> node(new JointNormBackward, autograd::deleteNode);
  node->weight = first.weight.detach();
  node->mean = mean;
  node->rstd = channel_values(reciprocal_roots(all.variance(), first.eps), first.x);
  node->count = all.count;
  node->rounds = &rounds;
  node->number = number;
  record(lanes, y, node);
  return y;
}

void update_running(const BatchNormCall& call, const Moments& all) {
  if (all.count < 2.0) return;
  const at::NoGradGuard no_grad;
  move_towards(call.running_mean, all.mean, call.momentum);
  move_towards(call.running_var, all.unbiased(), call.momentum);
}

}  // namespace larkspur::pipeline
