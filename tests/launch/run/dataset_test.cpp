// SPDX-License-Identifier: Apache-2.0
#include "launch/run/dataset.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/run/assemble.h"
#include "pipeline/storage/crc32c.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;

class MakeData : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_.path() / name).parent_path());
    std::ofstream(dir_.path() / name) << text;
    return (dir_.path() / name).string();
  }

  testing::TempDir dir_;
};

// Of folders of pictures a clip is drawn from as many as the list says.
TEST_F(MakeData, ListsThatDifferInFramesDifferInTheirCrc) {
  RunConfig config;
  config.data.kind = DataKind::kVideo;
  write("waving/b/img_00001.jpg", "x");
  const auto crc_of = [&](const std::string& text) {
    config.data.eval.list = write("list.txt", text);
    return list_crc(*make_evaluation_data(config, {"0", "1"}).source);
  };
  const auto of_bytes = [](const std::string& text) {
    return pipeline::crc32c(text.data(), text.size());
  };
  EXPECT_NE(crc_of("waving/b 300 1\n"), crc_of("waving/b 299 1\n"));
  EXPECT_EQ(crc_of("waving/b 300 1\n"), of_bytes("waving/b\t300 1\n"));
  EXPECT_EQ(crc_of("waving/b 1\na.mp4 0\n"), of_bytes("waving/b 1\na.mp4 0\n"));
}

TEST_F(MakeData, NeedsLabelsWhereTheModelHasNamesAndTheListNumbers) {
  RunConfig config;
  config.data.eval.list = write("list.txt", "a.npy 1\nb.npy 0\n");
  EXPECT_THAT(refusal_of([&] {
                make_evaluation_data(config, {"bed", "chair"});
              }).text,
              HasSubstr("the model has names: set labels"));
  config.data.eval.labels = write("labels.txt", "bed\nchair\n");
  const Dataset side = make_evaluation_data(config, {"bed", "chair"});
  EXPECT_THAT(side.classes, ElementsAre("bed", "chair"));
  EXPECT_EQ(side.source->label(0), 1);
}

TEST_F(MakeData, NeedsAMapWhereTheModelHasNumbersAndTheListNames) {
  RunConfig config;
  write("set/bed/test/a.npy", "x");
  write("set/chair/test/b.npy", "x");
  config.data.eval.root = (dir_.path() / "set").string();
  EXPECT_THAT(refusal_of([&] {
                make_evaluation_data(config, {"0", "1", "2"});
              }).text,
              HasSubstr("set data.eval.labels"));
  config.data.eval.labels = write("names.txt", "table\nchair\nbed\n");
  const Dataset side = make_evaluation_data(config, {"0", "1", "2"});
  EXPECT_EQ(side.source->label(0), 2);  // bed
  EXPECT_EQ(side.source->label(1), 1);
}

TEST_F(MakeData, TakesTheClassesFromWhateverTellsThem) {
  RunConfig config;  // model.classes is left out
  config.data.train.list = write("list.txt", "a.npy 2\nb.npy 0\n");
  EXPECT_THAT(make_training_data(config).classes, ElementsAre("0", "1", "2"));
  config.data.train.labels = write("names.txt", "bed\nchair\ntable\nvase\n");
  EXPECT_THAT(make_training_data(config).classes, ElementsAre("bed", "chair", "table", "vase"));
  config.model.classes = 3;
  EXPECT_THAT(refusal_of([&] { make_training_data(config); }).text,
              HasSubstr("has 4 classes, model.classes is 3"));
}

TEST_F(MakeData, GivesWhatTheFormLooksAt) {
  RunConfig config;
  config.data.points = 5;
  config.data.grid = 8;
  config.data.views = {.count = 2, .elevation = 0, .size = 12, .splat = 0.2};
  const std::string file = write("tetrahedron.xyz", "0 0 0\n1 0 0\n0 1 0\n0 0 1\n");
  const auto sample = [&](ModelForm form) {
    config.model.form = form;
    return make_data_of_files(config, {"a"}, {file}).source->read({}).value();
  };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(sample(ModelForm::kVoxel).inputs["voxels"].sizes(), (Shape{1, 8, 8, 8}));
  EXPECT_EQ(sample(ModelForm::kViews).inputs["views"].sizes(), (Shape{2, 3, 12, 12}));
  EXPECT_EQ(sample(ModelForm::kPoints).inputs["points"].sizes(), (Shape{5, 3}));
  EXPECT_EQ(sample(ModelForm::kCells).inputs["points"].sizes(), (Shape{5, 3}));
  EXPECT_EQ(sample(ModelForm::kJoint).inputs["voxels"].sizes(), (Shape{1, 8, 8, 8}));
  EXPECT_EQ(sample(ModelForm::kJoint).inputs["views"].sizes(), (Shape{2, 3, 12, 12}));
  config.data.cells = readers::VoxelValue::kRich;
  EXPECT_EQ(sample(ModelForm::kVoxel).inputs["voxels"].sizes(), (Shape{12, 8, 8, 8}));
}

TEST_F(MakeData, OfFilesKeepsTheirOrder) {
  const Dataset side = make_data_of_files({}, {"bed", "chair"}, {"z.npy", "a.npy"});
  EXPECT_EQ(side.source->size(), 2);
  EXPECT_EQ(side.source->name(0), "z.npy");
  EXPECT_THAT(side.classes, ElementsAre("bed", "chair"));
}

}  // namespace
}  // namespace larkspur::launch
