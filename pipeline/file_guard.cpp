// SPDX-License-Identifier: Apache-2.0
#include "pipeline/file_guard.h"

#include <exception>
#include <new>
#include <string>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

bool is_about_a_file(Errc code) {
  return code == Errc::kNotFound || code == Errc::kCorruptData || code == Errc::kUnsupported ||
         code == Errc::kIo;
}

Error no_memory(std::string_view name) {
  return Error(Errc::kUnsupported, text_of(name, ": needs more memory than there is"));
}

}  // namespace

Error error_of_file(std::string_view name) {
  try {
    throw;
  } catch (const Error& error) {
    if (!is_about_a_file(error.code())) throw;
    return error;
  } catch (const std::bad_alloc&) {
    return no_memory(name);
  } catch (const std::exception& error) {  // of a tensor, with a backtrace behind the first line
    const std::string text = error.what();
    if (text.find("can't allocate memory") != std::string::npos) return no_memory(name);
    return Error(Errc::kCorruptData, text_of(name, ": ", text.substr(0, text.find('\n'))));
  }
}

}  // namespace larkspur::pipeline
