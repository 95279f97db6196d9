// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/chunk_norms.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "pipeline/flat_layout.h"
#include "pipeline/ops/chunk_norms_kernels.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

static_assert(kChunkNormElements == kChunkElements, "norms are taken by the layout's chunks");

void sums_on_cpu(const at::Tensor& sums, const at::Tensor& gradient, double scale) {
  chunk_square_sums_cpu(
      sums.mutable_data_ptr<double>(), gradient.const_data_ptr<float>(), gradient.numel(), scale);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def("chunk_square_sums_(Tensor(a!) sums, Tensor gradient, float scale) -> ()");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) { library.impl("chunk_square_sums_", &sums_on_cpu); }

at::Tensor chunk_square_sums(const at::Tensor& gradient, double scale) {
  require(gradient.scalar_type() == at::kFloat && gradient.is_contiguous() &&
              gradient.numel() % kChunkElements == 0,
          Errc::kInvalidArgument,
          "[chunk_square_sums] needs contiguous float32 in whole chunks of ",
          kChunkElements,
          ", got ",
          gradient.toString(),
          " ",
          gradient.sizes());
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("larkspur::chunk_square_sums_", "")
                             .typed<void(const at::Tensor&, const at::Tensor&, double)>();
  const at::Tensor sums =
      at::empty({gradient.numel() / kChunkElements}, gradient.options().dtype(at::kDouble));
  op.call(sums, gradient, scale);
  return sums;
}

}  // namespace larkspur::pipeline
