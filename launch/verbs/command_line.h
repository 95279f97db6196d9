// SPDX-License-Identifier: Apache-2.0
// The arguments of one verb: declared, parsed into the caller's variables, explained by --help.
// The only user of the command-line library, whose header is heavy.
//
//   CommandLine line(call, "trains a network", "configs/demo/cloud.yaml train.epochs=3");
//   line.argument("CONFIG", "YAML file", config);
//   if (!line.parse()) return;  // --help was asked for and printed
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "launch/verbs/verb.h"

namespace larkspur::launch {

/// Not thread-safe. The variables handed over must outlive parse(); they keep what they hold when
/// their argument is not given, and --help prints that as the default.
class CommandLine {
 public:
  /// `example` is what follows the verb in a call that works.
  CommandLine(Invocation& call, const std::string& purpose, const std::string& example);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  CommandLine(CommandLine&&) = delete;
  CommandLine& operator=(CommandLine&&) = delete;

  /// A word that has to be there, or may be, by its place.
  void argument(const std::string& name, const std::string& meaning, std::string& value);
  void optional_argument(const std::string& name, const std::string& meaning, std::string& value);

  /// All remaining words, none at least.
  void rest(const std::string& name, const std::string& meaning, std::vector<std::string>& values);

  /// "--name VALUE"; a required one must be given.
  void option(const std::string& name, const std::string& meaning, std::string& value);
  void option(const std::string& name, const std::string& meaning, std::int64_t& value);
  void required_option(const std::string& name, const std::string& meaning, std::string& value);
  void required_option(const std::string& name, const std::string& meaning, std::int64_t& value);

  /// "--name", off unless given.
  void flag(const std::string& name, const std::string& meaning, bool& value);

  /// False when help was asked for and printed. Throws kInvalidArgument, with the way to the help,
  /// for what is missing, unknown or of the wrong type.
  bool parse();

 private:
  struct Parser;
  Invocation& call_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace larkspur::launch
