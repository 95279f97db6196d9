// SPDX-License-Identifier: Apache-2.0
#include "readers/text_scanner.h"

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "pipeline/rng.h"

namespace larkspur::readers {
namespace {

std::optional<double> number(const std::string& text) {
  TextScanner scan(text);
  double value = 0.0;
  return scan.number(value) && scan.at_end() ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> integer(const std::string& text) {
  TextScanner scan(text);
  std::int64_t value = 0;
  return scan.integer(value) && scan.at_end() ? std::optional(value) : std::nullopt;
}

TEST(TextScanner, ReadsEveryFormOfADecimalNumber) {
  EXPECT_EQ(number("12"), 12.0);
  EXPECT_EQ(number("-0.5"), -0.5);
  EXPECT_EQ(number("+.25"), 0.25);
  EXPECT_EQ(number("7."), 7.0);
  EXPECT_EQ(number("-1.5e-3"), -1.5e-3);
  EXPECT_EQ(number("2E+5"), 2e5);
  EXPECT_EQ(number("00000000000000000000000000012.50"), 12.5);
  EXPECT_EQ(number("1e-400"), 0.0);
  EXPECT_EQ(number("18446744073709551617"), 0x1p64);  // one more than 64 bits count
  EXPECT_EQ(number("0.000000000000000000000000000000000001e36"), 1.0);
}

TEST(TextScanner, RefusesWhatIsNotADecimalNumber) {
  for (const char* text : {"",
                           "-",
                           ".",
                           "+-1",
                           "nan",
                           "-inf",
                           "1e",
                           "1e+",
                           "0x10",
                           "1.2.3",
                           "12a",
                           "1e999",
                           "1.#QNAN",
                           "--1",
                           "e5"}) {
    EXPECT_EQ(number(text), std::nullopt) << text;
  }
}

// The C library is the reference: same bits for every double, printed long and printed short.
TEST(TextScanner, RoundsAsTheCLibraryDoes) {
  pipeline::CounterRng rng({3, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  for (int i = 0; i < 20000; ++i) {
    const auto any = std::bit_cast<double>(std::uint64_t{rng.bits()} << 32 | rng.bits());
    const double near = rng.uniform(-1000.0, 1000.0);
    for (const char* form : {"%.17g", "%.6f", "%.19f", "%.3e", "%g"}) {
      for (const double value : {any, near}) {
        char text[512];
        std::snprintf(text, sizeof text, form, value);
        if (!(value * 0.0 == 0.0)) continue;
        ASSERT_EQ(number(text), std::strtod(text, nullptr)) << text;
      }
    }
  }
}

TEST(TextScanner, ReadsDigitRunsOfEveryLengthAnywhereInAWord) {
  const std::string digits = "123456789012345678";
  for (std::size_t length = 1; length <= digits.size(); ++length) {
    const std::string run = digits.substr(0, length);
    EXPECT_EQ(integer(run), std::strtoll(run.c_str(), nullptr, 10));
    const std::string longer_text = run + " 99999999999";
    TextScanner longer(longer_text);
    std::int64_t value = 0;
    EXPECT_TRUE(longer.integer(value));
    EXPECT_EQ(value, std::strtoll(run.c_str(), nullptr, 10));
  }
}

TEST(TextScanner, RefusesWhatIsNotAWholeNumber) {
  for (const char* text : {"", "-", "1.0", "12a", "1234567890123456789", "1e3", "#1"}) {
    EXPECT_EQ(integer(text), std::nullopt) << text;
  }
}

TEST(TextScanner, SkipsCommentsEmptyLinesAndAByteOrderMark) {
  TextScanner scan("\xEF\xBB\xBF\n # first\r\n\t\f\r  # second\n  7 # third");
  std::int64_t value = 0;
  scan.skip_to_content();
  ASSERT_TRUE(scan.integer(value));
  EXPECT_EQ(value, 7);
  scan.skip_blanks();
  EXPECT_TRUE(scan.at_line_end());
  scan.skip_to_content();
  EXPECT_TRUE(scan.at_end());
}

TEST(TextScanner, CountsLinesOfEveryKind) {
  TextScanner scan("a\nb\r\nc\rd");
  for (const std::int64_t line : {1, 2, 3, 4}) {
    scan.skip_to_content();
    EXPECT_EQ(scan.line(), line);
    scan.skip_byte();
  }
}

TEST(TextScanner, SaysWhatItFound) {
  EXPECT_EQ(TextScanner("word next").found(), "'word'");
  EXPECT_EQ(TextScanner("\x01\xC3z").found(), "'??z'");
  EXPECT_EQ(TextScanner("abcdefghijklmnopqrstuvwxyz").found(), "'abcdefghijklmnopqrstuvwx...'");
  EXPECT_EQ(TextScanner("\n").found(), "the end of the line");
  EXPECT_EQ(TextScanner("").found(), "the end of the file");
}

TEST(TextScanner, StepsOverOneSeparatorOnly) {
  TextScanner scan(" , ;x");
  scan.skip_separator();
  EXPECT_EQ(scan.peek(), ';');
}

}  // namespace
}  // namespace larkspur::readers
