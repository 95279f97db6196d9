// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"
#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"
#include "pipeline/error.h"
#include "tests/support/called_ops.h"
#include "tests/support/dw_conv3d_reference.h"

namespace larkspur::model3d {
namespace {

using ::testing::HasSubstr;
using Case = testing::DwConv3dCase;
using testing::Triple;

struct Inputs {
  at::Tensor x, k, dy;  // float32
};

at::Tensor normal(at::IntArrayRef sizes, std::uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed));
}

Inputs make_inputs(const Case& c) {
  const std::vector<std::int64_t> map = {c.n, c.c, c.size[0], c.size[1], c.size[2]};
  return {normal(map, 1), normal({c.c, 1, c.taps[0], c.taps[1], c.taps[2]}, 2), normal(map, 3)};
}

struct Outputs {
  at::Tensor y, dx, dk;
};

Outputs run(const Inputs& in, const Triple& rate) {
  const at::Tensor x = in.x.detach().requires_grad_();
  const at::Tensor k = in.k.detach().requires_grad_();
  const at::Tensor y = dw_conv3d(x, k, rate);
  y.backward(in.dy);
  return {y.detach(), x.grad(), k.grad()};
}

/// The seven loops, as tensors.
Outputs expected_of(const Inputs& in, const Case& c) {
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble).contiguous(); };
  const at::Tensor x = wide(in.x);
  const at::Tensor k = wide(in.k);
  const at::Tensor dy = wide(in.dy);
  testing::DwConv3dReference reference = testing::dw_conv3d_reference(
      c, x.const_data_ptr<double>(), k.const_data_ptr<double>(), dy.const_data_ptr<double>());
  const auto tensor = [](std::vector<double>& values, at::IntArrayRef sizes) {
    return at::from_blob(values.data(), sizes, at::kDouble).clone();
  };
  return {tensor(reference.y, in.x.sizes()),
          tensor(reference.dx, in.x.sizes()),
          tensor(reference.dk, in.k.sizes())};
}

bool same_bits(const at::Tensor& a_in, const at::Tensor& b_in) {
  const at::Tensor a = a_in.contiguous();
  const at::Tensor b = b_in.contiguous();
  if (a.sizes() != b.sizes()) return false;
  return a.numel() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

// A float sum of m products of unit normals walks to about sqrt(m) and errs by about m * 2^-25.
double tolerance(const Case& c) {
  const auto volume = [](const Triple& t) { return static_cast<double>(t[0] * t[1] * t[2]); };
  const double terms =
      std::max(static_cast<double>(c.n) * volume(c.size), std::min(volume(c.taps), volume(c.size)));
  return 1e-6 + terms * 0x1p-23;
}

double worst(const at::Tensor& got, const at::Tensor& expected) {
  if (got.sizes() != expected.sizes()) return INFINITY;
  if (got.numel() == 0) return 0;
  return got.to(at::kDouble).sub(expected.to(at::kDouble)).abs().max().item<double>();
}

TEST(DwConv3d, AgreesWithSevenLoopsInFloat64) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    const Inputs in = make_inputs(c);
    const Outputs expected = expected_of(in, c);

    const Outputs got = run(in, c.rate);

    EXPECT_LT(worst(got.y, expected.y), tolerance(c));
    EXPECT_LT(worst(got.dx, expected.dx), tolerance(c));
    EXPECT_LT(worst(got.dk, expected.dk), tolerance(c));
  }
}

TEST(DwConv3d, ChannelsLastGivesTheSameBitsInItsOwnLayout) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    const Inputs in = make_inputs(c);
    constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;
    const Outputs first = run(in, c.rate);

    const Outputs last = run({in.x.contiguous(kLast), in.k, in.dy.contiguous(kLast)}, c.rate);

    EXPECT_TRUE(last.y.is_contiguous(kLast));
    EXPECT_TRUE(same_bits(last.y, first.y));
    EXPECT_TRUE(same_bits(last.dx, first.dx));
    EXPECT_TRUE(same_bits(last.dk, first.dk));
  }
}

TEST(DwConv3d, AgreesWithTheLibrary) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    const Inputs in = make_inputs(c);
    Triple padding;
    for (std::size_t i = 0; i < 3; ++i) padding[i] = c.rate[i] * (c.taps[i] / 2);

    const Outputs got = run(in, c.rate);

    const at::Tensor y =
        at::convolution(in.x, in.k, {}, {1, 1, 1}, padding, c.rate, false, {0, 0, 0}, c.c);
    EXPECT_LT(worst(got.y, y), tolerance(c));
  }
}

// Straight through the pointers, into memory that holds no number before.
Outputs run_set(const Inputs& in, const Case& c, const DwConv3dLanes* set) {
  const auto& [d, h, w] = c.size;
  const auto& [kd, kh, kw] = c.taps;
  const auto& [rd, rh, rw] = c.rate;
  constexpr auto kFirst = DwConv3dLayout::kChannelsFirst;
  const DwConv3dShape shape{c.n, c.c, d, h, w, kd, kh, kw, rd, rh, rw, kFirst};
  const Outputs out{at::full_like(in.x, NAN), at::full_like(in.x, NAN), at::full_like(in.k, NAN)};
  const auto* x = in.x.const_data_ptr<float>();
  const auto* k = in.k.const_data_ptr<float>();
  const auto* dy = in.dy.const_data_ptr<float>();
  dw_conv3d_forward_cpu(out.y.mutable_data_ptr<float>(), x, k, shape, set);
  dw_conv3d_input_gradient_cpu(out.dx.mutable_data_ptr<float>(), dy, k, shape, set);
  dw_conv3d_weight_gradient_cpu(out.dk.mutable_data_ptr<float>(), x, dy, shape, set);
  return out;
}

bool fuses(InstructionSet set) { return set != InstructionSet::kPortable; }

TEST(DwConv3d, EveryInstructionSetAgreesWithTheFastest) {
  for (const Case& c : testing::kDwConv3dCases) {
    const Inputs in = make_inputs(c);
    const Outputs fastest = run(in, c.rate);
    for (const InstructionSet set : instruction_sets()) {
      const DwConv3dLanes& lanes = dw_conv3d_lanes(set);
      SCOPED_TRACE(std::string(c.name) + " " + lanes.name);

      const Outputs got = run_set(in, c, &lanes);

      EXPECT_LT(worst(got.y, fastest.y), tolerance(c));
      EXPECT_LT(worst(got.dx, fastest.dx), tolerance(c));
      EXPECT_LT(worst(got.dk, fastest.dk), tolerance(c));
      if (fuses(set) && fuses(fastest_instruction_set())) {
        EXPECT_TRUE(same_bits(got.y, fastest.y));
        EXPECT_TRUE(same_bits(got.dx, fastest.dx));
        EXPECT_TRUE(same_bits(got.dk, fastest.dk));
      }
    }
  }
}

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

TEST(DwConv3d, AnyNumberOfThreadsGivesTheSameBits) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    const Inputs in = make_inputs(c);
    const Threads single(1);
    const Outputs one = run(in, c.rate);
    for (const int count : {2, 3}) {
      const Threads threads(count);

      const Outputs many = run(in, c.rate);

      EXPECT_TRUE(same_bits(many.y, one.y));
      EXPECT_TRUE(same_bits(many.dx, one.dx));
      EXPECT_TRUE(same_bits(many.dk, one.dk));
    }
  }
}

TEST(DwConv3d, MisalignedMemoryGivesTheSameBits) {
  for (const Case& c : testing::kDwConv3dCases) {
    SCOPED_TRACE(c.name);
    const Inputs in = make_inputs(c);
    const auto shifted = [](const at::Tensor& tensor) {
      const at::Tensor room = at::empty({tensor.numel() + 1});
      return room.narrow(0, 1, tensor.numel()).view(tensor.sizes()).copy_(tensor);
    };

    const Outputs got = run({shifted(in.x), shifted(in.k), shifted(in.dy)}, c.rate);

    const Outputs expected = run(in, c.rate);
    EXPECT_TRUE(same_bits(got.y, expected.y));
    EXPECT_TRUE(same_bits(got.dx, expected.dx));
    EXPECT_TRUE(same_bits(got.dk, expected.dk));
  }
}

TEST(DwConv3d, TapsThatReachNothingHaveExactlyNoGradient) {
  const Case c{"", 4, 18, {2, 3, 2}, {13, 13, 13}, {1, 1, 1}};

  const at::Tensor dk = run(make_inputs(c), c.rate).dk;

  const at::Tensor middle = dk.narrow(2, 5, 3).narrow(3, 4, 5).narrow(4, 5, 3);
  EXPECT_EQ(middle.count_nonzero().item<std::int64_t>(), 18 * 3 * 5 * 3);
  EXPECT_EQ(dk.count_nonzero().item<std::int64_t>(), 18 * 3 * 5 * 3);
}

TEST(DwConv3d, ASampleDoesNotDependOnItsBatch) {
  const Case c{"", 7, 16, {4, 4, 4}, {7, 7, 7}, {1, 1, 1}};
  const Inputs in = make_inputs(c);

  const Outputs all = run(in, c.rate);
  const Outputs sixth = run({in.x.narrow(0, 5, 1), in.k, in.dy.narrow(0, 5, 1)}, c.rate);

  EXPECT_TRUE(same_bits(sixth.y, all.y.narrow(0, 5, 1)));
  EXPECT_TRUE(same_bits(sixth.dx, all.dx.narrow(0, 5, 1)));
}

TEST(DwConv3d, StridedInputAndExpandedGradientGiveWhatTheirCopiesGive) {
  const at::Tensor wide = normal({2, 6, 5, 5, 9}, 4);
  const at::Tensor k = normal({6, 1, 3, 3, 3}, 5);
  const at::Tensor strided = wide.narrow(4, 1, 6);
  const at::Tensor ones = normal({1}, 6).expand({2, 6, 5, 5, 6});

  const Outputs got = run({strided, k, ones}, {1, 1, 1});

  const Outputs expected = run({strided.contiguous(), k, ones.contiguous()}, {1, 1, 1});
  EXPECT_TRUE(same_bits(got.y, expected.y));
  EXPECT_TRUE(same_bits(got.dx, expected.dx));
  EXPECT_TRUE(same_bits(got.dk, expected.dk));
}

TEST(DwConv3d, OnlyTheGradientAskedForIsMade) {
  const Case c{"", 1, 4, {3, 3, 3}, {3, 3, 3}, {1, 1, 1}};
  const Inputs in = make_inputs(c);
  const at::Tensor k = in.k.detach().requires_grad_();

  dw_conv3d(in.x, k, c.rate).backward(in.dy);

  EXPECT_TRUE(same_bits(k.grad(), run(in, c.rate).dk));
  EXPECT_FALSE(in.x.grad().defined());
}

TEST(DwConv3d, SecondDerivativesAreRefused) {
  const Case c{"", 1, 4, {3, 3, 3}, {3, 3, 3}, {1, 1, 1}};
  const Inputs in = make_inputs(c);
  const at::Tensor y = dw_conv3d(in.x, in.k.detach().requires_grad_(), c.rate);

  EXPECT_THROW(y.backward(in.dy, /*retain_graph=*/true, /*create_graph=*/true), pipeline::Error);
}

TEST(DwConv3d, Float64HasItsGradientsInEveryLayout) {
  const Case c{"", 2, 3, {3, 4, 5}, {3, 3, 5}, {1, 2, 1}};
  const Inputs in = make_inputs(c);
  const Inputs wide{in.x.to(at::kDouble), in.k.to(at::kDouble), in.dy.to(at::kDouble)};

  const Outputs got = run(wide, c.rate);

  const Outputs expected = expected_of(wide, c);
  EXPECT_EQ(got.y.scalar_type(), at::kDouble);
  EXPECT_LT(worst(got.y, expected.y), 1e-12);
  EXPECT_LT(worst(got.dx, expected.dx), 1e-12);
  EXPECT_LT(worst(got.dk, expected.dk), 1e-12);

  const auto last = at::MemoryFormat::ChannelsLast3d;
  const Outputs turned = run({wide.x.contiguous(last), wide.k, wide.dy.contiguous(last)}, c.rate);
  EXPECT_TRUE(turned.y.is_contiguous(last));
  EXPECT_TRUE(turned.y.equal(got.y) && turned.dx.equal(got.dx) && turned.dk.equal(got.dk));
}

TEST(DwConv3d, BrokenPromisesAreNamedWithTheirSizes) {
  const at::Tensor x = normal({1, 4, 3, 3, 3}, 1);
  const auto text_of = [&](const at::Tensor& input, at::IntArrayRef weight, const Triple& rate) {
    try {
      dw_conv3d(input, normal(weight, 2), rate);
    } catch (const pipeline::Error& error) {
      EXPECT_EQ(error.code(), pipeline::Errc::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string("nothing thrown");
  };

  EXPECT_THAT(text_of(x[0], {4, 1, 3, 3, 3}, {1, 1, 1}), HasSubstr("input has 4 dimensions"));
  EXPECT_THAT(text_of(x, {4, 1, 3, 3}, {1, 1, 1}), HasSubstr("weight has 4 dimensions"));
  EXPECT_THAT(text_of(x, {5, 1, 3, 3, 3}, {1, 1, 1}), HasSubstr("5 channels, input has 4"));
  EXPECT_THAT(text_of(x, {4, 2, 3, 3, 3}, {1, 1, 1}), HasSubstr("2 inputs a channel"));
  EXPECT_THAT(text_of(x, {4, 1, 3, 4, 3}, {1, 1, 1}), HasSubstr("4 taps along axis 1"));
  EXPECT_THAT(text_of(x, {4, 1, 3, 3, 3}, {1, 1, 0}), HasSubstr("rate along axis 2 is 0"));
  EXPECT_THAT(text_of(x.to(at::kDouble), {4, 1, 3, 3, 3}, {1, 1, 1}), HasSubstr("input is Double"));
  EXPECT_THAT(text_of(x.narrow(2, 0, 0), {4, 1, 3, 3, 3}, {1, 1, 1}), HasSubstr("no positions"));
}

TEST(DwConv3dOps, ForwardAndBothGradientsGoThroughTheDispatcher) {
  const at::Tensor x = at::rand({2, 3, 4, 5, 6}).requires_grad_();
  const at::Tensor weight = at::rand({3, 1, 3, 3, 3}).requires_grad_();
  const testing::CalledOps calls("larkspur::");
  dw_conv3d(x, weight).sum().backward();
  EXPECT_THAT(testing::CalledOps::seen(),
              ::testing::ElementsAre("larkspur::dw_conv3d",
                                     "larkspur::dw_conv3d_input_gradient",
                                     "larkspur::dw_conv3d_weight_gradient"));
}

TEST(DwConv3dOps, TakeAnyLayoutFromOtherCallers) {
  const at::Tensor x = at::rand({2, 3, 4, 5, 6});
  const at::Tensor weight = at::rand({3, 1, 3, 3, 3});
  const auto op = c10::Dispatcher::singleton()
                      .findSchemaOrThrow("larkspur::dw_conv3d", "")
                      .typed<at::Tensor(const at::Tensor&, const at::Tensor&, at::IntArrayRef)>();
  const at::Tensor expected = dw_conv3d(x, weight, {1, 2, 1});
  const at::Tensor strided = x.transpose(2, 4).contiguous().transpose(2, 4);
  EXPECT_TRUE(op.call(strided, weight, {1, 2, 1}).equal(expected));
}

}  // namespace
}  // namespace larkspur::model3d
