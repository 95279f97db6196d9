// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/plain_names.h"

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/memory_tensor_file.h"

namespace larkspur::model3d {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::unique_ptr<pipeline::TensorFile> plain(std::map<std::string, at::Tensor> tensors) {
  return with_plain_names(std::make_unique<testing::MemoryTensorFile>(std::move(tensors)));
}

TEST(PlainNames, LeaveOutWhatEveryNameBeginsWithAndSaySo) {
  const auto file = plain(
      {{"module._orig_mod.w", at::ones({2})}, {"module._orig_mod.backbone.b", at::ones({3})}});
  EXPECT_THAT(file->names(), ElementsAre("backbone.b", "w"));
  EXPECT_EQ(file->shape("backbone.b"), std::vector<std::int64_t>{3});
  EXPECT_EQ(file->tensor("w").numel(), 2);
  EXPECT_THAT(file->notes(), ElementsAre("'module._orig_mod.' is left out before every name"));
}

TEST(PlainNames, AreTheFilesOwnWhereOneLacksThePrefix) {
  const auto file = plain({{"backbone.w", at::ones({2})}, {"head.weight", at::ones({3})}});
  EXPECT_THAT(file->names(), ElementsAre("backbone.w", "head.weight"));
  EXPECT_THAT(file->notes(), IsEmpty());
}

TEST(PlainNames, TellThePrefixOfSome) {
  EXPECT_EQ(wrapper_before("w.b", {"head.weight", "module.backbone.w.b"}), "module.backbone.");
  EXPECT_EQ(wrapper_before("w.b", {"stages.w.b"}), "");
}

}  // namespace
}  // namespace larkspur::model3d
