// SPDX-License-Identifier: Apache-2.0
// The kernels of depthwise convolution against seven loops in float64: every type, both layouts,
// the shapes of the CPU twin's tests, three orders of threads.
#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "model3d/kernels/device_types.cuh"
#include "model3d/ops/dw_conv3d/dw_conv3d_cuda_plan.h"
#include "tests/cuda_on_cpu/device_array.h"
#include "tests/cuda_on_cpu/every_order.h"
#include "tests/support/dw_conv3d_reference.h"

namespace larkspur::model3d {
namespace {

using cuda_on_cpu::DeviceArray;
using cuda_on_cpu::in_every_order;
using Case = testing::DwConv3dCase;

/// Normal numbers that T holds exactly.
template <typename T>
std::vector<double> normals(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<double> values(count);
  for (double& value : values) value = to_float(from_float<T>(normal(random)));
  return values;
}

std::size_t place(const Case& c, DwConv3dLayout layout, std::size_t index) {
  if (layout == DwConv3dLayout::kChannelsFirst) return index;
  const auto positions = static_cast<std::size_t>(c.size[0] * c.size[1] * c.size[2]);
  const auto channels = static_cast<std::size_t>(c.c);
  const std::size_t map = index / positions;
  return (map / channels * positions + index % positions) * channels + map % channels;
}

template <typename T>
DeviceArray<T> map_of(const std::vector<double>& values, const Case& c, DwConv3dLayout layout) {
  std::vector<T> placed(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    placed[place(c, layout, i)] = from_float<T>(static_cast<float>(values[i]));
  }
  return DeviceArray<T>(placed);
}

// A float sum of m products of unit normals walks to about sqrt(m) and errs by about m * 2^-25;
// then the result is rounded to T once.
template <typename T>
constexpr double kRounding = std::is_same_v<T, float>     ? 0.0
                             : std::is_same_v<T, Float16> ? 0x1p-11
                                                          : 0x1p-8;

double sum_error(const Case& c) {
  const auto volume = [](const testing::Triple& t) {
    return static_cast<double>(t[0] * t[1] * t[2]);
  };
  const double terms =
      std::max(static_cast<double>(c.n) * volume(c.size), std::min(volume(c.taps), volume(c.size)));
  return 1e-6 + terms * 0x1p-23;
}

/// Nothing but rounding apart, and exactly zero where the reference is.
template <typename T, typename Place>
void expect_near(const DeviceArray<T>& got_array,
                 const std::vector<double>& expected,
                 const Case& c,
                 const Place& at) {
  EXPECT_TRUE(got_array.margins_are_whole());
  const std::vector<T> got = got_array.values();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double value = to_float(got[at(i)]);
    const double bound = expected[i] == 0 ? 0 : sum_error(c) + kRounding<T> * std::abs(expected[i]);
    if (std::abs(value - expected[i]) <= bound) continue;
    if (++wrong <= 3) ADD_FAILURE() << "at " << i << ": " << value << ", expected " << expected[i];
  }
  EXPECT_EQ(wrong, 0U);
}

template <typename T>
class DwConv3dKernels : public ::testing::Test {
 protected:
  void check(const Case& c) {
    const std::vector<double> x = normals<T>(c.map_elements(), 1);
    const std::vector<double> k = normals<T>(c.kernel_elements(), 2);
    const std::vector<double> dy = normals<T>(c.map_elements(), 3);
    const auto expected = testing::dw_conv3d_reference(c, x.data(), k.data(), dy.data());
    for (const auto layout : {DwConv3dLayout::kChannelsFirst, DwConv3dLayout::kChannelsLast}) {
      SCOPED_TRACE(layout == DwConv3dLayout::kChannelsLast ? "channels last" : "channels first");
      check_layout(c, layout, {x, k, dy}, expected);
    }
  }

 private:
  struct Inputs {
    const std::vector<double>&x, &k, &dy;
  };

  void check_layout(const Case& c,
                    DwConv3dLayout layout,
                    const Inputs& inputs,
                    const testing::DwConv3dReference& expected) {
    const auto& [x, k, dy] = inputs;
    const auto& [d, h, w] = c.size;
    const auto& [kd, kh, kw] = c.taps;
    const auto& [rd, rh, rw] = c.rate;
    const DwConv3dShape shape{c.n, c.c, d, h, w, kd, kh, kw, rd, rh, rw, layout};
    const auto in_map = [&](std::size_t i) { return place(c, layout, i); };
    const auto in_kernel = [](std::size_t i) { return i; };
    DeviceArray<T> x_in = map_of<T>(x, c, layout);
    DeviceArray<T> dy_in = map_of<T>(dy, c, layout);
    DeviceArray<T> k_in = map_of<T>(k, c, DwConv3dLayout::kChannelsFirst);
    in_every_order([&] {
      DeviceArray<T> y(c.map_elements());
      dw_conv3d_forward_cuda(y.data(), x_in.data(), k_in.data(), shape, nullptr);
      expect_near(y, expected.y, c, in_map);

      DeviceArray<T> dx(c.map_elements());
      dw_conv3d_input_gradient_cuda(dx.data(), dy_in.data(), k_in.data(), shape, nullptr);
      expect_near(dx, expected.dx, c, in_map);

      DeviceArray<T> dk(c.kernel_elements());
      DeviceArray<float> partial(static_cast<std::size_t>(dw_conv3d_partial_elements(shape)));
      dw_conv3d_weight_gradient_cuda(
          dk.data(), partial.data(), x_in.data(), dy_in.data(), shape, nullptr);
      expect_near(dk, expected.dk, c, in_kernel);
      EXPECT_TRUE(partial.margins_are_whole());
    });
  }
};

using Types = ::testing::Types<float, Bfloat16, Float16>;
TYPED_TEST_SUITE(DwConv3dKernels, Types);

TYPED_TEST(DwConv3dKernels, AgreeWithSevenLoopsInFloat64) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    this->check(c);
  }
}

}  // namespace
}  // namespace larkspur::model3d
