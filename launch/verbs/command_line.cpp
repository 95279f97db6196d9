// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/command_line.h"

#include <algorithm>
#include <ostream>

#include <CLI/CLI.hpp>

#include "launch/config/near_name.h"
#include "pipeline/error.h"

namespace larkspur::launch {

struct CommandLine::Parser {
  CLI::App app;
  std::vector<std::string> names;  // of options, for suggestions
};

CommandLine::CommandLine(Invocation& call, const std::string& purpose, const std::string& example)
    : call_(call), parser_(std::make_unique<Parser>()) {
  parser_->app.name(call.path);
  parser_->app.description(purpose);
  parser_->app.footer("\nexample:\n  " + call.path + " " + example);
  parser_->names.emplace_back("--help");
}

CommandLine::~CommandLine() = default;

void CommandLine::argument(const std::string& name,
                           const std::string& meaning,
                           std::string& value) {
  parser_->app.add_option(name, value, meaning)->required();
}

void CommandLine::optional_argument(const std::string& name,
                                    const std::string& meaning,
                                    std::string& value) {
  parser_->app.add_option(name, value, meaning);
}

void CommandLine::rest(const std::string& name,
                       const std::string& meaning,
                       std::vector<std::string>& values) {
  parser_->app.add_option(name, values, meaning);
}

void CommandLine::option(const std::string& name, const std::string& meaning, std::string& value) {
  parser_->names.push_back(name);
  parser_->app.add_option(name, value, meaning)->capture_default_str();
}

void CommandLine::option(const std::string& name, const std::string& meaning, std::int64_t& value) {
  parser_->names.push_back(name);
  parser_->app.add_option(name, value, meaning)->capture_default_str();
}

void CommandLine::required_option(const std::string& name,
                                  const std::string& meaning,
                                  std::string& value) {
  parser_->names.push_back(name);
  parser_->app.add_option(name, value, meaning)->required();
}

void CommandLine::required_option(const std::string& name,
                                  const std::string& meaning,
                                  std::int64_t& value) {
  parser_->names.push_back(name);
  parser_->app.add_option(name, value, meaning)->required();
}

void CommandLine::flag(const std::string& name, const std::string& meaning, bool& value) {
  parser_->names.push_back(name);
  parser_->app.add_flag(name, value, meaning);
}

bool CommandLine::parse() {
  // The library takes the words last one first.
  std::vector<std::string> words(call_.arguments.rbegin(), call_.arguments.rend());
  try {
    parser_->app.parse(words);
    return true;
  } catch (const CLI::CallForHelp&) {
    call_.out << parser_->app.help();
    return false;
  } catch (const CLI::ParseError& error) {
    std::string hint;
    for (const std::string& word : call_.arguments) {
      const std::string option = word.substr(0, word.find('='));
      const auto& names = parser_->names;
      const bool known = std::find(names.begin(), names.end(), option) != names.end();
      if (word.starts_with("--") && !known) hint += did_you_mean(option, names);
    }
    throw pipeline::Error(pipeline::Errc::kInvalidArgument,
                          error.what() + hint + "; see '" + call_.path + " --help'");
  }
}

}  // namespace larkspur::launch
