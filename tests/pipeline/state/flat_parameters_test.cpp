// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/flat_parameters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/custom_function.h>

#include "pipeline/error.h"
#include "tests/support/called_ops.h"
#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using ::testing::ElementsAre;

/// Three parameters, each in a bucket of its own; `a` is used first.
struct ThreeBuckets {
  at::Tensor a = at::rand({3, 5}).requires_grad_();
  at::Tensor b = at::rand({5}).requires_grad_();
  at::Tensor c = at::rand({2, 3}).requires_grad_();
  at::Tensor a_before = a.detach().clone();
  FlatParameters flat{{{"a", a, true}, {"b", b, true}, {"c", c, false}}, 1};
};

TEST(FlatParameters, KeepTheNetworksValuesAndShapes) {
  const ThreeBuckets three;
  EXPECT_TRUE(at::allclose(three.a, three.a_before));
  EXPECT_EQ(three.flat.layout().bucket_count(), 3);
  const ElementRange place = three.flat.layout().entries()[2].range;
  three.flat.values().narrow(0, place.begin, 15).fill_(4.0);
  EXPECT_TRUE(at::allclose(three.a, at::ones({3, 5}) * 4.0));
}

TEST(FlatParameters, CollectGradientsInTheFlatBuffer) {
  ThreeBuckets three;
  three.flat.begin_lane();
  (three.a * 3.0).sum().backward();
  three.flat.finish_lane();
  const ElementRange place = three.flat.layout().entries()[2].range;
  const at::Tensor found = three.flat.gradients().narrow(0, place.begin, 15);
  EXPECT_TRUE(at::allclose(found, at::ones({15}) * 3.0));
  three.flat.begin_lane();
  EXPECT_EQ(three.flat.gradients().abs().sum().item<float>(), 0.0F);
}

TEST(FlatParameters, CollectABucketsGradientsInOneCall) {
  const at::Tensor a = at::rand({3, 5}).requires_grad_();
  const at::Tensor b = at::rand({5, 4}).requires_grad_();
  FlatParameters flat({{"a", a, true}, {"b", b, true}}, 1000);
  flat.begin_lane();
  const testing::CalledOps copies("aten::_foreach_copy_");
  a.matmul(b).sum().backward();
  EXPECT_THAT(testing::CalledOps::seen(), ElementsAre("aten::_foreach_copy_"));
  EXPECT_TRUE(a.grad().is_alias_of(flat.gradients())) << "a view of its place again";
  EXPECT_TRUE(at::allclose(b.grad(), a.detach().sum(0).unsqueeze(1).expand({5, 4})));
}

TEST(FlatParameters, ReportBucketsInOrderDuringBackwardAndTheRestAtTheEnd) {
  ThreeBuckets three;
  std::vector<int> reported;
  three.flat.on_bucket_ready([&](int bucket) { reported.push_back(bucket); });
  three.flat.begin_lane();
  three.c.matmul(three.a).sum().backward();  // b, in the middle bucket, is not used
  EXPECT_THAT(reported, ElementsAre(0));
  three.flat.finish_lane();
  EXPECT_THAT(reported, ElementsAre(0, 1, 2));
}

TEST(FlatParameters, WaitForNoFrozenOneAndGiveItNoGradient) {
  const at::Tensor first = at::rand({4});
  const at::Tensor last = at::rand({4}).requires_grad_();
  FlatParameters flat({{"first", first, true, 1, true}, {"last", last, true}}, 1);
  ASSERT_EQ(flat.layout().bucket_count(), 2);
  std::vector<int> reported;
  flat.on_bucket_ready([&](int bucket) { reported.push_back(bucket); });
  for (int lane = 0; lane < 2; ++lane) {
    reported.clear();
    flat.begin_lane();
    (first * last).sum().backward();
    EXPECT_THAT(reported, ElementsAre(0, 1));
    flat.finish_lane();
    EXPECT_THAT(reported, ElementsAre(0, 1));
    const ElementRange place = flat.layout().entries()[1].range;
    EXPECT_EQ(flat.gradients().narrow(0, place.begin, 4).abs().sum().item<float>(), 0.0F);
  }
  EXPECT_FALSE(first.grad().defined());
}

TEST(FlatParameters, RefuseAFrozenOneThatRequiresAGradientAndTheOtherWayRound) {
  const at::Tensor wanting = at::rand({3}).requires_grad_();
  EXPECT_THROW(FlatParameters({{"wanting", wanting, true, 0, true}}, 64), Error);
  EXPECT_THROW(FlatParameters({{"still", at::rand({3}), true}}, 64), Error);
}

TEST(FlatParameters, ShareValuesButNotGradientsWithAnotherNetwork) {
  ThreeBuckets three;
  ThreeBuckets other;
  const at::Tensor gradients =
      three.flat.share_values({{"a", other.a, true}, {"b", other.b, true}, {"c", other.c, false}});
  three.flat.values().fill_(4.0);
  EXPECT_TRUE(at::allclose(other.a, at::ones({3, 5}) * 4.0));
  (other.a * 3.0).sum().backward();
  const ElementRange place = three.flat.layout().entries()[2].range;
  EXPECT_TRUE(at::allclose(gradients.narrow(0, place.begin, 15), at::ones({15}) * 3.0));
  EXPECT_EQ(gradients.sum().item<float>(), 45.0F);
  EXPECT_EQ(three.flat.gradients().abs().sum().item<float>(), 0.0F);
  EXPECT_THROW(three.flat.share_values({{"a", other.a, true}}), Error);
}

TEST(FlatParameters, RefuseAParameterOfAnotherType) {
  const at::Tensor wide = at::rand({3}, at::kDouble).requires_grad_();
  EXPECT_THROW(FlatParameters({{"wide", wide, true}}, 64), Error);
}

/// Gives its result's gradient to a slot instead of to autograd.
class SlotScale : public torch::autograd::Function<SlotScale> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& weight,
                            const GradientSlot* slot) {
    context->saved_data["slot"] = reinterpret_cast<std::int64_t>(slot);
    return weight * 2.0;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto* slot =
        reinterpret_cast<const GradientSlot*>(context->saved_data["slot"].toInt());  // NOLINT
    slot->gradient().add_(outputs[0].flatten(), 2.0);
    slot->report_ready();
    return {at::Tensor(), at::Tensor()};
  }
};

TEST(GradientSlots, AnOpMayFillItsOwnAndReportItReadyInsideBackward) {
  ThreeBuckets three;
  const std::vector<GradientSlot> slots = three.flat.slots();
  ASSERT_EQ(slots.size(), 3U);
  std::vector<int> reported;
  three.flat.on_bucket_ready([&](int bucket) { reported.push_back(bucket); });
  for (int lane = 0; lane < 2; ++lane) {
    reported.clear();
    three.flat.begin_lane();
    (three.c.matmul(SlotScale::apply(three.a, &slots[0])).sum() + three.b.sum()).backward();
    EXPECT_THAT(reported, ElementsAre(0, 1, 2));
    const at::Tensor expected =
        three.c.detach().sum(0).unsqueeze(1).expand({3, 5}).flatten().mul(2.0);
    EXPECT_TRUE(at::allclose(slots[0].gradient(), expected));
    three.flat.finish_lane();
    EXPECT_THAT(reported, ElementsAre(0, 1, 2));
  }
}

TEST(GradientSlots, AreReportedOnceALaneAndNotBesideAutograd) {
  ThreeBuckets three;
  const std::vector<GradientSlot> slots = three.flat.slots();
  three.flat.begin_lane();
  slots[1].report_ready();
  EXPECT_THAT(testing::error_of([&] { slots[1].report_ready(); }).what(),
              ::testing::HasSubstr("the slot of b is reported ready a second time"));
  EXPECT_THROW(three.b.sum().backward(), std::exception);
  three.flat.begin_lane();
  EXPECT_NO_THROW(three.b.sum().backward());
}

TEST(GradientSlots, AFrozenParameterHasNone) {
  const at::Tensor first = at::rand({4});
  const at::Tensor last = at::rand({4}).requires_grad_();
  FlatParameters flat({{"first", first, true, 1, true}, {"last", last, true}}, 1);
  const std::vector<GradientSlot> slots = flat.slots();
  EXPECT_FALSE(slots[0].valid());
  EXPECT_TRUE(slots[1].valid());
}

}  // namespace
}  // namespace larkspur::pipeline
