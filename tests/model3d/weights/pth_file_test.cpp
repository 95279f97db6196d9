// SPDX-License-Identifier: Apache-2.0
// Files put together here opcode by opcode, after Python's pickletools, in archives of torch's own
// writer.
#include "model3d/weights/pth_file.h"

#include <fstream>

#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/storage/durable_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::Refusal;
using larkspur::testing::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string word(const std::string& text) {
  return std::string("U") + static_cast<char>(text.size()) + text;
}

std::string whole(std::int32_t value) {
  return std::string("J") + std::string(reinterpret_cast<const char*>(&value), 4);
}

std::string tuple(const std::vector<std::int32_t>& values) {
  std::string code = "(";
  for (const std::int32_t value : values) code += whole(value);
  return code + "t";
}

/// A storage's key, type and number of elements.
struct Storage {
  const char* key;
  const char* type;
  std::int32_t elements;
};

std::string tensor_code(const Storage& storage,
                        std::int32_t offset,
                        const std::vector<std::int32_t>& sizes,
                        const std::vector<std::int32_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + word("storage") + "ctorch\n" + storage.type +
         "\n" + word(storage.key) + word("cpu") + whole(storage.elements) + "tQ" + whole(offset) +
         tuple(sizes) + tuple(strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string code = "}(";
  for (const auto& [key, value] : items) code += word(key) + value;
  return code + "u";
}

constexpr Storage kSix{"0", "FloatStorage", 6};
const std::vector<float> kValues{0, 1, 2, 3, 4, 5};

class PthFileTest : public ::testing::Test {
 protected:
  /// An archive of this pickle; storage 0 holds kValues, storage 1 the halves 1 and -2.5.
  std::filesystem::path file(const std::string& code) const {
    const auto path = folder_.path() / "w.pth";
    caffe2::serialize::PyTorchStreamWriter writer(path.string());
    const std::string pickle = "\x80\x02" + code + ".";
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    writer.writeRecord("data/0", kValues.data(), 24);
    writer.writeRecord("data/1", "\x00\x3c\x00\xc1", 4);
    writer.writeEndOfFile();
    return path;
  }

  Refusal refusal(const std::string& code) const {
    const auto path = file(code);
    return refusal_of([&] { const PthFile opened(path); });
  }

  testing::TempDir folder_;
};

std::vector<float> values_of(const at::Tensor& tensor) {
  EXPECT_EQ(tensor.scalar_type(), at::kFloat);
  EXPECT_TRUE(tensor.is_contiguous());
  const auto* first = tensor.const_data_ptr<float>();
  return {first, first + tensor.numel()};
}

TEST_F(PthFileTest, ReadsTiedAndStridedTensorsAndHalves) {
  const PthFile read(file(dict({{"plain", tensor_code(kSix, 0, {2, 3}, {3, 1})},
                                {"turned", tensor_code(kSix, 0, {3, 2}, {1, 3})},
                                {"part", tensor_code(kSix, 1, {2}, {2})},
                                {"half", tensor_code({"1", "HalfStorage", 2}, 0, {2}, {1})},
                                {"none", tensor_code(kSix, 2'000'000'000, {0}, {1})},
                                {"epoch", whole(7)}})));
  EXPECT_THAT(read.names(), ElementsAre("half", "none", "part", "plain", "turned"));
  EXPECT_EQ(read.tensor("none").numel(), 0);
  EXPECT_EQ(read.shape("turned"), (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(values_of(read.tensor("plain")), kValues);
  EXPECT_THAT(values_of(read.tensor("turned")), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(values_of(read.tensor("half")), ElementsAre(1.0F, -2.5F));
  EXPECT_THAT(values_of(read.tensor("part")), ElementsAre(1, 3));
}

TEST_F(PthFileTest, FindsTheStateDictWhereProgramsPutIt) {
  const std::string weights = dict({{"w", tensor_code(kSix, 0, {6}, {1})}});
  // An ordered dictionary with attributes, as state_dict() makes it.
  const std::string ordered = "ccollections\nOrderedDict\n)R(" + word("w") +
                              tensor_code(kSix, 0, {6}, {1}) + "u}" + word("_metadata") + "}sb";
  const std::string parameter = "ctorch._utils\n_rebuild_parameter\n(" +
                                tensor_code(kSix, 0, {6}, {1}) + "\x88" +
                                "ccollections\nOrderedDict\n)RtR";
  for (const std::string& code : {weights,
                                  ordered,
                                  dict({{"w", parameter}}),
                                  dict({{"model", weights}}),
                                  dict({{"epoch", whole(3)}, {"state_dict", ordered}}),
                                  dict({{"model_ema", weights}})}) {
    const PthFile read(file(code));
    EXPECT_THAT(read.names(), ElementsAre("w"));
    EXPECT_EQ(values_of(read.tensor("w")), kValues);
  }
}

TEST_F(PthFileTest, SaysWhichStateDictsThereAreAndTakesTheOneAskedFor) {
  const auto path = file(dict({{"model_ema", dict({{"ema", tensor_code(kSix, 0, {6}, {1})}})},
                               {"model", dict({{"w", tensor_code(kSix, 0, {6}, {1})}})},
                               {"optimizer", dict({{"lr", whole(1)}})}}));
  const PthFile usual(path);
  EXPECT_THAT(usual.names(), ElementsAre("w"));
  EXPECT_THAT(usual.notes(),
              ElementsAre("it holds weights under model, model_ema, those under model are read; "
                          "write " +
                          path.string() + "#model_ema for others"));
  const PthFile asked(path, "model_ema");
  EXPECT_THAT(asked.names(), ElementsAre("ema"));
  EXPECT_THAT(asked.notes(), ::testing::IsEmpty());
  const Refusal refused = refusal_of([&] { const PthFile opened(path, "teacher"); });
  EXPECT_EQ(refused.code, "not found");
  EXPECT_THAT(refused.text, HasSubstr("no weights under teacher; there are: model, model_ema"));
}

TEST_F(PthFileTest, ExecutesNothingAndNamesWhatItRefuses) {
  const auto mark = folder_.path() / "executed";
  const Refusal system = refusal("cos\nsystem\n(" + word("touch " + mark.string()) + "tR");
  EXPECT_EQ(system.code, "unsupported");
  EXPECT_THAT(system.text, HasSubstr("w.pth: the pickle names os.system"));
  EXPECT_FALSE(std::filesystem::exists(mark));
  EXPECT_THAT(refusal("cargparse\nNamespace\n)R").text, HasSubstr("names argparse.Namespace"));
  EXPECT_THAT(refusal(word("os") + word("system") + "\x93").text, HasSubstr("names os.system"));
  EXPECT_THAT(refusal("(" + word("x") + "ios\nsystem\n").text, HasSubstr("opcode 0x69"));
  EXPECT_THAT(refusal("N").text, HasSubstr("no tensors by name"));
}

TEST_F(PthFileTest, TensorsLieInsideTheirStorage) {
  const auto text = [&](const std::string& code) { return refusal(dict({{"w", code}})).text; };
  const auto outside = HasSubstr("w does not lie inside its storage of 24 bytes");
  EXPECT_THAT(text(tensor_code(kSix, 1, {6}, {1})), outside);
  EXPECT_THAT(text(tensor_code(kSix, 0, {2, 3}, {4, 1})), outside);
  EXPECT_THAT(text(tensor_code({"0", "FloatStorage", 7}, 0, {7}, {1})), outside);
  EXPECT_THAT(text(tensor_code({"0", "DoubleStorage", 6}, 0, {6}, {1})), outside);
  EXPECT_THAT(text(tensor_code(kSix, 0, std::vector<std::int32_t>(4, 1 << 30), {0, 0, 0, 0})),
              outside);
  EXPECT_THAT(text(tensor_code(kSix, 0, {-1}, {1})), HasSubstr("sizes or strides"));
  EXPECT_THAT(text(tensor_code(kSix, -4, {1}, {1})), HasSubstr("no well-formed tensor"));
  EXPECT_THAT(text(tensor_code({"9", "FloatStorage", 6}, 0, {6}, {1})), HasSubstr("data/9"));
}

/// Flips one bit of the first bytes that are these.
void damage(const std::filesystem::path& path, const std::string& bytes) {
  std::string whole = pipeline::read_file(path);
  const std::size_t at = whole.find(bytes);
  ASSERT_NE(at, std::string::npos);
  whole[at] = static_cast<char>(whole[at] ^ 1);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
}

TEST_F(PthFileTest, ARecordThatChangedIsRefusedByItsName) {
  const std::string code = dict({{"bad", tensor_code(kSix, 5, {1}, {1})},
                                 {"half", tensor_code({"1", "HalfStorage", 2}, 0, {2}, {1})}});
  const auto path = file(code);
  // The value 2 of storage 0, which the tensor does not even span.
  damage(path, std::string("\x00\x00\x00\x40\x00\x00\x40\x40", 8));
  const PthFile read(path);
  EXPECT_THAT(values_of(read.tensor("half")), ElementsAre(1.0F, -2.5F));
  const Refusal refused = refusal_of([&] { read.tensor("bad"); });
  EXPECT_EQ(refused.code, "corrupt data");
  EXPECT_THAT(refused.text, HasSubstr("w.pth: member w/data/0 is damaged: its CRC-32 is "));
  const auto pickle = file(code);
  damage(pickle, "half");
  EXPECT_THAT(refusal_of([&] { const PthFile opened(pickle); }).text,
              HasSubstr("member w/data.pkl is damaged"));
}

TEST_F(PthFileTest, ValuesWithoutEndAreRefused) {
  const auto path = file(dict({{"few", tensor_code(kSix, 2, {3, 4}, {0, 1})}}));
  const PthFile read(path);
  EXPECT_THAT(values_of(read.tensor("few")), ElementsAre(2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5));
  EXPECT_THAT(refusal(dict({{"w", tensor_code(kSix, 0, {1 << 30, 1 << 20}, {0, 0})}})).text,
              HasSubstr("w has 1125899906842624 values, more than the file has bytes"));
}

TEST_F(PthFileTest, FilesThatAreNoArchiveAreRefused) {
  const auto path = folder_.path() / "x.pth";
  const auto refused = [&] { return refusal_of([&] { const PthFile opened(path); }); };
  EXPECT_EQ(refused().code, "not found");
  std::ofstream(path) << "\x80\x02\x8a\x0al";
  EXPECT_THAT(refused().text, HasSubstr("no zip archive"));
  EXPECT_THAT(refused().text, HasSubstr("before 1.6"));
  std::ofstream(path, std::ios::trunc) << "<html>";
  EXPECT_THAT(refused().text, HasSubstr("a web page"));
  std::ofstream(path, std::ios::trunc) << "";
  EXPECT_THAT(refused().text, HasSubstr("zero bytes"));
  std::filesystem::copy(file(dict({{"w", tensor_code(kSix, 0, {6}, {1})}})),
                        path,
                        std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(path, 300);
  EXPECT_EQ(refused().code, "corrupt data");
  EXPECT_THAT(refused().text, HasSubstr("x.pth"));
}

}  // namespace
}  // namespace larkspur::model3d
