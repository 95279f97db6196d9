// SPDX-License-Identifier: Apache-2.0
// The program: it runs a verb (commands.h) and is the only place that catches what ends one.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include "launch/run/closed_pipe.h"
#include "launch/run/device.h"
#include "launch/run/exit_code.h"
#include "launch/run/kept_memory.h"
#include "launch/run/last_words.h"
#include "launch/verbs/commands.h"
#include "pipeline/error.h"

namespace larkspur::launch {
namespace {

int run(Invocation call) {
  try {
    name_device_failures([&] { run_program(call); });
    call.out.flush();
    if (!call.out && !reader_has_left()) {
      return say_last("cannot write the results to stdout", kExitUsage);
    }
    return call.code;
  } catch (const pipeline::Error& error) {
    const int code = exit_code(error.code(), call.phase);
    return call.is_root || code == kExitDevice ? say_last(error.what(), code) : code;
  } catch (const std::exception& error) {
    const std::string text = error.what();  // the first line; backtraces follow it
    return say_last("a bug of ours, please report it: " + text.substr(0, text.find('\n')),
                    kExitBug);
  } catch (...) {
    return say_last("a bug of ours, please report it: an exception of unknown type", kExitBug);
  }
}

}  // namespace
}  // namespace larkspur::launch

int main(int argc, char** argv) {
  // Words that nobody reads any more must not end a run that could still save its work.
  std::signal(SIGPIPE, SIG_IGN);
  larkspur::launch::keep_freed_memory();
  larkspur::launch::ask_for_huge_pages();
  const int code = larkspur::launch::run({"larkspur", {argv + 1, argv + argc}, std::cout});
  // After an error a message may still be under way, and its library wait for it on the way out.
  if (code != 0 && code != larkspur::launch::kExitStopped) std::_Exit(code);
  return code;
}
