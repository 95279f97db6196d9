// SPDX-License-Identifier: Apache-2.0
// The network against the authors' own figures: names, evaluation, merging. Variants on pictures,
// and A on clips laid out as one.
#include <map>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "tests/support/far_network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::crc32_of;
using larkspur::testing::expect_logits;
using larkspur::testing::expect_record;
using larkspur::testing::fill_by_formula;
using larkspur::testing::golden_entry;
using larkspur::testing::golden_image;
using larkspur::testing::read_golden;

Network golden_network(const ModelOptions& options = {
                           .form = "image", .variant = "a", .classes = 1000}) {
  Network network(options);
  fill_by_formula(network.parameters());
  fill_by_formula(network.statistics());
  return network;
}

pipeline::Batch golden_batch(std::int64_t size) {
  pipeline::Batch batch;
  batch.inputs["input"] = golden_image({2, 3, size, size});
  batch.keys.resize(2);
  return batch;
}

std::map<std::string, at::Tensor> entries_by_name(const Network& network) {
  std::map<std::string, at::Tensor> entries;
  for (const auto& parameter : network.parameters()) entries[parameter.name] = parameter.tensor;
  for (const auto& statistic : network.statistics()) entries[statistic.name] = statistic.tensor;
  return entries;
}

/// Layer outputs under the names of the golden features: "stem", "stage1", "down1", ...
std::map<std::string, at::Tensor> features_of(const Network& network, const at::Tensor& image) {
  std::map<std::string, at::Tensor> features;
  const auto observer = [&](const std::string& layer, const at::Tensor& y) {
    const std::string number = layer.substr(layer.find('.') + 1);
    if (layer.starts_with("stages.")) {
      features["stage" + std::to_string(number[0] - '0' + 1)] = y;
      features[layer] = y;
    } else {
      features[number == "0" ? "stem" : std::string("down").append(number)] = y;
    }
  };
  const at::Tensor last = network.backbone().forward(network.form().as_map(image), {}, observer);
  features["head_norm"] = network.head().normed(last.mean({2, 3, 4}));
  return features;
}

const nlohmann::json& evaluation(const nlohmann::json& file, std::int64_t size) {
  for (const auto& one : file.at("cases")) {
    if (one.at("input").at("shape")[2] == size) return one;
  }
  throw std::runtime_error("no such case");
}

TEST(GoldenNetwork, HasThePublishedEntriesAndNoOthers) {
  const auto entries = entries_by_name(golden_network());
  const auto file = read_golden("names_A.json");
  std::size_t published = 0;
  for (const auto& row : file.at("entries")) {
    const std::string name = row[0];
    if (name.ends_with("num_batches_tracked")) continue;
    ++published;
    ASSERT_TRUE(entries.contains(name)) << name;
    std::vector<std::int64_t> shape = entries.at(name).sizes().vec();
    if (shape.size() == 5) shape.erase(shape.begin() + 2);
    EXPECT_EQ(shape, row[1].get<std::vector<std::int64_t>>()) << name;
    EXPECT_EQ(crc32_of(entries.at(name)), row[3]) << name;
  }
  EXPECT_EQ(entries.size(), published);
}

TEST(GoldenNetwork, HasThePublishedEntriesOnceMerged) {
  Network network = golden_network();
  network.merge();
  const auto entries = entries_by_name(network);
  const auto rows = read_golden("names_A.json").at("deploy_entries");
  for (const auto& row : rows) EXPECT_TRUE(entries.contains(row[0])) << row[0];
  EXPECT_EQ(entries.size(), rows.size());
}

/// One case of eval_<variant>.json.
struct Evaluated {
  char variant;
  std::int64_t size;
};

void PrintTo(const Evaluated& evaluated, std::ostream* out) {
  *out << evaluated.variant << " at " << evaluated.size;
}

class GoldenEvaluation : public ::testing::TestWithParam<Evaluated> {
 protected:
  Network network() const {
    const char lower = static_cast<char>(GetParam().variant - 'A' + 'a');
    return golden_network({.form = "image", .variant = {lower}, .classes = 1000});
  }
  nlohmann::json figures() const {
    const auto file = read_golden(std::string("eval_") + GetParam().variant + ".json");
    return evaluation(file, GetParam().size);
  }
};

/// Expects a case's logits from the network as trained and once merged.
void expect_case(const nlohmann::json& expected, Network network, const pipeline::Batch& batch) {
  expect_logits(expected.at("logits"), network.forward(batch), expected.at("tol"));
  network.merge();
  expect_logits(expected.at("deploy").at("logits"), network.forward(batch), expected.at("tol"));
}

TEST_P(GoldenEvaluation, GivesThePublishedLogits) {
  const at::NoGradGuard no_grad;
  const auto expected = figures();
  const auto batch = golden_batch(GetParam().size);
  ASSERT_EQ(crc32_of(batch.inputs["input"]), expected.at("input").at("crc32"));
  expect_case(expected, network(), batch);
}

TEST_P(GoldenEvaluation, GivesThePublishedFeatures) {
  const at::NoGradGuard no_grad;
  const auto expected = figures();
  const auto features = features_of(network(), golden_batch(GetParam().size).inputs["input"]);
  for (const auto& record : expected.at("features")) {
    expect_record(record, features.at(record.at("name")));
  }
  for (const auto& block : expected.at("blocks")) {
    const double norm = block.at("l2");
    EXPECT_NEAR(features.at(block.at("name")).norm().item<double>(), norm, 1e-5 * norm);
  }
}

// The figures are of a float64 run, printed with nine digits: what a tolerance for float32 lets
// through, this does not.
class GoldenDigits : public GoldenEvaluation {};

TEST_P(GoldenDigits, AreThoseOfARunInFloat64) {
  const at::NoGradGuard no_grad;
  Network wide = network();
  larkspur::testing::widen(wide);
  auto batch = golden_batch(GetParam().size);
  batch.inputs["input"] = batch.inputs["input"].to(at::kDouble);
  expect_logits(
      figures().at("logits"), wide.forward(batch), larkspur::testing::kGoldenNetworkDigits);
}

std::string case_name(const ::testing::TestParamInfo<Evaluated>& info) {
  return info.param.variant + std::to_string(info.param.size);
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         GoldenEvaluation,
                         ::testing::Values(Evaluated{'A', 64},
                                           Evaluated{'A', 224},
                                           Evaluated{'F', 64},
                                           Evaluated{'F', 224},
                                           Evaluated{'T', 64}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Slow,
                         GoldenEvaluation,
                         ::testing::Values(Evaluated{'T', 224}, Evaluated{'S', 224}),
                         case_name);

INSTANTIATE_TEST_SUITE_P(Sizes,
                         GoldenDigits,
                         ::testing::Values(Evaluated{'A', 64}, Evaluated{'F', 64}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Slow,
                         GoldenDigits,
                         ::testing::Values(Evaluated{'A', 224}, Evaluated{'T', 64}),
                         case_name);

TEST(GoldenNetwork, GivesThePublishedLogitsOfClipsLaidOutAsOnePicture) {
  const at::NoGradGuard no_grad;
  pipeline::Batch batch;
  batch.inputs["input"] = larkspur::testing::golden_clip({1, 3, 16, 56, 56});
  const auto file = read_golden("video_A.json");
  for (const auto& expected : file.at("cases")) {
    const std::string form = expected.at("id");
    SCOPED_TRACE(form);
    Network network = golden_network({.form = form, .variant = "a", .classes = 400});
    ASSERT_EQ(crc32_of(batch.inputs["input"]), expected.at("input").at("clip_crc32"));
    ASSERT_EQ(crc32_of(network.form().as_map(batch.inputs["input"])),
              expected.at("input").at("crc32"));
    expect_case(expected, std::move(network), batch);
  }
}

TEST(GoldenNetwork, MergesToThePublishedParameters) {
  Network network = golden_network();
  network.merge();
  const auto entries = entries_by_name(network);
  const auto file = read_golden("merged_A.json");
  for (const auto& record : file.at("entries")) {
    expect_record(record, entries.at(record.at("name")));
  }
}

/// Compares what block `stage`.0 does to the records of one trace.
void expect_trace(const nlohmann::json& trace, std::size_t stage, const Pass& pass) {
  using larkspur::testing::record_named;
  const Network network = golden_network();
  at::Tensor in;
  network.backbone().forward(golden_batch(64).inputs["input"].unsqueeze(2),
                             pass,
                             [&](const std::string& layer, const at::Tensor& y) {
                               const auto before = std::string("downsample_layers.") +
                                                   static_cast<char>('0' + stage);
                               if (layer == before) in = y;
                             });
  const Network fresh = golden_network();  // the pass above moved the running statistics
  const auto& records = trace.at("records");
  const LargeKernelBlock& block = fresh.backbone().block(stage, 0);
  expect_record(record_named(records, "in"), in);
  const at::Tensor mixed = block.mix_space(in, pass);
  expect_record(record_named(records, "se"), mixed);
  expect_record(record_named(records, "pwconv2.0"), block.mix_channels(mixed.movedim(1, -1)));
  expect_record(record_named(records, "out"), block.forward(in, pass));
}

TEST(GoldenNetwork, ComputesThePublishedStepsInsideBlocks) {
  const at::NoGradGuard no_grad;
  const std::vector<pipeline::SampleKey> keys(2);
  const auto file = read_golden("trace_A_64x64.json");
  ASSERT_EQ(file.at("traces").size(), 4U);
  for (const auto& trace : file.at("traces")) {
    const std::string block = trace.at("block");
    SCOPED_TRACE(block + " " + trace.at("mode").get<std::string>());
    const Pass pass{.training = trace.at("mode") == "train", .keys = keys};
    expect_trace(trace, block == "stages.0.0" ? 0 : 1, pass);
  }
}

}  // namespace
}  // namespace larkspur::model3d
