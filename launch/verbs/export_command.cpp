// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <ostream>

#include "launch/run/assemble.h"
#include "launch/run/weights_file.h"
#include "launch/verbs/averaged_flag.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"

namespace larkspur::launch {

void run_export(Invocation& call) {
  std::string checkpoint;
  std::string output;
  bool unmerged = false;
  bool averaged = false;
  CommandLine line(call,
                   "Writes a checkpoint's weights under their published names, as safetensors.",
                   "--checkpoint runs/demo_cloud/checkpoints --output demo.safetensors");
  line.required_option(
      "--checkpoint",
      "run folder, its checkpoints folder (the newest whole one), or one checkpoint",
      checkpoint);
  line.required_option("--output", ".safetensors file to write", output);
  line.flag("--unmerged", "as trained: branches, norms and statistics apart", unmerged);
  averaged_flag(line, averaged);
  if (!line.parse()) return;
  pipeline::require(std::filesystem::path(output).extension() == ".safetensors",
                    pipeline::Errc::kInvalidArgument,
                    "--output ",
                    output,
                    " does not end in .safetensors");
  call.phase = Phase::kCheckpoint;
  const pipeline::Checkpoint found = pipeline::find_checkpoint(checkpoint);
  const auto network = network_of(found, weight_set(averaged));
  if (!unmerged) network->merge();
  write_weights(*network, found.manifest().run.classes, output);
  call.out << network->entries().size() << " entries, " << (unmerged ? "as trained" : "merged")
           << ", in " << output << "\n";
}

}  // namespace larkspur::launch
