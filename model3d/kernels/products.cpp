// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/products.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>

// Of MKL, for the calling thread; returns the number before. Null where LibTorch brings another
// library.
extern "C" int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));

namespace larkspur::model3d {
namespace {

/// Products of this thread run on it alone while this lives: MKL divides sums by the number of
/// threads it may use, also where it uses one.
class OneThread {
 public:
  OneThread() : before_(set(1)) {}
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { set(before_); }

 private:
  static int set(int threads) {
    return MKL_Set_Num_Threads_Local != nullptr ? MKL_Set_Num_Threads_Local(threads) : 0;
  }
  int before_;
};

at::Tensor view_of(const RowMajor& matrix) {
  // ATen has no view of constant memory; the products below only read it.
  return at::from_blob(const_cast<float*>(matrix.data), {matrix.rows, matrix.columns}, at::kFloat);
}

}  // namespace

void multiply(float* c, const RowMajor& a, const RowMajor& b) {
  const OneThread one;
  at::Tensor result = view_of({c, a.rows, b.columns});
  at::mm_out(result, view_of(a), view_of(b));
}

void multiply_transposed(float* c, const RowMajor& a, const RowMajor& b) {
  const OneThread one;
  at::Tensor result = view_of({c, a.rows, b.rows});
  at::mm_out(result, view_of(a), view_of(b).t());
}

void add_transposed_product(float* c, const RowMajor& a, const RowMajor& b) {
  const OneThread one;
  at::Tensor result = view_of({c, a.columns, b.columns});
  at::addmm_out(result, result, view_of(a).t(), view_of(b));
}

}  // namespace larkspur::model3d
