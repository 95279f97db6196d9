// SPDX-License-Identifier: Apache-2.0
// Checks with readable messages: require(n > 0, Errc::kInvalidArgument, "[op] n is ", n).
//
// A message is put together where it is needed, in one place: the parts travel as small views, so
// that a check costs its caller a comparison and no code for text.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "pipeline/error.h"

namespace larkspur::pipeline {

/// One part of a message: a view of text, a copy of a number, or a view of anything with an
/// operator<<, or of a callable that returns text, which is called only when the text is wanted.
/// Valid as long as what it was made from.
class TextPart {
 public:
  TextPart(std::string_view text) : kind_(Kind::kText), text_(text) {}
  TextPart(const char* text) : TextPart(std::string_view(text)) {}
  TextPart(const std::string& text) : TextPart(std::string_view(text)) {}
  template <std::integral Number>
  TextPart(Number number) {
    if constexpr (sizeof(Number) == 1 && !std::is_same_v<Number, bool>) {
      kind_ = Kind::kCharacter;
      character_ = static_cast<char>(number);
    } else if constexpr (std::is_signed_v<Number>) {
      kind_ = Kind::kSigned;
      signed_ = number;
    } else {
      kind_ = Kind::kUnsigned;
      unsigned_ = number;
    }
  }
  template <std::floating_point Number>
  TextPart(Number number) : kind_(Kind::kReal), real_(static_cast<double>(number)) {}
  template <typename Object>
  requires(!std::is_arithmetic_v<Object> && !std::is_convertible_v<Object, std::string_view>)
      TextPart(const Object& object)
      : kind_(Kind::kObject), object_{&object, &print<Object>} {}

  void append_to(std::string& text) const;

 private:
  enum class Kind : std::uint8_t { kText, kCharacter, kSigned, kUnsigned, kReal, kObject };
  struct Printed {
    const void* object;
    void (*print)(std::ostream& out, const void* object);
  };

  template <typename Object>
  static void print(std::ostream& out, const void* object) {
    if constexpr (std::is_invocable_v<const Object&>) {
      out << (*static_cast<const Object*>(object))();
    } else {
      out << *static_cast<const Object*>(object);
    }
  }

  Kind kind_;
  union {
    std::string_view text_;
    char character_;
    std::int64_t signed_;
    std::uint64_t unsigned_;
    double real_;
    Printed object_;
  };
};

std::string join_text(std::initializer_list<TextPart> parts);
[[noreturn]] void throw_error(Errc code, std::initializer_list<TextPart> parts);

/// The arguments printed one after the other, numbers as an ostream prints them.
template <typename... Parts>
std::string text_of(const Parts&... parts) {
  return join_text({TextPart(parts)...});
}

/// Throws Error{code} with the parts as its text unless the condition holds. The parts are
/// evaluated in any case: where that costs, hand over a callable.
template <typename... Parts>
void require(bool condition, Errc code, const Parts&... parts) {
  if (!condition) [[unlikely]]
    throw_error(code, {TextPart(parts)...});
}

/// Throws kInvalidArgument "<name> is <value>, not in [<low>, <high>]" unless it is; not a number
/// is in no interval.
template <typename Value>
void require_within(std::string_view name,
                    const Value& value,
                    const std::type_identity_t<Value>& low,
                    const std::type_identity_t<Value>& high) {
  require(low <= value && value <= high,
          Errc::kInvalidArgument,
          name,
          " is ",
          value,
          ", not in [",
          low,
          ", ",
          high,
          "]");
}

}  // namespace larkspur::pipeline
