// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "launch/command_line.h"
#include "launch/commands.h"
#include "launch/config_file.h"
#include "launch/config_table.h"

namespace larkspur::launch {
namespace {

void run_inspect_config(Invocation& call) {
  std::string file;
  std::vector<std::string> overrides;
  bool markdown = false;
  CommandLine line(call,
                   "Prints every key: default, or value in CONFIG, what it takes and means.",
                   "configs/demo/cloud.yaml train.epochs=3");
  line.optional_argument("CONFIG", "YAML file; without it the defaults are shown", file);
  line.rest("OVERRIDES", "key=value, as in train.epochs=3", overrides);
  line.flag("--markdown", "the table of defaults as configs/README.md has it", markdown);
  if (!line.parse()) return;
  if (markdown) {
    call.out << config_table_markdown();
    return;
  }
  call.out << config_table(file.empty() ? LoadedConfig{} : load_config(file, overrides));
}

}  // namespace

void run_inspect(Invocation& call) {
  static constexpr Verb kSubjects[] = {
      {"config",
       "every key with its value, bounds and meaning",
       "configs/demo/cloud.yaml",
       run_inspect_config},
  };
  run_verb(kSubjects, call);
}

}  // namespace larkspur::launch
