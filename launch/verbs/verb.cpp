// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/verb.h"

#include <algorithm>
#include <iomanip>
#include <ostream>

#include "launch/config/near_name.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

void print_verbs(std::span<const Verb> verbs, const std::string& path, std::ostream& out) {
  out << "usage: " << path << " VERB ...\n\n";
  std::size_t width = 0;
  for (const Verb& verb : verbs) width = std::max(width, verb.name.size());
  for (const Verb& verb : verbs) {
    out << "  " << std::left << std::setw(static_cast<int>(width) + 2) << verb.name << verb.help
        << "\n";
  }
  out << "\nexamples:\n";
  for (const Verb& verb : verbs) {
    out << "  " << path << " " << verb.name << " " << verb.arguments << "\n";
  }
  out << "\n" << path << " VERB --help says more.\n";
}

}  // namespace

void run_verb(std::span<const Verb> verbs, Invocation& call) {
  using pipeline::Errc;
  using pipeline::require;
  std::vector<std::string> names;
  for (const Verb& verb : verbs) names.emplace_back(verb.name);
  require(!call.arguments.empty(),
          Errc::kInvalidArgument,
          "expected a verb after '",
          call.path,
          "'; see '",
          call.path,
          " --help'");
  const std::string word = call.arguments.front();
  if (word == "--help" || word == "-h") return print_verbs(verbs, call.path, call.out);
  const auto verb = std::find(names.begin(), names.end(), word);
  require(verb != names.end(),
          Errc::kInvalidArgument,
          "unknown verb '",
          word,
          "' after '",
          call.path,
          "'",
          did_you_mean(word, names),
          "; see '",
          call.path,
          " --help'");
  call.path += " " + word;
  call.arguments.erase(call.arguments.begin());
  verbs[static_cast<std::size_t>(verb - names.begin())].run(call);
}

}  // namespace larkspur::launch
