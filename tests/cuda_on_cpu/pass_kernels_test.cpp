// SPDX-License-Identifier: Apache-2.0
// The passes of fused ops on memory with guarded ends, here and under the sanitizers: nothing is
// touched outside, nothing is read that was not written (memory begins as signalling NaNs). What
// they compute is compared in cuda_twins_test.cpp.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "model3d/kernels/device_types.cuh"
#include "model3d/ops/channel_mixer/channel_mixer_passes.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/excite_gate/excite_gate_kernels.h"
#include "model3d/ops/layer_norm/layer_norm_kernels.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_passes.h"
#include "model3d/ops/running_moments/running_moments_kernels.h"
#include "tests/cuda_on_cpu/device_array.h"
#include "tests/cuda_on_cpu/every_order.h"

namespace larkspur::model3d {
namespace {

using cuda_on_cpu::DeviceArray;
using cuda_on_cpu::in_every_order;
using Array = DeviceArray<float>;

template <typename T = float>
DeviceArray<T> drawn(std::int64_t count) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = from_float<T>(normal(random));
  return DeviceArray<T>(values);
}

template <typename T = float>
DeviceArray<T> unwritten(std::int64_t count) {
  return DeviceArray<T>(static_cast<std::size_t>(count));
}

/// Maps of T, all else float32.
template <typename T>
class PassKernels : public ::testing::Test {};
using MapTypes = ::testing::Types<float, Bfloat16, Float16>;
TYPED_TEST_SUITE(PassKernels, MapTypes);

template <typename... Arrays>
void expect_written(const Arrays&... arrays) {
  const auto check = [](const auto& array) {
    EXPECT_TRUE(array.margins_are_whole());
    const auto values = array.values();
    EXPECT_TRUE(std::all_of(
        values.begin(), values.end(), [](auto value) { return std::isfinite(to_float(value)); }));
  };
  (check(arrays), ...);
}

template <typename... Arrays>
void expect_whole(const Arrays&... arrays) {
  EXPECT_TRUE((arrays.margins_are_whole() && ...));
}

struct Sizes {
  std::int64_t n, positions, channels;
};
// One place, fewer rows than groups, several slices a sample, a tile of columns and a bit.
const std::vector<Sizes> kSizes{{3, 1, 5}, {2, 7, 33}, {2, 200, 12}, {1, 130, 64}};

TYPED_TEST(PassKernels, LayerNormStaysInItsMemory) {
  using Map = DeviceArray<TypeParam>;
  for (const Sizes& s : kSizes) {
    in_every_order([&] {
      const std::int64_t rows = s.n * s.positions;
      const std::int64_t elements = rows * s.channels;
      Map x = drawn<TypeParam>(elements), dx = unwritten<TypeParam>(elements);
      Array dy = drawn(elements);
      Array weight = drawn(s.channels), bias = drawn(s.channels);
      Array y = unwritten(elements), moments = unwritten(2 * rows);
      Array dweight = unwritten(s.channels), dbias = unwritten(s.channels);
      Array partial = unwritten(layer_norm_partial_elements(rows, s.channels));
      const LayerNormCall call{rows, s.channels, 1e-6F, true, weight.data(), bias.data()};
      layer_norm_forward_cuda(y.data(), moments.data(), x.data(), call, nullptr);
      layer_norm_backward_cuda<TypeParam>({dx.data(), dweight.data(), dbias.data()},
                                          partial.data(),
                                          dy.data(),
                                          x.data(),
                                          moments.data(),
                                          call,
                                          nullptr);
      expect_written(y, moments, dx, dweight, dbias, partial);
      expect_whole(x, dy, weight, bias);
    });
  }
}

/// What the products between the passes would leave: any numbers.
struct Mixer {
  explicit Mixer(const Sizes& s)
      : k(2 * s.channels + 1),
        narrow(s.n * s.positions * s.channels),
        wide(s.n * s.positions * k),
        by_channel(drawn(4 * s.channels)),
        by_widened(drawn(3 * k)),
        gate(drawn(s.n * s.channels)),
        keep(drawn(s.n)) {
    call.shape = {s.n, s.positions, s.channels, k, FactorType::kFloat32};
    float* of_c = by_channel.data();
    float* of_k = by_widened.data();
    call.weights.widen_bias = of_k;
    call.weights.grn_gamma = of_k + k;
    call.weights.grn_beta = of_k + 2 * k;
    call.weights.norm_weight = of_c;
    call.weights.norm_bias = of_c + s.channels;
    call.weights.layer_scale = of_c + 2 * s.channels;
    call.weights.norm_eps = 1e-5;
    call.gate = gate.data();
    call.keep = keep.data();
  }
  std::int64_t k, narrow, wide;
  Array by_channel, by_widened, gate, keep;
  MixerCall call{};
};

TYPED_TEST(PassKernels, ChannelMixerStaysInItsMemory) {
  using T = TypeParam;
  using Map = DeviceArray<T>;
  for (const Sizes& s : kSizes) {
    in_every_order([&] {
      Mixer m(s);
      const std::int64_t of_samples = s.n * m.k;
      Array x = drawn(m.narrow), out = unwritten(m.narrow);
      Map u = drawn<T>(m.narrow), h = drawn<T>(m.wide), y = drawn<T>(m.narrow);
      Map t = unwritten<T>(m.narrow), a = unwritten<T>(m.wide);
      Array norms = unwritten(of_samples), scale = unwritten(of_samples);
      Array mean = unwritten(s.channels), variance = unwritten(s.channels);
      Array narrow_sums = unwritten(narrow_room(m.call)), wide_sums = unwritten(wide_room(m.call));
      mixer_gate_cuda(t.data(), u.data(), m.call);
      mixer_grn_cuda(a.data(), norms.data(), scale.data(), wide_sums.data(), h.data(), m.call);
      mixer_residual_cuda(
          out.data(), mean.data(), variance.data(), narrow_sums.data(), x.data(), y.data(), m.call);
      expect_written(t, a, norms, scale, mean, variance, out);

      Map dy = unwritten<T>(m.narrow), dq = drawn<T>(m.wide), dt = drawn<T>(m.narrow);
      Map du = unwritten<T>(m.narrow);
      Array dgate = unwritten(s.n * s.channels);
      Array of_c = unwritten(3 * s.channels), of_k = unwritten(3 * m.k);
      Array by_sample = unwritten(4 * of_samples), bias_sums = unwritten(wide_room(m.call));
      ChannelMixerGradients d{};
      d.gate = dgate.data();
      d.widen_bias = of_k.data();
      d.grn_gamma = of_k.data() + m.k;
      d.grn_beta = of_k.data() + 2 * m.k;
      d.norm_weight = of_c.data();
      d.norm_bias = of_c.data() + s.channels;
      d.layer_scale = of_c.data() + 2 * s.channels;
      const MixerSaved<T> saved{h.data(), norms.data(), y.data(), mean.data(), variance.data()};
      const MixerGrnRoom room{by_sample.data(),
                              by_sample.data() + of_samples,
                              by_sample.data() + 2 * of_samples,
                              by_sample.data() + 3 * of_samples,
                              wide_sums.data(),
                              bias_sums.data()};
      mixer_norm_backward_cuda(dy.data(), d, narrow_sums.data(), x.data(), saved, m.call);
      mixer_grn_backward_cuda(dq.data(), a.data(), room, saved, m.call);
      mixer_gate_backward_cuda(du.data(), dt.data(), narrow_sums.data(), u.data(), m.call);
      mixer_finish_cuda(d, room, narrow_sums.data(), m.call);
      expect_written(dy, dq, a, dt, du, dgate, of_c, of_k, by_sample);
      expect_whole(x, u, h, y, narrow_sums, wide_sums, bias_sums, m.gate, m.keep);
    });
  }
}

TYPED_TEST(PassKernels, ReparamDepthwiseStaysInItsMemory) {
  using T = TypeParam;
  using Map = DeviceArray<T>;
  for (const Sizes& s : kSizes) {
    in_every_order([&] {
      constexpr int kBranches = 3;  // the first for tensor cores, the second without a norm
      const std::int64_t c = s.channels;
      ReparamPasses<T> r{};
      r.plan = plan_slices(s.n, s.positions, c);
      r.branches = kBranches;
      const std::int64_t map = r.map();
      Map x = drawn<T>(map), z = unwritten<T>(kBranches * map);
      Array weights = drawn(8 * c), taps = drawn(kBranches * c * 5);
      Array moments = unwritten((kBranches + 1) * 2 * c);
      r.z = z.data();
      r.moments = moments.data();
      r.norms[0] = {weights.data(), weights.data() + c, 1e-5};
      r.norms[2] = {weights.data() + 2 * c, weights.data() + 3 * c, 1e-5};
      r.last = {weights.data() + 4 * c, weights.data() + 5 * c, 1e-5};
      DwConv3dTogether kernels{};
      kernels.count = kBranches;
      std::int64_t sums = 0;
      for (int b = 0; b < kBranches; ++b) {
        const std::int64_t side = b == 0 ? 5 : 3;
        kernels.shapes[b] = {
            s.n, c, 1, 1, s.positions, 1, 1, side, 1, 1, b + 1, DwConv3dLayout::kChannelsLast};
        kernels.k[b] = taps.data() + b * c * 5;
        sums += dw_conv3d_partial_elements(kernels.shapes[b]);
      }
      Map u = unwritten<T>(map);
      Array means = unwritten(s.n * c), room = unwritten(r.room());
      dw_conv3d_forward_together_cuda(z.data(), x.data(), kernels, nullptr);
      expect_written(z);
      reparam_norms_cuda(u.data(), means.data(), room.data(), r);
      expect_written(u, means);

      Map du = drawn<T>(map), dx = unwritten<T>(map);
      Map dx_parts = unwritten<T>(kBranches * map);
      Array dy = unwritten(map), dmeans = drawn(s.n * c), of_norms = unwritten(6 * c);
      Array dk = unwritten(kBranches * c * 5), partial = unwritten(sums);
      ReparamNormGradients d{};
      d.norms[0] = {of_norms.data(), of_norms.data() + c};
      d.norms[2] = {of_norms.data() + 2 * c, of_norms.data() + 3 * c};
      d.last = {of_norms.data() + 4 * c, of_norms.data() + 5 * c};
      float* to[kBranches] = {dk.data(), dk.data() + c * 5, dk.data() + 2 * c * 5};
      reparam_norms_backward_cuda(d, dy.data(), room.data(), du.data(), dmeans.data(), r);
      dw_conv3d_input_gradient_together_cuda(dx_parts.data(), z.data(), kernels, nullptr);
      add_maps_cuda(dx.data(), dx_parts.data(), r);
      dw_conv3d_weight_gradient_together_cuda(
          to, partial.data(), x.data(), z.data(), kernels, nullptr);
      expect_written(dy, z, dx_parts, dx, of_norms);
      expect_whole(x, weights, taps, moments, room, du, dmeans, dk, partial);
    });
  }
}

TEST(SmallKernels, GateAndRunningMomentsStayInTheirMemory) {
  for (const std::int64_t c : {1, 12, 300}) {
    in_every_order([&] {
      constexpr std::int64_t kSamples = 3;
      const std::int64_t s = (c + 3) / 4;
      Array means = drawn(kSamples * c), down = drawn(s * c), up = drawn(c * s);
      Array biases = drawn(s + c), dgate = drawn(kSamples * c);
      Array inner = unwritten(kSamples * s), gate = unwritten(kSamples * c);
      Array of_up = unwritten(kSamples * c), of_down = unwritten(kSamples * s);
      Array dmeans = unwritten(kSamples * c), ddown = unwritten(s * c), dup = unwritten(c * s);
      Array ddown_bias = unwritten(s), dup_bias = unwritten(c);
      const ExciteGateCall call{
          kSamples, c, s, means.data(), down.data(), up.data(), inner.data(), gate.data()};
      excite_gate_forward_cuda(call, biases.data(), biases.data() + s, nullptr);
      excite_gate_backward_cuda(
          {dmeans.data(), ddown.data(), ddown_bias.data(), dup.data(), dup_bias.data()},
          of_up.data(),
          of_down.data(),
          dgate.data(),
          call,
          nullptr);
      expect_written(inner, gate, of_up, of_down, dmeans, ddown, dup, ddown_bias, dup_bias);

      RunningVectors all{};
      all.count = 2;
      all.at[0] = {ddown_bias.data(), biases.data(), static_cast<int>(s), 0.1F};
      all.at[1] = {dup_bias.data(), biases.data() + s, static_cast<int>(c), 0.2F};
      step_running_moments_cuda(all, 0.9F, nullptr);
      expect_written(ddown_bias, dup_bias);
      expect_whole(means, down, up, biases, dgate);
    });
  }
}

}  // namespace
}  // namespace larkspur::model3d
