// SPDX-License-Identifier: Apache-2.0
#include "launch/run/start_weights.h"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/run/assemble.h"
#include "launch/run/weights_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using Names = std::vector<std::string>;

/// A file of weights of the classes box, cone, cube, and a training that starts from it.
class StartWeights : public ::testing::Test {
 protected:
  StartWeights() {
    config_ = small();
    config_.seed = 5;
    write_weights(*theirs_, {"box", "cone", "cube"}, file_);
  }

  /// The training's network, filled; what the log said is in `log_`.
  std::unique_ptr<model3d::Network> start(const Names& classes, NewHead choice) {
    config_.model.weights = file_.string();
    config_.model.new_head = choice;
    auto network = make_network(config_);
    ::testing::internal::CaptureStderr();
    fill_network(config_, classes, *network);
    log_ = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(at::equal(network->entries()[0].tensor, theirs_->entries()[0].tensor));
    return network;
  }

  static RunConfig small() {
    RunConfig config;
    config.model.classes = 3;
    config.model.kernel = {3, 3, 3};
    return config;
  }

  static at::Tensor head_of(const model3d::Network& network) {
    for (const auto& entry : network.entries()) {
      if (entry.name == "head.weight") return entry.tensor.detach();
    }
    return {};
  }
  at::Tensor their_head() const { return head_of(*theirs_); }
  at::Tensor own_head() const { return head_of(*make_network(config_)); }

  testing::TempDir folder_;
  std::filesystem::path file_ = folder_.path() / "w.safetensors";
  RunConfig config_;
  std::unique_ptr<model3d::Network> theirs_ = make_network(small());
  std::string log_;
};

TEST_F(StartWeights, KeepTheHeadOfTheSameClasses) {
  EXPECT_TRUE(at::equal(head_of(*start({"box", "cone", "cube"}, NewHead::kAuto)), their_head()));
  EXPECT_EQ(log_, "");
}

TEST_F(StartWeights, HaveANewHeadForOtherNamesOfTheSameNumberUnlessItIsToBeKept) {
  const Names others{"box", "cone", "torus"};
  EXPECT_TRUE(at::equal(head_of(*start(others, NewHead::kAuto)), own_head()));
  EXPECT_THAT(log_,
              HasSubstr("a new head for 3 classes: its own has other classes, class 2 is 'cube' "
                        "there, 'torus' here"));
  EXPECT_TRUE(at::equal(head_of(*start(others, NewHead::kFalse)), their_head()));
  EXPECT_THAT(log_, HasSubstr("model.new_head=false keeps its head of other classes, class 2 is"));
  EXPECT_TRUE(at::equal(head_of(*start({"0", "1", "2"}, NewHead::kAuto)), own_head()));
  EXPECT_THAT(log_, HasSubstr("class 0 is 'box' there, '0' here"));
}

TEST_F(StartWeights, HaveANewHeadForAnotherNumberOfClasses) {
  config_.model.classes = 4;
  EXPECT_TRUE(
      at::equal(head_of(*start({"box", "cone", "cube", "torus"}, NewHead::kAuto)), own_head()));
  EXPECT_THAT(log_, HasSubstr("a new head for 4 classes: its own has 3 classes"));
}

TEST_F(StartWeights, MatchTheRowsOfTheHeadByName) {
  const auto network = start({"cube", "box", "cone"}, NewHead::kAuto);
  const at::Tensor ours = head_of(*network);
  EXPECT_TRUE(at::equal(ours[0], their_head()[2]));
  EXPECT_TRUE(at::equal(ours[1], their_head()[0]));
  EXPECT_TRUE(at::equal(ours[2], their_head()[1]));
  EXPECT_THAT(log_, HasSubstr("rows of its head are matched by name"));
}

TEST_F(StartWeights, SayThatAHeadWithoutNamesIsTakenRowByRow) {
  write_tensors(model3d::published_state_dict(*theirs_), {}, file_);
  EXPECT_TRUE(at::equal(head_of(*start({"a", "b", "c"}, NewHead::kAuto)), their_head()));
  EXPECT_THAT(log_, HasSubstr("w.safetensors does not name its classes: its head is used row by"));
  EXPECT_TRUE(at::equal(head_of(*start({"a", "b", "c"}, NewHead::kTrue)), own_head()));
}

TEST_F(StartWeights, RefuseMetadataThatIsNoListOfNames) {
  for (const char* text : {"[1, 2, 3]", "{", R"(["a", "b"])"}) {
    write_tensors(model3d::published_state_dict(*theirs_), {{"class_names", text}}, file_);
    const auto refusal = testing::refusal_of([&] { (void)class_names_of(*open_weights(file_)); });
    EXPECT_EQ(refusal.code, "corrupt data") << text;
    EXPECT_THAT(refusal.text, HasSubstr("w.safetensors: class_names of its metadata is no list"));
  }
}

}  // namespace
}  // namespace larkspur::launch
