// SPDX-License-Identifier: Apache-2.0
// Numbers and lines of a text, at the speed of the memory it lies in.
//
// The text is a sequence of lines (ended by LF, CRLF or CR); blanks separate what is on a line and
// `#` starts a comment that runs to its end. The scanner only moves forward. The line number is
// counted when an error asks for it, never on the way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace larkspur::readers {

/// A cursor over a text that the caller keeps alive. One thread at a time per instance.
class TextScanner {
 public:
  /// A byte order mark (UTF-8) at the start is stepped over.
  explicit TextScanner(std::string_view text) noexcept;

  bool at_end() const noexcept { return at_ == end_; }
  char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }
  std::int64_t bytes_left() const noexcept { return end_ - at_; }

  /// True where nothing but a comment is left on the line: at its end, at `#`, at the text's end.
  bool at_line_end() const noexcept { return at_ == end_ || is_eol(*at_) || *at_ == '#'; }

  /// Over blanks: space, tab, vertical tab, form feed. Stays on the line.
  void skip_blanks() noexcept {
    while (at_ != end_ && is_blank(*at_)) ++at_;
  }

  /// Over blanks and at most one comma or semicolon among them.
  void skip_separator() noexcept;

  /// To the first thing that is neither blank, nor comment, nor an empty line.
  void skip_to_content() noexcept;

  /// To the end of the line, not over it.
  void skip_line() noexcept {
    while (at_ != end_ && !is_eol(*at_)) ++at_;
  }

  /// Over `word` where the text goes on with it; false, and no move, where it does not.
  bool skip_word(std::string_view word) noexcept;

  /// Whether the text goes on with `word`.
  bool starts_with(std::string_view word) const noexcept {
    return std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word);
  }

  /// Over one byte, whatever it is; nothing at the end.
  void skip_byte() noexcept {
    if (at_ != end_) ++at_;
  }

  /// One to 18 digits, whatever follows them. False, and no move, where there are none or more.
  bool digits(std::int64_t& value) noexcept;

  /// A whole number, e.g. -12, that a blank, a separator, the line's or the text's end follows.
  /// False, and no move, where there is none or where it has more than 18 digits.
  bool integer(std::int64_t& value) noexcept;

  /// A finite decimal number, e.g. -1, 0.5, .5, 1.5e-3, followed as above; correctly rounded.
  /// False, and no move, where there is none: `nan`, `inf`, hexadecimal, too large for a double.
  bool number(double& value) noexcept;

  /// 1 for the first line. Cost: the text up to here.
  std::int64_t line() const noexcept;

  /// What the text goes on with, for a message: a quoted word, "the end of the line" or
  /// "the end of the file".
  std::string found() const;

 private:
  static bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }
  static bool is_eol(char c) noexcept { return c == '\n' || c == '\r'; }
  bool ends_token(const char* p) const noexcept {
    return p == end_ || is_blank(*p) || is_eol(*p) || *p == ',' || *p == ';';
  }

  const char* begin_;
  const char* at_;
  const char* end_;
};

}  // namespace larkspur::readers
