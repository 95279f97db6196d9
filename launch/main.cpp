// SPDX-License-Identifier: Apache-2.0
// The program: a table of verbs, and the only place that catches what ends one.
#include <cstdlib>
#include <iostream>
#include <string>

#include "launch/commands.h"
#include "launch/exit_code.h"
#include "launch/verb.h"
#include "pipeline/error.h"

namespace larkspur::launch {
namespace {

constexpr Verb kVerbs[] = {
    {"train", "train a network, or go on training", "configs/demo/cloud.yaml", run_train},
    {"eval", "evaluate a checkpoint, write a report", "configs/demo/cloud.yaml", run_eval},
    {"data", "make data sets", "make clouds --output data/demo_clouds", run_data},
    {"inspect",
     "show what there is to configure, and what a file sets",
     "config configs/demo/cloud.yaml",
     run_inspect},
};

/// One line on stderr says why; foreign exceptions carry whole backtraces behind theirs.
int fail(const std::string& why, int code) {
  std::cerr << "larkspur: " << why.substr(0, why.find('\n')) << std::endl;
  return code;
}

int run(Invocation call) {
  try {
    run_verb(kVerbs, call);
    call.out.flush();
    if (!call.out) return fail("cannot write the results to stdout", kExitUsage);
    return kExitDone;
  } catch (const pipeline::Error& error) {
    const int code = exit_code(error.code(), call.phase);
    return call.speaks || code == kExitDevice ? fail(error.what(), code) : code;
  } catch (const std::exception& error) {
    return fail(std::string("a bug of ours, please report it: ") + error.what(), kExitBug);
  } catch (...) {
    return fail("a bug of ours, please report it: an exception of unknown type", kExitBug);
  }
}

}  // namespace
}  // namespace larkspur::launch

int main(int argc, char** argv) {
  const int code = larkspur::launch::run({"larkspur", {argv + 1, argv + argc}, std::cout});
  // With a peer lost, message libraries may wait for it on the way out.
  if (code == larkspur::launch::kExitDevice) std::_Exit(code);
  return code;
}
