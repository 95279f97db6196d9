// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/edge_list.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model3d/kernels/parallel_for.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kValuesAtOnce = std::int64_t{1} << 26;

template <typename T>
void add_in_order(const at::Tensor& y_NRC, const at::Tensor& x_NRC, const EdgeList& links) {
  const std::int64_t channels = x_NRC.size(2);
  const std::int64_t count = links.from_NE.size(1);
  const auto* const x = x_NRC.const_data_ptr<T>();
  const auto* const from = links.from_NE.const_data_ptr<std::int64_t>();
  const auto* const to = links.to_NE.const_data_ptr<std::int64_t>();
  const auto* const weight = links.weight_NE.const_data_ptr<T>();
  auto* const y = y_NRC.data_ptr<T>();
  parallel_for(x_NRC.size(0), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      for (std::int64_t e = n * count; e < (n + 1) * count; ++e) {
        const T* const source = x + (n * x_NRC.size(1) + from[e]) * channels;
        T* const sum = y + (n * y_NRC.size(1) + to[e]) * channels;
        for (std::int64_t c = 0; c < channels; ++c) sum[c] += weight[e] * source[c];
      }
    }
  });
}

/// Rows of samples first, first + 1, ... numbered through: [S * E].
at::Tensor numbered_through(const at::Tensor& rows_SE, std::int64_t rows_of_a_sample) {
  const at::Tensor starts = at::arange(rows_SE.size(0), rows_SE.options()) * rows_of_a_sample;
  return (rows_SE + starts.unsqueeze(1)).flatten();
}

void add_by_sorting(const at::Tensor& y_NRC, const at::Tensor& x_NRC, const EdgeList& links) {
  const std::int64_t channels = x_NRC.size(2);
  const std::int64_t of_a_sample = std::max<std::int64_t>(1, links.from_NE.size(1) * channels);
  const std::int64_t block = std::max<std::int64_t>(1, kValuesAtOnce / of_a_sample);
  for (std::int64_t first = 0; first < x_NRC.size(0); first += block) {
    const std::int64_t samples = std::min(block, x_NRC.size(0) - first);
    const auto of_block = [&](const at::Tensor& all) { return all.narrow(0, first, samples); };
    at::Tensor y = of_block(y_NRC).view({-1, channels});
    const at::Tensor from = numbered_through(of_block(links.from_NE), x_NRC.size(1));
    const at::Tensor values = of_block(x_NRC).reshape({-1, channels}).index_select(0, from) *
                              of_block(links.weight_NE).reshape({-1, 1});
    c10::List<std::optional<at::Tensor>> to;
    to.push_back(numbered_through(of_block(links.to_NE), y_NRC.size(1)));
    at::index_put_(y, to, values, /*accumulate=*/true);
  }
}

at::Tensor apply_links(const at::Tensor& x_NRC, const EdgeList& links, std::int64_t rows) {
  const at::Tensor x = x_NRC.contiguous();
  at::Tensor y = at::zeros({x.size(0), rows, x.size(2)}, x.options());
  if (x.is_cpu() && x.scalar_type() == at::kFloat) {
    add_in_order<float>(y, x, links);
  } else if (x.is_cpu() && x.scalar_type() == at::kDouble) {
    add_in_order<double>(y, x, links);
  } else {
    add_by_sorting(y, x, links);
  }
  return y;
}

class SumRowsFunction : public torch::autograd::Function<SumRowsFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x_NRC,
                            const at::Tensor& from_NE,
                            const at::Tensor& to_NE,
                            const at::Tensor& weight_NE,
                            std::int64_t rows) {
    context->save_for_backward({from_NE, to_NE, weight_NE});
    context->saved_data["rows"] = x_NRC.size(1);
    return apply_links(x_NRC, {from_NE, to_NE, weight_NE}, rows);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    require(!at::GradMode::is_enabled(),
            Errc::kUnsupported,
            "[scatter_sum] second derivatives asked for, only first ones are there");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const std::int64_t rows = context->saved_data["rows"].toInt();
    return {apply_links(outputs[0], {saved[1], saved[0], saved[2]}, rows), {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor scatter_sum(const at::Tensor& x_NRC, const EdgeList& links, std::int64_t rows) {
  const auto fits = [&](const at::Tensor& list, at::ScalarType type) {
    return list.dim() == 2 && list.size(0) == x_NRC.size(0) && list.scalar_type() == type &&
           list.size(1) == links.from_NE.size(1) && list.device() == x_NRC.device();
  };
  require(x_NRC.dim() == 3 && rows > 0 && fits(links.from_NE, at::kLong) &&
              fits(links.to_NE, at::kLong) && fits(links.weight_NE, x_NRC.scalar_type()),
          Errc::kInvalidArgument,
          "[scatter_sum] links ",
          links.from_NE.sizes(),
          ", ",
          links.to_NE.sizes(),
          " and weights ",
          links.weight_NE.sizes(),
          " do not link rows of ",
          x_NRC.sizes(),
          " to ",
          rows);
  return SumRowsFunction::apply(x_NRC,
                                links.from_NE.contiguous(),
                                links.to_NE.contiguous(),
                                links.weight_NE.contiguous(),
                                rows);
}

EdgeList links_of_points(const std::vector<at::Tensor>& to,
                         const std::vector<at::Tensor>& weights) {
  const at::Tensor to_NE = at::stack(to, 1).flatten(1);
  const at::Tensor from_P = at::arange(to.front().size(1), to_NE.options());
  return {from_P.repeat({to_NE.size(0), static_cast<std::int64_t>(to.size())}),
          to_NE,
          at::stack(weights, 1).flatten(1)};
}

at::Tensor levelled_sum(const at::Tensor& x_NRC, const EdgeList& links, std::int64_t rows) {
  const at::Tensor sums = scatter_sum(x_NRC, links, rows);
  at::Tensor cover;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor ones = at::ones({x_NRC.size(0), x_NRC.size(1), 1}, x_NRC.options());
    cover = scatter_sum(ones, links, rows).clamp_min(1.0);
  }
  return sums / cover;
}

}  // namespace larkspur::model3d
