// SPDX-License-Identifier: Apache-2.0
#include "pipeline/error.h"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/require.h"
#include "pipeline/result.h"

namespace larkspur::pipeline {
namespace {

TEST(Error, GainsContextOnTheWayUp) {
  const Error error = Error(Errc::kCorruptData, "line 3: no counts").within("bed.off");
  EXPECT_STREQ(error.what(), "bed.off: line 3: no counts");
  EXPECT_EQ(error.code(), Errc::kCorruptData);
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::kCancelled); ++code) {
    names.insert(name_of(static_cast<Errc>(code)));
  }
  EXPECT_EQ(names.size(), 8U);
  EXPECT_EQ(names.count("unknown"), 0U);
}

TEST(Require, PrintsItsPartsOnFailureOnly) {
  require(true, Errc::kIo, "not this");
  try {
    require(false, Errc::kIo, "[op] has ", 3, ", not ", 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[op] has 3, not 4");
  }
}

TEST(Result, HoldsAValueOrThrowsItsErrorWhenAskedForOne) {
  const Result<int> good(4);
  const Result<int> bad(Error(Errc::kNotFound, "gone"));
  EXPECT_EQ(good.value(), 4);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), Errc::kNotFound);
  EXPECT_THROW((void)bad.value(), Error);
}

TEST(BadSampleJson, ComesBackAsItWas) {
  const std::vector<BadSample> bad{{3, 4, "a/b c.off", Errc::kUnsupported, "odd \"name\""}};
  EXPECT_EQ(bad_samples_from_json(to_json(bad)), bad);
}

TEST(BadSampleJson, TakesNamesThatAreNoUtf8) {
  const std::vector<BadSample> bad{{0, 0, "caf\xe9.off", Errc::kCorruptData, "type '\xbc'"}};
  const std::string text = to_json(bad).dump();
  EXPECT_NE(text.find("caf\xEF\xBF\xBD.off"), std::string::npos);
}

}  // namespace
}  // namespace larkspur::pipeline
