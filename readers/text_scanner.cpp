// SPDX-License-Identifier: Apache-2.0
#include "readers/text_scanner.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <system_error>

namespace larkspur::readers {
namespace {

constexpr std::array<double, 23> kPowersOfTen{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::array<std::uint64_t, 9> kWholePowers{
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
constexpr std::int64_t kLargestExponent = 100000;  // far beyond double, far below overflow
constexpr std::ptrdiff_t kMaxDigits = 18;          // of a whole number
constexpr std::ptrdiff_t kMaxFound = 24;           // bytes of a word in a message
constexpr std::uint64_t kZeros = 0x3030303030303030;

static_assert(std::endian::native == std::endian::little, "the digit loop reads words");

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Appends the run of digits at p to `sum`, eight at a time without a branch a digit: their number
// varies from token to token, and mispredicting it costs more than the arithmetic. Returns where
// the run ends; after more than 19 digits the sum has wrapped.
const char* add_digits(const char* p, const char* end, std::uint64_t& sum) noexcept {
  while (end - p >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, sizeof word);
    word ^= kZeros;
    const std::uint64_t others = (word | (word + 0x7676767676767676)) & 0x8080808080808080;
    const int count = others == 0 ? 8 : std::countr_zero(others) / 8;
    if (count == 0) return p;
    word <<= 64 - 8 * count;  // the first digit is the lowest byte: zeros go in front
    word = word * 10 + (word >> 8);
    word = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
            ((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
           32;
    sum = sum * kWholePowers[static_cast<std::size_t>(count)] + word;
    p += count;
    if (count < 8) return p;
  }
  for (; p != end && is_digit(*p); ++p) sum = sum * 10 + static_cast<std::uint64_t>(*p - '0');
  return p;
}

// Digits before and after the point as one integer: value = mantissa * 10^exponent.
struct Decimal {
  std::uint64_t mantissa = 0;
  std::int64_t exponent = 0;
  std::ptrdiff_t digits = 0;
};

// Exact when both factors are (Clinger, "How to read floating point numbers accurately", 1990,
// section 4); false otherwise.
bool exact_product(const Decimal& decimal, double& value) noexcept {
  if (decimal.digits > 19 || decimal.mantissa > (std::uint64_t{1} << 53)) return false;
  const auto whole = static_cast<double>(decimal.mantissa);
  if (decimal.exponent < -22 || decimal.exponent > 22) return false;
  value = decimal.exponent < 0 ? whole / kPowersOfTen[static_cast<std::size_t>(-decimal.exponent)]
                               : whole * kPowersOfTen[static_cast<std::size_t>(decimal.exponent)];
  return true;
}

// The rare rest: many digits or a large exponent. Too small for a double reads as zero.
bool rounded(const char* first, const char* last, bool is_tiny, double& value) noexcept {
  const auto [end, error] = std::from_chars(first, last, value);
  if (error == std::errc::result_out_of_range && is_tiny) {
    value = 0.0;
    return true;
  }
  return error == std::errc() && end == last;
}

}  // namespace

TextScanner::TextScanner(std::string_view text) noexcept
    : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {
  skip_word("\xEF\xBB\xBF");
}

void TextScanner::skip_separator() noexcept {
  skip_blanks();
  if (at_ == end_ || (*at_ != ',' && *at_ != ';')) return;
  ++at_;
  skip_blanks();
}

void TextScanner::skip_to_content() noexcept {
  while (at_ != end_) {
    if (is_blank(*at_) || is_eol(*at_)) {
      ++at_;
    } else if (*at_ == '#') {
      skip_line();
    } else {
      return;
    }
  }
}

bool TextScanner::skip_word(std::string_view word) noexcept {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

bool TextScanner::digits(std::int64_t& value) noexcept {
  std::uint64_t sum = 0;
  const char* const last = add_digits(at_, end_, sum);
  if (last == at_ || last - at_ > kMaxDigits) return false;
  value = static_cast<std::int64_t>(sum);
  at_ = last;
  return true;
}

bool TextScanner::integer(std::int64_t& value) noexcept {
  const char* const start = at_;
  const bool is_negative = peek() == '-';
  if (is_negative || peek() == '+') ++at_;
  std::int64_t magnitude = 0;
  if (!digits(magnitude) || !ends_token(at_)) {
    at_ = start;
    return false;
  }
  value = is_negative ? -magnitude : magnitude;
  return true;
}

bool TextScanner::number(double& value) noexcept {
  const char* p = at_;
  const bool is_negative = p != end_ && *p == '-';
  if (p != end_ && (*p == '-' || *p == '+')) ++p;
  const char* const first = p;
  Decimal decimal;
  p = add_digits(p, end_, decimal.mantissa);
  decimal.digits = p - first;
  if (p != end_ && *p == '.') {
    const char* const point = ++p;
    p = add_digits(p, end_, decimal.mantissa);
    decimal.digits += p - point;
    decimal.exponent = point - p;
  }
  if (decimal.digits == 0) return false;
  if (p != end_ && (*p == 'e' || *p == 'E')) {
    const bool is_small = ++p != end_ && *p == '-';
    if (p != end_ && (*p == '-' || *p == '+')) ++p;
    const char* const start = p;
    std::int64_t exponent = 0;
    for (; p != end_ && is_digit(*p); ++p) {
      if (exponent < kLargestExponent) exponent = exponent * 10 + (*p - '0');
    }
    if (p == start) return false;
    decimal.exponent += is_small ? -exponent : exponent;
  }
  if (!ends_token(p)) return false;
  double magnitude = 0.0;
  if (!exact_product(decimal, magnitude) &&
      !rounded(first, p, decimal.exponent + decimal.digits < 0, magnitude)) {
    return false;
  }
  value = is_negative ? -magnitude : magnitude;
  at_ = p;
  return true;
}

std::int64_t TextScanner::line() const noexcept {
  std::int64_t lines = 1;
  for (const char* p = begin_; p != at_; ++p) {
    if (*p == '\n' || (*p == '\r' && (p + 1 == end_ || p[1] != '\n'))) ++lines;
  }
  return lines;
}

std::string TextScanner::found() const {
  if (at_ == end_) return "the end of the file";
  if (at_line_end()) return "the end of the line";
  std::string word = "'";
  for (const char* p = at_; p != end_ && !is_blank(*p) && !is_eol(*p); ++p) {
    if (p - at_ == kMaxFound) {
      word += "...";
      break;
    }
    word += *p >= ' ' && *p <= '~' ? *p : '?';
  }
  return word + "'";
}

}  // namespace larkspur::readers
