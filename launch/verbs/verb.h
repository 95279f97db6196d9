// SPDX-License-Identifier: Apache-2.0
// Tables of verbs: what `larkspur`, `larkspur data` and `larkspur inspect` have in common.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launch/run/exit_code.h"

namespace larkspur::launch {

/// One call of the program. The verb moves `phase` on as it goes, so that an error that ends it
/// gets the right exit code. Results go to `out`, words for people to the log.
struct Invocation {
  std::string path;                    ///< words so far: "larkspur data make"
  std::vector<std::string> arguments;  ///< what follows them
  std::ostream& out;
  Phase phase = Phase::kStart;
  bool is_root = true;   ///< false on ranks that would only repeat what rank 0 says of a failure
  int code = kExitDone;  ///< what the shell learns when the verb returns: a job's code, handed on
};

/// A word and what it does.
struct Verb {
  std::string_view name;
  std::string_view help;       ///< one line
  std::string_view arguments;  ///< as an example has them: "configs/demo/cloud.yaml"
  void (*run)(Invocation& call);
};

/// Runs the verb that the first argument names, with that word moved from arguments to path;
/// `--help`, or `-h`, prints the table with the examples instead. Throws kInvalidArgument when
/// there is no word or no such verb (with the nearest one), and whatever the verb throws.
void run_verb(std::span<const Verb> verbs, Invocation& call);

}  // namespace larkspur::launch
