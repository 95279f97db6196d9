// SPDX-License-Identifier: Apache-2.0
#include "pipeline/require.h"

#include <array>
#include <cstdio>
#include <sstream>

namespace larkspur::pipeline {

void TextPart::append_to(std::string& text) const {
  switch (kind_) {
    case Kind::kText:
      text += text_;
      break;
    case Kind::kCharacter:
      text += character_;
      break;
    case Kind::kSigned:
      text += std::to_string(signed_);
      break;
    case Kind::kUnsigned:
      text += std::to_string(unsigned_);
      break;
    case Kind::kReal: {
      std::array<char, 32> digits{};  // -d.ddddde-ddd is 13
      text.append(
          digits.data(),
          static_cast<std::size_t>(std::snprintf(digits.data(), digits.size(), "%g", real_)));
      break;
    }
    case Kind::kObject: {
      std::ostringstream out;
      object_.print(out, object_.object);
      text += out.str();
      break;
    }
  }
}

std::string join_text(std::initializer_list<TextPart> parts) {
  std::string text;
  for (const TextPart& part : parts) part.append_to(text);
  return text;
}

void throw_error(Errc code, std::initializer_list<TextPart> parts) {
  throw Error(code, join_text(parts));
}

}  // namespace larkspur::pipeline
