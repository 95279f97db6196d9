// SPDX-License-Identifier: Apache-2.0
// Work shared among ATen's intra-op threads: compiled once, with the threads' runtime.
#pragma once

#include <cstdint>

#include <c10/util/FunctionRef.h>

namespace larkspur::model3d {

/// Calls body(begin, end) for parts that make up [0, count), side by side where there are threads,
/// and returns when all are done. How many parts is up to the number of threads: bits must not
/// depend on it. Inside another call it runs on the calling thread. Throws what a body threw.
void parallel_for(std::int64_t count, c10::function_ref<void(std::int64_t, std::int64_t)> body);

}  // namespace larkspur::model3d
