// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/parallel_for.h"

#include <ATen/Parallel.h>

namespace larkspur::model3d {

void parallel_for(std::int64_t count, c10::function_ref<void(std::int64_t, std::int64_t)> body) {
  at::parallel_for(0, count, 1, body);
}

}  // namespace larkspur::model3d
