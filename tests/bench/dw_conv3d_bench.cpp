// SPDX-License-Identifier: Apache-2.0
// Times dw_conv3d against at::convolution, forward and each gradient, after checking that they
// agree. Rates count the multiply-adds of taps inside the map only, and the maps that a pass reads
// and writes; shares are of what one core does at best. Argument: number of threads.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"
#include "tests/bench/limits.h"

namespace {

using larkspur::model3d::DwConv3dLayout;
using larkspur::model3d::DwConv3dShape;

template <typename Run>
double best_ms(const Run& run) {
  return 1e3 * larkspur::bench::best_seconds(run);
}

std::int64_t meetings(std::int64_t size, std::int64_t taps, std::int64_t rate) {
  std::int64_t sum = 0;
  for (std::int64_t j = 0; j < taps; ++j) {
    sum += std::max<std::int64_t>(0, size - std::abs(rate * (j - taps / 2)));
  }
  return sum;
}

struct Limits {
  double gflops, gigabytes;
};

/// What a pass needs: multiply-adds counted twice, bytes of the maps it reads and writes.
struct Work {
  double flop, bytes;
};

void report(const char* pass, double ours, double theirs, const Work& work, const Limits& limits) {
  const double gflops = work.flop / ours * 1e-6;
  const double gigabytes = work.bytes / ours * 1e-6;
  std::printf(
      "  %s %8.3f ms %6.1f GFLOP/s (%2.0f %%), %5.1f GB/s (%2.0f %%); at::convolution %9.3f ms, "
      "%6.1fx\n",
      pass,
      ours,
      gflops,
      100 * gflops / limits.gflops,
      gigabytes,
      100 * gigabytes / limits.gigabytes,
      theirs,
      theirs / ours);
}

void require_close(const char* pass, const at::Tensor& got, const at::Tensor& expected) {
  if (got.allclose(expected, 1e-3, 1e-3)) return;
  std::printf("  %s differs from at::convolution\n", pass);
  std::exit(1);
}

void bench(const DwConv3dShape& s, const Limits& limits) {
  const bool last = s.layout == DwConv3dLayout::kChannelsLast;
  const auto format = last ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::Contiguous;
  const at::Tensor x = at::randn({s.n, s.c, s.d, s.h, s.w}).contiguous(format);
  const at::Tensor dy = at::randn({s.n, s.c, s.d, s.h, s.w}).contiguous(format);
  const at::Tensor k = at::randn({s.c, 1, s.kd, s.kh, s.kw});
  const at::Tensor y = at::empty_like(x);
  const at::Tensor dx = at::empty_like(x);
  const at::Tensor dk = at::empty_like(k);
  const std::int64_t padding[] = {s.rd * (s.kd / 2), s.rh * (s.kh / 2), s.rw * (s.kw / 2)};
  const std::int64_t rate[] = {s.rd, s.rh, s.rw};
  const double flop = 2.0 * static_cast<double>(s.n * s.c) *
                      static_cast<double>(meetings(s.d, s.kd, s.rd) * meetings(s.h, s.kh, s.rh) *
                                          meetings(s.w, s.kw, s.rw));
  const Work work = {flop, 2.0 * static_cast<double>(x.numel() * x.element_size())};
  const auto backward = [&](bool input) {
    return at::convolution_backward(dy,
                                    x,
                                    k,
                                    std::nullopt,
                                    {1, 1, 1},
                                    padding,
                                    rate,
                                    false,
                                    {0, 0, 0},
                                    s.c,
                                    {input, !input, false});
  };
  const auto* xs = x.const_data_ptr<float>();
  const auto* ks = k.const_data_ptr<float>();
  const auto* dys = dy.const_data_ptr<float>();
  at::Tensor expected;
  std::printf("%s %ldx%ldx%ldx%ldx%ld, taps %ldx%ldx%ld, rate %ld\n",
              last ? "last " : "first",
              s.n,
              s.c,
              s.d,
              s.h,
              s.w,
              s.kd,
              s.kh,
              s.kw,
              s.rw);
  double ours = best_ms([&] { dw_conv3d_forward_cpu(y.mutable_data_ptr<float>(), xs, ks, s); });
  double theirs = best_ms([&] {
    expected = at::convolution(x, k, {}, {1, 1, 1}, padding, rate, false, {0, 0, 0}, s.c);
  });
  require_close("forward", y, expected);
  report("forward        ", ours, theirs, work, limits);
  ours = best_ms([&] { dw_conv3d_input_gradient_cpu(dx.mutable_data_ptr<float>(), dys, ks, s); });
  theirs = best_ms([&] { expected = std::get<0>(backward(true)); });
  require_close("input gradient", dx, expected);
  report("input gradient ", ours, theirs, work, limits);
  ours = best_ms([&] { dw_conv3d_weight_gradient_cpu(dk.mutable_data_ptr<float>(), xs, dys, s); });
  theirs = best_ms([&] { expected = std::get<1>(backward(false)); });
  require_close("weight gradient", dk, expected);
  report("weight gradient", ours, theirs, work, limits);
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(argc > 1 ? std::atoi(argv[1]) : 1);
  const Limits limits = {larkspur::bench::multiply_add_gflops(), larkspur::bench::copy_gigabytes()};
  std::printf(
      "%s, %d threads; one core: %.0f GFLOP/s of multiply-adds, copies %.1f GB/s, read and "
      "written\n",
      larkspur::model3d::dw_conv3d_lanes(larkspur::model3d::fastest_instruction_set()).name,
      at::get_num_threads(),
      limits.gflops,
      limits.gigabytes);
  constexpr auto kFirst = DwConv3dLayout::kChannelsFirst;
  constexpr auto kLast = DwConv3dLayout::kChannelsLast;
  const DwConv3dShape shapes[] = {
      {8, 40, 16, 16, 16, 3, 3, 3, 1, 1, 1, kFirst},
      {8, 40, 16, 16, 16, 3, 3, 3, 1, 1, 1, kLast},
      {8, 80, 8, 8, 8, 7, 7, 7, 1, 1, 1, kFirst},
      {8, 80, 8, 8, 8, 7, 7, 7, 1, 1, 1, kLast},
      {8, 80, 8, 8, 8, 13, 13, 13, 1, 1, 1, kFirst},
      {8, 80, 8, 8, 8, 13, 13, 13, 1, 1, 1, kLast},
      {8, 80, 8, 8, 8, 5, 5, 5, 1, 1, 1, kFirst},
      {8, 80, 8, 8, 8, 7, 7, 7, 2, 2, 2, kFirst},
      {8, 80, 8, 8, 8, 3, 3, 3, 3, 3, 3, kFirst},
      {8, 80, 8, 8, 8, 3, 3, 3, 5, 5, 5, kFirst},
      {8, 160, 4, 4, 4, 13, 13, 13, 1, 1, 1, kFirst},
      {8, 160, 4, 4, 4, 3, 3, 3, 1, 1, 1, kFirst},
      {8, 320, 2, 2, 2, 13, 13, 13, 1, 1, 1, kFirst},
      {4, 16, 8, 8, 8, 13, 13, 13, 1, 1, 1, kFirst},
      {2, 64, 16, 16, 16, 13, 13, 13, 1, 1, 1, kFirst},
      {8, 128, 1, 28, 28, 1, 13, 13, 1, 1, 1, kFirst},
      {8, 128, 1, 14, 14, 1, 13, 13, 1, 1, 1, kFirst},
      {4, 64, 8, 28, 28, 5, 13, 13, 1, 1, 1, kFirst},
      {4, 64, 16, 14, 14, 5, 1, 1, 1, 1, 1, kFirst},
      {4, 64, 16, 14, 14, 5, 1, 1, 1, 1, 1, kLast},
  };
  for (const DwConv3dShape& shape : shapes) bench(shape, limits);
}
